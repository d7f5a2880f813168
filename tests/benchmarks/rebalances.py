"""How long partitions pause while a consumer group goes from 1 to 4 members and back, and while its members restart.

Usage: python -m tests.benchmarks.rebalances [ROUNDS]

It runs kafka-python's assignors on Apache Kafka, each member in a thread, with the options of Railwatch's workers. A
group that does not settle within `SETTLE_S` counts as stuck. `tests/kafka/fetch` brings the broker.
"""

import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

from railwatch.shared.bus.client import connection, keep_joining, make_admin
from railwatch.shared.settings import KafkaSettings
from tests.support.apache_kafka import apache_broker
from tests.support.bus import kafka_settings_of

PARTITIONS = 8
MEMBERS = 4
# Records come to each partition at this interval, seconds.
EVERY_S = 0.02
SETTLE_S = 40.0


@dataclass
class Member(ConsumerRebalanceListener):  # type: ignore[misc]
    """A consumer in a thread, and when it got records of each partition."""

    settings: KafkaSettings
    topic: str
    assignor: type
    instance: str | None = None
    assigned: set[int] = field(default_factory=set)
    got: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    rebalances: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "Member":
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self) -> None:
        self.consumer = KafkaConsumer(
            **connection(self.settings),
            group_id=f"{self.topic}-group",
            group_instance_id=self.instance,
            partition_assignment_strategy=(self.assignor,),
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=20_000,
            heartbeat_interval_ms=1_000,
            fetch_max_wait_ms=50,
            metadata_max_age_ms=2_000,
        )
        self.consumer.subscribe([self.topic], listener=self)
        while not self.stop.is_set():
            for partition, records in self.consumer.poll(50).items():
                self.got[partition.partition] += [time.monotonic()] * len(records)
            self.assigned = {partition.partition for partition in self.consumer.assignment()}
        self.consumer.close(autocommit=False)

    def end(self) -> None:
        self.stop.set()
        self.thread.join()

    def on_partitions_revoked(self, revoked: set[Any]) -> None:
        if self.assignor is RangePartitionAssignor:
            keep_joining(self.consumer)

    def on_partitions_assigned(self, assigned: set[Any]) -> None:
        self.rebalances += 1


def settled(members: list[Member], partitions: int = PARTITIONS) -> bool:
    """Whether each partition has one member, and all have equally many."""
    held = sorted(number for member in members for number in member.assigned)
    return held == list(range(partitions)) and len({len(member.assigned) for member in members}) == 1


def waited(condition: Callable[[], bool]) -> float | None:
    """How long a condition was waited for, seconds; null if it did not come true."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > SETTLE_S:
            return None
        time.sleep(0.01)
    return time.monotonic() - began


def longest_pause_s(member: Member, partitions: set[int], since: float) -> float:
    """The longest time without a record of a partition that stayed with a member."""
    times = [[since, *(at for at in member.got[number] if at >= since)] for number in partitions]
    return max((after - before for each in times for before, after in pairwise(each)), default=0.0)


def scaling(settings: KafkaSettings, topic: str, assignor: type, rounds: int) -> str:
    """From 1 to 4 members and back."""
    first = Member(settings, topic, assignor).start()
    assert waited(lambda: settled([first])) is not None
    pauses, times, stuck = [], [], 0
    for _ in range(rounds):
        since = time.monotonic()
        others = [Member(settings, topic, assignor).start() for _ in range(MEMBERS - 1)]
        up = waited(lambda: settled([first, *others]))  # noqa: B023
        stayed = set(first.assigned)
        for other in others:
            other.end()
        down = waited(lambda: settled([first]))
        pauses.append(longest_pause_s(first, stayed, since))
        times += [each for each in (up, down) if each is not None]
        stuck += (up, down).count(None)
    first.end()
    return f"{max(pauses):.2f} | {max(times, default=0):.1f} | {stuck} of {2 * rounds}"


def restarting(settings: KafkaSettings, topic: str, assignor: type, *, static: bool) -> str:
    """Each of 4 members restarts, one after the other."""
    members = [Member(settings, topic, assignor, f"member-{n}" if static else None).start() for n in range(MEMBERS)]
    began = waited(lambda: settled(members))
    before, since, stuck = members[0].rebalances, time.monotonic(), 0
    for n in range(1, MEMBERS):
        members[n].end()
        members[n] = Member(settings, topic, assignor, members[n].instance).start()
        stuck += waited(lambda: settled(members)) is None
    pause, rebalances = longest_pause_s(members[0], members[0].assigned, since), members[0].rebalances - before
    for member in members:
        member.end()
    return f"{pause:.2f} | {rebalances} | {stuck + (began is None)} of {MEMBERS}"


def growing(settings: KafkaSettings, topic: str, assignor: type, rounds: int) -> str:
    """The topic gets 4 partitions more, again and again."""
    members = [Member(settings, topic, assignor).start() for _ in range(MEMBERS)]
    assert waited(lambda: settled(members)) is not None
    admin, times = make_admin(settings), []
    for number in range(1, rounds + 1):
        partitions = PARTITIONS + MEMBERS * number
        admin.create_partitions({topic: partitions})
        times.append(waited(lambda: settled(members, partitions)))  # noqa: B023
    for member in members:
        member.end()
    return f"{max((each for each in times if each is not None), default=0):.1f} | {times.count(None)} of {rounds}"


def tables(settings: KafkaSettings, topics: list[str], rounds: int) -> Iterator[tuple[str, Iterator[str]]]:
    """The title of each table, and its rows, which are measured when they are asked for."""
    both = (RangePartitionAssignor, CooperativeStickyAssignor)
    yield (
        "| 1 to 4 to 1 members | longest pause of partitions that stay, s | slowest to settle, s | stuck |",
        (f"| {each.name} | {scaling(settings, topics.pop(), each, rounds)} |" for each in both),
    )
    yield (
        "| partitions are added | slowest to settle, s | stuck |",
        (f"| {each.name} | {growing(settings, topics.pop(), each, rounds)} |" for each in both),
    )
    restarts = ((RangePartitionAssignor, False), (RangePartitionAssignor, True), (CooperativeStickyAssignor, True))
    yield (
        "| 3 of 4 members restart | longest pause of partitions that stay, s | rebalances | stuck |",
        (
            f"| {each.name}, {'static' if static else 'dynamic'} members "
            f"| {restarting(settings, topics.pop(), each, static=static)} |"
            for each, static in restarts
        ),
    )


def main(rounds: int) -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as directory, apache_broker(Path(directory)) as environment:
        settings = kafka_settings_of(environment)
        topics = [f"topic-{n}" for n in range(7)]
        admin = make_admin(settings)
        admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics])
        loaded = tuple(topics)
        producer, stop = KafkaProducer(**connection(settings), linger_ms=0), threading.Event()

        def produce() -> None:
            while not stop.wait(EVERY_S):
                for topic in loaded:
                    for number in range(PARTITIONS):
                        producer.send(topic, b"x", partition=number)

        load = threading.Thread(target=produce, daemon=True)
        load.start()
        for title, table in tables(settings, topics, rounds):
            print(f"\n{title}\n{'| --- ' * title.count(' | ')}| --- |")
            for row in table:
                print(row, flush=True)
        stop.set()
        load.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
