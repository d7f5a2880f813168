"""A service that dies ends the demo with one sentence that names its log."""

import subprocess
import sys
from pathlib import Path

import pytest

from railwatch.demo.system import System
from shared.errors import RailwatchError


def test_a_service_that_ended_is_named_with_its_exit_code_and_its_log(tmp_path: Path) -> None:
    system = System("token", tmp_path)
    system.processes["detector"] = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    system.processes["detector"].wait()
    with pytest.raises(RailwatchError) as caught:
        system.check()
    assert str(caught.value) == f"detector ended by itself with exit code 3; its log is {tmp_path / 'detector.log'}."
