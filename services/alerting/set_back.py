"""Whether Redis holds an earlier copy of the state: one that lacks what alerting has done since, as Kafka knows.

A process that runs sees it by the mark of the incarnation. One that starts compares: Redis notes every few minutes how
far it is up to date with both topics, and what Kafka holds beyond must be known. On an earlier copy alerting would give
numbers of steps a second time, and a consumer that keeps the highest would miss how an alert ends.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from railwatch.services.alerting.groups import GROUP
from railwatch.services.alerting.history.observations import check_count, tracks_by_tile
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.state.transaction import Transaction
from railwatch.shared.bus.offsets import ends_of, positions_of
from railwatch.shared.bus.read import read_since
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import AlertEvent, CountEvent, Notice, VerdictEvent
from railwatch.shared.sites import Site


def note_progress(settings: Settings, store: Store) -> None:
    """Note how far the state is up to date. What was handled and what was published was in Redis before.

    Raises:
        DependencyAwayError: Kafka or Redis does not answer.
    """
    handled = positions_of(settings.kafka, GROUP, CountEvent)
    published, said = ends_of(settings.kafka, Notice), ends_of(settings.kafka, VerdictEvent)
    store.note_progress(CountEvent.TOPIC, {number: position.offset for number, position in handled.items()})
    store.note_progress(Notice.TOPIC, published)
    store.note_progress(VerdictEvent.TOPIC, said)


def is_set_back(settings: Settings, store: Store, sites: Mapping[str, Site]) -> bool:
    """Whether the state lacks a count that was handled, or a step of an alert or a verdict that was published.

    Raises:
        TransientError: Kafka or Redis does not answer.
    """
    published, handled = store.progress(Notice.TOPIC), store.progress(CountEvent.TOPIC)
    if not (published or handled):
        return False

    def lacks_step() -> bool:
        steps = read_since(settings.kafka, Notice, published)
        return any(isinstance(event, AlertEvent) and not _knows_step(store, event) for _, _, event in steps)

    def lacks_verdict() -> bool:
        verdicts = read_since(settings.kafka, VerdictEvent, store.progress(VerdictEvent.TOPIC))
        return any(not _knows_verdict(store, verdict) for _, _, verdict in verdicts)

    def lacks_count() -> bool:
        positions = positions_of(settings.kafka, GROUP, CountEvent)
        return any(
            number in positions
            and positions[number].covers(offset)
            and not store.transact(count.site, partial(_knows, count=count))
            and _is_sound(count, sites)
            for number, offset, count in read_since(settings.kafka, CountEvent, handled)
        )

    # The service waits for this at its start, and most of it is waiting for Kafka.
    with ThreadPoolExecutor() as pool:
        return any(answer.result() for answer in [pool.submit(one) for one in (lacks_step, lacks_verdict, lacks_count)])


def _is_sound(count: CountEvent, sites: Mapping[str, Site]) -> bool:
    """Whether it was taken in when it was handled. Otherwise it is a dead letter."""
    site = sites.get(count.site)
    try:
        if site is not None:
            check_count(count, tracks_by_tile(site), site.car_lengths_m[0], count.recorded_at)
    except UnprocessableError:
        return False
    return site is not None


def _knows_step(store: Store, event: AlertEvent) -> bool:
    return any(last.sequence >= event.sequence for last in store.latest_of([event.alert]))


def _knows_verdict(store: Store, verdict: VerdictEvent) -> bool:
    return any(held.id == verdict.id for held in store.verdicts(verdict.site))


def _knows(transaction: Transaction, count: CountEvent) -> bool:
    """Whether a count is known, or is none that the site's history would keep."""
    scene, history = transaction.scene(count.scene), transaction.record.history
    if scene is not None:
        return count.tile in scene.readings and scene.readings[count.tile].recorded_at >= count.recorded_at
    return history.horizon is not None and count.observed_at < history.horizon
