"""Faults by chance, and then the question whether every promise was kept: `make chaos`.

Prints what happens as it happens, and the seed with which the same faults come again in the same order. Ends with 1 if
a promise was broken; with `--bug`, if none was.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.events import CountEvent, Notice, TileEvent
from railwatch.shared.sites import load_sites
from tests.chaos import bugs, scenes
from tests.chaos.checker import Evidence, check
from tests.chaos.deck import Deck
from tests.chaos.faults import Fault, all_faults
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
# Where logs and topics are kept if a promise is broken: nobody can tell why without them.
BROKEN_KEPT = "build/chaos"
# When a short run makes no more faults, in seconds since it began, and how many there may be. Then there is a minute
# left of the four that it may take.
SHORT_S, SHORT_INJECTIONS = 170.0, 60
# What a short run makes first, however long that takes: the kills that the bugs of `tests.chaos.bugs` do not survive.
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
    # All processes of the run end with it, whatever happens.
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if APART not in os.environ and subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0:
        os.environ[APART] = "1"
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
        print("no network of our own (it needs root): no faults of networks and of the broker's disk")
    if not FAKETIME.exists():
        print("no libfaketime: no steps of clocks")
    with tempfile.TemporaryDirectory(prefix="railwatch-chaos-", ignore_cleanup_errors=True) as directory:
        sites = asked.sites or max(6, injections // 12)
        rendering = threading.Thread(target=scenes.render_all)
        rendering.start()  # while the servers start
        with running_world(Path(directory), sites, asked.bug, own_network=own_network) as world:
            rendering.join()
            first = FIRST if asked.short else ()
            ends_at_s = SHORT_S if asked.short else 60 * asked.minutes if asked.minutes else float("inf")
            broken = run(world, faults, seed, injections, asked.pause, first, ends_at_s)
            keep = asked.keep or (BROKEN_KEPT if any(broken.values()) and not asked.bug else None)
            if keep:
                world.topics.write(Path(directory) / "topics.jsonl")
        if keep:
            shutil.copytree(directory, keep, ignore=shutil.ignore_patterns("kafka"), dirs_exist_ok=True)
            print(f"logs and topics are in {keep}")
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
    ends_at_s: float = float("inf"),
) -> dict[str, list[str]]:
    """Make the faults while traffic comes in, wait until all is quiet, and check.

    Args:
        world: what is broken.
        faults: by kind.
        seed: of all chance.
        injections: how many faults.
        pause_s: between two looks of a sender.
        first: kinds that are made before all others.
        ends_at_s: when to make no more of them but the first, in seconds since the run began.
    """
    traffic = Traffic(world, seed, pause_s)
    traffic.prepare()
    world.timeline.tell("every site has its past")
    comes_to_rest(world, traffic)
    world.timeline.tell(f"{len(world.topics.standing())} alerts stand; the faults begin")
    traffic.start()
    over = threading.Event()
    operator = threading.Thread(target=_operate, args=(world, over), daemon=True)
    operator.start()
    chance = random.Random(seed)
    deck = Deck(faults, injections, chance, first, ends_at_s)
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
    sites = load_sites(world.directory / "sites").sites
    broken = check(Evidence(world.topics, traffic, world.receivers, sites, datetime.now(UTC)))
    broken["all comes to rest"] = [] if drained else [f"nothing happens, and yet: {_restless(world, traffic)}"]
    broken["no service ends by itself"] = world.fleet.failed
    counts = len({event.id for event in world.topics.events(CountEvent)})
    steps = len({event.id for event in world.topics.events(Notice)})
    world.timeline.tell(
        f"{len(traffic.pushed)} scenes, {counts} counts, {steps} steps of alerts, "
        f"{len(traffic.acknowledged)} acknowledgements, {len(traffic.poison)} poisons"
    )
    return broken


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
        read = world.topics.ends()  # by the checker
        return sum(ends[one] - min(consumer.committed(one) or 0, read.get(one, 0)) for one in partitions)
    finally:
        consumer.close(autocommit=False)


def _operate(world: World, over: threading.Event) -> None:
    while not over.wait(1.5):
        world.operate()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--injections", type=int, default=60)
    parser.add_argument("--short", action="store_true", help="as many as fit into four minutes in all, at most 60")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--sites", type=int, help="how many; by default one for twelve injections, at least six")
    parser.add_argument("--minutes", type=float, help="make no more faults after this time")
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two looks of each of three senders")
    parser.add_argument("--only", nargs="*", help="faults whose names contain one of these words")
    parser.add_argument("--bug", choices=sorted(bugs.BUGS), help="a bug that must be caught")
    parser.add_argument(
        "--keep",
        help=f"a directory for the logs, and all that the topics hold; by default {BROKEN_KEPT} if a promise is broken",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
