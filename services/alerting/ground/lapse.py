"""Time-lapses: the same ground at one look after another, as an animated picture."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from railwatch.services.alerting.ground.choices import Kind
from railwatch.services.alerting.ground.mercator import Bounds
from railwatch.services.alerting.ground.sheets import contrast_of, sheet_of
from railwatch.services.alerting.ground.windows import aligned, drawn
from railwatch.services.alerting.history.wording import day
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.counts import BlobRef
from railwatch.shared.events import CountEvent

# The most frames, the most bytes of tiles that are read for them, and the longest side of the ground in them, pixels.
MOST_FRAMES = 60
MOST_BYTES = 10**9
LONGEST_PX: dict[Kind, int] = {"webp": 960, "gif": 640}
# A GIF has few colours; more than these cost time and bytes, and show no more.
GIF_COLOURS = 128
# How long a frame is shown, and the last one, in ms.
SHOWN_MS, LAST_MS = 600, 2500
TEXT_PX, BAND_PX = 18, 30
PAPER, INK, ABOVE = (24, 26, 30), (255, 255, 255), (255, 138, 128)
NOTHING = np.array([60, 60, 60], dtype=np.uint8)


T = TypeVar("T")


@dataclass(frozen=True)
class Frame:
    """A look and its counts."""

    look: Judgement
    counts: Sequence[CountEvent]


def chosen(looks: Sequence[Judgement], most: int = MOST_FRAMES) -> list[Judgement]:
    """The looks of a time-lapse, oldest first: those that showed something, evenly thinned out, with the last one."""
    return thinned([look for look in looks if look.count is not None or look.occupied is not None], most)


def affordable(frames: Sequence[Frame], most_bytes: int = MOST_BYTES) -> list[Frame]:
    """The frames, evenly thinned out if their tiles are large."""
    size = sum(count.image.size_bytes for frame in frames for count in frame.counts)
    return thinned(frames, max(2, len(frames) * most_bytes // max(size, most_bytes)))


def thinned(all_of_them: Sequence[T], most: int) -> list[T]:
    """So many of them at most, evenly chosen, with the first and the last."""
    if len(all_of_them) <= most:
        return list(all_of_them)
    places = np.linspace(0, len(all_of_them) - 1, most).round().astype(int)
    return [all_of_them[place] for place in places]


def time_lapse(frames: Sequence[Frame], bounds: Bounds, get: Callable[[BlobRef], bytes], kind: Kind) -> bytes:
    """An animated picture, a frame for each look. One tile at a time is in memory.

    Args:
        frames: the looks, oldest first, at least one.
        bounds: the ground: west, south, east, north in Web Mercator.
        get: gives the bytes of a tile.
        kind: the format.
    """
    width, height = _size(bounds, LONGEST_PX[kind])
    pictures = (_frame(frame, bounds, width, height, get) for frame in frames)
    made = io.BytesIO()
    shown = [SHOWN_MS] * (len(frames) - 1) + [LAST_MS]
    options: dict[str, Any] = {"duration": shown, "loop": 0, "save_all": True}
    if kind == "gif":
        pictures = (
            picture.quantize(GIF_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for picture in pictures
        )
    else:
        options |= {"quality": 75, "method": 0}
    next(pictures).save(made, kind.upper(), append_images=pictures, **options)
    return made.getvalue()


def _size(bounds: Bounds, longest_px: int) -> tuple[int, int]:
    wide, high = bounds[2] - bounds[0], bounds[3] - bounds[1]
    scale = longest_px / max(wide, high)
    return max(320, round(wide * scale)), max(60, round(high * scale))


def _frame(frame: Frame, bounds: Bounds, width: int, height: int, get: Callable[[BlobRef], bytes]) -> Image.Image:
    counts = frame.counts
    contrast = contrast_of(get(counts[0].image))
    placed = aligned(counts, lambda image, _: sheet_of(get(image), contrast, max(width, height)))
    window = drawn(placed, bounds, width, height)
    ground = np.where(window[..., 3:] > 0, window[..., :3], NOTHING)
    picture = Image.new("RGB", (width, height + BAND_PX), PAPER)
    picture.paste(Image.fromarray(ground))
    draw = ImageDraw.Draw(picture)
    middle = height + BAND_PX // 2
    draw.text((10, middle), day(frame.look.observed_at), fill=INK, font=_font(), anchor="lm")
    ink = ABOVE if frame.look.exceeds else INK
    draw.text((width - 10, middle), _found(frame.look), fill=ink, font=_font(), anchor="rm")
    return picture


def _found(look: Judgement) -> str:
    if look.occupied is not None:
        return f"{look.occupied.occupied_m:.0f} m of track under trains"
    return f"{look.count:.0f} railcars ({look.low:.0f} to {look.high:.0f})"


@lru_cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT_PX)
