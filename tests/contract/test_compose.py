"""deploy/compose, as far as it can be seen without running containers."""

import re
from typing import Any

import pytest
from typer.testing import CliRunner

from railwatch.cli import app
from railwatch.shared.process import SERVICES
from railwatch.shared.settings import PREFIX
from railwatch.shared.sites import load_sites
from tests.support.compose import COMPOSE_DIRECTORY, composed


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return composed()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_start_with_what_it_is_given(
    compose: dict[str, Any], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = compose["services"][service]
    mounted = {
        target: str(COMPOSE_DIRECTORY / source) for source, target, *_ in (m.split(":") for m in given["volumes"])
    }
    for name, value in given["environment"].items():
        assert name.startswith(PREFIX)
        monkeypatch.setenv(name, mounted.get(value, str(value)))
    told = CliRunner().invoke(app, ["config", "check", f"--service={service}"])
    assert told.exit_code == 0, told.stdout
    assert f"No fault, no warnings: {service} can start." in told.stdout


def test_commands_are_those_of_railwatch(compose: dict[str, Any]) -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    used = {
        s["command"][0] for s in compose["services"].values() if "railwatch" in s["image"] and "entrypoint" not in s
    }
    assert used == {"ingest", "detector", "alerting", "topics", "replay"}
    assert used <= known


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert len(ports) == len({port.rsplit(":", 1)[0] for port in ports}) > 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned_and_long_running_services_are_watched(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.search(r":\D*\d", service["image"].rpartition("/")[2]), service["image"]
        if service.get("restart") == "unless-stopped" and name != "receiver":
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_mounts_exist_and_volumes_are_named(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (COMPOSE_DIRECTORY / source).exists(), source
            else:
                assert source in compose["volumes"]


def test_the_shipped_site_is_valid_and_the_only_one() -> None:
    catalogue = load_sites(COMPOSE_DIRECTORY.parent / "sites" / "files")
    assert catalogue.faults == ()
    assert set(catalogue.sites) == {"tumangang"}
