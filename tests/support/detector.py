"""The detector's handler, counting in the process of the test."""

import redis

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.attempts import Attempts
from railwatch.services.detector.handler import TileHandler
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.noted import UnregisteredLooks
from railwatch.services.detector.renewal import Renewals
from railwatch.services.detector.work import Calculator
from railwatch.shared.events import CountEvent, TileEvent


def handler_over(renewals: Renewals, client: redis.Redis, calculator: Calculator | None = None) -> TileHandler:
    """Counts tiles of the sites, blobs and baselines that `renewals` knows."""
    return TileHandler(
        renewals.sites,
        renewals.blobs,
        calculator or Answering(renewals.blobs.get),
        Attempts(client),
        renewals.baselines,
        UnregisteredLooks(client),
        renewals,
        MAX_PIXELS,
    )


def counts_made(handler: TileHandler, tile: TileEvent) -> list[CountEvent]:
    """The counts that come of a tile: one of a look, none of a baseline."""
    return [event for event in handler.handle(tile) if isinstance(event, CountEvent)]
