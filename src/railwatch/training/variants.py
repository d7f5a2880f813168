"""Variants of a scene's strips to learn from: other ground, other cars, other light, other processing.

A variant is made in tenths of a second from strips that took a second to render, and then seen just as the detector
sees strips: the channels of `cars.wide` and the features of `cars.features`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from railwatch.services.detector.cars.features import features_of
from railwatch.services.detector.cars.wide import ROWS, WIDTH, channels_of, narrowed, pair_of
from railwatch.services.detector.imagery.quantiles import quantile
from railwatch.services.detector.tracks.strips import SAMPLE_M, STEP_M, Layout
from railwatch.shared.counts import CarKind
from railwatch.training.backdrop import ground
from railwatch.training.beside import stand_beside, things_beside
from railwatch.training.gathering import NARROW, NARROW_SHARE, WideScene
from railwatch.training.painting import Look, flat, other_light, painted, stood_on
from railwatch.training.photometrics import processed_strip
from railwatch.training.stock import LOOKS_LIKE
from railwatch.training.trains import Stood, stand

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

EMPTY, BODY, GAP = 0, 1, 2
COUPLED_SAMPLES = 5
CLEAR_SAMPLES = 8
# How far a point one metre up leans in a view of 25 degrees from the vertical.
OBLIQUE = float(np.tan(np.deg2rad(25.0)))
# The network's mask of bodies is coarser than the strip: every second row, every fourth column.
POOLED = 4


@dataclass(frozen=True)
class Prepared:
    """What the network learns from: the tracks of one variant.

    Attributes:
        name: the scene's.
        planes: (channels, 2 n, w).
        features: (n, f); without a baseline, the first g of them.
        labels: (n,), -1 unknown.
        kinds: (n,), place in `CarKind` of the car that was painted there, -1 elsewhere.
        bodies: (n, w / 4), share of each patch under a body.
        layout: the tracks.
        seen: (n,), which samples can be seen.
    """

    name: str
    planes: Halves
    features: Halves
    labels: NDArray[np.int8]
    kinds: NDArray[np.int8]
    bodies: Halves
    layout: Layout
    seen: Mask


@dataclass
class Canvas:
    """Strips while they are worked on: tile and baseline (2 n, w, bands), labels and kinds (n,), bodies (2 n, w)."""

    tile: Floats
    baseline: Floats
    labels: NDArray[np.int8]
    kinds: NDArray[np.int8]
    bodies: Mask

    @classmethod
    def of(cls, scene: WideScene) -> "Canvas":
        """Copies of a scene's strips."""
        tile, baseline = scene.tile.astype(np.float32), scene.baseline.astype(np.float32)
        kinds = np.full(len(scene.labels), -1, np.int8)
        return cls(tile, baseline, scene.labels.copy(), kinds, scene.bodies.copy())


def variant(scene: WideScene, rng: np.random.Generator, *, paint: bool, process: bool, single: bool) -> Prepared:
    """A variant of a scene.

    Args:
        scene: its strips.
        rng: of all chance; the same state gives the same variant.
        paint: whether cars and ground are painted onto its empty track.
        process: whether the strips are processed as pictures on the web are.
        single: whether the baseline is withheld.
    """
    canvas = Canvas.of(scene)
    shadow_m = scene.shadow_m
    if paint:
        if shadow_m is None or rng.random() < 0.5:
            shadow_m = any_shadow(rng)
        paint_scene(canvas, scene, shadow_m, rng)
    dark = scene.dark
    if process:
        process_strips(canvas, rng)
        light = [values[::3, ::3].mean(axis=2)[seen[::3, ::3]] for values, seen in _seen_parts(canvas, scene)]
        shades = [float(quantile(part, 0.004)) * float(rng.uniform(0.7, 1)) if part.size else 0.0 for part in light]
        dark = shades[0], shades[1]
    known_sun = shadow_m if rng.random() < 0.5 else None
    made = prepared(
        scene, canvas.tile, None if single else canvas.baseline, dark, canvas.labels, canvas.bodies, known_sun
    )
    return replace(made, kinds=canvas.kinds)


