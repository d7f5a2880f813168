"""What the ground of a strip may look like beside what the renderer makes: real textures, decks, dust, crossings.

All of it is empty track: whatever is painted here must not be counted.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.services.detector.cars.wide import WIDE_ACROSS_M, WIDTH
from railwatch.services.detector.tracks.strips import STEP_M

Floats = NDArray[np.float32]
TEXTURES = ("gravel", "grass", "brick")


@lru_cache
def textures() -> tuple[Floats, ...]:
    """Real photographs of surfaces that come with scikit-image, with mean 0 and deviation 1."""
    from skimage import data

    pictures = [np.asarray(getattr(data, name)(), np.float32) for name in TEXTURES]
    flattened = [picture - ndimage.gaussian_filter(picture, 40, mode="wrap") for picture in pictures]
    return tuple(picture / picture.std() for picture in flattened)


def ground(rng: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Factors (rows, w, 3) for the ground of the tile and of the baseline: what lies on both, and what on either."""
    both = np.ones((rows, WIDTH, 3), np.float32)
    parts = (
        (_textured, 0.5), (_dust, 0.12), (_apron, 0.08), (_slab, 0.12), (_deck, 0.1), (_crossing, 0.12),
        (_strip_beside, 0.2),
    )  # fmt: skip
    for part, chance in parts:
        if rng.random() < chance:
            both *= part(rng, rows)
    each = []
    for _ in range(2):
        own = np.ones((rows, WIDTH, 3), np.float32)
        for part, chance in ((_patches, 0.25), (_snow, 0.12), (_shade, 0.15), (_textured, 0.15)):
            if rng.random() < chance:
                own *= part(rng, rows)
        each.append(both * own)
    return each[0], each[1]


def _textured(rng: np.random.Generator, rows: int) -> Floats:
    """A real surface, at a scale of 2 to 25 cm a texel."""
    picture = textures()[int(rng.integers(len(TEXTURES)))]
    zoom = float(np.exp(rng.uniform(np.log(1.0), np.log(10.0))))
    y, x = (np.arange(rows) * zoom + rng.uniform(0, 512))[:, None], (np.arange(WIDTH) * zoom + rng.uniform(0, 512))
    seen = ndimage.gaussian_filter(picture, 0.35 * zoom, mode="wrap") if zoom > 1.5 else picture
    y, x = np.broadcast_arrays(y, x)
    field = ndimage.map_coordinates(seen, [y, x], order=1, mode="grid-wrap")
    field /= field.std() + 1e-6
    amount = float(rng.uniform(0.05, 0.35))
    away = np.abs(WIDE_ACROSS_M) < rng.uniform(0.8, 9)
    return np.asarray(np.clip(1 + amount * field * away, 0.2, 2.5)[..., None].repeat(3, 2), dtype=np.float32)


def _dust(rng: np.random.Generator, rows: int) -> Floats:
    """Spilt cement, lime, coal or ore over a stretch of track: far brighter or far darker than ballast."""
    along = np.arange(rows)[:, None] * STEP_M
    first, length = rng.uniform(0, rows * STEP_M), rng.uniform(20, 200)
    soft_m, half = rng.uniform(0.5, 15), rng.uniform(1.2, 8)
    near = 1 / (1 + np.exp(-np.clip((length / 2 - np.abs(along - first)) / soft_m, -30, 30)))
    beside = 1 / (1 + np.exp(-np.clip((half - np.abs(WIDE_ACROSS_M)) / rng.uniform(0.1, 1.0), -30, 30)))
    colour = np.log(rng.uniform(1.5, 4.0)) if rng.random() < 0.7 else np.log(rng.uniform(0.25, 0.7))
    return np.asarray(np.exp((near * beside)[..., None] * (colour + rng.normal(0, 0.05, 3))), dtype=np.float32)


def _slab(rng: np.random.Generator, rows: int) -> Floats:
    """Slab track, or a bed of other stone: a band as wide as a car, all along or for a stretch, often with joints."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    first, last = (0, rows) if rng.random() < 0.5 else np.sort(rng.uniform(0, rows, 2)).astype(int)
    metres = np.arange(first, last)[:, None] * STEP_M
    half, aside, soft_m = rng.uniform(1.1, 1.9), rng.normal(0, 0.15), rng.uniform(0.05, 0.4)
    band = 1 / (1 + np.exp(-np.clip((half - np.abs(WIDE_ACROSS_M - aside)) / soft_m, -30, 30)))
    tone = np.log(rng.uniform(1.2, 3.0)) if rng.random() < 0.7 else np.log(rng.uniform(0.35, 0.85))
    pitch, width = rng.uniform(3, 20), rng.uniform(0.1, 0.5)
    joints = (np.mod(metres, pitch) < width) * rng.choice([0.0, rng.uniform(-0.7, 0.3)])
    edges = (np.abs(np.abs(WIDE_ACROSS_M - aside) - half) < 0.25) * rng.choice([0.0, rng.normal(0, 0.4)])
    out[first:last] = np.exp((band * (tone + joints) + edges)[..., None] + rng.normal(0, 0.04, 3))
    return out


def _apron(rng: np.random.Generator, rows: int) -> Floats:
    """Concrete or asphalt that the rails are sunk into: smooth, bright or dark, with joints across and along."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    first, last = np.sort(rng.uniform(-0.3 * rows, 1.3 * rows, 2)).clip(0, rows).astype(int)
    along, pitch = np.arange(first, last)[:, None] * STEP_M, rng.uniform(3, 12)
    left, right = np.sort(rng.uniform(1.2, 9, 2) * rng.permutation([-1, 1]))
    on = (left < WIDE_ACROSS_M) & (right > WIDE_ACROSS_M)
    joints = (np.mod(along, pitch) < 0.2) | (np.mod(WIDE_ACROSS_M[on] + 20, pitch) < 0.2)
    tone = np.log(rng.uniform(1.3, 4.0)) if rng.random() < 0.75 else np.log(rng.uniform(0.4, 0.8))
    out[first:last, on] = np.exp((tone + joints * rng.normal(-0.15, 0.2))[..., None] + rng.normal(0, 0.04, 3))
    return out


