import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.strips import ACROSS_M, PAD, SAMPLE_M, lay_out, straighten

UTM = CRS.from_epsg(32652)


def ramp(right: float, down: float, gsd_m: float = 0.5) -> Raster:
    rows, cols = np.mgrid[0:200, 0:240]
    pixels = (0.2 + right * cols + down * rows).astype(np.float32)[None]
    return Raster(pixels, np.ones((200, 240), dtype=bool), Affine.scale(gsd_m, -gsd_m), UTM, gsd_m)


@given(st.floats(0, 2 * np.pi), st.floats(-0.002, 0.002), st.floats(-0.002, 0.002))
@settings(max_examples=30, deadline=None)
def test_a_strip_of_a_linear_ramp_is_exact_wherever_the_track_runs(turn: float, right: float, down: float) -> None:
    picture = ramp(right, down)
    heading = np.array([np.cos(turn), np.sin(turn)])
    line = np.array([120.0, 100.0]) + np.outer([-60, 60], heading)

    layout = lay_out([line], picture.gsd_m)
    (values,), (seen,) = straighten([picture], layout)

    on = layout.on_track
    side = np.array([-heading[1], heading[0]])
    places = layout.xy_px[on][:, None] + side * (ACROSS_M[:, None] / picture.gsd_m)
    assert seen[on].all()
    assert values[on][..., 0] == pytest.approx(0.2 + places @ np.array([right, down]), abs=1e-4)


def test_right_is_right_of_the_direction_of_the_track() -> None:
    layout = lay_out([np.array([[10.0, 50.0], [200.0, 50.0]])], 0.5)

    assert layout.right_px[layout.on_track] == pytest.approx(np.tile([0.0, 1.0], (int(layout.lengths[0]), 1)))


def test_a_track_from_its_other_end_gives_the_same_strip_turned() -> None:
    picture = ramp(0.001, -0.0015)
    line = np.array([[20.0, 30.0], [90.0, 80.0], [210.0, 120.0]])

    (there,), _ = straighten([picture], lay_out([line], picture.gsd_m))
    (back,), _ = straighten([picture], lay_out([line[::-1]], picture.gsd_m))

    assert back[::-1, ::-1] == pytest.approx(there, abs=1e-4)


def test_tracks_lie_one_after_the_other_with_nothing_between() -> None:
    layout = lay_out([np.array([[0.0, 10.0], [100.0, 10.0]]), np.array([[0.0, 40.0], [50.0, 40.0]])], 0.5)

    assert layout.lengths.tolist() == [100, 50]
    assert layout.starts.tolist() == [PAD, PAD + 100 + PAD]
    assert layout.on_track.sum() * SAMPLE_M == 75
    assert len(layout.xy_px) == 150 + 3 * PAD


def test_track_outside_the_picture_is_not_seen() -> None:
    picture = ramp(0, 0)
    layout = lay_out([np.array([[-40.0, 100.0], [120.0, 100.0]])], picture.gsd_m)

    (values,), (seen,) = straighten([picture], layout)

    inside = layout.xy_px[:, 0] > 1
    assert seen[inside].all()
    assert not seen[layout.on_track & (layout.xy_px[:, 0] < -1)].any()
    assert (values[~seen] == 0).all()
