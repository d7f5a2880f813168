"""Where the sun stood, as a sender says. An absurd angle is left out with a remark: the scene is good without it."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from railwatch.shared.counts import Sun
from railwatch.shared.text import plain

# Degrees. Senders measure azimuths from 0 to 360 or from -180 to 180, and round a little beyond. An angle that is more
# than one turn away from a true one is no angle.
AZIMUTHS = (-360.0, 720.0)
ELEVATIONS = (-90.0, 90.0)
# Characters of an absurd value that a remark quotes.
QUOTED = 40


class Angle(NamedTuple):
    """What a sender gives for an angle: the field's name, and its value, which may be anything."""

    field: str
    given: object


def read_sun(azimuth: Angle, elevation: Angle) -> tuple[Sun | None, tuple[str, ...]]:
    """The sun, and remarks on what had to be left out. The azimuth is brought into [0, 360).

    Half a sun is none: without one of the angles, the other one says nothing about shadows.
    """
    remarks = tuple(_remarks((azimuth, AZIMUTHS), (elevation, ELEVATIONS)))
    azimuth_deg, elevation_deg = _degrees(azimuth, AZIMUTHS), _degrees(elevation, ELEVATIONS)
    if azimuth_deg is None or elevation_deg is None:
        return None, remarks
    # A tiny negative angle gives 360 exactly.
    turned = azimuth_deg % 360.0 % 360.0
    return Sun(azimuth_deg=turned, elevation_deg=elevation_deg), remarks


def _degrees(angle: Angle, limits: tuple[float, float]) -> float | None:
    if isinstance(angle.given, bool) or not isinstance(angle.given, int | float | str):
        return None
    try:
        degrees = float(angle.given)
    except (ValueError, OverflowError):
        return None
    return degrees if math.isfinite(degrees) and limits[0] <= degrees <= limits[1] else None


def _remarks(*angles: tuple[Angle, tuple[float, float]]) -> Iterator[str]:
    for angle, limits in angles:
        if angle.given is not None and _degrees(angle, limits) is None:
            value = plain(repr(angle.given), QUOTED)
            yield f"`{angle.field}` is {value}, which is no such angle; the position of the sun is not used."