def _deck(rng: np.random.Generator, rows: int) -> Floats:
    """A bridge: open, with dark between sleepers and girders, or ballasted between bright kerbs."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    length = int(rng.uniform(6, 60) / STEP_M)
    first = int(rng.integers(max(rows - length, 1)))
    metres = np.arange(min(length, rows)) * STEP_M
    half = float(rng.uniform(1.3, 3.5))
    deck = np.full((len(metres), WIDTH), float(np.exp(rng.normal(-0.7, 0.6))), np.float32)
    pitch = float(rng.uniform(0.5, 3.0))
    deck *= 1 + float(rng.uniform(0, 0.7)) * (np.mod(metres, pitch) < 0.4 * pitch)[:, None]
    girder = np.abs(np.abs(WIDE_ACROSS_M) - half + 0.25) < 0.3
    deck[:, girder] *= float(np.exp(rng.normal(0.3, 0.5)))
    tint = np.exp(rng.normal(0, 0.08, 3))
    on = np.abs(WIDE_ACROSS_M) < half if rng.random() < 0.6 else np.ones(WIDTH, dtype=bool)
    out[first : first + len(metres), on] = deck[:, on, None] * tint
    return out


def _crossing(rng: np.random.Generator, rows: int) -> Floats:
    """A road, a path or a shadow of a gantry across the track."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        width = float(rng.choice([rng.uniform(0.3, 1.0), rng.uniform(3, 14)]))
        slant = float(rng.normal(0, 0.5))
        along = np.arange(rows)[:, None] * STEP_M - rng.uniform(0, rows * STEP_M) - slant * WIDE_ACROSS_M
        rails = np.abs(np.abs(WIDE_ACROSS_M) - 0.75) < 0.15
        keep = rails & (rng.random() < 0.6)
        out[(np.abs(along) < width / 2) & ~keep] *= np.exp(rng.normal(0, 0.5) + rng.normal(0, 0.05, 3))
    return out


def _strip_beside(rng: np.random.Generator, rows: int) -> Floats:
    """A platform, a road or a wall's foot along the track, bright or dark, on one side."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    first, last = np.sort(rng.uniform(0, rows, 2)).astype(int)
    near = float(rng.uniform(1.5, 4.0))
    side = WIDE_ACROSS_M * rng.choice([-1, 1])
    out[first:last, (side > near) & (side < near + rng.uniform(0.5, 6))] *= np.exp(
        rng.normal(0.2, 0.6) + rng.normal(0, 0.05, 3)
    )
    return out


def _patches(rng: np.random.Generator, rows: int) -> Floats:
    """Dust, oil, wet or weeds in patches as large as cars."""
    scale = np.exp(rng.uniform(np.log(2), np.log(40))), np.exp(rng.uniform(np.log(1), np.log(8)))
    field = ndimage.gaussian_filter(rng.normal(0, 1, (rows, WIDTH)).astype(np.float32), scale, mode="nearest")
    field /= field.std() + 1e-6
    soft = float(rng.uniform(0.05, 1.0))
    patch = 1 / (1 + np.exp(-np.clip((field - rng.uniform(-0.5, 1.5)) / soft, -30, 30)))
    colour = rng.normal(0, 0.45) + rng.normal(0, 0.08, 3)
    return np.asarray(np.exp(patch[..., None] * colour), dtype=np.float32)


def _snow(rng: np.random.Generator, rows: int) -> Floats:
    """Snow, old or fresh, in patches with sharp edges, longer along the track than across it, or swept aside."""
    scale = np.exp(rng.uniform(np.log(2), np.log(50))), np.exp(rng.uniform(np.log(1.5), np.log(8)))
    field = ndimage.gaussian_filter(rng.normal(0, 1, (rows, WIDTH)).astype(np.float32), scale, mode="nearest")
    field /= field.std() + 1e-6
    swept = rng.choice([-1.5, 0.0, 1.5]) * (np.abs(WIDE_ACROSS_M) < rng.uniform(0.5, 2.5))
    rails = -2.0 * (np.abs(np.abs(WIDE_ACROSS_M) - 0.75) < 0.13) * (rng.random() < 0.5)
    patch = 1 / (1 + np.exp(-np.clip((field + swept + rails - rng.uniform(-1, 1)) / rng.uniform(0.03, 0.3), -30, 30)))
    return np.asarray(np.exp(patch[..., None] * (np.log(rng.uniform(1.6, 5.0)) + np.array([0, 0, 0.05]))), np.float32)


def _shade(rng: np.random.Generator, rows: int) -> Floats:
    """The straight-edged shade of something beside the track: a wall, a mast, a train two tracks away."""
    out = np.ones((rows, WIDTH, 3), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        first, length = int(rng.integers(rows)), int(rng.uniform(1, 40) / STEP_M)
        edge = rng.uniform(-4, 4) + rng.normal(0, 0.1) * np.arange(length) * STEP_M
        side = rng.choice([-1, 1])
        part = out[first : first + length]
        shaded = (side * WIDE_ACROSS_M[None] > side * edge[: len(part), None])[..., None]
        part *= np.where(shaded, np.float32(rng.uniform(0.25, 0.7)), np.float32(1))
    return out
