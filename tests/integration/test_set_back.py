"""A Redis that was set back to an earlier copy while alerting was stopped: noticed at the start, and made whole."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from railwatch.services.alerting.acknowledgements import Act, acknowledge
from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.giving_verdicts import About, Said, say
from railwatch.services.alerting.groups import GROUP
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rebuild import rebuild
from railwatch.services.alerting.set_back import is_set_back, note_progress
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import JoinsForCertain, make_consumer
from railwatch.shared.bus.offsets import begin_group
from railwatch.shared.errors import DependencyAwayError
from railwatch.shared.events import AlertEvent, CountEvent, Found, VerdictKind
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.sites import Site, known_sites
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, empty_archive, write_site
from tests.support.bus import topic_view

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
SURGE = [count_event(61, 60, spread=6), count_event(64, 70, spread=6)]
CORRECTED = count_event(30, 12, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
POISON = [count_event(62, 1e6), count_event(62, 3, site="nowhere")]


class Alerting:
    """Alerting without its loop: it takes counts in, publishes, and commits."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client: Any = connect(settings.redis)
        self.store = Store(self.client)
        self.publisher = Publisher(settings.kafka)
        self.sites: Mapping[str, Site] = known_sites(settings).sites
        alerting = settings.alerting
        self.handler = CountHandler(
            self.store,
            self.sites,
            alerting.rule,
            alerting.scene_wait,
            alerting.pass_span,
            alerting.public_url,
            now,
            empty_archive(),
        )

    def take(self, *counts: CountEvent) -> None:
        self.publisher.publish(*counts)
        for count in counts:
            self.handler.handle(count)
            self.publish()
        self.commit()

    def publish(self) -> None:
        Announcer(self.store, self.publisher).publish("tumangang")

    def commit(self) -> None:
        """Commit all counts of the topic, whether they were handled or became dead letters."""
        if begin_group(self.settings.kafka, GROUP, CountEvent, since=None):
            return
        consumer = make_consumer(self.settings.kafka, GROUP)
        topic = self.settings.kafka.prefix + CountEvent.TOPIC
        consumer.subscribe([topic], listener=JoinsForCertain(consumer))
        while not consumer.assignment():
            consumer.poll(100)
        while consumer.poll(300):
            pass
        consumer.commit()
        consumer.close(autocommit=False)

    def acknowledge(self) -> None:
        (standing,) = self.store.standing()
        acknowledge(self.store, standing, Act("Ada", "", None, now()))
        self.publish()

    def judge(self) -> None:
        """Somebody says how many cars the last look has."""
        site, look = self.sites["tumangang"], self.store.record("tumangang").history.judgements[-1]
        found = Found(count=look.count, low=look.low, high=look.high)
        about = About(site, look.scenes, None, look.observed_at, found, "https://railwatch.example/")
        say(self.store, about, Said(VerdictKind.TOTAL, "Ada", "desk", now(), total=61))
        self.publish()

    def copy(self) -> dict[str, bytes]:
        """What Redis holds now."""
        raw: Any = connect(self.settings.redis)
        raw.connection_pool.connection_kwargs["decode_responses"] = False
        return {name.decode(): raw.dump(name) for name in raw.scan_iter()}

    def set_back(self, copy: dict[str, bytes]) -> None:
        self.client.flushall()
        for name, value in copy.items():
            self.client.restore(name, 0, value)

    def is_set_back(self) -> bool:
        return is_set_back(self.settings, self.store, self.sites)


@pytest.fixture
def alerting(tmp_path: Path, kafka_settings: KafkaSettings, redis_settings: RedisSettings) -> Iterator[Alerting]:
    settings = Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url="memory://"),
        sites=SiteSettings(dir=write_site(tmp_path / "sites")),
    )
    made = Alerting(settings)
    made.take(*QUIET, SURGE[0])
    note_progress(settings, made.store)
    yield made
    made.publisher.close()


@pytest.mark.parametrize(
    "work",
    [
        Alerting.acknowledge,
        Alerting.judge,
        lambda alerting: alerting.take(SURGE[1]),
        lambda alerting: alerting.take(CORRECTED),
        lambda alerting: alerting.take(count_event(10, 7)),
    ],
    ids=["acknowledged", "judged", "updated", "corrected", "a-quiet-look"],
)
def test_an_earlier_copy_that_lacks_what_was_done_since_is_noticed(
    alerting: Alerting, work: Callable[[Alerting], None]
) -> None:
    before = alerting.copy()
    work(alerting)
    assert not alerting.is_set_back()
    alerting.set_back(before)
    assert alerting.is_set_back()


def test_what_was_refused_meanwhile_is_not_missed(alerting: Alerting) -> None:
    alerting.publisher.publish(*POISON)
    alerting.commit()
    assert not alerting.is_set_back()


def test_numbers_of_steps_are_not_used_again_after_redis_was_set_back(alerting: Alerting) -> None:
    Incarnation(alerting.client, "alerting", lambda: True, lambda: True).require()
    before = alerting.copy()
    alerting.acknowledge()
    alerting.set_back(before)

    started = Incarnation(alerting.client, "alerting", lambda: True, lambda: True, alerting.is_set_back)
    with pytest.raises(DependencyAwayError, match="an earlier one is back"):
        started.require()
    list(rebuild(alerting.settings))
    started.require()
    alerting.take(SURGE[1])

    with topic_view(alerting.settings.kafka, AlertEvent) as topic:
        steps = [(event.sequence, event.transition.value) for event in topic.events()]
    assert steps == [(1, "opened"), (2, "acknowledged"), (3, "updated")]


def test_an_earlier_copy_of_what_was_just_rebuilt_is_noticed(alerting: Alerting) -> None:
    alerting.client.flushall()
    list(rebuild(alerting.settings))
    before = alerting.copy()
    alerting.take(SURGE[1])
    assert not alerting.is_set_back()
    alerting.set_back(before)
    assert alerting.is_set_back()
