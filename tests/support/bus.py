"""Events for tests of the bus, and eyes on its topics."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from kafka import KafkaConsumer, TopicPartition

from railwatch.shared.bus import Publisher, Worker, decode
from railwatch.shared.bus.client import connection
from railwatch.shared.counts import BlobRef, Quality, TileCount
from railwatch.shared.events import CountEvent, Event, TileEvent
from railwatch.shared.health import Progress
from railwatch.shared.settings import KafkaSettings

E = TypeVar("E", bound=Event)

# How long a test waits for something that must happen: many session timeouts and retries, on a very busy machine.
PATIENCE_S = 480.0

# The group of the tests' workers that count tiles.
COUNTERS = "counters"

FIRST_LOOK = datetime(2023, 3, 1, 2, tzinfo=UTC)


def kafka_settings_of(environment: dict[str, str]) -> KafkaSettings:
    """The settings that these `RAILWATCH_KAFKA_*` variables stand for."""
    return KafkaSettings.model_validate(
        {name.removeprefix("RAILWATCH_KAFKA_").lower(): value for name, value in environment.items()}
    )


def tile(number: int, site: str = "tumangang") -> TileEvent:
    """The n-th tile of a site; equal numbers give equal ids."""
    sha256 = hashlib.sha256(f"{site}/{number}".encode()).hexdigest()
    return TileEvent(
        recorded_at=FIRST_LOOK + timedelta(days=number, hours=1),
        site=site,
        tile="r0c0",
        scene=f"scene-{number}",
        tiles_in_scene=("r0c0",),
        observed_at=FIRST_LOOK + timedelta(days=number),
        image=BlobRef(path=f"sha256/{sha256[:2]}/{sha256[2:]}", sha256=sha256, size_bytes=9, media_type="image/tiff"),
        gsd_m=0.5,
        source="api",
    )


def count_of(event: TileEvent) -> CountEvent:
    """The count that the tests' workers make of a tile: the same at every attempt."""
    return CountEvent(
        recorded_at=event.recorded_at,
        site=event.site,
        tile=event.tile,
        scene=event.scene,
        tiles_in_scene=event.tiles_in_scene,
        observed_at=event.observed_at,
        result=TileCount(count=1, low=0, high=2, coverage=1, quality=Quality.OK, algorithm="test 1"),
        image=event.image,
    )


def counter(
    kafka: KafkaSettings,
    handle: Callable[[TileEvent], Sequence[Event]] = lambda event: [count_of(event)],
    **options: Any,
) -> Worker[TileEvent]:
    """A worker in the detector's place, in the group `COUNTERS`; `options` are more arguments of a `Worker`."""
    given = {"group": COUNTERS, "publisher": Publisher(kafka), "progress": Progress(), **options}
    return Worker(service="detector", kafka=kafka, consumes=TileEvent, handle=handle, **given)


def eventually(condition: Callable[[], Any], what: str, every_s: float = 0.02) -> None:
    """Wait until the condition holds. Asking services costs them time, too: ask them less often."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain: {what}"
        time.sleep(every_s)


class TopicView:
    """Everything that was ever written to an event's topic, in the order of each partition."""

    def __init__(self, settings: KafkaSettings, event_type: type[E]) -> None:
        self._topic = settings.prefix + event_type.TOPIC
        self._consumer = KafkaConsumer(
            **connection(settings),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
        numbers = self._consumer.partitions_for_topic(self._topic)
        self._partitions = [TopicPartition(self._topic, number) for number in numbers]
        self._consumer.assign(self._partitions)
        self.records: list[Any] = []

    def events(self) -> list[Any]:
        """The events so far, one per record, duplicates included: all that the broker had when this was called.

        What has no headers is no event, and is left out.
        """
        ends = self._consumer.end_offsets(self._partitions)
        while (fetched := self._consumer.poll(100)) or any(self._consumer.position(p) < ends[p] for p in ends):
            for records in fetched.values():
                self.records.extend(records)
        return [decode(record.headers, record.value) for record in self.records if record.headers]

    def ids(self) -> set[str]:
        """The events so far, each once."""
        return {event.id for event in self.events()}

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def topic_view(settings: KafkaSettings, event_type: type[Event]) -> Iterator[TopicView]:
    """Look at a topic from its beginning."""
    view = TopicView(settings, event_type)
    try:
        yield view
    finally:
        view.close()


@contextmanager
def working(worker: Worker[Any]) -> Iterator[threading.Event]:
    """Run the worker in a thread; yields the event that stops it. It has stopped when the block is left."""
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the worker did not stop"


def committed(settings: KafkaSettings, group: str, event_type: type[Event]) -> dict[int, int]:
    """The group's committed offset of each partition, where there is one."""
    topic = settings.prefix + event_type.TOPIC
    consumer = KafkaConsumer(**connection(settings), group_id=settings.prefix + group, enable_auto_commit=False)
    try:
        offsets = {
            partition: consumer.committed(TopicPartition(topic, partition), timeout_ms=10_000)
            for partition in consumer.partitions_for_topic(topic)
        }
    finally:
        consumer.close(autocommit=False)
    return {partition: offset for partition, offset in offsets.items() if offset is not None}
