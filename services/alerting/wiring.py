"""How the parts of alerting are connected: one worker for counts, and one for each receiver of alerts."""

import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
import structlog

from railwatch.services.alerting import metrics
from railwatch.services.alerting.announcing import Announcer
from railwatch.services.alerting.archive.store import Archive
from railwatch.services.alerting.delivery.deliver import Delivery
from railwatch.services.alerting.delivery.receivers import receivers, second_look_receivers
from railwatch.services.alerting.groups import GROUP, group_of_second_looks, group_to
from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.missed_looks import announce_missed_looks
from railwatch.services.alerting.set_back import note_progress
from railwatch.services.alerting.settings import Settings
from railwatch.services.alerting.state.records import Taught
from railwatch.services.alerting.state.store import Store
from railwatch.services.alerting.verdicts.tallies import AlertTally
from railwatch.shared.access import Scope, Tokens
from railwatch.shared.bus import Publisher, RetryPolicy, Timer, Worker
from railwatch.shared.errors import DependencyAwayError
from railwatch.shared.events import AlertEvent, CountEvent, Miss, Notice, VerdictEvent
from railwatch.shared.eviction import watch_eviction
from railwatch.shared.health import Progress
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.proxy import trusted
from railwatch.shared.settings import KafkaSettings
from railwatch.shared.sites import LiveSites

# How often scenes that have waited long enough are settled, and events that could not be published at once are.
DUE_EVERY = timedelta(seconds=2)

# How often all sites are checked for missed looks, and the gauges are updated.
SITES_EVERY = timedelta(seconds=15)

# How often it is noted how far the state is up to date. A process that starts looks through what came after that.
NOTE_EVERY = timedelta(minutes=5)

# A delivery is given up because of the age of the alert, not after a number of attempts.
UNLIMITED = sys.maxsize

# How soon to ask again where a receiver begins, if Kafka or Redis did not answer.
BEGIN_AGAIN_S = 1.0

log = structlog.get_logger(__name__)


class Slowest(Progress):
    """The progress of several loops: the progress of the slowest one."""

    def __init__(self) -> None:
        super().__init__()
        self._loops: list[Progress] = []

    def loop(self) -> Progress:
        """Add a loop, and return its progress."""
        self._loops.append(Progress())
        return self._loops[-1]

    def beat(self) -> None:
        """Note that all loops made progress."""
        for loop in self._loops:
            loop.beat()

    @property
    def age_s(self) -> float:
        """Seconds since the slowest loop last made progress."""
        return max((loop.age_s for loop in self._loops), default=0.0)


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def count_worker(
    settings: Settings,
    sites: LiveSites,
    client: redis.Redis,
    store: Store,
    archive: Archive,
    incarnation: Incarnation,
    announcer: Announcer,
    publisher: Publisher,
    progress: Progress,
) -> Worker[CountEvent]:
    """Counts in, alert events out. While state is lost, they wait."""
    alerting = settings.alerting
    handler = CountHandler(
        store,
        sites.with_retired,
        alerting.rule,
        alerting.scene_wait,
        alerting.pass_span,
        alerting.public_url,
        now,
        archive,
    )

    def take(event: CountEvent) -> Sequence[AlertEvent]:
        handler.handle(event)
        announcer.publish(event.site)
        return ()

    def publish_due() -> None:
        if not store.has_work(now()):  # one question each time is all that this costs at rest
            return
        incarnation.require()
        handler.settle_due()
        announcer.publish_waiting()

    reported: set[str] = set()

    def go_through_sites() -> None:
        watch_eviction(client, incarnation)
        incarnation.require()
        # A look is not missed if its count still waits in Kafka.
        if worker.caught_up():
            announce_missed_looks(store, sites, alerting.first_wait, alerting.public_url, now())
        watched = set(sites)
        report_sites(watched, store)
        report_taught({site: taught for site, taught in store.all_taught().items() if site in watched})
        metrics.forget_sites(reported - watched)
        reported.clear()
        reported.update(watched)

    def note() -> None:
        incarnation.require()
        note_progress(settings, store)

    worker = Worker(
        service="alerting",
        kafka=settings.kafka,
        group=GROUP,
        consumes=CountEvent,
        handle=take,
        publisher=publisher,
        progress=progress,
        state=incarnation.require,
        timers=[Timer(DUE_EVERY, publish_due), Timer(SITES_EVERY, go_through_sites), Timer(NOTE_EVERY, note)],
    )
    return worker


