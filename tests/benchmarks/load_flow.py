"""What goes through the system in `tests.benchmarks.load`, and the processor time that it takes, by service."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.work import Look
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.sites import load_sites
from tests.benchmarks.processes import children_of, processor_s
from tests.chaos import scenes
from tests.chaos.traffic import PAST_LOOKS, Traffic
from tests.chaos.world import World
from tests.support.bus import PATIENCE_S, eventually

# As many as the flow has looks of two days for: a baseline is due after the third, and renewed when no tile waits.
SITES = 12
# A framework of the same kind. It is installed for its run only: it wants an older pydantic than ours.
QUIXSTREAMS = "quixstreams==3.28.1"
# Of the scenes: their tiles have some 680 x 380 pixels.
GSD_M = 0.3
SERVICES = ("ingest", "detector", "alerting")
# The processes of the detector that count.
COUNTING = "the process that counts"
# To make a client for each question takes 36 ms of processor, of the same cores that are measured.
_asking = httpx.Client(timeout=PATIENCE_S)


@dataclass(frozen=True)
class Work:
    """A scene to push: the site's number, its id, its day and its bytes."""

    number: int
    scene: str
    day: int
    image: bytes


def pid_of(world: World, service: str) -> int:
    """The process of a service."""
    process = world.slot(service).process
    assert process is not None
    return process.pid


def pids(world: World) -> dict[str, list[int]]:
    """The processes of each service. Those that count stand for themselves."""
    found = {service: [pid_of(world, service)] for service in SERVICES}
    return {**found, COUNTING: children_of(pid_of(world, "detector"))}


def spent(world: World) -> dict[str, float]:
    """Processor time of each service so far, in seconds."""
    return {name: sum(map(processor_s, some)) for name, some in pids(world).items()}


def work(first: int, count: int) -> list[Work]:
    """Scenes in turn over all sites."""
    found = []
    for index in range(first, first + count):
        number, day = index % SITES, PAST_LOOKS + index // SITES
        image = scenes.scene(number, day, scenes.QUIET, GSD_M)
        found.append(Work(number, f"{scenes.names(SITES)[number]}-{day:04d}", day, image))
    return found


def is_counted(world: World, scene: str) -> bool:
    """Whether all tiles of a scene are counted."""
    return all(world.topics.is_answered(scene, tile) for tile in scenes.TILES)


def is_judged(world: World, site: str, scene: str) -> bool:
    """Whether the look of a scene is judged."""
    answer = _asking.get(
        f"{world.slot('alerting').url}/v1/sites/{site}/scenes/{scene}",
        headers={"Authorization": f"Bearer {world.token}"},
    )
    return answer.is_success and answer.json()["judgement"] is not None


def at_full_load(world: World, traffic: Traffic, todo: Sequence[Work]) -> float:
    """Push with four senders and wait until all is counted; seconds from the first push."""
    began = time.perf_counter()
    with ThreadPoolExecutor(4) as senders:
        for answer in senders.map(lambda one: traffic.send(one.number, one.scene, one.day, one.image), todo):
            answer.raise_for_status()
    eventually(lambda: all(is_counted(world, one.scene) for one in todo), "all scenes are counted")
    return time.perf_counter() - began


def looks_of(world: World, todo: Sequence[Work]) -> list[Look]:
    """What was asked of the process that counts, for the tiles of some scenes that are counted."""
    sites = load_sites(world.directory / "sites").sites
    counts = {(event.scene, event.tile): event for event in world.topics.events(CountEvent)}
    looks = []
    for event in {event.id: event for event in world.topics.events(TileEvent)}.values():
        if event.scene not in {one.scene for one in todo}:
            continue
        site = sites[event.site]
        looks.append(
            Look(
                event.id,
                event.image,
                event.observed_at,
                event.sun,
                counts[event.scene, event.tile].baseline,
                site.tracks,
                site.car_lengths_m,
                next(cell for cell in site.cells() if cell.id == event.tile),
                site.name,
                0.0,
            )
        )
    return looks


def bytes_of(world: World, todo: Sequence[Work]) -> dict[str, float]:
    """Mean bytes of a tile of some scenes: in the object store, and the values of its events in Kafka."""
    wanted = {one.scene for one in todo}
    counts = [event for event in world.topics.events(CountEvent) if event.scene in wanted]
    tiles = [event for event in world.topics.events(TileEvent) if event.scene in wanted]
    return {
        "its pixels": float(np.mean([event.image.size_bytes for event in tiles])),
        "its pictures": float(np.mean([sum(ref.size_bytes for ref in event.evidence.values()) for event in counts])),
        "its event": float(np.mean([len(event.model_dump_json()) for event in tiles])),
        "its count": float(np.mean([len(event.model_dump_json()) for event in counts])),
    }


def arithmetic_s(world: World, looks: Sequence[Look]) -> float:
    """Processor time of a look in this process: decoding, counting and drawing, and nothing else."""
    answering = Answering(lambda image: world.store.objects[world.store.path_of(image.sha256)], MAX_PIXELS)
    answering.count(looks[0])  # the first one loads the models
    began = time.process_time()
    for look in looks:
        answering.count(look)
    return (time.process_time() - began) / len(looks)


def quixstreams_s(world: World, looks: Sequence[Look]) -> float:
    """Processor time of a look in a process on quixstreams, which does the same (`load_quix`)."""
    file = world.directory / "looks.pickle"
    file.write_bytes(pickle.dumps({look.id: look for look in looks}))
    command = [str(Path(sys.executable).with_name("uv")), "run", "--no-sync", "--with", QUIXSTREAMS]
    command += ["python", "-m", "tests.benchmarks.load_quix", world.kafka_settings.bootstrap_servers, str(file)]
    environment = {**os.environ, **world.store.settings, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])
