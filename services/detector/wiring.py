"""How the parts of the detector are put together."""

from datetime import timedelta

import redis

from railwatch.services.detector.attempts import Attempts
from railwatch.services.detector.baselines import holds_state
from railwatch.services.detector.handler import TileHandler
from railwatch.services.detector.noted import UnregisteredLooks
from railwatch.services.detector.processes import Limits, Processes
from railwatch.services.detector.renewal import renewals_over
from railwatch.services.detector.settings import Settings
from railwatch.services.detector.work import Calculator
from railwatch.shared.blobs import BlobStore
from railwatch.shared.bus import Publisher, Timer, Worker
from railwatch.shared.bus.offsets import has_worked
from railwatch.shared.events import TileEvent
from railwatch.shared.eviction import watch_eviction
from railwatch.shared.health import Progress
from railwatch.shared.incarnation import Incarnation
from railwatch.shared.sites import LiveSites

# The consumer group of all detectors.
GROUP = "railwatch-detector"
# How often the gauges of the sites are brought up to date.
GAUGES_EVERY = timedelta(seconds=15)
# How often what was decided about baselines is published.
BASELINES_EVERY = timedelta(seconds=15)


def incarnation_of(settings: Settings, client: redis.Redis) -> Incarnation:
    """Whether the detector's state in Redis is whole."""
    return Incarnation(
        client, "detector", lambda: holds_state(client), lambda: has_worked(settings.kafka, GROUP, TileEvent)
    )


def processes_of(settings: Settings) -> Processes:
    """The processes that count."""
    detector = settings.detector
    limits = Limits(1_000_000 * detector.memory_mb, detector.time_s, detector.max_pixels)
    return Processes(detector.threads, settings.blobs, limits)


def tile_worker(
    settings: Settings,
    sites: LiveSites,
    client: redis.Redis,
    incarnation: Incarnation,
    blobs: BlobStore,
    publisher: Publisher,
    calculator: Calculator,
    progress: Progress,
) -> Worker[TileEvent]:
    """Tiles in, counts out. While state is lost, they wait: they would be counted without their baselines."""
    unregistered = UnregisteredLooks(client)
    renewals = renewals_over(blobs, client)
    handler = TileHandler(
        sites.with_retired,
        blobs,
        calculator,
        Attempts(client),
        renewals.baselines,
        unregistered,
        renewals,
        settings.detector.recall_share,
    )

    def report() -> None:
        watch_eviction(client, incarnation)
        incarnation.require()
        watched = list(sites)
        unregistered.report(watched)
        renewals.outdated.report(watched)

    def tell() -> None:
        incarnation.require()
        renewals.baselines.publish(publisher, blobs.objects)

    return Worker(
        service="detector",
        kafka=settings.kafka,
        group=GROUP,
        consumes=TileEvent,
        handle=incarnation.guarded(handler.handle),
        publisher=publisher,
        progress=progress,
        timers=[Timer(GAUGES_EVERY, report), Timer(BASELINES_EVERY, tell)],
        meanwhile=incarnation.guarded(handler.renew_ahead),
        max_in_flight=settings.detector.threads,
    )
