"""The directories of a TIFF, read without GDAL: what would cost GDAL too much time or memory is refused before.

The form is that of TIFF 6.0 and BigTIFF: https://www.awaresystems.be/imaging/tiff/bigtiff.html.
"""

import struct
from collections.abc import Iterator
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

from railwatch.shared.errors import UnprocessableError

# The first four bytes of a TIFF and of a BigTIFF, in both byte orders.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# A COG with a mask has some thirty.
MAX_DIRECTORIES = 128
MAX_ENTRIES = 1024
# Bytes of one tag. GDAL keeps each in memory and parses some of them.
MAX_TAG_BYTES = 1024**2
# Bytes of GDAL's own metadata, which GDAL reads in a time that grows with their square.
MAX_METADATA_BYTES = 256 * 1024
GDAL_METADATA = 42112
# Tags that are as long as the picture is large, or that GDAL reads only when it is asked to: positions and sizes of
# strips and tiles, XMP, Photoshop, ICC.
LONG_TAGS = frozenset({273, 279, 324, 325, 700, 34377, 34675, 37724})
# More strips or tiles than this take seconds to list. A scene of 4 gigapixels in tiles of 64 pixels has a million.
MAX_BLOCKS = 4_000_000

WIDTH, HEIGHT, BITS, SAMPLES, ROWS_PER_STRIP, PLANAR, TILE_WIDTH, TILE_HEIGHT = 256, 257, 258, 277, 278, 284, 322, 323
# Bytes of one value, by its type.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
SEPARATE = 2


class Block(NamedTuple):
    """One strip or tile of a directory.

    Attributes:
        size_bytes: unpacked.
        number: how many of them the directory has.
    """

    size_bytes: int
    number: int


class Elsewhere(Protocol):
    """A file that is not on a disk here. Each time that it is opened, it has a place of its own."""

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes."""


class _Form(NamedTuple):
    order: str
    big: bool


def largest_block_bytes(source: Path | bytes | Elsewhere) -> int:
    """Checks all directories: the picture, its overviews, and its masks.

    Returns:
        The size of their largest strip or tile, unpacked.

    Raises:
        UnprocessableError: `format-unsupported` or `decode-failed`.
        OSError: the file cannot be read.
    """
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        magic = file.read(4)
        if magic not in TIFF_MAGIC:
            raise UnprocessableError("format-unsupported", "The file is not a TIFF; it must be a GeoTIFF or COG.")
        form = _Form("<" if magic[:1] == b"I" else ">", b"+" in magic)
        blocks = [_block(tags) for tags in _directories(file, form)]
    most = max((block.number for block in blocks), default=0)
    if most > MAX_BLOCKS:
        raise _absurd(f"{most} strips or tiles, more than {MAX_BLOCKS}")
    return max((block.size_bytes for block in blocks), default=0)


def _directories(file: BinaryIO, form: _Form) -> Iterator[dict[int, int]]:
    """The first value of each tag, by directory."""
    end = file.seek(0, SEEK_END)
    file.seek(8 if form.big else len(TIFF_MAGIC[0]))
    at = _number(file, form, "Q" if form.big else "I")
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) == MAX_DIRECTORIES:
            raise _absurd("too many directories, or they lead in a circle")
        seen.add(at)
        if at >= end:
            raise _absurd("an end before its directory")
        file.seek(at)
        entries = _number(file, form, "Q" if form.big else "H")
        if entries > MAX_ENTRIES:
            raise _absurd(f"{entries} tags in one directory")
        data = file.read(entries * (20 if form.big else 12))
        layout = form.order + ("HHQ8s" if form.big else "HHI4s")
        if len(data) % struct.calcsize(layout):
            raise _absurd("an end in a directory")
        yield dict(_tag(entry, form) for entry in struct.iter_unpack(layout, data))
        at = _number(file, form, "Q" if form.big else "I")


def _number(file: BinaryIO, form: _Form, code: str) -> int:
    data = file.read(struct.calcsize(code))
    if len(data) < struct.calcsize(code):
        raise _absurd("an end before its directory")
    return int(struct.unpack(form.order + code, data)[0])


def _tag(entry: tuple[int, int, int, bytes], form: _Form) -> tuple[int, int]:
    """A tag and its first value; 0 if the value is no integer or lies elsewhere.

    Raises:
        UnprocessableError: `decode-failed`, if the tag is too long.
    """
    tag, kind, count, field = entry
    size_bytes = SIZES.get(kind, 1) * count
    limit = MAX_METADATA_BYTES if tag == GDAL_METADATA else MAX_TAG_BYTES
    if size_bytes > limit and tag not in LONG_TAGS:
        raise _absurd(f"{size_bytes} bytes in its tag {tag}, more than {limit}")
    code = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(kind)
    if code is None or size_bytes > len(field) or count == 0:
        return tag, 0
    return tag, int(struct.unpack_from(form.order + code, field)[0])


def _block(tags: dict[int, int]) -> Block:
    """Blocks of a directory. Where the bits of its samples lie elsewhere, a sample is taken to have one byte.

    GDAL knows better how large the blocks of the picture itself are; those of masks and overviews it does not tell.
    """
    width, height = tags.get(WIDTH, 0), tags.get(HEIGHT, 0)
    tiled = tags.get(TILE_WIDTH, 0) > 0
    columns = tags[TILE_WIDTH] if tiled else width
    rows = tags.get(TILE_HEIGHT, 0) if tiled else min(tags.get(ROWS_PER_STRIP) or height, height)
    samples = 1 if tags.get(PLANAR) == SEPARATE else max(1, tags.get(SAMPLES, 1))
    size_bytes = columns * rows * samples * max(1, (tags.get(BITS, 1) + 7) // 8)
    across = -(-width // columns) if columns else 0
    down = -(-height // rows) if rows else 0
    return Block(size_bytes, across * down * (tags.get(SAMPLES, 1) if samples == 1 else 1))


def _absurd(what: str) -> UnprocessableError:
    return UnprocessableError("decode-failed", f"The TIFF has {what}.")
