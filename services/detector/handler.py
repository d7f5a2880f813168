"""From a tile event to a count event: fetch the pictures, count, draw, and keep the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import structlog

from railwatch.services.detector import metrics
from railwatch.services.detector.baselines import Baselines, Origin
from railwatch.services.detector.composites.looks import good_look, is_good, sun_over_cell
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS, read_raster
from railwatch.services.detector.imagery.margins import trimmed
from railwatch.services.detector.imagery.quality import MAX_MEASURED_GSD_M, check_quality
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.services.detector.pictures import MEDIA_TYPE, Caption, evidence_pictures
from railwatch.services.detector.recall.check import check_recall, is_sampled
from railwatch.services.detector.renewal import Renewals
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.unregistered import UnregisteredLooks
from railwatch.shared.blobs import BlobStore
from railwatch.shared.clock import lies_ahead
from railwatch.shared.counts import BaselineRef, BlobRef, Quality, RecallCheck, TileCount
from railwatch.shared.errors import TileRejectedError, UnprocessableError
from railwatch.shared.events import CountEvent, TileEvent, TileRole
from railwatch.shared.events.baselines import ITSELF
from railwatch.shared.sites import Cell, Site

# Intervals of fewer cars than this are wide for any detector, and stay out of the metric.
FEWEST_FOR_WIDTH = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class TileHandler:
    """Counts tiles.

    Attributes:
        sites: the sites, by id.
        blobs: the object store with the pixels.
        baselines: what looks are counted against.
        unregistered: which looks did not match their baseline.
        renewals: keeps good looks, and renews baselines from them.
        max_pixels: rows times columns that a tile may have.
        recall_share: share of looks that are counted again with known cars painted in.
    """

    sites: Mapping[str, Site]
    blobs: BlobStore
    baselines: Baselines
    unregistered: UnregisteredLooks
    renewals: Renewals
    max_pixels: int = MAX_PIXELS
    recall_share: float = 0.0

    def handle(self, event: TileEvent) -> Sequence[CountEvent]:
        """Counts a look, or takes the baseline that an operator gave.

        A repetition gives the same event, even if there is a newer baseline by then.

        Raises:
            UnprocessableError: the site or its cell is not known, the tile is dated in the future, or it cannot be
                decoded.
            TransientError: the object store or Redis is away.
        """
        if lies_ahead(event.observed_at, datetime.now(UTC)):
            raise UnprocessableError("observed-in-future", f"The tile is dated {event.observed_at.isoformat()}.")
        site, cell = self._place(event)
        tile = self._fetch(event.image)
        if event.role is TileRole.BASELINE:
            self._take_baseline(event, tile)
            return ()
        against = self.baselines.of_look(event)
        baseline = self._fetch(against.image) if against else None
        sun = event.sun or sun_over(tile, event.observed_at)
        counted = count_tile(tile, baseline, site.tracks, sun=sun, cell=cell, car_lengths_m=site.car_lengths_m)
        adopted = None
        if is_good(counted.count, sun):
            if against is None:
                adopted = self._adopt(event, "first-good-look", ITSELF, "first-good-look")
            self._keep(event, counted.count, cell)
        self.unregistered.note(event, counted.count)
        _measure(counted.count, baseline is not None)
        recall = self._recall(event, tile, baseline, counted)
        log.info("counted", count=counted.count.count, quality=counted.count.quality, reasons=counted.count.reasons)
        return (
            CountEvent(
                recorded_at=datetime.now(UTC),
                site=event.site,
                tile=event.tile,
                scene=event.scene,
                tiles_in_scene=event.tiles_in_scene,
                observed_at=event.observed_at,
                sensor=event.sensor,
                result=counted.count,
                image=event.image,
                baseline=against,
                new_baseline=adopted,
                evidence=self._evidence(event, site, tile, counted, against),
                recall=recall,
            ),
        )

    def _place(self, event: TileEvent) -> tuple[Site, Cell]:
        site = self.sites.get(event.site)
        if site is None:
            raise UnprocessableError("unknown-site", f"There is no site {event.site!r}.")
        cell = next((cell for cell in site.cells() if cell.id == event.tile), None)
        if cell is None:
            raise UnprocessableError("unknown-tile", f"Site {event.site!r} has no cell {event.tile!r}.")
        return site, cell

    def _fetch(self, image: BlobRef) -> Raster:
        data = self.blobs.get(image)
        with metrics.STAGE_SECONDS.labels("decode").time():
            return trimmed(read_raster(data, self.max_pixels))

    def _take_baseline(self, event: TileEvent, tile: Raster) -> None:
        try:
            check_quality(tile, MAX_MEASURED_GSD_M)
        except TileRejectedError as error:
            raise UnprocessableError(
                "unusable-baseline", f"The picture cannot be a baseline: it is {error.reason}."
            ) from None
        baseline = self._adopt(event, "operator", f"ingest ({event.source})", "sent as a baseline")
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
            self.renewals.kept.keep(event.site, event.tile, look)

    def _recall(self, event: TileEvent, tile: Raster, baseline: Raster | None, counted: Counted) -> RecallCheck | None:
        if not is_sampled(event.id, self.recall_share):
            return None
        site, cell = self._place(event)
        seed = int(event.image.sha256, 16)
        with metrics.STAGE_SECONDS.labels("recall").time():
            recall = check_recall(tile, baseline, site.tracks, counted, seed=seed, cell=cell)
        if recall:
            metrics.RECALL_CARS_INJECTED.labels(event.site).inc(recall.injected)
            metrics.RECALL_CARS_RECOVERED.labels(event.site).inc(recall.recovered)
        return recall

    def _evidence(
        self, event: TileEvent, site: Site, tile: Raster, counted: Counted, against: BaselineRef | None
    ) -> dict[str, BlobRef]:
        caption = Caption(
            f"{site.name}, {event.tile}" if len(site.cells()) > 1 else site.name,
            event.observed_at,
            against.observed_at if against else None,
        )
        with metrics.STAGE_SECONDS.labels("pictures").time():
            pictures = evidence_pictures(tile, counted, project(site.tracks, tile), caption)
        return {name: self.blobs.put(picture, MEDIA_TYPE) for name, picture in pictures.items()}


def _measure(count: TileCount, with_baseline: bool) -> None:
    quality = count.quality.value if count.occupied is None else "measured"
    metrics.TILES.labels(quality, "baseline" if with_baseline else "none").inc()
    if quality == Quality.REJECTED.value:
        metrics.TILE_REJECTIONS.labels(count.reasons[-1] if count.reasons else "unknown").inc()
    for stage, took_ms in count.timings_ms.items():
        metrics.STAGE_SECONDS.labels(stage).observe(took_ms / 1000)
    if count.registration:
        metrics.REGISTRATION_SHIFT.observe(np.hypot(count.registration.dx_px, count.registration.dy_px))
        metrics.REGISTRATION_RELIABILITY.observe(count.registration.reliability)
    if count.count is not None and count.low is not None and count.high is not None:
        metrics.COVERAGE.observe(count.coverage)
        if count.count >= FEWEST_FOR_WIDTH:
            metrics.INTERVAL_WIDTH.observe((count.high - count.low) / count.count)
