"""Where the sun stands."""

from datetime import UTC, datetime

import numpy as np

from railwatch.shared.counts import Sun

# The epoch from which the almanac counts days.
J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
# Elevation in degrees at which the upper edge of the sun touches the horizon: its radius, 16 minutes of arc, and the
# refraction of the air there, 34 minutes. The definition of sunrise and sunset in the Astronomical Almanac.
HORIZON_DEG = -50 / 60


def sun_position(observed_at: datetime, lon: float, lat: float) -> Sun:
    """The sun as seen from a place. It is right to 0.01 degrees from 1950 to 2050, and leaves refraction out.

    The Astronomical Almanac's algorithm, as given by J. J. Michalsky, Solar Energy 40 (1988), 227-235.

    Args:
        observed_at: a time with its time zone.
        lon: degrees east.
        lat: degrees north.
    """
    days = (observed_at - J2000).total_seconds() / 86400
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    ecliptic = np.deg2rad(mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    obliquity = np.deg2rad(23.439 - 4e-7 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(obliquity) * np.sin(ecliptic))
    sidereal_hours = 18.697374558 + 24.06570982441908 * days
    hour_angle = np.deg2rad(15 * sidereal_hours + lon) - right_ascension
    latitude = np.deg2rad(lat)
    elevation = np.arcsin(
        np.sin(declination) * np.sin(latitude) + np.cos(declination) * np.cos(latitude) * np.cos(hour_angle)
    )
    azimuth = np.arctan2(
        -np.sin(hour_angle) * np.cos(declination),
        np.sin(declination) * np.cos(latitude) - np.cos(declination) * np.sin(latitude) * np.cos(hour_angle),
    )
    return Sun(azimuth_deg=float(np.rad2deg(azimuth) % 360), elevation_deg=float(np.rad2deg(elevation)))
