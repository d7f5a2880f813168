"""Where the lines are taken to lie, when the axes of the tracks leave it open: the reading that finds more is believed.

The axes of tracks look like other things now and then: like the ground between tracks in shade on black ballast, like
the shadow of a train, like the edge of spilt dust. Off the track the evidence mostly is sure that nothing stands there,
so a reading that finds nothing says little, and one that finds cars says much. But it may be strange there, too: then
the two networks disagree, and the cars that are found along such a line are not believed.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from railwatch.services.detector.cars.intervals import CAR_SAMPLES, Posterior
from railwatch.services.detector.cars.reading import Reader, Reading
from railwatch.services.detector.tracks.pieces import Piece
from railwatch.services.detector.tracks.refinement import HALF_GAUGE_M, Placing, refinements

# Entropy, in nats per sample, from which on lines are placed elsewhere. On rendered yards, lines beside their tracks
# had at least twice the entropy of lines on them (docs/accuracy.md).
HIGH_ENTROPY = 0.1
# How often lines are placed elsewhere, and the share of the first entropy that is far less.
OTHER_READINGS = 2
FAR_LESS = 0.6
# So many more cars must be expected along a line as it was drawn than along the same line moved by more than half the
# gauge, for the drawn one to be believed; and one more for each car's length of track on which the networks disagree
# more. So 5 of 13 lines stay as drawn, in 87 scenes of both renderers that are kept for such choices.
MORE_CARS = 0.8


def best_reading(drawn: Sequence[Piece], reader: Reader) -> Reading:
    """The reading of the tracks along the placing that is believed.

    Args:
        drawn: the tracks as drawn, inside the tile.
        reader: of the tile.
    """
    ground = reader.ground
    placings = refinements(drawn, reader.tile, ground.baseline, ground.seen, reader.models.axis)

    def moved() -> Iterable[Reading]:
        while True:
            with ground.stages.timed("tracks"):
                placing = next(placings, None)
            if placing is None:
                return
            yield reader.read(placing)

    return drawn_where_fuller(clearest(moved()), drawn, reader.read, reader.tile.gsd_m)


def clearest(readings: Iterable[Reading]) -> Reading:
    """The first reading, unless its entropy is high and another has far less of it and no fewer cars."""
    each = iter(readings)
    first = next(each)
    if first.entropy < HIGH_ENTROPY:
        return first
    others = [reading for reading in islice(each, OTHER_READINGS) if reading.cars >= first.cars]
    best = min([first, *others], key=lambda reading: reading.entropy)
    return best if best.entropy < FAR_LESS * first.entropy else first


def drawn_where_fuller(
    first: Reading, drawn: Sequence[Piece], read: Callable[[Placing], Reading], gsd_m: float
) -> Reading:
    """The reading with those lines as drawn that were moved far, and along which more cars are found as drawn.

    Args:
        first: along the lines as they were moved.
        drawn: the same lines as drawn.
        read: gives a reading along other lines.
        gsd_m: metres per pixel.
    """
    pieces = first.placing.pieces

    def back(numbers: Sequence[int]) -> Placing:
        return Placing.of([drawn[n] if n in numbers else piece for n, piece in enumerate(pieces)], gsd_m)

    moved = [number for number, piece in enumerate(pieces) if abs(piece.shift_m) > HALF_GAUGE_M]
    if not moved:
        return first
    as_drawn = read(back(moved))
    fuller = [
        number for number in moved if _fuller(as_drawn.decoded[number].posterior, first.decoded[number].posterior)
    ]
    if not fuller:
        return first
    return as_drawn if fuller == moved else read(back(fuller))


def _fuller(one: Posterior, other: Posterior) -> bool:
    """Whether one has more cars than the other, and not only more doubt."""
    doubted = max(0.0, one.disagreement - other.disagreement) / CAR_SAMPLES
    return one.mean - other.mean > MORE_CARS + doubted
