"""`docs/walk-through.md`, word for word: its commands lead from a place on the map to a first alert."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.test_up import first_of_three_ports

DOCUMENT = Path(__file__).parents[2] / "docs/walk-through.md"
# What a reader does once, and what the environment of the tests has done.
DONE_BEFORE = re.compile(r"^(make setup && )?\. \.venv/bin/activate$")


def commands() -> list[str]:
    """The lines that the document has a reader type."""
    blocks = re.findall(r"```console\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    typed = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [command for command in typed if not DONE_BEFORE.match(command)]


def terminal() -> dict[str, str]:
    """A reader's environment, with the commands of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAILWATCH_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", "COLUMNS": "200"}


@contextmanager
def first_terminal(command: str, folder: Path) -> Iterator[str]:
    """A command that runs until the end of the block, as at Ctrl-C. Yields what it has printed when it is ready."""
    # What runs in the background inherits that Ctrl-C is ignored. In a terminal it is not.
    argv = ["env", "--default-signal=INT", *command.split()]
    process = subprocess.Popen(
        argv, cwd=folder, env=terminal(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if "Ctrl-C stops everything" in line:
                break
        assert process.poll() is None, printed
        yield printed
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=120)
    assert "Everything is stopped" in rest


def typed(command: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=terminal(), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.timeout(1800)
def test_a_newcomer_who_types_it_sees_the_first_alert(tmp_path: Path) -> None:
    before, after = commands(), []
    up = before.index("railwatch up")
    before, after = before[:up], before[up + 1 :]
    *_, checked = [typed(command, tmp_path) for command in before]
    assert "Services take it" in checked
    assert (tmp_path / "tumangang-rail-facility-site.png").exists()
    # The usual ports may be taken where tests run.
    with first_terminal(f"railwatch up --port {first_of_three_ports()}", tmp_path) as printed:
        assert "/draw" in printed
        past, alert = [typed(command, tmp_path) for command in after]
    assert "threshold" in past
    assert re.search(r": [67]\d cars \(\d+ to \d+\): \w+, threshold \d\d?  http://\S+/alerts/", alert), alert
