"""Evidence pictures: baseline, tile, difference, and the tile with every counted car outlined and numbered.

All four show the same ground at the same scale, so that they can be laid over each other. The palette is Okabe and
Ito's, which people with any colour vision can tell apart ("Color Universal Design", 2008).
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from shapely import MultiLineString, box

from railwatch.services.detector.imagery.raster import Raster, north_px
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.shared.counts import TileCount

MEDIA_TYPE = "image/webp"
SUFFIX = ".webp"
WEBP_QUALITY = 85
# Longest side of the ground shown, in pixels: readable at full size, and light enough to be kept for every look.
LONGEST_PX = 1400
MAX_ZOOM = 4.0
# Ground shown around the tracks.
MARGIN_M = 25.0
NUMBER_PX = 15
TEXT_PX = 22
# The count is to be read on a thumbnail, too.
VERDICT_PX = 44
# A veil over each car, thin enough for the car itself to be seen.
VEIL = 45

INK = (255, 255, 255)
PAPER = (24, 26, 30)
HIDDEN = np.array([120, 120, 120], dtype=np.float32)
BRIGHTER = np.array([213, 94, 0], dtype=np.float32)  # vermillion
UNCHANGED = np.array([245, 245, 245], dtype=np.float32)
DARKER = np.array([0, 114, 178], dtype=np.float32)  # blue
# Neighbouring tracks differ in colour; black and blue are left out, they are lost on ballast.
TRACK_COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (213, 94, 0))

Colours = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Caption:
    """What a picture says of itself: where, and when each of the two looks was."""

    place: str
    observed_at: datetime | None = None
    baseline_observed_at: datetime | None = None


@dataclass(frozen=True)
class _View:
    """The part of a tile that is drawn: from `left`, `top` to `right`, `bottom` in its pixels, enlarged by `zoom`."""

    left: int
    top: int
    right: int
    bottom: int
    zoom: float

    @property
    def size(self) -> tuple[int, int]:
        return round((self.right - self.left) * self.zoom), round((self.bottom - self.top) * self.zoom)

    def cut(self, colours: Colours) -> Image.Image:
        """The view of a picture (rows, cols, 3)."""
        part = Image.fromarray(np.ascontiguousarray(colours[self.top : self.bottom, self.left : self.right]))
        return part.resize(self.size, Image.Resampling.BICUBIC)

    def at(self, xy_px: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Where pixel coordinates (n, 2) of the tile come to lie."""
        moved = (xy_px + 0.5 - [self.left, self.top]) * self.zoom
        return [(float(x), float(y)) for x, y in moved]


def evidence_pictures(
    tile: Raster, counted: Counted, centrelines: Sequence[Centreline], caption: Caption
) -> dict[str, bytes]:
    """The pictures as WebP, by name: `tile` and `cars`, and `baseline` and `difference` where there is a baseline."""
    view = _view(tile, centrelines)
    colours = _stretched(tile, tile)
    when = f"{caption.observed_at:%Y-%m-%d %H:%M} UTC" if caption.observed_at else ""
    plain = view.cut(colours)
    pictures = {
        "tile": _framed(plain, view, tile, (caption.place, when)),
        "cars": _framed(
            _with_cars(plain, view, counted), view, tile, (*_details(counted.count), caption.place, when), counted.count
        ),
    }
    if counted.baseline is not None:
        earlier = caption.baseline_observed_at
        before = f"baseline of {earlier:%Y-%m-%d}" if earlier else "baseline"
        pictures["baseline"] = _framed(
            view.cut(_stretched(counted.baseline, tile)), view, tile, (caption.place, before)
        )
        change = view.cut(_difference(tile, counted.baseline, counted.seen))
        legend = "orange brighter, blue darker than before; grey not seen"
        pictures["difference"] = _framed(change, view, tile, (caption.place, when, legend))
    return {name: _encoded(picture) for name, picture in pictures.items()}


