"""A TIFF that would cost GDAL too much time or memory is refused before GDAL sees it."""

import struct
from pathlib import Path
from typing import Any

import pytest

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geotiff import Limits, open_geotiff
from railwatch.shared.tiff import MAX_DIRECTORIES, MAX_METADATA_BYTES, largest_block_bytes
from tests.support.geotiff import NoiseScene
from tests.support.tiff import ASCII, DOUBLE, GEO_KEYS, LONG, SHORT, good_tags, tiff

LIMITS = Limits(max_pixels=300_000, max_block_bytes=1_000_000, dtypes=("uint8",))
NAN, INF = float("nan"), float("inf")


def refusal(data: bytes) -> str:
    with pytest.raises(UnprocessableError) as refused, open_geotiff(data, LIMITS):
        pass
    return refused.value.reason


def metadata(size_bytes: int) -> bytes:
    item = '<Item name="{:08x}">1</Item>'
    items = "".join(item.format(number) for number in range(size_bytes // len(item.format(0))))
    return f"<GDALMetadata>{items}</GDALMetadata>\0".encode()


def test_a_million_items_of_metadata_are_not_parsed() -> None:
    assert refusal(tiff(good_tags() | {42112: (ASCII, metadata(30_000_000))})) == "decode-failed"


def test_metadata_of_an_ordinary_length_are_read() -> None:
    with open_geotiff(tiff(good_tags() | {42112: (ASCII, metadata(MAX_METADATA_BYTES // 2))}), LIMITS) as geotiff:
        assert geotiff.dataset.tags()["00000001"] == "1"


@pytest.mark.parametrize(
    "data",
    [
        tiff(*[good_tags()] * (MAX_DIRECTORIES + 1)),
        tiff(good_tags(), good_tags(), circle=True),
        tiff(good_tags())[:-30],
        tiff(good_tags())[:-1],
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 8,
        tiff(good_tags() | {34737: (ASCII, bytes(2_000_000))}),
        tiff(good_tags() | {33922: (DOUBLE, (0.0,) * 200_000)}),
    ],
)
def test_a_structure_that_leads_nowhere_is_refused(data: bytes) -> None:
    assert refusal(data) == "decode-failed"


def test_a_directory_beyond_all_files_is_refused(tmp_path: Path) -> None:
    """An operating system takes such a position for an invalid argument."""
    path = tmp_path / "scene.tif"
    path.write_bytes(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 2**63 + 16))

    with pytest.raises(UnprocessableError) as refused:
        largest_block_bytes(path)

    assert refused.value.reason == "decode-failed"


def test_the_blocks_of_a_mask_count_too() -> None:
    one_strip: dict[int, Any] = {
        256: (LONG, (40_000,)),
        257: (LONG, (40_000,)),
        258: (SHORT, (1,)),
        278: (LONG, (40_000,)),
    }
    assert largest_block_bytes(tiff(good_tags(), one_strip)) == 40_000 * 40_000


def test_a_small_file_of_one_huge_tile_is_refused() -> None:
    assert refusal(tiff(good_tags() | {322: (LONG, (65_536,)), 323: (LONG, (65_536,))})) == "block-too-large"


def test_millions_of_strips_are_refused() -> None:
    wide = {256: (LONG, (1,)), 257: (LONG, (2**31,)), 278: (LONG, (1,))}
    assert refusal(tiff(good_tags() | wide)) in {"decode-failed", "too-many-pixels"}


@pytest.mark.parametrize(
    "form", [{}, {"bigtiff": "yes"}, {"endianness": "big"}, {"tiled": True, "blockxsize": 64, "blockysize": 64}]
)
def test_blocks_are_as_large_as_gdal_says(tmp_path: Path, form: dict[str, Any]) -> None:
    data = NoiseScene(bands=1).geotiff(**form)
    with open_geotiff(data, LIMITS) as geotiff:
        rows, columns = geotiff.dataset.block_shapes[0]
    assert largest_block_bytes(data) == rows * columns


# A position that is no place on Earth


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e300])
@pytest.mark.parametrize("index", [0, 1, 3, 4, 5, 7])
def test_a_geotransform_of_odd_numbers_is_refused(value: float, index: int) -> None:
    matrix = [0.5, 0.0, 0.0, 467_900.0, 0.0, -0.5, 0.0, 4_696_100.0, 0, 0, 0, 0, 0, 0, 0, 1.0]
    matrix[index] = value
    tags = {number: tag for number, tag in good_tags().items() if number not in {33550, 33922}}
    assert refusal(tiff(tags | {34264: (DOUBLE, tuple(matrix))})) in {"crs-unusable", "crs-missing"}


def user_defined(*doubles: float, citation: bytes = b"a|") -> dict[int, Any]:
    """A transverse Mercator of these latitude, longitude, scale, easting and northing."""
    keys = (
        1024,
        0,
        1,
        1,
        2048,
        0,
        1,
        4326,
        3072,
        0,
        1,
        32767,
        3073,
        34737,
        2,
        0,
        3074,
        0,
        1,
        32767,
        3075,
        0,
        1,
        1,
        3076,
        0,
        1,
        9001,
    )
    given = (3081, 3080, 3092, 3082, 3083)
    rows = sorted((key, 34736, 1, index) for index, key in enumerate(given))
    directory = (1, 1, 0, 12, *keys, *(number for row in rows for number in row))
    return {34735: (SHORT, directory), 34736: (DOUBLE, doubles), 34737: (ASCII, citation)}


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e300])
@pytest.mark.parametrize("index", range(5))
def test_a_crs_of_odd_numbers_is_refused(value: float, index: int) -> None:
    numbers = [0.0, 129.0, 0.9996, 500_000.0, 0.0]
    numbers[index] = value
    assert refusal(tiff(good_tags() | user_defined(*numbers))) in {"crs-unusable", "crs-missing", "decode-failed"}


def test_the_words_of_a_crs_may_be_latin() -> None:
    tags = good_tags() | user_defined(0.0, 129.0, 0.9996, 500_000.0, 0.0, citation=b"Universit\xe9|")
    with open_geotiff(tiff(tags), LIMITS) as geotiff:
        assert geotiff.pixel_size_m == pytest.approx((0.5, 0.5), rel=0.01)


@pytest.mark.parametrize("citation", [b"\xff\xfe\xfd|", b"\0|"])
def test_words_that_are_no_text_are_refused(citation: bytes) -> None:
    tags = good_tags() | user_defined(0.0, 129.0, 0.9996, 500_000.0, 0.0, citation=citation)
    assert refusal(tiff(tags)) in {"decode-failed", "crs-missing"}


@pytest.mark.parametrize(
    "keys",
    [
        (1, 1, 0, 9999),
        (1, 1, 0, 3, *GEO_KEYS[4:12], 3072, 34736, 3, 4),
        (1, 1, 0, 3, *GEO_KEYS[4:12], 3072, 0, 1, 0),
        (9, 9, 9, 1, 1024, 0, 1, 7),
    ],
)
def test_odd_geo_keys_are_refused(keys: tuple[int, ...]) -> None:
    assert refusal(tiff(good_tags() | {34735: (SHORT, keys), 34736: (DOUBLE, (1.0, 2.0))})) in {
        "crs-unusable",
        "crs-missing",
        "decode-failed",
    }


def test_pixels_a_thousand_times_as_long_as_wide_are_refused() -> None:
    assert refusal(tiff(good_tags() | {33550: (DOUBLE, (0.01, 25.0, 0.0))})) == "crs-unusable"
