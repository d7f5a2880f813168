"""GeoTIFFs that are wrong in one or several ways: their structure, their tags, their position, their pixels."""

import struct
from typing import Any

import numpy as np
from affine import Affine
from hypothesis import strategies as st
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from tests.support.geotiff import ORIGIN, UTM
from tests.support.tiff import ASCII, DOUBLE, GSD_M, LONG, SHORT, SIDE, Tags, good_tags, noise, tiff

TAGS = {
    "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "description": 270,
    "strip_offsets": 273, "samples": 277, "rows_per_strip": 278, "strip_sizes": 279, "planar": 284, "predictor": 317,
    "tile_width": 322, "tile_height": 323, "sub_ifds": 330, "extra_samples": 338, "sample_format": 339,
    "jpeg_tables": 347,
    "pixel_scale": 33550, "tiepoints": 33922, "transformation": 34264, "geo_keys": 34735, "geo_doubles": 34736,
    "geo_ascii": 34737, "gdal_metadata": 42112, "gdal_nodata": 42113, "rpc": 50844, "geo_metadata": 50909,
}  # fmt: skip
ODD_FLOATS = st.one_of(
    st.sampled_from([float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-300, 1e300, -1.0, 1e20, 180.0, 5e-324]),
    st.floats(),
)
ODD_INTEGERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 7, 8, 15, 16, 32, 64, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1]),
    st.integers(0, 2**32 - 1),
)
METADATA_NAMES = ("SCALE", "OFFSET", "NBITS", "NODATA", "UNITTYPE", "DESCRIPTION", "STATISTICS_MINIMUM", "INTERLEAVE")
METADATA_TEXTS = ("nan", "inf", "-1", "0", "1e400", "", "abc", "8", "9999999999", "&lt;", "\u00e9", "12")
NODATA_TEXTS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e400",
    b"-9999",
    b"256",
    b"abc",
    b"",
    b"0",
    b"120",
    b" 0 ",
    b"\xff",
    b"0x10",
)
CITATIONS = (
    b"Universit\xe9 d\xe9|",
    b"\xff\xfe|",
    b"|||",
    b"ESRI PE String = PROJCS[|",
    b"unnamed|WGS 84|",
    b"\0|",
    b"a" * 3000,
)


