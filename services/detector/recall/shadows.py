"""Where the sun stood, told from the shadows of the cars that were counted.

Each direction and length of shadow predicts which ground near the cars lies in the shade: what the cars' outlines sweep
over when they are moved that way. The prediction that agrees best with what is dark, all cars together, tells the sun.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from railwatch.services.detector.imagery.raster import Raster, north_px
from railwatch.shared.counts import Sun

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Corners = NDArray[np.float64]

CELL_M = 0.5
DIRECTIONS = 24
# Shadows longer than this reach beyond the next two tracks, and say little of where they began.
LONGEST_M = 12.0
# Ground is looked at so far around the cars.
NEAR_M = 10.0
# Roofs and rims of freight cars lie 3 to 4.6 m above the ground, loaded flats about as high.
CAR_HEIGHT_M = 3.5
# No more cells than say what all would; and fewer than this say nothing.
MOST_CELLS, LEAST_CELLS = 8_000, 400
# Correlation of what is dark and what would lie in shadow; and how much better it must be than for a sun that stands
# opposite: under an even sky it is darker on all sides of a car.
LEAST_AGREEMENT, LEAST_ADVANTAGE = 0.4, 0.15


@dataclass(frozen=True)
class _Ground:
    """Ground near cars: its light, standardised, (n,), its place on the grid of cells, and where cars stand there."""

    light: Floats
    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    cars: Mask
    cell_m: float


def estimate_sun(tile: Raster, baseline: Raster | None, seen: Mask, outlines_px: Sequence[Corners]) -> Sun | None:
    """Where the sun stood, from the shadows beside cars.

    Args:
        tile: the tile.
        baseline: registered and in the tile's radiometry; what differs from it is not the ground's own. Or None.
        seen: bool (rows, cols), what of the ground can be seen.
        outlines_px: corners (4, 2) of the cars that were counted, in pixel coordinates.

    Returns:
        None where too little ground can be seen beside cars, or no direction agrees with what is dark there.
    """
    ground = _near_cars(tile, baseline, seen, outlines_px)
    if ground is None:
        return None
    agreement = _agreement(ground)
    direction, length = np.unravel_index(int(agreement.argmax()), agreement.shape)
    best, opposite = agreement[direction, length], agreement[(direction + DIRECTIONS // 2) % DIRECTIONS].max()
    if best < LEAST_AGREEMENT or best - opposite < LEAST_ADVANTAGE:
        return None
    angle = 2 * np.pi * direction / DIRECTIONS
    north = north_px(tile)
    east = np.array([-north[1], north[0]])
    towards_sun = -np.array([np.cos(angle), np.sin(angle)])
    azimuth = np.rad2deg(np.arctan2(towards_sun @ east, towards_sun @ north)) % 360
    elevation = np.rad2deg(np.arctan2(CAR_HEIGHT_M, (length + 1) * ground.cell_m))
    return Sun(azimuth_deg=float(azimuth), elevation_deg=float(elevation))


def _near_cars(tile: Raster, baseline: Raster | None, seen: Mask, outlines_px: Sequence[Corners]) -> _Ground | None:
    side = max(1, round(CELL_M / tile.gsd_m))
    cell_m = side * tile.gsd_m
    light = _block_mean(tile.luminance(), side)
    clear = _block_mean(seen & tile.valid, side) > 0.99
    if baseline is not None:
        light = light - _block_mean(baseline.luminance(), side)
        clear &= _block_mean(baseline.valid, side) > 0.99
    cars = _covered(outlines_px, light.shape, side)
    beside = ndimage.distance_transform_edt(~cars) * cell_m if cars.any() else np.full(cars.shape, np.inf)
    rows, cols = np.nonzero(clear & (beside > 1.5 * cell_m) & (beside < NEAR_M))
    if len(rows) < LEAST_CELLS:
        return None
    step = -(-len(rows) // MOST_CELLS)
    rows, cols = rows[::step], cols[::step]
    values = light[rows, cols]
    values = np.clip(values, *np.percentile(values, [2, 98]))
    spread = float(values.std())
    if spread == 0:
        return None
    return _Ground(((values - values.mean()) / spread).astype(np.float32), rows, cols, cars, cell_m)


def _block_mean(image: Floats | Mask, side: int) -> Floats:
    """Means over square blocks; what does not fill a block at the right and bottom is left out."""
    rows, cols = (length // side for length in image.shape)
    blocks = image[: rows * side, : cols * side].reshape(rows, side, cols, side)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _covered(outlines_px: Sequence[Corners], shape: tuple[int, ...], side: int) -> Mask:
    """(rows, cols) of cells, under the outlines."""
    picture = Image.new("1", (shape[1], shape[0]))
    draw = ImageDraw.Draw(picture)
    for corners in outlines_px:
        draw.polygon([(float(x), float(y)) for x, y in (corners + 0.5) / side - 0.5], fill=1)
    return np.array(picture)


def _agreement(ground: _Ground) -> Floats:
    """(directions, lengths): how far what is dark is what would lie in shadow, as a correlation."""
    steps = int(LONGEST_M / ground.cell_m)
    cars = np.pad(ground.cars, steps)
    agreement = np.zeros((DIRECTIONS, steps), np.float32)
    for number in range(DIRECTIONS):
        angle = 2 * np.pi * number / DIRECTIONS
        shaded = np.zeros(len(ground.light), dtype=bool)
        for step in range(1, steps + 1):
            dx, dy = round(np.cos(angle) * step), round(np.sin(angle) * step)
            shaded |= cars[ground.rows + steps - dy, ground.cols + steps - dx]
            share = shaded.mean()
            covariance = float(ground.light[shaded].sum()) / len(shaded)
            agreement[number, step - 1] = -covariance / np.sqrt(max(share * (1 - share), 1e-3))
    return agreement
