import numpy as np

from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.pieces import clip, owned
from railwatch.services.detector.tracks.strips import lay_out

GSD_M = 0.5


def line(*points: tuple[float, float]) -> Centreline:
    return Centreline("T", np.array(points, dtype=np.float64))


def test_a_track_is_cut_to_the_tile_in_as_many_pieces_as_it_needs() -> None:
    there_and_back = line((-50, 20), (150, 20), (150, 60), (-50, 60))

    pieces = clip([there_and_back], (100, 100), GSD_M)

    assert [piece.track for piece in pieces] == ["T", "T"]
    assert all((piece.xy_px >= -0.5).all() and (piece.xy_px <= 99.5).all() for piece in pieces)


def test_a_piece_too_short_to_hold_a_car_is_left_out() -> None:
    assert clip([line((-50, 95), (5, 101))], (100, 100), GSD_M) == ()


def test_where_two_lines_meet_the_longer_one_owns_the_cars() -> None:
    main = np.array([[0.0, 50.0], [200.0, 50.0]])
    branch = np.array([[60.0, 50.0], [100.0, 52.0], [180.0, 80.0]])
    layout = lay_out([main, branch], GSD_M)

    mine = owned(layout)

    assert mine[layout.track(0)].all()
    beside_m = (layout.xy_px[layout.track(1)][:, 1] - 50) * GSD_M
    assert not mine[layout.track(1)][beside_m < 2.9].any()
    assert mine[layout.track(1)][beside_m > 3.5].all()


def test_a_line_given_twice_counts_once_and_lines_that_cross_keep_their_cars() -> None:
    along, across = np.array([[0.0, 50.0], [200.0, 50.0]]), np.array([[100.0, 0.0], [100.0, 120.0]])

    twice, crossed = lay_out([along, along.copy()], GSD_M), lay_out([along, across], GSD_M)

    assert owned(twice)[twice.on_track].sum() == twice.lengths[0]
    assert owned(crossed).all()
