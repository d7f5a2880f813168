"""Alertmanager on loopback, with the shipped routes and inhibitions."""

import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from deploy.tests.rendering import DEPLOY
from deploy.tests.scenarios.world import Alert, alert
from railwatch.embedded import free_port, running
from tests.support.bus import eventually

CONFIGURATION = DEPLOY / "alertmanager" / "alertmanager.yaml"


@contextmanager
def running_alertmanager(directory: Path, desk: str) -> Iterator[str]:
    """Alertmanager with the shipped routes. Only addresses and waits are changed."""
    text = CONFIGURATION.read_text().replace("http://receiver:8090", desk)
    configuration = directory / "alertmanager.yaml"
    configuration.write_text(re.sub(r"(group_wait|group_interval): \S+", r"\1: 200ms", text))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={configuration}",
        f"--storage.path={directory / 'alertmanager'}",
    ]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with running("Alertmanager", command, int(address.rpartition(":")[2])):
        yield f"http://{address}"


def told(alertmanager: str, alerts: Collection[Alert]) -> set[Alert]:
    """Which of some alerts that fire together are not inhibited. Afterwards they have ended.

    Alertmanager takes alerts in one after the other. So two more are posted behind them: once one inhibits the other,
    all before them have been taken in.
    """
    mark = str(time.monotonic_ns())
    cause = alert("RailwatchRestarting", "warning", namespace="mark", job=mark)
    follows = alert("RailwatchReplicaAway", "warning", namespace="mark", job=mark)
    _post(alertmanager, alerts, ends=timedelta(hours=1))
    _post(alertmanager, (cause, follows), ends=timedelta(hours=1))
    eventually(lambda: cause in _active(alertmanager) and follows not in _active(alertmanager), "all are taken in")
    found = _active(alertmanager) & set(alerts)
    _post(alertmanager, (*alerts, cause, follows), ends=timedelta(0))
    eventually(lambda: not _active(alertmanager), "all have ended")
    return found


def _post(alertmanager: str, alerts: Collection[Alert], ends: timedelta) -> None:
    now = datetime.now(UTC)
    body = [
        {
            "labels": dict(one.labels),
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": (now + ends).isoformat(),
        }
        for one in alerts
    ]
    httpx.post(f"{alertmanager}/api/v2/alerts", json=body, timeout=30).raise_for_status()


def _active(alertmanager: str) -> set[Alert]:
    answer = httpx.get(f"{alertmanager}/api/v2/alerts", params={"inhibited": "false"}, timeout=30)
    return {Alert(tuple(sorted(found["labels"].items()))) for found in answer.json()}
