"""The tables that `railwatch count` prints."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from railwatch.cli.terminal import cell
from railwatch.shared.counts import RecallCheck, TileCount, TrackCount


@dataclass(frozen=True)
class Done:
    """The result of one tile. `recall` is None if it was not asked for, or if no painted car had room."""

    path: Path
    count: TileCount
    recall: RecallCheck | None
    remarks: tuple[str, ...]


def print_tables(done: Sequence[Done], with_recall: bool) -> None:
    """A table of the tiles, and one of the tracks if there is a single tile."""
    console = Console()
    if done:
        console.print(_table_of_tiles(done, with_recall))
    if len(done) == 1:
        console.print(_table_of_tracks(done[0].count))


def _table_of_tiles(done: Sequence[Done], with_recall: bool) -> Table:
    table = Table("tile", box=None, header_style="bold")
    for column in ("railcars", "90 %", "seen", "moved", *(["recall"] if with_recall else [])):
        table.add_column(column, justify="right")
    table.add_column("quality")
    for one in done:
        count, recall, moved = one.count, one.recall, one.count.registration
        table.add_row(
            cell(str(one.path)),
            *_found(count),
            f"{count.coverage:.0%}",
            f"{moved.dx_px:+.1f}, {moved.dy_px:+.1f} px" if moved else "-",
            *([f"{recall.recovered} of {recall.injected}" if recall else "-"] if with_recall else []),
            ": ".join(filter(None, (count.quality.value, ", ".join(count.reasons)))),
        )
    return table


def _table_of_tracks(count: TileCount) -> Table:
    table = Table("track", box=None, header_style="bold")
    for column in ("railcars", "90 %", "length", "occupied"):
        table.add_column(column, justify="right")
    for track in count.tracks:
        table.add_row(
            cell(track.track),
            *_found(track),
            f"{track.length_m:.0f} m",
            f"{track.occupied_m:.0f} m",
        )
    return table


def _found(found: TileCount | TrackCount) -> tuple[str, str]:
    """The count and its interval, or the metres of trains and the range of cars on them."""
    if (metres := found.occupied) is not None:
        cars = f"{math.floor(metres.cars_low)} to {math.ceil(metres.cars_high)} cars"
        return f"{metres.occupied_m:.0f} m ({metres.low_m:.0f} to {metres.high_m:.0f} m)", cars
    if found.count is None or found.low is None or found.high is None:
        return "not counted", "-"
    return f"{found.count:.0f}", f"{found.low:.0f} to {found.high:.0f}"
