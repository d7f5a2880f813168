"""How a service's process is stopped."""

import json
import signal
import subprocess
import sys

# A service that waits for a server. It ends when it is told to stop, or waits on.
SERVICE = """
import sys, threading
from railwatch.shared import process
from railwatch.shared.logs import configure_logging

configure_logging("ingest", "INFO")
process.ENDS_WITHIN_S = float(sys.argv[1])
stop = process.stop_on_signal()
print("ready", flush=True)
stop.wait()
print("told", flush=True)
if sys.argv[2] == "stuck":
    threading.Event().wait()
"""


def told_to_stop(ends_within_s: float, then: str, number: signal.Signals) -> tuple[int, str, str]:
    """Exit code, output and log of a service that was told to stop."""
    command = [sys.executable, "-c", SERVICE, str(ends_within_s), then]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_service_ends_when_it_is_told_to() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        assert told_to_stop(60, "done", number) == (0, "told\n", "")


def test_a_service_that_waits_for_a_silent_server_ends_in_time_and_says_where_it_waited() -> None:
    code, out, err = told_to_stop(0.2, "stuck", signal.SIGTERM)
    assert (code, out) == (0, "told\n")
    line = json.loads(err)
    assert line["event"] == "ended before everything was done"
    assert list(line["waiting"]) == ["MainThread"]
