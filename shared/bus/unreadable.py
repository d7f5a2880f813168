"""Records that cannot be read are passed over, each with its place, so that no record stops a consumer.

kafka-python raises in `poll` for a record that it cannot read, at every poll again. It also opens a compressed batch
whole, however large it becomes. Here a batch is opened within limits, and what cannot be read becomes an `Unreadable`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.record.util import decode_varint

from railwatch.shared.bus.decompression import MAX_BATCH_BYTES, decompressed

# Every event needs several hundred bytes. A batch that says it has more records has none that we can use.
MAX_BATCH_RECORDS = MAX_BATCH_BYTES // 256
# The first version of the format of batches that has headers, which every event needs.
WITH_HEADERS = 2


@dataclass(frozen=True)
class Unreadable:
    """A record that cannot be read, in the place of kafka-python's `ConsumerRecord`.

    Attributes:
        topic: its topic.
        partition: its partition.
        offset: its offset; the last one, if a whole batch cannot be read.
        timestamp: when it was written, or the batch, in milliseconds since 1970.
        problem: what is wrong, a sentence.
        headers: none.
        value: null.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    problem: str
    headers: Sequence[tuple[str, bytes | None]] = field(default=(), init=False)
    value: bytes | None = field(default=None, init=False)


def pass_over_unreadable(consumer: KafkaConsumer) -> None:
    """Have a consumer give out an `Unreadable` for each record, or batch, that cannot be read."""
    consumer._fetcher.PartitionRecords = TolerantRecords


class TolerantRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What was fetched of one partition."""

    def _unpack_records(self, tp: Any, records: Any, *_: Any) -> Iterator[Any]:
        while (batch := records.next_batch()) is not None:
            if batch.magic >= WITH_HEADERS:
                self.leader_epoch = batch.leader_epoch
                if not batch.is_control_batch:
                    yield from self._records_of(batch)
                self.next_fetch_offset = batch.next_offset
            else:
                problem = f"A batch in version {batch.magic} of Kafka's format has no headers, so it holds no event."
                self.next_fetch_offset = batch.base_offset + 1
                yield self._passed_over(batch.base_offset, 0, problem)
        self.drain()

    def _records_of(self, batch: Any) -> Iterator[Any]:
        where = f"the batch from offset {batch.base_offset} to {batch.last_offset}"
        try:
            _open(batch)
        except Exception as error:  # each codec has its own
            problem = f"It is not readable, {where}: {str(error) or type(error).__name__}."
            self.next_fetch_offset = batch.next_offset
            yield self._passed_over(batch.last_offset, batch.max_timestamp, problem)
            return
        last = batch.base_offset - 1
        for _ in range(batch.records_count):
            begin = batch._pos
            try:
                record = next(batch)
            except Exception as error:  # kafka-python lets some through that a malformed record provokes
                batch._pos, offset = _extent(batch, begin)
                found = self._passed_over(offset, batch.max_timestamp, f"The record is malformed: {error}.")
            else:
                found = self._given_out(record)
            if not last < found.offset <= batch.last_offset:
                if last < batch.last_offset:
                    problem = f"Its offsets are wrong, {where}, after {last}."
                    self.next_fetch_offset = batch.next_offset
                    yield self._passed_over(batch.last_offset, batch.max_timestamp, problem)
                return
            last = found.offset
            self.next_fetch_offset = last + 1
            yield found

    def _given_out(self, record: Any) -> ConsumerRecord:
        tp = self.topic_partition
        sizes = (len(record.key or b""), len(record.value or b""), -1)
        return ConsumerRecord(
            tp.topic, tp.partition, self.leader_epoch, record.offset, record.timestamp, record.timestamp_type,
            record.key, record.value, record.headers, record.checksum, *sizes,
        )  # fmt: skip

    def _passed_over(self, offset: int, timestamp: int, problem: str) -> Unreadable:
        return Unreadable(self.topic_partition.topic, self.topic_partition.partition, offset, timestamp, problem)


def _open(batch: Any) -> None:
    """Decompresses a batch in place, within limits."""
    if not batch.validate_crc():
        raise ValueError("its checksum is wrong")
    if not 0 <= batch.records_count <= MAX_BATCH_RECORDS:
        raise ValueError(f"it says that it has {batch.records_count} records; it may have {MAX_BATCH_RECORDS}")
    if batch.compression_type:
        batch._buffer = bytearray(decompressed(batch.compression_type, bytes(batch._buffer[batch._pos :])))
        batch._pos = 0
    batch._decompressed = True


def _extent(batch: Any, begin: int) -> tuple[int, int]:
    """Where a malformed record ends, and its offset; an offset that cannot be is -1."""
    try:
        length, pos = decode_varint(batch._buffer, begin)
        end = pos + length
        for _ in ("attributes", "timestamp"):
            _, pos = decode_varint(batch._buffer, pos)
        delta, pos = decode_varint(batch._buffer, pos)
    except (ValueError, IndexError):
        return begin, -1
    return (end, batch.base_offset + delta) if pos <= end <= len(batch._buffer) else (begin, -1)
