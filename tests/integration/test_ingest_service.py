"""The ingest service as a process: a scene is pushed, announced once, and known after a restart."""

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

from railwatch.embedded import free_port
from railwatch.shared.blobs import BlobStore
from railwatch.shared.events import DeadLetter, TileEvent
from railwatch.shared.settings import BlobSettings, KafkaSettings
from tests.support.bus import PATIENCE_S, eventually, topic_view
from tests.support.geotiff import NoiseScene, read_tile, write_site
from tests.support.ingest import TOKEN
from tests.support.stac_api import StacApi, running

METADATA = json.dumps({"observed_at": "2023-10-05T02:11:00Z", "scene": "S1"})


@dataclass
class Ingest:
    """The service, as an operator runs it."""

    environment: dict[str, str]
    url: str
    inbox: Path
    blobs: BlobSettings

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", "from railwatch.cli import main; main()", "ingest"]
        process = subprocess.Popen(command, env={**os.environ, **self.environment})
        try:
            eventually(lambda: process.poll() is None and self._ready(), "ingest is ready")
            yield process
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()

    def push(self, data: bytes, token: str = TOKEN) -> httpx.Response:
        return httpx.post(
            f"{self.url}/v1/scenes",
            files={"file": ("scene.tif", data)},
            data={"metadata": METADATA},
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_S,
        )

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def ingest(tmp_path: Path, kafka_environment: dict[str, str], redis_environment: dict[str, str]) -> Ingest:
    port = free_port()
    for name in ("sites", "inbox"):
        (tmp_path / name).mkdir()
    (tmp_path / "sites" / "broken.yaml").write_text("id: [")
    blobs = BlobSettings(url=f"file://{tmp_path}/blobs")
    environment = {
        **kafka_environment,
        **redis_environment,
        "RAILWATCH_BLOBS_URL": blobs.url,
        "RAILWATCH_SITES_DIR": str(write_site(tmp_path / "sites")),
        "RAILWATCH_HTTP_PORT": str(port),
        "RAILWATCH_INGEST_TOKENS": f"another-token-altogether,{TOKEN}",
        "RAILWATCH_INGEST_WATCH_DIR": str(tmp_path / "inbox"),
        "RAILWATCH_INGEST_POLL_S": "0.1",
    }
    return Ingest(environment, f"http://127.0.0.1:{port}", tmp_path / "inbox", blobs)


def test_a_pushed_scene_is_announced_once_over_a_restart(ingest: Ingest, kafka_settings: KafkaSettings) -> None:
    scene = NoiseScene().geotiff()
    with topic_view(kafka_settings, TileEvent) as tiles, topic_view(kafka_settings, DeadLetter) as letters:
        with ingest.running():
            assert ingest.push(scene, token="a-wrong-token-of-some-length").status_code == 401
            assert ingest.push(b"not a picture").status_code == 422
            first = ingest.push(scene)
            assert first.status_code == 201, first.text
        with ingest.running():
            again = ingest.push(scene)
            assert again.status_code == 200, again.text
            other = ingest.push(NoiseScene(seed=2).geotiff())
            assert other.status_code == 201, other.text
            metrics = httpx.get(f"{ingest.url}/metrics").text
            assert 'railwatch_scenes_total{outcome="known"' in metrics
            assert "railwatch_coverage_ratio" not in metrics, "that is the detector's"

        eventually(lambda: len(tiles.events()) >= 2, "both versions of the scene are announced")
        eventually(lambda: len(letters.events()) >= 1, "the refusal is kept")
        assert [event.id for event in tiles.events()] == [
            answer.json()["sites"][0]["tiles"][0]["event"] for answer in (first, other)
        ]
        assert [event.reason for event in letters.events()] == ["format-unsupported"]
        for event in tiles.events():
            pixels, _ = read_tile(BlobStore.open(ingest.blobs).get(event.image))
            assert pixels.shape[0] == 3


def test_a_scene_laid_into_the_directory_is_announced(ingest: Ingest, kafka_settings: KafkaSettings) -> None:
    with topic_view(kafka_settings, TileEvent) as tiles, ingest.running():
        (ingest.inbox / "a.tif").write_bytes(NoiseScene().geotiff())
        (ingest.inbox / "a.json").write_text(METADATA)
        eventually((ingest.inbox / "processed" / "a.tif").exists, "the scene is put away")
        eventually(lambda: len(tiles.events()) >= 1, "the scene is announced")
        assert [(event.scene, event.source) for event in tiles.events()] == [("S1", "directory")]
        # The same scene by another way is the same scene.
        assert ingest.push((ingest.inbox / "processed" / "a.tif").read_bytes()).status_code == 200


def test_temporary_files_of_a_killed_ingest_are_removed_at_the_next_start(ingest: Ingest, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    ingest.environment["TMPDIR"] = str(temporary)
    with ingest.running() as process:
        (left,) = temporary.glob("railwatch-*")
        (left / "a-scene-on-its-way.tif").touch()
        process.kill()
        process.wait()
    assert left.exists()
    with ingest.running():
        assert not left.exists()
    assert not list(temporary.glob("railwatch-*"))


def test_no_secret_is_logged_at_any_level(ingest: Ingest, capfd: pytest.CaptureFixture[str]) -> None:
    secrets = {"STAC_TOKEN": "the-secret-of-the-api", "BLOBS_S3_SECRET_ACCESS_KEY": "the-secret-of-the-store"}
    with running(StacApi()) as api:
        ingest.environment |= {f"RAILWATCH_{name}": secret for name, secret in secrets.items()}
        ingest.environment |= {
            "RAILWATCH_LOG_LEVEL": "DEBUG",
            "RAILWATCH_STAC_URL": api.url,
            "RAILWATCH_STAC_POLL_S": "0.1",
            "RAILWATCH_SCENES_ASSET_ROOTS": api.url,
        }
        api.items = [api.item("I1")]
        api.answers = [(secrets["STAC_TOKEN"].encode(), 403)]
        with ingest.running():
            assert ingest.push(NoiseScene().geotiff(), token="a-wrong-token-of-some-length").status_code == 401
            assert ingest.push(NoiseScene().geotiff()).status_code in (200, 201)
            eventually(lambda: len(api.searches) > 2, "the API is polled")
    logged = capfd.readouterr().err
    assert "search failed" in logged
    for secret in (*secrets.values(), TOKEN, "a-wrong-token-of-some-length", "another-token-altogether"):
        assert secret not in logged


def test_a_wrong_setting_stops_it_with_a_sentence(ingest: Ingest) -> None:
    environment = {
        **os.environ,
        **ingest.environment,
        "RAILWATCH_INGEST_TOKENS": "short",
        "RAILWATCH_STAC_URL": "ftp://x",
    }
    command = [str(Path(sys.executable).with_name("railwatch")), "ingest"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode != 0
    assert "RAILWATCH_INGEST_TOKENS" in ended.stderr
    assert "RAILWATCH_STAC_URL is wrong: it should be https://host/path of a STAC API." in ended.stderr
    assert "short" not in ended.stderr
