"""What stored pixels mean: their scale and offset by band, from the file's own tags or from a STAC Item."""

from collections.abc import Mapping
from typing import Any

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from railwatch.shared.counts import Frozen
from railwatch.shared.geotiff import scaling_is_usable


class Scaling(Frozen):
    """A physical value, such as a reflectance, is `stored * scale + offset`.

    Attributes:
        scales: by band; a single one holds for all bands.
        offsets: likewise.
    """

    scales: tuple[float, ...]
    offsets: tuple[float, ...]


def scaling_of_asset(asset: Mapping[str, Any]) -> tuple[Scaling | None, tuple[str, ...]]:
    """What a STAC asset says: `raster:bands`, `bands`, or `raster:scale` and `raster:offset` for all of its bands.

    Returns:
        The scaling, null if there is none, and a remark if it is malformed.
    """
    given = asset.get("raster:bands") or asset.get("bands") or [{}]
    malformed = "The scale and offset of the asset's bands are malformed; they are not used."
    if not isinstance(given, list) or not all(isinstance(band, dict) for band in given):
        return None, (malformed,)
    scales = tuple(_member(band, asset, "scale", 1.0) for band in given)
    offsets = tuple(_member(band, asset, "offset", 0.0) for band in given)
    if not scaling_is_usable(scales, offsets):
        return None, (malformed,)
    return _but_identity(scales, offsets), ()


def scaling_of_scene(dataset: DatasetReader, said: Scaling | None) -> tuple[Scaling | None, tuple[str, ...]]:
    """The scale and offset of each band of a raster: by its own tags, or else by what its sender says.

    Args:
        dataset: the raster.
        said: what a STAC Item says.

    Returns:
        The scaling, null if stored values mean themselves, and remarks on what is not used.
    """
    if not scaling_is_usable(dataset.scales, dataset.offsets):
        return None, ("The file's tags for scale and offset are malformed; they are not used.",)
    own, given = _but_identity(dataset.scales, dataset.offsets), _by_band(said, dataset) if said else None
    if said and given is None:
        return own, (f"The item has {len(said.scales)} scales and the file {dataset.count} bands; they are not used.",)
    if own and given and own != given:
        return own, ("The file's tags and the item disagree about scale and offset; those of the file are used.",)
    return own or given, ()


def _by_band(said: Scaling, dataset: DatasetReader) -> Scaling | None:
    """The scaling of each band; null if it is of another number of bands. Alpha needs none."""
    alpha = [interpretation is ColorInterp.alpha for interpretation in dataset.colorinterp]
    bands = len(said.scales)
    if bands not in {1, len(alpha), alpha.count(False)}:
        return None
    scales, offsets = list(said.scales), list(said.offsets)
    if bands == 1:
        scales, offsets = scales * len(alpha), offsets * len(alpha)
    elif bands < len(alpha):
        for band in (number for number, is_alpha in enumerate(alpha) if is_alpha):
            scales.insert(band, 1.0)
            offsets.insert(band, 0.0)
    return Scaling(scales=tuple(scales), offsets=tuple(offsets))


def _member(band: Mapping[str, Any], asset: Mapping[str, Any], name: str, default: float) -> Any:
    places = (band.get(f"raster:{name}"), band.get(name), asset.get(f"raster:{name}"))
    return next((value for value in places if value is not None), default)


def _but_identity(scales: tuple[float, ...], offsets: tuple[float, ...]) -> Scaling | None:
    if all(scale == 1 for scale in scales) and not any(offsets):
        return None
    return Scaling(scales=scales, offsets=offsets)
