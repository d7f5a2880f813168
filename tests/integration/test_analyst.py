"""An analyst at work: from an alert to a corrected count to an interval that knows the site, over real protocols."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from railwatch.embedded import free_port
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.bus import Publisher
from railwatch.shared.counts import Car, TrackCount
from railwatch.shared.events import AlertEvent, CountEvent, VerdictEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.alerting import count_event, write_site
from tests.support.bus import PATIENCE_S, eventually, topic_view
from tests.support.receivers import ReceiverLog, receiver
from tests.support.verdicts import CARS

SECRET = "0123456789abcdef-tasking"
# At this site eight cars of ten are true, as the analyst finds.
TRUE_SHARE = 0.8


@dataclass
class Analyst:
    """Somebody with a browser: what they read, and what they say."""

    client: httpx.Client

    def look(self, scene: str) -> dict[str, Any]:
        found = self.client.get("/v1/sites/tumangang/observations", params={"limit": 200}).raise_for_status().json()
        return next((one for one in found["items"] if one["scene"] == scene), {})

    def row(self, product: str, row_id: str) -> dict[str, Any]:
        """A row of a product, as QGIS has it."""
        found = self.client.get(f"/ogc/collections/{product}/items/{row_id}").raise_for_status().json()
        properties: dict[str, Any] = found["properties"]
        return properties

    def say(self, path: str, **verdict: Any) -> dict[str, Any]:
        answer = self.client.post(f"{path}/verdicts", json=verdict)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said


@pytest.fixture
def tasking() -> Iterator[ReceiverLog]:
    with receiver() as log:
        yield log


@pytest.fixture
def analyst(
    tmp_path: Path, kafka_environment: dict[str, str], redis_environment: dict[str, str], tasking: ReceiverLog
) -> Iterator[Analyst]:
    port = free_port()
    token, entry = new_entry("ada", [Scope.READ, Scope.VERDICT], ["tumangang"])
    (tmp_path / "tokens.yaml").write_text(entry)
    environment = {
        **os.environ,
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": f"file://{tmp_path}/blobs",
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
        "RAILWATCH_HTTP_PORT": str(port),
        "RAILWATCH_TOKENS_FILE": str(tmp_path / "tokens.yaml"),
        "RAILWATCH_ALERTING_READING": "token",
        "RAILWATCH_SECOND_LOOK_URLS": f"tasking={tasking.url}",
        "RAILWATCH_SECOND_LOOK_SECRETS": f"tasking={SECRET}",
        "RAILWATCH_DELIVERY_FIRST_RETRY_S": "0.1",
    }
    command = [sys.executable, "-c", "from railwatch.services.alerting.main import run; run()"]
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return process.poll() is None and httpx.get(f"{url}/readyz").is_success
        except httpx.TransportError:
            return False

    try:
        eventually(ready, "alerting is ready")
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            yield Analyst(client)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


def counted(day: float, cars: int, spread: float = 2.0) -> CountEvent:
    """A count of now, whose cars are drawn."""
    drawn = tuple(
        Car(lon=place.lon, lat=place.lat, length_m=14, probability=0.9, along_m=20.0 * n)
        for n, place in enumerate(CARS[:cars])
    )
    track = TrackCount(track="1", count=cars, low=cars, high=cars, length_m=2000, occupied_m=14.0 * cars, cars=drawn)
    return count_event(day, cars, spread=spread, tracks=[track], recorded_at=datetime.now(UTC))


def test_from_an_alert_to_a_corrected_count_to_a_recalibrated_interval(
    analyst: Analyst, publisher: Publisher, kafka_settings: KafkaSettings, tasking: ReceiverLog
) -> None:
    quiet = [counted(3 * look, 8 + (look * 7) % 5) for look in range(20)]
    surge = counted(63, 30)
    publisher.publish(*quiet, surge)
    with topic_view(kafka_settings, AlertEvent) as alerts, topic_view(kafka_settings, VerdictEvent) as verdicts:
        eventually(lambda: len(alerts.events()) == 1, "the alert opens")
        (opened,) = alerts.events()

        # From the alert to the look behind it, and to its cars.
        page = analyst.client.get(f"/alerts/{opened.alert}").raise_for_status().text
        look = f"/sites/tumangang/looks/{surge.scene}"
        assert look in page
        assert "What people say of this look" in analyst.client.get(look).raise_for_status().text

        # Six of the thirty are shadows; then the look is right.
        for place in CARS[:6]:
            analyst.say(f"/v1{look}", kind="not-a-car", reason="shadow", places=[place.model_dump()])
        judged = analyst.say(f"/v1{look}", kind="right")
        assert (judged["found"]["count"], judged["true"], judged["false"], judged["explained"]) == (30.0, 24, 6, True)
        before = analyst.look(surge.scene)
        assert (before["count"], before["low"], before["high"], before["recalibrated"]) == (30.0, 28.0, 32.0, None)

        # So are others of the site, and the alert itself is right. Somebody should look again.
        for count in quiet:
            total = round(TRUE_SHARE * (count.result.count or 0))
            analyst.say(f"/v1/sites/tumangang/looks/{count.scene}", kind="total", total=total)
        alert = analyst.say(f"/v1/alerts/{opened.alert}", kind="right")
        assert alert["judged"] == "right"
        analyst.say(f"/v1/alerts/{opened.alert}", kind="second-look", note="track 1 in better light, please")
        said = analyst.row("looks", f"tumangang:{surge.scene}")
        assert (said["count"], said["true_count"], said["verdicts"]) == (30.0, 24, 7), "both, wherever it is opened"
        marks = [analyst.row("cars", f"tumangang:{surge.scene}:r0c0:{car}")["verdict"] for car in (0, 5, 6, 29)]
        assert marks == ["not-a-car", "not-a-car", "right", "right"]
        assert analyst.row("alerts", opened.alert)["verdict"] == "right"
        eventually(lambda: len(tasking.requests) == 1, "the request for a second look arrives")
        (request,) = tasking.requests
        assert request.json["type"] == "railwatch.verdict.v1"
        assert request.json["data"]["note"] == "track 1 in better light, please"
        assert request.json["data"]["page_url"].endswith(f"/alerts/{opened.alert}")
        eventually(lambda: len(verdicts.events()) == 29, "all verdicts are on their topic")
        assert {event.by for event in verdicts.events()} == {"ada"}

        # A later look: the detector says what it says, and beside it stands what the site makes of it.
        later = counted(66, 30)
        publisher.publish(later)
        eventually(lambda: len(alerts.events()) == 2, "the alert goes on")
        updated = alerts.events()[-1]
        assert (updated.look.count, updated.look.low, updated.look.high) == (30.0, 28.0, 32.0)
        assert updated.look.threshold == pytest.approx(opened.look.threshold, rel=0.05), "verdicts move no threshold"
        known = updated.look.recalibrated
        assert known is not None
        assert known.verdicts == 21
        assert known.low < 30 * TRUE_SHARE < known.high
        assert known.count < 28
        assert "That is the detector's count; by what people said of 21 earlier looks here, it is" in updated.sentence
        assert analyst.look(later.scene)["recalibrated"] == known.model_dump()
        exported = analyst.row("looks", f"tumangang:{later.scene}")
        assert (exported["recalibrated_low"], exported["recalibrated_high"]) == (known.low, known.high)
        assert analyst.look(surge.scene) == before, "no look is edited"
