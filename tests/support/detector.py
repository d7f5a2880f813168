"""The detector's handler, counting in the process of the test."""

from collections.abc import Mapping

import redis

from railwatch.services.detector.answering import Answering
from railwatch.services.detector.attempts import Attempts
from railwatch.services.detector.handler import TileHandler
from railwatch.services.detector.imagery.geotiff import MAX_PIXELS
from railwatch.services.detector.noted import UnregisteredLooks
from railwatch.services.detector.renewal import Renewals
from railwatch.shared.events import CountEvent, TileEvent
from railwatch.shared.sites import Site


def handler_over(sites: Mapping[str, Site], renewals: Renewals, client: redis.Redis) -> TileHandler:
    """Counts tiles of the sites over the blobs and baselines that `renewals` knows."""
    return TileHandler(
        sites,
        renewals.blobs,
        Answering(renewals.blobs.get, MAX_PIXELS),
        Attempts(client),
        renewals.baselines,
        UnregisteredLooks(client),
        renewals,
    )


def counts_made(handler: TileHandler, tile: TileEvent) -> list[CountEvent]:
    """The counts that come of a tile: one of a look, none of a baseline."""
    return [event for event in handler.handle(tile) if isinstance(event, CountEvent)]