def make_deliveries(
    settings: Settings, client: redis.Redis, store: Store, incarnation: Incarnation
) -> dict[str, Delivery[Notice]]:
    """The deliveries to all receivers, by consumer group. Each receiver has a group of its own."""
    return {
        group_to(receiver.name): Delivery(receiver, client, store, settings.delivery.give_up_after, now, Notice)
        for receiver in receivers(settings, store, incarnation.require, now)
    }


def make_second_looks(settings: Settings, client: redis.Redis, store: Store) -> dict[str, Delivery[VerdictEvent]]:
    """The deliveries of requests for a second look, by consumer group. A receiver may hear of alerts, too."""
    return {
        group_of_second_looks(receiver.name): Delivery(
            receiver, client, store, settings.delivery.give_up_after, now, VerdictEvent
        )
        for receiver in second_look_receivers(settings, now)
    }


def begin_deliveries(
    deliveries: Mapping[str, Delivery[Any]], kafka: KafkaSettings, progress: Progress, stop: threading.Event
) -> None:
    """Let the receivers begin that are new. Before, no count may be handled: they would miss what follows from it."""

    def begin(group: str, delivery: Delivery[Any]) -> None:
        while not stop.is_set():
            try:
                with progress.waiting():
                    delivery.begin(kafka, group)
                break
            except DependencyAwayError as error:
                log.warning("waiting to see where a receiver begins", group=group, error=str(error))
                stop.wait(BEGIN_AGAIN_S)

    with ThreadPoolExecutor() as pool:
        list(pool.map(begin, deliveries.keys(), deliveries.values()))


def delivery_workers(
    settings: Settings,
    deliveries: Mapping[str, Delivery[Any]],
    incarnation: Incarnation,
    publisher: Publisher,
    progress: Slowest,
) -> Iterator[Worker[Any]]:
    """What receivers hear of in, requests to them out: in order by site, for each receiver."""
    rules = settings.delivery
    for group, delivery in deliveries.items():
        yield Worker(
            service="alerting",
            kafka=settings.kafka,
            group=group,
            consumes=delivery.consumes,
            handle=incarnation.guarded(delivery.handle),
            publisher=publisher,
            progress=progress.loop(),
            timers=delivery.timers(),
            max_in_flight=4,
            retry=RetryPolicy(UNLIMITED, rules.first_retry_s, rules.longest_retry_s),
            order="key",
        )


def known_tokens(settings: Settings) -> Tokens:
    """The tokens of those who may read, acknowledge, judge and silence, and the proxy that signs such people in."""
    scopes = (Scope.READ, Scope.ACKNOWLEDGE, Scope.VERDICT, Scope.OPERATE)
    return Tokens(settings.tokens.file, settings.alerting.tokens, scopes, trusted(settings.proxy))


def report_sites(sites: Collection[str], store: Store) -> None:
    """Update the gauges of these sites, and of alerts."""
    metrics.ALERTS_STANDING.set(len(store.standing()))
    missed = store.standing_missed()
    overdue_s = {(event.site, event.miss): (now() - event.due_at).total_seconds() for event in missed}
    for site in sites:
        for miss in Miss:
            metrics.SITE_OVERDUE_SECONDS.labels(site, miss.value).set(overdue_s.get((site, miss), 0.0))
    for site, status in store.statuses().items():
        if site not in sites or status.judged is None or status.judged.count is None:
            continue
        metrics.SITE_COUNT.labels(site).set(status.judged.count)
        metrics.SITE_CLEAR_LOOK.labels(site).set(status.judged.observed_at.timestamp())
        if status.judged.threshold is not None:
            metrics.SITE_THRESHOLD.labels(site).set(status.judged.threshold)


def report_taught(taught: Mapping[str, Taught]) -> None:
    """Report what people's verdicts teach, by site. What no verdict tells of any more ends."""
    for gauge in (metrics.SITE_PRECISION, metrics.SITE_RECALL, metrics.ALERTS_JUDGED):
        gauge.clear()
    for site, one in taught.items():
        for tally in one.cars:
            for gauge, share in ((metrics.SITE_PRECISION, tally.precision), (metrics.SITE_RECALL, tally.recall)):
                for bound, value in share.model_dump().items() if share else ():
                    gauge.labels(site, tally.condition, bound).set(value)
    judged = sum((one.alerts for one in taught.values()), AlertTally())
    if judged.right + judged.false + judged.unclear:
        for verdict in ("right", "false", "unclear"):
            metrics.ALERTS_JUDGED.labels(verdict).set(getattr(judged, verdict))


def run_together(workers: Sequence[Worker[Any]], stop: threading.Event) -> None:
    """Run each worker in a thread, until `stop` is set and the work in progress is finished."""
    threads = [threading.Thread(target=worker.run, args=(stop,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
