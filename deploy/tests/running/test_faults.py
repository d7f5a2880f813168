"""Each fault that a rule watches for is made, its alert reaches a person, and ends with the fault.

The rules are the shipped ones with shortened waits; they fire in a real Prometheus on the real metrics of the services,
and go through a real Alertmanager to webhooks.
"""

from datetime import timedelta
from functools import partial

import httpx
import pytest

from deploy.tests.running.looks import announce_again, image_of, newest_look, push, push_and_await, turned, unreadable
from deploy.tests.running.stack import DESK_TOKEN, UNSEEN, Stack, add_unseen_site, is_ready
from railwatch.demo.yard import SITE
from tests.support.bus import eventually

pytestmark = pytest.mark.timeout(1800)


def test_an_image_that_cannot_be_read_makes_its_group_lag_and_stick(stack: Stack) -> None:
    look = newest_look(stack)
    with unreadable(stack, look):
        announce_again(stack, look, ago=timedelta(hours=2))
        notified = partial(stack.notified, "operators-urgent", group="railwatch-detector")
        eventually(lambda: notified("RailwatchLagging", severity="critical"), "the operators learn of the lag")
        eventually(lambda: notified("RailwatchConsumerStuck"), "the operators learn that nothing is finished")
        eventually(lambda: stack.inhibited("RailwatchLagging", severity="warning"), "the warning says nothing new")
    over = {"RailwatchLagging", "RailwatchConsumerStuck"}
    eventually(lambda: not over & stack.firing(), "the image is there again, and both end")


def test_images_of_another_place_raise_an_alert_for_their_site(stack: Stack) -> None:
    look = newest_look(stack)
    image = image_of(stack, look)
    for day in (1, 2, 3):
        answer = push(stack, turned(image), f"turned-{day}", look.observed_at + timedelta(days=day))
        assert answer.status_code in (200, 201), answer.text
    eventually(
        lambda: stack.notified("operators", "RailwatchRegistrationFailing", site=SITE), "the operators get the alert"
    )
    assert not stack.notified("analysts", "RailwatchRegistrationFailing")
    push_and_await(stack, image, "as-before", look.observed_at + timedelta(days=4))
    eventually(lambda: "RailwatchRegistrationFailing" not in stack.firing(), "the next look is of the site again")


def test_a_receiver_that_refuses_raises_an_alert_and_gets_later_what_it_missed(stack: Stack) -> None:
    url = stack.system.urls["alerting"]
    (surge,) = httpx.get(f"{url}/v1/alerts", params={"site": SITE, "state": "standing"}, timeout=30).json()["items"]
    stack.desk.refused.add("/railwatch")
    httpx.post(
        f"{url}/v1/alerts/{surge['alert']}/acknowledge",
        headers={"Authorization": f"Bearer {DESK_TOKEN}"},
        json={"by": "the desk", "note": "looking at it"},
        timeout=30,
    ).raise_for_status()
    eventually(
        lambda: stack.notified("operators-urgent", "RailwatchDeliveryFailing", receiver="desk"),
        "the operators get the alert",
    )
    assert not stack.notified("operators-urgent", "RailwatchDeliveryFailing", receiver="main")
    stack.desk.refused.clear()
    transitions = [event["data"]["transition"] for event in stack.desk.steps]
    assert "acknowledged" not in transitions
    eventually(lambda: stack.desk.steps[-1]["data"]["transition"] == "acknowledged", "it gets what it missed")
    eventually(lambda: "RailwatchDeliveryFailing" not in stack.firing(), "all is well again")


def test_many_sites_that_are_not_seen_are_one_alert(stack: Stack) -> None:
    more = [f"{UNSEEN}-{number}" for number in range(3)]
    for site in more:
        add_unseen_site(stack.directory / "sites", site)
    stack.restart("alerting")
    eventually(lambda: stack.notified("operators-urgent", "RailwatchMissedLooks"), "the operators get one alert")
    eventually(lambda: stack.inhibited("SiteNotSeen", site=UNSEEN), "and not once more for each site")
    for site in more:
        (stack.directory / "sites" / f"{site}.yaml").unlink()
    stack.restart("alerting")
    eventually(lambda: "RailwatchMissedLooks" not in stack.firing(), "a single site is no provider's fault")


def test_a_dead_detector_raises_an_alert_and_inhibits_its_consequences(stack: Stack) -> None:
    environment = stack.environment("detector")
    stack.system.processes["detector"].kill()
    stack.system.processes["detector"].wait()
    eventually(
        lambda: stack.notified("operators-urgent", "RailwatchServiceAway", job="railwatch-detector"),
        "the operators get the alert",
    )
    eventually(lambda: stack.inhibited("SiteNotSeen", site=UNSEEN), "no site is seen without a detector")
    assert not stack.inhibited("RailcarSurge")
    stack.start("detector", environment)
    eventually(lambda: "RailwatchServiceAway" not in stack.firing(), "it is back")


def test_redis_away_raises_an_alert_and_every_service_recovers_by_itself(stack: Stack) -> None:
    look = newest_look(stack)
    stack.redis.stop()
    eventually(
        lambda: stack.notified("operators-urgent", "RailwatchDependencyAway", dependency="redis"),
        "the operators get the alert",
    )
    announce_again(stack, look, ago=timedelta(hours=2))
    eventually(
        lambda: stack.inhibited("RailwatchLagging", group="railwatch-detector"), "its consequences are inhibited"
    )
    for service, url in stack.system.urls.items():
        assert stack.missing(service) == ["redis"]
        assert httpx.get(f"{url}/healthz", timeout=30).status_code == 200
    stack.redis.start()
    _all_recover(stack)


def test_kafka_away_raises_an_alert_and_every_service_recovers_by_itself(stack: Stack) -> None:
    look = newest_look(stack)
    image = image_of(stack, look)
    stack.kafka.stop()
    for service in stack.system.urls:
        eventually(lambda: stack.missing(service) == ["kafka"], f"{service} says what it waits for")  # noqa: B023
    eventually(
        lambda: stack.notified("operators-urgent", "RailwatchDependencyAway", dependency="kafka"),
        "the operators get the alert",
    )
    refused = push(stack, image, "while-away", look.observed_at + timedelta(days=5))
    assert refused.status_code == 503, refused.text
    stack.kafka.start()
    _all_recover(stack)
    push_and_await(stack, image, "while-away", look.observed_at + timedelta(days=5))


def test_the_object_store_away_raises_an_alert_and_every_service_recovers_by_itself(stack: Stack) -> None:
    look = newest_look(stack)
    image = image_of(stack, look)
    store, away = stack.directory / "store", stack.directory / "store-away"
    store.rename(away)
    store.symlink_to(store)
    eventually(
        lambda: stack.notified("operators-urgent", "RailwatchDependencyAway", dependency="blobs"),
        "the operators get the alert",
    )
    refused = push(stack, image, "while-store-away", look.observed_at + timedelta(days=6))
    assert refused.status_code == 503, refused.text
    announce_again(stack, look, ago=timedelta(0))
    store.unlink()
    away.rename(store)
    _all_recover(stack)
    push_and_await(stack, image, "while-store-away", look.observed_at + timedelta(days=6))


def _all_recover(stack: Stack) -> None:
    for service, url in stack.system.urls.items():
        eventually(partial(is_ready, url), f"{service} has recovered by itself")
    assert [process.poll() for process in stack.system.processes.values()] == [None] * 3, "none was restarted"
    away = {"RailwatchDependencyAway", "RailwatchLagging", "RailwatchConsumerStuck"}
    eventually(lambda: not away & stack.firing(), "all is well again")
