"""One pass over a rendered yard in three frames, through ingest, detector and alerting."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
import redis

from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Judgement, Rule
from railwatch.services.alerting.state.store import Store
from railwatch.services.detector.renewal import renewals_over
from railwatch.services.ingest.scenes.claims import Claims
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import read_metadata
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import CountEvent, Event, TileEvent
from railwatch.shared.settings import BlobSettings, RedisSettings
from railwatch.shared.sites import PackedSites, SiteCatalogue
from railwatch.shared.state import connect
from tests.support.alerting import empty_archive
from tests.support.clock import Clock
from tests.support.detector import counts_made, handler_over
from tests.support.geotiff import cropped
from tests.support.rendered import rendered, site_of

# Noon at the yard, which lies in Canada.
AT = datetime(2023, 10, 5, 18, 11, tzinfo=UTC)
NOW = AT + timedelta(hours=4)
COLUMNS = ((0, 170), (130, 290), (250, 400))


@pytest.fixture
def client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


def counts_of(directory: Path, client: redis.Redis) -> tuple[list[CountEvent], CountEvent]:
    """The counts of the frames, and of the whole scene, as ingest and detector make them from the files."""
    scene = rendered("clear")
    site = site_of(scene)
    blobs, published = BlobStore.open(BlobSettings(url="memory://")), list[Event]()
    intake = Intake(
        SiteCatalogue(PackedSites.of(site)),
        SceneSettings(),
        blobs,
        Claims(client),
        lambda *events: published.extend(events),
        baselines_from={"api"},
    )
    file = directory / "scene.tif"

    def push(data: bytes, minute: float, **fields: str) -> None:
        file.write_bytes(data)
        metadata = {"observed_at": (AT + timedelta(minutes=minute)).isoformat(), "sensor": "SkySat-C3", **fields}
        intake.take(file, read_metadata(metadata, NOW), "api")

    push(scene.baseline_file, -10 * 24 * 60, role="baseline")
    for minute, columns in enumerate(COLUMNS):
        push(cropped(scene.tile_file, *columns), minute, scene="pass-7")
    push(scene.tile_file, 100)
    sites = {site.id: site}
    renewals = renewals_over(blobs, client)
    detector = handler_over(sites, renewals, client)
    tiles = [event for event in published if isinstance(event, TileEvent)]
    *frames, whole = [count for tile in tiles for count in counts_made(detector, tile)]
    return frames, whole


def looks_after(counts: Sequence[CountEvent], client: redis.Redis) -> tuple[Judgement, ...]:
    client.flushall()
    scene = rendered("clear")
    wait, span = timedelta(minutes=15), timedelta(minutes=10)
    alerting = CountHandler(
        Store(client),
        {"yard": site_of(scene)},
        Rule(),
        wait,
        span,
        "http://railwatch.example",
        Clock(NOW),
        empty_archive(),
    )
    for count in counts:
        alerting.handle(count)
    return Store(client).record("yard").history.judgements


def test_three_frames_of_a_pass_are_one_look_in_any_order(tmp_path: Path, client: redis.Redis) -> None:
    frames, whole = counts_of(tmp_path, client)
    assert len({frame.scene for frame in frames}) == 3, "one id, but three frames"
    assert all(frame.result.coverage < 0.6 for frame in frames)
    assert {frame.sensor for frame in frames} == {"skysat-c3"}

    found = [looks_after(order, client) for order in permutations(frames)]

    (look,) = found[0]
    assert all(looks == found[0] for looks in found)
    assert look.observed_at == AT
    assert set(look.frames) == {frame.scene for frame in frames}
    assert look.coverage == pytest.approx(whole.result.coverage, abs=0.03)
    assert whole.result.count is not None
    assert look.count == pytest.approx(whole.result.count, abs=1)
    assert looks_after(frames[:2], client) == (), "the third is waited for"
    assert len(looks_after([*frames, whole], client)) == 2, "an orbit later it is another look"
