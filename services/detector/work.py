"""What is asked of a process that counts, and what it answers. All of it can be pickled.

Nothing of the science is imported here: the service itself has no need of it, and starts sooner.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from railwatch.services.detector.composites.looks import GoodLook, Renewal
from railwatch.shared.counts import BaselineRef, BlobRef, RecallCheck, Sun, TileCount
from railwatch.shared.errors import RailwatchError, TransientError
from railwatch.shared.sites import Cell, Track

# Gives the verified bytes of a blob.
Fetch = Callable[[BlobRef], bytes]
# Whether to go on with what can be put off.
GoesOn = Callable[[], bool]


def always() -> bool:
    """Goes on with what cannot be put off."""
    return True


class DiedError(RailwatchError):
    """A process died, or was ended, over what it was asked. The message says what is known."""


class GaveWayError(TransientError):
    """A renewal was put off, because something else waited."""


@dataclass(frozen=True)
class Look:
    """A tile to be counted.

    Attributes:
        id: of its event.
        image: its pixels.
        observed_at: when it was seen.
        sun: where it stood, if the event says so.
        baseline: what the tile is counted against, if there is a baseline.
        tracks: the site's.
        car_lengths_m: the shortest and the longest car of the site.
        cell: of the site, that the tile shows.
        place: words for the captions of pictures.
        recall_share: share of looks that are counted again with known cars painted in.
    """

    id: str
    image: BlobRef
    observed_at: datetime
    sun: Sun | None
    baseline: BaselineRef | None
    tracks: Sequence[Track]
    car_lengths_m: tuple[float, float]
    cell: Cell
    place: str
    recall_share: float


@dataclass(frozen=True)
class Answer:
    """What came of a look.

    Attributes:
        count: the count.
        sun: where it stood.
        recall: how many painted cars were found; None where none were painted.
        pictures: evidence pictures by name.
        media_type: of the pictures.
        took_ms: wall time of the stages that are not in the count's.
    """

    count: TileCount
    sun: Sun
    recall: RecallCheck | None
    pictures: Mapping[str, bytes]
    media_type: str
    took_ms: Mapping[str, float]


@dataclass(frozen=True)
class KeptGround:
    """Good looks at a tile that are to become a composite.

    Attributes:
        current: the baseline that there is.
        kept: the looks.
        tracks: the site's.
        cell: of the site, that the tile shows.
    """

    current: BaselineRef
    kept: Sequence[GoodLook]
    tracks: Sequence[Track]
    cell: Cell


# A blob is a picture that is to become a baseline.
Question = Look | BlobRef | KeptGround


class Calculator(Protocol):
    """Does the arithmetic, here or in a process of its own. Both may raise `DiedError`, and what reading a blob may."""

    def count(self, look: Look) -> Answer:
        """Counts a look.

        Raises:
            UnprocessableError: the tile or its baseline cannot be read.
        """
        ...

    def check(self, image: BlobRef) -> None:
        """Checks a picture that is to become a baseline.

        Raises:
            UnprocessableError: it cannot be read, or cannot be a baseline, with the reason.
        """
        ...

    def renew(self, ground: KeptGround, goes_on: GoesOn = always) -> Renewal | None:
        """Merges looks, and measures the composite and the current baseline; None if too few of them fit each other.

        Args:
            ground: the looks.
            goes_on: is asked now and then whether to go on.

        Raises:
            UnprocessableError: a picture cannot be read.
            GaveWayError: it should not go on.
        """
        ...
