"""The embedded broker forgets; the journal brings back what was written, at the same offsets, and what was handled."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition

from railwatch.demo.journal import journalled
from railwatch.demo.system import TOPICS
from railwatch.embedded import embedded_broker
from railwatch.shared.bus import Publisher
from railwatch.shared.bus.client import connection
from railwatch.shared.bus.read import read_topic
from railwatch.shared.bus.topics import ensure_topics
from railwatch.shared.errors import RailwatchError
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import KafkaSettings
from tests.support.bus import tile

TILES = TopicPartition(TileEvent.TOPIC, 0)


@contextmanager
def run_of(directory: Path) -> Iterator[tuple[KafkaSettings, int]]:
    """A new broker on the journal of a directory, and how many records came back."""
    with embedded_broker() as broker:
        kafka = KafkaSettings(bootstrap_servers=broker["RAILWATCH_KAFKA_BOOTSTRAP_SERVERS"])
        ensure_topics(kafka, TOPICS)
        with journalled(directory, kafka) as came_back:
            yield kafka, came_back


def commit(kafka: KafkaSettings, offset: int) -> None:
    with closing(KafkaConsumer(**connection(kafka), group_id="counters", enable_auto_commit=False)) as consumer:
        consumer.assign([TILES])
        consumer.commit({TILES: OffsetAndMetadata(offset, "", -1)})


def committed(kafka: KafkaSettings) -> int | None:
    with closing(KafkaConsumer(**connection(kafka), group_id="counters", enable_auto_commit=False)) as consumer:
        offset: int | None = consumer.committed(TILES)
        return offset


def tiles(kafka: KafkaSettings) -> list[str]:
    return [event.id for partition in read_topic(kafka, TileEvent) for event in partition]


def test_topics_and_what_groups_have_handled_come_back(tmp_path: Path) -> None:
    with run_of(tmp_path) as (kafka, came_back):
        assert (came_back, committed(kafka)) == (0, None)
        Publisher(kafka).publish(tile(1), tile(2), tile(3))
        commit(kafka, 2)
    with run_of(tmp_path) as (kafka, came_back):
        assert (came_back, committed(kafka)) == (3, 2)
        Publisher(kafka).publish(tile(4))
        commit(kafka, 4)
    with run_of(tmp_path) as (kafka, came_back):
        assert (came_back, committed(kafka)) == (4, 4)
        assert tiles(kafka) == [tile(number).id for number in (1, 2, 3, 4)]


def test_a_line_that_a_crash_cut_off_costs_nothing_else(tmp_path: Path) -> None:
    with run_of(tmp_path) as (kafka, _):
        Publisher(kafka).publish(tile(1), tile(2))
    path = tmp_path / f"{TileEvent.TOPIC}.jsonl"
    path.write_bytes(path.read_bytes() + b'{"key": "abc')
    with run_of(tmp_path) as (kafka, came_back):
        assert came_back == 2
        Publisher(kafka).publish(tile(3))
    with run_of(tmp_path) as (kafka, _):
        assert tiles(kafka) == [tile(number).id for number in (1, 2, 3)]


def test_no_group_is_ahead_of_what_was_kept(tmp_path: Path) -> None:
    with run_of(tmp_path) as (kafka, _):
        Publisher(kafka).publish(tile(1))
        commit(kafka, 7)
    with run_of(tmp_path) as (kafka, _):
        assert committed(kafka) == 1


def test_a_damaged_journal_is_named_and_nothing_starts(tmp_path: Path) -> None:
    with run_of(tmp_path) as (kafka, _):
        Publisher(kafka).publish(tile(1), tile(2))
    path = tmp_path / f"{TileEvent.TOPIC}.jsonl"
    path.write_text(path.read_text().replace("{", "", 1))
    with pytest.raises(RailwatchError, match=r"tiles\.v1\.jsonl:1: the journal is damaged"), run_of(tmp_path):
        pass
