"""Batches in Kafka's codecs, and those that open to far more than they are."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode

from railwatch.shared.bus.decompression import CODECS, MAX_BATCH_BYTES, decompressed

each_codec = pytest.mark.parametrize(
    ("codec", "encode"),
    [
        pytest.param(1, gzip_encode, id="gzip"),
        pytest.param(2, snappy_encode, id="snappy-xerial"),
        pytest.param(2, lambda data: snappy_encode(data, xerial_compatible=False), id="snappy"),
        pytest.param(3, lz4_encode, id="lz4"),
        pytest.param(4, zstd_encode, id="zstd"),
    ],
)


@each_codec
@pytest.mark.parametrize("size", [1, 100_000, MAX_BATCH_BYTES])
def test_what_a_producer_compresses_is_opened(codec: int, encode: object, size: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    assert decompressed(codec, encode(data)) == data  # type: ignore[operator]


@each_codec
def test_a_batch_that_opens_to_a_lot_is_refused_without_opening_it(codec: int, encode: object) -> None:
    bomb = encode(bytes(20 * MAX_BATCH_BYTES))  # type: ignore[operator]
    tracemalloc.start()
    with pytest.raises(ValueError, match="opens to more than"):
        decompressed(codec, bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * MAX_BATCH_BYTES


def test_a_snappy_block_that_claims_gigabytes_is_refused() -> None:
    with pytest.raises(ValueError, match="opens to more than"):
        decompressed(2, b"\xff\xff\xff\xff\x0f" + bytes(100))


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_an_unknown_codec_is_refused(codec: int) -> None:
    with pytest.raises(ValueError, match=f"codec {codec}"):
        decompressed(codec, b"")


@given(codec=st.sampled_from(sorted(CODECS)), data=st.binary(max_size=300))
def test_data_of_any_content_are_opened_or_refused(codec: int, data: bytes) -> None:
    try:
        opened = decompressed(codec, data)
    except Exception:
        return
    assert len(opened) <= MAX_BATCH_BYTES
