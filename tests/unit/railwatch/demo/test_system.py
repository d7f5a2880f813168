"""A service that dies ends the demo with one sentence that names its log."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from railwatch.demo.run import tell_faults
from railwatch.demo.system import System
from railwatch.shared.errors import RailwatchError
from tests.support.http_server import LOOPBACK, Quiet, serving


def test_a_service_that_ended_is_named_with_its_exit_code_and_its_log(tmp_path: Path) -> None:
    system = System("token", tmp_path)
    system.processes["detector"] = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    system.processes["detector"].wait()
    with pytest.raises(RailwatchError) as caught:
        system.check()
    assert str(caught.value) == f"detector ended by itself with exit code 3; its log is {tmp_path / 'detector.log'}."


class _Exposition(Quiet, BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'railwatch_dead_letters_total{reason="blob-missing"} 1.0\n')


def test_a_scene_that_became_a_dead_letter_ends_the_demo_and_not_what_it_keeps_running(tmp_path: Path) -> None:
    with serving(ThreadingHTTPServer(LOOPBACK, _Exposition)) as url:
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            system = System("token", tmp_path, {"detector": url}, {"detector": process})
            with pytest.raises(
                RailwatchError, match=r"detector gave up on a scene \(blob-missing\); its log is .*detector.log"
            ):
                system.check()
            console, told = Console(record=True, file=StringIO(), width=200), set[str]()
            for _ in range(2):
                tell_faults(console, system, told)
            assert console.export_text().count("detector gave up on a scene (blob-missing)") == 1, "and goes on"
        finally:
            process.communicate(b"\n")
