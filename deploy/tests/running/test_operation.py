"""The steps of docs/operate.md that change a running system: state made anew, secrets rotated, looks counted again."""

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import redis
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from deploy.tests.running.looks import announce_again, image_of, newest_look, push, push_and_await, what_is_known
from deploy.tests.running.stack import RAILWATCH, WEBHOOK_SECRET, Stack
from railwatch.demo.yard import SITE
from railwatch.embedded import free_port
from railwatch.services.alerting.delivery.signature import verify
from railwatch.shared.access import Scope, new_entry
from railwatch.shared.blobs import blob_path
from railwatch.shared.bus.client import connection
from railwatch.shared.events import CountEvent, TileEvent
from tests.support.bus import eventually, topic_view

pytestmark = pytest.mark.timeout(1800)


def test_redis_is_lost_and_made_anew_from_the_topics(stack: Stack) -> None:
    before = what_is_known(stack)
    steps = sum(len(alert["transitions"]) for alert in before[1])
    eventually(lambda: len(stack.desk.steps) == steps, "the desk has every transition")
    stopped = {service: stack.stop(service) for service in ("detector", "alerting")}
    with redis.Redis.from_url(stopped["alerting"]["RAILWATCH_REDIS_URL"]) as client:
        client.flushall()
    for service, environment in stopped.items():
        command = [*RAILWATCH, "rebuild", service]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
    for service, environment in stopped.items():
        stack.start(service, environment)
    assert what_is_known(stack) == before
    # Nobody is notified twice, and the next look is judged as if nothing had happened.
    assert len(stack.desk.steps) == steps


def test_a_new_pod_takes_over_from_an_old_one_while_looks_come_in(stack: Stack) -> None:
    look = newest_look(stack)
    image = image_of(stack, look)
    scenes = [f"in-passing-{day}" for day in range(8, 12)]
    environment = stack.environment("detector")
    for day, scene in enumerate(scenes[:2], start=8):
        push(stack, image, scene, look.observed_at + timedelta(days=day)).raise_for_status()
    new = subprocess.Popen([*RAILWATCH, "detector"], env={**environment, "RAILWATCH_HTTP_PORT": str(free_port())})
    try:
        assert stack.stop("detector"), "the old one has ended in order"
        for day, scene in enumerate(scenes[2:], start=10):
            push(stack, image, scene, look.observed_at + timedelta(days=day)).raise_for_status()
        eventually(lambda: {o["scene"] for o in what_is_known(stack)[0]} >= set(scenes), "no look is lost on the way")
    finally:
        stack.start("detector", environment)
        new.terminate()
        assert new.wait(120) == 0


def test_looks_are_counted_again_to_the_same_effect(stack: Stack) -> None:
    before = what_is_known(stack)
    with topic_view(stack.kafka_settings, CountEvent) as counts:
        eventually(counts.events, "there are counts")
        ids, so_far = counts.ids(), len(counts.events())
        environment = stack.stop("detector")
        _go_back(stack, "railwatch-detector", TileEvent.TOPIC, records=4)
        stack.start("detector", environment)
        eventually(lambda: len(counts.events()) == so_far + 4, "the looks are counted again")
        assert counts.ids() == ids, "a look that is counted by the same version again gives the very same event"
        last = max(event.recorded_at for event in counts.events())
    eventually(lambda: _counted_at(stack) == last, "the last of them is taken in")
    (looks, alerts), (looks_before, alerts_before) = what_is_known(stack), before
    assert list(map(_but_for_its_time, looks)) == list(map(_but_for_its_time, looks_before))
    assert alerts == alerts_before


def test_a_token_is_changed_while_both_hold_and_without_a_restart(stack: Stack) -> None:
    file = stack.directory / "tokens.yaml"
    old, (new, entry) = stack.system.token, new_entry("demo", Scope, ())

    def answers(*tokens: str) -> list[int]:
        at = datetime(2023, 10, 6, 2, tzinfo=UTC)
        return [push(stack, b"not a picture", "no-picture", at, token).status_code for token in tokens]

    file.write_text(file.read_text() + entry)
    assert answers(old, new, "a-token-of-nobody-at-all") == [422, 422, 401]
    file.write_text(entry)
    assert answers(old, new) == [401, 422]
    stack.system.token = new


