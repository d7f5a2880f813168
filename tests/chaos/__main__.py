"""Faults by chance, and then the question whether every promise was kept: `make chaos`.

Prints what happens as it happens, and the seed with which the same faults come again in the same order. Ends with 1 if
a promise was broken; with `--bug`, if none was.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.events import CountEvent, Notice, TileEvent
from tests.chaos import bugs
from tests.chaos.checker import Evidence, check
from tests.chaos.faults import Fault, Scope, all_faults
from tests.chaos.processes import FAKETIME
from tests.chaos.scenes import TILES
from tests.chaos.traffic import Traffic
from tests.chaos.world import World, running_world

# What runs in a network and a mount namespace of its own already.
APART = "CHAOS_APART"
# So many faults may overlap.
IMPS = 3
# All must come to rest at the end. If nothing happens for so long, it never will.
NOTHING_FOR_S = 120.0
# How long faults are made in a short run, and how many there may be.
SHORT_S, SHORT_INJECTIONS = 120.0, 60
# What a short run makes first: the kills that the bugs of `tests.chaos.bugs` do not survive.
FIRST = (
    "kill detector at before-publish",
    "acknowledge and die",
    "kill alerting at before-publish",
    "kill detector at stored",
    "kill alerting at state-written",
    "kill alerting",
    "kill detector",
    "restart kafka",
)
GROUPS = {
    "railwatch-detector": TileEvent.TOPIC,
    "railwatch-alerting": CountEvent.TOPIC,
    "railwatch-alerting-to-desk": Notice.TOPIC,
    "railwatch-alerting-to-fickle": Notice.TOPIC,
}


def main() -> None:
    """Run it."""
    asked = _arguments()
    if os.geteuid() == 0 and APART not in os.environ:
        os.environ[APART] = "1"
        # All processes of the run end with it, whatever happens.
        apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        os.execvp(apart[0], [*apart, sys.executable, "-m", "tests.chaos", *sys.argv[1:]])  # noqa: S606
    own_network = APART in os.environ
    seed = asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000)
    faults = all_faults(own_network=own_network, faketime=FAKETIME.exists())
    if asked.only:
        faults = {kind: fault for kind, fault in faults.items() if any(word in kind for word in asked.only)}
    injections = SHORT_INJECTIONS if asked.short else asked.injections
    if asked.bug and asked.short:
        injections = len(FIRST)  # what every short run makes first is enough
    print(f"seed {seed}: {injections} injections of {len(faults)} kinds", flush=True)
    if not own_network:
        print("not root: no faults of networks and of the broker's disk")
    if not FAKETIME.exists():
        print("no libfaketime: no steps of clocks")
    with tempfile.TemporaryDirectory(prefix="railwatch-chaos-", ignore_cleanup_errors=True) as directory:
        sites = asked.sites or max(6, injections // 12)
        with running_world(Path(directory), sites, asked.bug, own_network=own_network) as world:
            first = FIRST if asked.short else ()
            last_s = SHORT_S if asked.short else 60 * asked.minutes if asked.minutes else None
            broken = run(world, faults, seed, injections, asked.pause, first, last_s)
        if asked.keep:
            shutil.copytree(directory, asked.keep, ignore=shutil.ignore_patterns("kafka"), dirs_exist_ok=True)
    print(world.timeline.table())
    print(f"\nseed {seed}: {len(world.timeline.injections)} injections, {world.timeline.now_s:.0f} s")
    for name, sentences in broken.items():
        print(f"{'BROKEN' if sentences else 'kept  '} {name}" + (f": {len(sentences)}" if sentences else ""))
        print("".join(f"         {sentence}\n" for sentence in sentences[:20]), end="")
    found = any(broken.values())
    if asked.bug:
        print(f"the bug {asked.bug} was {'caught' if found else 'NOT CAUGHT'}")
    sys.exit(found != bool(asked.bug))


def run(
    world: World,
    faults: Mapping[str, Fault],
    seed: int,
    injections: int,
    pause_s: float,
    first: Sequence[str] = (),
    last_s: float | None = None,
) -> dict[str, list[str]]:
    """Make the faults while traffic comes in, wait until all is quiet, and check.

    Args:
        world: what is broken.
        faults: by kind.
        seed: of all chance.
        injections: how many faults.
        pause_s: between two looks of a sender.
        first: kinds that are made before all others.
        last_s: when to make no more of them, in seconds; null for all.
    """
    traffic = Traffic(world, seed, pause_s)
    traffic.prepare()
    comes_to_rest(world, traffic)
    world.timeline.tell(f"{len(world.topics.standing())} alerts stand; the faults begin")
    traffic.start()
    over = threading.Event()
    operator = threading.Thread(target=_operate, args=(world, over), daemon=True)
    operator.start()
    chance = random.Random(seed)
    deck = Deck(faults, injections, chance, first)
    if last_s is not None:
        deck.ends_at = time.monotonic() + last_s
    imps = [threading.Thread(target=deck.play, args=(world, traffic), daemon=True) for _ in range(IMPS)]
    for imp in imps:
        imp.start()
    for imp in imps:
        imp.join()
    world.timeline.tell("no more faults; waiting until all is done")
    traffic.stop()
    drained = comes_to_rest(world, traffic)
    over.set()
    operator.join()
    world.timeline.tell("all is done" if drained else "it does not come to rest")
    broken = check(Evidence(world.topics, traffic, world.receivers))
    broken["all comes to rest"] = [] if drained else [f"nothing happens, and yet: {_restless(world, traffic)}"]
    broken["no service ends by itself"] = world.fleet.failed
    counts = len({event.id for event in world.topics.events(CountEvent)})
    steps = len({event.id for event in world.topics.events(Notice)})
    world.timeline.tell(
        f"{len(traffic.pushed)} scenes, {counts} counts, {steps} steps of alerts, "
        f"{len(traffic.acknowledged)} acknowledgements, {len(traffic.poison)} poisons"
    )
    return broken


class Deck:
    """The faults of a run, in the order that chance gives them: each kind once before any comes again."""

    def __init__(
        self, faults: Mapping[str, Fault], injections: int, chance: random.Random, first: Sequence[str]
    ) -> None:
        self._faults, self._lock = faults, threading.Lock()
        self._left = [(kind, chance.getrandbits(32)) for kind in first if kind in faults]
        self.ends_at = float("inf")
        while len(self._left) < injections:
            kinds = sorted(faults)
            chance.shuffle(kinds)
            self._left += [(kind, chance.getrandbits(32)) for kind in kinds[: injections - len(self._left)]]
        self._busy: set[str] = set()

    def play(self, world: World, traffic: Traffic) -> None:
        """Make one fault after the other, of targets that no other fault has in hand."""
        while True:
            with self._lock:
                if not self._left or time.monotonic() > self.ends_at:
                    return
                free = [one for one in self._left if self._faults[one[0]].target not in self._busy]
                if free:
                    self._left.remove(free[0])
                    self._busy.add(self._faults[free[0][0]].target)
            scope = Scope(world, traffic, random.Random(free[0][1] if free else 0))
            if not free:
                scope.hold(0.2, 0.4)
                continue
            kind, fault = free[0][0], self._faults[free[0][0]]
            try:
                with world.timeline.injection(kind) as injection:
                    injection.note = fault.make(scope)
            except Exception as error:
                world.timeline.tell(f"{kind}: {type(error).__name__}: {error}")
            scope.hold(0.0, 1.0)
            with self._lock:
                self._busy.discard(fault.target)


def comes_to_rest(world: World, traffic: Traffic) -> bool:
    """Wait until all is ready, everything has its answer, and every group has come to its end."""
    before, since = None, time.monotonic()
    while restless := _restless(world, traffic):
        if restless != before:
            before, since = restless, time.monotonic()
        if time.monotonic() - since > NOTHING_FOR_S:
            return False
        time.sleep(0.5)
    return True


def _restless(world: World, traffic: Traffic) -> list[str]:
    """What is not done yet."""
    unready = [slot for slot in world.fleet.slots.values() if slot.wanted and not slot.ready()]
    if unready:
        return [f"{slot.name} is not ready: {slot.missing() or 'it does not answer'}" for slot in unready]
    open_tiles = [p.scene for p in traffic.pushed if not all(world.topics.is_answered(p.scene, t) for t in TILES)]
    if open_tiles:
        return [f"{len(open_tiles)} scenes without an answer, such as {open_tiles[0]}"]
    try:
        return [f"{group} lags by {lag}" for group in GROUPS if (lag := _lag(world, group))]
    except KafkaError as error:
        return [f"Kafka does not say how far the groups are: {error}"]


def _lag(world: World, group: str) -> int:
    topic = GROUPS[group]
    consumer = KafkaConsumer(**connection(world.kafka_settings), group_id=group, enable_auto_commit=False)
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends = consumer.end_offsets(partitions)
        return sum(ends[partition] - (consumer.committed(partition) or 0) for partition in partitions)
    finally:
        consumer.close(autocommit=False)


def _operate(world: World, over: threading.Event) -> None:
    while not over.wait(1.5):
        world.operate()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--injections", type=int, default=60)
    parser.add_argument("--short", action="store_true", help="as many as fit into two minutes, at most 60")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--sites", type=int, help="how many; by default one for twelve injections, at least six")
    parser.add_argument("--minutes", type=float, help="make no more faults after this time")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two looks of each of three senders")
    parser.add_argument("--only", nargs="*", help="faults whose names contain one of these words")
    parser.add_argument("--bug", choices=sorted(bugs.BUGS), help="a bug that must be caught")
    parser.add_argument("--keep", help="a directory for the logs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
