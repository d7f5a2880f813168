"""What Redis keeps of a site's looks, to put beside what the archive has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.services.alerting.state.records import SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdicts.corrected import by_look
from railwatch.shared.events import VerdictEvent


class NoState(StrEnum):
    """Why a look has no state.

    `forgotten`: it is older than what Redis keeps. `other-shown`: another sensor shows the same instant better, or was
    counted later. `not-judged`: alerting has not come to it.
    """

    FORGOTTEN = "forgotten"
    OTHER_SHOWN = "other-shown"
    NOT_JUDGED = "not-judged"


@dataclass(frozen=True)
class Kept:
    """What Redis keeps of a site's looks.

    Attributes:
        history: the looks.
        alerts: by the time at which they opened, the ids of the alerts.
        waiting: scenes that wait for more of their pass. They are no look yet.
        verdicts: what people said at the site, in order.
    """

    history: History
    alerts: tuple[tuple[datetime, str], ...]
    waiting: frozenset[str]
    verdicts: tuple[VerdictEvent, ...] = ()

    def judgement(self, scenes: Sequence[str]) -> Judgement | None:
        """The judgement of the look that one of these scenes belongs to; null if there is none."""
        return next((self._by_scene[scene] for scene in scenes if scene in self._by_scene), None)

    def why_no_state(self, scenes: Sequence[str], observed_at: datetime) -> NoState:
        """Why a look of these scenes has no judgement."""
        if any(not set(scenes).isdisjoint(seen.scenes) for seen in self.history.shadowed):
            return NoState.OTHER_SHOWN
        horizon = self.history.horizon
        return NoState.FORGOTTEN if horizon is not None and observed_at < horizon else NoState.NOT_JUDGED

    @cached_property
    def _by_scene(self) -> dict[str, Judgement]:
        return {scene: look for look in self.history.judgements for scene in look.scenes}

    @cached_property
    def _verdicts_by_scene(self) -> dict[str, list[VerdictEvent]]:
        return by_look(self.verdicts)

    def verdicts_on(self, scenes: Iterable[str]) -> tuple[VerdictEvent, ...]:
        """What people say of the look of these scenes: the verdicts that stand, in order."""
        by_scene = self._verdicts_by_scene
        return tuple(verdict for scene in scenes for verdict in by_scene.get(scene, ()))

    def alert_of(self, judgement: Judgement | None) -> str | None:
        """Id of the alert that a look belongs to; null if there is none."""
        opened_at = judgement.opened_at if judgement else None
        return next((alert for at, alert in self.alerts if at == opened_at), None)


def kept_of(store: Store, site: str) -> Kept:
    """What Redis keeps of a site's looks."""

    def read(record: SiteRecord, waiting: set[str], verdicts: tuple[VerdictEvent, ...]) -> Kept:
        alerts = tuple((alert.opened_at, alert.alert) for alert in record.alerts)
        return Kept(record.history, alerts, frozenset(waiting), verdicts)

    return store.transact(site, lambda held: read(held.record, held.waiting(), held.verdicts))
