"""Which of several readings is taken."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from railwatch.services.detector.cars.choosing import clearest, drawn_where_fuller
from railwatch.services.detector.cars.intervals import CAR_SAMPLES, Posterior
from railwatch.services.detector.cars.looking import Weighed
from railwatch.services.detector.cars.reading import Reading
from railwatch.services.detector.cars.segmentation import Decoded, Segment
from railwatch.services.detector.tracks.pieces import Piece
from railwatch.services.detector.tracks.refinement import Placing
from railwatch.services.detector.tracks.strips import lay_out

LINE = np.array([[0.0, 0.0], [100.0, 0.0]])
NOTHING = Weighed(np.zeros((0, 3), np.float32), np.zeros(0, np.float32))


def reading(entropy: float, cars: int) -> Reading:
    """One track on which so many cars were found, with so much entropy per sample."""
    placing = Placing((), lay_out([LINE], 0.5))
    found = tuple(Segment(30 * number, 30 * number + 28, 0.9) for number in range(cars))
    decoded = Decoded(found, Posterior(cars, 1.0, entropy * 1000, 1000))
    return Reading(placing, placing.owned, placing.owned, placing.owned, False, (decoded,), NOTHING)


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


GSD_M = 0.5
DRAWN = tuple(Piece(track, LINE + np.array([0.0, 40.0 * number])) for number, track in enumerate(("T1", "T2")))


class Yard:
    """Answers a reading with the cars that stand along each line, by the track and whether it lies as drawn."""

    def __init__(self, as_drawn: dict[str, int], moved: dict[str, int], doubt: float = 0.0) -> None:
        self.cars = {True: as_drawn, False: moved}
        self.doubt = doubt
        self.readings = 0

    def read(self, placing: Placing) -> Reading:
        self.readings += 1
        drawn = [piece.shift_m == 0 for piece in placing.pieces]
        numbers = [self.cars[where][piece.track] for piece, where in zip(placing.pieces, drawn, strict=True)]
        decoded = tuple(
            Decoded((), Posterior(number, 0.1, 0.0, 200, disagreement=self.doubt * where))
            for number, where in zip(numbers, drawn, strict=True)
        )
        return Reading(placing, placing.owned, placing.owned, placing.owned, False, decoded, NOTHING)


def moved_by(*shifts_m: float) -> Placing:
    pieces = (
        replace(piece, xy_px=piece.xy_px + np.array([0.0, shift_m / GSD_M]), shift_m=shift_m)
        for piece, shift_m in zip(DRAWN, shifts_m, strict=True)
    )
    return Placing.of(tuple(pieces), GSD_M)


def test_a_line_that_was_moved_off_its_cars_is_read_as_drawn() -> None:
    yard = Yard(as_drawn={"T1": 7, "T2": 0}, moved={"T1": 0, "T2": 3})

    reading = drawn_where_fuller(yard.read(moved_by(-1.2, 1.0)), DRAWN, yard.read, GSD_M)

    assert [piece.shift_m for piece in reading.placing.pieces] == [0.0, 1.0]
    assert [track.posterior.mean for track in reading.decoded] == [7, 3]


def test_cars_along_a_line_as_drawn_are_not_believed_where_the_networks_disagree_on_as_many() -> None:
    yard = Yard(as_drawn={"T1": 4, "T2": 0}, moved={"T1": 0, "T2": 3}, doubt=5 * CAR_SAMPLES)

    reading = drawn_where_fuller(yard.read(moved_by(-1.2, 1.0)), DRAWN, yard.read, GSD_M)

    assert [piece.shift_m for piece in reading.placing.pieces] == [-1.2, 1.0]
    assert [track.posterior.mean for track in reading.decoded] == [0, 3]


def test_lines_that_were_hardly_moved_are_not_read_twice() -> None:
    yard = Yard(as_drawn={"T1": 7, "T2": 0}, moved={"T1": 0, "T2": 3})

    reading = drawn_where_fuller(yard.read(moved_by(0.3, -0.5)), DRAWN, yard.read, GSD_M)

    assert yard.readings == 1
    assert [track.posterior.mean for track in reading.decoded] == [0, 3]


def test_a_moved_line_with_as_many_cars_stays_moved() -> None:
    yard = Yard(as_drawn={"T1": 4, "T2": 0}, moved={"T1": 4, "T2": 0})

    reading = drawn_where_fuller(yard.read(moved_by(2.0, 2.0)), DRAWN, yard.read, GSD_M)

    assert [piece.shift_m for piece in reading.placing.pieces] == [2.0, 2.0]
