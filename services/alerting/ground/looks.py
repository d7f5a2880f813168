"""The counts behind a look, and the ground that its pictures show."""

import io
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Any

from PIL import Image

from railwatch.services.alerting.ground.choices import Layer
from railwatch.services.alerting.ground.mercator import TILE_PX, Bounds, bounds_of_tile, from_degrees
from railwatch.services.alerting.ground.sheets import Sheets
from railwatch.services.alerting.ground.windows import Placed, aligned, as_seen, baselines, deepest_zoom, drawn
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import CountEvent
from railwatch.shared.sites import Cell

PLACED = {"look": as_seen, "aligned": aligned, "baseline": baselines}

# For how long a look's counts are remembered, in seconds, and of how many looks. A map asks for many tiles of one.
REMEMBERED_S = 60.0
REMEMBERED = 64
# What the colours of tiles may take in memory.
MAX_BYTES = 200 * 1024**2


class Grounds:
    """The ground at looks, as it is asked for."""

    def __init__(self, blobs: BlobStore, counts_of: Callable[[str, str], Sequence[CountEvent]]) -> None:
        """Nothing is read yet.

        Args:
            blobs: where the tiles are.
            counts_of: gives the counts of the look that a scene of a site belongs to.
        """
        self._counts_of = counts_of
        self._sheets = Sheets(blobs, MAX_BYTES)
        self._turn = Lock()
        self._remembered: OrderedDict[tuple[str, str], tuple[float, Sequence[CountEvent]]] = OrderedDict()

    def counts(self, site: str, scene: str) -> Sequence[CountEvent]:
        """The counts of the look that a scene belongs to, as they were a moment ago; empty if there are none.

        Raises:
            TransientError: Redis or the object store is away.
        """
        with self._turn:
            found = self._remembered.get((site, scene))
        if found and time.monotonic() - found[0] < REMEMBERED_S:
            return found[1]
        counts = self._counts_of(site, scene)
        with self._turn:
            self._remembered[site, scene] = time.monotonic(), counts
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return counts

    def map_tile(
        self, counts: Sequence[CountEvent], cells: Sequence[Cell], layer: Layer, at: tuple[int, int, int]
    ) -> bytes:
        """A map tile of a look, as WebP.

        Args:
            counts: of the look.
            cells: of the site.
            layer: what to show.
            at: zoom, column and row.

        Raises:
            UnprocessableError: a tile is gone, or cannot be read.
        """
        bounds = bounds_of_tile(*at)
        near = {cell.id for cell in cells if _touches(cell, bounds)}
        shown = [count for count in counts if count.tile in near]
        made = io.BytesIO()
        Image.fromarray(drawn(self._placed(shown, layer), bounds, TILE_PX, TILE_PX)).save(
            made, "WEBP", quality=85, method=0
        )
        return made.getvalue()

    def tile_json(self, counts: Sequence[CountEvent], layer: Layer) -> dict[str, Any]:
        """What a map must know of a look's tiles, apart from their address: TileJSON 3.0.

        Raises:
            UnprocessableError: the first tile is gone, or cannot be read.
        """
        first = [placed.sheet for placed in self._placed(counts[:1], layer)]
        deepest = deepest_zoom(first) if first else 0
        return {"tilejson": "3.0.0", "minzoom": 0, "maxzoom": deepest}

    def _placed(self, counts: Sequence[CountEvent], layer: Layer) -> Iterable[Placed]:
        return PLACED[layer](counts, self._sheets.get)


def _touches(cell: Cell, bounds: Bounds) -> bool:
    west, south, east, north = from_degrees(cell.tile_polygon.bounds)
    return west <= bounds[2] and east >= bounds[0] and south <= bounds[3] and north >= bounds[1]
