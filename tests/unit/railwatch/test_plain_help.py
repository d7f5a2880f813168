"""Help reads well, whichever command is asked."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from railwatch.cli import app


def commands(command: Any, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, *path, name)


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_no_switch_has_a_type_and_no_line_breaks_in_the_middle(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "110", "TERMINAL_WIDTH": "110"}).output
    assert "Usage" in shown
    assert "<bool>" not in shown
    prose = shown.split("╭")[0].splitlines()
    for line, after in pairwise(prose):
        if line.strip() and after.strip() and "Usage" not in line:
            assert len(line.rstrip()) + len(after.split()[0]) > 90, "broken before it is full"


def test_audit_says_that_a_push_is_no_act() -> None:
    shown = CliRunner().invoke(app, ["audit", "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).output
    assert "To push a scene is no act" in shown
