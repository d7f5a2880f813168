"""Map tiles and windows show the ground where it is, at full size and moved onto the baseline."""

import io

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from railwatch.services.alerting.ground.mercator import Bounds, bounds_of_tile, from_degrees, widened
from railwatch.services.alerting.ground.sheets import Contrast, Sheet, Sheets, contrast_of, sheet_of
from railwatch.services.alerting.ground.windows import Placed, aligned, as_seen, baselines, deepest_zoom, drawn
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import BlobRef, Registration
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geography import to_lon_lat
from railwatch.shared.settings import BlobSettings
from tests.support.alerting import count_event

UTM = "EPSG:32652"
LEFT, TOP, GSD_M = 500_000.0, 4_700_000.0, 0.5
WHOLE = Contrast(0, 255)


def tiff(pixels: NDArray[np.uint8], nodata: int | None = None, left: float = LEFT) -> bytes:
    """A GeoTIFF of pixels (bands, rows, cols) in UTM."""
    made = io.BytesIO()
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", width=pixels.shape[2], height=pixels.shape[1], count=pixels.shape[0], dtype=pixels.dtype,
            crs=UTM, transform=Affine(GSD_M, 0, left, 0, -GSD_M, TOP), nodata=nodata,
        ) as target:  # fmt: skip
            target.write(pixels)
        made.write(memory.getbuffer())
    return made.getvalue()


def spot(row: int, col: int, size: int = 600) -> NDArray[np.uint8]:
    """Dark ground with one bright square of 9 pixels."""
    pixels = np.full((3, size, size), 40, np.uint8)
    pixels[:, row - 4 : row + 5, col - 4 : col + 5] = 250
    return pixels


def around(row: int, col: int, half_m: float = 20.0) -> Bounds:
    """A window of Web Mercator around a pixel."""
    x, y = np.array(LEFT + (col + 0.5) * GSD_M), np.array(TOP - (row + 0.5) * GSD_M)
    lon, lat = (float(value) for value in to_lon_lat(UTM, x, y))
    return widened((lon, lat, lon, lat), half_m)


def brightest(window: NDArray[np.uint8]) -> tuple[float, float]:
    """The middle (row, column) of what is bright, as shares of the window."""
    rows, cols = np.nonzero(window[..., 0] > 150)
    return float(rows.mean() + 0.5) / window.shape[0], float(cols.mean() + 0.5) / window.shape[1]


def test_a_window_shows_a_place_where_it_is() -> None:
    sheet = sheet_of(tiff(spot(400, 150)), WHOLE)
    assert brightest(drawn([Placed(sheet)], around(400, 150), 160, 160)) == pytest.approx((0.5, 0.5), abs=0.01)
    assert not (drawn([Placed(sheet)], around(100, 500), 160, 160)[..., 0] > 150).any()


def test_from_afar_coarser_levels_show_the_same_place() -> None:
    sheet = sheet_of(tiff(spot(1000, 1000, 2000)), WHOLE)
    assert [level.shape[1] for level in sheet.levels] == [2000, 1000, 500]
    window = drawn([Placed(sheet)], around(1000, 1000, 450.0), 128, 128)
    row, col = np.unravel_index(int(window[..., 0].argmax()), window.shape[:2])
    assert abs(int(row) - 64) <= 1
    assert abs(int(col) - 64) <= 1


def test_what_was_not_seen_is_transparent_and_neighbours_fill_it() -> None:
    half = spot(300, 300)
    half[:, :, 300:] = 0
    first, second = sheet_of(tiff(half, nodata=0), WHOLE), sheet_of(tiff(spot(300, 450)), WHOLE)
    assert (drawn([Placed(first)], around(300, 450), 64, 64)[..., 3] == 0).all()
    assert (drawn([Placed(first), Placed(second)], around(300, 450), 64, 64)[..., 3] == 255).all()


def test_map_tiles_meet_at_their_edges() -> None:
    west, south, east, north = bounds_of_tile(17, 100, 50)
    assert bounds_of_tile(17, 101, 50)[0] == pytest.approx(east)
    assert bounds_of_tile(17, 100, 51)[3] == pytest.approx(south)
    assert east - west == pytest.approx(north - south)
    assert from_degrees((0.0, 0.0, 180.0, 85.0511287798)) == pytest.approx(
        (0, 0, *[bounds_of_tile(0, 0, 0)[2]] * 2), abs=1e-3
    )


def test_the_deepest_zoom_shows_every_pixel() -> None:
    sheet = sheet_of(tiff(spot(300, 300)), WHOLE)
    zoom = deepest_zoom([sheet])
    side = bounds_of_tile(zoom, 0, 0)
    assert (side[2] - side[0]) / 256 <= sheet.metres_per_px < 2 * (side[2] - side[0]) / 256


def test_looks_are_moved_onto_their_baselines_and_baselines_onto_looks() -> None:
    moved = Registration(dx_px=6.0, dy_px=-4.0, rotation_deg=0.0, reliability=0.9)
    count = count_event(1, 5)
    count = count.model_copy(update={"result": count.result.model_copy(update={"registration": moved})})
    tile, before = sheet_of(tiff(spot(296, 306)), WHOLE), sheet_of(tiff(spot(300, 300)), WHOLE)

    def sheet_of_image(image: BlobRef, _: BlobRef) -> Sheet:
        return tile if image == count.image else before

    def place(which: object) -> tuple[float, float]:
        return brightest(drawn(which([count], sheet_of_image), around(300, 300), 160, 160))  # type: ignore[operator]

    assert place(aligned) == pytest.approx((0.5, 0.5), abs=0.01)
    assert place(baselines) == pytest.approx(place(as_seen), abs=0.01)
    assert place(as_seen) != pytest.approx((0.5, 0.5), abs=0.01)


def test_a_dark_picture_is_shown_in_good_contrast() -> None:
    rng = np.random.default_rng(3)
    dark = rng.integers(20, 40, (3, 300, 300)).astype(np.uint8)
    colours = sheet_of(tiff(dark), contrast_of(tiff(dark))).levels[0][:3]
    assert colours.min() == 0
    assert colours.max() == 255


def test_the_sheets_of_memory_are_those_asked_for_last() -> None:
    blobs = BlobStore.open(BlobSettings(url="memory://"))
    images = [blobs.put(tiff(spot(300, 200 + 10 * n)), "image/tiff") for n in range(3)]
    one = sheet_of(blobs.get(images[0]), WHOLE).bytes_held
    sheets = Sheets(blobs, max_bytes=2 * one)
    first = sheets.get(images[0], images[0])
    assert sheets.get(images[0], images[0]) is first
    for image in images[1:]:
        sheets.get(image, image)
    assert sheets.get(images[0], images[0]) is not first


def test_what_is_no_picture_is_refused_with_a_reason() -> None:
    with pytest.raises(UnprocessableError) as refused:
        sheet_of(b"no picture", WHOLE)
    assert refused.value.reason == "picture-unreadable"
