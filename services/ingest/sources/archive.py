"""The past of one site, as a STAC API, a bucket or a directory holds it: its scenes in order of time."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from railwatch.services.ingest.scenes.access import Access
from railwatch.services.ingest.scenes.assets import take_item
from railwatch.services.ingest.scenes.credentials import Credentials
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import parse_json, read_item, read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.sources.bucket import WatchedBucket
from railwatch.services.ingest.sources.directory import WatchedDirectory
from railwatch.services.ingest.sources.filters import wanted
from railwatch.services.ingest.sources.forms import BucketSource, DirectorySource, SourceForm, StacSource
from railwatch.services.ingest.sources.pairs import pairs
from railwatch.services.ingest.sources.polling import attempt
from railwatch.services.ingest.sources.stac import api_error, items_over, opened, properties_of
from railwatch.shared.errors import UnprocessableError
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
        outcome = attempt(self.subject, self.source, self.take)
        if isinstance(outcome, UnprocessableError) and outcome.reason != ELSEWHERE:
            intake.refuse(outcome, self.subject, self.content, self.source)
        return outcome


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
        directory = WatchedDirectory(source.name, source.path, intake)
        found = _in_files(source.name, directory, directory.listed())
    elif isinstance(source, BucketSource):
        objects = partial(Credentials(source.credentials).bucket, source.url)
        bucket = WatchedBucket(source.name, source.url, objects, intake)
        found = _in_files(source.name, bucket, {path: (tag.e_tag,) for path, tag in bucket.listed().items()})
    else:
        found = _in_stac(source, intake, site, since, until)
    within = [one for one in found if one.observed_at is None or since <= one.observed_at < until]
    return sorted(within, key=lambda one: (one.observed_at or since, one.subject))


def _in_files(
    source: str, watched: WatchedDirectory | WatchedBucket, versions: Mapping[str, tuple[object, ...]]
) -> Iterator[Archived]:
    for pair in pairs(versions):
        content = derived_id(*((name, *versions[name]) for name in pair.names))
        observed_at = _time_in(watched, pair.metadata) if pair.metadata else None
        yield Archived(source, pair.subject, content, observed_at, partial(watched.take, pair))


def _time_in(watched: WatchedDirectory | WatchedBucket, metadata: str) -> datetime | None:
    try:
        return read_metadata(parse_json(watched.start_of(metadata)), datetime.now(UTC)).observed_at
    except UnprocessableError:
        return None


def _in_stac(source: StacSource, intake: Intake, site: Site, since: datetime, until: datetime) -> Iterator[Archived]:
    credentials = Credentials(source.credentials)
    access = Access(source.asset_roots or intake.limits.asset_roots, credentials)
    client, _ = opened(source, credentials, threading.Event())
    try:
        documents = list(items_over(client, source, site, (since, until)))
    except Exception as error:  # pystac lets every error through that a malformed answer provokes
        raise api_error(error) from error
    for document in documents:
        item = document if isinstance(document, dict) else {}
        if not wanted(source.filters, properties_of(item)):
            continue
        try:
            observed_at = read_item(document, datetime.now(UTC)).metadata.observed_at
        except UnprocessableError:
            observed_at = None
        subject = str(item.get("id", "an item without id"))
        content = derived_id(source.url, json.dumps(document, sort_keys=True))
        take = partial(take_item, intake, document, source.asset, source.name, access=access)
        yield Archived(source.name, subject, content, observed_at, take)
