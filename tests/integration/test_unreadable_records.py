"""Records of a neighbour on the broker: those in any codec are read, and those that cannot be read stop nothing."""

from typing import Any

import pytest
from kafka import KafkaProducer

from railwatch.shared.bus import Message, encode
from railwatch.shared.bus.client import connection
from railwatch.shared.bus.read import read_topic
from railwatch.shared.events import CountEvent, DeadLetter, TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import count_of, counter, eventually, tile, topic_view, working


class NotUtf8(str):
    """A header's name that is not UTF-8."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


def send(kafka: KafkaSettings, message: Message, codec: str | None = None) -> int:
    """Writes a record, as a producer of its own. Its offset."""
    producer = KafkaProducer(**connection(kafka), compression_type=codec, max_request_size=200_000_000)
    try:
        sent = producer.send(kafka.prefix + message.topic, message.value, message.key, message.headers)
        return int(sent.get(60).offset)
    finally:
        producer.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_an_event_in_any_codec_is_handled(kafka_settings: KafkaSettings, codec: str) -> None:
    send(kafka_settings, encode(tile(1)), codec)
    with working(counter(kafka_settings)), topic_view(kafka_settings, CountEvent) as counts:
        eventually(lambda: counts.ids() == {count_of(tile(1)).id}, "the tile is counted")


def test_records_that_cannot_be_read_are_passed_over_with_their_places(kafka_settings: KafkaSettings) -> None:
    good = encode(tile(1))
    odd = Message(good.topic, good.key, good.value, [*good.headers, (NotUtf8("x"), b"1")])
    bomb = Message(good.topic, good.key, bytes(100_000_000), good.headers)
    send(kafka_settings, good)
    places = [send(kafka_settings, odd), send(kafka_settings, bomb, "gzip"), send(kafka_settings, bomb, "zstd")]
    send(kafka_settings, encode(tile(2)))
    with (
        working(counter(kafka_settings)),
        topic_view(kafka_settings, CountEvent) as counts,
        topic_view(kafka_settings, DeadLetter) as letters,
    ):
        eventually(lambda: counts.ids() == {count_of(tile(number)).id for number in (1, 2)}, "the tiles are counted")
        eventually(lambda: len(letters.ids()) == len(places), "the others are dead letters")
        assert {letter.reason for letter in letters.events()} == {"unreadable-record"}
        assert sorted(letter.original.offset for letter in letters.events()) == places
    assert [event for events in read_topic(kafka_settings, TileEvent) for event in events] == [tile(1), tile(2)]
