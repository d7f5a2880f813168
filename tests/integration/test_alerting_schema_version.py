"""State of another version in Redis: alerting does not touch it, and `railwatch rebuild` makes it readable."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from railwatch.embedded import free_port
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.keys import SCHEMA_VERSION_KEY
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.services.alerting.state.schema_version import SCHEMA_VERSION
from railwatch.shared.bus import Publisher
from railwatch.shared.settings import KafkaSettings, RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import count_event, on_day, write_site
from tests.support.bus import eventually

RAILWATCH = (sys.executable, "-c", "from railwatch.cli import main; main()")
STATUS = SiteStatus(state=State.NORMAL, last_look_at=on_day(3), judged=None, alert=None)


def missing(url: str) -> list[str] | None:
    """What the service says that it waits for; nothing while it does not listen."""
    try:
        found: list[str] = httpx.get(f"{url}/readyz", timeout=30).json()["missing"]
    except httpx.TransportError:
        return None
    return found


@pytest.mark.parametrize(
    "theirs",
    [
        {"form": "3", "window:tumangang": "{}", "looks:tumangang": "what only the other version can read"},
        {"schema-version": str(SCHEMA_VERSION + 1), "record:tumangang": "what only the other version can read"},
    ],
    ids=["earlier", "later"],
)
def test_alerting_waits_before_another_versions_state_until_it_is_rebuilt(
    tmp_path: Path,
    kafka_environment: dict[str, str],
    kafka_settings: KafkaSettings,
    redis_environment: dict[str, str],
    redis_settings: RedisSettings,
    theirs: dict[str, str],
) -> None:
    client = connect(redis_settings)
    theirs = {f"railwatch:alerting:{name}": value for name, value in theirs.items()}
    client.mset(theirs)
    client.hset("railwatch:alerting:sites", "tumangang", STATUS.model_dump_json())
    publisher = Publisher(kafka_settings)
    publisher.publish(count_event(0, 7))
    publisher.close()
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": (tmp_path / "store").as_uri(),
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
        "RAILWATCH_HTTP_PORT": url.rpartition(":")[2],
    }
    service = subprocess.Popen([*RAILWATCH, "alerting"], env=environment)
    try:
        eventually(lambda: "state" in (missing(url) or ()), "alerting says what it waits for")
        assert {name: client.get(name) for name in theirs} == theirs, "what it cannot read it does not touch"
        rebuild = subprocess.run([*RAILWATCH, "rebuild", "alerting"], env=environment, check=True, capture_output=True)
        assert b"tumangang: 1 looks" in rebuild.stdout
        eventually(lambda: missing(url) == [], "it goes on by itself")
        (look,) = httpx.get(f"{url}/v1/sites/tumangang/observations").json()["items"]
        assert look["count"] == 7
        assert client.get(SCHEMA_VERSION_KEY) == str(SCHEMA_VERSION)
        assert not client.exists("railwatch:alerting:looks:tumangang"), "nothing of the other version is left"
    finally:
        service.terminate()
        assert service.wait(60) == 0
