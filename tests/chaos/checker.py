"""Whether every promise was kept, from the topics, the receivers and the inputs alone.

No log, no metric and no Redis is read. Each check is a function that gives a sentence for each broken promise.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from railwatch.shared.events import AlertEvent, CountEvent, DeadLetter, Event, Notice, TileEvent
from railwatch.shared.sites import Site
from tests.chaos import alerts, scenes
from tests.chaos.receivers import Receiver, Taken
from tests.chaos.topics import Record, Topics
from tests.chaos.traffic import Traffic

E = TypeVar("E", bound=Event)
# The topic, partition and offset of a record.
Place = tuple[str, int, int]

# What a store that has lost pixels is allowed to cost.
LOST_PIXELS = frozenset({"blob-missing"})


@dataclass(frozen=True)
class Evidence:
    """What the checks read.

    Attributes:
        topics: all records.
        traffic: all inputs.
        receivers: what each receiver has taken, by name.
        sites: what the operator wrote of each site, by id.
        at: when everything had come to rest.
    """

    topics: Topics
    traffic: Traffic
    receivers: dict[str, Receiver]
    sites: Mapping[str, Site]
    at: datetime


def every_input_has_an_answer(seen: Evidence) -> Iterator[str]:
    """A scene that was taken has a count for each tile, or a dead letter. What was poison was refused."""
    for pushed in seen.traffic.pushed:
        for tile in scenes.TILES:
            if not seen.topics.is_answered(pushed.scene, tile):
                yield f"{pushed.scene}/{tile} was taken, and has neither a count nor a dead letter"
    yield from (f"a good scene was refused: {refused}" for refused in seen.traffic.refused)
    letters = _letters_by_place(seen.topics)
    for poison in seen.traffic.poison:
        if poison.place is not None and poison.place not in letters:
            event = seen.topics.tile_at(poison.place)
            if event is None or not seen.topics.is_answered(event.scene, event.tile):
                yield f"{poison.what} at {poison.place} has no dead letter"
        if poison.answer is not None and not 400 <= poison.answer < 500:
            yield f"{poison.what} was answered {poison.answer}"


def nothing_good_is_a_dead_letter(seen: Evidence) -> Iterator[str]:
    """Dead letters are about poison, about pixels that the store has lost, and about what a receiver refused."""
    poison = {poison.place for poison in seen.traffic.poison}
    for letter in seen.topics.events(DeadLetter):
        called_for = letter.service == "ingest" or letter.reason in LOST_PIXELS
        called_for |= letter.reason == "undelivered-fickle"  # it answers 413, which is a refusal
        if not called_for and _place(letter) not in poison:
            yield f"a dead letter that nothing calls for: {letter.service} {letter.reason}, {letter.detail}"


def each_effect_is_once(seen: Evidence) -> Iterator[str]:
    """One id has one content; one tile of one scene has one count; one number of an alert is one step."""
    counts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for count in seen.topics.events(CountEvent):
        counts[count.scene, count.tile].add(count.id)
    for (scene, tile), ids in counts.items():
        if len(ids) > 1:
            yield f"{scene}/{tile} has {len(ids)} different counts"
    results: dict[str, set[float | None]] = defaultdict(set)
    for count in seen.topics.events(CountEvent):
        results[count.id].add(count.result.count)
    yield from (f"count {id_} has different results: {found}" for id_, found in results.items() if len(found) > 1)
    steps: dict[tuple[str, int], set[str]] = defaultdict(set)
    for notice in seen.topics.events(Notice):
        steps[notice.about, notice.sequence].add(f"{notice.transition} because {notice.reason}")
    for (alert, sequence), found in steps.items():
        if len(found) > 1:
            yield f"step {sequence} of alert {alert} is several: {'; '.join(sorted(found))}"


def keys_are_in_order(seen: Evidence) -> Iterator[str]:
    """What is new comes in order: the counts of a tile as its tiles did, the steps of an alert by their numbers."""
    letters = _letters_by_place(seen.topics)
    for what, places in tile_places(seen.topics.records(TileEvent.TOPIC), letters).items():
        yield from (f"counts of {what}: {one}" for one in out_of_order(places, _first_counts(seen.topics, what)))
    for alert, steps in _by_key(seen.topics.events(Notice), lambda notice: notice.about).items():
        numbers = [step.sequence for step in steps]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"the steps of alert {alert} came as {numbers}"


def alerts_are_right(seen: Evidence) -> Iterator[str]:
    """The alerts are those of the same counts, judged in the order of time by a process that never failed."""
    stories = _by_key(
        (event for event in seen.topics.events(Notice) if isinstance(event, AlertEvent)), lambda step: step.site
    )
    counts = (count for count in seen.topics.events(CountEvent) if count.scene.startswith(count.site))
    for site, of_site in _by_key(counts, lambda count: count.site).items():
        looks = alerts.looks_of(of_site, seen.sites[site])
        yield from alerts.broken(site, looks, stories.get(site, []), seen.at)


def people_are_heard(seen: Evidence) -> Iterator[str]:
    """An acknowledgement that was answered with yes is a step of its alert."""
    heard = {(event.by, event.about) for event in seen.topics.events(AlertEvent)}
    for by, alert in seen.traffic.acknowledged:
        if (by, alert) not in heard:
            yield f"{by} acknowledged alert {alert}, and no step says so"


def deliveries_are_complete(seen: Evidence) -> Iterator[str]:
    """Each receiver has taken each step, or a dead letter says that it did not; new ones in their order."""
    letters = _letters_by_place(seen.topics)
    for name, receiver in seen.receivers.items():
        taken = {step.id for step in receiver.taken}
        for record in seen.topics.records(Notice.TOPIC):
            step = record.event
            if not isinstance(step, Notice) or step.id in taken:
                continue
            undelivered = letters.get((record.topic, record.partition, record.offset))
            if undelivered is None or undelivered.reason != f"undelivered-{name}":
                yield f"{name} never got step {step.sequence} of alert {step.about}, {step.transition}"
        order: dict[str, list[int]] = defaultdict(list)
        for got in _first(receiver.taken):
            order[got.data.get("alert") or got.data.get("missed", "")].append(got.data["sequence"])
        for alert, numbers in order.items():
            if numbers != sorted(numbers):
                yield f"{name} got the steps of alert {alert} as {numbers}"


CHECKS: tuple[Callable[[Evidence], Iterator[str]], ...] = (
    every_input_has_an_answer,
    nothing_good_is_a_dead_letter,
    each_effect_is_once,
    keys_are_in_order,
    alerts_are_right,
    people_are_heard,
    deliveries_are_complete,
)


def check(seen: Evidence) -> dict[str, list[str]]:
    """The broken promises, by the name of the check."""
    return {one.__name__.replace("_", " "): list(dict.fromkeys(one(seen))) for one in CHECKS}


def _by_key(events: Iterable[E], key: Callable[[E], str]) -> dict[str, list[E]]:
    """Events by key, each id once, in the order in which it came first."""
    found: dict[str, dict[str, E]] = defaultdict(dict)
    for event in events:
        found[key(event)].setdefault(event.id, event)
    return {name: list(each.values()) for name, each in found.items()}


def _first_counts(topics: Topics, tile: str) -> list[str]:
    counts = (event for event in topics.events(CountEvent) if f"{event.site}/{event.tile}" == tile)
    return list(dict.fromkeys(count.scene for count in counts))


def tile_places(records: Iterable[Record], letters: Collection[Place]) -> dict[str, dict[str, int]]:
    """For each tile of a site and each scene, the place of the first record, from which its count follows.

    A scene has no place if that record became a dead letter, because its pixels were lost. It is counted when it is
    pushed again, or when the store has its pixels again and the group is taken back: whenever that is.

    Args:
        records: of tiles.
        letters: the places of the records that became dead letters.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    lost: set[tuple[str, str]] = set()
    for record in records:
        event = record.event
        if not isinstance(event, TileEvent):
            continue
        tile = f"{event.site}/{event.tile}"
        if event.scene in found[tile] or (tile, event.scene) in lost:
            continue
        if (record.topic, record.partition, record.offset) in letters:
            lost.add((tile, event.scene))
        else:
            found[tile][event.scene] = record.offset
    return found


def out_of_order(places: Mapping[str, int], found: Iterable[str]) -> Iterator[str]:
    """A sentence for each count that came after that of a later record of its tile.

    Args:
        places: the offset that the count of a scene follows from. Scenes without one may come at any time.
        found: the scenes as their counts came first.
    """
    before, reached = "", -1
    for scene in found:
        place = places.get(scene)
        if place is None:
            continue
        if place > reached:
            before, reached = scene, place
        else:
            yield f"{before} came before {scene}"


def _first(steps: Iterable[Taken]) -> Iterable[Taken]:
    """Each step once, when it came first."""
    found: dict[str, Taken] = {}
    for step in steps:
        found.setdefault(step.id, step)
    return found.values()


def _letters_by_place(topics: Topics) -> dict[Place, DeadLetter]:
    return {place: letter for letter in topics.events(DeadLetter) if (place := _place(letter)) is not None}


def _place(letter: DeadLetter) -> Place | None:
    at = letter.original
    return (at.topic, at.partition, at.offset) if at else None
