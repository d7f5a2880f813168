"""Renewing baselines from the looks that were kept, and telling of it.

A baseline is renewed just before the look that follows those that make it due. So what becomes of it follows from the
tile's looks in their order, and neither from a clock nor from the process that does it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

import redis
import structlog

from railwatch.services.detector import metrics
from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.composites.looks import Renewal
from railwatch.services.detector.kept_looks import KeptLooks
from railwatch.services.detector.noted import OutdatedBaselines
from railwatch.services.detector.work import Calculator, KeptGround
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BaselineRef
from railwatch.shared.errors import TransientError
from railwatch.shared.events import BaselineChange, BaselineEvent, derived_id
from railwatch.shared.events.baselines import ITSELF
from railwatch.shared.sites import Cell, Site

# Reasons of a baseline that stays.
NOT_BETTER, OPERATOR_STANDS, TOO_FEW, FAILED = "not-better", "operator-stands", "too-few-fit", "failed"

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
    """

    blobs: BlobStore
    baselines: Baselines
    kept: KeptLooks
    outdated: OutdatedBaselines

    def renew_if_due(self, site: Site, cell: Cell, calculator: Calculator) -> None:
        """Renews a baseline if enough new looks were kept.

        Raises:
            TransientError: the object store or Redis is away.
        """
        if self.kept.is_due(site.id, cell.id):
            self.renew(site, cell, calculator)

    def renew(
        self, site: Site, cell: Cell, calculator: Calculator, decision: Decision | None = None
    ) -> BaselineEvent | None:
        """Makes a composite of the kept looks. It becomes the baseline if it is better, or if a person decided so.

        Returns:
            What came of it; None if there is no baseline, or if another process was faster.

        Raises:
            TransientError: the object store or Redis is away.
        """
        versions = self.baselines.versions(site.id, cell.id)
        version = max(versions, default=0)
        current = versions.get(version)
        kept = [look for look in self.kept.of(site.id, cell.id) if self.blobs.holds(look.image.sha256)]
        considered = tuple(look.image.sha256 for look in kept)
        if current is None or not kept:
            return None
        with metrics.STAGE_SECONDS.labels("composite").time():
            try:
                renewal = calculator.renew(KeptGround(current, kept, site.tracks, cell))
                why = _why(current, renewal)
            except TransientError:
                raise
            except Exception:
                # A look is counted in any case, and the baseline stays.
                log.exception("could not renew a baseline", site=site.id, tile=cell.id)
                renewal, why = None, FAILED
        event = self._event(site.id, cell.id, version, current, considered, renewal, why, decision)
        if event.change is BaselineChange.KEPT:
            self.baselines.tell(event)
        elif not self.baselines.change(event):
            return None
        self.kept.consider(site.id, cell.id, considered)
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
