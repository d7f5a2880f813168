"""One site in a scene: its tiles are cut, stored, and made events."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import shapely

from railwatch.services.ingest.scenes.acquisitions import Acquisitions
from railwatch.services.ingest.scenes.arrival import Arrival
from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.receipts import SiteReceipt, site_receipt
from railwatch.services.ingest.scenes.scene import Scene
from railwatch.services.ingest.scenes.tiling import Cutout, cut
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import TileEvent
from railwatch.shared.masks import ProviderMasks
from railwatch.shared.sites import Site

# Remarks that events and looks carry. The receipt and the log have all.
MOST_REMARKS = 5
TILE_MEDIA_TYPE = "image/tiff; application=geotiff"


@dataclass(frozen=True)
class Covered:
    """One site in a scene that comes in.

    Attributes:
        scene: the scene's id.
        claim: its claim over the site.
        events: of its tiles.
        remark: on what came before; null if there is nothing to say.
    """

    scene: str
    claim: str
    events: list[TileEvent]
    remark: str | None

    @property
    def receipt(self) -> SiteReceipt:
        """What the sender is told of the site."""
        return site_receipt(self.scene, self.events)


def cover(
    blobs: BlobStore,
    claims: Claims,
    scene: Scene,
    site: Site,
    parts: Sequence[Cutout],
    arrival: Arrival,
    masks: ProviderMasks,
    remarks: Sequence[str],
) -> Covered | None:
    """Cuts and stores the tiles of one site, and says which acquisition they are of; null if none has a valid pixel.

    Args:
        blobs: where tiles are stored.
        claims: what came before.
        scene: the scene.
        site: one of the sites that it shows.
        parts: the site's cells in it.
        arrival: what is known of the scene.
        masks: its provider's masks.
        remarks: what the sender should know.

    Raises:
        UnprocessableError: a tile is too large, or cannot be read.
        TransientError: store or Redis are away.
    """
    metadata = arrival.metadata
    tiles = cut(scene, parts, metadata.scaling, masks)
    stored = [(tile.cell, tile.gsd_m, blobs.put(tile.data, TILE_MEDIA_TYPE)) for tile in tiles]
    if not stored:
        return None
    acquisitions = Acquisitions(claims, site.id, metadata.role, arrival.id)
    pixels = [f"{cell} {image.sha256}" for cell, _, image in stored]
    ground = scene.footprint.intersection(shapely.union_all([part.cell.tile_polygon for part in parts]))
    named = acquisitions.enter(metadata.observed_at, pixels, scene.footprint if ground.is_empty else ground)
    events = [
        TileEvent(
            recorded_at=datetime.now(UTC),
            site=site.id,
            tile=cell,
            scene=named.delivery.scene,
            tiles_in_scene=tuple(cell for cell, _, _ in stored),
            observed_at=metadata.observed_at,
            role=metadata.role,
            image=image,
            gsd_m=gsd_m,
            sun=metadata.sun,
            source=arrival.source,
            sensor=metadata.sensor,
            sender=arrival.sender.name if arrival.sender else None,
            archival=arrival.archival,
            remarks=(*remarks, *([named.remark] if named.remark else ()))[:MOST_REMARKS],
        )
        for cell, gsd_m, image in stored
    ]
    return Covered(arrival.id, arrival.claim(site, parts), events, named.remark)
