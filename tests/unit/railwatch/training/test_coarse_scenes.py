"""Pictures are made coarse without a change of light, and trains are known where they stand."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.sites import Track
from railwatch.training.coarse.scenes import averaged, trains

TILE = Raster(
    np.full((3, 100, 200), 0.4, np.float32),
    np.ones((100, 200), dtype=bool),
    Affine(1.0, 0, 500_000, 0, -1.0, 4_690_000),
    CRS.from_epsg(32652),
    1.0,
)


def line(row: float) -> Track:
    ends = TILE.to_lonlat(np.array([[0.0, row], [199.0, row]]))
    return Track(id="T1", coordinates=tuple((float(lon), float(lat)) for lon, lat in ends))


def body(start: float, stop: float, *, first: int = 0) -> tuple[str, np.ndarray]:
    """A car from `start` to `stop` on row 50, its corners from any of its sides on."""
    corners = np.array([[start, 48.5], [start, 51.5], [stop, 51.5], [stop, 48.5]])
    return "T1", np.roll(corners, first, axis=0)


@settings(deadline=None, max_examples=10)
@given(st.floats(1.5, 4.0), st.floats(0.2, 0.7))
def test_an_even_picture_stays_as_bright_as_it_was(gsd_m: float, blur_px: float) -> None:
    coarse = averaged(TILE, gsd_m, blur_px)
    assert coarse.gsd_m == pytest.approx(gsd_m)
    assert coarse.valid.all()
    assert coarse.pixels == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("first", range(4))
def test_coupled_cars_are_one_train_whichever_corner_comes_first(first: int) -> None:
    cars = [body(20, 34, first=first), body(35.2, 49.2, first=first), body(80, 94, first=first)]
    found = np.array(trains(TILE, [line(50)], cars)["T1"])
    assert found == pytest.approx(np.array([[20, 49.2], [80, 94]]), abs=0.01)


def test_of_a_car_at_the_edge_only_the_part_on_the_picture_counts() -> None:
    (span,) = trains(TILE, [line(50)], [body(190, 204)])["T1"]
    assert span == pytest.approx((190, 199), abs=0.6)
