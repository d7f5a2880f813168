"""`railwatch recount`: the looks of a site and a time, what would change, and what is published again."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from railwatch.cli import app
from railwatch.render import tracks_geojson
from railwatch.services.detector.counting import count_tile
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.margins import trimmed
from railwatch.services.detector.imagery.sun import sun_over
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.counts import TileCount
from railwatch.shared.events import CountEvent, TileEvent, TileRole
from railwatch.shared.settings import BlobSettings, KafkaSettings
from railwatch.shared.sites import load_sites
from tests.support.bus import eventually, topic_view
from tests.support.rendered import FIRST_LOOK, rendered, site_of, tile_event


@pytest.fixture
def blobs(tmp_path: Path, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """The detector's settings: a store, the site's files, and the broker."""
    scene = rendered("clear")
    sites = tmp_path / "sites"
    sites.mkdir()
    (sites / "yard.yaml").write_text("id: yard\nname: Yard\ntracks: tracks.geojson\narea: area.geojson\n")
    (sites / "tracks.geojson").write_text(json.dumps(tracks_geojson(scene.pair.spec.site)))
    ring = [list(position) for position in site_of(scene).area]
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    (sites / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    url = (tmp_path / "store").as_uri()
    for name, value in {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_PREFIX": kafka_settings.prefix,
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "BLOBS_URL": url,
        "SITES_DIR": str(sites),
    }.items():
        monkeypatch.setenv(f"RAILWATCH_{name}", value)
    return BlobStore.open(BlobSettings(url=url))


def counted(event: TileEvent, result: TileCount) -> CountEvent:
    return CountEvent(
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
        result=result,
        baseline=None,
        evidence={},
        **{
            name: getattr(event, name)
            for name in ("site", "tile", "scene", "tiles_in_scene", "observed_at", "image", "sensor")
        },
    )


def found_now(event: TileEvent, data: bytes, sites: Path) -> TileCount:
    """What the detector finds on a tile without a baseline."""
    site = load_sites(sites).sites["yard"]
    (cell,) = site.cells()
    picture = trimmed(read_raster(data))
    sun = event.sun or sun_over(picture, event.observed_at)
    return count_tile(picture, None, site.tracks, sun=sun, cell=cell, car_lengths_m=site.car_lengths_m).count


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["recount", *options])


def test_a_preview_names_what_would_change_and_publishes_nothing(
    blobs: BlobStore, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    data = rendered("clear").tile_file
    same, other = tile_event(blobs, data, day=1), tile_event(blobs, data, day=2)
    found = found_now(same, data, tmp_path / "sites")
    assert found.count
    before = found_now(other, data, tmp_path / "sites").model_copy(update={"count": 1.0, "low": 0.0, "high": 2.0})
    Publisher(kafka_settings).publish(same, other, counted(same, found), counted(other, before))
    with topic_view(kafka_settings, TileEvent) as tiles:
        done = run("--site", "yard", "--dry-run")
        assert done.exit_code == 0, done.output
        eventually(lambda: len(tiles.ids()) == 2, "the tiles are read")
    assert "1 of 2 tiles would change." in done.output
    assert "look-2" in done.output
    assert "look-1" not in done.output
    assert "1 (0.0 to 2.0)" in done.output


def test_the_looks_of_a_time_are_published_again(blobs: BlobStore, kafka_settings: KafkaSettings) -> None:
    data = rendered("clear").tile_file
    looks = [tile_event(blobs, data, day=day) for day in (1, 2, 3)]
    baseline = tile_event(blobs, data, day=2, role=TileRole.BASELINE)
    Publisher(kafka_settings).publish(*looks, baseline)
    day = [f"{(looks[number].observed_at):%Y-%m-%d}" for number in (1, 2)]
    with topic_view(kafka_settings, TileEvent) as tiles:
        done = run("--site", "yard", "--from", day[0], "--to", day[1])
        assert "Published again: 1 tile of yard." in done.output
        eventually(lambda: len(tiles.events()) == 5, "one tile is there twice")
        assert [event.id for event in tiles.events()][-1] == looks[1].id


@pytest.mark.parametrize("options", [("--site", "elsewhere"), ("--site", "yard", "--to", f"{FIRST_LOOK:%Y-%m-%d}")])
def test_without_a_look_it_says_so(blobs: BlobStore, kafka_settings: KafkaSettings, options: tuple[Any, ...]) -> None:
    Publisher(kafka_settings).publish(tile_event(blobs, rendered("clear").tile_file, day=1))
    assert "There is no look at" in str(run(*options).exception)
