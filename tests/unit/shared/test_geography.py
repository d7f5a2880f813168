import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from pyproj.exceptions import ProjError
from rasterio.crs import CRS
from shapely import box

from railwatch.shared.geography import PixelGrid, shape_from_lon_lat, shape_to_lon_lat, utm_zone

# The upper left corner of a picture at 42.41 N, 128.61 E, in several projections.
CORNERS = {
    "EPSG:32652": (467_900.0, 4_696_100.0),
    "EPSG:3857": (14_316_800.0, 5_223_600.0),
    "EPSG:4326": (128.61, 42.41),
    "EPSG:5186": (332_700.0, 1_032_600.0),
}


def grid(crs: str, pixel: float) -> PixelGrid:
    return PixelGrid(Affine.translation(*CORNERS[crs]) @ Affine.scale(pixel, -pixel), CRS.from_string(crs))


@pytest.mark.parametrize(
    ("crs", "pixel", "gsd_m"),
    [
        ("EPSG:32652", 0.5, 0.5),
        ("EPSG:5186", 0.5, 0.5),
        # Web mercator stretches by 1 / cos(latitude).
        ("EPSG:3857", 0.6, 0.6 * np.cos(np.radians(42.41))),
        # A degree of latitude is 111.1 km and one of longitude 82.2 km here.
        ("EPSG:4326", 5e-6, 5e-6 * np.sqrt(111_070 * 82_250)),
    ],
)
def test_ground_sample_distance_is_in_true_metres(crs: str, pixel: float, gsd_m: float) -> None:
    assert grid(crs, pixel).gsd_m(250, 200) == pytest.approx(gsd_m, rel=0.003)


def test_pixels_that_are_not_square_have_two_sizes() -> None:
    across, down = grid("EPSG:4326", 5e-6).pixel_size_m(250, 200)

    assert (across, down) == pytest.approx((0.411, 0.555), rel=0.003)


@given(
    crs=st.sampled_from(sorted(CORNERS)),
    positions=st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000)), min_size=1),
)
def test_positions_and_degrees_convert_to_and_fro(crs: str, positions: list[tuple[float, float]]) -> None:
    picture = grid(crs, 5e-6 if crs == "EPSG:4326" else 0.5)
    columns, rows = np.array(positions).T

    again = picture.to_pixels(*picture.to_lon_lat(columns, rows))

    assert np.allclose(again, (columns, rows), atol=1e-3)


def test_a_place_where_the_crs_does_not_reach_has_no_ground_sample_distance() -> None:
    assert np.isnan(PixelGrid(Affine.translation(1e9, 1e9), "EPSG:32652").gsd_m(0, 0))


def test_a_crs_that_is_no_place_on_earth_is_an_error() -> None:
    with pytest.raises(ProjError):
        PixelGrid(Affine.identity(), CRS.from_wkt('LOCAL_CS["a desk",UNIT["metre",1]]')).gsd_m(0, 0)


@pytest.mark.parametrize(
    ("lon", "lat", "zone"),
    [
        (130.6, 42.4, "EPSG:32652"),
        (151.0, -33.9, "EPSG:32756"),
        (-180, 10, "EPSG:32601"),
        (180, 10, "EPSG:32660"),
        (6, 0, "EPSG:32632"),
    ],
)
def test_each_place_has_one_utm_zone(lon: float, lat: float, zone: str) -> None:
    assert utm_zone(lon, lat) == zone


def test_a_shape_is_carried_to_degrees_and_back() -> None:
    square = box(467_900, 4_696_000, 468_000, 4_696_100)

    again = shape_from_lon_lat("EPSG:32652", shape_to_lon_lat("EPSG:32652", square))

    assert again.equals_exact(square, tolerance=1e-5)
