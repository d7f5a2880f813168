"""How large a tile may be: what ingest cuts, and what a process that counts has memory for. Both take it from here."""

# Rows times columns: 5,500 pixels a side, a cell of 1 km with its margin at 0.2 m.
MAX_TILE_PIXELS = 5_500 * 5_500
# Bytes of a pixel's red, green and blue as stored: three of float32. A tile of wider numbers may have fewer pixels.
COLOUR_BYTES_PER_PIXEL = 12
COLOURS = 3


def too_large(pixels: int, bands: int, bytes_per_value: int, max_pixels: int = MAX_TILE_PIXELS) -> bool:
    """Whether a tile of so many pixels, bands, and bytes of a value is larger than a tile may be."""
    colours_bytes = pixels * min(bands, COLOURS) * bytes_per_value
    return pixels > max_pixels or colours_bytes > COLOUR_BYTES_PER_PIXEL * max_pixels
