"""From a tile, its baseline and the site's tracks to a count: the steps of the detector, in order."""

from collections.abc import Sequence
from dataclasses import replace

from railwatch.services.detector.alignment.ground import prepare
from railwatch.services.detector.alignment.placing import MOST_DOUBT, PLACED_BY_TRACKS
from railwatch.services.detector.cars import evidence
from railwatch.services.detector.cars.reading import clearest, readings
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.rejection import TileRejectedError
from railwatch.services.detector.result import Counted, rejected, tallied
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.tracks.pieces import clip
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Cell, Track

# Below this share of track in sight there is no count.
LEAST_COVERAGE = 0.3

# Raised whenever the same pictures and the same model may give another count.
METHOD = "railwatch-strips-2"


def algorithm() -> str:
    """Name and version of the method and its model."""
    return f"{METHOD}/{evidence.load_models().version}"


def count_tile(
    tile: Raster,
    baseline: Raster | None,
    tracks: Sequence[Track],
    *,
    sun: Sun | None = None,
    cell: Cell | None = None,
    models: evidence.Models | None = None,
) -> Counted:
    """Counts the railcars on a site's tracks in one tile.

    Args:
        tile: the tile.
        baseline: the same place at another time, as delivered; without one the tile is counted by itself.
        tracks: the site's tracks; those that do not cross the tile are left out.
        sun: where the sun stood, if known.
        cell: only cars whose centre lies in it count; the whole tile without one.
        models: what the evidence is weighed with; the ones shipped if not given.
    """
    models = models or evidence.load_models()
    lines = project(tracks, tile)
    try:
        ground = prepare(tile, baseline, lines, models.axis)
    except TileRejectedError as error:
        return Counted(rejected(algorithm(), (error.reason,)))
    drawn = clip(lines, tile.shape, tile.gsd_m)
    if not drawn:
        return Counted(rejected(algorithm(), (*ground.reasons, "no-track"), ground))
    reading = clearest(readings(drawn, tile, ground, models, sun, cell))
    if reading.bridge:
        ground = replace(ground, reasons=(*ground.reasons, "bridge"))
    why = None
    if reading.coverage < LEAST_COVERAGE:
        why = "coverage-too-low"
    elif PLACED_BY_TRACKS in ground.reasons and reading.doubt > MOST_DOUBT:
        why = "registration-unreliable"
    if why is not None:
        count = rejected(algorithm(), (*ground.reasons, why), ground, reading.coverage)
        return Counted(count, ground.baseline, ground.seen)
    model = models.single if ground.baseline is None else models.pair
    counted = tallied(algorithm(), tile, ground, reading, model.calibration)
    return replace(counted, sun=sun, layout=reading.layout)
