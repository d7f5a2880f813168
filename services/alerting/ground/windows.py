"""Windows of the ground in Web Mercator, drawn from the tiles of a look."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.transform import from_bounds
from rasterio.warp import reproject, transform_bounds

from railwatch.services.alerting.ground.mercator import HALF_WORLD_M, TILE_PX, Bounds
from railwatch.services.alerting.ground.sheets import MERCATOR, Colours, Sheet
from railwatch.shared.counts import BlobRef
from railwatch.shared.events import CountEvent

# Pixels beyond a window that are read for it, for what lies between pixels.
AROUND_PX = 4


@dataclass(frozen=True)
class Placed:
    """A sheet and how far it is moved, in the units of its projection."""

    sheet: Sheet
    moved: tuple[float, float] = (0.0, 0.0)


SheetOf = Callable[[BlobRef, BlobRef], Sheet]


def as_seen(counts: Sequence[CountEvent], sheet_of: SheetOf) -> Iterable[Placed]:
    """The tiles of a look where their files say that they lie."""
    return (Placed(sheet_of(count.image, counts[0].image)) for count in counts)


def aligned(counts: Sequence[CountEvent], sheet_of: SheetOf) -> Iterable[Placed]:
    """The tiles of a look, moved onto their baselines, so that looks can be laid over each other."""
    for count in counts:
        sheet = sheet_of(count.image, counts[0].image)
        yield Placed(sheet, _shift(sheet, count, -1.0))


def baselines(counts: Sequence[CountEvent], sheet_of: SheetOf) -> Iterable[Placed]:
    """The baselines of a look, moved onto its tiles."""
    with_baseline = [(count, count.baseline.image) for count in counts if count.baseline]
    for count, image in with_baseline:
        sheet, tile = sheet_of(image, with_baseline[0][1]), sheet_of(count.image, counts[0].image)
        yield Placed(sheet, _shift(tile, count, 1.0) if tile.crs == sheet.crs else (0.0, 0.0))


def deepest_zoom(sheets: Iterable[Sheet]) -> int:
    """The zoom at which map tiles show every pixel of the sheets."""
    finest = min(sheet.metres_per_px for sheet in sheets)
    return math.ceil(math.log2(2 * HALF_WORLD_M / TILE_PX / finest))


def drawn(placed: Iterable[Placed], bounds: Bounds, width: int, height: int) -> Colours:
    """A window (rows, cols, 4) in Web Mercator. Where nothing was seen, it is transparent."""
    target = np.zeros((4, height, width), np.uint8)
    metres_per_px = (bounds[2] - bounds[0]) / width
    for one in placed:
        if _apart(one, bounds):
            continue
        here = _warped(one, bounds, (height, width), metres_per_px)
        target = np.where((here[3] > 127) & (here[3] >= target[3]), here, target)
    return np.ascontiguousarray(target.transpose(1, 2, 0))


def _apart(one: Placed, bounds: Bounds) -> bool:
    west, south, east, north = one.sheet.bounds
    margin = 10.0 + 2 * math.hypot(*one.moved) if one.sheet.crs.is_projected else HALF_WORLD_M
    return (
        east + margin < bounds[0]
        or west - margin > bounds[2]
        or north + margin < bounds[1]
        or south - margin > bounds[3]
    )


def _warped(one: Placed, bounds: Bounds, shape: tuple[int, int], metres_per_px: float) -> Colours:
    sheet = one.sheet
    coarser = math.floor(math.log2(max(metres_per_px / sheet.metres_per_px, 1.0)) + 0.3)
    number = min(coarser, len(sheet.levels) - 1)
    transform = Affine.translation(*one.moved) * sheet.transform * Affine.scale(2**number)
    found = np.zeros((4, *shape), np.uint8)
    rows, cols = _needed(transform, sheet, bounds, sheet.levels[number].shape[1:])
    part = sheet.levels[number][:, rows, cols]
    if not part.size:
        return found
    reproject(
        np.ascontiguousarray(part),
        found,
        src_transform=transform * Affine.translation(cols.start, rows.start),
        src_crs=sheet.crs,
        dst_transform=from_bounds(*bounds, shape[1], shape[0]),
        dst_crs=MERCATOR,
        resampling=Resampling.bilinear,
    )
    return found


def _needed(transform: Affine, sheet: Sheet, bounds: Bounds, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a level that a window shows, with some around them."""
    west, south, east, north = transform_bounds(MERCATOR, sheet.crs, *bounds)
    corners = np.array([~transform * place for place in ((west, south), (west, north), (east, south), (east, north))])
    first, last = np.floor(corners.min(axis=0)).astype(int) - AROUND_PX, np.ceil(corners.max(axis=0)).astype(int)
    cols, rows = (
        slice(max(0, int(begin)), max(0, min(size, int(end) + AROUND_PX)))
        for begin, end, size in zip(first, last, (shape[1], shape[0]), strict=True)
    )
    return rows, cols


def _shift(tile: Sheet, count: CountEvent, sign: float) -> tuple[float, float]:
    """How far a baseline was moved onto its tile, in the units of the tile's projection."""
    found = count.result.registration
    if found is None:
        return 0.0, 0.0
    scale = tile.transform
    return (
        sign * (scale.a * found.dx_px + scale.b * found.dy_px),
        sign * (scale.d * found.dx_px + scale.e * found.dy_px),
    )