@st.composite
def metadata_xml(draw: st.DrawFn) -> bytes:
    """A `GDAL_METADATA` with odd items, which may be no XML at all."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=60))
    items = draw(
        st.lists(
            st.tuples(st.sampled_from(METADATA_NAMES), st.sampled_from(METADATA_TEXTS), st.integers(-1, 4)), max_size=5
        )
    )
    rows = "".join(
        f'<Item name="{name}" sample="{band}" role="{name.lower()}">{text}</Item>' for name, text, band in items
    )
    return f"<GDALMetadata>{rows}</GDALMetadata>".encode(draw(st.sampled_from(["utf-8", "latin-1"]))) + b"\0"


@st.composite
def geo_keys(draw: st.DrawFn) -> Tags:
    """GeoKeys that name no CRS, or one of odd parameters."""
    doubles = tuple(draw(st.lists(ODD_FLOATS, min_size=1, max_size=6)))
    keys = draw(
        st.lists(
            st.sampled_from(
                [
                    1024,
                    1025,
                    1026,
                    2048,
                    2049,
                    2050,
                    2054,
                    2057,
                    2059,
                    3072,
                    3073,
                    3074,
                    3075,
                    3076,
                    3080,
                    3081,
                    3082,
                    3088,
                    3092,
                    4096,
                ]
            ),
            max_size=8,
            unique=True,
        )
    )
    rows: list[int] = []
    for key in sorted(keys):
        where = draw(st.sampled_from([0, 34736, 34737]))
        value = draw(st.one_of(st.sampled_from([0, 1, 2, 3, 4326, 9001, 9102, 32652, 32767, 65535]), st.integers(0, 7)))
        rows += [key, where, draw(st.integers(0, 4)) if where else 1, value]
    return {
        34735: (SHORT, (1, 1, draw(st.integers(0, 1)), len(keys), *rows)),
        34736: (DOUBLE, doubles),
        34737: (ASCII, draw(st.sampled_from(CITATIONS))),
    }


@st.composite
def with_odd_tags(draw: st.DrawFn) -> bytes:
    """A picture that is good but for a few of its tags."""
    tags = good_tags()
    for _ in range(draw(st.integers(1, 3))):
        match draw(st.integers(0, 8)):
            case 0:
                tags[33550] = (DOUBLE, tuple(draw(st.lists(ODD_FLOATS, max_size=4))))
            case 1:
                tags[33922] = (DOUBLE, tuple(draw(st.lists(ODD_FLOATS, max_size=12))))
            case 2:
                tags.pop(33550, None)
                tags[34264] = (DOUBLE, tuple(draw(st.lists(ODD_FLOATS, min_size=15, max_size=17))))
            case 3:
                tags |= draw(geo_keys())
            case 4:
                tags[42112] = (ASCII, draw(metadata_xml()))
            case 5:
                tags[42113] = (ASCII, draw(st.sampled_from(NODATA_TEXTS)) + b"\0")
            case 6:
                tag = draw(st.sampled_from(sorted(TAGS.values())))
                tags[tag] = (
                    draw(st.sampled_from([1, 2, 3, 4, 11, 12, 13, 16, 0])),
                    tuple(draw(st.lists(ODD_INTEGERS, max_size=6))),
                )
            case 7:
                tags.pop(draw(st.sampled_from(sorted(tags))), None)
            case _:
                tags[draw(st.sampled_from([256, 257, 258, 277, 278, 322, 323, 339]))] = (LONG, (draw(ODD_INTEGERS),))
    return tiff(tags)


@st.composite
def with_odd_bytes(draw: st.DrawFn) -> bytes:
    """A good file with some bytes changed, left out, or repeated."""
    data = bytearray(draw(written()))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(
            st.one_of(
                st.integers(0, min(600, len(data) - 1)),
                st.integers(0, len(data) - 1),
                st.integers(max(0, len(data) - 600), len(data) - 1),
            )
        )
        match draw(st.integers(0, 3)):
            case 0:
                data[at] = draw(st.integers(0, 255))
            case 1:
                data[at : at + 4] = struct.pack("<I", draw(ODD_INTEGERS))
            case 2:
                del data[at:]
                data += b"\0"
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """A file as a sound program writes it, of any type, form, no-data, mask, CRS and position. All of it may be odd."""
    dtype = np.dtype(
        draw(st.sampled_from(["uint8", "uint16", "float32", "int16", "int32", "float64", "uint32", "int8"]))
    )
    bands = draw(st.sampled_from([1, 3, 3, 3, 4, 2, 8]))
    pixels = noise(dtype, bands)
    if draw(st.booleans()):
        edge = draw(st.integers(0, SIDE))
        values = [0, 1, 255, -9999, 65535] + ([np.nan, np.inf, 1e20, -3.4e38] if dtype.kind == "f" else [])
        pixels[:, :, :edge] = np.array(draw(st.sampled_from(values))).astype(dtype)
    transform = Affine(GSD_M, 0, ORIGIN[0], 0, -GSD_M, ORIGIN[1])
    if draw(st.integers(0, 3)) == 0:
        place = list(transform[:6])
        place[draw(st.integers(0, 5))] = draw(ODD_FLOATS)
        transform = Affine(*place)
    profile: dict[str, Any] = {
        "driver": "GTiff", "width": SIDE, "height": SIDE, "count": bands, "dtype": dtype, "transform": transform,
        "crs": draw(crs()), "nodata": draw(st.sampled_from([None, None, 0, 255, -1, 120, float("nan")])),
        "compress": draw(st.sampled_from(["none", "deflate", "lzw", "zstd", "packbits"])),
        "interleave": draw(st.sampled_from(["pixel", "band"])), "bigtiff": draw(st.sampled_from(["yes", "no"])),
        "endianness": draw(st.sampled_from(["little", "big"])),
        **draw(st.sampled_from([{}, {"tiled": True, "blockxsize": 16, "blockysize": 16}, {"blockysize": 7}])),
    }  # fmt: skip
    try:
        with MemoryFile() as memory:
            with memory.open(**profile) as target:
                target.write(pixels)
                if draw(st.integers(0, 3)) == 0:
                    target.write_mask(np.where(noise("uint8", 1)[0] > 120, 255, 0).astype(np.uint8))
                if draw(st.integers(0, 3)) == 0:
                    target.scales = tuple(draw(ODD_FLOATS) for _ in range(bands))
                    target.offsets = tuple(draw(ODD_FLOATS) for _ in range(bands))
            return bytes(memory.getbuffer())
    except (RasterioError, ValueError, OverflowError, TypeError):
        return tiff(good_tags())


def crs() -> st.SearchStrategy[str]:
    """Names of CRSs, one of them with an odd parameter."""
    named = st.sampled_from(
        [UTM, UTM, UTM, "EPSG:4326", "EPSG:3857", "EPSG:4978", "EPSG:32651", "EPSG:2193", "EPSG:27700", "ESRI:54009"]
    )
    odd = st.tuples(st.sampled_from(["lat_0", "lon_0", "k_0", "x_0", "a", "rf"]), ODD_FLOATS)
    return st.one_of(
        named, odd.map(lambda given: f"+proj=tmerc +lon_0=129 +datum=WGS84 +{given[0]}={given[1]} +units=m")
    )


RASTERS = st.one_of(
    with_odd_tags(),
    with_odd_tags(),
    with_odd_bytes(),
    written(),
    st.binary(max_size=80).map(lambda tail: b"II*\0" + tail),
)
