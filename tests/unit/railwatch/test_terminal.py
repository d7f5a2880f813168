"""What a terminal shows of a stranger's text."""

import pytest
from rich.console import Console
from rich.table import Table

from railwatch.cli.terminal import cell, complain, printable

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202eevil\u2069[red]x"


def test_a_text_keeps_its_lines_and_loses_what_a_terminal_obeys() -> None:
    assert printable("a\nb\x1b[31m") == "a\nb\N{REPLACEMENT CHARACTER}[31m"
    assert all(each.isprintable() for each in printable(HOSTILE))


def test_a_table_shows_brackets_and_obeys_nothing() -> None:
    console = Console(width=200, force_terminal=False)
    table = Table("tile")
    table.add_row(cell(HOSTILE))
    with console.capture() as shown:
        console.print(table)
    assert "[red]x" in shown.get()
    assert "\x1b" not in shown.get()
    assert "\u202e" not in shown.get()


def test_an_error_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    complain(f"{HOSTILE}.tif cannot be read")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("railwatch: ")
    assert line.isprintable()
