"""From a tile event to a count event: fetch the pictures, count, draw, and keep the baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from railwatch.services.detector import metrics
from railwatch.services.detector.attempts import Attempts
from railwatch.services.detector.baselines import Baselines, Origin
from railwatch.services.detector.composites.looks import good_look, is_good, sun_over_cell
from railwatch.services.detector.noted import UnregisteredLooks
from railwatch.services.detector.renewal import Renewals
from railwatch.services.detector.work import Answer, Calculator, GoesOn, Look
from railwatch.shared.blobs import BlobStore
from railwatch.shared.clock import lies_ahead
from railwatch.shared.counts import BaselineRef, Quality, TileCount
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import BaselineEvent, CountEvent, TileEvent, TileRole
from railwatch.shared.events.baselines import BY_INGEST, ITSELF
from railwatch.shared.sites import Cell, Site, not_known

# Intervals of fewer cars than this are wide for any detector, and stay out of the metric.
FEWEST_FOR_WIDTH = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TileHandler:
    """Counts tiles.

    Attributes:
        sites: the sites, by id.
        blobs: the object store, for pictures.
        calculator: counts looks and checks references; the process that does it may die.
        attempts: how often each tile was begun and not ended.
        baselines: what looks are counted against.
        unregistered: which looks did not match their baseline.
        renewals: keeps good looks, and renews baselines from them when that is due.
        recall_share: share of looks that are counted again with known cars painted in.
    """

    sites: Mapping[str, Site]
    blobs: BlobStore
    calculator: Calculator
    attempts: Attempts
    baselines: Baselines
    unregistered: UnregisteredLooks
    renewals: Renewals
    recall_share: float = 0.0

    def handle(self, event: TileEvent) -> Sequence[CountEvent | BaselineEvent]:
        """Counts a look, or takes the baseline that an operator gave.

        A repetition gives the same event, even if there is a newer baseline by then.

        Raises:
            UnprocessableError: the site or its cell is not known, the tile is dated in the future, it cannot be
                decoded, or processes died over it too often.
            TransientError: the object store or Redis is away, a process died over the tile, or the site or its cell is
                not known yet.
        """
        if lies_ahead(event.observed_at, datetime.now(UTC)):
            raise UnprocessableError("observed-in-future", f"The tile is dated {event.observed_at.isoformat()}.")
        site, cell = self._place(event)
        self.renewals.renew_if_due(site, cell, self.calculator)
        if event.role is TileRole.BASELINE:
            self._take_baseline(event)
            # Before the tile's offset is committed, the topics tell of its baseline: a rebuild reads nothing else.
            return self.baselines.unpublished_of(event.site, event.tile)
        against = self.baselines.of_look(event)
        answer = self._counted(event, site, cell, against)
        adopted = None
        if is_good(answer.count, answer.sun):
            if against is None:
                adopted = self._adopt(event, "first-good-look", ITSELF, "first-good-look")
            self._keep(event, answer.count, cell)
        self.unregistered.note(event, answer.count)
        _measure(event, answer, against is not None)
        count = answer.count
        log.info("counted", count=count.count, quality=count.quality, reasons=count.reasons)
        return (
            CountEvent(
                recorded_at=datetime.now(UTC),
                site=event.site,
                tile=event.tile,
                scene=event.scene,
                tiles_in_scene=event.tiles_in_scene,
                observed_at=event.observed_at,
                sensor=event.sensor,
                remarks=event.remarks,
                result=count,
                image=event.image,
                baseline=against,
                new_baseline=adopted,
                evidence={
                    name: self.blobs.put(picture, answer.media_type) for name, picture in answer.pictures.items()
                },
                recall=answer.recall,
                archival=event.archival,
            ),
        )

    def renew_ahead(self, goes_on: GoesOn) -> None:
        """Renews the baselines that are due before a look waits for it.

        Args:
            goes_on: says that no tile waits.

        Raises:
            TransientError: the object store or Redis is away.
        """
        self.renewals.renew_ahead(self._find, self.calculator, goes_on)

    def _place(self, event: TileEvent) -> tuple[Site, Cell]:
        if event.site not in self.sites:
            raise not_known("unknown-site", f"There is no site {event.site!r}.", event.recorded_at)
        found = self._find(event.site, event.tile)
        if found is None:
            raise not_known("unknown-tile", f"Site {event.site!r} has no cell {event.tile!r}.", event.recorded_at)
        return found

    def _find(self, site_id: str, tile: str) -> tuple[Site, Cell] | None:
        site = self.sites.get(site_id)
        cells = site.cells() if site else ()
        return next(((site, cell) for cell in cells if site and cell.id == tile), None)

    def _counted(self, event: TileEvent, site: Site, cell: Cell, against: BaselineRef | None) -> Answer:
        look = Look(
            id=event.id,
            image=event.image,
            observed_at=event.observed_at,
            sun=event.sun,
            baseline=against,
            tracks=site.tracks,
            car_lengths_m=site.car_lengths_m,
            cell=cell,
            place=f"{site.name}, {event.tile}" if len(site.cells()) > 1 else site.name,
            recall_share=self.recall_share,
        )
        with self.attempts.at(event.id):
            return self.calculator.count(look)

    def _take_baseline(self, event: TileEvent) -> None:
        with self.attempts.at(event.id):
            self.calculator.check(event.image)
        baseline = self._adopt(event, "operator", f"{BY_INGEST}{event.source})", "sent as a baseline")
        self.renewals.outdated.note(event.site, event.tile, outdated=False)
        log.info("took a baseline", version=baseline.version if baseline else None, scene=event.scene)

    def _adopt(self, event: TileEvent, origin: Origin, by: str, why: str) -> BaselineRef | None:
        baseline = self.baselines.adopt(event, origin, by, why)
        if baseline:
            metrics.BASELINES_SET.labels(origin).inc()
        return baseline

    def _keep(self, event: TileEvent, count: TileCount, cell: Cell) -> None:
        """Keeps a good look for composites. Its light is that of its time, as after a rebuild."""
        if is_good(count, sun_over_cell(cell, event.observed_at)):
            look = good_look(event.scene, event.observed_at, event.image, count)
            self.renewals.keep(event.site, event.tile, look)


def _measure(event: TileEvent, answer: Answer, with_baseline: bool) -> None:
    count = answer.count
    quality = count.quality.value if count.occupied is None else "measured"
    metrics.TILES.labels(quality, "baseline" if with_baseline else "none").inc()
    if quality == Quality.REJECTED.value:
        metrics.TILE_REJECTIONS.labels(count.reasons[-1] if count.reasons else "unknown").inc()
    for stage, took_ms in {**count.timings_ms, **answer.took_ms}.items():
        metrics.STAGE_SECONDS.labels(stage).observe(took_ms / 1000)
    if count.registration:
        metrics.REGISTRATION_SHIFT.observe(math.hypot(count.registration.dx_px, count.registration.dy_px))
        metrics.REGISTRATION_RELIABILITY.observe(count.registration.reliability)
    if count.count is not None and count.low is not None and count.high is not None:
        metrics.COVERAGE.observe(count.coverage)
        if count.count >= FEWEST_FOR_WIDTH:
            metrics.INTERVAL_WIDTH.observe((count.high - count.low) / count.count)
    if answer.recall:
        metrics.RECALL_CARS_INJECTED.labels(event.site).inc(answer.recall.injected)
        metrics.RECALL_CARS_RECOVERED.labels(event.site).inc(answer.recall.recovered)
