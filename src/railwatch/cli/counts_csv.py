"""Read counts of one site, or spans of time, from a CSV file. Each line is checked."""

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from railwatch.shared.clock import lies_ahead
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Look

# Railcars. No rail yard holds more: a count above this is a fault of the file.
COUNT_LIMIT = 100_000
NOT_OBSERVED = frozenset({"", "nan", "null", "none", "na", "n/a"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file: the time as it is written in the file, and the look."""

    written_at: str
    look: Look


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time when a site held too many cars. Both ends belong to it."""

    start: datetime
    end: datetime


def read_counts(path: Path) -> list[Row]:
    """The looks of a CSV file `observed_at,count[,low,high,coverage]`, in the order of its lines.

    Times are ISO 8601: all with a zone, or all without (then they are UTC). An empty count is a look that saw nothing.
    An empty coverage means that the whole track was seen. A look must not be dated in the future.

    Raises:
        UnprocessableError: the file is not such a table. The message names the line.
    """
    rows: dict[datetime, tuple[int, Row]] = {}
    zones = _Zones(path)
    for line, cells in _table(path, required=("observed_at", "count"), optional=("low", "high", "coverage")):
        try:
            observed_at = zones.read(line, cells["observed_at"])
            if lies_ahead(observed_at, datetime.now(UTC)):
                raise ValueError(f"{cells['observed_at']} lies in the future (a time without a zone is UTC)")
            look = Look(
                observed_at=observed_at,
                count=_number(cells, "count"),
                low=_number(cells, "low"),
                high=_number(cells, "high"),
                coverage=_share(cells.get("coverage", "")),
            )
            _check_interval(look)
        except ValueError as error:
            raise _fault(path, line, str(error)) from None
        if observed_at in rows:
            raise _fault(path, line, f"the time {cells['observed_at']} is already on line {rows[observed_at][0]}")
        rows[observed_at] = line, Row(cells["observed_at"], look)
    if not rows:
        raise _fault(path, 1, "there are no looks below the header")
    return [row for _, row in rows.values()]


def read_spans(path: Path) -> list[Span]:
    """The spans of a CSV file `start,end`.

    Raises:
        UnprocessableError: the file is not such a table. The message names the line.
    """
    spans: list[Span] = []
    zones = _Zones(path)
    for line, cells in _table(path, required=("start", "end"), optional=()):
        try:
            span = Span(zones.read(line, cells["start"]), zones.read(line, cells["end"]))
        except ValueError as error:
            raise _fault(path, line, str(error)) from None
        if span.end < span.start:
            raise _fault(path, line, "the span ends before it starts")
        spans.append(span)
    return spans


class _Zones:
    """Reads times, and refuses a file that has times with a zone and times without."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: tuple[int, bool] | None = None

    def read(self, line: int, text: str) -> datetime:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{text!r} is not an ISO 8601 time such as 2023-10-05T02:19:00Z") from None
        zoned = time.tzinfo is not None
        if self._first is None:
            self._first = line, zoned
        elif self._first[1] != zoned:
            with_zone, without = (line, self._first[0]) if zoned else (self._first[0], line)
            raise ValueError(f"times with and without a zone are mixed (line {with_zone} has one, line {without} none)")
        try:
            return time.astimezone(UTC) if zoned else time.replace(tzinfo=UTC)
        except OverflowError:
            raise ValueError(f"{text!r} is no time that a satellite knows") from None


def _table(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UnprocessableError("bad-csv", f"{path}: not a text file in UTF-8") from None
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    rows = _rows(reader, path)
    header = [name.strip() for name in next(rows, [])]
    wanted = f"the columns are {','.join(required)}" + (f"[,{','.join(optional)}]" if optional else "")
    if missing := [name for name in required if name not in header]:
        raise _fault(path, 1, f"there is no column {' and no '.join(missing)}; {wanted}")
    if unknown := [name for name in header if name not in (*required, *optional)]:
        raise _fault(path, 1, f"there is an unknown column {unknown[0]!r}; {wanted}")
    if len(set(header)) < len(header):
        raise _fault(path, 1, f"a column is named twice; {wanted}")
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise _fault(path, reader.line_num, f"there are {len(cells)} cells, where the header has {len(header)}")
        yield reader.line_num, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _rows(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise _fault(path, reader.line_num, str(error)) from None


def _number(cells: dict[str, str], name: str) -> float | None:
    text = cells.get(name, "")
    if text.lower() in NOT_OBSERVED:
        return None
    value = _parsed(text, name)
    if not math.isfinite(value) or not 0 <= value <= COUNT_LIMIT:
        raise ValueError(f"{name} is {text}, which is not a number of railcars from 0 to {COUNT_LIMIT}")
    return value


def _share(text: str) -> float:
    if text.lower() in NOT_OBSERVED:
        return 1.0
    value = _parsed(text, "coverage")
    if not 0 <= value <= 1:
        raise ValueError(f"coverage is {text}, which is not a share from 0 to 1")
    return value


def _parsed(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} is {text!r}, which is not a number") from None


def _check_interval(look: Look) -> None:
    if (look.low is None) != (look.high is None):
        raise ValueError("there is only one end of the interval; low and high go together")
    if look.count is None or look.low is None or look.high is None:
        return
    if not look.low <= look.count <= look.high:
        raise ValueError(f"the count {look.count:g} is outside its interval, {look.low:g} to {look.high:g}")


def _fault(path: Path, line: int, what: str) -> UnprocessableError:
    return UnprocessableError("bad-csv", f"{path}, line {line}: {what}")
