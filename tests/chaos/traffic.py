"""What comes in during a run: looks at many sites, a second time some of them, and people who acknowledge alerts."""

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from railwatch.shared.bus import Publisher
from railwatch.shared.counts import Quality, TileCount
from railwatch.shared.events import AlertEvent, CountEvent
from tests.chaos import scenes
from tests.chaos.world import World
from tests.support.alerting import blob

# Looks of each site before the run, whose counts are put into the topic as they are. The last of every second site
# begin a surge, so that alerts stand from the beginning.
PAST_LOOKS = 12
PAST_SURGE = 2
PAST_CARS = 14.0
# Looks of one site that may be without an answer.
AHEAD = 3
PUSHERS = 3
# A sender asks again this soon after a refusal that may pass.
AGAIN_S = 0.5
# How many looks a quiet time and a surge have.
LASTS = {scenes.QUIET: (3, 6), scenes.SURGE: (2, 4)}


@dataclass(frozen=True)
class Poison:
    """Something that must be refused, and cost nothing else.

    Attributes:
        what: a description.
        place: topic, partition and offset of the record that was put into a topic; null for a scene that was pushed.
        answer: what ingest said to its sender; null if the sender did not wait.
    """

    what: str
    place: tuple[str, int, int] | None = None
    answer: int | None = None


@dataclass(frozen=True)
class Pushed:
    """A scene that ingest has taken: its site, its id, the day, and whether the yard was quiet or full."""

    site: str
    scene: str
    day: int
    regime: str


@dataclass
class _SiteNow:
    """Where a site is in its story."""

    day: int = PAST_LOOKS
    regime: str = scenes.QUIET
    left: int = 1
    open: list[str] = field(default_factory=list)


class Traffic:
    """Threads that push and acknowledge until `stop`.

    Attributes:
        pushed: scenes that were taken, in order for each site.
        refused: what ingest said of good scenes that it did not take.
        poison: what must be refused.
        acknowledged: who acknowledged which alert, where the answer was yes.
    """

    def __init__(self, world: World, seed: int, pause_s: float) -> None:
        self._world, self._pause_s = world, pause_s
        self._seed = seed
        self._enough = threading.Event()
        self._sites = {
            site: _SiteNow(regime=scenes.SURGE if number % 2 else scenes.QUIET)
            for number, site in enumerate(world.sites)
        }
        self.pushed: list[Pushed] = []
        self.refused: list[str] = []
        self.poison: list[Poison] = []
        self.acknowledged: list[tuple[str, str]] = []
        self._people = 0
        workers = [threading.Thread(target=self._push, args=(number,), daemon=True) for number in range(PUSHERS)]
        self._threads = [*workers, threading.Thread(target=self._acknowledge_now_and_then, daemon=True)]

    def prepare(self, gsd_m: float = scenes.GSD_M) -> None:
        """Give each site a past, and the picture of the empty yard as its baseline. Render what will be pushed."""
        for regime in scenes.CARS:
            scenes.pictures(regime, gsd_m)
        publisher = Publisher(self._world.kafka_settings)
        for day in range(PAST_LOOKS):
            for number, site in enumerate(self._world.sites):
                surges = number % 2 and day >= PAST_LOOKS - PAST_SURGE
                publisher.publish(*past_counts(site, day, PAST_CARS / len(scenes.TILES) if surges else day % 2))
        publisher.close()
        for number, site in enumerate(self._world.sites):
            answer = self.send(
                number, f"{site}-empty", -1, scenes.scene(number, -1, scenes.QUIET, gsd_m), role="baseline"
            )
            assert answer.is_success, answer.text

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Push nothing new, and wait until what was begun has its answer."""
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def send(self, number: int, scene: str, day: int, image: bytes, role: str = "observation") -> httpx.Response:
        """Push a scene as a provider does: again and again until there is an answer that stays."""
        sun = {"azimuth_deg": 170.0, "elevation_deg": 40.0}
        described = {"observed_at": scenes.on_day(day).isoformat(), "scene": scene, "role": role, "sun": sun}
        while True:
            try:
                answer = httpx.post(
                    f"{self._world.slot('ingest').url}/v1/scenes",
                    headers={"Authorization": f"Bearer {self._world.token}"},
                    files={"file": (f"{scene}.tif", image)},
                    data={"metadata": json.dumps(described)},
                    timeout=30,
                )
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            except httpx.HTTPError:
                pass
            time.sleep(AGAIN_S)

    def next_look(self, site: str, chance: random.Random) -> bool:
        """Push the next look at a site, unless too many of its looks have no answer yet."""
        now, topics = self._sites[site], self._world.topics
        now.open = [scene for scene in now.open if not all(topics.is_answered(scene, tile) for tile in scenes.TILES)]
        # Looks of one story may come in any order. A new one begins when all of it is counted, so that the truth is
        # known whatever comes first.
        if len(now.open) >= (1 if now.left == 0 else AHEAD):
            return False
        if now.left == 0:
            now.regime = scenes.SURGE if now.regime == scenes.QUIET else scenes.QUIET
            now.left = chance.randint(*LASTS[now.regime])
        number, day = self._world.sites.index(site), now.day
        scene = f"{site}-{day:04d}"
        answer = self.send(number, scene, day, scenes.scene(number, day, now.regime))
        if answer.is_success:
            self.pushed.append(Pushed(site, scene, day, now.regime))
            now.open.append(scene)
        else:
            self.refused.append(f"{scene}: {answer.status_code} {answer.text[:200]}")
        now.day, now.left = day + 1, now.left - 1
        return True

    def acknowledge(self, alert: str) -> None:
        """Acknowledge an alert as a person that nobody else is, until there is an answer that stays."""
        self._people += 1
        by = f"person-{self._people}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                answer = httpx.post(
                    f"{self._world.slot('alerting').url}/v1/alerts/{alert}/acknowledge",
                    headers={"Authorization": f"Bearer {self._world.token}"},
                    json={"by": by, "note": "seen"},
                    timeout=10,
                )
                if answer.is_success:
                    self.acknowledged.append((by, alert))
                if answer.status_code < 500 and answer.status_code != 429:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(AGAIN_S)

    def _push(self, number: int) -> None:
        chance = random.Random(f"{self._seed} {number}")
        mine = self._world.sites[number::PUSHERS] or self._world.sites[:1]
        while not self._enough.is_set():
            self.next_look(chance.choice(mine), chance)
            self._enough.wait(self._pause_s)

    def _acknowledge_now_and_then(self) -> None:
        chance = random.Random(f"{self._seed} people")
        while not self._enough.wait(3.0):
            standing = [event for event in self._world.topics.standing() if isinstance(event, AlertEvent)]
            if standing:
                self.acknowledge(chance.choice(standing).alert)


def past_counts(site: str, day: int, count: float) -> list[CountEvent]:
    """The counts of a look before the run, so many cars on each tile."""
    result = TileCount(
        count=count, low=0.9 * count, high=count + 1, coverage=1, quality=Quality.OK, algorithm="the past 1"
    )
    common: dict[str, Any] = {"site": site, "scene": f"{site}-{day:04d}", "tiles_in_scene": scenes.TILES}
    return [
        CountEvent(
            recorded_at=datetime.now(UTC) - timedelta(hours=1),
            tile=tile,
            observed_at=scenes.on_day(day),
            result=result,
            image=blob(f"{site}/{day}/{tile}", "image/tiff"),
            **common,
        )
        for tile in scenes.TILES
    ]
