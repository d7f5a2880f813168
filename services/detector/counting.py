"""From a tile, its baseline and the site's tracks to a count: the steps of the detector, in order."""

from collections.abc import Sequence
from dataclasses import replace

from railwatch.services.detector.alignment.ground import Delivered, prepare
from railwatch.services.detector.alignment.placing import MOST_ENTROPY, PLACED_BY_TRACKS
from railwatch.services.detector.cars import evidence
from railwatch.services.detector.cars.choosing import best_reading
from railwatch.services.detector.cars.reading import Reader, model_for
from railwatch.services.detector.coarse.measuring import measure
from railwatch.services.detector.coarse.occupancy import load_model
from railwatch.services.detector.imagery.margins import within_margins
from railwatch.services.detector.imagery.quality import MAX_GSD_M, MAX_MEASURED_GSD_M
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.result import Counted, in_metres, rejected
from railwatch.services.detector.tally import tallied
from railwatch.services.detector.tracks.centrelines import project
from railwatch.services.detector.tracks.extent import share_on_picture
from railwatch.services.detector.tracks.pieces import clip
from railwatch.shared.counts import Sun
from railwatch.shared.errors import TileRejectedError
from railwatch.shared.sites import CAR_LENGTHS_M, Cell, Track

# There is no count where a smaller share of the track on the picture is in sight.
LEAST_COVERAGE = 0.3

# The remark on a scene whose evidence is less certain than in nearly all scenes like those learned from.
UNFAMILIAR = "unfamiliar"

# The number is raised whenever the same pictures and the same model may give another count.
METHOD = "railwatch-strips-9"
# The same for metres of track.
MEASURING = "railwatch-metres-1"


def algorithm(models: evidence.Models) -> str:
    """Name and version of the method and its models."""
    return f"{METHOD}/{models.version}"


def count_tile(
    tile: Raster,
    baseline: Delivered | None,
    tracks: Sequence[Track],
    *,
    sun: Sun | None = None,
    cell: Cell | None = None,
    models: evidence.Models | None = None,
    car_lengths_m: tuple[float, float] = CAR_LENGTHS_M,
) -> Counted:
    """Counts the railcars on a site's tracks in one tile. Where its pixels are too coarse, metres are measured instead.

    Args:
        tile: the tile.
        baseline: the same place at another time, as delivered, or what reads it: then memory holds it once. Without
            one, the tile is counted by itself.
        tracks: all of the site's tracks. Coverage is a share of their length inside the cell; cars are counted on
            those that cross the tile.
        sun: the position of the sun, if known.
        cell: only cars whose centre lies in it count; the whole tile without one.
        models: give the evidence; the ones shipped if not given.
        car_lengths_m: the shortest and the longest car to expect. They make metres a range of cars; and if they are the
            site's own, they say which lengths of cars are likely.
    """
    if tile.gsd_m > MAX_GSD_M:
        return measure_tile(tile, baseline, tracks, sun, cell, car_lengths_m)
    models = models or evidence.load_models()
    name = algorithm(models)
    lines = project(tracks, tile)
    try:
        ground = prepare(tile, baseline, lines, models.axis)
    except TileRejectedError as error:
        return Counted(rejected(name, (error.reason,)))
    drawn = clip(lines, tile.shape, tile.gsd_m)
    if not drawn:
        return Counted(rejected(name, (*ground.reasons, "no-track"), ground))
    expected_m = None if car_lengths_m == CAR_LENGTHS_M else car_lengths_m
    reader = Reader(tile, ground, models, sun, cell, expected_m)
    reading = best_reading(drawn, reader)
    if reading.bridge:
        ground = replace(ground, reasons=(*ground.reasons, "bridge"))
    if reading.bare:
        ground = replace(ground, reasons=(*ground.reasons, "baseline-partial"))
    shown = reading.share(within_margins(tile.pictured))
    on_picture = share_on_picture(tracks, tile, cell) * shown
    in_sight = reading.coverage / shown if shown else 0.0
    why = None
    if in_sight < LEAST_COVERAGE:
        why = "coverage-too-low"
    elif PLACED_BY_TRACKS in ground.reasons and reading.entropy > MOST_ENTROPY:
        why = "registration-unreliable"
    if why is not None:
        count = rejected(name, (*ground.reasons, why), ground, on_picture * in_sight)
        return Counted(count, ground.baseline, ground.seen)
    calibration = model_for(models, ground, reading.bare).calibration
    if reading.entropy > calibration.familiar:
        ground = replace(ground, reasons=(*ground.reasons, UNFAMILIAR))
        reading = reading if ground.baseline is None else reader.doubted(reading)
    reading = reader.of_its_fleet(reading)
    return replace(tallied(name, tile, tracks, ground, reading, calibration, on_picture, in_sight), sun=sun)


def measure_tile(
    tile: Raster,
    baseline: Delivered | None,
    tracks: Sequence[Track],
    sun: Sun | None,
    cell: Cell | None,
    car_lengths_m: tuple[float, float],
) -> Counted:
    """Metres of track under trains on a tile that is too coarse to count; arguments as for `count_tile`."""
    model = load_model()
    name = f"{MEASURING}/{model.version}"
    lines = project(tracks, tile)
    try:
        ground = prepare(tile, baseline, lines, max_gsd_m=MAX_MEASURED_GSD_M)
    except TileRejectedError as error:
        return Counted(rejected(name, (error.reason,)))
    pieces = clip(lines, tile.shape, tile.gsd_m)
    why = "no-track" if not pieces else "metres-need-baseline" if ground.baseline is None else None
    if why is not None:
        return Counted(rejected(name, (*ground.reasons, why), ground), ground.baseline, ground.seen)
    measured = measure(tile, ground, pieces, lines, sun, cell, model)
    on_picture = share_on_picture(tracks, tile, cell)
    if measured.coverage < LEAST_COVERAGE:
        count = rejected(name, (*ground.reasons, "coverage-too-low"), ground, on_picture * measured.coverage)
        return Counted(count, ground.baseline, ground.seen)
    return replace(in_metres(name, ground, measured, car_lengths_m, on_picture), sun=sun)
