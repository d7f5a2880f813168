"""`railwatch count` on pairs that do not agree and on files that are no pictures: it corrects or refuses them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.io import MemoryFile

from railwatch.render import write_pair
from tests.contract.test_count_command import count
from tests.support.geotiff import NoiseScene, reproject
from tests.support.rendered import rendered
from tests.support.tiff import ASCII, DOUBLE, LONG, good_tags, tiff

Pixels = np.ndarray[Any, Any]


def look(pixels: Pixels, **changes: Any) -> bytes:
    """Pixels (bands, rows, cols) on the ground of the rendered yard, as a file."""
    site = rendered("clear").pair.tile.site
    bands, rows, cols = pixels.shape
    plain: dict[str, Any] = {"gsd": site.frame.gsd_m, "crs": site.crs, "origin": site.corner}
    return NoiseScene(width=cols, height=rows, bands=bands, dtype=str(pixels.dtype), **plain | changes).geotiff(pixels)


def baseline() -> Pixels:
    return rendered("clear").pair.baseline.pixels[:3]


def tile() -> Pixels:
    return rendered("clear").pair.tile.pixels[:3]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("plain")
    write_pair(rendered("clear").pair, directory)
    return directory


def counted(plain: Path, tile: Path, baseline: Path) -> dict[str, Any]:
    done = count(tile, "--baseline", baseline, "--tracks", plain / "tracks.geojson", "--json")
    assert done.code == 0, done.errors
    return done.tiles[0]


@pytest.fixture(scope="module")
def expected(plain: Path) -> dict[str, Any]:
    return counted(plain, plain / "tile.tif", plain / "baseline.tif")


def coarser() -> bytes:
    with MemoryFile(look(baseline())) as memory, memory.open() as dataset:
        east, north = dataset.transform.c, dataset.transform.f
        crs = dataset.crs
        half = dataset.read(out_shape=(3, dataset.height * 3 // 4, dataset.width * 3 // 4))
    return NoiseScene(
        width=half.shape[2], height=half.shape[1], gsd=0.5 * 4 / 3, crs=crs, origin=(east, north)
    ).geotiff(half)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(lambda: look(np.pad(baseline(), ((0, 0), (0, 60), (0, 40)), mode="edge")), id="of another size"),
        pytest.param(coarser, id="of another GSD"),
        pytest.param(lambda: reproject(look(baseline()), "EPSG:3857", 0.68), id="of another CRS"),
        pytest.param(lambda: look(baseline()[1:2]), id="of one band"),
        pytest.param(lambda: look(np.concatenate([baseline(), baseline()[:1]])), id="of four bands"),
        pytest.param(lambda: look(baseline().astype(np.uint16) * 8 + 3), id="of 11 bits"),
        pytest.param(lambda: look((baseline() / 400).astype(np.float32)), id="of reflectances"),
    ],
)
def test_a_baseline_of_another_kind_is_made_to_agree(
    plain: Path, expected: dict[str, Any], tmp_path: Path, file: Any
) -> None:
    (tmp_path / "baseline.tif").write_bytes(file())

    found = counted(plain, plain / "tile.tif", tmp_path / "baseline.tif")

    assert found["quality"] in {"ok", "partial"}
    assert found["registration"] is not None
    assert found["count"] == pytest.approx(expected["count"], rel=0.2, abs=1.5)


def holed() -> Pixels:
    pixels = (tile() / 255).astype(np.float32)
    pixels[:, :, :150] = np.nan
    return pixels


def test_what_is_nan_is_not_seen_and_the_rest_is_counted(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "tile.tif").write_bytes(look(holed()))

    found = counted(plain, tmp_path / "tile.tif", plain / "baseline.tif")

    assert found["quality"] == "partial"
    assert 0.3 < found["coverage"] < 0.9
    west = rendered("clear").tile.to_lonlat(np.array([[150.0, 200.0]]))[0, 0]
    assert all(car["lon"] > west - 1e-4 for track in found["tracks"] for car in track["cars"])


@pytest.mark.parametrize(
    ("pixels", "reasons"),
    [
        pytest.param(lambda: np.full((3, 400, 400), np.nan, np.float32), {"no-data"}, id="NaN"),
        pytest.param(lambda: np.zeros((3, 400, 400), np.uint8), {"no-data", "constant-image"}, id="all zero"),
        pytest.param(lambda: np.full((3, 400, 400), 77, np.uint16), {"constant-image"}, id="constant"),
        pytest.param(
            lambda: np.ascontiguousarray(tile()[:, ::-1, ::-1]),
            {"wrong-place", "registration-unreliable"},
            id="elsewhere",
        ),
    ],
)
def test_a_tile_that_is_no_picture_of_the_place_is_rejected(
    plain: Path, tmp_path: Path, pixels: Any, reasons: set[str]
) -> None:
    (tmp_path / "tile.tif").write_bytes(look(pixels()))

    found = counted(plain, tmp_path / "tile.tif", plain / "baseline.tif")

    assert found["quality"] == "rejected"
    assert found["count"] is None
    assert reasons & set(found["reasons"])


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (tiff(good_tags() | {322: (LONG, (65_536,)), 323: (LONG, (65_536,))}), "unpacks to"),
        (tiff(good_tags() | {42112: (ASCII, b" " * 30_000_000)}), "bytes in its tag 42112"),
        (tiff(good_tags() | {33550: (DOUBLE, (np.nan, 0.5, 0.0))}), "no place on Earth"),
        (NoiseScene(crs=None).geotiff(), "no CRS"),
    ],
)
@pytest.mark.parametrize("role", ["tile", "baseline"])
def test_the_command_has_the_limits_of_the_services(
    plain: Path, tmp_path: Path, file: bytes, message: str, role: str
) -> None:
    (tmp_path / "odd.tif").write_bytes(file)
    (tmp_path / "odd.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:32652</SRS></PAMDataset>")
    files = {"tile": plain / "tile.tif", "baseline": plain / "baseline.tif"} | {role: tmp_path / "odd.tif"}

    done = count(files["tile"], "--baseline", files["baseline"], "--tracks", plain / "tracks.geojson", "--json")

    assert (done.code, done.lines) == (1, [])
    assert message in done.errors


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        pytest.param(lambda: np.full((3, 400, 400), np.nan, np.float32), "baseline-no-data", id="NaN"),
        pytest.param(lambda: np.zeros((3, 400, 400), np.uint8), "baseline-no-data", id="all zero"),
        pytest.param(lambda: np.full((3, 400, 400), 77, np.uint8), "baseline-constant-image", id="constant"),
    ],
)
def test_a_baseline_that_shows_nothing_is_named_as_the_reason(
    plain: Path, tmp_path: Path, pixels: Any, reason: str
) -> None:
    (tmp_path / "baseline.tif").write_bytes(look(pixels()))

    found = counted(plain, plain / "tile.tif", tmp_path / "baseline.tif")

    assert (found["quality"], found["count"], found["reasons"]) == ("rejected", None, [reason])
