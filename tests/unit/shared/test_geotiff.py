"""A GeoTIFF is refused by its header, with one reason, whoever reads it and wherever it lies."""

from pathlib import Path

import pytest
import rasterio

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geotiff import Limits, open_geotiff
from tests.support.geotiff import NoiseScene, bare_tiff

LIMITS = Limits(max_pixels=300_000, max_block_bytes=1_000_000, dtypes=("uint8", "uint16"), min_side_px=32)


def refusal(source: Path | bytes) -> str:
    with pytest.raises(UnprocessableError) as refused, open_geotiff(source, LIMITS):
        pass
    assert refused.value.detail.endswith((".", ")."))
    return refused.value.reason


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("format-unsupported", b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>"),
        ("format-unsupported", b""),
        ("format-unsupported", NoiseScene(driver="PNG", crs=None).geotiff()),
        ("decode-failed", b"II*\0" + b"\xff" * 200),
        ("decode-failed", NoiseScene().geotiff()[:60]),
        ("too-many-pixels", NoiseScene(width=600, height=501).geotiff()),
        ("too-many-pixels", bare_tiff(1_000_000)),
        ("too-few-pixels", NoiseScene(width=31).geotiff()),
        ("block-too-large", NoiseScene(dtype="uint16").geotiff(tiled=True, blockxsize=512, blockysize=512)),
        ("bands-unsupported", NoiseScene(bands=17, width=32, height=32).geotiff()),
        ("dtype-unsupported", NoiseScene(dtype="int16").geotiff()),
        ("dtype-unsupported", NoiseScene(dtype="complex64").geotiff()),
        ("crs-missing", NoiseScene(crs=None).geotiff()),
        ("crs-unusable", NoiseScene(crs="EPSG:4326").geotiff()),
        ("crs-unusable", NoiseScene(crs="EPSG:4978").geotiff()),
        ("crs-unusable", NoiseScene(crs='LOCAL_CS["a desk",UNIT["metre",1]]').geotiff()),
    ],
)
def test_an_unfit_header_is_refused_with_its_reason(tmp_path: Path, reason: str, data: bytes) -> None:
    path = tmp_path / "picture.tif"
    path.write_bytes(data)

    assert (refusal(path), refusal(data)) == (reason, reason)


def test_a_colour_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "palette.tif"
    path.write_bytes(NoiseScene(bands=1).geotiff())
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})

    assert refusal(path) == "bands-unsupported"


def test_sidecar_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    path.write_bytes(NoiseScene(crs=None).geotiff())
    (tmp_path / "picture.tfw").write_text("0.5\n0\n0\n-0.5\n467900\n4696100\n")
    (tmp_path / "picture.tif.aux.xml").write_text(f"<PAMDataset><SRS>{NoiseScene().crs}</SRS></PAMDataset>")

    assert refusal(path) == "crs-missing"


def test_pixels_that_cannot_be_decoded_are_the_fault_of_the_file() -> None:
    data = NoiseScene().geotiff(compress="deflate", tiled=True, blockxsize=64, blockysize=64)

    with pytest.raises(UnprocessableError) as refused, open_geotiff(data[: len(data) // 2], LIMITS) as geotiff:
        geotiff.dataset.read()

    assert refused.value.reason == "decode-failed"


def test_what_passes_says_where_it_lies_and_how_large_its_pixels_are() -> None:
    with open_geotiff(NoiseScene().geotiff(), LIMITS) as geotiff:
        assert geotiff.dataset.shape == (400, 500)
        assert geotiff.grid.crs == "EPSG:32652"
        assert geotiff.pixel_size_m == pytest.approx((0.5, 0.5), rel=0.001)


def test_a_file_that_is_not_there_is_not_the_fault_of_a_picture(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), open_geotiff(tmp_path / "nothing.tif", LIMITS):
        pass
