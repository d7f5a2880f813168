"""Which of several placings of the lines is believed."""

from collections.abc import Iterator

import numpy as np

from railwatch.services.detector.cars.intervals import Posterior
from railwatch.services.detector.cars.reading import Reading, clearest
from railwatch.services.detector.cars.segmentation import Decoded, Segment
from railwatch.services.detector.tracks.strips import lay_out

LINE = np.array([[0.0, 0.0], [100.0, 0.0]])


def reading(doubt: float, cars: int) -> Reading:
    """One track on which so many cars were found, with so much doubt per cell."""
    layout = lay_out([LINE], 0.5)
    found = tuple(Segment(30 * number, 30 * number + 28, 0.9) for number in range(cars))
    decoded = Decoded(found, Posterior(cars, 1.0, doubt * 1000, 1000))
    return Reading((), layout, layout.on_track, layout.on_track, False, (decoded,))


def test_a_reading_without_doubt_is_taken_at_once() -> None:
    def readings() -> Iterator[Reading]:
        yield first
        raise AssertionError("nothing else is to be read")

    first = reading(0.02, 5)

    assert clearest(readings()) is first


def test_where_the_first_is_in_doubt_a_far_clearer_one_is_taken() -> None:
    unclear, worse, clear = reading(0.15, 5), reading(0.3, 9), reading(0.03, 14)

    assert clearest(iter([unclear, worse, clear])) is clear


def test_one_that_is_hardly_clearer_is_not_worth_leaving_the_likeliest_place_for() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear, reading(0.12, 8), reading(0.14, 9)])) is unclear


def test_clear_ground_beside_the_tracks_is_no_better_place_for_them() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear, reading(0.001, 0), reading(0.01, 4)])) is unclear


def test_where_there_is_no_other_place_the_first_is_taken() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear])) is unclear