def prepared(
    scene: WideScene,
    tile: Floats,
    baseline: Floats | None,
    dark: tuple[float, float],
    labels: NDArray[np.int8],
    bodies: Mask,
    shadow_m: Points | None,
) -> Prepared:
    """What the detector makes of strips, with their truth."""
    now = (tile * scene.tile_seen[..., None], scene.tile_seen, dark[0])
    before = None if baseline is None else (baseline * scene.baseline_seen[..., None], scene.baseline_seen, dark[1])
    pair = pair_of(now, before)
    planes = channels_of(pair, scene.layout).of(slice(0, len(labels)))
    strips = [None if part is None else narrowed(part) for part in (pair.tile, pair.baseline, pair.levelled)]
    if strips[0] is None:
        raise ValueError("a tile is needed")
    features = features_of(strips[0], strips[1], strips[2], scene.layout, shadow_m)
    rows = bodies.reshape(len(labels), ROWS, WIDTH).mean(axis=1)
    pooled = np.pad(rows, ((0, 0), (1, 2)), mode="edge").reshape(len(labels), -1, POOLED).mean(axis=2)
    return Prepared(
        scene.name,
        planes.astype(np.float16),
        np.clip(features, -60, 60).astype(np.float16),
        labels,
        np.full(len(labels), -1, np.int8),
        pooled.astype(np.float16),
        scene.layout,
        scene.seen,
    )


def _seen_parts(canvas: Canvas, scene: WideScene) -> list[tuple[Floats, Mask]]:
    return [(canvas.tile, scene.tile_seen), (canvas.baseline, scene.baseline_seen)]


def any_shadow(rng: np.random.Generator) -> Points | None:
    """(2,), a shadow of any direction and length, in metres for each metre of height; None under an even sky."""
    if rng.random() < 0.15:
        return None
    turn, length = rng.uniform(0, 2 * np.pi), 1 / np.tan(np.deg2rad(rng.uniform(15, 70)))
    return np.asarray(np.array([np.cos(turn), np.sin(turn)]) * length)


def paint_scene(
    canvas: Canvas,
    scene: WideScene,
    shadow_m: Points | None,
    rng: np.random.Generator,
    beside_m: Floats | None = None,
) -> None:
    """Paints ground and cars, track by track; the canvas is changed.

    Cars stand a little beside their line, or about the axis that lies `beside_m` (n,) to the right of it.
    """
    narrow = float(rng.uniform(*NARROW)) if rng.random() < NARROW_SHARE else 1.0
    fill = float(rng.choice([0.0, rng.uniform(0.1, 0.6), rng.uniform(0.7, 1.0)], p=[0.36, 0.36, 0.28]))
    fill_before = float(rng.choice([0.0, rng.uniform(0.1, 0.9)], p=[0.65, 0.35]))
    stays = float(rng.choice([0.0, 0.6, 1.0], p=[0.72, 0.16, 0.12]))
    other_shadow = any_shadow(rng)
    look = _look(rng, scene.layout.gsd_m)
    then = other_light(look, rng, None)
    textured = rng.random() < 0.7
    spacing = float(rng.uniform(3.7, 6.0)) * (0.85 + 0.15 * narrow)
    furnished = rng.random() < 0.6
    for number in range(len(scene.layout.starts)):
        samples = scene.layout.track(number)
        rows = slice(samples.start * ROWS, samples.stop * ROWS)
        right = scene.layout.right_px[samples].mean(axis=0)
        towards = np.array([[right[1], -right[0]], right]) / max(float(np.hypot(*right)), 1e-6)
        now_shadow, then_shadow = (None if part is None else towards @ part for part in (shadow_m, other_shadow))
        looks = [_lit(look, now_shadow), _lit(then, then_shadow)]
        free = _stretches(canvas.labels[samples], scene.seen[samples])
        offset = float(rng.normal(0, 0.15))
        if beside_m is not None:
            offset = offset / 3 + float(np.nan_to_num(np.nanmedian(beside_m[samples])))
        cars = stand(rng, free, fill if rng.random() < 0.85 else float(rng.random()), narrow, offset)
        cars_before = [car for car in cars if rng.random() < 0.9] if rng.random() < stays else []
        if not cars_before:
            cars_before = stand(rng, free, fill_before, narrow, offset) if fill_before else []
        beside = [_neighbours(rng, samples, side * spacing, fill, narrow) for side in (-1, 1)]
        backs = ground(rng, rows.stop - rows.start) if textured else (None, None)
        things = things_beside(rng, (rows.stop - rows.start) * STEP_M) if furnished else []
        pictures = (canvas.tile, canvas.baseline)
        every = ((cars, [a for a, _ in beside]), (cars_before, [b for _, b in beside]))
        for picture, back, dark, seen_as, (own, others) in zip(pictures, backs, scene.dark, looks, every, strict=True):
            values = picture[rows]
            if back is not None:
                values = dark + (values - dark) * (back if values.shape[2] == 3 else back[..., :1])
            shade = np.full(values.shape[2], dark, np.float32)
            there = [thing for thing in things if rng.random() < 0.85]
            if there:
                relief = flat(len(values))
                stand_beside(relief, there, rng)
                values, _ = painted(np.clip(values, 0, 1), relief, seen_as, shade, rng)
            relief = flat(len(values))
            for group in (*others, own):
                stood_on(relief, group, seen_as, rng)
            picture[rows], covered = painted(np.clip(values, 0, 1), relief, seen_as, shade, rng)
            if picture is canvas.tile:
                canvas.bodies[rows] |= covered
        _label(canvas.labels[samples], canvas.kinds[samples], cars)


