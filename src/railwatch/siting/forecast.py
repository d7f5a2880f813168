"""What ingest would say of a scene: its own code runs on the file, and nothing is kept or published."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import shapely
from structlog.testing import capture_logs

from railwatch.services.ingest.scenes.claims import KEPT_FOR, Claims
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.blobs import BlobStore
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import Event, TileEvent
from railwatch.shared.geography import GEOD
from railwatch.shared.settings import BlobSettings
from railwatch.shared.sites import Site, SiteCatalogue

# Scenes come in by a door of this name in what is forecast. It may set baselines, as a sender with the scope may.
DOOR = "check"


class _NothingBefore(Claims):
    """Claims of this one scene, kept nowhere."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}

    def get(self, claim: str) -> str | None:
        return self._notes.get(claim)

    def put(self, claim: str, note: str, kept_for: timedelta = KEPT_FOR) -> None:
        self._notes[claim] = note


@dataclass(frozen=True)
class Forecast:
    """What ingest would do with a scene that it has not seen before.

    Attributes:
        receipt: its answer; null if it would refuse the scene.
        refusal: why it would refuse it; null if it would take it.
        tiles: the events that it would publish.
        shown: how much of each site's track lies within the scene's outline, 0 to 1, by site.
    """

    receipt: Receipt | None
    refusal: UnprocessableError | None
    tiles: tuple[TileEvent, ...]
    shown: dict[str, float]


def forecast(path: Path, document: dict[str, Any], sites: SiteCatalogue, limits: SceneSettings) -> Forecast:
    """Runs ingest's own code on a scene.

    Args:
        path: the GeoTIFF.
        document: its metadata, in Railwatch's own form or as a STAC Item.
        sites: the sites that ingest would know.
        limits: ingest's settings for scenes.
    """
    published: list[Event] = []

    def publish(*events: Event) -> None:
        published.extend(events)

    blobs = BlobStore.open(BlobSettings(url="memory://"))
    intake = Intake(sites, limits, blobs, _NothingBefore(), publish, (DOOR,))
    with capture_logs():
        try:
            receipt = intake.take(path, read_metadata(document, datetime.now(UTC)), DOOR)
        except UnprocessableError as error:
            return Forecast(None, error, (), {})
        with open_scene(path, limits) as scene:
            shown = {site.site: _share(sites.sites[site.site], scene.footprint) for site in receipt.sites}
    return Forecast(receipt, None, tuple(event for event in published if isinstance(event, TileEvent)), shown)


def nearest_site(path: Path, sites: SiteCatalogue, limits: SceneSettings) -> tuple[Site, float] | None:
    """The site that lies nearest to a scene, and how far away, metres; null if there is no site, or no such scene."""
    try:
        with open_scene(path, limits) as scene:
            footprint = scene.footprint
    except UnprocessableError:
        return None
    if not sites.sites:
        return None

    def away_m(site: Site) -> float:
        return float(GEOD.geometry_length(shapely.shortest_line(footprint, site.polygon)))

    nearest = min(sites.sites.values(), key=away_m)
    return nearest, away_m(nearest)


def _share(site: Site, footprint: shapely.Polygon) -> float:
    return float(site.lines.intersection(footprint).length / site.lines.length)
