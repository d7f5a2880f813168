"""Push scenes to the running system, and find their records in the topics."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import numpy as np
from rasterio.io import MemoryFile

from deploy.tests.running.stack import DESK_TOKEN, Stack
from railwatch.demo.episode import LOOKS
from railwatch.demo.replay import alerts, observations
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import encode
from railwatch.shared.bus.client import make_producer
from railwatch.shared.events import TileEvent
from railwatch.shared.settings import BlobSettings
from tests.support.bus import eventually, topic_view


def push(stack: Stack, image: bytes, scene: str, at: datetime, token: str | None = None) -> httpx.Response:
    """Push an image as a provider does."""
    return httpx.post(
        f"{stack.system.urls['ingest']}/v1/scenes",
        headers={"Authorization": f"Bearer {token or stack.system.token}"},
        files={"file": (f"{scene}.tif", image)},
        data={"metadata": json.dumps({"observed_at": at.isoformat(), "scene": scene})},
        timeout=120,
    )


def push_and_await(stack: Stack, image: bytes, scene: str, at: datetime) -> httpx.Response:
    """Push an image, and wait until the look has been judged."""
    answer = push(stack, image, scene, at).raise_for_status()
    eventually(lambda: scene in {look["scene"] for look in what_is_known(stack)[0]}, f"{scene} is judged", every_s=0.25)
    return answer


def say_right(stack: Stack, *about: str) -> None:
    """Say of looks and alerts, by their paths in alerting's API, that they are right."""
    for path in about:
        httpx.post(
            f"{stack.system.urls['alerting']}/v1/{path}/verdicts",
            headers={"Authorization": f"Bearer {DESK_TOKEN}"},
            json={"by": "the desk", "kind": "right"},
            timeout=30,
        ).raise_for_status()


def bury_something(stack: Stack) -> None:
    """Put something that is no event into the topic of tiles, to get a dead letter that is no sender's mistake."""
    producer = make_producer(stack.kafka_settings)
    producer.send(TileEvent.TOPIC, b"not an event", b"nothing").get(30)
    producer.close()


def newest_look(stack: Stack) -> TileEvent:
    """The tile of the episode's last look."""
    with topic_view(stack.kafka_settings, TileEvent) as view:
        eventually(
            lambda: LOOKS[-1].scene in {event.scene for event in view.events()}, "the tiles topic holds the last look"
        )
        looks: Iterator[TileEvent] = (event for event in view.events() if event.scene == LOOKS[-1].scene)
        return next(looks)


def image_of(stack: Stack, look: TileEvent) -> bytes:
    """The look's pixels, a GeoTIFF that can be pushed again as a scene of its own."""
    return BlobStore.open(BlobSettings(url=(stack.directory / "store").as_uri())).get(look.image)


def turned(image: bytes) -> bytes:
    """The image upside down with the same georeference: it shows another place."""
    return _with(image, lambda pixels: pixels[:, ::-1, ::-1])


def clouded(image: bytes) -> bytes:
    """The image as one cloud: nothing can be counted."""
    return _with(image, lambda pixels: np.full_like(pixels, pixels.max()))


def _with(image: bytes, change: Callable[[Any], Any]) -> bytes:
    with MemoryFile(image) as file, file.open() as source:
        profile, pixels = source.profile, source.read()
    with MemoryFile() as file:
        with file.open(**profile) as target:
            target.write(change(pixels))
        return bytes(file.read())


@contextmanager
def unreadable(stack: Stack, look: TileEvent) -> Iterator[None]:
    """The look's pixels cannot be read, as from a disk that fails, and are there again afterwards."""
    path = stack.directory / "store" / look.image.path
    away = path.with_suffix(".away")
    path.rename(away)
    path.symlink_to(path)
    try:
        yield
    finally:
        path.unlink()
        away.rename(path)


def announce_again(stack: Stack, look: TileEvent, ago: timedelta) -> None:
    """Put the look's tile into its topic once more, as a record of so long ago."""
    message = encode(look)
    producer = make_producer(stack.kafka_settings)
    at_ms = int((time.time() - ago.total_seconds()) * 1000)
    producer.send(message.topic, message.value, message.key, message.headers, timestamp_ms=at_ms).get(30)
    producer.close()


def what_is_known(stack: Stack) -> tuple[Any, Any]:
    """All observations and alerts of the site, as alerting's API gives them."""
    with httpx.Client(base_url=stack.system.urls["alerting"], timeout=30) as alerting:
        return observations(alerting), alerts(alerting)
