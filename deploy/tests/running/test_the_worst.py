"""What docs/operate.md says of the worst: every service killed at once, and Kafka lost with all that it held.

These come last: they leave the stack without its history.
"""

import shutil
import subprocess
import threading
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import httpx
import pytest

from deploy.tests.running.looks import image_of, newest_look, push, push_and_await, what_is_known
from deploy.tests.running.stack import RAILWATCH, Stack, is_ready
from railwatch.shared.bus.topics import TopicPlan, ensure_topics
from railwatch.shared.events import AlertEvent, CountEvent, TileEvent
from tests.support.bus import eventually, topic_view

pytestmark = pytest.mark.timeout(1800)


def test_all_services_killed_in_the_middle_lose_nothing_and_double_nothing(stack: Stack) -> None:
    look = newest_look(stack)
    image = image_of(stack, look)
    days = {f"through-a-kill-{day}": look.observed_at + timedelta(days=day) for day in range(20, 26)}

    def deliver() -> None:
        """Send every scene, again and again until it is taken, as a provider does."""
        for scene, at in days.items():
            eventually(partial(_taken, stack, image, scene, at), f"{scene} is taken")

    with topic_view(stack.kafka_settings, CountEvent) as counts, topic_view(stack.kafka_settings, AlertEvent) as alerts:
        provider = threading.Thread(target=deliver)
        provider.start()
        eventually(lambda: days.keys() & {event.scene for event in counts.events()}, "the first of them is counted")
        environments = {service: stack.environment(service) for service in stack.system.processes}
        for process in stack.system.processes.values():
            process.kill()
        for process in stack.system.processes.values():
            process.wait()
        for service, environment in environments.items():
            stack.start(service, environment)
        provider.join()
        eventually(
            lambda: days.keys() <= {o["scene"] for o in what_is_known(stack)[0]}, "every look is judged", every_s=0.25
        )
        ids = {(event.scene, event.id) for event in counts.events()}
        eventually(
            lambda: alerts.ids() == {event["id"] for event in stack.desk.taken["/railwatch"]},
            "the desk has every transition",
        )
        steps = {event.id: (event.about, event.sequence) for event in alerts.events()}
    with topic_view(stack.kafka_settings, TileEvent) as tiles:
        eventually(lambda: days.keys() <= {event.scene for event in tiles.events()}, "all tiles are read")
        tile_ids = {(event.scene, event.id) for event in tiles.events()}
    for found in (ids, tile_ids, [(look["scene"], "") for look in what_is_known(stack)[0]]):
        assert Counter(scene for scene, _ in found if scene in days) == dict.fromkeys(days, 1)
    assert len(set(steps.values())) == len(steps), "each transition has one id"


def test_kafka_lost_with_all_that_it_held_leaves_what_redis_knows(stack: Stack) -> None:
    look = newest_look(stack)
    image, at = image_of(stack, look), look.observed_at + timedelta(days=30)
    before, steps = what_is_known(stack), len(stack.desk.steps)
    stack.kafka.stop()
    shutil.rmtree(stack.directory / "kafka" / "log")
    stack.kafka.start()
    for service in ("detector", "alerting"):
        eventually(lambda: stack.missing(service) == ["kafka"], f"{service} waits for its topics")  # noqa: B023
    assert push(stack, image, "after-the-loss", at).status_code == 503
    assert "There is no topic" in _rebuild(stack)
    ensure_topics(stack.kafka_settings, TopicPlan(partitions=1, replication=1))
    for service, url in stack.system.urls.items():
        eventually(partial(is_ready, url), f"{service} has recovered by itself")
    assert "what Redis knows was left as it is" in _rebuild(stack)
    assert what_is_known(stack) == before
    push_and_await(stack, image, "after-the-loss", at)
    observations, alerts = what_is_known(stack)
    assert observations[:-1] == before[0]
    assert [alert["alert"]["alert"] for alert in alerts] == [alert["alert"]["alert"] for alert in before[1]]
    assert observations[-1]["expected"] is not None, "it is judged against the history from before"
    assert len(stack.desk.steps) <= steps + 1, "nobody is notified twice"


def _rebuild(stack: Stack) -> str:
    """What `railwatch rebuild alerting` says, which must fail."""
    command = [*RAILWATCH, "rebuild", "alerting"]
    ended = subprocess.run(command, env=stack.environment("alerting"), capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout
    return ended.stderr


def _taken(stack: Stack, image: bytes, scene: str, at: datetime) -> bool:
    try:
        return push(stack, image, scene, at).is_success
    except httpx.TransportError:
        return False
