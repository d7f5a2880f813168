"""A broker, a Redis and an object store that die, hang, fill up, take no writes, crawl, or come back without data."""

import shutil
import signal
from functools import partial

import redis

from tests.chaos.faults import Fault, Scope
from tests.chaos.processes import Server, send_signal
from tests.chaos.store import Mood

# Redis holds more than this already, so it takes no write that grows it.
FULL_BYTES = 1_000_000


def _server(scope: Scope, name: str) -> Server:
    return scope.world.kafka if name == "kafka" else scope.world.redis


def end(scope: Scope, name: str, number: signal.Signals) -> str:
    """The server ends, and comes back with its data."""
    server = _server(scope, name)
    server.end(number)
    scope.hold(0.5, 5)
    server.start()
    return name


def hang(scope: Scope, name: str) -> str:
    """The server stops, and goes on where it was."""
    process = _server(scope, name).process
    send_signal(process, signal.SIGSTOP)
    scope.hold(4, 10)
    send_signal(process, signal.SIGCONT)
    return name


def fill_disk(scope: Scope) -> str:
    """The broker's disk is full; it stops by itself. Then there is room, and it is started again."""
    disk = scope.world.directory / "kafka"
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    with filler.open("wb") as file:
        file.truncate(0)
        block = bytes(1 << 20)
        try:
            for _ in range(free // len(block) + 2):
                file.write(block)
        except OSError:
            pass
    scope.hold(4, 7)
    filler.unlink()
    scope.world.kafka.end(signal.SIGKILL)
    scope.world.kafka.start()
    return f"{free >> 20} MiB filled"


def configured(scope: Scope, values: dict[str, str]) -> str:
    """Redis refuses writes for a while, by its own configuration."""
    client = scope.world.client
    before = {name: str(client.config_get(name)[name]) for name in values}
    for name, value in values.items():
        client.config_set(name, value)
    scope.hold(3, 7)
    for name, value in before.items():
        client.config_set(name, value)
    return ", ".join(f"{name} {value}" for name, value in values.items())


def read_only(scope: Scope) -> str:
    """Redis is the replica of nobody: it is read, and takes no write."""
    scope.world.client.replicaof("127.0.0.1", 1)
    scope.hold(3, 7)
    scope.world.client.replicaof("NO", "ONE")
    return "redis"


def slow(scope: Scope) -> str:
    """Redis answers no command for seconds."""
    for _ in range(3):
        scope.world.client.client_pause(1500)
        scope.hold(1.6, 2)
    return "redis"


def drop_clients(scope: Scope) -> str:
    """Redis closes all connections, several times."""
    for _ in range(5):
        scope.world.client.client_kill_filter(_type="normal", skipme=True)
        scope.hold(0.3, 0.6)
    return "redis"


def empty(scope: Scope) -> str:
    """Redis forgets everything; the operator rebuilds."""
    scope.world.client.flushall()
    _wait_for_operator(scope)
    return "redis"


def back_empty(scope: Scope) -> str:
    """Redis dies and comes back without its data; the operator rebuilds."""
    scope.world.redis.end(signal.SIGKILL)
    shutil.rmtree(scope.world.directory / "redis")
    (scope.world.directory / "redis").mkdir()
    scope.world.redis.start()
    _wait_for_operator(scope)
    return "redis"


def roll_back(scope: Scope) -> str:
    """Redis comes back with an older copy of its data; the operator rebuilds."""
    data, copy = scope.world.directory / "redis", scope.world.directory / "redis-copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy)
    scope.hold(4, 8)
    scope.world.redis.end(signal.SIGKILL)
    shutil.rmtree(data)
    copy.rename(data)
    scope.world.redis.start()
    _wait_for_operator(scope)
    return "redis"


def _wait_for_operator(scope: Scope) -> None:
    """Hold on to Redis until the state is whole: to lose it again meanwhile shows nothing new."""

    def whole() -> bool:
        try:
            return not any(
                "state" in slot.missing() or not slot.runs
                for slot in (scope.world.slot("detector"), scope.world.slot("alerting"))
            )
        except redis.RedisError:
            return False

    scope.hold(3, 4)
    scope.until(whole, 60)


def moody(scope: Scope, mood: Mood) -> str:
    """The object store behaves so for a while."""
    store = scope.world.store
    hidden = set(store.objects)
    if mood == "older":  # the last quarter of what was stored is not there
        hidden = set(list(store.objects)[-len(store.objects) // 4 :])
    with store.in_mood(mood, hidden if mood in ("empty", "older") else set()):
        scope.hold(4, 9)
    return "store"


STORE_MOODS: tuple[Mood, ...] = ("away", "hangs", "slow", "full", "read-only", "refuses", "empty", "older")

FAULTS: dict[str, Fault] = {
    **{
        f"{verb} {name}": Fault(name, partial(end, name=name, number=number))
        for name in ("kafka", "redis")
        for verb, number in (("kill", signal.SIGKILL), ("restart", signal.SIGTERM))
    },
    "stop kafka": Fault("kafka", partial(hang, name="kafka")),
    "stop redis": Fault("redis", partial(hang, name="redis")),
    "redis is full": Fault("redis", partial(configured, values={"maxmemory": str(FULL_BYTES)})),
    "redis lacks replicas": Fault("redis", partial(configured, values={"min-replicas-to-write": "3"})),
    "redis is read-only": Fault("redis", read_only),
    "redis is slow": Fault("redis", slow),
    "redis drops clients": Fault("redis", drop_clients),
    "redis is flushed": Fault("redis", empty),
    "redis comes back empty": Fault("redis", back_empty),
    "redis is rolled back": Fault("redis", roll_back),
    **{f"store: {mood}": Fault("store", partial(moody, mood=mood)) for mood in STORE_MOODS},
}

# The broker's disk can be full where it is one of our own.
ON_OWN_DISK = {"kafka's disk is full": Fault("kafka", fill_disk)}
