"""Log lines, as a collector reads them."""

import json
import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from railwatch.shared.logs import configure_logging, log_context


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_every_line_is_an_object_with_its_event_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("detector", "INFO")
    with log_context(event_id="abc", site="tumangang", tile="r0c0"):
        structlog.get_logger("railwatch.services.detector").info("counted", count=70)
        logging.getLogger("some.library").warning("a %s", "remark")

    ours, theirs = lines(capsys)
    assert ours["event"] == "counted"
    assert ours["count"] == 70
    assert theirs["event"] == "a remark"
    for line in (ours, theirs):
        assert line["service"] == "detector"
        assert (line["event_id"], line["site"], line["tile"]) == ("abc", "tumangang", "r0c0")
        assert {"level", "logger", "timestamp"} <= line.keys()


def test_a_stack_goes_to_the_log_on_one_line_without_local_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("detector", "INFO")
    password = "hush"
    try:
        raise ValueError(f"not {len(password)} characters")
    except ValueError:
        structlog.get_logger("railwatch.services.detector").exception("failed")

    (line,) = lines(capsys)
    assert "ValueError: not 4 characters" in line["exception"]
    assert "hush" not in line["exception"]


def test_the_level_applies_to_us_and_chatty_libraries_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("detector", "WARNING")
    structlog.get_logger("railwatch.services.detector").info("not this")
    logging.getLogger("kafka.net").error("nor this")
    structlog.get_logger("railwatch.services.detector").warning("but this")

    assert [line["event"] for line in lines(capsys)] == ["but this"]


@pytest.mark.parametrize(
    "library",
    ["kafka.net", "httpx", "httpcore.http11", "urllib3", "botocore.auth", "redis", "pystac_client.stac_api_io", "any"],
)
def test_what_libraries_send_is_never_logged(capsys: pytest.CaptureFixture[str], library: str) -> None:
    configure_logging("detector", "DEBUG")
    logging.getLogger(library).debug("Send: Authorization: Bearer hush")
    structlog.get_logger("railwatch.services.detector").debug("but this")

    assert [line["event"] for line in lines(capsys)] == ["but this"]


def test_a_raw_line_of_a_native_library_is_an_object_too() -> None:
    program = """
import os, subprocess, sys, time
from railwatch.shared.logs import catch_native_lines, configure_logging
catch_native_lines()
configure_logging("detector", "INFO")
os.write(2, b"Warning 1: \\x1b[31mTIFFReadDirectory: \\xff\\n\\n" + b"x" * 5000 + b"\\n")
subprocess.run(["sh", "-c", "echo of a child >&2"], check=True)
while sum("of a child" in line for line in open(sys.argv[1])) == 0:
    time.sleep(0.01)
print("ours", file=sys.stderr)
"""
    with tempfile.NamedTemporaryFile("r") as log, open(log.name, "w") as written:  # noqa: PTH123
        subprocess.run([sys.executable, "-c", program, log.name], stderr=written, check=True, timeout=300)
        *native, ours = log.read().splitlines()
    assert ours == "ours"
    read = [json.loads(line) for line in native]
    assert {line["logger"] for line in read} == {"native"}
    assert read[0]["event"] == "Warning 1: \N{REPLACEMENT CHARACTER}[31mTIFFReadDirectory: \\xff"
    assert read[-1]["event"] == "of a child"
    assert max(len(line["event"]) for line in read) <= 2000
