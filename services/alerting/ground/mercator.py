"""Web Mercator, the projection of map tiles."""

import math

# Half of the world's extent, metres.
HALF_WORLD_M = math.pi * 6_378_137.0
# Pixels of a map tile on a side.
TILE_PX = 256

# West, south, east, north: in metres of Web Mercator, or in degrees.
Bounds = tuple[float, float, float, float]


def bounds_of_tile(zoom: int, column: int, row: int) -> Bounds:
    """The ground of a map tile."""
    side = 2 * HALF_WORLD_M / 2**zoom
    west, north = column * side - HALF_WORLD_M, HALF_WORLD_M - row * side
    return west, north - side, west + side, north


def from_degrees(bounds: Bounds) -> Bounds:
    """Bounds in longitude and latitude, in Web Mercator."""
    west, south, east, north = bounds
    return _x(west), _y(south), _x(east), _y(north)


def widened(bounds: Bounds, metres: float) -> Bounds:
    """Bounds in degrees with some ground around them, in Web Mercator."""
    away = metres / max(math.cos(math.radians((bounds[1] + bounds[3]) / 2)), 0.01)
    west, south, east, north = from_degrees(bounds)
    return west - away, south - away, east + away, north + away


def _x(lon: float) -> float:
    return lon / 180 * HALF_WORLD_M


def _y(lat: float) -> float:
    return math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) / math.pi * HALF_WORLD_M
