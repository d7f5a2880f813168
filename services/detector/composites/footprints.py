"""The ground that a look does not show because cars stand on it, or shade it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import shapely

from railwatch.services.detector.composites.looks import StandingCar
from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.outlines import covered
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.tracks.centrelines import Centreline, project
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Track

# The widest and the highest freight cars, in metres. What stands higher throws a longer shadow.
WIDTH_M = 3.3
HEIGHT_M = 4.7
# Outlines are this much larger on all sides, in metres: couplings, buffers, the lean of bodies, blur, and what is left
# of a displacement.
MARGIN_M = 1.0


def under_cars(look: Raster, cars: Sequence[StandingCar], tracks: Iterable[Track], sun: Sun) -> Mask:
    """(rows, cols), true under cars and their shadows.

    Args:
        look: the picture in which they stand.
        cars: what was counted in it.
        tracks: the site's tracks, which give the cars their directions.
        sun: where the sun stood.
    """
    lines = {line.id: line for line in project(tracks, look)}
    shadow = shadow_px(sun, look)
    reach = np.zeros(2) if shadow is None else HEIGHT_M * shadow.ravel()
    return covered(_outlines(look, cars, lines, reach), look.shape)


def _outlines(
    look: Raster, cars: Sequence[StandingCar], lines: Mapping[str, Centreline], reach: Points
) -> Iterator[Points]:
    places = look.to_pixels(np.array([(car.lon, car.lat) for car in cars]).reshape(-1, 2))
    for car, middle in zip(cars, places, strict=True):
        if car.track not in lines or not np.isfinite(middle).all():
            continue
        along = _direction(lines[car.track], middle) * (car.length_m / 2 + MARGIN_M) / look.gsd_m
        across = np.array([-along[1], along[0]]) / np.hypot(*along) * (WIDTH_M / 2 + MARGIN_M) / look.gsd_m
        corners = middle + np.array([along + across, along - across, -along - across, across - along])
        # A convex outline that is moved along a line sweeps over the convex hull of its first and last place.
        swept = shapely.MultiPoint(np.concatenate([corners, corners + reach])).convex_hull
        yield shapely.get_coordinates(swept)


def _direction(line: Centreline, at: Points) -> Points:
    """The unit vector (2,) of a line where it is nearest to a place."""
    shape = shapely.LineString(line.xy_px)
    here = shape.project(shapely.Point(at))
    ends = shapely.get_coordinates(shapely.line_interpolate_point(shape, np.array([here - 1.0, here + 1.0]).clip(0)))
    run = ends[1] - ends[0]
    return np.asarray(run / max(float(np.hypot(*run)), 1e-9))
