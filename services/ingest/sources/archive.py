"""The past of one site, as a STAC API, a bucket or a directory holds it: its scenes in order of time."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url
from pystac_client import Client

from railwatch.services.ingest.scenes.access import Access
from railwatch.services.ingest.scenes.arrival import arriving
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import parse_json, read_item, read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.filters import wanted
from railwatch.services.ingest.sources.forms import BucketSource, DirectorySource, SourceForm, StacSource
from railwatch.services.ingest.sources.pages import Pages
from railwatch.services.ingest.sources.pairs import pairs
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import derived_id
from railwatch.shared.sites import Site

# The reason of a scene that shows other places. In an archive of many sites it is no fault.
ELSEWHERE = "no-site-overlap"


@dataclass(frozen=True)
class Archived:
    """A scene in an archive.

    Attributes:
        source: the name of the source.
        subject: its name in dead letters and logs.
        content: an id of what it is.
        observed_at: when the satellite saw it; null if its metadata do not say.
        take: reads it, and publishes its tiles.
    """

    source: str
    subject: str
    content: str
    observed_at: datetime | None
    take: Callable[[], Receipt]

    def taken_by(self, intake: Intake) -> Receipt | UnprocessableError:
        """The receipt, or why the scene is refused. A refusal is told by a dead letter, unless it shows other places.

        Raises:
            TransientError: the archive, broker, store or Redis are away.
        """
        try:
            with arriving(self.source):
                return self.take()
        except UnprocessableError as error:
            if error.reason != ELSEWHERE:
                intake.refuse(error, self.subject, self.content, self.source)
            return error


def archived(source: SourceForm, intake: Intake, site: Site, since: datetime, until: datetime) -> list[Archived]:
    """The scenes of a source in a span of time, oldest first. Those without a time come first, to be refused.

    Args:
        source: where they lie.
        intake: takes them.
        site: a STAC API is searched over this site. Elsewhere, scenes are known by their time only.
        since: the beginning of the span.
        until: its end, which is no part of it.

    Raises:
        TransientError: the source does not answer as it should.
        OSError: the directory cannot be read.
    """
    if isinstance(source, DirectorySource):
        found = _in_directory(source, intake)
    elif isinstance(source, BucketSource):
        found = _in_bucket(source, intake)
    else:
        found = _in_stac(source, intake, site, since, until)
    within = [one for one in found if one.observed_at is None or since <= one.observed_at < until]
    return sorted(within, key=lambda one: (one.observed_at or since, one.subject))


def _in_directory(source: DirectorySource, intake: Intake) -> Iterator[Archived]:
    watched = WatchedDirectory(source.name, source.path, intake)
    stamps = {path.name: path.stat() for path in source.path.iterdir() if path.is_file()}
    for pair in pairs(stamps):
        content = derived_id(*((name, stamps[name].st_size, stamps[name].st_mtime_ns) for name in pair.names))
        text = (source.path / pair.metadata).read_bytes() if pair.metadata else b""
        yield Archived(source.name, pair.subject, content, _time_of(text), partial(watched.take, pair))


def _in_bucket(source: BucketSource, intake: Intake) -> Iterator[Archived]:
    store = from_url(source.url, **Credentials(source.credentials).s3(urlsplit(source.url).netloc).options())
    watched = WatchedBucket(source.name, source.url, store, intake)
    try:
        tags = {found["path"]: found["e_tag"] for batch in obstore.list(store) for found in batch}
        for pair in pairs(tags):
            content = derived_id(*((name, tags[name]) for name in pair.names))
            text = watched.start_of(pair.metadata) if pair.metadata else b""
            yield Archived(source.name, pair.subject, content, _time_of(text), partial(watched.take, pair))
    except (BaseError, OSError) as error:
        raise TransientError(f"The bucket {source.url} failed: {type(error).__name__}.") from error


def _in_stac(source: StacSource, intake: Intake, site: Site, since: datetime, until: datetime) -> Iterator[Archived]:
    credentials = Credentials(source.credentials)
    access = Access(source.asset_roots or intake.limits.asset_roots, credentials)
    try:
        pages = Pages(source.url, credentials, source.other_origins, threading.Event())
        client = Client.open(source.url, stac_io=pages)
        pages.begin_search()
        collections = list(source.collections) or None
        search = client.search(collections=collections, bbox=site.polygon.bounds, datetime=(since, until))
        documents: list[Any] = [document for page in search.pages_as_dicts() for document in page["features"]]
    except Exception as error:  # pystac lets every error through that a malformed answer provokes
        raise TransientError(f"The STAC API failed: {type(error).__name__}.") from error
    for document in documents:
        item = document if isinstance(document, dict) else {}
        properties = item.get("properties")
        if not wanted(source.filters, properties if isinstance(properties, dict) else {}):
            continue
        try:
            observed_at = read_item(document, datetime.now(UTC)).metadata.observed_at
        except UnprocessableError:
            observed_at = None
        subject = str(item.get("id", "an item without id"))
        content = derived_id(source.url, json.dumps(document, sort_keys=True))
        take = partial(take_item, intake, document, source.asset, source.name, access=access)
        yield Archived(source.name, subject, content, observed_at, take)


def _time_of(text: bytes) -> datetime | None:
    try:
        return read_metadata(parse_json(text), datetime.now(UTC)).observed_at
    except UnprocessableError:
        return None
