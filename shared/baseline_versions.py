"""Which baseline a tile had from when, and why, in the object store. Redis has no reasons, and Kafka cannot be asked.

The detector writes each change of a baseline here before it publishes it, and alerting shows it. Below
`baselines/<site>/<tile>/` lies `<recorded>-<event>.json`, a `BaselineEvent`. An object is never changed.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import obstore
from obstore.store import ObjectStore
from pydantic import ValidationError

from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import BaselineChange, BaselineEvent
from railwatch.shared.objects import store_errors

# Objects that are read or written at the same time, for the time that the object store takes to answer.
AT_ONCE = 16
# Events that are in memory at the same time.
BATCH = 500


def keep_version(objects: ObjectStore, event: BaselineEvent) -> None:
    """Keep an event, unless it says that the baseline stayed. To keep it again changes nothing.

    Raises:
        DependencyAwayError: the object store does not answer, or refuses.
    """
    if event.change is BaselineChange.KEPT:
        return
    path = _path(event)
    with store_errors(path):
        obstore.put(objects, path, event.model_dump_json().encode())


def keeping_versions(objects: ObjectStore, events: Iterable[BaselineEvent]) -> Iterator[BaselineEvent]:
    """Keep many events while they are gone through, and pass them on. Those that are there cost no request.

    Raises:
        DependencyAwayError: the object store does not answer, or refuses.
    """
    held, left = set(_paths(objects, "baselines")), iter(events)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="baselines") as writers:
        while batch := list(islice(left, BATCH)):
            lacking = [event for event in batch if _path(event) not in held]
            list(writers.map(lambda event: keep_version(objects, event), lacking))
            yield from batch


def kept_versions(objects: ObjectStore, site: str) -> list[BaselineEvent]:
    """What became of the baselines of a site's tiles, oldest first. What was told twice is there once.

    Raises:
        DependencyAwayError: the object store does not answer, or refuses.
        UnprocessableError: `archive-damaged`: an object is no such event.
    """
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="baselines") as readers:
        events = list(readers.map(lambda path: _read(objects, path), _paths(objects, f"baselines/{site}")))
    events.sort(key=lambda event: (event.recorded_at, event.tile, event.version))
    return list({event.id: event for event in reversed(events)}.values())[::-1]


def _read(objects: ObjectStore, path: str) -> BaselineEvent:
    with store_errors(path):
        data = bytes(obstore.get(objects, path).bytes())
    try:
        return BaselineEvent.model_validate_json(data)
    except ValidationError:
        raise UnprocessableError("archive-damaged", f"The object at {path} is no change of a baseline.") from None


def _paths(objects: ObjectStore, prefix: str) -> list[str]:
    with store_errors(prefix):
        return [found["path"] for chunk in obstore.list(objects, prefix, chunk_size=1000) for found in chunk]


def _path(event: BaselineEvent) -> str:
    recorded = event.recorded_at.strftime("%Y%m%dT%H%M%S.%fZ")
    return f"baselines/{event.site}/{event.tile}/{recorded}-{event.id}.json"
