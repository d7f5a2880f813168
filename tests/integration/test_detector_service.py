"""The detector as a process: tiles in, counts and dead letters out, and its pointers rebuilt from the topics."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import redis

from railwatch.embedded import free_port
from railwatch.services.detector.baselines import Baselines
from railwatch.services.detector.rebuild import rebuild_baselines
from railwatch.services.detector.settings import Settings
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher
from railwatch.shared.environment import load
from railwatch.shared.events import CountEvent, DeadLetter, TileEvent, TileRole
from railwatch.shared.settings import BlobSettings, KafkaSettings
from railwatch.shared.state import connect
from tests.support.bus import PATIENCE_S, eventually, topic_view
from tests.support.geotiff import NoiseScene
from tests.support.rendered import rendered, site_of, tile_event


@dataclass
class Detector:
    """The service, as an operator runs it."""

    environment: dict[str, str]
    url: str
    blobs: BlobStore

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [sys.executable, "-c", "from railwatch.services.detector.main import run; run()"]
        process = subprocess.Popen(command, env={**os.environ, **self.environment})
        try:
            eventually(lambda: process.poll() is None and self._ready(), "the detector is ready")
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()

    def missing(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.url}/readyz", timeout=30).json()["missing"]
        return found

    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics").text

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def detector(tmp_path: Path, kafka_environment: dict[str, str], redis_environment: dict[str, str]) -> Detector:
    sites = tmp_path / "sites"
    sites.mkdir()
    scene = rendered("clear")
    features = [
        {
            "type": "Feature",
            "properties": {"track": track.id},
            "geometry": {"type": "LineString", "coordinates": track.coordinates},
        }
        for track in scene.tracks
    ]
    (sites / "yard.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [site_of(scene).area]}}
    (sites / "area.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}))
    (sites / "yard.yaml").write_text("id: yard\nname: Rendered yard\ntracks: yard.geojson\narea: area.geojson\n")
    blobs = BlobSettings(url=f"file://{tmp_path}/blobs")
    port = free_port()
    environment = {
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": blobs.url,
        "RAILWATCH_SITES_DIR": str(sites),
        "RAILWATCH_HTTP_PORT": str(port),
    }
    return Detector(environment, f"http://127.0.0.1:{port}", BlobStore.open(blobs))


def test_tiles_are_counted_and_baselines_survive_the_loss_of_redis(
    detector: Detector, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = rendered("clear")
    first = tile_event(detector.blobs, scene.baseline_file, day=0)
    second = tile_event(detector.blobs, scene.tile_file, day=1)
    broken = tile_event(detector.blobs, b"not a picture", day=2)
    given = tile_event(detector.blobs, scene.tile_file, day=3, role=TileRole.BASELINE)
    publisher = Publisher(kafka_settings)
    publisher.publish(first, second, broken, given)
    publisher.close()

    with (
        topic_view(kafka_settings, CountEvent) as counts,
        topic_view(kafka_settings, DeadLetter) as dead,
        detector.running(),
    ):
        eventually(lambda: len(counts.ids()) == 2 and dead.events(), "both looks are counted, the third is dead")
        by_scene = {event.scene: event for event in counts.events()}
        assert [letter.reason for letter in dead.events()] == ["format-unsupported"]
        baseline = by_scene["look-0"].new_baseline
        assert baseline is not None
        assert by_scene["look-1"].baseline == baseline
        state = connect(load_settings(detector, monkeypatch).redis)
        eventually(lambda: len(state.hgetall("railwatch:detector:baselines:yard:r0c0")) == 2, "the given one is taken")
        assert "railwatch_tiles_total{quality=" in detector.metrics()
        assert "railwatch_registration_shift_pixels_count 1.0" in detector.metrics()
        assert "railwatch_alerts_standing" not in detector.metrics(), "that is alerting's"

    remembered = pointers(state, first, second)
    state.flushall()
    rebuilt = list(rebuild_baselines(load_settings(detector, monkeypatch)))

    assert [(tile.site, tile.tile, tile.baselines, tile.looks) for tile in rebuilt] == [("yard", "r0c0", 2, 2)]
    assert pointers(state, first, second) == remembered


def test_a_redis_that_is_emptied_costs_no_look_its_baseline(
    detector: Detector, kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = rendered("clear")
    first, second = (tile_event(detector.blobs, scene.baseline_file, day=day) for day in (0, 1))
    publisher = Publisher(kafka_settings)
    settings = load_settings(detector, monkeypatch)
    with topic_view(kafka_settings, CountEvent) as counts, detector.running():
        publisher.publish(first)
        eventually(lambda: len(counts.ids()) == 1, "the first look is counted and is the baseline")
        connect(settings.redis).flushall()
        publisher.publish(second)
        eventually(lambda: detector.missing() == ["state"], "the detector says that state is gone")
        assert len(counts.ids()) == 1
        list(rebuild_baselines(settings))
        eventually(lambda: len(counts.ids()) == 2, "the look that waited is counted")
        eventually(lambda: detector.missing() == [], "it goes on by itself")
        events = {event.scene: event for event in counts.events()}
    publisher.close()
    assert events["look-1"].baseline == events["look-0"].new_baseline is not None


def test_a_tile_that_kills_what_counts_it_becomes_a_dead_letter_and_the_next_is_counted(
    detector: Detector, kafka_settings: KafkaSettings
) -> None:
    wide = NoiseScene(width=5400, height=5400)
    pixels = wide.pixels()
    pixels[:, :, 200:] = 90
    poison = tile_event(detector.blobs, wide.geotiff(pixels, compress="deflate", tiled=True), day=0)
    good = tile_event(detector.blobs, rendered("clear").baseline_file, day=1)
    detector.environment["RAILWATCH_DETECTOR_MEMORY_MB"] = "330"
    publisher = Publisher(kafka_settings)
    publisher.publish(poison, good)
    publisher.close()

    with (
        topic_view(kafka_settings, CountEvent) as counts,
        topic_view(kafka_settings, DeadLetter) as dead,
        detector.running(),
    ):
        eventually(lambda: counts.ids() and dead.events(), "one is given up, and the partition goes on")
        (letter,) = dead.events()
        assert letter.reason == "handler-died"
        assert "It needed more than 330 MB of memory" in letter.detail
        assert [event.scene for event in counts.events()] == ["look-1"]


def pointers(state: redis.Redis, *looks: TileEvent) -> list[object]:
    """What looks are counted against, the new one last."""
    baselines = Baselines(state)
    after = looks[0].model_copy(update={"observed_at": looks[-1].observed_at.replace(year=2024)})
    return [baselines.of_look(look) for look in (*looks, after)]


def load_settings(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in detector.environment.items():
        monkeypatch.setenv(name, value)
    return load(Settings)
