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

from railwatch.demo.episode import PlannedLook, as_look, render
from railwatch.demo.system import System
from railwatch.demo.yard import SITE
from railwatch.render import geotiff
from railwatch.shared.errors import RailwatchError

# No look takes so long from push to judgement.
STALLED_S = 180.0

CHECK_S = 0.5

# As alerting's API gives it.
Observation = dict[str, Any]

# Looks with their GeoTIFFs.
Scenes = Iterable[tuple[PlannedLook, bytes]]


@dataclass(frozen=True)
class Told:
    """What the replay tells while it runs: looks pushed so far, and those judged, oldest first."""

    pushed: int
    judged: Sequence[Observation]


def replay(system: System, scenes: Scenes, tell: Callable[[Told], None]) -> list[Observation]:
    """Push the scenes in order and wait until each observation has been judged.

    Args:
        system: the running services.
        scenes: looks with their GeoTIFFs, oldest first; a baseline among them gives no observation.
        tell: called whenever something has moved.

    Returns:
        The judged observations as alerting's API gives them, oldest first.

    Raises:
        RailwatchError: a service ended, refused a scene, or nothing moved for `STALLED_S`.
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
            tell(Told(pushed, judged))
        moved = time.monotonic()
        while not awaited <= {observation["scene"] for observation in judged}:
            system.check()
            now = observations(alerting)
            if len(now) > len(judged):
                moved = time.monotonic()
                tell(Told(pushed, now))
            elif time.monotonic() - moved > STALLED_S:
                raise RailwatchError(
                    f"{len(awaited) - len(judged)} looks were not judged: nothing moved for {STALLED_S:g} s; "
                    f"the logs lie in {system.logs}."
                )
            judged = now
            time.sleep(CHECK_S)
    return judged


@contextmanager
def rendering(looks: Sequence[PlannedLook]) -> Iterator[Iterator[tuple[PlannedLook, bytes]]]:
    """Begin to render the looks, in up to two processes, and yield them in order with their GeoTIFFs as they come."""
    pool = ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=multiprocessing.get_context("spawn"))
    try:
        yield zip(looks, pool.map(as_geotiff, looks), strict=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def as_geotiff(look: PlannedLook) -> bytes:
    """One look as the file that a provider would deliver."""
    return geotiff(render(look))


@contextmanager
def ingest_client(system: System) -> Iterator[httpx.Client]:
    """A client that holds ingest's token."""
    headers = {"Authorization": f"Bearer {system.token}"}
    with httpx.Client(base_url=system.urls["ingest"], headers=headers, timeout=60) as client:
        yield client


def push(ingest: httpx.Client, look: PlannedLook, image: bytes) -> None:
    """Push one scene as a provider would.

    Raises:
        RailwatchError: ingest did not take it.
    """
    metadata = {
        "scene": look.scene,
        "observed_at": look.at.isoformat(),
        "role": look.role,
        "sun": as_look(look).sun.model_dump(),
    }
    files = {"file": (f"{look.scene}.tif", image, "image/tiff")}
    try:
        answer = ingest.post("/v1/scenes", files=files, data={"metadata": json.dumps(metadata)})
    except httpx.TransportError as error:
        raise RailwatchError(f"Ingest could not be reached with scene {look.scene}: {error}.") from error
    if answer.status_code not in (200, 201):
        raise RailwatchError(f"Ingest did not take scene {look.scene}: {answer.status_code} {answer.text[:300]}")


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
