"""`railwatch up`: from nothing to the first count of an own site, and the same system again after a stop."""

import os
import re
import socket
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.demo.up import running_at_home
from railwatch.render import geotiff, tracks_geojson
from railwatch.shared.errors import ConfigurationError
from tests.e2e.test_pipeline import FIRST, look, write_site, yard


def first_of_three_ports() -> int:
    """The first of three free ports in a row, below those that the system gives to connections."""
    for port in range(20_000 + os.getpid() % 3_000 * 3, 32_000, 3):
        with suppress(OSError), ExitStack() as held:
            for number in range(port, port + 3):
                held.enter_context(socket.create_server(("127.0.0.1", number)))
            return port
    raise AssertionError("no ports are free")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_an_own_site_is_counted_and_comes_back_after_a_stop(tmp_path: Path) -> None:
    sites, data = tmp_path / "sites", tmp_path / "data"
    write_site(sites, "made-up", tracks_geojson(yard()))
    (tmp_path / "empty.tif").write_bytes(geotiff(look(0, 0)))
    full = look(2, 20)
    (tmp_path / "full.tif").write_bytes(geotiff(full))
    port = first_of_three_ports()

    with running_at_home(sites, data, port) as (system, came_back):
        assert came_back == 0
        to = ("--url", system.urls["ingest"], "--token", (data / "token").read_text().strip())
        before = run("push", tmp_path / "empty.tif", "--baseline", "--observed-at", FIRST.isoformat(), *to)
        assert before.exit_code == 0, before.output
        when = (FIRST + timedelta(days=2)).isoformat()
        push = ("push", tmp_path / "full.tif", "--observed-at", when, "--wait", *to)
        first = run(*push)
        assert first.exit_code == 0, first.output
        with pytest.raises(ConfigurationError, match="is taken"), running_at_home(sites, data, port):
            pass
        other = running_at_home(sites, data, first_of_three_ports())
        with pytest.raises(ConfigurationError, match="Another `railwatch up` uses"), other:
            pass
    with running_at_home(sites, data, port) as (_, came_back):
        assert came_back >= 3, "two tiles and a count, and what was decided about baselines"
        again = run(*push)

    taken, told = first.stdout.splitlines()
    found = re.fullmatch(r"\S+: made-up: (\d+) cars \(\d+ to \d+\): learning", told)
    assert found, told
    assert int(found[1]) == pytest.approx(full.count, rel=0.15)
    assert again.stdout.splitlines() == [f"{taken}, known before", told]


def test_without_a_site_it_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    done = run("up", "--sites", tmp_path / "sites", "--data", tmp_path / "data")
    assert isinstance(done.exception, ConfigurationError)
    assert "railwatch site init NAME" in str(done.exception)
    assert not (tmp_path / "data").exists()
