"""The asset of a STAC Item is brought here, from addresses that the operator allows and from no others."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
import obstore
import pystac
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from railwatch.services.ingest.scenes.fetch import MAX_REDIRECTS, TooManyRedirectsError, TooSlowError, fetch
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.items import mask_assets, scene_asset, unread_masks
from railwatch.services.ingest.scenes.metadata import MAX_REMARK, read_item, scaled
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.services.ingest.scenes.spool import Spool
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.access import Holder
from railwatch.shared.errors import TransientError, UnprocessableError
from railwatch.shared.masks import MaskFile
from railwatch.shared.text import plain

CHUNK_BYTES = 1024**2
# Seconds that a whole asset may take.
FETCH_WITHIN_S = 900.0
# A dot, a slash or a backslash that is still encoded after decoding. Some servers decode twice.
ENCODED_TWICE = re.compile(r"%(2e|2f|5c)", re.IGNORECASE)


def take_item(
    intake: Intake,
    document: dict[str, Any],
    asset: str | None,
    source: str,
    sender: Holder | None = None,
    its_turn: Callable[[], None] = lambda: None,
) -> Receipt:
    """Publishes the tiles of the scene that a STAC Item describes.

    Args:
        intake: takes the scene.
        document: the STAC Item.
        asset: name of the asset to take, where the item has several GeoTIFFs.
        source: where the item comes in.
        sender: who pushed the item; null if it comes from another source.
        its_turn: called when its files are here and it has waited for others. What it raises ends the work.

    Raises:
        UnprocessableError: the item or its scene is refused.
        TransientError: the asset's server, broker, store or Redis are away.
    """
    described = read_item(document, datetime.now(UTC))
    metadata = scaled(described, document, asset)
    with ExitStack() as stack:
        path = stack.enter_context(fetched(scene_href(described.item, asset), intake.limits, intake.spool))
        scene = scene_asset(described.item, asset)
        masks = []
        not_used = [(name, "It is not a GeoTIFF.") for name in unread_masks(described.item, scene)]
        for name, meaning in mask_assets(described.item, scene):
            try:
                mask = stack.enter_context(fetched(_href(described.item.assets[name]), intake.limits, intake.spool))
            except UnprocessableError as error:
                not_used.append((name, error.detail))
            else:
                masks.append(MaskFile(mask, name, meaning))
        remarks = (plain(f"The mask `{name}` is not used. {why}", MAX_REMARK) for name, why in not_used)
        metadata = metadata.model_copy(update={"remarks": (*metadata.remarks, *remarks)})
        return intake.take(path, metadata, source, masks, sender, its_turn)


def scene_href(item: pystac.Item, asset: str | None = None) -> str:
    """The absolute address of an item's scene: of the named asset, or of its only GeoTIFF.

    Raises:
        UnprocessableError: `asset-missing`, `asset-ambiguous` or `asset-refused`.
    """
    return _href(item.assets[scene_asset(item, asset)])


def _href(found: pystac.Asset) -> str:
    try:
        href = found.get_absolute_href()
    except Exception:  # pystac lets every error through that a malformed link provokes
        href = None
    if href is None:
        raise UnprocessableError("asset-refused", "The asset's address is relative; it must be absolute.")
    return f"file://{quote(href)}" if href.startswith("/") else href


@contextmanager
def fetched(href: str, limits: SceneSettings, spool: Spool) -> Iterator[Path]:
    """The asset as a local file. A file that was brought here is removed afterwards.

    Raises:
        UnprocessableError: `asset-refused`, `asset-not-found` or `scene-too-large`.
        TransientError: the asset's server does not answer, or there is no room in the spool.
    """
    _check_allowed(href, limits)
    match urlsplit(href).scheme:
        case "file":
            yield _local(href, limits)
        case "s3":
            with spool.spooled(_s3_chunks(href), limits.max_bytes) as path:
                yield path
        case _:
            with spool.file(limits.max_bytes) as (path, write):
                _fetch(href, limits, write)
                yield path


def allowed(href: str, roots: Iterable[str]) -> bool:
    """Whether an address lies below one of the roots: same scheme, same host and port, and the path inside."""
    return any(_below(href, root) for root in roots)


def _below(href: str, root: str) -> bool:
    try:
        asked, given = urlsplit(href), urlsplit(root)
    except ValueError:
        return False
    path = unquote(asked.path)
    return (
        href.isprintable()
        and "\\" not in path
        and not ENCODED_TWICE.search(path)
        and not any(segment.partition(";")[0].strip() in (".", "..") for segment in path.split("/"))
        and (asked.scheme, asked.netloc) == (given.scheme, given.netloc)
        and path.startswith(given.path.rstrip("/") + "/")
    )


def _check_allowed(href: str, limits: SceneSettings) -> None:
    if not allowed(href, limits.asset_roots):
        raise UnprocessableError(
            "asset-refused",
            "The asset's address must lie below one of the roots that RAILWATCH_SCENES_ASSET_ROOTS allows.",
        )


def _local(href: str, limits: SceneSettings) -> Path:
    try:
        path = Path(unquote(urlsplit(href).path)).resolve(strict=True)
    except (OSError, ValueError):
        raise _not_found(href) from None
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise _not_found(href)
    if not allowed(
        path.as_uri(), [Path(unquote(urlsplit(root).path)).resolve().as_uri() for root in _local_roots(limits)]
    ):
        raise UnprocessableError("asset-refused", "The asset is a link that leads out of the allowed directories.")
    return path


def _local_roots(limits: SceneSettings) -> list[str]:
    return [root for root in limits.asset_roots if root.startswith("file://")]


def _s3_chunks(href: str) -> Iterator[bytes]:
    parts = urlsplit(href)
    try:
        store = from_url(f"s3://{parts.netloc}")
        for chunk in obstore.get(store, parts.path.lstrip("/")).stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)
    except FileNotFoundError:
        raise _not_found(href) from None
    except (PermissionDeniedError, UnauthenticatedError):
        raise _not_found(href, " that may be read") from None
    except (BaseError, OSError) as error:
        raise TransientError(f"The bucket {parts.netloc} failed: {type(error).__name__}.") from error


def _fetch(href: str, limits: SceneSettings, write: Callable[[bytes], None]) -> None:
    """Brings an asset. Each redirect is checked, too: it must lead below an allowed root."""

    def headers_for(address: str) -> dict[str, str]:
        _check_allowed(address, limits)
        return {}

    try:
        response = fetch(href, headers_for, write, FETCH_WITHIN_S)
    except (httpx.InvalidURL, ValueError):
        raise UnprocessableError("asset-refused", "The asset's address is not a URL.") from None
    except TooManyRedirectsError:
        problem = f"The asset's address redirects more than {MAX_REDIRECTS} times."
        raise UnprocessableError("asset-refused", problem) from None
    except TooSlowError:
        raise TransientError("The asset's server sends too slowly.") from None
    except httpx.HTTPError as error:
        raise TransientError(f"The asset's server failed: {type(error).__name__}.") from error
    _check_status(response, href)


def _check_status(response: httpx.Response, href: str) -> None:
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise TransientError(f"The asset's server answered {response.status_code}.")
    if not response.is_success:
        raise _not_found(href, f" ({response.status_code})")


def _not_found(href: str, why: str = "") -> UnprocessableError:
    parts = urlsplit(href)
    return UnprocessableError(
        "asset-not-found",
        f"There is no file at {parts.scheme}://{parts.netloc}{parts.path}{why}; push it, or repair the item.",
    )
