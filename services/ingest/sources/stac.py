"""A STAC API that is polled: each of its items over the sites is taken once.

Each search reaches back some days, because providers publish late and correct what they published. Redis holds which
items are done, by their id and what they say of their version.

An API may answer with anything. Each site is searched by itself, and each item is taken or refused by itself. A search
that fails holds up no other one, and is done again at the next poll.
"""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from pystac_client import Client

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.settings import StacSettings
from railwatch.services.ingest.sources.pages import Pages
from railwatch.services.ingest.sources.polling import settle
from railwatch.shared.errors import TransientError
from railwatch.shared.events import derived_id
from railwatch.shared.sites import Site

SOURCE = "stac"
# An API that answers with more pages to one search leads in a circle.
MAX_PAGES = 1_000
# Properties that a provider changes when an item is made anew; `updated` comes first.
VERSIONS = ("updated", "version", "processing:version", "processing:datetime")

log = structlog.get_logger()


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
        client, pages = self._opened()
        for site in self._intake.sites.sites.values():
            if stop.is_set():
                return
            pages.begin_search()
            for document in self._items(client, site):
                if stop.is_set():
                    return
                name, note = self._name(document)
                take = partial(take_item, self._intake, document, self._settings.asset, SOURCE)
                settle(self._intake, note, name, SOURCE, take)

    def _opened(self) -> tuple[Client, Pages]:
        settings = self._settings
        url = settings.url or ""
        try:
            pages = Pages(url, settings.token, settings.other_origins)
            return Client.open(url, stac_io=pages), pages
        except Exception as error:  # pystac lets every error through that a malformed answer provokes
            raise TransientError(f"The STAC API failed: {_short(error)}.") from error

    def _items(self, client: Client, site: Site) -> Iterator[Any]:
        """What a search over a site finds, as far as it gets."""
        now = datetime.now(UTC)
        try:
            search = client.search(
                collections=list(self._settings.collections) or None,
                bbox=site.polygon.bounds,
                datetime=(now - timedelta(days=self._settings.lookback_days), now),
            )
            for number, page in enumerate(search.pages_as_dicts(), start=1):
                if number > MAX_PAGES or not isinstance(page["features"], list):
                    raise ValueError("a page is no page")
                yield from page["features"]
        except Exception as error:  # as above
            metrics.SOURCE_FAILURES.labels(source=SOURCE).inc()
            log.warning("search failed", source=SOURCE, site=site.id, detail=_short(error))

    def _name(self, document: Any) -> tuple[str, str]:
        """An item's name in dead letters, and the claim that it is done. An item without an id is what it contains."""
        item = document if isinstance(document, dict) else {}
        name, properties = item.get("id"), item.get("properties")
        if not isinstance(name, str):
            return "an item without id", derived_id(SOURCE, self._settings.url, json.dumps(document))
        given = properties if isinstance(properties, dict) else {}
        updated, *others = (given.get(version) for version in VERSIONS)
        versions = [updated, *(other for other in others if other is not None)]
        return name, derived_id(SOURCE, self._settings.url, item.get("collection"), name, *versions)


def _short(error: Exception) -> str:
    """What went wrong, without the API's words: they may hold a secret."""
    status = getattr(error, "status_code", None)
    return type(error).__name__ + (f" {status}" if status else "")
