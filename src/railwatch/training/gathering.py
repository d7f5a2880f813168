"""Wide strips of rendered scenes, with their truth, kept on disk: what the joined network's training starts from.

Every scene goes through the bytes that a provider would deliver and the detector's own registration, radiometry and
visibility, as `railwatch.training.examples` has it. Half of the strips come from pictures that were processed like real
ones are: sharpened, resampled, compressed.
"""

import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely import LineString

from railwatch.render import CONDITIONS, RenderedPair, random_scene, render_pair
from railwatch.services.detector.cars.evidence import darkest, seen_samples
from railwatch.services.detector.cars.wide import ROWS, WIDE_ACROSS_M, straighten_wide
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.strips import Layout
from railwatch.shared.errors import TileRejectedError
from railwatch.training.examples import Box, Scene, label, laid, moved, rendered_scene
from railwatch.training.photometrics import processed

Halves = NDArray[np.float16]
Mask = NDArray[np.bool_]

ASKED = tuple(condition for condition in CONDITIONS if condition != "any")
SIZE_PX = 520
# Pixel sizes in metres; a third are finer than the renderer's own conditions ask for.
FINE_GSD_M = (0.15, 0.32)
# Where gauges are narrow so are cars: a picture is read as if its pixels were larger.
NARROW, NARROW_SHARE = (0.6, 0.95), 0.45
SIDEWAYS_M = (0.15, 0.4)
# Axes further away than this are not sought.
FAR_M = 6.0


@dataclass(frozen=True)
class WideScene:
    """The tracks of one pair of pictures.

    Attributes:
        name: what it is called in tables.
        tile: (2 n, w, bands), and where it is known.
        tile_seen: (2 n, w).
        baseline: (2 n, w, bands), registered, in the tile's radiometry.
        baseline_seen: (2 n, w).
        bodies: (2 n, w), where cars stand, those of other tracks too.
        labels: (n,), as `railwatch.training.examples` has them.
        car: (n,), number of the car on each sample, -1 where there is none.
        seen: (n,), which samples can be seen.
        layout: the tracks.
        dark: luminance of the deepest shade, tile and baseline.
        shadow_m: (2,), shadow on the picture's axes in metres for each metre of height, or None.
        axis_m: (n, w), metres from each place of the strip to the nearest known axis of a track.
    """

    name: str
    tile: Halves
    tile_seen: Mask
    baseline: Halves
    baseline_seen: Mask
    bodies: Mask
    labels: NDArray[np.int8]
    car: NDArray[np.int64]
    seen: Mask
    layout: Layout
    dark: tuple[float, float]
    shadow_m: NDArray[np.float64] | None
    axis_m: Halves


def gathered(cache: Path, seed: int) -> tuple[WideScene, ...]:
    """The strips of one rendered scene, as delivered and as processed; none where the pair is rejected."""
    kept = cache / f"{seed}.wide"
    if kept.exists():
        scenes: tuple[WideScene, ...] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
        return scenes
    rng = np.random.default_rng((seed, 7))
    condition = ASKED[seed % len(ASKED)]
    gsd_m = round(float(rng.uniform(*FINE_GSD_M)), 3) if rng.random() < 0.3 else None
    pair = render_pair(random_scene(np.random.default_rng(seed), condition, gsd_m=gsd_m, size_px=SIZE_PX))
    scenes = tuple(
        strips
        for number in range(2)
        if (strips := _strips(_delivered(pair, rng, number), f"{condition}-{seed}-{number}", rng)) is not None
    )
    kept.write_bytes(pickle.dumps(scenes))
    return scenes


