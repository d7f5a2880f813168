"""Renewing baselines from the looks that were kept, and telling of it.

A baseline is renewed between the look that makes it due and what comes next of its tile: ahead, while no tile waits, or
else just before. Both give the same, whoever does it, for both work on the looks that were kept. So what becomes of a
baseline follows from the tile's looks in their order, and neither from a clock nor from the process that does it.

Of several that renew one baseline at once, the first is taken; what the others made is dropped (`Baselines.change`).
Which tiles may be due is remembered by the process that kept their looks, and is nothing that could be missed: what
it forgets is renewed before what comes next of the tile.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import redis
import structlog

from railwatch.services.detector import metrics
from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.composites.looks import GoodLook, Renewal
from railwatch.services.detector.kept_looks import KeptLooks
from railwatch.services.detector.noted import OutdatedBaselines
from railwatch.services.detector.work import Calculator, GaveWayError, GoesOn, KeptGround, always
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef
from railwatch.shared.errors import TransientError
from railwatch.shared.events import BaselineChange, BaselineEvent, derived_id
from railwatch.shared.events.baselines import ITSELF
from railwatch.shared.sites import Cell, Site

# Reasons of a baseline that stays.
NOT_BETTER, OPERATOR_STANDS, TOO_FEW, FAILED = "not-better", "operator-stands", "too-few-fit", "failed"
# Tiles that are remembered because they may be due. It bounds the memory of a detector that is never without work.
MOST_TILES = 10_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Decision:
    """A person's decision: who, and why."""

    by: str
    why: str


@dataclass(frozen=True)
class Renewals:
    """Renews baselines.

    Attributes:
        blobs: the object store with the pixels.
        baselines: the versions of all baselines.
        kept: the good looks of all tiles.
        outdated: which operators' baselines a composite would be better than.
        may_be_due: tiles of which this process kept a look.
    """

    blobs: BlobStore
    baselines: Baselines
    kept: KeptLooks
    outdated: OutdatedBaselines
    may_be_due: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=MOST_TILES))

    def keep(self, site: str, tile: str, look: GoodLook) -> None:
        """Keeps a good look.

        Raises:
            TransientError: Redis is away.
        """
        self.kept.keep(site, tile, look)
        self.may_be_due.append((site, tile))

    def renew_ahead(
        self, find: Callable[[str, str], tuple[Site, Cell] | None], calculator: Calculator, goes_on: GoesOn
    ) -> None:
        """Renews the baselines that are due by the looks that this process kept, as long as nothing else waits.

        Args:
            find: gives a site and its cell by their ids; None if there is none such any more.
            calculator: does the arithmetic.
            goes_on: says that nothing else waits. One that was begun gives way as well, and is begun again later.

        Raises:
            TransientError: the object store or Redis is away.
        """
        while self.may_be_due and goes_on():
            tile = self.may_be_due.popleft()
            try:
                if found := find(*tile):
                    self.renew_if_due(*found, calculator, goes_on)
            except GaveWayError:
                self.may_be_due.appendleft(tile)
                return
            except TransientError:
                self.may_be_due.appendleft(tile)
                raise

    def renew_if_due(self, site: Site, cell: Cell, calculator: Calculator, goes_on: GoesOn = always) -> None:
        """Renews a baseline if enough new looks were kept.

        Raises:
            TransientError: the object store or Redis is away, or something else waits.
        """
        since = self.kept.due_since(site.id, cell.id)
        if since is not None:
            self.renew(site, cell, calculator, since=since, goes_on=goes_on)

    def renew(
        self,
        site: Site,
        cell: Cell,
        calculator: Calculator,
        decision: Decision | None = None,
        *,
        since: Collection[str] | None = None,
        goes_on: GoesOn = always,
    ) -> BaselineEvent | None:
        """Makes a composite of the kept looks. It becomes the baseline if it is better, or if a person decided so.

        Args:
            site: the site.
            cell: its cell.
            calculator: does the arithmetic.
            decision: a person's.
            since: the looks that were considered the last time. If others are by now, nothing changes.
            goes_on: says that nothing else waits.

        Returns:
            What came of it; None if there is no baseline, or if another process was faster.

        Raises:
            TransientError: the object store or Redis is away, or something else waits.
        """
        versions = self.baselines.versions(site.id, cell.id)
        version = max(versions, default=0)
        current = versions.get(version)
        kept = [look for look in self.kept.of(site.id, cell.id) if self.blobs.holds(look.image.sha256)]
        considered = tuple(look.image.sha256 for look in kept)
        if current is None or not kept:
            return None
        began = time.perf_counter()
        try:
            renewal = calculator.renew(KeptGround(current, kept, site.tracks, cell), goes_on)
            why = _why(current, renewal)
        except TransientError:
            raise
        except Exception:
            # A look is counted in any case, and the baseline stays.
            log.exception("could not renew a baseline", site=site.id, tile=cell.id)
            renewal, why = None, FAILED
        metrics.STAGE_SECONDS.labels("composite").observe(time.perf_counter() - began)
        event = self._event(site.id, cell.id, version, current, considered, renewal, why, decision)
        if not self.baselines.change(event, since):
            return None
        self.outdated.note(site.id, cell.id, outdated=event.why == OPERATOR_STANDS)
        metrics.BASELINE_RENEWALS.labels(site.id, "by-a-person" if decision else event.why).inc()
        if event.change is BaselineChange.RENEWED:
            metrics.BASELINES_SET.labels("composite").inc()
        log.info("tried to renew a baseline", site=site.id, tile=cell.id, change=event.change, why=event.why)
        return event

    def _event(
        self,
        site: str,
        tile: str,
        version: int,
        current: BaselineRef,
        considered: tuple[str, ...],
        renewal: Renewal | None,
        why: str,
        decision: Decision | None,
    ) -> BaselineEvent:
        renewed = renewal is not None and (decision is not None or why == renewal.better)
        baseline = self._stored(site, tile, version + 1, renewal) if renewal and renewed else None
        return BaselineEvent(
            recorded_at=datetime.now(UTC),
            site=site,
            tile=tile,
            change=BaselineChange.RENEWED if baseline else BaselineChange.KEPT,
            version=baseline.version if baseline else version,
            baseline=baseline or current,
            by=decision.by if decision else ITSELF,
            why=decision.why if decision and baseline else why,
            considered=considered,
            measured=renewal.measured if renewal else None,
            before=renewal.before if renewal else None,
        )

    def _stored(self, site: str, tile: str, version: int, renewal: Renewal) -> BaselineRef:
        """The composite in the object store. Its id follows from what it was merged from."""
        return BaselineRef(
            id=derived_id("composite", renewal.method, site, tile, *(look.sha256 for look in renewal.looks)),
            version=version,
            image=self.blobs.put(renewal.file, "image/tiff"),
            observed_at=renewal.grid.observed_at,
            scene=renewal.grid.scene,
            origin="composite",
            looks=renewal.looks,
        )


def _why(current: BaselineRef, renewal: Renewal | None) -> str:
    """Why the composite is better, or why the baseline stays unless a person decides otherwise."""
    if renewal is None:
        return TOO_FEW
    if renewal.better and current.origin == "operator":
        return OPERATOR_STANDS
    return renewal.better or NOT_BETTER


def renewals_over(blobs: BlobStore, client: redis.Redis) -> Renewals:
    """What renews the baselines that a Redis knows."""
    return Renewals(blobs, Baselines(client), KeptLooks(client), OutdatedBaselines(client))
