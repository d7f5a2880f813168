"""Where in a GeoTIFF the blocks of windows lie: what must be read of the file to read these pixels."""

from collections.abc import Iterable, Iterator

from rasterio.enums import Interleaving
from rasterio.io import DatasetReader
from rasterio.windows import Window

from railwatch.services.ingest.scenes.fetch import Part


def blocks_of(dataset: DatasetReader, windows: Iterable[Window]) -> tuple[Part, ...]:
    """The blocks of all bands under some windows. Blocks that the file does not have are left out."""
    rows, columns = dataset.block_shapes[0]
    bands = dataset.indexes[:1] if dataset.interleaving is Interleaving.pixel else dataset.indexes
    places = {
        (column, row)
        for window in windows
        for row in _touched(window.row_off, window.height, rows)
        for column in _touched(window.col_off, window.width, columns)
    }
    return tuple(sorted({part for band in bands for place in places for part in _block(dataset, band, *place)}))


def _touched(offset: int, length: int, of: int) -> range:
    return range(int(offset) // of, -(-int(offset + length) // of))


def _block(dataset: DatasetReader, band: int, column: int, row: int) -> Iterator[Part]:
    start, size = (dataset.get_tag_item(f"BLOCK_{of}_{column}_{row}", "TIFF", bidx=band) for of in ("OFFSET", "SIZE"))
    if start and size and int(size) > 0:
        yield Part(int(start), int(start) + int(size))
