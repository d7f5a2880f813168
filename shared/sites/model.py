"""A site, its tracks and its cells."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import shapely
from pydantic import BeforeValidator, ConfigDict, Field
from shapely import LineString, MultiLineString, Polygon, STRtree, box

from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Slug
from railwatch.shared.geography import GEOD, from_lon_lat, shape_from_lon_lat, shape_to_lon_lat, utm_zone

# Over the buffers: two-axle wagons are about 9 m long, the longest car carriers about 27 m.
CAR_LENGTHS_M = (9.0, 27.0)
# The longest side of a cell: about 3300 px at 0.3 m, which one core counts in seconds.
TILE_SIZE_M = 1000.0
# How far a tile reaches beyond its cell: half of the longest car, the largest shift of a baseline, and some ground.
MARGIN_M = 50.0
# A cell shows track if it has any ground within this distance of a centreline.
CORRIDOR_M = 10.0

LonLat = tuple[float, float]


def _lon_lat(value: Any) -> Any:
    """A position without its altitude. Projected coordinates are refused."""
    match value:
        case [int() | float() as lon, int() | float() as lat, *_]:
            lon, lat = float(lon), float(lat)
        case _:
            raise ValueError("must be a position [longitude, latitude] in degrees")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ValueError(f"[{lon:g}, {lat:g}] is not a longitude and latitude; coordinates must be WGS 84 degrees")
    return lon, lat


Position = Annotated[LonLat, BeforeValidator(_lon_lat)]


class Track(Frozen):
    """One track's centreline.

    Attributes:
        id: the track's name, unique at its site.
        coordinates: longitude and latitude of its vertices, WGS 84 degrees, in order along the track.
        main: whether it is a main line, on which trains pass.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    id: str = Field(min_length=1)
    coordinates: tuple[Position, ...] = Field(min_length=2)
    main: bool = False

    @cached_property
    def length_m(self) -> float:
        """Length on the ellipsoid."""
        lons, lats = zip(*self.coordinates, strict=True)
        return float(GEOD.line_length(lons, lats))

    @cached_property
    def line(self) -> LineString:
        """The centreline, in longitude and latitude."""
        return shapely.linestrings(self.coordinates)


class ContextEvent(Frozen):
    """Something that happened in the world. A rise in the count may follow it.

    Attributes:
        title: the words for it in an alert, such as "Kim-Putin meeting".
        at: when it happened. A date alone means its first moment in UTC.
    """

    title: str = Field(min_length=1)
    at: UtcDatetime


class NewNormal(Frozen):
    """An operator's decision that a site's history begins again: earlier looks are not used any more.

    Attributes:
        at: when the new history begins. A date alone means its first moment in UTC.
        by: who decided it.
        reason: the words for it in an alert that it ends, such as "a second yard was opened".
    """

    at: UtcDatetime
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class Cell(Frozen):
    """One square of a site's grid. A car belongs to the cell that contains its centre, so no car is counted twice.

    A tile reaches `MARGIN_M` beyond its cell, so that a car on the edge of two cells is whole in both tiles. The
    detector counts it in the one whose cell contains its centre.

    Attributes:
        id: `r<row>c<column>`, rows from the north, columns from the west; `r0c0` for a site of one cell.
        crs: the grid's projection: the site's UTM zone, such as `EPSG:32652`.
        bounds_m: left, bottom, right, top in that projection. Left and bottom belong to the cell, right and top do not.
    """

    id: Slug
    crs: str
    bounds_m: tuple[float, float, float, float]

    @cached_property
    def polygon(self) -> Polygon:
        """The cell, in longitude and latitude."""
        return shape_to_lon_lat(self.crs, box(*self.bounds_m))

    @cached_property
    def tile_polygon(self) -> Polygon:
        """The cell with its margin, in longitude and latitude: the ground that a tile shows."""
        left, bottom, right, top = self.bounds_m
        return shape_to_lon_lat(self.crs, box(left - MARGIN_M, bottom - MARGIN_M, right + MARGIN_M, top + MARGIN_M))

    def contains(self, lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether points lie in the cell, without its margin.

        Args:
            lon: longitudes, WGS 84 degrees, of any shape.
            lat: latitudes, WGS 84 degrees, of the same shape.
        """
        x, y = from_lon_lat(self.crs, lon, lat)
        left, bottom, right, top = self.bounds_m
        return np.asarray((left <= x) & (x < right) & (bottom <= y) & (y < top))


class Site(Frozen):
    """A monitored rail facility.

    Attributes:
        id: the site's name in events, keys and metrics.
        name: the site's name for people.
        area: outer ring of the monitored ground, longitude and latitude. Parts of tracks beyond it are not counted.
        tracks: the centrelines on which cars are counted. Main lines may be left out.
        car_lengths_m: the shortest and the longest car to expect.
        events: what a rise may be related to.
        tile_size_m: longest side of a cell. If it or the area changes, there are other cells and new baselines.
        new_normal: the operators' decisions that the site's history begins again.
    """

    model_config = ConfigDict(ignored_types=(cached_property,))

    id: Slug
    name: str = Field(min_length=1)
    area: tuple[Position, ...] = Field(min_length=4)
    tracks: tuple[Track, ...] = Field(min_length=1)
    car_lengths_m: tuple[float, float] = CAR_LENGTHS_M
    events: tuple[ContextEvent, ...] = ()
    tile_size_m: float = TILE_SIZE_M
    new_normal: tuple[NewNormal, ...] = ()

    @cached_property
    def polygon(self) -> Polygon:
        """The area, in longitude and latitude."""
        return Polygon(self.area)

    @cached_property
    def lines(self) -> MultiLineString:
        """All centrelines, in longitude and latitude."""
        return MultiLineString([track.coordinates for track in self.tracks])

    @property
    def track_length_m(self) -> float:
        """Length of all tracks on the ellipsoid, added up."""
        return sum(track.length_m for track in self.tracks)

    def cells(self) -> tuple[Cell, ...]:
        """The cells that show track, row by row from the north-west.

        The area's bounding box in the site's UTM zone is divided evenly into the fewest cells whose sides are no longer
        than `tile_size_m`.
        """
        return self._cells

    @cached_property
    def _cells(self) -> tuple[Cell, ...]:
        crs = grid_crs(self.area)
        left, bottom, right, top = shape_from_lon_lat(crs, self.polygon).bounds
        columns = max(1, math.ceil((right - left) / self.tile_size_m))
        rows = max(1, math.ceil((top - bottom) / self.tile_size_m))
        xs = np.linspace(left, right, columns + 1)
        ys = np.linspace(top, bottom, rows + 1)
        grid = [
            Cell(id=f"r{row}c{column}", crs=crs, bounds_m=(xs[column], ys[row + 1], xs[column + 1], ys[row]))
            for row in range(rows)
            for column in range(columns)
        ]
        corridor = shape_from_lon_lat(crs, self.lines).buffer(CORRIDOR_M)
        touched = STRtree([box(*cell.bounds_m) for cell in grid]).query(corridor, predicate="intersects")
        return tuple(grid[index] for index in sorted(touched))


def grid_crs(points: Sequence[LonLat]) -> str:
    """The projection of a site's grid: the UTM zone of the middle of its ground (longitude, latitude)."""
    lons, lats = zip(*points, strict=True)
    return utm_zone((min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2)
