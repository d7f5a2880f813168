"""From a tile, its baseline and the site's tracks to a count: the steps of the detector, in order."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.detector import evidence
from services.detector.centrelines import project
from services.detector.crossings import bridged
from services.detector.ground import prepare
from services.detector.intervals import of_all
from services.detector.placing import MOST_DOUBT, PLACED_BY_TRACKS
from services.detector.raster import Raster
from services.detector.refinement import refine
from services.detector.rejection import TileRejectedError
from services.detector.result import Counted, Stretch, rejected, tallied
from services.detector.segmentation import decode
from services.detector.strips import Layout, lay_out
from services.detector.tracks import clip, owned
from shared.counts import Sun
from shared.sites import Cell, Track

# Below this share of track in sight there is no count.
LEAST_COVERAGE = 0.3

METHOD = "railwatch-strips-1"


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
    timings: dict[str, float] = {}
    models = models or evidence.load_models()
    lines = project(tracks, tile)
    try:
        ground = prepare(tile, baseline, lines, models.axis)
    except TileRejectedError as error:
        return Counted(rejected(algorithm(), (error.reason,)))
    timings.update(ground.timings_ms)
    with _timed(timings, "tracks"):
        drawn = clip(lines, tile.shape, tile.gsd_m)
        if not drawn:
            return Counted(rejected(algorithm(), (*ground.reasons, "no-track"), ground, timings_ms=timings))
        pieces = refine(drawn, tile, ground.baseline, ground.seen, models.axis)
        layout = lay_out([piece.xy_px for piece in pieces], tile.gsd_m)
        ours = layout.on_track & owned(layout)
        if cell is not None:
            ours &= _inside(cell, layout, tile)
        under_bridge = bridged(tile, ground.seen, layout)
        if ground.baseline is not None and under_bridge.any():
            # A bridge stays; an even patch of snow does not.
            under_bridge &= bridged(ground.baseline, ground.baseline.valid, layout)
        if (under_bridge & ours).any():
            ground = replace(ground, reasons=(*ground.reasons, "bridge"))
    model = models.single if ground.baseline is None else models.pair
    with _timed(timings, "strips"):
        figures, seen = evidence.measure(tile, ground.baseline, ground.seen, layout, sun)
        seen &= ~under_bridge
    coverage = float((seen & ours).sum() / max(ours.sum(), 1))
    if coverage < LEAST_COVERAGE:
        reasons = (*ground.reasons, "coverage-too-low")
        return Counted(rejected(algorithm(), reasons, ground, coverage, timings), ground.baseline, ground.seen)
    with _timed(timings, "evidence"):
        logits = evidence.weigh(model.network, figures, with_baseline=ground.baseline is not None)
        along = evidence.by_track(logits, seen, ours, layout)
    with _timed(timings, "segmentation"):
        decoded = decode(along, model.grammar)
    doubt = of_all(track.posterior for track in decoded).doubt_per_cell
    if PLACED_BY_TRACKS in ground.reasons and doubt > MOST_DOUBT:
        reasons = (*ground.reasons, "registration-unreliable")
        return Counted(rejected(algorithm(), reasons, ground, coverage, timings), ground.baseline, ground.seen)
    stretches = [Stretch(piece, layout.track(number), decoded[number]) for number, piece in enumerate(pieces)]
    counted = tallied(algorithm(), tile, ground, layout, stretches, ours, seen, model.calibration, timings)
    return replace(counted, sun=sun, layout=layout)


def _inside(cell: Cell, layout: Layout, tile: Raster) -> NDArray[np.bool_]:
    """(n,), which cells of track lie in a cell of the site."""
    lonlat = tile.to_lonlat(layout.xy_px[layout.on_track])
    inside = np.zeros(len(layout.xy_px), dtype=bool)
    inside[layout.on_track] = [cell.contains(lon, lat) for lon, lat in lonlat]
    return inside


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    timings[stage] = round(1000 * (time.perf_counter() - began), 1)
