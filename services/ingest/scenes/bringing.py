"""Files are brought here from where they lie: a directory, a bucket, or a server. Of large ones, only parts."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError
from obstore.store import ObjectStore

from railwatch.services.ingest.scenes.access import Access, allowed
from railwatch.services.ingest.scenes.fetch import (
    MAX_REDIRECTS,
    PARTS_AT_ONCE,
    Part,
    TooManyRedirectsError,
    TooSlowError,
    WrongPartError,
    fetch,
    fetch_parts,
)
from railwatch.services.ingest.scenes.remote import HEAD, File, RemoteFile
from railwatch.services.ingest.scenes.spool import Spool, Spooled
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import TransientError, UnprocessableError

# Seconds that a whole asset, or one part of it, may take.
FETCH_WITHIN_S = 900.0
# The answer to a request for a part: where the part lies, and how long the whole is.
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
FORBIDDEN = (401, 403)


@contextmanager
def fetched(href: str, limits: SceneSettings, spool: Spool, access: Access | None = None) -> Iterator[File]:
    """The asset as a file. What was brought here is removed afterwards.

    Args:
        href: its address.
        limits: how much of it may come.
        spool: where it is kept.
        access: where assets may lie, and with which credentials they are read; by default what the settings allow.

    Raises:
        UnprocessableError: `asset-refused`, `asset-not-found` or `scene-too-large`.
        TransientError: the asset's server does not answer, or there is no room in the spool.
    """
    access = access or Access(limits.asset_roots)
    access.check(href)
    parts = urlsplit(href)
    match parts.scheme:
        case "file":
            yield _local(href, access)
        case "s3":
            with spool.file(limits.max_bytes) as spooled:
                yield _in_bucket(href, access, spooled)
        case _:
            with spool.file(limits.max_bytes) as spooled:
                yield _on_server(href, access, spooled)


def object_file(store: ObjectStore, path: str, spooled: Spooled) -> File:
    """An object of a store as a file, of which parts are brought.

    Raises:
        FileNotFoundError, obstore.exceptions.BaseError: the store does not let it be read.
    """
    found = obstore.head(store, path)
    size_bytes, e_tag = found["size"], found["e_tag"]
    same = {"if_match": e_tag} if e_tag else {}

    def part_of(part: Part) -> tuple[int, bytes]:
        options: Any = {"range": (part.start, part.end), **same}
        return part.start, bytes(obstore.get(store, path, options=options).bytes())

    def bring(wanted: Sequence[Part], keep: Callable[[int, bytes], None]) -> None:
        try:
            with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
                for start, data in threads.map(part_of, wanted):
                    keep(start, data)
        except PreconditionError:
            raise _changed() from None
        except (BaseError, OSError) as error:
            raise TransientError(f"The object's store failed: {type(error).__name__}.") from error

    if size_bytes:
        spooled.write(part_of(Part(0, min(HEAD.end, size_bytes)))[1])
    if size_bytes <= HEAD.end:
        return spooled.path
    return RemoteFile(size_bytes, f"{e_tag} {found['last_modified'].isoformat()}", spooled, bring)


def _in_bucket(href: str, access: Access, spooled: Spooled) -> File:
    parts = urlsplit(href)
    try:
        return object_file(access.credentials.bucket(f"s3://{parts.netloc}"), parts.path.lstrip("/"), spooled)
    except FileNotFoundError:
        raise _not_found(href) from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise _not_found(href, " that may be read") from None
    except (BaseError, OSError) as error:
        raise TransientError(f"The bucket {parts.netloc} failed: {type(error).__name__}.") from error


def _on_server(href: str, access: Access, spooled: Spooled) -> File:
    """What a server sends: all of a file, or its head, if the server can send parts."""
    with _plain_errors():
        response = fetch(href, access.request, spooled.write, FETCH_WITHIN_S, part=HEAD)
        if response.status_code in FORBIDDEN and access.signer.forget(href):
            response = fetch(href, access.request, spooled.write, FETCH_WITHIN_S, part=HEAD)
    _check_status(response, href)
    lies = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return spooled.path
    if lies is None or int(lies[1]) != 0 or int(lies[2]) + 1 != spooled.size_bytes:
        raise _wrong_part()
    size_bytes, version = int(lies[3]), _version(response)
    if size_bytes <= spooled.size_bytes:
        return spooled.path

    def bring(wanted: Sequence[Part], keep: Callable[[int, bytes], None]) -> None:
        def take(part: Part, answer: httpx.Response, data: bytes) -> None:
            if answer.status_code in FORBIDDEN and access.signer.forget(href):
                raise TransientError("The asset's server no longer accepts the token.")
            _check_status(answer, href)
            expected = f"bytes {part.start}-{part.end - 1}/{size_bytes}"
            if answer.headers.get("content-range") != expected or _version(answer) != version:
                raise _changed()
            keep(part.start, data)

        with _plain_errors():
            fetch_parts(href, access.request, wanted, take, FETCH_WITHIN_S)

    return RemoteFile(size_bytes, version, spooled, bring)


def _version(response: httpx.Response) -> str:
    return " ".join(response.headers.get(name, "") for name in ("etag", "last-modified"))


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except (httpx.InvalidURL, ValueError):
        raise UnprocessableError("asset-refused", "The asset's address is not a URL.") from None
    except TooManyRedirectsError:
        problem = f"The asset's address redirects more than {MAX_REDIRECTS} times."
        raise UnprocessableError("asset-refused", problem) from None
    except WrongPartError:
        raise _wrong_part() from None
    except TooSlowError:
        raise TransientError("The asset's server sends too slowly.") from None
    except httpx.HTTPError as error:
        raise TransientError(f"The asset's server failed: {type(error).__name__}.") from None


def _local(href: str, access: Access) -> Path:
    try:
        path = Path(unquote(urlsplit(href).path)).resolve(strict=True)
    except (OSError, ValueError):
        raise _not_found(href) from None
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise _not_found(href)
    roots = [root for root in access.roots if root.startswith("file://")]
    if not allowed(path.as_uri(), [Path(unquote(urlsplit(root).path)).resolve().as_uri() for root in roots]):
        raise UnprocessableError("asset-refused", "The asset is a link that leads out of the allowed directories.")
    return path


def _check_status(response: httpx.Response, href: str) -> None:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TransientError(f"The asset's server answered {response.status_code}.")
    if not response.is_success:
        raise _not_found(href, f" ({response.status_code})")


def _wrong_part() -> TransientError:
    return TransientError("The asset's server sent another part of the file than it was asked for.")


def _changed() -> TransientError:
    return TransientError("The file changed while it was read.")


def _not_found(href: str, why: str = "") -> UnprocessableError:
    parts = urlsplit(href)
    return UnprocessableError(
        "asset-not-found",
        f"There is no file at {parts.scheme}://{parts.netloc}{parts.path}{why}; push it, or repair the item.",
    )
