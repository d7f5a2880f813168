"""The last pictures of each cell of a site, for people who look at the site: kept in Redis, a help and no more.

If Redis is emptied, the next scenes bring new ones.
"""

from collections.abc import Sequence

from pydantic import TypeAdapter

from railwatch.services.ingest.scenes.claims import Claims
from railwatch.shared.counts import BlobRef, Frozen, UtcDatetime
from railwatch.shared.events import TileEvent, derived_id

# Pictures of a cell that are kept: one of them is clear, most likely.
KEPT = 6


class TilePicture(Frozen):
    """A tile that was published.

    Attributes:
        observed_at: when the satellite saw it.
        image: where its pixels lie.
    """

    observed_at: UtcDatetime
    image: BlobRef


_PICTURES = TypeAdapter(tuple[TilePicture, ...])


class Pictures:
    """The last pictures of each cell."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def of(self, site: str, cell: str) -> tuple[TilePicture, ...]:
        """The pictures of a cell, the newest first.

        Raises:
            TransientError: Redis is away.
        """
        note = self._claims.get(_note(site, cell))
        return _PICTURES.validate_json(note) if note else ()

    def published(self, events: Sequence[TileEvent]) -> None:
        """Keeps the pictures of events. Of two scenes that come at one moment, one may be left out.

        Raises:
            TransientError: Redis is away.
        """
        for event in events:
            known = {picture.image.sha256: picture for picture in self.of(event.site, event.tile)}
            known[event.image.sha256] = TilePicture(observed_at=event.observed_at, image=event.image)
            newest = sorted(known.values(), key=lambda picture: picture.observed_at, reverse=True)[:KEPT]
            self._claims.put(_note(event.site, event.tile), _PICTURES.dump_json(tuple(newest)).decode())


def _note(site: str, cell: str) -> str:
    return derived_id("pictures", site, cell)
