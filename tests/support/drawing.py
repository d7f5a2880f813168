"""The page on which sites are drawn, over a rendered yard."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import obstore
from fastapi import FastAPI
from obstore.store import MemoryStore
from pydantic import SecretStr

from railwatch.render import geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.ingest.scenes.metadata import read_metadata
from railwatch.services.ingest.settings import IngestSettings, SceneSettings
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.serving import serve
from railwatch.shared.settings import HttpSettings
from railwatch.shared.sites import LiveSites
from railwatch.shared.sites.files import BucketFiles, DirectoryFiles
from railwatch.shared.sites.folder import SiteFolder
from railwatch.siting.page.routes import add_page
from tests.support.ingest import Desk, desk_over

TOKEN = "a-token-of-the-drawing-office"
OBSERVED_AT = "2023-10-05T02:14:00Z"


@cache
def yard() -> tuple[bytes, dict[str, Any]]:
    """A rendered picture, and its tracks as a person drew them."""
    pair = render_pair(random_scene(np.random.default_rng(44), "clear", size_px=512))
    return geotiff(pair.tile), tracks_geojson(pair.spec.site)


@dataclass(frozen=True)
class Office:
    """Ingest with the page, and a site of the yard whose picture came in. Its files lie in a folder or in a bucket."""

    desk: Desk
    app: FastAPI
    sites: Path
    picture: Path
    bucket: MemoryStore | None

    @contextmanager
    def serving(self) -> Iterator[str]:
        with serve(self.app, HttpSettings(port=0), max_body_bytes=None) as url:
            yield url


def office(
    directory: Path, tokens: Tokens | None = None, settings: IngestSettings | None = None, *, in_bucket: bool = False
) -> Office:
    """The page over a folder, or over a bucket with the same files."""
    picture, tracks = yard()
    sites = directory / "sites"
    sites.mkdir()
    (sites / "west-yard-tracks.geojson").write_text(json.dumps(tracks))
    (sites / "west-yard.yaml").write_text(
        "# The yard in the west.\nid: west-yard\nname: West Yard  # as people say\ntracks: west-yard-tracks.geojson\n"
        "events:\n  - title: A meeting\n    at: 2023-09-13\n"
    )
    desk = desk_over(directory, SceneSettings(night=True))
    bucket = MemoryStore() if in_bucket else None
    if bucket is not None:
        for file in sites.iterdir():
            obstore.put(bucket, file.name, file.read_bytes())
    live = LiveSites(SiteFolder(BucketFiles(bucket, "s3://sites") if bucket else DirectoryFiles(sites)))
    desk.sites = live.catalogue
    path = directory / "look.tif"
    path.write_bytes(picture)
    intake = desk.intake()
    intake.take(path, read_metadata({"observed_at": OBSERVED_AT}, datetime.now(UTC)), "directory")
    known = tokens or Tokens(None, [SecretStr(TOKEN)], [Scope.DRAW])
    app = desk.app(known)
    add_page(app, live, settings or IngestSettings(), known, intake)
    return Office(desk, app, sites, path, bucket)
