"""Days and times as options of the command."""

from datetime import UTC, date, datetime

import typer


def day(text: str) -> date:
    """A day, in any form of ISO 8601.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2023-10-05.") from None


def time_or_day(text: str) -> datetime:
    """A time in UTC, in any form of ISO 8601. Without a zone it is UTC; a day alone is its beginning.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not a time such as 2023-10-05T02:19Z or 2023-10-05.") from None


def time_of_day(text: str) -> datetime:
    """As `time_or_day`, but a day alone is not enough.

    Raises:
        typer.BadParameter: it is not a time, or a day alone.
    """
    time = time_or_day(text)
    try:
        date.fromisoformat(text)
    except ValueError:
        return time
    raise typer.BadParameter(f"{text!r} is a day; the time of day is needed, such as 2023-10-05T02:19Z.")


def check_span(since: datetime | None, until: datetime | None) -> None:
    """Refuse a span of time that holds nothing.

    Raises:
        typer.BadParameter: it ends before it begins.
    """
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter(
            f"{since:%Y-%m-%dT%H:%MZ} is not before {until:%Y-%m-%dT%H:%MZ}", param_hint="the span of time"
        )
