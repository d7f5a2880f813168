"""The way of a site's past into the system: in order of time, at a limited rate, each scene once."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.sources.archive import ELSEWHERE, Archived
from railwatch.shared.bus import RetryPolicy
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import TileRole, derived_id
from railwatch.shared.sites import Site

# How long it is remembered that a scene was brought. Its tiles keep their ids for ever.
REMEMBERED_FOR = timedelta(days=366)
# Attempts at a scene whose archive, or what ingest needs, is away. Then the command ends, and goes on when asked again.
ATTEMPTS = 6


@dataclass(frozen=True)
class Brought:
    """A scene of the past, and what came of it.

    Attributes:
        subject: its name in the archive.
        observed_at: when the satellite saw it; null if its metadata do not say.
        scene: its id in counts; null if it is not counted: no tile was published, or it is a baseline.
        tiles: the tiles that were published, now or before.
        outcome: `published`, `known` (published before), `elsewhere`, or the reason why it is refused.
        before: whether an earlier run of the command brought it.
    """

    subject: str
    observed_at: datetime | None
    scene: str | None
    tiles: tuple[str, ...]
    outcome: str
    before: bool = False

    def note(self) -> str:
        """What is remembered of it."""
        return "\n".join((self.outcome, self.scene or "", *self.tiles))

    @classmethod
    def of_note(cls, archived: Archived, note: str) -> Self:
        """What an earlier run brought."""
        outcome, scene, *tiles = note.split("\n")
        return cls(archived.subject, archived.observed_at, scene or None, tuple(tiles), outcome, before=True)


@dataclass(frozen=True)
class Backfill:
    """Brings the past of one site.

    Attributes:
        intake: takes the scenes; it knows this site only, and marks what it publishes as archival.
        site: the site.
        every_s: the least time from one scene to the next.
        room: waits until the services have room for one more scene.
        tell: tells a person why it takes longer.
        sleep: waits so many seconds.
    """

    intake: Intake
    site: Site
    every_s: float
    room: Callable[[], None]
    tell: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def bring(self, scenes: Sequence[Archived]) -> Iterator[Brought]:
        """Brings scenes in their order, and tells of each. Those that an earlier run brought are not read again.

        Raises:
            TransientError: the archive or what ingest needs is away, and stays so.
        """
        grid = [(cell.id, cell.crs, cell.bounds_m) for cell in self.site.cells()]
        begun_at = float("-inf")
        for archived in scenes:
            claim = derived_id("backfill", self.site.id, grid, archived.source, archived.content)
            note = self.intake.claims.get(claim)
            if note is not None:
                yield Brought.of_note(archived, note)
                continue
            self.room()
            self.sleep(max(0.0, begun_at + self.every_s - time.monotonic()))
            begun_at = time.monotonic()
            brought = self._taken(archived)
            known = replace(brought, outcome="known") if brought.outcome == "published" else brought
            self.intake.claims.put(claim, known.note(), REMEMBERED_FOR)
            yield brought

    def _taken(self, archived: Archived) -> Brought:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                found = archived.taken_by(self.intake)
                break
            except (TransientError, OSError) as error:
                if attempt == ATTEMPTS:
                    raise TransientError(f"{error} Ask again: it goes on where it stopped.") from error
                self.tell(f"{archived.subject}: {error} Trying again.")
                self.sleep(RetryPolicy().wait_s(attempt))
        if isinstance(found, UnprocessableError):
            outcome = "elsewhere" if found.reason == ELSEWHERE else found.reason
            return Brought(archived.subject, archived.observed_at, None, (), outcome)
        (site,) = found.sites
        tiles = tuple(tile.tile for tile in site.tiles)
        outcome = "published" if found.published else "known"
        counted = None if found.role is TileRole.BASELINE else site.scene or found.scene
        return Brought(archived.subject, found.observed_at, counted, tiles, outcome)
