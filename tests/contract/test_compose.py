"""deploy/compose, as far as it can be seen without running containers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import railwatch.services.alerting.settings
import railwatch.services.detector.settings
import railwatch.services.ingest.settings
from railwatch.cli import app
from railwatch.shared.environment import load
from railwatch.shared.settings import PREFIX, ServiceSettings
from railwatch.shared.sites import load_sites

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
SETTINGS: dict[str, type[ServiceSettings]] = {
    "ingest": railwatch.services.ingest.settings.Settings,
    "detector": railwatch.services.detector.settings.Settings,
    "alerting": railwatch.services.alerting.settings.Settings,
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    pairs = (line.split("=", 1) for line in (COMPOSE / ".env").read_text().splitlines() if "=" in line)
    given = dict(pairs)
    text = (COMPOSE / "compose.yaml").read_text()
    filled = re.sub(
        r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", lambda found: given.get(found[1]) or found[2] or f"<{found[1]}>", text
    )
    parsed: dict[str, Any] = yaml.safe_load(filled)
    return parsed


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_starts_with_what_it_is_given(
    compose: dict[str, Any], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in compose["services"][service]["environment"].items():
        assert name.startswith(PREFIX)
        monkeypatch.setenv(name, str(value))
    load(SETTINGS[service])


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
                assert (COMPOSE / source).exists(), source
            else:
                assert source in compose["volumes"]


def test_the_shipped_site_is_valid_and_the_only_one() -> None:
    catalogue = load_sites(COMPOSE.parent / "sites" / "files")
    assert catalogue.faults == ()
    assert set(catalogue.sites) == {"tumangang"}