def wide_strips(scene: Scene, rng: np.random.Generator, sideways_m: float, narrow: float = 1.0) -> WideScene:
    """The strips of a scene along its true lines, moved sideways by about so much.

    Args:
        scene: pictures and truth.
        rng: of the lines.
        sideways_m: how far they are moved.
        narrow: what a metre is taken for; below 1, cars come out shorter and narrower.
    """
    tile = replace(scene.tile, valid=scene.tile.valid & scene.ground.seen, gsd_m=scene.tile.gsd_m * narrow)
    lines = tuple(moved(line, tile.gsd_m, rng, sideways_m, sideways_m / 2) for line in scene.lines)
    layout = laid(lines, tile)
    baseline = scene.ground.baseline
    if baseline is None:
        raise ValueError("needs a baseline")
    (now, before), (now_seen, before_seen) = straighten_wide([tile, baseline], layout)
    labels, car = label(layout, scene.cars)
    seen = seen_samples(scene.ground.seen, now_seen[::ROWS, 8:41], layout)
    labels[~seen] = -1
    shadow = shadow_px(scene.sun, scene.tile) if scene.sun else None
    return WideScene(
        scene.name,
        now.astype(np.float16),
        now_seen,
        before.astype(np.float16),
        before_seen,
        _bodies(layout, scene.cars),
        labels,
        car,
        seen,
        layout,
        (darkest(tile), darkest(baseline)),
        None if shadow is None else shadow * scene.tile.gsd_m,
        _from_axes_m(layout, scene.lines),
    )


def _delivered(pair: RenderedPair, rng: np.random.Generator, number: int) -> RenderedPair:
    """As rendered (0), or processed the way pictures on the web are (1)."""
    if number == 0:
        return pair
    pictures = [
        replace(picture, pixels=processed(picture.pixels, rng)) if picture.pixels.dtype == np.uint8 else picture
        for picture in (pair.tile, pair.baseline)
    ]
    return replace(pair, tile=pictures[0], baseline=pictures[1])


def _strips(pair: RenderedPair, name: str, rng: np.random.Generator) -> WideScene | None:
    narrow = float(rng.uniform(*NARROW)) if rng.random() < NARROW_SHARE else 1.0
    try:
        scene = rendered_scene(pair, name)
    except TileRejectedError:
        return None
    # A pair that fits in several ways is counted without its baseline. There is nothing to learn about pairs from it.
    if scene.ground.baseline is None:
        return None
    return wide_strips(scene, rng, float(rng.uniform(*SIDEWAYS_M)), narrow)


def _from_axes_m(layout: Layout, lines: tuple[Centreline, ...]) -> Halves:
    """(n, w), metres from each place to the nearest line."""
    places = layout.xy_px[:, None] + layout.right_px[:, None] * (WIDE_ACROSS_M[:, None] / layout.gsd_m)
    tree = cKDTree(
        np.concatenate([np.asarray(LineString(line.xy_px).segmentize(0.2 / layout.gsd_m).coords) for line in lines])
    )
    away = tree.query(np.nan_to_num(places, nan=-1e6).reshape(-1, 2), distance_upper_bound=FAR_M / layout.gsd_m)[0]
    away_m = np.minimum(away.reshape(places.shape[:2]) * layout.gsd_m, FAR_M)
    return np.asarray(away_m, dtype=np.float16)


def _bodies(layout: Layout, cars: tuple[Box, ...]) -> Mask:
    """(2 n, w), which samples lie on a car."""
    on = np.flatnonzero(layout.on_track)
    out = np.zeros((len(layout.xy_px), ROWS, len(WIDE_ACROSS_M)), dtype=bool)
    right = layout.right_px[on]
    forward = np.column_stack([right[:, 1], -right[:, 0]])
    reach = WIDE_ACROSS_M / layout.gsd_m
    for box in cars:
        near = np.hypot(*(layout.xy_px[on] - box.centre).T) < box.length / 2 + 9.0 / layout.gsd_m
        at = layout.xy_px[on[near]] - box.centre
        for row, step in enumerate((-0.125, 0.125)):
            places = (at + forward[near] * (step / layout.gsd_m))[:, None] + right[near][:, None] * reach[:, None]
            along = np.abs(places @ box.along) < box.length / 2
            across = np.abs(places[..., 0] * box.along[1] - places[..., 1] * box.along[0]) < box.width / 2
            out[on[near], row] |= along & across
    return out.reshape(-1, len(WIDE_ACROSS_M))