def _look(rng: np.random.Generator, gsd_m: float) -> Look:
    return Look(
        None,
        float(rng.uniform(0.1, 0.4)),
        float(rng.normal(0, 0.1) if rng.random() < 0.8 else rng.uniform(-OBLIQUE, OBLIQUE)),
        float(rng.uniform(0.5, 1.1)),
        float(rng.uniform(0.35, 0.85)) * gsd_m,
        float(np.exp(rng.uniform(np.log(0.005), np.log(0.08)))),
        float(rng.choice([0.0, rng.uniform(0, 1)], p=[0.6, 0.4])),
    )


def _lit(look: Look, shadow_m: Points | None) -> Look:
    return Look(shadow_m, look.sky, look.lean_m, look.tone, look.blur_m, look.noise, look.camouflage)


def _neighbours(
    rng: np.random.Generator, samples: slice, offset_m: float, fill: float, narrow: float
) -> tuple[list[Stood], list[Stood]]:
    """Cars on a track beside this one, now and in the baseline."""
    if rng.random() < 0.55:
        return [], []
    whole = [(0.0, (samples.stop - samples.start) * SAMPLE_M)]
    now = stand(rng, whole, max(fill, 0.3), narrow, offset_m)
    return now, now if rng.random() < 0.15 else []


def _stretches(labels: NDArray[np.int8], seen: Mask) -> list[tuple[float, float]]:
    """Where a track is empty and in sight, away from cars: first and last metre."""
    taken = np.convolve((labels != EMPTY) | ~seen, np.ones(2 * CLEAR_SAMPLES + 1), mode="same") > 0
    # The ends of a track are no cars.
    edges = np.flatnonzero(np.diff(np.concatenate([[True], taken, [True]]).astype(np.int8)))
    return [(first * SAMPLE_M, last * SAMPLE_M) for first, last in edges.reshape(-1, 2) if last - first > 20]


def _label(labels: NDArray[np.int8], kinds: NDArray[np.int8], cars: list[Stood]) -> None:
    """Writes painted cars into the labels of their track."""
    last = -COUPLED_SAMPLES - 2
    for stood in cars:
        first, end = (round(metre / SAMPLE_M) for metre in stood.ends_m)
        first, end = max(first, 0), min(end, len(labels))
        if stood.coupled and 0 <= first - last <= COUPLED_SAMPLES:
            labels[min(last, first - 1) : first] = GAP
            labels[max(first, last) : end] = BODY
        else:
            labels[first:end] = BODY
        kinds[first:end] = tuple(CarKind).index(LOOKS_LIKE[stood.car.kind])
        last = end


def process_strips(canvas: Canvas, rng: np.random.Generator) -> None:
    """Processes both strips, each in its own way; the canvas is changed."""
    if rng.random() < 0.15 and canvas.tile.shape[2] == 3:
        canvas.tile, canvas.baseline = canvas.tile[..., ::-1].copy(), canvas.baseline[..., ::-1].copy()
    if rng.random() < 0.15 and canvas.tile.shape[2] == 3:
        canvas.tile, canvas.baseline = (
            part.mean(axis=2, keepdims=True, dtype=np.float32) for part in (canvas.tile, canvas.baseline)
        )
    if rng.random() < 0.35:
        shift = rng.integers(-2, 3), rng.integers(-1, 2)
        canvas.baseline = np.roll(canvas.baseline, shift, axis=(0, 1))
    canvas.tile, canvas.baseline = processed_strip(canvas.tile, rng), processed_strip(canvas.baseline, rng)
