"""The services as production runs them: a user each, TLS everywhere, and a private authority that they trust."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from kafka.errors import KafkaError
from redis.exceptions import NoPermissionError

from deploy.tests.rendering import overlay, pod_templates
from deploy.tests.running.desk import running_desk
from deploy.tests.running.secured import REDIS_USERS, Secured, make_authority
from deploy.tests.running.stack import RAILWATCH, WEBHOOK_SECRET, is_ready
from railwatch.demo.episode import LOOKS, trains
from railwatch.demo.replay import as_geotiff
from railwatch.demo.yard import SITE, write_site
from railwatch.embedded import free_port, running
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.ingest.scenes.fetch import Request, fetch
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus.client import make_producer
from railwatch.shared.errors import TransientError
from railwatch.shared.events import MissedLookEvent
from railwatch.shared.process import SERVICES
from railwatch.shared.state import connect, key
from tests.support.bus import eventually
from tests.support.stac_api import StacApi
from tests.support.stac_api import running as running_api
from tests.support.tls_proxy import tls_proxy

pytestmark = pytest.mark.timeout(1800)


def test_a_scene_goes_from_a_stac_api_to_a_webhook_and_state_is_rebuilt(secured: Secured, tmp_path: Path) -> None:
    write_site(tmp_path / "sites")
    look = LOOKS[0]
    with running_desk() as desk, running_api(StacApi()) as api, ExitStack() as stack:
        hook = stack.enter_context(_https(desk.server_port, secured))
        api.url = stack.enter_context(_https(api.server.server_port, secured))
        api.scene = as_geotiff(look, trains()[look.scene])
        given = {
            "RAILWATCH_STAC_URL": api.url,
            "RAILWATCH_STAC_POLL_S": "1",
            "RAILWATCH_SCENES_ASSET_ROOTS": api.url,
            "RAILWATCH_ALERTING_FIRST_LOOK_DAYS": "0.00001",
            "RAILWATCH_WEBHOOK_URLS": f"desk={hook}/railwatch",
            "RAILWATCH_WEBHOOK_SECRETS": f"desk={WEBHOOK_SECRET}",
        }
        commands = {service: _command(service, secured, tmp_path, given) for service in SERVICES}
        for service, (command, port) in commands.items():
            stack.enter_context(running(service, [*command, service], port))
        urls = {service: f"http://127.0.0.1:{port}" for service, (_, port) in commands.items()}
        eventually(lambda: all(map(is_ready, urls.values())), "all services are ready")
        told = desk.taken["/railwatch"]
        eventually(lambda: told, "the desk learns that the site was not seen")
        api.items = [api.item(look.scene, datetime=look.at.isoformat())]
        eventually(lambda: _judged(urls["alerting"]) == [look.scene], "the scene is counted and judged")
        eventually(lambda: len(told) >= 2, "the desk learns that the site was seen")

    for service in ("detector", "alerting"):
        command = [*commands[service][0], "rebuild", service]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
    assert {event["type"] for event in told} == {MissedLookEvent.TYPE}
    assert [event["data"]["transition"] for event in told] == ["opened", "resolved"]
    assert datetime.fromisoformat(told[1]["data"]["seen_at"]) == look.at


@pytest.mark.parametrize("service", SERVICES)
def test_redis_gives_a_service_its_own_keys_only(secured: Secured, service: str) -> None:
    with connect(secured.redis_settings(f"railwatch-{service}")) as client:
        for owner in SERVICES:
            assert _allowed(client, "SET", key(owner, "a"), "1") == (owner == service), owner
            assert _allowed(client, "GET", key(owner, "a")) == (owner == service), owner
        assert not _allowed(client, "GET", "another:application")
        for command in ("FLUSHALL", "KEYS *", "ACL LIST", "CONFIG GET *", "SHUTDOWN"):
            assert not _allowed(client, *command.split()), command


def test_redis_takes_nobody_else(secured: Secured) -> None:
    assert set(REDIS_USERS) == {"default", "railwatch-operator", *(f"railwatch-{service}" for service in SERVICES)}
    for stranger in ("default", "somebody"):
        with connect(secured.redis_settings(stranger)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_server_that_another_authority_vouches_for_is_refused_at_every_door(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_authority(tmp_path / "other").file
    kafka = secured.kafka_settings("kafka-ingest").model_copy(update={"ssl_cafile": other})
    with pytest.raises(KafkaError):
        make_producer(kafka)
    ours = secured.redis_settings("railwatch-ingest").model_copy(update={"tls_ca_file": other})
    with connect(ours) as client, pytest.raises(redis.ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
        client.ping()

    with running_desk() as desk, _https(desk.server_port, secured) as url:
        monkeypatch.setenv("SSL_CERT_FILE", str(other))
        with pytest.raises(TransientError, match="CERTIFICATE_VERIFY_FAILED"):
            Poster().post(f"{url}/railwatch", b"{}", {}, 30.0)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(url, lambda to: Request(to, {}), lambda _: None, 30.0)
        assert not desk.taken
        monkeypatch.setenv("SSL_CERT_FILE", str(secured.authority.file))
        Poster().post(f"{url}/railwatch", b"{}", {}, 30.0)
        assert desk.taken["/railwatch"] == [{}]


def _command(service: str, secured: Secured, directory: Path, given: dict[str, str]) -> tuple[list[str], int]:
    """`railwatch` with a service's settings of production, and its port. Addresses, paths, waits, passwords differ."""
    port = free_port()
    (directory / "tokens.yaml").write_text(new_entry("desk", Scope, ())[1])
    template = pod_templates(overlay("production"))[f"railwatch-{service}"]
    settings = {**secured.settings_of(template, directory), "RAILWATCH_HTTP_PORT": str(port), **given}
    return ["env", *(f"{name}={value}" for name, value in settings.items()), *RAILWATCH], port


@contextmanager
def _https(plain_port: int, secured: Secured) -> Iterator[str]:
    """The address at which a plain server can be reached by TLS."""
    with tls_proxy(plain_port, secured.authority.certificate, secured.authority.certificate) as port:
        yield f"https://127.0.0.1:{port}"


def _judged(alerting: str) -> list[str]:
    items = httpx.get(f"{alerting}/v1/sites/{SITE}/observations", timeout=30).json()["items"]
    return [item["scene"] for item in items]


def _allowed(client: Any, *command: str) -> bool:
    try:
        client.execute_command(*command)
    except NoPermissionError:
        return False
    return True
