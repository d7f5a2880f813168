"""From tile events to count events, with baselines in Redis. A repeated look is counted as it was the first time."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import redis
from obstore.store import MemoryStore
from PIL import Image

from railwatch.services.detector import metrics
from railwatch.services.detector.handler import TileHandler
from railwatch.services.detector.noted import MOST_LOOKS, UnregisteredLooks
from railwatch.services.detector.renewal import renewals_over
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Quality, Sun
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import BaselineEvent, CountEvent, TileEvent, TileRole
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.detector import counts_made, handler_over
from tests.support.geotiff import NoiseScene, cropped, read_tile
from tests.support.rendered import Rendered, rendered, site_of, tile_event


@pytest.fixture(scope="module")
def scene() -> Rendered:
    return rendered("clear")


@pytest.fixture
def client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def blobs() -> BlobStore:
    return BlobStore(MemoryStore())


@pytest.fixture
def handler(scene: Rendered, client: redis.Redis, blobs: BlobStore) -> TileHandler:
    return handler_of(scene, client, blobs)


def handler_of(scene: Rendered, client: redis.Redis, blobs: BlobStore) -> TileHandler:
    sites = {"yard": site_of(scene)}
    renewals = renewals_over(blobs, client)
    return handler_over(sites, renewals, client)


@pytest.fixture
def first(blobs: BlobStore, scene: Rendered) -> TileEvent:
    return tile_event(blobs, scene.baseline_file, day=0)


@pytest.fixture
def second(blobs: BlobStore, scene: Rendered) -> TileEvent:
    return tile_event(blobs, scene.tile_file, day=1)


@pytest.fixture
def given(blobs: BlobStore, scene: Rendered) -> TileEvent:
    return tile_event(blobs, NoiseScene(seed=9, gsd=0.5).geotiff(), day=2, role=TileRole.BASELINE)


def count(handler: TileHandler, event: TileEvent) -> CountEvent:
    (counted,) = counts_made(handler, event)
    return counted


def same(a: CountEvent, b: CountEvent) -> bool:
    """Equal except for the time they were made at and the time they took."""
    plain = [
        event.model_copy(update={"recorded_at": None, "result": event.result.model_copy(update={"timings_ms": {}})})
        for event in (a, b)
    ]
    return plain[0] == plain[1] and a.id == b.id


def test_the_first_good_look_is_counted_by_itself_and_becomes_the_baseline(
    handler: TileHandler, first: TileEvent, second: TileEvent
) -> None:
    counted = count(handler, first)
    assert counted.baseline is None
    assert "no-baseline" in counted.result.reasons
    assert counted.new_baseline is not None
    assert (counted.new_baseline.version, counted.new_baseline.origin) == (1, "first-good-look")
    assert counted.new_baseline.image == first.image

    following = count(handler, second)

    assert following.baseline == counted.new_baseline
    assert following.new_baseline is None
    assert following.result.registration is not None


def test_a_partial_look_never_becomes_the_baseline_by_itself(
    handler: TileHandler, blobs: BlobStore, scene: Rendered
) -> None:
    data = cropped(scene.baseline_file, 0, 300)

    counted = count(handler, tile_event(blobs, data, day=0))

    assert counted.result.quality is Quality.PARTIAL
    assert counted.result.count is not None
    assert "partly-outside" in counted.result.reasons
    assert 0.4 < counted.result.coverage < 0.95
    assert counted.new_baseline is None


def test_fill_that_is_not_declared_is_not_seen_and_no_baseline(
    handler: TileHandler, blobs: BlobStore, scene: Rendered
) -> None:
    pixels, profile = read_tile(scene.baseline_file)
    values = pixels.astype(np.float32) / 255
    values[:, :, 280:] = -9999
    look = NoiseScene(width=values.shape[2], height=values.shape[1], dtype="float32", crs=None)
    data = look.geotiff(values, transform=profile["transform"], crs=profile["crs"])

    counted = count(handler, tile_event(blobs, data, day=0))

    assert counted.result.quality is Quality.PARTIAL
    assert "partly-outside" in counted.result.reasons
    assert 0.4 < counted.result.coverage < 0.9
    assert counted.new_baseline is None


def test_a_frame_in_its_padding_is_counted_as_the_frame_alone(
    handler: TileHandler, blobs: BlobStore, scene: Rendered
) -> None:
    pixels, profile = read_tile(scene.tile_file)
    pixels[:, :, :170] = 0
    pixels[:, :, 230:] = 0
    look = NoiseScene(width=pixels.shape[2], height=pixels.shape[1], crs=None, nodata=0)
    padded = look.geotiff(pixels, transform=profile["transform"], crs=profile["crs"])

    results = [
        count(handler, tile_event(blobs, data, day=day)).result
        for day, data in enumerate((padded, cropped(scene.tile_file, 170, 230)))
    ]

    assert results[0].count is not None
    assert results[0].coverage < 0.3
    assert results[0].reasons == results[1].reasons
    for field in ("count", "low", "high", "coverage"):
        assert getattr(results[0], field) == pytest.approx(getattr(results[1], field), abs=0.002)


def test_a_baseline_of_a_part_leaves_the_rest_counted_without_it(
    handler: TileHandler, blobs: BlobStore, scene: Rendered, second: TileEvent
) -> None:
    part = tile_event(blobs, cropped(scene.baseline_file, 240, 400), day=0, role=TileRole.BASELINE)
    handler.handle(part)

    result = count(handler, second).result

    assert "baseline-partial" in result.reasons
    assert result.coverage == 1
    assert result.low is not None
    assert result.high is not None
    assert result.low <= scene.pair.tile.count <= result.high


def test_the_pictures_of_a_count_can_be_fetched(handler: TileHandler, first: TileEvent, second: TileEvent) -> None:
    handler.handle(first)

    pictures = count(handler, second).evidence

    assert pictures.keys() == {"baseline", "tile", "difference", "cars"}
    assert all(Image.open(io.BytesIO(handler.blobs.get(ref))).width > 200 for ref in pictures.values())


def test_the_look_that_became_the_baseline_is_counted_again_as_the_first_time(
    handler: TileHandler, first: TileEvent, second: TileEvent
) -> None:
    before = count(handler, first)
    handler.handle(second)

    assert same(count(handler, first), before)


def test_a_repetition_is_the_same_even_if_the_decision_was_forgotten(
    handler: TileHandler, first: TileEvent, client: redis.Redis
) -> None:
    before = count(handler, first)
    client.delete(*client.keys("railwatch:detector:look:*"))

    assert same(count(handler, first), before)


def test_a_baseline_given_later_changes_no_earlier_count(
    handler: TileHandler, first: TileEvent, second: TileEvent, given: TileEvent
) -> None:
    handler.handle(first)
    before = count(handler, second)
    handler.handle(given)

    assert same(count(handler, second), before)


def test_a_given_baseline_is_told_of_before_its_tile_is_done(handler: TileHandler, given: TileEvent) -> None:
    (told,) = handler.handle(given)
    (again,) = handler.handle(given)
    assert isinstance(told, BaselineEvent)
    assert told.baseline is not None
    assert (told.version, told.baseline.image) == (1, given.image)
    assert again.id == told.id, "killed before it was published, it is told of again"


def test_an_operator_s_baseline_is_used_for_the_looks_that_follow(
    handler: TileHandler, blobs: BlobStore, scene: Rendered, first: TileEvent, second: TileEvent
) -> None:
    handler.handle(second)
    given = first.model_copy(update={"role": TileRole.BASELINE})
    handler.handle(given)
    handler.handle(given)

    counted = count(handler, tile_event(blobs, scene.tile_file, day=3))

    assert counted.baseline is not None
    assert (counted.baseline.version, counted.baseline.origin) == (2, "operator")
    assert counted.baseline.image == first.image


def test_a_poor_first_look_does_not_become_the_baseline(
    handler: TileHandler, blobs: BlobStore, scene: Rendered
) -> None:
    low_sun = tile_event(blobs, scene.tile_file, day=0).model_copy(
        update={"sun": Sun(azimuth_deg=120, elevation_deg=6)}
    )

    counted = count(handler, low_sun)

    assert counted.result.count is not None
    assert counted.new_baseline is None


def test_another_place_is_rejected_not_counted(
    handler: TileHandler, blobs: BlobStore, scene: Rendered, first: TileEvent
) -> None:
    handler.handle(first)
    flipped = (scene.tile.pixels[:, ::-1, ::-1] * 255).astype(np.uint8)
    look = NoiseScene(width=flipped.shape[2], height=flipped.shape[1], gsd=scene.pair.tile.site.frame.gsd_m)
    place = replace(look, crs=scene.pair.tile.site.crs, origin=scene.pair.tile.site.corner)
    elsewhere = tile_event(blobs, place.geotiff(flipped), day=1)

    counted = count(handler, elsewhere)

    assert counted.result.quality is Quality.REJECTED
    assert counted.result.count is None
    assert set(counted.result.reasons) & {"wrong-place", "registration-unreliable"}
    assert counted.evidence.keys() == {"tile", "cars"}
    assert same(count(handler, elsewhere), counted)


def test_sites_whose_looks_stop_matching_are_reported(
    handler: TileHandler, blobs: BlobStore, first: TileEvent, second: TileEvent, client: redis.Redis
) -> None:
    def unregistered() -> float:
        UnregisteredLooks(client).report(["yard"])
        return float(metrics.SITE_UNREGISTERED_LOOKS.labels("yard")._value.get())

    handler.handle(first)
    result = count(handler, second).result
    failed = result.model_copy(update={"registration": None, "reasons": ("wrong-place",)})
    for look in (first, second, second):
        handler.unregistered.note(look, failed)
    assert unregistered() == 2
    for number in range(MOST_LOOKS):
        handler.unregistered.note(first.model_copy(update={"scene": f"scene-{number}"}), failed)
    assert unregistered() == MOST_LOOKS, "and Redis does not fill"

    handler.unregistered.note(second, result)

    assert unregistered() == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"site": "nowhere"}, "unknown-site"),
        ({"tile": "r7c7"}, "unknown-tile"),
        ({"observed_at": datetime(2126, 10, 5, tzinfo=UTC)}, "observed-in-future"),
    ],
)
def test_a_tile_of_an_unknown_place_or_of_the_future_is_unprocessable(
    handler: TileHandler, first: TileEvent, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnprocessableError) as refused:
        handler.handle(first.model_copy(update=change))

    assert refused.value.reason == reason


@pytest.mark.parametrize("role", list(TileRole))
def test_a_blob_that_is_not_a_picture_is_unprocessable(handler: TileHandler, blobs: BlobStore, role: TileRole) -> None:
    with pytest.raises(UnprocessableError) as refused:
        handler.handle(tile_event(blobs, b"not a picture", day=0, role=role))

    assert refused.value.reason == "format-unsupported"


def test_a_baseline_without_contrast_is_refused_to_the_operator(handler: TileHandler, blobs: BlobStore) -> None:
    grey = NoiseScene().geotiff(np.full((3, 400, 500), 90, np.uint8))

    with pytest.raises(UnprocessableError, match="constant-image"):
        handler.handle(tile_event(blobs, grey, day=0, role=TileRole.BASELINE))


def test_an_unreachable_redis_is_a_transient_error(scene: Rendered, blobs: BlobStore, first: TileEvent) -> None:
    nobody = connect(RedisSettings(url="redis://127.0.0.1:1"))
    handler = handler_of(scene, nobody, blobs)

    with pytest.raises(TransientError, match="Redis"):
        handler.handle(first)


def test_a_sampled_look_reports_its_painted_cars_and_counts_the_same(
    handler: TileHandler, first: TileEvent, second: TileEvent
) -> None:
    def painted() -> tuple[float, float]:
        counters = metrics.RECALL_CARS_INJECTED, metrics.RECALL_CARS_RECOVERED
        injected, recovered = (counter.labels("yard")._value.get() for counter in counters)
        return injected, recovered

    handler.handle(first)
    plain = count(handler, second)
    before = painted()

    sampled = count(replace(handler, recall_share=1.0), second)

    assert plain.recall is None
    assert sampled.recall is not None
    assert painted() == (before[0] + sampled.recall.injected, before[1] + sampled.recall.recovered)
    assert same(sampled.model_copy(update={"recall": None}), plain)
    assert sampled.id == plain.id
