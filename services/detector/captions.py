"""The band below an evidence picture: what it shows, a scale bar and a north arrow. Nothing covers the ground."""

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from railwatch.services.detector.imagery.arrays import Points
from railwatch.shared.counts import TileCount

# Heights of text, in pixels: numbers and names in a picture, lines below it, and the count, which has to be readable on
# a thumbnail.
NUMBER_PX = 15
TEXT_PX = 22
COUNT_PX = 44
# Least height of the band, which the north arrow needs.
BAND_PX = 84

INK = (255, 255, 255)
PAPER = (24, 26, 30)


def captioned(
    picture: Image.Image, lines: tuple[str, ...], metres_per_px: float, north: Points, count: TileCount | None = None
) -> Image.Image:
    """A picture with a band below it.

    Args:
        picture: the picture.
        lines: what it shows. Empty ones are left out.
        metres_per_px: for the scale bar.
        north: (2,), unit vector (x, y) to true north.
        count: shown in large type, if given.
    """
    metres, bar_px = _scale_bar(picture.width, metres_per_px)
    text = _wrapped([line for line in lines if line], picture.width - bar_px - 100)
    head = COUNT_PX + 10 if count else 0
    band = head + max(len(text) * (TEXT_PX + 6) + TEXT_PX // 2, BAND_PX - head)
    framed = Image.new("RGB", (picture.width, picture.height + band), PAPER)
    framed.paste(picture)
    draw = ImageDraw.Draw(framed)
    if count:
        draw.text((12, picture.height + 4), _counted(count), fill=INK, font=font(COUNT_PX))
    for number, line in enumerate(text):
        at = 12, picture.height + head + TEXT_PX // 3 + number * (TEXT_PX + 6)
        draw.text(at, line, fill=INK, font=font(TEXT_PX))
    right, middle = picture.width - 16, picture.height + 42
    _north_arrow(draw, np.array([right - 20.0, middle]), north)
    start = right - 60 - bar_px
    draw.rectangle((start, middle + 4, start + bar_px, middle + 10), fill=INK)
    draw.text((start + bar_px / 2, middle - 14), f"{metres:g} m", fill=INK, font=font(TEXT_PX), anchor="mm")
    return framed


def details(count: TileCount) -> tuple[str, ...]:
    """The interval and the coverage of a count, or why there is none."""
    seen = () if count.coverage > 0.995 else (f"{count.coverage:.0%} of the track seen",)
    if (metres := count.occupied) is not None:
        interval = f"90 % interval {metres.low_m:.0f} to {metres.high_m:.0f} m"
        return interval, f"{math.floor(metres.cars_low)} to {math.ceil(metres.cars_high)} railcars", *seen
    if count.count is None:
        return (", ".join(count.reasons),)
    return f"90 % interval {count.low:.0f} to {count.high:.0f}", *seen


@lru_cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all text, at a height in pixels."""
    loaded = ImageFont.load_default(size)
    if not isinstance(loaded, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return loaded


def _counted(count: TileCount) -> str:
    if count.occupied is not None:
        return f"{count.occupied.occupied_m:.0f} m of track under trains"
    return "not counted" if count.count is None else f"{count.count:.0f} railcars"


def _wrapped(lines: list[str], width: int) -> list[str]:
    """Facts side by side as far as they fit, and one below the other where they do not."""
    rows: list[str] = []
    for line in lines:
        joined = f"{rows[-1]}   \u00b7   {line}" if rows else line
        if rows and font(TEXT_PX).getlength(joined) <= width - 24:
            rows[-1] = joined
        else:
            rows.append(line)
    return rows


def _scale_bar(width: int, metres_per_px: float) -> tuple[float, int]:
    """A round number of metres, and how long it is in pixels on a picture of this width."""
    widest = width * metres_per_px / 5
    power = 10.0 ** np.floor(np.log10(widest))
    metres = float(next(step * power for step in (5, 2, 1) if step * power <= widest))
    return metres, round(metres / metres_per_px)


def _north_arrow(draw: ImageDraw.ImageDraw, centre: Points, north: Points) -> None:
    across = np.array([-north[1], north[0]])
    tip, left, right = centre + 26 * north, centre - 14 * north + 11 * across, centre - 14 * north - 11 * across
    draw.polygon([tuple(point) for point in (tip, left, centre - 6 * north, right)], fill=INK)
    x, y = centre - 26 * north
    draw.text((float(x), float(y)), "N", fill=INK, font=font(NUMBER_PX), anchor="mm")
