"""The embedded broker forgets everything when it ends. The journal keeps its topics in files and fills a new one.

Each topic is a file of JSON lines, in the order of its one partition, so a record has the offset that it had. The
offsets that groups committed lie beside it. They may be a moment old: what is handled again gives the same events.
"""

import base64
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection, make_admin, make_producer
from railwatch.shared.bus.unreadable import Unreadable, pass_over_unreadable
from railwatch.shared.errors import RailwatchError
from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.settings import KafkaSettings

POLL_MS = 200
# A topic has been read to its end when nothing has come for this time: the end offset that the embedded broker tells
# may leave the last batch out.
QUIET_S = 1.0
# How often the groups' offsets are written down, in seconds.
OFFSETS_EVERY_S = 2.0

log = structlog.get_logger(__name__)


@contextmanager
def journalled(directory: Path, kafka: KafkaSettings) -> Iterator[int]:
    """A block in which an empty broker has the topics of before, and in which all that is written is kept.

    Yields:
        How many records came back.

    Raises:
        RailwatchError: the journal is damaged, or the broker does not answer.
    """
    directory.mkdir(parents=True, exist_ok=True)
    partitions = [
        TopicPartition(topic, 0) for topic in sorted({kafka.prefix + each.TOPIC for each in EVENT_TYPES.values()})
    ]
    try:
        held = {partition: _replayed(directory, partition, kafka) for partition in partitions}
        _restore_offsets(directory, kafka)
    except KafkaError as error:
        raise RailwatchError(f"The embedded broker does not take the journal: {type(error).__name__}.") from error
    stop = threading.Event()
    writer = threading.Thread(target=_keep, args=(directory, kafka, held, stop), name="journal")
    writer.start()
    try:
        yield sum(held.values())
    finally:
        stop.set()
        writer.join()


def _file(directory: Path, topic: str) -> Path:
    return directory / f"{topic}.jsonl"


def _replayed(directory: Path, partition: TopicPartition, kafka: KafkaSettings) -> int:
    """Writes a topic's file into the broker; the number of records. A last line that a crash cut off is removed."""
    path = _file(directory, partition.topic)
    path.touch()
    _cut_off(path)
    with closing(make_producer(kafka)) as producer, path.open() as lines:
        sent = []
        for number, line in enumerate(lines):
            try:
                record = json.loads(line)
                value, key = (
                    None if record[name] is None else base64.b64decode(record[name]) for name in ("value", "key")
                )
                headers = [(name, base64.b64decode(text)) for name, text in record["headers"]]
            except (ValueError, KeyError, TypeError):
                raise RailwatchError(
                    f"{path}:{number + 1}: the journal is damaged; the records before are whole."
                ) from None
            sent.append(producer.send(partition.topic, value, key, headers, partition=0))
        for number, future in enumerate(sent):
            if (offset := future.get(60).offset) != number:
                raise RailwatchError(f"{path}:{number + 1}: came back at offset {offset}: the broker was not empty.")
    return len(sent)


def _cut_off(path: Path) -> None:
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _restore_offsets(directory: Path, kafka: KafkaSettings) -> None:
    path = directory / "offsets.json"
    groups: dict[str, dict[str, int]] = json.loads(path.read_text()) if path.exists() else {}
    for group, offsets in groups.items():
        consumer = KafkaConsumer(**connection(kafka), group_id=group, enable_auto_commit=False)
        with closing(consumer):
            places = {TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1) for topic, offset in offsets.items()}
            consumer.assign(list(places))
            consumer.commit(places)


def _keep(directory: Path, kafka: KafkaSettings, held: dict[TopicPartition, int], stop: threading.Event) -> None:
    """Writes down what comes in, until it is told to stop and the topics have been quiet for a moment."""
    files = {partition: _file(directory, partition.topic).open("a") for partition in held}
    consumer = KafkaConsumer(**connection(kafka), enable_auto_commit=False)
    pass_over_unreadable(consumer)
    heard_at = noted_at = time.monotonic()
    with closing(consumer):
        consumer.assign(list(held))
        for partition, offset in held.items():
            consumer.seek(partition, offset)
        while not stop.is_set() or time.monotonic() - heard_at < QUIET_S:
            try:
                found = consumer.poll(POLL_MS)
                for partition, records in found.items():
                    files[partition].writelines(_line(record) for record in records)
                    files[partition].flush()
                    os.fsync(files[partition].fileno())
                    heard_at = time.monotonic()
                if time.monotonic() - noted_at > OFFSETS_EVERY_S:
                    _note_offsets(directory, kafka, _kept(consumer, held))
                    noted_at = time.monotonic()
            except KafkaError as error:
                log.warning("the journal waits for the broker", error=str(error))
                if stop.wait(1.0):
                    break
        _note_offsets(directory, kafka, _kept(consumer, held))
    for file in files.values():
        file.close()


def _line(record: Any) -> str:
    """A record as a line. One that cannot be read is kept as an empty one, so that those behind it stay in place."""
    if isinstance(record, Unreadable):
        return json.dumps({"key": None, "value": None, "headers": []}) + "\n"
    key, value = (None if part is None else base64.b64encode(part).decode() for part in (record.key, record.value))
    headers = [(name, base64.b64encode(text or b"").decode()) for name, text in record.headers]
    return json.dumps({"key": key, "value": value, "headers": headers}) + "\n"


def _kept(consumer: KafkaConsumer, held: Iterable[TopicPartition]) -> dict[str, int]:
    """How many records of each topic are in its file."""
    return {partition.topic: consumer.position(partition) for partition in held}


def _note_offsets(directory: Path, kafka: KafkaSettings, kept: Mapping[str, int]) -> None:
    """Writes down what the groups committed, but nothing beyond what is in the files."""
    with closing(make_admin(kafka)) as admin:
        names = [group["group_id"] for group in admin.list_groups()]
        found = {name: admin.list_group_offsets({name: None})[name] for name in names}
    offsets = {
        name: {place.topic: min(held.offset, kept[place.topic]) for place, held in its.items() if held.offset >= 0}
        for name, its in found.items()
    }
    whole = directory / ".offsets.json"
    whole.write_text(json.dumps(offsets, indent=1))
    whole.replace(directory / "offsets.json")
