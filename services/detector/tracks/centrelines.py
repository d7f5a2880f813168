"""Track centrelines in the pixel coordinates of a tile."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from PIL import Image, ImageDraw
from shapely import LineString, Polygon, box

from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.sites import Track


@dataclass(frozen=True)
class Centreline:
    """A track on a tile: `xy_px` is (n, 2), in the tile's pixel coordinates. Parts of it may lie outside the tile."""

    id: str
    xy_px: Points


def project(tracks: Iterable[Track], tile: Raster) -> tuple[Centreline, ...]:
    """The tracks that cross the tile, in its pixel coordinates."""
    frame = _frame(tile)
    lines = (Centreline(track.id, tile.to_pixels(np.array(track.coordinates))) for track in tracks)
    return tuple(line for line in lines if np.isfinite(line.xy_px).all() and LineString(line.xy_px).intersects(frame))


def distance_m(track: Track, tile: Raster) -> float:
    """How far a track lies outside a tile: 0 where it crosses it, infinite where the tile's CRS does not reach."""
    xy_px = tile.to_pixels(np.array(track.coordinates))
    if not np.isfinite(xy_px).all():
        return float("inf")
    return float(LineString(xy_px).distance(_frame(tile))) * tile.gsd_m


def ground_of(tile: Raster) -> Polygon:
    """A tile's outline, longitude and latitude."""
    outline = _frame(tile).segmentize(max(tile.shape) / 20)
    return shapely.transform(outline, tile.to_lonlat)


def corridor(lines: Iterable[Centreline], tile: Raster, half_width_m: float) -> Mask:
    """True (rows, cols) within `half_width_m` of a centreline."""
    rows, cols = tile.shape
    # PIL draws lines of any width. scikit-image draws only polygons and lines one pixel wide.
    mask = Image.new("1", (cols, rows))
    draw = ImageDraw.Draw(mask)
    width_px = max(1, round(2 * half_width_m / tile.gsd_m))
    for line in lines:
        draw.line([(x, y) for x, y in line.xy_px], fill=1, width=width_px, joint="curve")
    return np.array(mask)


def _frame(tile: Raster) -> Polygon:
    rows, cols = tile.shape
    return box(-0.5, -0.5, cols - 0.5, rows - 0.5)
