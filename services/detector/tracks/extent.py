"""How much of a place's track lies on a picture, and how far along a track its parts lie."""

from collections.abc import Sequence

import numpy as np
import shapely

from railwatch.services.detector.imagery.arrays import Doubles, Points
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.sites import Cell, Track

# Where no cell says which ground counts, lines are drawn to the picture's edge or a little beyond it. A shorter end, in
# metres, beyond the edge is not a part that the picture leaves out.
DRAWN_BEYOND_M = 20.0


def share_on_picture(tracks: Sequence[Track], tile: Raster, cell: Cell | None) -> float:
    """Share of the tracks' length, inside the cell, over which a tile has pixels, whatever they show.

    Args:
        tracks: the site's tracks. Those that the tile's CRS does not reach are left out.
        tile: the tile.
        cell: the ground that counts; the whole of the tracks without one, but for ends up to `DRAWN_BEYOND_M`.
    """
    lines_px = [tile.to_pixels(np.array(track.coordinates)) for track in tracks]
    lines = shapely.union_all([shapely.LineString(line) for line in lines_px if np.isfinite(line).all()])
    if cell is not None:
        lines = lines.intersection(shapely.Polygon(tile.to_pixels(np.array(cell.polygon.exterior.coords))))
    rows, cols = tile.shape
    picture = shapely.box(-0.5, -0.5, cols - 0.5, rows - 0.5)
    on_picture_px = lines.intersection(picture).length
    ends_px = shapely.length(shapely.get_parts(lines.difference(picture)))
    left_out_px = ends_px[ends_px * tile.gsd_m > (DRAWN_BEYOND_M if cell is None else 0)].sum()
    return float(on_picture_px / (on_picture_px + left_out_px)) if left_out_px > 0 else 1.0


def along_m(track: Track, tile: Raster, xy_px: Points) -> Doubles:
    """How far along a track points (n, 2) in a tile's pixel coordinates lie, metres from its first vertex, shape (n,).

    It is measured on the track as drawn, so that all pictures of a place have one measure.
    """
    line = shapely.LineString(tile.to_pixels(np.array(track.coordinates)))
    share = shapely.line_locate_point(line, shapely.points(xy_px), normalized=True)
    return np.asarray(share * track.length_m)
