"""The header `Retry-After`, with which a server asks to be left alone for a while."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def pause_s(retry_after: str) -> float | None:
    """What `Retry-After` asks for, as a number of seconds or as a date (RFC 9110). Null if it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
