"""Rebuilding alerting's state from the topics."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rebuild import Rebuilt, rebuild
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus import Publisher
from railwatch.shared.events import AlertEvent, CountEvent
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.sites import known_sites
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, frame_event, write_site
from tests.support.bus import topic_view

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
CORRECTED = count_event(30, 12, algorithm="railwatch 2", recorded_at=RECORDED + timedelta(days=1))
SURGE = [count_event(61, 30), count_event(64, 70, spread=6)]
POISON = [count_event(62, 1e6), count_event(62, 3, site="nowhere")]


@pytest.fixture
def settings(tmp_path: Path, kafka_settings: KafkaSettings, redis_settings: RedisSettings) -> Settings:
    return Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url="memory://"),
        sites=SiteSettings(dir=write_site(tmp_path / "sites")),
    )


@pytest.fixture
def publisher(kafka_settings: KafkaSettings) -> Iterator[Publisher]:
    made = Publisher(kafka_settings)
    yield made
    made.close()


@pytest.fixture
def handler(settings: Settings) -> CountHandler:
    alerting = settings.alerting
    store = Store(connect(settings.redis))
    return CountHandler(
        store,
        known_sites(settings.sites.dir).sites,
        alerting.rule,
        alerting.scene_wait,
        alerting.pass_span,
        alerting.public_url,
        now,
    )


def take(handler: CountHandler, publisher: Publisher, *counts: CountEvent) -> list[AlertEvent]:
    """Take counts in as the running service does."""
    publisher.publish(*counts)
    alerts = [alert for count in counts for alert in handler.handle(count)]
    publisher.publish(*alerts)
    return alerts


def test_a_wiped_redis_is_rebuilt_without_any_new_event(
    settings: Settings, handler: CountHandler, publisher: Publisher, kafka_settings: KafkaSettings
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    announced = take(handler, publisher, *QUIET, CORRECTED, SURGE[0])
    publisher.publish(*POISON)
    before = store.record("tumangang"), store.statuses(), store.standing(), store.alert(announced[0].alert)
    client.flushall()

    with topic_view(kafka_settings, AlertEvent) as alerts:
        assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=21, alerts=1)]
        assert alerts.ids() == {event.id for event in announced}
    after = store.record("tumangang"), store.statuses(), store.standing(), store.alert(announced[0].alert)
    assert after == before

    assert handler.handle(SURGE[0]) == ()
    (updated,) = handler.handle(SURGE[1])
    assert (updated.alert, updated.sequence) == (announced[0].alert, 2)
    assert updated.evidence[0].pictures == SURGE[1].evidence


def test_an_alert_that_was_not_announced_before_the_state_was_lost_comes_with_the_next_count(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    take(handler, publisher, *QUIET)
    publisher.publish(SURGE[0])
    list(rebuild(settings))
    (opened,) = handler.handle(SURGE[0])
    assert (opened.transition, opened.look.count) == ("opened", 30)


def test_the_frames_of_a_pass_are_rebuilt_as_one_look(
    settings: Settings, handler: CountHandler, publisher: Publisher
) -> None:
    store, client = Store(connect(settings.redis)), connect(settings.redis)
    cars = [14.0 * car for car in range(1, 60)]
    frames = [frame_event(61, part, cars, minute=part[0] / 1000) for part in ((0, 900), (850, 2000))]
    (opened,) = take(handler, publisher, *QUIET, *frames)
    before = store.record("tumangang"), store.statuses()
    assert before[0].history.judgements[-1].frames == ("frame-61-0", "frame-61-850")
    client.flushall()

    list(rebuild(settings))

    assert (store.record("tumangang"), store.statuses()) == before
    (evidence,) = store.transact("tumangang", lambda transaction: transaction.evidence("frame-61-850")).values()
    assert evidence == opened.evidence[1]


def test_a_scene_that_waits_for_its_tiles_waits_on(settings: Settings, publisher: Publisher) -> None:
    site_file = settings.sites.dir / "tumangang.yaml"
    site_file.write_text(site_file.read_text().replace("tile_size_m: 3000", "tile_size_m: 1100"))
    tiles = ("r0c0", "r0c1")
    present = now()
    publisher.publish(
        count_event(1, 5, tile="r0c1", tiles=tiles, recorded_at=present - timedelta(hours=1)),
        count_event(2, 5, tile="r0c1", tiles=tiles, recorded_at=present),
    )
    list(rebuild(settings))
    store = Store(connect(settings.redis))
    (look,) = store.record("tumangang").history.judgements
    assert (look.scene, look.missing_tiles) == ("scene-1", ("r0c0",))
    assert store.due(present) == []
    assert store.due(present + timedelta(minutes=16)) == [("tumangang", "scene-2")]