def test_the_password_of_redis_is_changed_while_both_hold(stack: Stack) -> None:
    url = stack.settings["RAILWATCH_REDIS_URL"]
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "railwatch", "on", ">old-password", "~railwatch:*", "+@all")
        user = {"RAILWATCH_REDIS_USERNAME": "railwatch"}
        stack.restart("alerting", **user, RAILWATCH_REDIS_PASSWORD="old-password")
        client.execute_command("ACL", "SETUSER", "railwatch", ">new-password")
        stack.restart("alerting", **user, RAILWATCH_REDIS_PASSWORD="new-password")
        client.execute_command("ACL", "SETUSER", "railwatch", "<old-password")
    assert stack.missing("alerting") == []
    before = redis.Redis.from_url(url, username="railwatch", password="old-password")
    with before, pytest.raises(redis.AuthenticationError):
        before.ping()


def test_the_secret_of_a_webhook_is_changed_while_the_receiver_takes_both(stack: Stack) -> None:
    _acknowledge(stack, "with the old secret")
    new = "the-new-secret-of-the-desk"
    stack.restart("alerting", RAILWATCH_WEBHOOK_SECRETS=f"desk={new}")
    _acknowledge(stack, "with the new secret")
    assert verify(new, *stack.desk.signed[-1])
    assert not verify(WEBHOOK_SECRET, *stack.desk.signed[-1])
    assert verify(WEBHOOK_SECRET, *stack.desk.signed[-2])


def test_a_lost_image_becomes_a_dead_letter_and_is_there_again_when_the_scene_is_sent_again(stack: Stack) -> None:
    look = newest_look(stack)
    image, at = image_of(stack, look), look.observed_at + timedelta(days=12)
    taken = push_and_await(stack, image, "sent-twice", at)
    sha256 = taken.json()["sites"][0]["tiles"][0]["sha256"]
    (stack.directory / "store" / blob_path(sha256)).unlink()
    announce_again(stack, look.model_copy(update={"image": look.image.model_copy(update=_named(sha256))}), timedelta(0))
    missing = 'railwatch_dead_letters_total{job="railwatch-detector", reason="blob-missing"}'
    eventually(lambda: stack.query(missing), "the detector gives up on it by name")
    assert push(stack, image, "sent-twice", at).status_code == 201
    assert (stack.directory / "store" / blob_path(sha256)).exists()


def _counted_at(stack: Stack) -> datetime:
    """When the last of all counts was recorded that alerting has taken in."""
    return max(datetime.fromisoformat(look["counted_at"]) for look in what_is_known(stack)[0])


def _but_for_its_time(look: dict[str, Any]) -> dict[str, Any]:
    """A look without when it was counted last."""
    return {name: value for name, value in look.items() if name != "counted_at"}


def _named(sha256: str) -> dict[str, str]:
    return {"sha256": sha256, "path": blob_path(sha256)}


def _acknowledge(stack: Stack, note: str) -> None:
    url = stack.system.urls["alerting"]
    (surge,) = httpx.get(f"{url}/v1/alerts", params={"site": SITE, "state": "standing"}, timeout=30).json()["items"]
    httpx.post(
        f"{url}/v1/alerts/{surge['alert']}/acknowledge",
        headers={"Authorization": f"Bearer {stack.settings['RAILWATCH_ALERTING_TOKENS']}"},
        json={"by": "the desk", "note": note},
        timeout=30,
    ).raise_for_status()
    eventually(lambda: stack.desk.steps[-1]["data"]["reason"].endswith(note), "the desk gets it")


def _go_back(stack: Stack, group: str, topic: str, records: int) -> None:
    """What `kafka-consumer-groups.sh --reset-offsets --shift-by -N --execute` does for a group without members."""
    partition = TopicPartition(topic, 0)
    consumer = KafkaConsumer(**connection(stack.kafka_settings), group_id=group, enable_auto_commit=False)
    consumer.assign([partition])
    offset = consumer.committed(partition)
    consumer.commit({partition: OffsetAndMetadata(offset - records, "", -1)})
    consumer.close(autocommit=False)
