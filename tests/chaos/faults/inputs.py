"""Scenes, tiles and counts that nobody should send, and good ones that come in unexpected ways."""

import socket
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

import httpx
from kafka.errors import KafkaError

from railwatch.shared.bus import encode
from railwatch.shared.bus.client import make_producer
from railwatch.shared.counts import BlobRef, Quality, TileCount
from railwatch.shared.events import CountEvent, Event, TileEvent
from tests.chaos import scenes
from tests.chaos.faults import Fault, Scope
from tests.chaos.traffic import Poison
from tests.support.alerting import blob
from tests.support.geotiff import bare_tiff

# Connections of a flood.
FLOOD = 30
POISON = "poison"


def _push(scope: Scope, image: bytes, day: int, what: str) -> str:
    answer = scope.traffic.send(0, f"{POISON}-{scope.chance.getrandbits(40):x}", day, image)
    scope.traffic.poison.append(Poison(what, answer=answer.status_code))
    return f"answered {answer.status_code}"


def no_picture(scope: Scope) -> str:
    """A file that is no picture."""
    return _push(scope, scope.chance.randbytes(2000), 5, "no picture")


def bomb(scope: Scope) -> str:
    """A file of 138 bytes whose header claims gigapixels."""
    return _push(scope, bare_tiff(1 << 20), 5, "a bomb")


def cut_short(scope: Scope) -> str:
    """A scene whose second half is missing."""
    image = scenes.scene(0, scope.chance.randrange(5000, 9000), scenes.QUIET)
    return _push(scope, image[: len(image) // 2], 6, "half a scene")


def from_tomorrow(scope: Scope) -> str:
    """A scene of tomorrow."""
    day = (datetime.now(UTC) + timedelta(days=2) - scenes.FIRST_LOOK).days
    return _push(scope, scenes.scene(0, 3, scenes.QUIET), day, "a scene of tomorrow")


def hang_up(scope: Scope) -> str:
    """Senders that hang up in the middle of a body."""
    url = urlsplit(scope.world.slot("ingest").url)
    head = f"POST /v1/scenes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {scope.world.token}\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000000\r\n\r\n--b\r\n"
    done = 0
    for _ in range(10):
        try:
            with socket.create_connection((str(url.hostname), url.port or 0), timeout=3) as connection:
                connection.sendall(head.encode() + bytes(20_000))
                done += 1
        except OSError:
            pass
    return f"{done} senders" if done else "not reached"


def flood(scope: Scope) -> str:
    """Many uploads at once of what is no picture; `/healthz` answers all the while."""
    slot = scope.world.slot("ingest")
    statuses: list[int] = []

    def send() -> None:
        try:
            answer = httpx.post(
                f"{slot.url}/v1/scenes",
                headers={"Authorization": f"Bearer {scope.world.token}"},
                files={"file": ("flood.tif", bytes(200_000))},
                data={"metadata": '{"observed_at": "2020-01-01T03:00:00Z"}'},
                timeout=30,
            )
            statuses.append(answer.status_code)
        except httpx.HTTPError:
            statuses.append(0)

    for thread in [scope.in_background(send) for _ in range(FLOOD)]:
        thread.join()
    return f"{len(statuses)} answers, {sum(200 <= status < 300 for status in statuses)} of them yes"


def say_it_again(scope: Scope) -> str:
    """A scene that was taken comes again, from its provider."""
    if not scope.traffic.pushed:
        return "not reached"
    again = scope.chance.choice(scope.traffic.pushed[-20:])
    number = scope.world.sites.index(again.site)
    answer = scope.traffic.send(number, again.scene, again.day, scenes.scene(number, again.day, again.regime))
    return f"{again.scene} answered {answer.status_code}"


def _publish(scope: Scope, what: str, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> str:
    """Put a record into a topic as a stranger with a key to Kafka would."""
    try:
        producer = make_producer(scope.world.kafka_settings)
        try:
            put = producer.send(topic, value, key, headers).get(20)
        finally:
            producer.close(timeout=1)
    except (KafkaError, OSError) as error:
        return f"not reached: {type(error).__name__}"
    scope.traffic.poison.append(Poison(what, place=(put.topic, put.partition, put.offset)))
    return f"{put.topic} {put.partition} {put.offset}"


def _publish_event(scope: Scope, what: str, event: Event) -> str:
    message = encode(event)
    return _publish(scope, what, message.topic, message.key, message.value or b"", list(message.headers))


def garbage(scope: Scope, topic: str) -> str:
    """A record that is no event."""
    return _publish(scope, f"garbage in {topic}", topic, b"yard-00/r0c0", scope.chance.randbytes(300), [])


def bad_tile(scope: Scope, what: str) -> str:
    """A tile whose pixels are missing, cut short or others than it says, or of a site that nobody knows."""
    site = "nowhere" if what == "of an unknown site" else scope.chance.choice(scope.world.sites)
    data = scope.chance.randbytes(4000)
    stored = scope.world.store
    image = _reference(data)
    if what == "cut short":
        stored.objects[stored.path_of(image.sha256)] = data[:1000]
    elif what == "of other pixels":
        stored.objects[stored.path_of(image.sha256)] = bytes(len(data))
    elif what != "without pixels":
        stored.objects[stored.path_of(image.sha256)] = data
    event = TileEvent(
        recorded_at=datetime.now(UTC),
        site=site,
        tile="r0c0",
        scene=f"{POISON}-{image.sha256[:12]}",
        tiles_in_scene=("r0c0",),
        observed_at=scenes.on_day(3),
        image=image,
        gsd_m=0.75,
        source="api",
    )
    return _publish_event(scope, f"a tile {what}", event)


def _reference(data: bytes) -> BlobRef:
    from hashlib import sha256

    digest = sha256(data).hexdigest()
    path = f"sha256/{digest[:2]}/{digest[2:]}"
    return BlobRef(path=path, sha256=digest, size_bytes=len(data), media_type="image/tiff")


def impossible_count(scope: Scope) -> str:
    """A count of more cars than a site can hold."""
    event = CountEvent(
        recorded_at=datetime.now(UTC),
        site=scope.chance.choice(scope.world.sites),
        tile="r0c0",
        scene=f"{POISON}-{scope.chance.getrandbits(40):x}",
        tiles_in_scene=("r0c0",),
        observed_at=scenes.on_day(4),
        result=TileCount(count=9e5, low=9e5, high=9e5, coverage=1, quality=Quality.OK, algorithm="a stranger 1"),
        image=blob(str(scope.chance.random()), "image/tiff"),
    )
    return _publish_event(scope, "an impossible count", event)


BAD_TILES = ("without pixels", "cut short", "of other pixels", "of noise", "of an unknown site")

FAULTS: dict[str, Fault] = {
    "a file that is no picture": Fault("input", no_picture),
    "a file that is a bomb": Fault("input", bomb),
    "half a scene": Fault("input", cut_short),
    "a scene of tomorrow": Fault("input", from_tomorrow),
    "senders hang up": Fault("input", hang_up),
    "a flood of uploads": Fault("input", flood),
    "a scene comes again": Fault("input", say_it_again),
    "garbage among tiles": Fault("input", partial(garbage, topic=TileEvent.TOPIC)),
    "garbage among counts": Fault("input", partial(garbage, topic=CountEvent.TOPIC)),
    "an impossible count": Fault("input", impossible_count),
    **{f"a tile {what}": Fault("input", partial(bad_tile, what=what)) for what in BAD_TILES},
}
