"""A watched bucket prefix: a GeoTIFF and `<same name>.json` beside it, as in the watched directory.

The bucket is only read. Redis holds which objects are done, by their entity tags, so that an object that is written
again is looked at again. If Redis is wiped, all scenes are read again and publish the same ids again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from railwatch.services.ingest.scenes.bringing import object_file
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.metadata import MAX_DOCUMENT_BYTES, parse_json, read_metadata
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.scenes.remote import File
from railwatch.services.ingest.sources.pairs import PARTNER_WITHIN_S, Pair, pairs
from railwatch.services.ingest.sources.polling import settle
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.events import derived_id
from railwatch.shared.masks import MaskFile, meaning_of

CHUNK_BYTES = 1024**2


class Tag(NamedTuple):
    """Which version of an object a bucket holds, and when it was written."""

    e_tag: str | None
    last_modified: datetime


class WatchedBucket:
    """A store of objects from which scenes are taken.

    Attributes:
        name: the source's.
        url: where it is.
        store: gives the objects, with the credentials of now.
        partner_within_s: how long an object may wait for the other one of its pair.
    """

    def __init__(
        self,
        name: str,
        url: str,
        store: Callable[[], ObjectStore],
        intake: Intake,
        partner_within_s: float = PARTNER_WITHIN_S,
    ) -> None:
        self._name, self._url = name, url
        self._store = store
        self._intake = intake
        self._partner_within = timedelta(seconds=partner_within_s)

    def poll(self, stop: threading.Event) -> bool:
        """Takes every pair that is not done yet, and says whether that is all of them.

        Raises:
            TransientError: the bucket cannot be listed, or Redis is away.
        """
        tags = self.listed()
        complete = True
        for pair in pairs(tags):
            if stop.is_set():
                return False
            youngest = max(tags[name].last_modified for name in pair.names)
            if None in pair and datetime.now(UTC) - youngest < self._partner_within:
                continue
            note = derived_id("bucket", self._name, self._url, *((name, tags[name].e_tag) for name in pair.names))
            complete &= settle(self._intake, note, pair.subject, self._name, partial(self.take, pair))
        return complete

    def listed(self) -> Mapping[str, Tag]:
        """The objects that are there now, by path.

        Raises:
            TransientError: the bucket cannot be listed.
        """
        try:
            return {
                found["path"]: Tag(found["e_tag"], found["last_modified"])
                for batch in obstore.list(self._store())
                for found in batch
            }
        except (BaseError, OSError) as error:
            raise TransientError(f"The bucket {self._url} cannot be listed: {type(error).__name__}.") from error

    def take(self, pair: Pair) -> Receipt:
        """Takes a pair.

        Raises:
            UnprocessableError: it is refused.
            TransientError: the bucket fails, or what ingest needs is away.
        """
        if pair.geotiff is None or pair.metadata is None:
            raise pair.refusal()
        metadata = read_metadata(parse_json(self.start_of(pair.metadata)), datetime.now(UTC))
        with self._errors(), ExitStack() as stack:
            # A scene without an id is named for its file's checksum, so all of it is needed.
            opened = self._whole if metadata.scene is None else self._parts
            file = stack.enter_context(opened(pair.geotiff))
            masks = [MaskFile(stack.enter_context(self._parts(name)), name, meaning_of(name)) for name in pair.masks]
            return self._intake.take(file, metadata, self._name, masks)

    @contextmanager
    def _parts(self, name: str) -> Iterator[File]:
        with self._intake.spool.file(self._intake.limits.max_bytes) as spooled:
            yield object_file(self._store(), name, spooled)

    def _whole(self, name: str) -> AbstractContextManager[File]:
        chunks = obstore.get(self._store(), name).stream(min_chunk_size=CHUNK_BYTES)
        return self._intake.spool.spooled((bytes(chunk) for chunk in chunks), self._intake.limits.max_bytes)

    def start_of(self, name: str) -> bytes:
        """An object's bytes; of one that is too long for metadata, enough to see that.

        Raises:
            UnprocessableError: `file-refused`.
            TransientError: the bucket fails.
            FileNotFoundError: the object is gone.
        """
        start = b""
        with self._errors():
            for chunk in obstore.get(self._store(), name).stream(min_chunk_size=CHUNK_BYTES):
                start += bytes(chunk)
                if len(start) > MAX_DOCUMENT_BYTES:
                    break
        return start

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError):
            raise UnprocessableError("file-refused", "The bucket does not let Railwatch read the object.") from None
        except BaseError as error:
            raise TransientError(f"The bucket {self._name} failed: {type(error).__name__}.") from error