def _view(tile: Raster, centrelines: Sequence[Centreline]) -> _View:
    rows, cols = tile.shape
    frame = box(0, 0, cols - 1, rows - 1)
    tracks = MultiLineString([line.xy_px for line in centrelines]).intersection(frame)
    left, top, right, bottom = (frame if tracks.is_empty else tracks.buffer(MARGIN_M / tile.gsd_m)).bounds
    left, top = max(0, int(left)), max(0, int(top))
    right, bottom = min(cols, int(right) + 1), min(rows, int(bottom) + 1)
    zoom = LONGEST_PX / max(right - left, bottom - top)
    return _View(left, top, right, bottom, min(zoom, MAX_ZOOM))


def _stretched(picture: Raster, tile: Raster) -> Colours:
    """(rows, cols, 3), in the light that suits the tile, so that both looks compare; no data is dark grey."""
    dark, bright = np.percentile(tile.pixels[:, tile.valid], [0.5, 99.7]) if tile.valid.any() else (0.0, 1.0)
    light = np.clip((picture.pixels - dark) / max(bright - dark, 1e-6), 0, 1) ** 0.8
    colours = np.broadcast_to(255 * light, (3, *picture.shape)).astype(np.uint8).transpose(1, 2, 0)
    return np.where(picture.valid[..., None], colours, np.uint8(60))


def _difference(tile: Raster, baseline: Raster, seen: Mask | None) -> Colours:
    """(rows, cols, 3): what became brighter and darker, against the tile's own contrast."""
    both = tile.valid & baseline.valid if seen is None else seen & baseline.valid
    light = tile.luminance()
    change = light - baseline.luminance()
    if not both.any():
        return np.broadcast_to(HIDDEN, (*tile.shape, 3)).astype(np.uint8)
    dark, bright = np.percentile(light[both], [2, 98])
    share = np.clip((change - np.median(change[both])) / max((bright - dark) / 2, 1e-6), -1, 1)[..., None]
    colours = UNCHANGED + np.where(share > 0, BRIGHTER - UNCHANGED, DARKER - UNCHANGED) * np.abs(share)
    return np.where(both[..., None], colours, HIDDEN).astype(np.uint8)


def _with_cars(picture: Image.Image, view: _View, counted: Counted) -> Image.Image:
    """Cars outlined and numbered along each track, the track's name at its first car."""
    drawn = picture.convert("RGBA")
    over = Image.new("RGBA", drawn.size)
    draw = ImageDraw.Draw(over)
    stroke = max(2, round(max(drawn.size) / 450))
    tracks = list(dict.fromkeys(track for track, _, _ in counted.outlines))
    for track, number, corners in counted.outlines:
        colour = TRACK_COLOURS[tracks.index(track) % len(TRACK_COLOURS)]
        outline = view.at(corners)
        draw.polygon(outline, fill=(*colour, VEIL))
        draw.line([*outline, outline[0]], fill=(0, 0, 0, 255), width=stroke + 2, joint="curve")
        draw.line([*outline, outline[0]], fill=(*colour, 255), width=stroke, joint="curve")
        length = np.hypot(*(np.array(outline[0]) - outline[1])), np.hypot(*(np.array(outline[1]) - outline[2]))
        if max(length) >= 2.2 * NUMBER_PX:
            _label(draw, view.at(corners.mean(axis=0)[None])[0], str(number), NUMBER_PX, INK)
        if number == 1:
            _tag(draw, _beyond(outline, drawn.size), track, colour)
    return Image.alpha_composite(drawn, over).convert("RGB")


def _beyond(outline: list[tuple[float, float]], size: tuple[int, int]) -> tuple[float, float]:
    """Beside the first end of a car, inside the picture."""
    corners = np.array(outline)
    ends = corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)
    outward = ends[0] - ends[1]
    place = ends[0] + outward / max(float(np.hypot(*outward)), 1e-6) * 1.6 * NUMBER_PX
    x, y = np.clip(place, 2 * NUMBER_PX, np.array(size) - 2 * NUMBER_PX)
    return float(x), float(y)


