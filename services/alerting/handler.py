"""What happens to a count: it joins its scene, the scene enters its site's history, and alerts follow from that.

A handler may be killed at any point and run again. The count, the history and the events that followed from it are
written in one transaction, before anything is published. A count that is delivered again changes nothing and gives the
events that it gave the first time, with the same ids; so none is lost, and readers can tell a repetition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from railwatch.services.alerting.history.alert_event import alert_event, plain_look
from railwatch.services.alerting.history.entries import Entries, Entry
from railwatch.services.alerting.history.history import enter
from railwatch.services.alerting.history.lifecycle import steps, told
from railwatch.services.alerting.history.missed import GAPS, next_due, promised
from railwatch.services.alerting.history.observations import (
    check_count,
    complete,
    merge,
    observe,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.rule.judgement import Rule, State
from railwatch.services.alerting.state.store import Windows
from railwatch.services.alerting.state.transaction import SceneRecord, SiteStatus, SiteView, Window
from railwatch.shared import metrics
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import AlertEvent, CountEvent, EvidenceItem
from railwatch.shared.sites import Site


@dataclass(frozen=True)
class _Outcome:
    """What came of a transaction: the events, and the look if one entered the history."""

    events: tuple[AlertEvent, ...] = ()
    entry: Entry | None = None


class CountHandler:
    """Turns counts into alert events."""

    def __init__(
        self,
        windows: Windows,
        sites: dict[str, Site],
        rule: Rule,
        scene_wait: timedelta,
        public_url: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._windows = windows
        self._sites = sites
        self._rule = rule
        self._scene_wait = scene_wait
        self._public_url = public_url
        self._clock = clock
        self._tracks_m: dict[str, dict[str, float]] = {}

    def handle(self, event: CountEvent) -> Sequence[AlertEvent]:
        """Take a count in.

        Raises:
            UnprocessableError: `unknown-site`, or a count that cannot be true.
            TransientError: Redis is away.
        """
        site = self._sites.get(event.site)
        if site is None:
            raise UnprocessableError("unknown-site", f"there is no site {event.site}")
        check_count(event, self._tracks_of(site), site.car_lengths_m[0], self._clock())
        outcome = self._windows.transact(site.id, lambda view: self._take(view, site, event))
        self._report(outcome)
        return outcome.events

    def settle_due(self) -> None:
        """Stop waiting for the tiles of scenes whose time is up; what comes of it goes to the outbox."""
        for site_id, scene in self._windows.due(self._clock()):
            site = self._sites.get(site_id)
            if site is None:
                self._windows.forget_deadline(site_id, scene)
            else:
                self._settle(site, scene)

    def _settle(self, site: Site, scene: str) -> None:
        def work(view: SiteView) -> _Outcome:
            view.stop_waiting(scene)
            known = view.scene(scene)
            if known is None or known.due_at is None:
                return _Outcome()
            return self._enter(view, site, scene, known, view.evidence(scene), cause=None)

        self._report(self._windows.transact(site.id, work))

    def _take(self, view: SiteView, site: Site, event: CountEvent) -> _Outcome:
        known = view.scene(event.scene)
        before = known.readings if known else {}
        readings = merge(before, event.tile, reading(event))
        if readings == before:
            return _Outcome(view.said(event.id) or self._announce(view, site, view.window, event.id))
        due_at = known.due_at if known else None if complete(readings) else self._clock() + self._scene_wait
        record = SceneRecord(readings=readings, due_at=due_at)
        others = view.evidence(event.scene) if len(event.tiles_in_scene) > 1 else {}
        evidence = {**others, event.tile: evidence_item(event)}
        if due_at is None or complete(readings):
            return self._enter(view, site, event.scene, record, evidence, event.id)
        view.put_scene(event.scene, record, evidence)
        return _Outcome()

    def _enter(
        self,
        view: SiteView,
        site: Site,
        scene: str,
        record: SceneRecord,
        evidence: dict[str, EvidenceItem],
        cause: str | None,
    ) -> _Outcome:
        observation = observe(scene, record.readings, self._tracks_of(site))
        history = enter(view.window.history, observation, self._rule, [new.at for new in site.new_normal])
        view.put_scene(scene, SceneRecord(readings=record.readings, due_at=None), evidence)
        if record.due_at is not None and complete(record.readings):
            view.stop_waiting(scene)
        events = self._announce(view, site, Window(history=history, alerts=view.window.alerts), cause, scene)
        return _Outcome(events, history.entries.of_scene(scene))

    def _announce(
        self, view: SiteView, site: Site, window: Window, cause: str | None, entered: str | None = None
    ) -> tuple[AlertEvent, ...]:
        """Bring what consumers are told up to date with the history, and keep both.

        What a count causes is published when its handler returns it; what no count causes goes to the outbox.
        """
        entries = window.history.entries
        taken = steps(site, window.alerts, entries)
        if not taken and entered is None:
            return ()
        now = self._clock()
        events = tuple(
            alert_event(site, step, entries, _in_order(view.evidence(step.entry.scene)), self._public_url, now)
            for step in taken
        )
        view.say(events, cause)
        window = Window(history=window.history, alerts=told(window.alerts, taken, entries))
        view.put_window(window, entered)
        view.put_status(site_status(window, self._look_due_at(view, entries)))
        return events

    def _look_due_at(self, view: SiteView, entries: Entries) -> datetime | None:
        """By when the next look should come. Looks that come late and those that are corrected change nothing of it."""
        held = view.window.history.entries
        if not held or entries.time(-1) > held.time(-1):
            return promised(entries.newest(GAPS + 1), self._clock())
        status = view.status()
        return status.look_due_at if status else None

    def _tracks_of(self, site: Site) -> dict[str, float]:
        if site.id not in self._tracks_m:
            self._tracks_m[site.id] = tracks_by_tile(site)
        return self._tracks_m[site.id]

    def _report(self, outcome: _Outcome) -> None:
        for event in outcome.events:
            metrics.ALERT_TRANSITIONS.labels(event.transition.value).inc()
        if outcome.entry is not None:
            state = "archival" if outcome.entry.archival else outcome.entry.judgement.state.value
            metrics.OBSERVATIONS.labels(state).inc()


def site_status(window: Window, look_due_at: datetime | None) -> SiteStatus:
    """How a site stands that has been seen at least once.

    Args:
        window: its history and alerts.
        look_due_at: by when its next look should come. Where none is promised, neither is a clear one.
    """
    entries = window.history.entries
    latest = entries[-1].judgement
    judged = next((e.judgement for e in reversed(entries) if e.judgement.state is not State.UNOBSERVED), None)
    return SiteStatus(
        state=latest.state,
        last_look_at=latest.observed_at,
        judged=plain_look(judged) if judged else None,
        alert=next((record.alert for record in window.alerts if record.stands), None),
        look_due_at=look_due_at,
        clear_due_at=next_due(entries.newest(GAPS + 1, judged=True)) if look_due_at else None,
    )


def _in_order(evidence: dict[str, EvidenceItem]) -> list[EvidenceItem]:
    return [evidence[tile] for tile in sorted(evidence)]


def evidence_item(event: CountEvent) -> EvidenceItem:
    """Pictures and provenance that came with a count."""
    return EvidenceItem(
        tile=event.tile,
        scene=event.scene,
        image=event.image,
        baseline=event.baseline,
        pictures=event.evidence,
        algorithm=event.result.algorithm,
    )
