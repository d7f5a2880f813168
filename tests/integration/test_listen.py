"""`railwatch listen`: the reference consumer of alerts."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from railwatch.cli.listen import _printer, in_two_lines, notices, serve_webhook, verified
from railwatch.embedded import free_port
from railwatch.services.alerting.delivery.formats import cloudevent
from railwatch.services.alerting.delivery.post import Poster
from railwatch.services.alerting.delivery.receivers import webhook
from railwatch.services.alerting.delivery.signature import signed_headers
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import make_producer
from railwatch.shared.events import AlertEvent, Notice, Transition
from railwatch.shared.settings import KafkaSettings
from tests.support.alerting import alert_event, missed_look
from tests.support.bus import eventually

SECRET = "0123456789abcdef-desk"
OPENED = alert_event()
UPDATED = alert_event(Transition.UPDATED, sequence=2)
MISSED, SEEN_AGAIN = missed_look(), missed_look(Transition.RESOLVED, sequence=2)


def now() -> datetime:
    return datetime.now(UTC)


def test_alerts_are_received_from_kafka_and_what_is_no_event_is_left_out(kafka_settings: KafkaSettings) -> None:
    publisher, producer = Publisher(kafka_settings), make_producer(kafka_settings)
    publisher.publish(OPENED)
    producer.send(kafka_settings.prefix + AlertEvent.TOPIC, b"{}", OPENED.key.encode(), []).get(10)
    publisher.publish(MISSED, UPDATED)
    received = notices(kafka_settings, from_beginning=True, group="")
    assert [next(received), next(received), next(received)] == [OPENED, MISSED, UPDATED]
    received.close()  # type: ignore[attr-defined]
    publisher.close()
    producer.close()


def test_a_group_goes_on_with_what_it_had_not_finished(kafka_settings: KafkaSettings) -> None:
    publisher = Publisher(kafka_settings)
    publisher.publish(OPENED, UPDATED)
    received = notices(kafka_settings, from_beginning=False, group="desk")
    assert next(received) == OPENED
    received.close()  # type: ignore[attr-defined]
    received = notices(kafka_settings, from_beginning=False, group="desk")
    assert [next(received), next(received)] == [OPENED, UPDATED]
    received.close()  # type: ignore[attr-defined]
    publisher.close()


def test_each_transition_is_printed_once_and_none_that_was_overtaken(capsys: pytest.CaptureFixture[str]) -> None:
    received = _printer(site="", as_json=False)
    for event in (OPENED, OPENED, UPDATED, OPENED, UPDATED):
        received(event)
    printed = capsys.readouterr().out
    assert printed == f"{in_two_lines(OPENED)}\n{in_two_lines(UPDATED)}\n"
    assert OPENED.sentence in printed


def test_a_missed_look_is_printed_when_it_begins_and_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    received = _printer(site="", as_json=False)
    for event in (MISSED, OPENED, MISSED, SEEN_AGAIN, MISSED):
        received(event)
    printed = capsys.readouterr().out
    assert printed == "".join(f"{in_two_lines(event)}\n" for event in (MISSED, OPENED, SEEN_AGAIN))
    assert f"opened (missed look) {MISSED.sentence}" in printed


HOSTILE = "\x1b[2J\x9b31m\u202egnp.exe\u2066\x07\r\ndone"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_terminal_obeys_nothing_that_a_stranger_wrote(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    changed = {"reason": f"Acknowledged by {HOSTILE}", "sentence": HOSTILE, "page_url": HOSTILE}
    _printer("", as_json=as_json)(OPENED.model_copy(update=changed))
    printed = capsys.readouterr().out
    assert "gnp.exe" in printed
    assert len(printed.splitlines()) == (1 if as_json else 2)
    assert all(each.isprintable() for line in printed.splitlines() for each in line)


def test_other_sites_can_be_left_out_and_events_printed_as_they_travel(capsys: pytest.CaptureFixture[str]) -> None:
    received = _printer(site="tumangang", as_json=True)
    received(OPENED.model_copy(update={"site": "najin", "alert": "f" * 32}))
    received(OPENED)
    (line,) = capsys.readouterr().out.splitlines()
    assert AlertEvent.model_validate_json(line) == OPENED


@pytest.fixture
def listening() -> Iterator[tuple[str, list[Notice]]]:
    port, stop = free_port(), threading.Event()
    received: list[Notice] = []
    thread = threading.Thread(target=serve_webhook, args=(port, SECRET, received.append, stop), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        try:
            return httpx.get(url).status_code == 405
        except httpx.TransportError:
            return False

    eventually(answers, "the webhook listens")
    yield url, received
    stop.set()
    thread.join()


def test_what_alerting_delivers_is_received_as_a_webhook(listening: tuple[str, list[Notice]]) -> None:
    url, received = listening
    desk = webhook(Poster(), "desk", url, SecretStr(SECRET), "cloudevents", 5.0, now)
    for event in (OPENED, MISSED, SEEN_AGAIN):
        desk.send(event)
    assert received == [OPENED, MISSED, SEEN_AGAIN]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"webhook-id": "event-1", "webhook-timestamp": "1", "webhook-signature": "v1"},
        signed_headers("another secret, longer", "event-1", "{}", now()),
        signed_headers(SECRET, "event-1", "{}", datetime(2020, 9, 13, tzinfo=UTC)),
    ],
    ids=["none", "malformed", "another-secret", "old"],
)
def test_a_webhook_without_a_fresh_signature_is_refused(
    listening: tuple[str, list[Notice]], headers: dict[str, str]
) -> None:
    url, received = listening
    assert httpx.post(url, content=b"{}", headers=headers).status_code == 401
    assert received == []


def test_a_signed_body_that_is_no_known_event_is_refused(listening: tuple[str, list[Notice]]) -> None:
    url, received = listening
    wrong_id = {**cloudevent(OPENED), "id": "0" * 32}
    later_version = {**cloudevent(OPENED), "type": "railwatch.alert.v2"}
    for body in ("[]", "no json", json.dumps(wrong_id), json.dumps(later_version)):
        headers = signed_headers(SECRET, "event-1", body, now())
        assert httpx.post(url, content=body.encode(), headers=headers).status_code == 400
    assert httpx.post(url, content=b" " * 2_000_000).status_code == 413
    assert received == []


def test_a_signature_is_checked_before_the_body_is_read() -> None:
    with pytest.raises(PermissionError):
        verified(SECRET, b"no json", signed_headers(SECRET, "event-1", "other", now() - timedelta(hours=1)))
