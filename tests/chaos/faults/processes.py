"""Services that are killed, at a point or anywhere, stopped for longer than their session, restarted, and scaled."""

import os
import signal
from functools import partial
from pathlib import Path

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from railwatch.shared.bus.client import connection
from railwatch.shared.events import CountEvent, Notice, TileEvent
from tests.chaos.faults import Fault, Scope
from tests.chaos.processes import Slot, send_signal
from tests.chaos.service import PASSED

# Longer than the session that the services are given.
PAST_SESSION_S = 8.0
REACHED_WITHIN_S = 60.0
READY_WITHIN_S = 60.0
# A session after the last member, the group has none.
LEFT_WITHIN_S = 15.0
# What each service consumes, for taking its group back.
GROUPS = {
    "detector": ("railwatch-detector", TileEvent.TOPIC),
    "alerting": ("railwatch-alerting", CountEvent.TOPIC),
    "fickle": ("railwatch-alerting-to-fickle", Notice.TOPIC),
}
TAKEN_BACK = 10


def kill(scope: Scope, service: str) -> str:
    """SIGKILL, anywhere."""
    slots = scope.world.fleet.of(service)
    if not slots:
        return "not reached"
    slot = scope.chance.choice(slots)
    send_signal(slot.process, signal.SIGKILL)
    return slot.name


def kill_counting(scope: Scope) -> str:
    """SIGKILL for the process in which a detector counts."""
    for slot in scope.world.fleet.of("detector"):
        assert slot.process is not None
        pid = slot.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
            return slot.name
    return "not reached"


def kill_at(scope: Scope, service: str, point: str) -> str:
    """SIGKILL at a named point."""
    flag = scope.world.directory / f"die-{service}"
    flag.write_text(point)
    if point == "outbox-published":
        scope.in_background(partial(_acknowledge_one, scope))
    if scope.until(lambda: not flag.exists(), REACHED_WITHIN_S):
        return service
    flag.unlink(missing_ok=True)
    return f"not reached: no {service} came to this point in time"


def stop_past_session(scope: Scope, service: str) -> str:
    """SIGSTOP for longer than the session, then SIGCONT: the others have its partitions by then."""
    slots = scope.world.fleet.of(service)
    if not slots:
        return "not reached"
    slot = scope.chance.choice(slots)
    slot.paused = True
    send_signal(slot.process, signal.SIGSTOP)
    scope.hold(PAST_SESSION_S, PAST_SESSION_S + 4)
    send_signal(slot.process, signal.SIGCONT)
    slot.paused = False
    return slot.name


def restart(scope: Scope, service: str) -> str:
    """SIGTERM and a new process, as in a rolling restart."""
    slots = scope.world.fleet.of(service)
    for slot in slots:
        scope.world.fleet.end(slot)
        if not scope.until(slot.ready, READY_WITHIN_S):
            return f"{slot.name} was not ready within {READY_WITHIN_S:g} s, something else being broken too"
    return f"{len(slots)} processes, one after the other"


def scale(scope: Scope) -> str:
    """From one detector to four, and back to one."""
    more = [slot for slot in scope.world.fleet.slots.values() if slot.service == "detector"][1:]
    for slot in more:
        slot.wanted = True
    scope.hold(12, 18)
    for slot in more:
        slot.wanted = False
        scope.world.fleet.end(slot)
    return "1 to 4 to 1"


def take_back(scope: Scope, who: str) -> str:
    """A group begins again some records before its place: what was done is asked for again."""
    group, topic = GROUPS[who]
    service = "alerting" if who == "fickle" else who
    slots = [slot for slot in scope.world.fleet.slots.values() if slot.service == service and slot.wanted]
    _stand_still(scope, slots)
    moved = scope.until(lambda: _move_back(scope, group, topic), LEFT_WITHIN_S)
    for slot in slots:
        slot.wanted = True
    return f"{group}, by {TAKEN_BACK} records" if moved else "not reached: the group had members, or Kafka was away"


def _move_back(scope: Scope, group: str, topic: str) -> bool:
    """Move a group back; false if it has members still, has done nothing yet, or Kafka is away."""
    try:
        settings = scope.world.kafka_settings
        consumer = KafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
        try:
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            places = {partition: consumer.committed(partition, timeout_ms=5000) or 0 for partition in partitions}
            back = {
                partition: OffsetAndMetadata(max(0, at - TAKEN_BACK), "", -1) for partition, at in places.items() if at
            }
            consumer.assign(list(back))
            consumer.commit(back, timeout_ms=5000)
            return bool(back)
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError):
        return False


def _stand_still(scope: Scope, slots: list[Slot]) -> None:
    for slot in slots:
        slot.wanted = False
        scope.world.fleet.end(slot)


def acknowledge_at_once(scope: Scope) -> str:
    """Several people acknowledge while counts of the same sites come in."""
    threads = [scope.in_background(partial(_acknowledge_one, scope)) for _ in range(4)]
    for thread in threads:
        thread.join()
    return "4 people"


def acknowledge_and_die(scope: Scope) -> str:
    """Somebody acknowledges an alert while the broker hangs, and alerting dies before it can tell."""
    send_signal(scope.world.kafka.process, signal.SIGSTOP)
    said = len(scope.traffic.acknowledged)
    scope.in_background(partial(_acknowledge_one, scope))
    heard = scope.until(lambda: len(scope.traffic.acknowledged) > said, 5)
    scope.hold(1.5, 2.5)
    kill(scope, "alerting")
    send_signal(scope.world.kafka.process, signal.SIGCONT)
    return "the answer was yes" if heard else "not reached: there was no answer"


def _acknowledge_one(scope: Scope) -> None:
    standing = scope.world.topics.standing()
    if standing:
        scope.traffic.acknowledge(scope.chance.choice(standing).about)


FAULTS: dict[str, Fault] = {
    **{f"kill {service}": Fault(service, partial(kill, service=service)) for service in PASSED},
    **{
        f"kill {service} at {point}": Fault(service, partial(kill_at, service=service, point=point))
        for service, points in PASSED.items()
        for point in points
    },
    **{f"stop {service}": Fault(service, partial(stop_past_session, service=service)) for service in PASSED},
    **{f"restart {service}": Fault(service, partial(restart, service=service)) for service in PASSED},
    **{
        f"take back {who}": Fault("alerting" if who == "fickle" else who, partial(take_back, who=who)) for who in GROUPS
    },
    "kill what counts": Fault("detector", kill_counting),
    "scale detectors": Fault("detector", scale),
    "acknowledge and die": Fault("alerting", acknowledge_and_die),
    "acknowledge at once": Fault("people", acknowledge_at_once),
}
