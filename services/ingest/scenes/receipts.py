"""What the sender of a scene is told."""

from collections.abc import Sequence
from datetime import datetime

from railwatch.shared.counts import Frozen
from railwatch.shared.events import Slug, TileEvent, TileRole


class TileReceipt(Frozen):
    """A tile that was published.

    Attributes:
        tile: id of the site's cell.
        event: id of its event.
        sha256: checksum of its image.
    """

    tile: Slug
    event: str
    sha256: str


class SiteReceipt(Frozen):
    """The tiles of one site in a scene.

    Attributes:
        site: id of the site.
        tiles: its tiles.
        scene: the scene id in their events and counts, where it is another one than the scene's own.
    """

    site: Slug
    tiles: tuple[TileReceipt, ...]
    scene: Slug | None = None


class Receipt(Frozen):
    """The outcome of a scene that was taken.

    Attributes:
        scene: its id, given by the sender or derived from the file.
        observed_at: when the satellite saw it, in UTC.
        role: an observation, or a baseline.
        published: how many events were published this time; 0 if the scene was known.
        sites: every site that the scene shows, with the tiles that were published now or earlier.
        remarks: what was read in a way that the sender should know, such as a time that is the middle of two.
    """

    scene: Slug
    observed_at: datetime
    role: TileRole
    published: int
    sites: tuple[SiteReceipt, ...]
    remarks: tuple[str, ...] = ()


def site_receipt(scene: str, events: Sequence[TileEvent]) -> SiteReceipt:
    """The receipt of a scene for its events over one site."""
    first = events[0]
    tiles = (TileReceipt(tile=event.tile, event=event.id, sha256=event.image.sha256) for event in events)
    return SiteReceipt(site=first.site, tiles=tuple(tiles), scene=None if first.scene == scene else first.scene)
