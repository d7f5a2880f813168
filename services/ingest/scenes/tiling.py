"""A site's tiles are cut out of a scene, with windowed reads and without resampling."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Interleaving, MaskFlags
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from railwatch.services.ingest.scenes.scaling import Scaling, scaling_of_scene
from railwatch.services.ingest.scenes.scene import Scene
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.geotiff import bits_per_sample
from railwatch.shared.masks import Hidden, ProviderMasks
from railwatch.shared.sites import Cell, Site
from railwatch.shared.tiles import too_large

Pixels = NDArray[np.generic]

# Of the decoded pixels. One tile at a time is in memory.
MAX_TILE_BYTES = 512 * 1024**2
NO_MASKS = ProviderMasks()


@dataclass(frozen=True)
class Cutout:
    """The part of a scene over one cell.

    Attributes:
        cell: the cell.
        window: the pixels that show the cell with its margin, as far as the scene reaches.
    """

    cell: Cell
    window: Window


@dataclass(frozen=True)
class Tile:
    """One cell's pixels.

    Attributes:
        cell: id of the cell.
        data: a GeoTIFF in the scene's own grid, dtype and bands. Equal pixels give equal bytes.
        gsd_m: ground sample distance at its centre.
    """

    cell: str
    data: bytes
    gsd_m: float


def cutouts(scene: Scene, site: Site) -> tuple[Cutout, ...]:
    """The cells of a site in which the scene shows track."""
    return tuple(
        Cutout(cell, window)
        for cell in site.cells()
        if scene.footprint.intersects(_track_in(cell, site)) and (window := _window(scene, cell)) is not None
    )


def cut(
    scene: Scene, parts: Iterable[Cutout], said: Scaling | None = None, masks: ProviderMasks = NO_MASKS
) -> Iterator[Tile]:
    """The tiles that have a valid pixel, one at a time.

    A tile ends where the scene ends. Nothing is padded. What only the provider's masks hide is still a tile: it was
    looked at, and what came of it is said in its count.

    Args:
        scene: the scene.
        parts: what to cut out.
        said: what the sender says about the pixels; see `scaling_of_scene`.
        masks: what the provider says about their visibility.

    Raises:
        UnprocessableError: `tile-too-large`.
        RasterioIOError: the pixels cannot be decoded.
    """
    written, _ = scaling_of_scene(scene.dataset, said)
    for part in parts:
        window = part.window
        _check_size(scene.dataset, part)
        pixels, mask = _read(scene.dataset, window)
        if mask.any():
            gsd_m = scene.grid.gsd_m(window.col_off + window.width / 2, window.row_off + window.height / 2)
            hidden = masks.hidden(window)
            yield Tile(part.cell.id, _encode(scene.dataset, window, pixels, mask, hidden, written), gsd_m)


def _track_in(cell: Cell, site: Site) -> BaseGeometry:
    """The track in a cell; the cell itself where a track only runs along its edge."""
    track = site.lines.intersection(cell.polygon)
    return cell.polygon if track.is_empty else track


def _window(scene: Scene, cell: Cell) -> Window | None:
    """See `Cutout.window`; null where the scene does not reach the cell."""
    lons, lats = np.array(cell.tile_polygon.exterior.coords).T
    columns, rows = scene.grid.to_pixels(lons, lats)
    if not (np.isfinite(columns).all() and np.isfinite(rows).all()):
        return None
    left, top = max(0, int(np.floor(columns.min()))), max(0, int(np.floor(rows.min())))
    right = min(scene.dataset.width, int(np.ceil(columns.max())))
    bottom = min(scene.dataset.height, int(np.ceil(rows.max())))
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _check_size(dataset: DatasetReader, part: Cutout) -> None:
    width, height, itemsize = part.window.width, part.window.height, np.dtype(dataset.dtypes[0]).itemsize
    if too_large(width * height, dataset.count, itemsize):
        raise UnprocessableError(
            "tile-too-large",
            f"Tile {part.cell.id} would have {width} x {height} pixels of {dataset.dtypes[0]}, more than a detector "
            "takes; lower the site's `tile_size_m`.",
        )
    size_bytes = width * height * dataset.count * itemsize
    if size_bytes > MAX_TILE_BYTES:
        raise UnprocessableError(
            "tile-too-large",
            f"Tile {part.cell.id} holds {size_bytes / 1e6:.0f} MB of pixels, more than {MAX_TILE_BYTES / 1e6:.0f} MB; "
            "lower the site's `tile_size_m`.",
        )


def _read(dataset: DatasetReader, window: Window) -> tuple[Pixels, NDArray[np.uint8]]:
    """The window's pixels (bands, rows, cols), and its mask (rows, cols), which is 0 where a pixel is not valid."""
    pixels = dataset.read(window=window)
    mask = dataset.dataset_mask(window=window)
    if np.issubdtype(pixels.dtype, np.floating):
        mask = np.where(np.isfinite(pixels).any(axis=0), mask, 0)
    return pixels, mask


def _encode(
    dataset: DatasetReader,
    window: Window,
    pixels: Pixels,
    mask: NDArray[np.uint8],
    hidden: Hidden,
    scaling: Scaling | None,
) -> bytes:
    """A GeoTIFF of a window. Its bytes depend only on the pixels and on what the scene and its masks say about them."""
    profile = {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "count": dataset.count,
        "dtype": pixels.dtype,
        "crs": dataset.crs,
        "transform": dataset.window_transform(window),
        "nodata": dataset.nodata,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
        "interleave": Interleaving.pixel.value,
        "compress": "deflate",
        **_packing(dataset, pixels.dtype),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.colorinterp = dataset.colorinterp
            if scaling is not None:
                target.scales, target.offsets = scaling.scales, scaling.offsets
            target.write(pixels)
            if hidden.any() or _has_mask_of_its_own(dataset):
                target.write_mask(np.where(hidden, 0, mask))
        return bytes(memory.getbuffer())


def _packing(dataset: DatasetReader, dtype: np.dtype[np.generic]) -> dict[str, int]:
    """How the numbers are packed. Integers of fewer bits than their type stay so, and have no predictor."""
    if np.issubdtype(dtype, np.floating):
        return {"predictor": 3}
    bits = bits_per_sample(dataset, 1)
    return {"nbits": bits} if bits else {"predictor": 2}


def _has_mask_of_its_own(dataset: DatasetReader) -> bool:
    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and ColorInterp.alpha not in dataset.colorinterp
