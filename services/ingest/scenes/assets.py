"""The asset of a STAC Item is brought here, from addresses that the operator allows and from no others."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from railwatch.services.ingest.scenes.access import Access
from railwatch.services.ingest.scenes.bringing import fetched
from railwatch.services.ingest.scenes.intake import Intake
from railwatch.services.ingest.scenes.items import mask_assets, scene_asset, unread_masks
from railwatch.services.ingest.scenes.metadata import MAX_REMARK, read_item, scaled
from railwatch.services.ingest.scenes.receipts import Receipt
from railwatch.shared.access import Holder
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.masks import MaskFile
from railwatch.shared.text import plain

if TYPE_CHECKING:
    import pystac


def take_item(
    intake: Intake,
    document: dict[str, Any],
    asset: str | None,
    source: str,
    sender: Holder | None = None,
    its_turn: Callable[[], None] = lambda: None,
    access: Access | None = None,
) -> Receipt:
    """Publishes the tiles of the scene that a STAC Item describes.

    Args:
        intake: takes the scene.
        document: the STAC Item.
        asset: name of the asset to take, where the item has several GeoTIFFs.
        source: where the item comes in.
        sender: who pushed the item; null if it comes from another source.
        its_turn: called when its files are here and it has waited for others. What it raises ends the work.
        access: where its assets may lie, and with which credentials they are read; by default what the settings allow.

    Raises:
        UnprocessableError: the item or its scene is refused.
        TransientError: the asset's server, broker, store or Redis are away.
    """
    described = read_item(document, datetime.now(UTC))
    metadata = scaled(described, document, asset)
    access = access or Access(intake.limits.asset_roots)
    with ExitStack() as stack:
        href = scene_href(described.item, asset)
        file = stack.enter_context(fetched(href, intake.limits, intake.spool, access))
        scene = scene_asset(described.item, asset)
        masks = []
        not_used = [(name, "It is not a GeoTIFF.") for name in unread_masks(described.item, scene)]
        for name, meaning in mask_assets(described.item, scene):
            try:
                href = _href(described.item.assets[name])
                mask = stack.enter_context(fetched(href, intake.limits, intake.spool, access))
            except UnprocessableError as error:
                not_used.append((name, error.detail))
            else:
                masks.append(MaskFile(mask, name, meaning))
        remarks = (plain(f"The mask `{name}` is not used. {why}", MAX_REMARK) for name, why in not_used)
        metadata = metadata.model_copy(update={"remarks": (*metadata.remarks, *remarks)})
        return intake.take(file, metadata, source, masks, sender, its_turn)


def scene_href(item: "pystac.Item", asset: str | None = None) -> str:
    """The absolute address of an item's scene: of the named asset, or of its only GeoTIFF.

    Raises:
        UnprocessableError: `asset-missing`, `asset-ambiguous` or `asset-refused`.
    """
    return _href(item.assets[scene_asset(item, asset)])


def _href(found: "pystac.Asset") -> str:
    try:
        href = found.get_absolute_href()
    except Exception:  # pystac lets every error through that a malformed link provokes
        href = None
    if href is None:
        raise UnprocessableError("asset-refused", "The asset's address is relative; it must be absolute.")
    return f"file://{quote(href)}" if href.startswith("/") else href
