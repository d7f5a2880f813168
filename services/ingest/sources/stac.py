"""A STAC API that is polled: each of its items over the sites is taken once.

Each search reaches back some days, because providers publish late and correct what they published. Redis holds which
items are done, by their id and their `updated` time.
"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pystac import STACError
from pystac_client import Client
from pystac_client.exceptions import APIError

from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.settings import StacSettings
from railwatch.services.ingest.sources.polling import offer
from railwatch.shared.errors import TransientError
from railwatch.shared.events import derived_id

SOURCE = "stac"
TIMEOUT_S = 30.0


class PolledCatalogue:
    """A STAC API from which scenes are taken."""

    def __init__(self, settings: StacSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake

    def poll(self, stop: threading.Event) -> None:
        """Searches over every site and takes what is not done yet.

        Raises:
            TransientError: the API does not answer as it should, or Redis is away.
        """
        for document in self._items():
            if stop.is_set():
                return
            self._settle(document)

    def _settle(self, document: dict[str, Any]) -> None:
        properties = document.get("properties") or {}
        collection, name = document.get("collection"), str(document.get("id"))
        note = derived_id(SOURCE, self._settings.url, collection, name, properties.get("updated"))
        if self._intake.claims.get(note) is None:
            take = partial(take_item, self._intake, document, self._settings.asset, SOURCE)
            outcome = offer(self._intake, name[:200], SOURCE, take)
            if outcome is not None:
                self._intake.claims.put(note, "settled")

    def _items(self) -> Iterator[dict[str, Any]]:
        now = datetime.now(UTC)
        token = self._settings.token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else None
        try:
            client = Client.open(self._settings.url or "", headers=headers, timeout=TIMEOUT_S)
            for site in self._intake.sites.sites.values():
                search = client.search(
                    collections=list(self._settings.collections) or None,
                    bbox=site.polygon.bounds,
                    datetime=(now - timedelta(days=self._settings.lookback_days), now),
                )
                yield from search.items_as_dicts()
        except (APIError, STACError, ValueError, KeyError, NotImplementedError) as error:
            raise TransientError(f"The STAC API failed: {type(error).__name__}.") from error
