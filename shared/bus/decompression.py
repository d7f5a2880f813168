"""Kafka's codecs, within a limit: a batch of some kilobytes may open to gigabytes."""

import gzip
import io
import struct
from collections.abc import Callable

import lz4.frame
import snappy
import zstandard

# Longest batch when it is open. A producer sends at most about 1 MiB in one request.
MAX_BATCH_BYTES = 8 * 1024**2

# The beginning of snappy's blocks as the Java client writes them; version and compatibility follow in 8 bytes.
XERIAL = b"\x82SNAPPY\x00"
XERIAL_BLOCKS_AT = 16


def decompressed(codec: int, data: bytes) -> bytes:
    """The records of a batch.

    Args:
        codec: the number of the codec in Kafka's format of batches.
        data: the compressed records.

    Raises:
        ValueError: there is no such codec, or the batch is too long when it is open.
        Exception: what the codec raises for data that are malformed.
    """
    if codec not in CODECS:
        raise ValueError(f"it is compressed by codec {codec}, which is unknown")
    opened = CODECS[codec](data)
    if len(opened) > MAX_BATCH_BYTES:
        raise ValueError(f"it opens to more than {MAX_BATCH_BYTES} bytes")
    return opened


def _gzip(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return file.read(MAX_BATCH_BYTES + 1)


def _lz4(data: bytes) -> bytes:
    opened: bytes = lz4.frame.LZ4FrameDecompressor().decompress(data, MAX_BATCH_BYTES + 1)
    return opened


def _zstd(data: bytes) -> bytes:
    opener = zstandard.ZstdDecompressor(max_window_size=MAX_BATCH_BYTES)
    with opener.stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return reader.read(MAX_BATCH_BYTES + 1)


def _snappy(data: bytes) -> bytes:
    if not data.startswith(XERIAL):
        return _snappy_block(data)
    opened, at = bytearray(), XERIAL_BLOCKS_AT
    while at < len(data) and len(opened) <= MAX_BATCH_BYTES:
        (length,) = struct.unpack_from(">I", data, at)
        opened += _snappy_block(data[at + 4 : at + 4 + length])
        at += 4 + length
    return bytes(opened)


def _snappy_block(data: bytes) -> bytes:
    """A block says at its beginning how long it is when it is open."""
    says = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data[: _varint_bytes(data)]))
    if says > MAX_BATCH_BYTES:
        return bytes(MAX_BATCH_BYTES + 1)
    opened: bytes = snappy.uncompress(data)
    return opened


def _varint_bytes(data: bytes) -> int:
    return next((place + 1 for place, byte in enumerate(data[:5]) if byte < 0x80), 5)


CODECS: dict[int, Callable[[bytes], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
