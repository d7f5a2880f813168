"""Replay the episode: render each look, push it to ingest, and wait until alerting has judged it."""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from railwatch.demo.episode import PlannedLook, render, sun_of, trains
from railwatch.demo.system import System
from railwatch.demo.yard import SITE
from railwatch.render import geotiff
from railwatch.render.rolling_stock import RenderedCar
from railwatch.shared.errors import RailwatchError

# Seconds. A look takes much less time from push to judgement, but for alerting's wait.
STALLED_S = 180.0

# Seconds between two questions to alerting.
CHECK_S = 0.5

# A judged observation in the JSON form of alerting's API.
Observation = dict[str, Any]

# Looks with their GeoTIFFs.
Scenes = Iterable[tuple[PlannedLook, bytes]]


@dataclass(frozen=True)
class ReplayProgress:
    """How far a replay has come: the number of pushed looks, and the judged looks, oldest first."""

    pushed: int
    judged: Sequence[Observation]


def replay(
    system: System, scenes: Scenes, show: Callable[[ReplayProgress], None], patience_s: float = STALLED_S
) -> list[Observation]:
    """Push the scenes in order and wait until each observation has been judged.

    Args:
        system: the running services.
        scenes: looks with their GeoTIFFs, oldest first. A baseline gives no observation.
        show: is called after each push and after each judgement.
        patience_s: how long nothing may be judged, after the last push. Alerting may wait for other frames of a pass.

    Returns:
        The judged observations in the form of alerting's API, oldest first.

    Raises:
        RailwatchError: a service ended or refused a scene, or nothing was judged for too long.
    """
    awaited: set[str] = set()
    with ingest_client(system) as ingest, httpx.Client(base_url=system.urls["alerting"], timeout=30) as alerting:
        judged: list[Observation] = []
        for pushed, (look, image) in enumerate(scenes, start=1):
            system.check()
            push(ingest, look, image)
            if look.role == "observation":
                awaited.add(look.scene)
            judged = observations(alerting)
            show(ReplayProgress(pushed, judged))
        last_progress = time.monotonic()
        while not awaited <= {observation["scene"] for observation in judged}:
            system.check()
            now = observations(alerting)
            if len(now) > len(judged):
                last_progress = time.monotonic()
                show(ReplayProgress(pushed, now))
            elif time.monotonic() - last_progress > patience_s:
                raise RailwatchError(
                    f"{len(awaited) - len(judged)} looks were not judged: nothing happened for {patience_s:g} s; "
                    f"the logs are in {system.logs}."
                )
            judged = now
            time.sleep(CHECK_S)
    return judged


@contextmanager
def rendering(looks: Sequence[PlannedLook]) -> Iterator[Iterator[tuple[PlannedLook, bytes]]]:
    """Render the looks in up to two processes. Yields an iterator over the looks, in order, with their GeoTIFFs."""
    pool = ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=multiprocessing.get_context("spawn"))
    try:
        standing = trains(tuple(look for look in looks if look.role == "observation"))
        cars = [standing.get(look.scene, ()) for look in looks]
        yield zip(looks, pool.map(as_geotiff, looks, cars), strict=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def as_geotiff(look: PlannedLook, cars: tuple[RenderedCar, ...]) -> bytes:
    """The file of one look with these cars, as a provider would deliver it."""
    return geotiff(render(look, cars))


@contextmanager
def ingest_client(system: System) -> Iterator[httpx.Client]:
    """A client that sends ingest's token."""
    headers = {"Authorization": f"Bearer {system.token}"}
    with httpx.Client(base_url=system.urls["ingest"], headers=headers, timeout=60) as client:
        yield client


def push(ingest: httpx.Client, look: PlannedLook, image: bytes) -> None:
    """Push one scene as a provider would.

    Raises:
        RailwatchError: ingest cannot be reached, or refuses the scene.
    """
    metadata = {
        "scene": look.scene,
        "observed_at": look.at.isoformat(),
        "role": look.role,
        "sun": sun_of(look).model_dump(),
    }
    files = {"file": (f"{look.scene}.tif", image, "image/tiff")}
    try:
        answer = ingest.post("/v1/scenes", files=files, data={"metadata": json.dumps(metadata)})
    except httpx.TransportError as error:
        raise RailwatchError(f"Ingest cannot be reached for scene {look.scene}: {error}.") from error
    if answer.status_code not in (200, 201):
        raise RailwatchError(f"Ingest refused scene {look.scene}: {answer.status_code} {answer.text[:300]}")


def observations(alerting: httpx.Client) -> list[Observation]:
    """The site's judged observations, oldest first."""
    page = _get(alerting, f"/v1/sites/{SITE}/observations?limit=500")
    return sorted(page["items"], key=lambda item: str(item["observed_at"]))


def alerts(alerting: httpx.Client) -> list[dict[str, Any]]:
    """The site's alerts with their evidence, first opened first."""
    found = _get(alerting, f"/v1/alerts?site={SITE}")["items"]
    return [_get(alerting, f"/v1/alerts/{item['alert']}") for item in reversed(found)]


def _get(client: httpx.Client, path: str) -> Any:
    try:
        return client.get(path).raise_for_status().json()
    except httpx.HTTPError as error:
        raise RailwatchError(f"Alerting did not answer at {path}: {error}.") from error
