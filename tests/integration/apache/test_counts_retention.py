"""A counts topic with a retention: what Kafka has deleted of it, a rebuild takes from the archive."""

from pathlib import Path

import pytest
from kafka import TopicPartition

from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.groups import GROUP
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rebuild import Rebuilt, rebuild
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.wiring import now
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import make_admin
from railwatch.shared.bus.offsets import begin_group, begins_of, ends_of
from railwatch.shared.errors import RailwatchError
from railwatch.shared.events import CountEvent
from railwatch.shared.settings import BlobSettings, KafkaSettings, RedisSettings, SiteSettings
from railwatch.shared.sites import known_sites
from railwatch.shared.state import connect
from tests.support.alerting import count_event, write_site

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
SURGE = count_event(61, 30)


@pytest.fixture
def settings(tmp_path: Path, kafka_settings: KafkaSettings, redis_settings: RedisSettings) -> Settings:
    return Settings(
        kafka=kafka_settings,
        redis=redis_settings,
        blobs=BlobSettings(url=f"file://{tmp_path}/blobs"),
        sites=SiteSettings(dir=write_site(tmp_path / "sites")),
    )


def test_a_rebuild_takes_from_the_archive_what_kafka_has_deleted(settings: Settings) -> None:
    client, alerting = connect(settings.redis), settings.alerting
    store, archive = Store(client), Archive.open(settings.blobs)
    waits = alerting.scene_wait, alerting.pass_span
    handler = CountHandler(store, known_sites(settings).sites, alerting.rule, *waits, alerting.public_url, now, archive)
    publisher = Publisher(settings.kafka)
    publisher.publish(*QUIET, SURGE)
    alerts = [alert for count in (*QUIET, SURGE) for alert in handler.handle(count)]
    publisher.publish(*alerts)
    publisher.close()
    before = store.record("tumangang"), store.statuses(), store.standing()
    assert begin_group(settings.kafka, GROUP, CountEvent, None), "all counts are committed"

    for kept in (5, 0):
        delete_all_but(settings.kafka, kept)
        client.flushall()

        assert list(rebuild(settings)) == [Rebuilt("tumangang", looks=21, alerts=1)]

        assert (store.record("tumangang"), store.statuses(), store.standing()) == before


def test_without_an_archive_nothing_is_forgotten(settings: Settings) -> None:
    publisher = Publisher(settings.kafka)
    publisher.publish(*QUIET)
    publisher.close()
    delete_all_but(settings.kafka, 5)
    client = connect(settings.redis)
    client.set("railwatch:alerting:site", "known")

    with pytest.raises(RailwatchError, match="archive of counts is empty"):
        list(rebuild(settings))

    assert client.get("railwatch:alerting:site") == "known"


def delete_all_but(settings: KafkaSettings, kept: int) -> None:
    """Delete the oldest counts, as Kafka does when their time is over."""
    topic = settings.prefix + CountEvent.TOPIC
    (held,) = [number for number, end in ends_of(settings, CountEvent).items() if end]
    end = ends_of(settings, CountEvent)[held]
    admin = make_admin(settings)
    admin.delete_records({TopicPartition(topic, held): end - kept})
    admin.close()
    assert begins_of(settings, CountEvent)[held] == end - kept
