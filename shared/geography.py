"""Places on Earth: degrees, projections, and the pixels of a picture.

Longitude and latitude are WGS 84 degrees. A CRS is an EPSG code such as `EPSG:32652`, WKT, or rasterio's object.
"""

import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from shapely.geometry.base import BaseGeometry

if TYPE_CHECKING:
    from rasterio.crs import CRS  # alerting has no need of GDAL, and starts sooner

# The ellipsoid on which all lengths on the ground are measured.
GEOD = Geod(ellps="WGS84")
DEGREES = "EPSG:4326"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PixelGrid:
    """Where the pixels of a picture lie on Earth.

    A position on the grid is a column and a row. (0, 0) is the outer corner of the first pixel, (0.5, 0.5) its centre.

    Attributes:
        transform: from column and row to the CRS.
        crs: the picture's CRS.
    """

    transform: Affine
    crs: "CRS | str"

    def to_lon_lat(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Longitudes and latitudes of positions; infinite where the CRS does not reach.

        Raises:
            ProjError: the CRS has no relation to longitude and latitude.
        """
        return to_lon_lat(self.crs, *_applied(self.transform, columns, rows))

    def to_pixels(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Columns and rows of longitudes and latitudes; infinite where the CRS does not reach.

        Raises:
            ProjError: the CRS has no relation to longitude and latitude.
        """
        return _applied(~self.transform, *from_lon_lat(self.crs, lon, lat))

    def pixel_size_m(self, column: float, row: float) -> tuple[float, float]:
        """True metres on the ground of one step along the columns and of one along the rows, whatever the CRS.

        Both are NaN where the CRS does not reach.

        Raises:
            ProjError: the CRS has no relation to longitude and latitude.
        """
        lon, lat = self.to_lon_lat(np.array([column, column + 1, column]), np.array([row, row, row + 1]))
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return math.nan, math.nan
        _, _, metres = GEOD.inv(lon[[0, 0]], lat[[0, 0]], lon[1:], lat[1:])
        return float(metres[0]), float(metres[1])

    def gsd_m(self, column: float, row: float) -> float:
        """Ground sample distance at a position: the geometric mean of `pixel_size_m`."""
        return math.sqrt(math.prod(self.pixel_size_m(column, row)))


def utm_zone(lon: float, lat: float) -> str:
    """The UTM zone of a place, as `EPSG:326xx` in the north and `EPSG:327xx` in the south.

    The zones are six degrees wide everywhere: the exceptions of Norway and Svalbard are not made.
    """
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def from_lon_lat(crs: "CRS | str", lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes, carried to a CRS; infinite where it does not reach."""
    x, y = _transformer(DEGREES, crs).transform(lon, lat)
    return x, y


def to_lon_lat(crs: "CRS | str", x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Coordinates in a CRS, carried to longitudes and latitudes; infinite where it does not reach."""
    lon, lat = _transformer(crs, DEGREES).transform(x, y)
    return lon, lat


def shape_from_lon_lat(crs: "CRS | str", shape: BaseGeometry) -> BaseGeometry:
    """A shape in longitude and latitude, carried to a CRS."""
    return shapely.transform(shape, partial(from_lon_lat, crs), interleaved=False)


def shape_to_lon_lat(crs: "CRS | str", shape: BaseGeometry) -> BaseGeometry:
    """A shape in a CRS, carried to longitude and latitude."""
    return shapely.transform(shape, partial(to_lon_lat, crs), interleaved=False)


def _applied(transform: Affine, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """`transform @ (x, y)` for arrays; affine's own type hints know single points only."""
    a, b, c, d, e, f = transform[:6]
    return a * x + b * y + c, d * x + e * y + f


# Each of the 120 UTM zones in both directions.
@lru_cache(maxsize=256)
def _transformer(source: "CRS | str", target: "CRS | str") -> Transformer:
    return Transformer.from_crs(_wkt(source), _wkt(target), always_xy=True)


def _wkt(crs: "CRS | str") -> str:
    return crs if isinstance(crs, str) else str(crs.to_wkt())
