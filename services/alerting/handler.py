"""What happens to a count: it joins its scene, the scene its look, and the look its site's history. Alerts follow.

A handler may be killed at any point and run again. The count, the history and the events that follow from it are
written in one transaction: the events into the site's outbox, from which they are published. Before that, the count is
put into the archive. A count that is delivered
again changes nothing. What it brought about the first time is published, or still in the outbox. So none is lost.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from railwatch.services.alerting import metrics
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.history.frames import Pass, awaited, look_of, usually_seen
from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import transitions_due
from railwatch.services.alerting.history.missed import promised
from railwatch.services.alerting.history.observations import (
    check_count,
    complete,
    merge,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.rule.judgement import Judgement, Rule
from railwatch.services.alerting.state.passes import Around, passes_around
from railwatch.services.alerting.state.records import SceneRecord, SiteRecord
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.services.alerting.up_to_date import bring_up_to_date
from railwatch.services.alerting.verdicts.lessons import recalibrated
from railwatch.shared.bus.lineage import current_lineage
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import AlertEvent, CountEvent, EvidenceItem
from railwatch.shared.sites import LEARNT_WITHIN, Site, not_known

Evidence = dict[str, EvidenceItem]

log = structlog.get_logger(__name__)

# Sites whose tracks are kept measured. Each keeps its site unpacked, some 20 kB.
MEASURED = 1_000


@dataclass(frozen=True)
class _Outcome:
    """What came of a transaction: the events, and the judgement if a look entered the history, or was there already."""

    events: tuple[AlertEvent, ...] = ()
    judgement: Judgement | None = None
    again: bool = False


class CountHandler:
    """Turns counts into alert events."""

    def __init__(
        self,
        store: Store,
        sites: Mapping[str, Site],
        rule: Rule,
        scene_wait: timedelta,
        pass_span: timedelta,
        public_url: str,
        clock: Callable[[], datetime],
        archive: Archive,
    ) -> None:
        self._store = store
        self._archive = archive
        self._sites = sites
        self._rule = rule
        self._scene_wait = scene_wait
        self._pass_span = pass_span
        self._public_url = public_url
        self._clock = clock
        self._tracks_m: dict[str, tuple[Site, dict[str, float]]] = {}

    def handle(self, event: CountEvent) -> Sequence[AlertEvent]:
        """Take a count in. The events that follow are in the site's outbox.

        Raises:
            UnprocessableError: `unknown-site`, or a count that cannot be true.
            TransientError: Redis or the object store does not answer, or the site or its tile is not known yet.
        """
        site = self._sites.get(event.site)
        if site is None:
            raise not_known("unknown-site", f"There is no site {event.site}.", event.recorded_at)
        try:
            check_count(event, self._tracks_of(site), site.car_lengths_m[0], self._clock())
        except UnprocessableError as error:
            if error.reason == "unknown-tile":
                raise not_known(error.reason, error.detail, event.recorded_at) from None
            raise
        self._archive.put(event)
        outcome = self._store.transact(site.id, lambda transaction: self._take(transaction, site, event))
        self._tell(site, outcome)
        origin = current_lineage()
        _measure(outcome, self._clock() - (origin.arrived_at if origin else event.recorded_at))
        return outcome.events

    def settle_due(self) -> None:
        """Stop waiting for more of the passes whose time is up. The events that follow go to the outbox."""
        due = self._store.due(self._clock())
        # A process that does not know a new site yet must not forget what others take in of it.
        of_old = self._store.due(self._clock() - LEARNT_WITHIN) if due else []
        for site_id, scene in due:
            site = self._sites.get(site_id)
            if site is not None:
                self._settle(site, scene)
            elif (site_id, scene) in of_old:
                self._store.forget_deadline(site_id, scene)

    def _settle(self, site: Site, scene: str) -> None:
        def work(transaction: Transaction) -> tuple[_Outcome, timedelta]:
            known = transaction.scene(scene)
            if known is None or known.due_at is None:
                transaction.stop_waiting(scene)
                return _Outcome(), timedelta()
            # Its first tile came when it began to wait. What passed before that is not known any more.
            took = self._clock() - known.due_at + self._scene_wait
            around = passes_around(transaction, scene, known, self._pass_span)
            return self._enter(transaction, site, scene, around, evidence=None), took

        outcome, took = self._store.transact(site.id, work)
        self._tell(site, outcome)
        _measure(outcome, took)

    def _tell(self, site: Site, outcome: _Outcome) -> None:
        look = outcome.judgement
        if look is not None and not (look.archival or outcome.again):
            page = f"{self._public_url}/sites/{site.id}/looks/{look.scene}"
            log.info("judged", site=site.id, scene=look.scene, state=look.state, count=look.count, page_url=page)

    def _take(self, transaction: Transaction, site: Site, event: CountEvent) -> _Outcome:
        known = transaction.scene(event.scene)
        before = known.readings if known else {}
        readings = merge(before, event.tile, reading(event))
        if readings == before:
            return _Outcome(self._announce(transaction, site, transaction.record))
        due_at = known.due_at if known else self._clock() + self._scene_wait
        record = SceneRecord(readings=readings, due_at=due_at)
        others = transaction.evidence(event.scene) if len(event.tiles_in_scene) > 1 else {}
        evidence = {**others, event.tile: evidence_item(event)}
        around = passes_around(transaction, event.scene, record, self._pass_span)
        # Nobody is notified of what is from an archive, so it need not be complete to be judged.
        may_wait = due_at is not None and not event.archival
        if may_wait and self._waits(transaction, site, event.scene, around):
            transaction.put_scene(event.scene, record, evidence)
            return _Outcome()
        return self._enter(transaction, site, event.scene, around, evidence)

    def _waits(self, transaction: Transaction, site: Site, scene: str, around: Around) -> bool:
        """Whether to wait for more of a scene's pass; for more of the scene alone, if the pass has been judged.

        What the counted frames show may be too high whatever the rest shows. Then nothing is waited for.
        """
        frames = around.pass_of(scene)
        if any(around.records[frame.scene].due_at is None for frame in frames if frame.scene != scene):
            return not complete(around.records[scene].readings)
        history = transaction.record.history
        if not awaited(frames, self._tracks_of(site), usually_seen(history.judgements)):
            return False
        if not all(complete(frame.readings) for frame in frames):
            return True
        judged = self._entered(transaction, history, site, frames).of_scene(scene)
        return judged is None or not judged.exceeds

    def _enter(
        self,
        transaction: Transaction,
        site: Site,
        scene: str,
        around: Around,
        evidence: Evidence | None,
    ) -> _Outcome:
        """Judge the scene's pass, and the passes that have become others by it."""
        history = transaction.record.history
        entered: set[str] = set()
        for frames in around.passes:
            names = {frame.scene for frame in frames}
            held = history.of_scene(frames[0].scene)
            unchanged = held is not None and names == set(held.scenes)
            if scene not in names and (unchanged or names <= around.waiting):
                continue
            entered |= names
            history = self._entered(transaction, history, site, frames)
        for name in sorted(entered):
            record = around.records[name]
            if name == scene or record.due_at is not None:
                judged = SceneRecord(readings=record.readings, due_at=None)
                transaction.put_scene(name, judged, evidence if name == scene else None)
            if name in around.waiting:
                transaction.stop_waiting(name)
        after = SiteRecord(history=history, alerts=transaction.record.alerts)
        again = transaction.record.history.of_scene(scene) is not None
        return _Outcome(self._announce(transaction, site, after, entered), history.of_scene(scene), again)

    def _announce(
        self, transaction: Transaction, site: Site, record: SiteRecord, entered: Collection[str] = ()
    ) -> tuple[AlertEvent, ...]:
        """Keep the record, and the events that bring consumers up to date with its history."""
        if not entered and not transitions_due(site, record.alerts, record.history.judgements):
            return ()
        look_due_at = self._look_due_at(transaction, record)
        return bring_up_to_date(transaction, site, record, self._public_url, self._clock(), look_due_at, entered)

    def _look_due_at(self, transaction: Transaction, record: SiteRecord) -> datetime | None:
        """By when the next look should come. Late and corrected looks do not change it."""
        held, judgements = transaction.record.history.judgements, record.history.judgements
        if not held or judgements[-1].observed_at > held[-1].observed_at:
            return promised([look.observed_at for look in judgements], self._clock())
        status = transaction.status()
        return status.look_due_at if status else None

    def _entered(self, transaction: Transaction, history: History, site: Site, frames: Pass) -> History:
        seen = look_of(frames, self._tracks_of(site), site.car_lengths_m)
        return enter(history, recalibrated(seen, transaction.verdicts), self._rule, [new.at for new in site.new_normal])

    def _tracks_of(self, site: Site) -> dict[str, float]:
        measured = self._tracks_m.get(site.id)
        if measured is None or measured[0] is not site:
            if len(self._tracks_m) >= MEASURED:
                self._tracks_m.clear()
            measured = self._tracks_m[site.id] = site, tracks_by_tile(site)
        return measured[1]


def _measure(outcome: _Outcome, took: timedelta) -> None:
    for event in outcome.events:
        metrics.ALERT_TRANSITIONS.labels(event.transition.value).inc()
    if outcome.judgement is not None:
        state = "archival" if outcome.judgement.archival else outcome.judgement.state.value
        metrics.OBSERVATIONS.labels(state).inc()
        if not (outcome.judgement.archival or outcome.again):
            metrics.LOOK_SECONDS.observe(max(0.0, took.total_seconds()))


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
