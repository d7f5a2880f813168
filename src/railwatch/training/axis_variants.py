"""Variants of a scene's strips from which the network for axes learns: other cars, other ground, other track."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.cars.wide import ROWS, WIDE_ACROSS_M
from railwatch.services.detector.tracks.across import ROW_M, planes_of, section_of
from railwatch.services.detector.tracks.strips import SAMPLE_M
from railwatch.training.gathering import WideScene
from railwatch.training.variants import Canvas, any_shadow, paint_scene, process_strips

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

EVERY = round(ROW_M / SAMPLE_M) * ROWS
# Beyond so far from a track's own axis, in metres, others may lie that nobody drew. Known ones are left out.
KNOWN_M, OTHER_M = 2.2, 0.6
# An axis is wanted where it lies, give or take this standard deviation in metres.
SHARP_M = 0.2
# A track's own axis lies no further beside its strip's middle, in metres. It is smoothed over so many samples.
OWN_M, SMOOTH = 1.6, 15
# Gauges with the heads of their rails, in metres, and how often each is painted; how often a track is left as it is.
GAUGES_M, GAUGE_SHARES = (1.57, 1.14, 1.07, 1.67), (0.5, 0.25, 0.15, 0.1)
LEFT = 0.4


@dataclass(frozen=True)
class AxisStrips:
    """Planes (p, rows, w), where an axis is wanted (rows, w), 0 to 1, and the weight of each place (rows, w)."""

    planes: Halves
    wanted: Halves
    weight: Halves


def axis_strips(scene: WideScene, rng: np.random.Generator, *, paint: bool, process: bool, single: bool) -> AxisStrips:
    """A variant of a scene, a row for each metre of track; arguments as for `railwatch.training.variants.variant`."""
    canvas, own_m = Canvas.of(scene), own_axis_m(scene)
    if paint:
        _relaid(canvas, scene, own_m, rng)
        shadow_m = scene.shadow_m if scene.shadow_m is not None and rng.random() < 0.5 else any_shadow(rng)
        paint_scene(canvas, scene, shadow_m, rng, beside_m=own_m)
    if process:
        process_strips(canvas, rng)
    rows = slice(int(rng.integers(EVERY)), None, EVERY)
    samples = np.arange(len(canvas.tile))[rows] // ROWS
    now, before = (part[rows].mean(axis=2) for part in (canvas.tile, canvas.baseline))
    seen = scene.tile_seen[rows]
    baseline = None if single else section_of(before, scene.baseline_seen[rows])
    planes = planes_of(section_of(now, seen), baseline, scene.layout.gsd_m)
    away = np.abs(WIDE_ACROSS_M - own_m[samples][:, None])
    others = (scene.axis_m[samples] < OTHER_M) & (away > OWN_M)
    weight = (away < KNOWN_M) & ~others & seen & scene.layout.on_track[samples][:, None]
    wanted = np.exp(-0.5 * (away / SHARP_M) ** 2)
    return AxisStrips(planes.astype(np.float16), np.nan_to_num(wanted).astype(np.float16), weight.astype(np.float16))


def own_axis_m(scene: WideScene) -> Floats:
    """(n,), how far to the right of its line each track's axis lies; NaN where none is known."""
    near = np.abs(WIDE_ACROSS_M) < OWN_M
    away = scene.axis_m[:, near].astype(np.float32)
    at = WIDE_ACROSS_M[near][away.argmin(axis=1)].astype(np.float32)
    smooth = ndimage.uniform_filter1d(at, SMOOTH, mode="nearest")
    return np.where(away.min(axis=1) < OTHER_M, smooth, np.float32(np.nan))


def _relaid(canvas: Canvas, scene: WideScene, own_m: Floats, rng: np.random.Generator) -> None:
    """Gives each track another look across: rails, sleepers and shoulders darker or brighter, of another gauge."""
    for number in range(len(scene.layout.starts)):
        if rng.random() < LEFT:
            continue
        samples = scene.layout.track(number)
        rows = slice(samples.start * ROWS, samples.stop * ROWS)
        away = np.abs(WIDE_ACROSS_M - np.repeat(np.nan_to_num(own_m[samples]), ROWS)[:, None])
        factor = np.exp(_across(away, rng))[..., None].astype(np.float32)
        free = ~canvas.bodies[rows][..., None]
        canvas.tile[rows] = np.clip(np.where(free, canvas.tile[rows] * factor, canvas.tile[rows]), 0, 1)
        canvas.baseline[rows] = np.clip(canvas.baseline[rows] * factor, 0, 1)


def _across(away_m: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Log of a factor for the light so far from the axis of a track, in metres."""
    gauge_m = float(rng.choice(GAUGES_M, p=GAUGE_SHARES))
    profile = rng.normal(0, 0.5) * np.exp(-0.5 * ((away_m - gauge_m / 2) / rng.uniform(0.07, 0.18)) ** 2)
    sleepers_m, shoulder_m = gauge_m / 2 + rng.uniform(0.3, 0.6), rng.uniform(1.5, 2.6)
    for half_m, soft_m in ((sleepers_m, rng.uniform(0.05, 0.3)), (shoulder_m, rng.uniform(0.1, 0.5))):
        profile += rng.normal(0, 0.35) / (1 + np.exp(np.clip((away_m - half_m) / soft_m, -30, 30)))
    if rng.random() < 0.5:
        profile += rng.normal(0, 0.25) * np.exp(-0.5 * (away_m / (gauge_m / 4)) ** 2)
    return np.asarray(profile)
