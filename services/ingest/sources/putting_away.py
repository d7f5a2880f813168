"""Where the files of a watched directory go when they are decided: into `processed/` or `rejected/` below it.

Nothing there is overwritten. If a name is taken, the pair goes into the first numbered directory where its names are
free, such as `rejected/2/a.tif`.

One rename decides a pair and its place: `a.json` goes into `.rejected/`, or into `.rejected/2/`. If ingest crashes
after it, the next poll makes up for the moves that are missing. If it crashes before, the scene is offered again, and
its claim says that it is known.
"""

import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path

from railwatch.services.ingest.sources.pairs import Pair, pairs
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import derived_id

PROCESSED, REJECTED = "processed", "rejected"

# A name may have so many bytes.
LONGEST_NAME_BYTES = 255
# Characters of a longer name that its problem file keeps. With digest and suffix they fit in any alphabet.
KEPT_OF_NAME = 50


class Places:
    """The directories below a watched one. Each method may raise `OSError` if the operating system refuses."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def make(self) -> None:
        """Make those that are missing."""
        for outcome in (PROCESSED, REJECTED):
            (self._directory / outcome).mkdir(exist_ok=True)
            self._decided(outcome).mkdir(exist_ok=True)
            # Version 0.1.0 marked a decided pair by a suffix; it may have crashed then.
            for marker in self._directory.glob(f"*.json.{outcome}"):
                marker.replace(self._decided(outcome) / marker.name.removesuffix(f".{outcome}"))

    def unfinished(self) -> list[Path]:
        """The metadata of pairs that are decided and not put away, because of a crash or of the operating system."""
        decided = (self._decided(outcome).rglob("*") for outcome in (PROCESSED, REJECTED))
        return sorted(path for path in itertools.chain(*decided) if not path.is_dir())

    def finish(self, metadata: Path, names: Iterable[str]) -> None:
        """Put the rest of a decided pair away.

        Args:
            metadata: one of `unfinished`.
            names: of the files in the watched directory.
        """
        place = self._directory / str(metadata.relative_to(self._directory)).removeprefix(".")
        for pair in pairs([metadata.name, *names]):
            if pair.metadata == metadata.name and pair.geotiff:
                self._move(pair, place.parent)
        metadata.replace(place)

    def put(self, pair: Pair, refusal: UnprocessableError | None) -> None:
        """Put the files of a pair away, with the reason of its refusal beside them."""
        outcome = REJECTED if refusal else PROCESSED
        number = self._free(outcome, pair.names)
        place, decided = self._directory / outcome / number, self._decided(outcome) / number
        place.mkdir(exist_ok=True)
        if refusal:
            problem = json.dumps({"reason": refusal.reason, "detail": refusal.detail}, indent=2)
            (place / _problem_name(pair.subject)).write_text(problem + "\n")
        if pair.metadata:
            decided.mkdir(exist_ok=True)
            (self._directory / pair.metadata).rename(decided / pair.metadata)
            self._move(pair, place)
            (decided / pair.metadata).replace(place / pair.metadata)
        else:
            self._move(pair, place)

    def _decided(self, outcome: str) -> Path:
        """The directory for the metadata of pairs that are decided, until their GeoTIFFs are put away."""
        return self._directory / f".{outcome}"

    def _free(self, outcome: str, names: Iterable[str]) -> str:
        """The first place where no file of a pair would take another's: an empty name, or a number from 2 on."""
        for number in itertools.count(1):
            place = "" if number == 1 else str(number)
            taken = (self._directory / outcome / place, self._decided(outcome) / place)
            if not any(os.path.lexists(directory / name) for directory in taken for name in names):
                return place
        raise AssertionError

    def _move(self, pair: Pair, place: Path) -> None:
        """Puts the pictures of a pair away, the scene last: after a crash its masks are still known as such.

        What came under a name that was moved already is the sender's next file, and stays.
        """
        for name in (*pair.masks, pair.geotiff):
            if name is not None and not os.path.lexists(place / name):
                (self._directory / name).replace(place / name)


def _problem_name(subject: str) -> str:
    name = f"{subject}.problem.json"
    if len(os.fsencode(name)) <= LONGEST_NAME_BYTES:
        return name
    return f"{subject[:KEPT_OF_NAME]}-{derived_id(subject)[:8]}.problem.json"
