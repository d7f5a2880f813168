from itertools import combinations, islice

import numpy as np
import pytest
from scipy import ndimage

from railwatch.services.detector.cars.evidence import load_models
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.pieces import Piece, clip
from railwatch.services.detector.tracks.refinement import refine, refinements
from tests.unit.detector.tracks.test_strips import UTM, ramp

GSD_M = 0.5
ROWS = (70, 80, 90)


def bed(rail: float, sleeper: float, *rows: float) -> Raster:
    """Straight tracks on ballast: two rails 1.5 m apart on sleepers, each lighter or darker than the ballast."""
    picture = ramp(0, 0)
    light = np.full(picture.shape, 0.4)
    for row in rows:
        across = np.abs(np.arange(picture.shape[0])[:, None] - row) * GSD_M
        light += sleeper * (across < 1.3) + rail * np.exp(-(((across - 0.75) / 0.15) ** 2))
    noise = np.random.default_rng(1).normal(0, 0.01, picture.shape)
    pixels = ndimage.gaussian_filter(light + noise, 0.6).astype(np.float32)[None]
    return Raster(pixels, picture.valid, picture.transform, UTM, GSD_M)


def refined(picture: Raster, seen: np.ndarray, *rows: float) -> tuple[Piece, ...]:
    lines = [Centreline(f"T{row}", np.array([[0.0, row], [239.0, row]])) for row in rows]
    return refine(clip(lines, picture.shape, GSD_M), picture, picture, seen, load_models().axis)


@pytest.mark.parametrize("rail", [-0.1, 0.1])
@pytest.mark.parametrize("drawn_m", [-2.0, -0.75, 0.75, 2.0])
def test_lines_drawn_beside_their_tracks_are_moved_onto_the_rails(drawn_m: float, rail: float) -> None:
    picture = bed(rail, -0.12, *ROWS)

    pieces = refined(picture, picture.valid, *(row + drawn_m / GSD_M for row in ROWS))

    for piece, row in zip(pieces, ROWS, strict=True):
        assert np.abs(piece.xy_px[:, 1] - row).max() * GSD_M < 0.5
        assert piece.shift_m == pytest.approx(-drawn_m, abs=0.4)


@pytest.mark.parametrize("sleeper", [-0.12, 0.08])
@pytest.mark.parametrize("rail", [-0.1, 0.1])
def test_lines_on_their_tracks_stay_whichever_is_brighter(rail: float, sleeper: float) -> None:
    picture = bed(rail, sleeper, *ROWS)

    pieces = refined(picture, picture.valid, *ROWS)

    assert all(abs(piece.shift_m) < 0.3 for piece in pieces)


def test_where_nothing_can_be_seen_a_line_stays_where_it_was_drawn() -> None:
    picture = bed(-0.1, -0.12, 100)

    (piece,) = refined(picture, np.zeros_like(picture.valid), 102)

    assert piece.shift_m == 0
    assert piece.xy_px[:, 1] == pytest.approx(102)


def placings(seen: bool) -> list[float]:
    """Where the middle one of three lines is laid, metres, in the first three placings."""
    picture = bed(-0.1, -0.12, *ROWS)
    lines = [Centreline(f"T{row}", np.array([[0.0, row], [239.0, row]])) for row in ROWS]
    drawn = clip(lines, picture.shape, GSD_M)
    everywhere = np.full_like(picture.valid, seen)
    found = islice(refinements(drawn, picture, picture, everywhere, load_models().axis), 3)
    return [float(placing.pieces[1].xy_px[:, 1].mean()) * GSD_M for placing in found]


def test_the_first_placing_is_on_clear_rails_and_the_others_are_half_way_between_the_tracks() -> None:
    half_m = (ROWS[1] - ROWS[0]) / 2 * GSD_M

    first, *others = placings(seen=True)

    assert first == pytest.approx(ROWS[1] * GSD_M, abs=0.3)
    assert [abs(other - first) for other in others] == pytest.approx([half_m] * 2, abs=0.3)


def test_where_no_rails_are_seen_the_first_placing_is_as_drawn_and_others_follow() -> None:
    first, *others = placings(seen=False)

    assert first == ROWS[1] * GSD_M
    assert min(abs(one - other) for one, other in combinations([first, *others], 2)) > 1
