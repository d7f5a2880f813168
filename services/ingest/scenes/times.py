"""When a scene was acquired, as its sender says."""

from datetime import UTC, datetime

from shapely import Polygon

from railwatch.shared.clock import lies_ahead
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.sun import HORIZON_DEG, sun_position

# Sputnik 1: nothing was seen from orbit before.
FIRST_SATELLITE = datetime(1957, 10, 4, tzinfo=UTC)


def moment(text: object, field: str, now: datetime) -> datetime:
    """A time in UTC.

    Args:
        text: the time in ISO 8601, with its zone; null if the sender gave none.
        field: its name in messages.
        now: the present.

    Raises:
        UnprocessableError: one of the `timestamp-*` reasons.
    """
    if text is None:
        raise UnprocessableError(
            "timestamp-missing", f"`{field}` must say when the scene was acquired, such as 2023-10-05T02:11:00Z."
        )
    try:
        at = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise UnprocessableError(
            "timestamp-invalid", f"`{field}` must be an ISO 8601 time, such as 2023-10-05T02:11:00Z."
        ) from None
    if at.tzinfo is None:
        raise UnprocessableError(
            "timestamp-without-zone", f"`{field}` must say its time zone, such as 2023-10-05T02:11:00Z for UTC."
        )
    if lies_ahead(at, now):
        raise UnprocessableError("timestamp-in-future", f"`{field}` lies in the future; it must be in the past.")
    if at < FIRST_SATELLITE:
        raise UnprocessableError("timestamp-too-early", f"`{field}` lies before the first satellite, in October 1957.")
    return at.astimezone(UTC)


def middle(start: object, end: object, now: datetime) -> tuple[datetime, str]:
    """The middle of an acquisition, from the start and the end that a STAC Item gives, and a remark that says so.

    Raises:
        UnprocessableError: one of the `timestamp-*` reasons.
    """
    begins = moment(start, "properties.start_datetime", now)
    ends = moment(end, "properties.end_datetime", now)
    if ends < begins:
        raise UnprocessableError(
            "timestamp-invalid", "`properties.end_datetime` must not lie before `properties.start_datetime`."
        )
    at = begins + (ends - begins) / 2
    remark = (
        f"`properties.datetime` is null; the time is {at.isoformat()}, the middle of {begins.isoformat()} and "
        f"{ends.isoformat()}."
    )
    return at, remark


def check_daylight(observed_at: datetime, footprint: Polygon) -> None:
    """Checks that the sun was up where a scene was seen. If it was not, its time is most likely in another time zone.

    Args:
        observed_at: when the satellite saw it.
        footprint: the scene's outline, longitude and latitude.

    Raises:
        UnprocessableError: `timestamp-at-night`.
    """
    lon, lat = footprint.centroid.x, footprint.centroid.y
    elevation_deg = sun_position(observed_at, lon, lat).elevation_deg
    if elevation_deg < HORIZON_DEG:
        raise UnprocessableError(
            "timestamp-at-night",
            f"At {observed_at.isoformat()} the sun stood {-elevation_deg:.0f} degrees below the horizon of the scene; "
            "check the time zone.",
        )
