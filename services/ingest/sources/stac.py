"""A STAC API that is polled: each of its items over the sites is taken once.

Each search reaches back some days before the last one, because providers publish late and correct what they published.
So nothing is missed while ingest, or the API, is away, for however long. Redis holds up to when each site was searched,
and which items are done, by their id and what they say of their version.

An API may answer with anything. Each site is searched by itself, and each item is taken or refused by itself. A search
that fails holds up no other one, and is done again at the next poll.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import structlog
from pystac_client import Client

from railwatch.services.ingest import metrics
from railwatch.services.ingest.scenes.access import Access
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.sources.filters import asked_of, wanted
from railwatch.services.ingest.sources.forms import StacSource
from railwatch.services.ingest.sources.pages import AskedToWaitError, Pages
from railwatch.services.ingest.sources.polling import settle
from railwatch.services.ingest.sources.turns import Turns
from railwatch.shared.errors import TransientError
from railwatch.shared.events import derived_id
from railwatch.shared.sites import Site

# An API that answers with more pages to one search leads in a circle.
MAX_PAGES = 1_000
# Properties that a provider changes when an item is made anew; `updated` comes first.
VERSIONS = ("updated", "version", "processing:version", "processing:datetime")

# What no API can answer with.
END = object()

log = structlog.get_logger()


class PolledCatalogue:
    """A STAC API from which scenes are taken."""

    def __init__(self, source: StacSource, intake: Intake, turns: Turns) -> None:
        self._source, self._intake, self._turns = source, intake, turns
        self._credentials = Credentials(source.credentials)
        self._filters_itself = True
        self._access = Access(source.asset_roots or intake.limits.asset_roots, self._credentials)

    def poll(self, stop: threading.Event) -> bool:
        """Searches over every site and takes what is not done yet. It says whether that was everything.

        The sites that were searched longest ago come first. So all have their turn at an API that allows few requests.

        Raises:
            TransientError: the API does not answer as it should, or asks us to wait, or Redis is away.
        """
        client, pages = opened(self._source, self._credentials, stop)
        searched = self._turns.searched()
        never = datetime.min.replace(tzinfo=UTC)
        sites = self._intake.sites.sites
        complete = True
        for site_id in sorted(sites, key=lambda site_id: searched.get(site_id, never)):
            if stop.is_set():
                return False
            if (site := sites.get(site_id)) is None:
                continue  # it was retired meanwhile
            now = datetime.now(UTC)
            pages.begin_search()
            if self._search(client, site, searched.get(site.id, now), now, stop):
                self._turns.search(site.id, now)
            else:
                complete = False
        return complete

    def _search(self, client: Client, site: Site, since: datetime, now: datetime, stop: threading.Event) -> bool:
        """Takes what a search over a site finds, as far as it gets, and says whether that was everything.

        Args:
            client: the API.
            site: the site.
            since: when it was searched last.
            now: the present.
            stop: ends the search.
        """
        during = since - timedelta(days=self._source.lookback_days), now
        asked = asked_of(client, self._source.filters) if self._filters_itself else {}
        complete, items = True, items_over(client, self._source, site, during, asked)
        while True:
            try:
                document = next(items, END)
            except AskedToWaitError as error:
                raise api_error(error) from None
            except Exception as error:  # pystac lets every error through that a malformed answer provokes
                metrics.SOURCE_FAILURES.labels(source=self._source.name).inc()
                log.warning("search failed", source=self._source.name, site=site.id, detail=_short(error))
                if getattr(error, "status_code", None) == httpx.codes.BAD_REQUEST:
                    self._filters_itself = False  # it does not know all that it says: its answers are filtered here
                return False
            if document is END:
                return complete
            if stop.is_set():
                return False
            complete &= self._settled(document)

    def _settled(self, document: Any) -> bool:
        item = document if isinstance(document, dict) else {}
        if not wanted(self._source.filters, properties_of(item)):
            return True
        name, note = self._name(item, document)
        source = self._source.name
        take = partial(take_item, self._intake, document, self._source.asset, source, access=self._access)
        return settle(self._intake, note, name, source, take)

    def _name(self, item: dict[str, Any], document: Any) -> tuple[str, str]:
        """An item's name in dead letters, and the claim that it is done. An item without an id is what it contains."""
        of_source = ("stac", self._source.name, self._source.url)
        name, properties = item.get("id"), properties_of(item)
        if not isinstance(name, str):
            return "an item without id", derived_id(*of_source, json.dumps(document))
        updated, *others = (properties.get(version) for version in VERSIONS)
        versions = [updated, *(other for other in others if other is not None)]
        return name, derived_id(*of_source, item.get("collection"), name, *versions)


def opened(source: StacSource, credentials: Credentials, stop: threading.Event) -> tuple[Client, Pages]:
    """The API of a source, and what reads its pages.

    Args:
        source: the source.
        credentials: what each origin gets of us.
        stop: ends a pause that the API asks for.

    Raises:
        TransientError: the API does not answer as it should, or asks us to wait.
    """
    try:
        pages = Pages(source.url, credentials, source.other_origins, stop)
        return Client.open(source.url, stac_io=pages), pages
    except Exception as error:  # pystac lets every error through that a malformed answer provokes
        raise api_error(error) from error


def items_over(
    client: Client,
    source: StacSource,
    site: Site,
    during: tuple[datetime, datetime],
    asked: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """What an API answers to a search over a site. It may be anything, and so may the errors that it provokes.

    Args:
        client: the API.
        source: which collections are searched.
        site: the site.
        during: when the items were acquired.
        asked: what else is asked of it, see `asked_of`.
    """
    search = client.search(
        collections=list(source.collections) or None, bbox=site.polygon.bounds, datetime=during, **(asked or {})
    )
    for number, page in enumerate(search.pages_as_dicts(), start=1):
        if number > MAX_PAGES or not isinstance(page["features"], list):
            raise ValueError("a page is no page")
        yield from page["features"]


def properties_of(item: dict[str, Any]) -> dict[str, Any]:
    """An item's properties; none if they are malformed."""
    properties = item.get("properties")
    return properties if isinstance(properties, dict) else {}


def api_error(error: Exception) -> TransientError:
    """What an operator is told of an API that fails, or asks us to wait."""
    if isinstance(error, AskedToWaitError):
        return TransientError(f"The STAC API asks us to wait {error.wait_s:.0f} s.", retry_after_s=error.wait_s)
    return TransientError(f"The STAC API failed: {_short(error)}.")


def _short(error: Exception) -> str:
    """What went wrong, without the API's words: they may hold a secret."""
    status = getattr(error, "status_code", None)
    return type(error).__name__ + (f" {status}" if status else "")
