"""Which of several readings is taken."""

from collections.abc import Iterator

import numpy as np

from railwatch.services.detector.cars.intervals import Posterior
from railwatch.services.detector.cars.reading import Reading, clearest
from railwatch.services.detector.cars.segmentation import Decoded, Segment
from railwatch.services.detector.tracks.refinement import Placing
from railwatch.services.detector.tracks.strips import lay_out

LINE = np.array([[0.0, 0.0], [100.0, 0.0]])


def reading(entropy: float, cars: int) -> Reading:
    """One track on which so many cars were found, with so much entropy per sample."""
    placing = Placing((), lay_out([LINE], 0.5))
    found = tuple(Segment(30 * number, 30 * number + 28, 0.9) for number in range(cars))
    decoded = Decoded(found, Posterior(cars, 1.0, entropy * 1000, 1000))
    return Reading(placing, placing.owned, placing.owned, placing.owned, False, (decoded,))


def test_a_clear_reading_is_taken_at_once() -> None:
    def readings() -> Iterator[Reading]:
        yield first
        raise AssertionError("no other reading is needed")

    first = reading(0.02, 5)

    assert clearest(readings()) is first


def test_where_the_first_is_unclear_a_far_clearer_one_is_taken() -> None:
    unclear, worse, clear = reading(0.15, 5), reading(0.3, 9), reading(0.03, 14)

    assert clearest(iter([unclear, worse, clear])) is clear


def test_one_that_is_hardly_clearer_does_not_replace_the_first() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear, reading(0.12, 8), reading(0.14, 9)])) is unclear


def test_a_clear_reading_with_fewer_cars_does_not_replace_the_first() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear, reading(0.001, 0), reading(0.01, 4)])) is unclear


def test_where_there_is_no_other_reading_the_first_is_taken() -> None:
    unclear = reading(0.15, 5)

    assert clearest(iter([unclear])) is unclear
