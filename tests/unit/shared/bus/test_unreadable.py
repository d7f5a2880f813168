"""Records of any content, as a consumer gets them from a broker."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from railwatch.shared.bus.decompression import CODECS
from railwatch.shared.bus.unreadable import MAX_BATCH_RECORDS, TolerantRecords, Unreadable

PLACE = TopicPartition("tiles", 3)


class NotUtf8(str):
    """A header's name that the producer of a neighbour writes."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


def batch(
    offset: int, values: Sequence[bytes], codec: int = 0, headers: Sequence[Any] = (("ce_id", b"1"),), magic: int = 2
) -> bytes:
    """A batch as it lies in the log, the first record at an offset."""
    builder = MemoryRecordsBuilder(magic, codec, 10_000_000)
    for value in values:
        builder.append(1_700_000_000_000, b"key", value, list(headers) if magic == 2 else None)
    builder.close()
    return offset.to_bytes(8, "big") + bytes(builder.buffer())[8:]


def fetched(*batches: bytes, at: int = 0) -> list[Any]:
    partition = TolerantRecords(at, PLACE, MemoryRecords(b"".join(batches)))
    given_out = list(partition.take())
    assert all(record.topic == "tiles" and record.partition == 3 for record in given_out)
    if given_out:
        assert partition.next_fetch_offset > given_out[-1].offset
    return given_out


def summary(records: Sequence[Any]) -> list[tuple[int, bytes | str | None]]:
    return [(record.offset, "unreadable" if isinstance(record, Unreadable) else record.value) for record in records]


@pytest.mark.parametrize("codec", [0, *CODECS])
def test_records_of_every_codec_are_read(codec: int) -> None:
    records = fetched(batch(5, [b"a", b"b"], codec), batch(7, [b"c"], codec))
    assert summary(records) == [(5, b"a"), (6, b"b"), (7, b"c")]
    assert records[0].headers == [("ce_id", b"1")]
    assert (records[0].key, records[0].timestamp) == (b"key", 1_700_000_000_000)


def test_reading_begins_in_the_middle_of_a_batch() -> None:
    assert summary(fetched(batch(5, [b"a", b"b", b"c"]), at=6)) == [(6, b"b"), (7, b"c")]


def test_a_header_that_is_not_utf_8_costs_no_other_record() -> None:
    bad = batch(6, [b"b"], headers=[(NotUtf8("x"), b"1")])
    records = fetched(batch(5, [b"a"]), bad, batch(7, [b"c"]))
    assert summary(records) == [(5, b"a"), (6, "unreadable"), (7, b"c")]
    assert "malformed" in records[1].problem


def test_a_malformed_record_costs_no_other_record_of_its_batch() -> None:
    builder = MemoryRecordsBuilder(2, 0, 10_000)
    for name in ("good", NotUtf8("bad"), "good"):
        builder.append(0, b"key", b"value", [(name, b"1")])
    builder.close()
    assert summary(fetched(bytes(builder.buffer()))) == [(0, b"value"), (1, "unreadable"), (2, b"value")]


@pytest.mark.parametrize("damaged", ["checksum", "codec", "count"])
def test_a_batch_that_cannot_be_opened_costs_no_other_batch(damaged: str) -> None:
    if damaged == "checksum":
        bad = batch(6, [b"b", b"c"])[:-1] + b"!"
    elif damaged == "codec":
        bad = with_checksum(batch(6, [b"b", b"c"]), attributes=5)
    else:
        bad = with_checksum(batch(6, [b"b", b"c"]), count=MAX_BATCH_RECORDS + 1)
    records = fetched(batch(5, [b"a"]), bad, batch(8, [b"d"]))
    assert summary(records) == [(5, b"a"), (7, "unreadable"), (8, b"d")]
    assert "from offset 6 to 7" in records[1].problem


def test_a_batch_that_opens_to_gigabytes_costs_no_other_batch() -> None:
    bomb = batch(6, [bytes(60_000_000)], codec=1)
    assert len(bomb) < 100_000
    records = fetched(batch(5, [b"a"]), bomb, batch(7, [b"c"]))
    assert summary(records) == [(5, b"a"), (6, "unreadable"), (7, b"c")]


@pytest.mark.parametrize("magic", [0, 1])
def test_a_batch_without_headers_holds_no_event(magic: int) -> None:
    records = fetched(batch(5, [b"a"], magic=magic), batch(6, [b"b"]))
    assert summary(records) == [(5, "unreadable"), (6, b"b")]


@pytest.mark.parametrize("delta", [-1, 0, 7, 2**30])
def test_a_record_with_an_offset_that_cannot_be_moves_the_consumer_nowhere(delta: int) -> None:
    good, other = batch(6, [b"b", b"c"]), MemoryRecordsBuilder(2, 0, 10_000)
    other.skip(2 * delta)
    record = other._builder
    record.append(0 + delta if delta > 0 else 0, 0, b"k", b"v", [])
    bad = with_checksum(good + bytes(record._buffer)[61:], count=3)
    offsets = [record.offset for record in fetched(batch(5, [b"a"]), bad, batch(8, [b"d"]))]
    assert offsets == [5, 6, 7, 8]


@given(body=st.binary(max_size=200), codec=st.sampled_from([0, *CODECS, 5, 7]), count=st.integers(-1, 5))
def test_a_batch_of_any_content_is_passed_over_or_read(body: bytes, codec: int, count: int) -> None:
    head = batch(6, [b"b"])[:61]
    bad = with_checksum(head + body, attributes=codec, count=count)
    offsets = [record.offset for record in fetched(batch(5, [b"a"]), bad, batch(7, [b"c"]))]
    assert offsets[0] == 5
    assert offsets[-1] == 7


def with_checksum(data: bytes, attributes: int | None = None, count: int | None = None) -> bytes:
    """A batch whose head was changed, with the length and the checksum that belong to it."""
    changed = bytearray(data)
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    if attributes is not None:
        struct.pack_into(">h", changed, 21, attributes)
    if count is not None:
        struct.pack_into(">i", changed, 57, count)
    struct.pack_into(">I", changed, 17, calc_crc32c(memoryview(changed)[21:]))
    return bytes(changed)
