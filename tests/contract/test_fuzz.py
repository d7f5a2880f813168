"""The short form of `make fuzz`, with a seed of its own: whatever comes in at any door, nothing wrong comes out."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.pieces import PIECES

ROOT = Path(__file__).parents[2]


def test_only_an_answer_a_refusal_or_a_dead_letter_comes_out() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fuzz", "--inputs", "400", "--seed", "14"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert lines == ["seed 14", *PIECES]


@pytest.mark.parametrize("piece", PIECES)
def test_every_piece_has_a_share_of_a_run(piece: str) -> None:
    assert PIECES[piece].share >= 1
