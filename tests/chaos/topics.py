"""Everything that the topics hold, read as it comes, over all restarts of the broker."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.bus.codec import decode
from railwatch.shared.errors import RailwatchError
from railwatch.shared.events import CountEvent, DeadLetter, Event, Notice, TileEvent
from railwatch.shared.settings import KafkaSettings

TOPICS = (TileEvent.TOPIC, CountEvent.TOPIC, Notice.TOPIC, DeadLetter.TOPIC)
E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Record:
    """A record of a topic, with its event; null if it is none."""

    topic: str
    partition: int
    offset: int
    event: Event | None


class Topics:
    """All records, in the order of each partition. A thread reads on until `stop`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._next: dict[TopicPartition, int] = defaultdict(int)
        self._records: list[Record] = []
        self._answered: set[tuple[str, str]] = set()
        self._tiles: dict[tuple[str, int, int], TileEvent] = {}
        self._notices: dict[str, Notice] = {}
        self._thread = threading.Thread(target=self._read, daemon=True, name="topics")
        self._thread.start()

    def stop(self) -> None:
        """Read no more."""
        self._enough.set()
        self._thread.join()

    def records(self, topic: str) -> list[Record]:
        """The records of a topic so far."""
        with self._lock:
            return [record for record in self._records if record.topic == topic]

    def events(self, kind: type[E]) -> Iterator[E]:
        """The events of a kind so far, repetitions included."""
        return (record.event for record in self.records(kind.TOPIC) if isinstance(record.event, kind))

    def write(self, path: Path) -> None:
        """Write all events to a file: a line of JSON for each, with the place of its record."""
        with self._lock, path.open("w") as file:
            for record in self._records:
                event = record.event.model_dump(mode="json") if record.event else None
                file.write(json.dumps([record.topic, record.partition, record.offset, event]) + "\n")

    def is_answered(self, scene: str, tile: str) -> bool:
        """Whether a tile of a scene has a count or a dead letter."""
        with self._lock:
            return (scene, tile) in self._answered

    def tile_at(self, place: tuple[str, int, int]) -> TileEvent | None:
        """The tile of a record, by topic, partition and offset."""
        with self._lock:
            return self._tiles.get(place)

    def standing(self) -> list[Notice]:
        """The last step of each alert that stands."""
        with self._lock:
            return [event for event in self._notices.values() if event.stands]

    def ends(self) -> dict[TopicPartition, int]:
        """The offset after the last record that was read, by partition."""
        with self._lock:
            return dict(self._next)

    def _read(self) -> None:
        while not self._enough.is_set():
            try:
                consumer = KafkaConsumer(**connection(self._settings), enable_auto_commit=False)
            except (KafkaError, OSError):
                time.sleep(0.5)
                continue
            try:
                self._follow(consumer)
            except (KafkaError, OSError, TypeError):  # kafka-python's metadata are null while the broker is away
                time.sleep(0.5)
            finally:
                consumer.close()

    def _follow(self, consumer: Any) -> None:
        partitions = [
            TopicPartition(topic, number)
            for topic in TOPICS
            for number in consumer.partitions_for_topic(self._settings.prefix + topic)
        ]
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, self._next[partition])
        while not self._enough.is_set():
            for partition, found in consumer.poll(200).items():
                with self._lock:
                    for record in found:
                        self._take(record)
                    self._next[partition] = found[-1].offset + 1

    def _take(self, record: Any) -> None:
        try:
            event = decode(record.headers, record.value)
        except RailwatchError:
            event = None
        self._records.append(Record(record.topic, record.partition, record.offset, event))
        if isinstance(event, CountEvent):
            self._answered.add((event.scene, event.tile))
        elif isinstance(event, DeadLetter) and event.original is not None:
            refused = self._tiles.get((event.original.topic, event.original.partition, event.original.offset))
            if refused is not None:
                self._answered.add((refused.scene, refused.tile))
        elif isinstance(event, TileEvent):
            self._tiles[record.topic, record.partition, record.offset] = event
        elif isinstance(event, Notice):
            last = self._notices.get(event.about)
            if last is None or last.sequence < event.sequence:
                self._notices[event.about] = event
