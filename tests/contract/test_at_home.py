"""Commands find the system that `railwatch up` runs in the same folder, unless a variable names another one."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from railwatch.cli import app, at_home, main
from railwatch.demo.environment import environment_of, written
from tests.support.geotiff import write_site

VARIABLES = {"RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "RAILWATCH_REDIS_URL": "redis://127.0.0.1:2/0"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RAILWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (tmp_path / "railwatch-data").mkdir()
    return tmp_path / "railwatch-data"


def given() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAILWATCH_")}


@pytest.mark.parametrize("command", ["recount", "backfill", "dead-letters", "baseline", "push", "audit", "verdicts"])
def test_a_command_finds_it_and_says_so(folder: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with written(folder, VARIABLES):
        at_home.find(command)
    assert given() == VARIABLES
    assert "railwatch-data/environment" in capsys.readouterr().err


def test_a_service_does_not_look_for_it(folder: Path) -> None:
    with written(folder, VARIABLES):
        at_home.find("detector")
    assert given() == {}


def test_who_names_another_system_gets_that_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RAILWATCH_KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")
    with written(folder, VARIABLES):
        at_home.find("recount")
    assert given() == {"RAILWATCH_KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"}


def test_only_its_owner_may_read_it_and_it_ends_with_the_system(folder: Path) -> None:
    with written(folder, VARIABLES):
        assert (folder / "environment").stat().st_mode & 0o077 == 0
        assert environment_of(folder) == VARIABLES
    assert environment_of(folder) == {}


def test_who_has_not_started_it_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["railwatch", "dead-letters", "list"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "`railwatch up`: it does not run here" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "sites").mkdir()
    site = write_site(folder / "sites") / "yard.yaml"
    monkeypatch.setattr("sys.argv", ["railwatch", "site", "check", str(site), "-o", "/nowhere/yard.png"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "railwatch: /nowhere/yard.png: No such file or directory." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "begin", "end"),
    [
        ("recount --site yard", "--from", "--to"),
        ("backfill yard --source directory", "--from", "--to"),
        ("dead-letters list", "--from", "--to"),
        ("dead-letters retry", "--from", "--to"),
    ],
)
def test_a_span_that_ends_before_it_begins_is_refused(command: str, begin: str, end: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), begin, "2023-02-01", end, "2023-01-01"])
    assert result.exit_code == 2
    assert "2023-02-01T00:00Z is not" in result.output
