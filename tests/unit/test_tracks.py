import numpy as np
import pytest
from scipy import ndimage

from services.detector.centrelines import Centreline
from services.detector.evidence import load_models
from services.detector.raster import Raster
from services.detector.strips import lay_out
from services.detector.tracks import clip, owned, refine
from tests.unit.test_strips import UTM, ramp

GSD_M = 0.5


def line(*points: tuple[float, float]) -> Centreline:
    return Centreline("T", np.array(points, dtype=np.float64))


def bed(axis_row: float) -> Raster:
    """A straight track on ballast: two rails 1.5 m apart on darker sleepers."""
    picture = ramp(0, 0)
    rows = np.arange(picture.shape[0])[:, None] * GSD_M
    across = np.abs(rows - axis_row * GSD_M)
    light = 0.4 - 0.12 * (across < 1.3) - 0.1 * np.exp(-(((across - 0.75) / 0.15) ** 2))
    noise = np.random.default_rng(1).normal(0, 0.01, picture.shape)
    pixels = ndimage.gaussian_filter(light + noise, 0.6).astype(np.float32)[None]
    return Raster(pixels, picture.valid, picture.transform, UTM, GSD_M)


def test_a_track_is_cut_to_the_tile_in_as_many_pieces_as_it_needs() -> None:
    there_and_back = line((-50, 20), (150, 20), (150, 60), (-50, 60))

    pieces = clip([there_and_back], (100, 100), GSD_M)

    assert [piece.track for piece in pieces] == ["T", "T"]
    assert all((piece.xy_px >= -0.5).all() and (piece.xy_px <= 99.5).all() for piece in pieces)


def test_a_piece_too_short_to_hold_a_car_is_left_out() -> None:
    assert clip([line((-50, 95), (5, 101))], (100, 100), GSD_M) == ()


@pytest.mark.parametrize("drawn_m", [-2.5, -1.0, 0.0, 1.0, 2.5])
def test_a_line_drawn_beside_a_track_is_moved_onto_its_rails(drawn_m: float) -> None:
    picture = bed(axis_row=100)
    row = 100 + drawn_m / GSD_M

    (piece,) = refine(clip([line((0, row), (239, row))], picture.shape, GSD_M), picture, picture, load_models().axis)

    assert np.abs(piece.xy_px[:, 1] - 100).max() * GSD_M < 0.4
    assert piece.shift_m == pytest.approx(-drawn_m, abs=0.3)


def test_where_two_lines_meet_the_longer_one_holds_the_cars() -> None:
    main = np.array([[0.0, 50.0], [200.0, 50.0]])
    branch = np.array([[60.0, 50.0], [100.0, 52.0], [180.0, 80.0]])
    layout = lay_out([main, branch], GSD_M)

    mine = owned(layout)

    assert mine[layout.track(0)].all()
    beside_m = (layout.xy_px[layout.track(1)][:, 1] - 50) * GSD_M
    assert not mine[layout.track(1)][beside_m < 2.9].any()
    assert mine[layout.track(1)][beside_m > 3.5].all()


def test_a_line_given_twice_counts_once_and_a_crossing_takes_nothing() -> None:
    along, across = np.array([[0.0, 50.0], [200.0, 50.0]]), np.array([[100.0, 0.0], [100.0, 120.0]])

    twice, crossed = lay_out([along, along.copy()], GSD_M), lay_out([along, across], GSD_M)

    assert owned(twice)[twice.on_track].sum() == twice.lengths[0]
    assert owned(crossed).all()
