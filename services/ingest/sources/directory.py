"""A watched directory: a GeoTIFF and `<same name>.json` beside it go to `processed/` or `rejected/` below it.

A file is complete when its size and time are the same in two polls. Senders write the GeoTIFF first and the metadata
last, or move both in.

One rename decides a pair: `<name>.json` becomes `<name>.json.processed` or `.rejected`. If ingest crashes after it, the
next poll makes up for the moves that are missing. If it crashes before, the scene is offered again, and its claim says
that it is known.
"""

import json
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from railwatch.services.ingest.scenes.intake import Intake, Receipt
from railwatch.services.ingest.scenes.metadata import parse_json, read_metadata
from railwatch.services.ingest.sources.pairs import PARTNER_WITHIN_S, Pair, pairs
from railwatch.services.ingest.sources.polling import offer
from railwatch.shared.errors import UnprocessableError

SOURCE = "directory"
PROCESSED, REJECTED = "processed", "rejected"

# A file's size in bytes, and the time of its last change in nanoseconds.
Stamp = tuple[int, int]


class WatchedDirectory:
    """The directory, and how its files were at the last poll.

    Attributes:
        directory: where senders put their scenes.
        partner_within_s: how long a file may wait for the other one of its pair.
    """

    def __init__(self, directory: Path, intake: Intake, partner_within_s: float = PARTNER_WITHIN_S) -> None:
        self._directory = directory
        self._intake = intake
        self._partner_within_s = partner_within_s
        self._stamps: dict[str, Stamp] = {}
        self._since: dict[str, float] = {}

    def poll(self, stop: threading.Event) -> None:
        """Takes every complete pair.

        Raises:
            OSError: the directory cannot be read or written.
        """
        for outcome in (PROCESSED, REJECTED):
            (self._directory / outcome).mkdir(exist_ok=True)
            for marker in sorted(self._directory.glob(f"*.json.{outcome}")):
                self._finish(marker, outcome)
        before, self._stamps = self._stamps, self._list()
        now = time.monotonic()
        self._since = {
            name: self._since.get(name, now) for name in self._stamps if before.get(name) == self._stamps[name]
        }
        for pair in pairs(self._stamps):
            if stop.is_set():
                return
            if all(name in self._since for name in pair.names):
                self._settle(pair, now)

    def _list(self) -> dict[str, Stamp]:
        stamps = {}
        for path in self._directory.iterdir():
            if path.is_file():
                found = path.stat()
                stamps[path.name] = found.st_size, found.st_mtime_ns
        return stamps

    def _settle(self, pair: Pair, now: float) -> None:
        if None in pair and now - self._since[pair.subject] < self._partner_within_s:
            return
        outcome = offer(self._intake, pair.subject, SOURCE, partial(self._take, pair))
        if isinstance(outcome, UnprocessableError):
            problem = json.dumps({"reason": outcome.reason, "detail": outcome.detail}, indent=2)
            (self._directory / REJECTED / f"{pair.subject}.problem.json").write_text(problem + "\n")
            self._put_away(pair, REJECTED)
        elif outcome is not None:
            self._put_away(pair, PROCESSED)

    def _take(self, pair: Pair) -> Receipt:
        if pair.geotiff is None or pair.metadata is None:
            raise pair.refusal()
        document = parse_json((self._directory / pair.metadata).read_bytes())
        metadata = read_metadata(document, datetime.now(UTC))
        return self._intake.take(self._directory / pair.geotiff, metadata, SOURCE)

    def _put_away(self, pair: Pair, outcome: str) -> None:
        if pair.metadata:
            marker = self._directory / f"{pair.metadata}.{outcome}"
            (self._directory / pair.metadata).rename(marker)
            self._finish(marker, outcome)
        elif pair.geotiff:
            (self._directory / pair.geotiff).replace(self._directory / outcome / pair.geotiff)

    def _finish(self, marker: Path, outcome: str) -> None:
        metadata = marker.name.removesuffix(f".{outcome}")
        for pair in pairs([metadata, *(path.name for path in self._directory.iterdir())]):
            if pair.metadata == metadata and pair.geotiff:
                (self._directory / pair.geotiff).replace(self._directory / outcome / pair.geotiff)
        marker.replace(self._directory / outcome / metadata)