def _label(draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, size: int, colour: tuple[int, ...]) -> None:
    draw.text(xy, text, fill=(*colour, 255), font=_font(size), anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0, 255))


def _tag(draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, colour: tuple[int, ...]) -> None:
    """A track's name on a dark plate, framed in the track's colour: legible on any ballast."""
    left, top, right, bottom = draw.textbbox(xy, text, font=_font(NUMBER_PX), anchor="mm")
    draw.rounded_rectangle((left - 5, top - 4, right + 5, bottom + 4), 4, (*PAPER, 255), (*colour, 255), 2)
    draw.text(xy, text, fill=(*INK, 255), font=_font(NUMBER_PX), anchor="mm")


def _verdict(count: TileCount) -> str:
    return "not counted" if count.count is None else f"{count.count:.0f} railcars"


def _details(count: TileCount) -> tuple[str, ...]:
    if count.count is None:
        return (", ".join(count.reasons),)
    interval = f"90 % interval {count.low:.0f} to {count.high:.0f}"
    return (interval,) if count.coverage > 0.995 else (interval, f"{count.coverage:.0%} of the track seen")


def _framed(
    picture: Image.Image, view: _View, tile: Raster, lines: tuple[str, ...], count: TileCount | None = None
) -> Image.Image:
    """The picture, and in a band below what it says, a scale bar and a north arrow: nothing lies over the ground."""
    metres, bar_px = _scale_bar(picture.width, tile.gsd_m / view.zoom)
    text = _wrapped([line for line in lines if line], picture.width - bar_px - 100)
    head = VERDICT_PX + 10 if count else 0
    band = head + max(len(text) * (TEXT_PX + 6) + TEXT_PX // 2, 84 - head)
    framed = Image.new("RGB", (picture.width, picture.height + band), PAPER)
    framed.paste(picture)
    draw = ImageDraw.Draw(framed)
    if count:
        draw.text((12, picture.height + 4), _verdict(count), fill=INK, font=_font(VERDICT_PX))
    for number, line in enumerate(text):
        at = 12, picture.height + head + TEXT_PX // 3 + number * (TEXT_PX + 6)
        draw.text(at, line, fill=INK, font=_font(TEXT_PX))
    right, middle = picture.width - 16, picture.height + 42
    _north_arrow(draw, np.array([right - 20.0, middle]), north_px(tile))
    start = right - 60 - bar_px
    draw.rectangle((start, middle + 4, start + bar_px, middle + 10), fill=INK)
    draw.text((start + bar_px / 2, middle - 14), f"{metres:g} m", fill=INK, font=_font(TEXT_PX), anchor="mm")
    return framed


def _wrapped(lines: list[str], width: int) -> list[str]:
    """Facts side by side as far as they fit, one below the other where they do not."""
    rows: list[str] = []
    for line in lines:
        joined = f"{rows[-1]}   \u00b7   {line}" if rows else line
        if rows and _font(TEXT_PX).getlength(joined) <= width - 24:
            rows[-1] = joined
        else:
            rows.append(line)
    return rows


def _scale_bar(width: int, metres_per_px: float) -> tuple[float, int]:
    """A round number of metres, and how long it is on a picture so wide, in pixels."""
    widest = width * metres_per_px / 5
    power = 10.0 ** np.floor(np.log10(widest))
    metres = float(next(step * power for step in (5, 2, 1) if step * power <= widest))
    return metres, round(metres / metres_per_px)


def _north_arrow(draw: ImageDraw.ImageDraw, centre: NDArray[np.float64], north: NDArray[np.float64]) -> None:
    across = np.array([-north[1], north[0]])
    tip, left, right = centre + 26 * north, centre - 14 * north + 11 * across, centre - 14 * north - 11 * across
    draw.polygon([tuple(point) for point in (tip, left, centre - 6 * north, right)], fill=INK)
    x, y = centre - 26 * north
    draw.text((float(x), float(y)), "N", fill=INK, font=_font(NUMBER_PX), anchor="mm")


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()
