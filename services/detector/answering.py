"""From a look's blobs to its answer: decode, count, draw, check the recall."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from railwatch.services.detector.alignment.ground import Delivered
from railwatch.services.detector.composites.looks import Renewal
from railwatch.services.detector.composites.renewing import renew
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.margins import trimmed
from railwatch.services.detector.imagery.quality import MAX_MEASURED_GSD_M, check_quality
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.services.detector.pictures import MEDIA_TYPE, Caption, evidence_pictures
from railwatch.services.detector.recall.check import check_recall, is_sampled
from railwatch.services.detector.result import Counted
from railwatch.services.detector.stages import Stages
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.work import Answer, Fetch, GaveWayError, GoesOn, KeptGround, Look, always
from railwatch.shared.counts import BlobRef, RecallCheck
from railwatch.shared.errors import TileRejectedError, UnprocessableError


@dataclass(frozen=True)
class Answering:
    """Does what is asked, in this process. See `Calculator`.

    Attributes:
        fetch: gives the bytes of a blob.
        max_pixels: rows times columns that a picture may have.
    """

    fetch: Fetch
    max_pixels: int

    def count(self, look: Look) -> Answer:
        """Counts a look, draws, and checks the recall."""
        stages = Stages()
        tile = self._read(look.image, stages, as_stored=True)
        image = look.baseline.image if look.baseline else None
        baseline = partial(self._read, image, stages) if image else None
        as_stored = partial(baseline, as_stored=True) if baseline else None
        sun = look.sun or sun_over(tile, look.observed_at)
        counted = count_tile(tile, as_stored, look.tracks, sun=sun, cell=look.cell, car_lengths_m=look.car_lengths_m)
        caption = Caption(look.place, look.observed_at, look.baseline.observed_at if look.baseline else None)
        with stages.timed("pictures"):
            pictures = evidence_pictures(tile, counted, project(look.tracks, tile), caption)
        counted = replace(counted, baseline=None)  # it was drawn, and the recall registers it anew
        del tile  # the recall paints into pixels of its own
        recall = _recall(look, partial(self._read, look.image, stages), baseline, counted, stages)
        return Answer(counted.count, sun, recall, pictures, MEDIA_TYPE, stages.ms)

    def check(self, image: BlobRef) -> None:
        """Checks a picture that is to become a baseline."""
        try:
            check_quality(self.read(image), MAX_MEASURED_GSD_M)
        except TileRejectedError as error:
            raise UnprocessableError(
                "unusable-baseline", f"The picture cannot be a baseline: it is {error.reason}."
            ) from None

    def renew(self, ground: KeptGround, goes_on: GoesOn = always) -> Renewal | None:
        """Makes and measures a composite. Before each picture that is read, it may give way."""

        def read(image: BlobRef) -> Raster:
            if not goes_on():
                raise GaveWayError("Something else waits.")
            return self.read(image)

        return renew(ground.current, ground.kept, read, ground.tracks, ground.cell)

    def read(self, image: BlobRef) -> Raster:
        """A picture, without the margins of its file.

        Raises:
            UnprocessableError: it cannot be read, with the reason.
        """
        return self._read(image, Stages())

    def _read(self, image: BlobRef, stages: Stages, *, as_stored: bool = False) -> Raster:
        data = self.fetch(image)
        with stages.timed("decode"):
            return trimmed(read_raster(data, self.max_pixels, as_stored=as_stored))


def _recall(
    look: Look, read: Callable[[], Raster], baseline: Delivered | None, counted: Counted, stages: Stages
) -> RecallCheck | None:
    """How many painted cars are found. They are painted into the tile that is read."""
    if not is_sampled(look.id, look.recall_share):
        return None
    with stages.timed("recall"):
        seed = int(look.image.sha256, 16)
        return check_recall(read(), baseline, look.tracks, counted, seed=seed, cell=look.cell, in_place=True)
