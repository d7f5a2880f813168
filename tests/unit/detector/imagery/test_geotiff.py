"""What strangers deliver becomes a picture with square pixels and true metres, or is refused with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from railwatch.services.detector.imagery.geotiff import DTYPES, read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.errors import UnprocessableError
from tests.support.geotiff import UTM, NoiseScene, bare_tiff, reproject

RAMP = np.broadcast_to(np.linspace(1, 250, 100), (80, 100))


def picture(**changes: Any) -> Raster:
    return read_raster(NoiseScene(width=100, height=80, **changes).geotiff())


@pytest.mark.parametrize(
    ("dtype", "top", "expected"),
    [("uint8", 255, 1.0), ("uint16", 2047, 1.0), ("uint16", 1023, 1.0), ("float32", 0.5, 0.5), ("int16", 2047, 1.0)],
)
def test_full_scale_is_one_whatever_the_data_type(dtype: str, top: float, expected: float) -> None:
    pixels = (RAMP / 250 * top).astype(dtype)[None]

    raster = read_raster(NoiseScene(width=100, height=80, bands=1, dtype=dtype).geotiff(pixels))

    assert raster.pixels.dtype == np.float32
    assert raster.pixels.max() == pytest.approx(expected, abs=1e-3)


def test_lengths_are_true_metres_in_web_mercator() -> None:
    data = reproject(NoiseScene().geotiff(), "EPSG:3857", 0.5 / np.cos(np.deg2rad(42.41)))

    assert read_raster(data).gsd_m == pytest.approx(0.5, rel=0.005)


def test_degrees_become_square_metres() -> None:
    raster = read_raster(reproject(NoiseScene().geotiff(), "EPSG:4326", 5e-6))

    assert raster.crs == UTM
    # 5e-6 degrees are 0.41 m along the parallel and 0.555 m along the meridian.
    assert raster.gsd_m == pytest.approx(0.41, abs=0.01)
    assert raster.valid.mean() > 0.95


def test_red_green_and_blue_are_found_by_name() -> None:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=64,
            height=64,
            count=4,
            dtype="uint8",
            crs=UTM,
            transform=Affine(1, 0, 5e5, 0, -1, 4e6),
        ) as target:
            target.write(np.stack([np.full((64, 64), value, np.uint8) for value in (10, 20, 30, 40)]))
            target.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red, ColorInterp.undefined]
        raster = read_raster(bytes(memory.getbuffer()))

    assert (raster.pixels[:, 0, 0] * 255).round().tolist() == [30, 20, 10]


@pytest.mark.parametrize("hide", ["nodata", "alpha", "nan", "edge fill"])
def test_missing_data_is_not_valid(hide: str) -> None:
    pixels = np.tile(RAMP, (3, 1, 1))
    look = NoiseScene(width=100, height=80)
    if hide == "nodata":
        pixels[:, :, :30] = 7
        look = NoiseScene(width=100, height=80, nodata=7)
    elif hide == "alpha":
        alpha = np.where(np.arange(100) < 30, 0, 255) * np.ones((80, 1))
        pixels = np.concatenate([pixels, alpha[None]])
        look = NoiseScene(width=100, height=80, bands=4)
    elif hide == "nan":
        pixels[:, :, :30] = np.nan
        look = NoiseScene(width=100, height=80, dtype="float32")
    else:
        pixels[:, :, :30] = 0
    profile: dict[str, Any] = {"photometric": "RGB", "alpha": "yes"} if hide == "alpha" else {}

    raster = read_raster(look.geotiff(pixels.astype(look.dtype), **profile))

    assert len(raster.pixels) == 3
    assert not raster.valid[:, :30].any()
    assert raster.valid[:, 30:].all()
    assert (raster.pixels[:, ~raster.valid] == 0).all()


def test_a_dark_spot_amid_the_picture_is_data() -> None:
    pixels = np.tile(RAMP, (3, 1, 1)).astype(np.uint8)
    pixels[:, 30:50, 40:60] = 0

    assert read_raster(NoiseScene(width=100, height=80).geotiff(pixels)).valid.all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a picture", "format-unsupported"),
        (NoiseScene().geotiff()[:2000], "decode-failed"),
        (bare_tiff(60_000), "too-many-pixels"),
        (NoiseScene(width=20, height=20).geotiff(), "too-few-pixels"),
        (NoiseScene(crs=None).geotiff(), "crs-missing"),
        (NoiseScene(bands=20, width=40, height=40).geotiff(), "bands-unsupported"),
        (NoiseScene(dtype="complex64").geotiff(), "dtype-unsupported"),
    ],
)
def test_what_cannot_be_a_picture_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        read_raster(data)

    assert refused.value.reason == reason
    assert refused.value.detail


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_type_of_real_numbers_is_a_picture(dtype: str) -> None:
    assert picture(dtype=dtype).pixels.any()


def test_a_picture_may_be_one_block() -> None:
    whole = NoiseScene(width=1024, height=1024, bands=4, dtype="float32")
    one_block = whole.geotiff(tiled=True, blockxsize=1024, blockysize=1024)

    assert read_raster(one_block, max_pixels=1024 * 1024).shape == (1024, 1024)


def test_a_picture_that_is_all_transparency_is_refused() -> None:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=64,
            height=64,
            count=1,
            dtype="uint8",
            crs=UTM,
            transform=Affine(1, 0, 5e5, 0, -1, 4e6),
        ) as target:
            target.colorinterp = [ColorInterp.alpha]
        with pytest.raises(UnprocessableError) as refused:
            read_raster(bytes(memory.getbuffer()))

    assert refused.value.reason == "bands-unsupported"


def test_limits_are_checked_before_decoding() -> None:
    with pytest.raises(UnprocessableError, match="500 x 400"):
        read_raster(NoiseScene().geotiff(), max_pixels=100_000)


def test_wide_numbers_of_many_pixels_are_refused_before_they_fill_the_memory() -> None:
    assert read_raster(NoiseScene(dtype="float32").geotiff(), max_pixels=200_000).shape == (400, 500)
    with pytest.raises(UnprocessableError, match="unpacks to 5 MB") as refused:
        read_raster(NoiseScene(dtype="float64").geotiff(), max_pixels=200_000)
    assert refused.value.reason == "too-many-pixels"


def test_a_file_that_is_not_there_is_the_caller_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_raster(tmp_path / "nothing.tif")
