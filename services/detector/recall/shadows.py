"""The position of the sun, estimated from the shadows of the cars that were counted.

Each direction and length of shadow predicts which ground near the cars lies in the shade: what the cars' outlines sweep
over when they are moved that way. The prediction that agrees best with the dark ground, over all cars, gives the sun.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from railwatch.services.detector.imagery.arrays import Floats, Integers, Mask, Points
from railwatch.services.detector.imagery.outlines import covered
from railwatch.services.detector.imagery.raster import Raster, north_px
from railwatch.services.detector.imagery.structure import block_mean
from railwatch.shared.counts import Sun

# Side of the blocks on which shadows are sought, in metres.
BLOCK_M = 0.5
# Directions that are tried, evenly around.
DIRECTIONS = 24
# Longer shadows, in metres, reach beyond the next two tracks, and hardly show where they began.
LONGEST_M = 12.0
# Ground is examined so far around the cars, in metres.
NEAR_M = 10.0
# Height of a car in metres. Roofs and rims of freight cars lie 3 to 4.6 m above the ground, loaded flats about as high.
CAR_HEIGHT_M = 3.5
# Number of blocks of ground that are enough, and below which they are too few.
ENOUGH, TOO_FEW = 8_000, 400
# Least correlation of the dark ground and the predicted shade, and its least lead over that of the opposite sun: under
# an even sky it is darker on all sides of a car.
LEAST_AGREEMENT, LEAST_ADVANTAGE = 0.4, 0.15


@dataclass(frozen=True)
class _Ground:
    """Ground near cars: its light, standardised, (n,), its place on the grid of blocks, and where cars stand there."""

    light: Floats
    rows: Integers
    cols: Integers
    cars: Mask
    block_m: float


def estimate_sun(tile: Raster, baseline: Raster | None, seen: Mask, outlines_px: Sequence[Points]) -> Sun | None:
    """The position of the sun, from the shadows beside cars.

    Args:
        tile: the tile.
        baseline: registered and in the tile's radiometry, or None. Only differences from it can be shadow.
        seen: (rows, cols), the ground that can be seen.
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
    elevation = np.rad2deg(np.arctan2(CAR_HEIGHT_M, (length + 1) * ground.block_m))
    return Sun(azimuth_deg=float(azimuth), elevation_deg=float(elevation))


def _near_cars(tile: Raster, baseline: Raster | None, seen: Mask, outlines_px: Sequence[Points]) -> _Ground | None:
    side = max(1, round(BLOCK_M / tile.gsd_m))
    block_m = side * tile.gsd_m
    light = block_mean(tile.luminance(), side)
    clear = block_mean(seen & tile.valid, side) > 0.99
    if baseline is not None:
        light = light - block_mean(baseline.luminance(), side)
        clear &= block_mean(baseline.valid, side) > 0.99
    cars = covered([(corners + 0.5) / side - 0.5 for corners in outlines_px], light.shape)
    beside = ndimage.distance_transform_edt(~cars) * block_m if cars.any() else np.full(cars.shape, np.inf)
    rows, cols = np.nonzero(clear & (beside > 1.5 * block_m) & (beside < NEAR_M))
    if len(rows) < TOO_FEW:
        return None
    step = -(-len(rows) // ENOUGH)
    rows, cols = rows[::step], cols[::step]
    values = light[rows, cols]
    values = np.clip(values, *np.percentile(values, [2, 98]))
    spread = float(values.std())
    if spread == 0:
        return None
    return _Ground(((values - values.mean()) / spread).astype(np.float32), rows, cols, cars, block_m)


def _agreement(ground: _Ground) -> Floats:
    """(directions, lengths): the correlation of the dark ground and the predicted shade."""
    steps = int(LONGEST_M / ground.block_m)
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
