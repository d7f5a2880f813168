"""TIFFs of any tags, written by hand: what no sound program writes."""

import struct
from typing import Any

import numpy as np

from tests.support.geotiff import ORIGIN

# Pixels on each side, and metres of one on the ground.
SIDE = 64
GSD_M = 0.5
ASCII, SHORT, LONG, DOUBLE = 2, 3, 4, 12
LAYOUT = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d"}
GEO_KEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32652)

# By the number of a tag: its type, and its values or its bytes.
Tags = dict[int, tuple[int, tuple[Any, ...] | bytes]]


def noise(dtype: np.dtype[Any] | str = "uint8", bands: int = 3) -> np.ndarray[Any, Any]:
    """Mid-grey noise (bands, rows, cols), the same each time."""
    values = np.random.default_rng(1).normal(120, 12, (bands, SIDE, SIDE)).clip(1, 127)
    return values.astype(dtype)


def good_tags() -> Tags:
    """A good GeoTIFF of three bands, uncompressed, in one strip, over the ground of a `NoiseScene`."""
    return {
        256: (LONG, (SIDE,)), 257: (LONG, (SIDE,)), 258: (SHORT, (8, 8, 8)), 259: (SHORT, (1,)), 262: (SHORT, (2,)),
        277: (SHORT, (3,)), 278: (LONG, (SIDE,)), 284: (SHORT, (1,)), 339: (SHORT, (1, 1, 1)),
        33550: (DOUBLE, (GSD_M, GSD_M, 0.0)), 33922: (DOUBLE, (0.0, 0.0, 0.0, *ORIGIN, 0.0)), 34735: (SHORT, GEO_KEYS),
    }  # fmt: skip


def tiff(*directories: Tags, pixels: bytes | None = None, circle: bool = False) -> bytes:
    """A little-endian TIFF. Values are cut to their bits; a circle leads to the first directory again."""
    pixels = noise().tobytes() if pixels is None else pixels
    body = bytearray(b"II*\0" + struct.pack("<I", 0) + pixels)
    link = 4
    for given in directories:
        tags = {273: (LONG, (8,)), 279: (LONG, (len(pixels),)), **given}
        entries = b""
        for tag, (kind, values) in sorted(tags.items()):
            data = values if isinstance(values, bytes) else packed(kind, values)
            field = data.ljust(4, b"\0")
            if len(data) > 4:
                field = struct.pack("<I", len(body))
                body += data
            count = len(data) if isinstance(values, bytes) else len(values)
            entries += struct.pack("<HHI", tag & 0xFFFF, kind & 0xFFFF, count) + field
        body[link : link + 4] = struct.pack("<I", len(body))
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
        link = len(body) - 4
    if circle:
        body[link : link + 4] = body[4:8]
    return bytes(body)


def packed(kind: int, values: tuple[Any, ...]) -> bytes:
    """Values of one TIFF type."""
    code = LAYOUT.get(kind, "I")
    if code in "fd":
        with np.errstate(over="ignore"):
            return np.asarray(values, "<f8").astype(f"<f{struct.calcsize(code)}").tobytes()
    bits = 8 * struct.calcsize(code)
    return b"".join((int(value) % 2**bits).to_bytes(bits // 8, "little") for value in values)
