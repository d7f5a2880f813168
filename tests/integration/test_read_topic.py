"""Reading a whole topic gives all of it or an error, never half of it, and never takes for ever."""

from itertools import chain

import pytest
from kafka import KafkaConsumer

from railwatch.shared.bus import Publisher, read
from railwatch.shared.errors import TransientError
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import tile


def test_every_event_is_read(kafka_settings: KafkaSettings) -> None:
    tiles = [tile(number) for number in range(20)]
    Publisher(kafka_settings).publish(*tiles)
    found = chain.from_iterable(read.read_topic(kafka_settings, TileEvent))
    assert sorted(event.scene for event in found) == sorted(event.scene for event in tiles)


def test_what_came_since_is_read_of_all_partitions_with_its_place(kafka_settings: KafkaSettings) -> None:
    sites = ("tumangang", "hunchun", "khasan", "rajin")
    earlier, later = ([tile(number, site) for number in numbers for site in sites] for numbers in ((0, 1), (2, 3, 4)))
    for published in (earlier, later):
        Publisher(kafka_settings).publish(*published)
    since = {
        partition: offset + 1
        for partition, offset, event in read.read_since(kafka_settings, TileEvent, {})
        if event in earlier
    }
    found = {
        event.id: (partition, offset) for partition, offset, event in read.read_since(kafka_settings, TileEvent, since)
    }
    assert found.keys() == {event.id for event in later}
    assert all(offset >= since[partition] for partition, offset in found.values())


def test_a_missing_topic_is_an_error_and_not_an_empty_topic(kafka_settings: KafkaSettings) -> None:
    elsewhere = kafka_settings.model_copy(update={"prefix": f"{kafka_settings.prefix}no-"})
    with pytest.raises(TransientError, match="There is no topic"):
        next(read.read_topic(elsewhere, TileEvent))


def test_kafka_that_gives_nothing_more_is_an_error(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Publisher(kafka_settings).publish(tile(1))
    monkeypatch.setattr(read, "STALLED_S", 0.5)
    monkeypatch.setattr(KafkaConsumer, "poll", lambda *_: {})
    with pytest.raises(TransientError, match="Kafka has given nothing of"):
        list(chain.from_iterable(read.read_topic(kafka_settings, TileEvent)))
