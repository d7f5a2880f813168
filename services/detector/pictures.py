"""Evidence pictures: baseline, tile, difference, and the tile with every counted car outlined and numbered.

All four show the same ground at the same scale, so that they can be laid over each other. The palette is that of Okabe
and Ito ("Color Universal Design", 2008), which people with any colour vision can tell apart.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely import MultiLineString, box

from railwatch.services.detector.captions import INK, NUMBER_PX, PAPER, captioned, details, font
from railwatch.services.detector.imagery.arrays import Mask, Points
from railwatch.services.detector.imagery.raster import Raster, north_px
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import Centreline

# Format of the pictures.
MEDIA_TYPE = "image/webp"
SUFFIX = ".webp"
WEBP_QUALITY = 85
# Longest side of the ground shown, in pixels: readable at full size, and small enough to be kept for every look.
LONGEST_PX = 1400
MAX_ZOOM = 4.0
# Ground shown around the tracks, in metres.
MARGIN_M = 25.0
# Opacity of the colour over each car, of 255. It is low, so that the car itself can be seen.
VEIL = 45

# Colours of the difference: ground that cannot be seen, and ground that is brighter (vermillion), unchanged or darker
# (blue) than before.
HIDDEN = np.array([120, 120, 120], dtype=np.float32)
BRIGHTER = np.array([213, 94, 0], dtype=np.float32)
UNCHANGED = np.array([245, 245, 245], dtype=np.float32)
DARKER = np.array([0, 114, 178], dtype=np.float32)
# Colours of tracks, so that neighbouring tracks differ. Black and blue are left out: they are hard to see on ballast.
TRACK_COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (213, 94, 0))

Colours = NDArray[np.uint8]


@dataclass(frozen=True)
class Caption:
    """The place and the times of the two looks, as written below a picture."""

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
        """This part of a picture (rows, cols, 3)."""
        part = Image.fromarray(np.ascontiguousarray(colours[self.top : self.bottom, self.left : self.right]))
        return part.resize(self.size, Image.Resampling.BICUBIC)

    def at(self, xy_px: Points) -> list[tuple[float, float]]:
        """Where pixel coordinates (n, 2) of the tile are drawn."""
        moved = (xy_px + 0.5 - [self.left, self.top]) * self.zoom
        return [(float(x), float(y)) for x, y in moved]


def evidence_pictures(
    tile: Raster, counted: Counted, centrelines: Sequence[Centreline], caption: Caption
) -> dict[str, bytes]:
    """The pictures as WebP, by name: `tile` and `cars`, and `baseline` and `difference` where there is a baseline."""
    view = _view(tile, centrelines)
    when = f"{caption.observed_at:%Y-%m-%d %H:%M} UTC" if caption.observed_at else ""
    place = caption.place
    plain = view.cut(_stretched(tile, tile))
    captioned_here = partial(captioned, metres_per_px=tile.gsd_m / view.zoom, north=north_px(tile))
    pictures = {
        "tile": captioned_here(plain, (place, when)),
        "cars": captioned_here(
            _with_cars(plain, view, counted), (*details(counted.count), place, when), count=counted.count
        ),
    }
    if counted.baseline is not None:
        earlier = caption.baseline_observed_at
        before = f"baseline of {earlier:%Y-%m-%d}" if earlier else "baseline"
        pictures["baseline"] = captioned_here(view.cut(_stretched(counted.baseline, tile)), (place, before))
        change = view.cut(_difference(tile, counted.baseline, counted.seen))
        legend = "orange brighter, blue darker than before; grey not seen"
        pictures["difference"] = captioned_here(change, (place, when, legend))
    return {name: _encoded(picture) for name, picture in pictures.items()}


def baseline_picture(baseline: Raster, lines: Sequence[Centreline], words: tuple[str, ...]) -> bytes:
    """A baseline as PNG, the part around its tracks. Ground that it does not show is dark grey.

    Args:
        baseline: the picture.
        lines: the tracks.
        words: what is written below it.
    """
    view = _view(baseline, lines)
    plain = view.cut(_stretched(baseline, baseline))
    buffer = io.BytesIO()
    captioned(plain, words, metres_per_px=baseline.gsd_m / view.zoom, north=north_px(baseline)).save(buffer, "PNG")
    return buffer.getvalue()


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
    """(rows, cols, 3), in the contrast of the tile, so that both looks can be compared. Missing data is dark grey."""
    dark, bright = np.percentile(tile.pixels[:, tile.valid], [0.5, 99.7]) if tile.valid.any() else (0.0, 1.0)
    light = np.clip((picture.pixels - dark) / max(bright - dark, 1e-6), 0, 1) ** 0.8
    colours = np.broadcast_to(255 * light, (3, *picture.shape)).astype(np.uint8).transpose(1, 2, 0)
    return np.where(picture.valid[..., None], colours, np.uint8(60))


def _difference(tile: Raster, baseline: Raster, seen: Mask | None) -> Colours:
    """(rows, cols, 3): what became brighter and darker, relative to the tile's own contrast."""
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
    """Cars outlined and numbered along each track, with the track's name at its first car; measured trains as bands."""
    drawn = picture.convert("RGBA")
    over = Image.new("RGBA", drawn.size)
    draw = ImageDraw.Draw(over)
    stroke = max(2, round(max(drawn.size) / 450))
    tracks = list(dict.fromkeys(track for track, *_ in (*counted.outlines, *counted.stretches)))
    for track, line in counted.stretches:
        colour = TRACK_COLOURS[tracks.index(track) % len(TRACK_COLOURS)]
        draw.line(view.at(line), fill=(*colour, 2 * VEIL), width=max(2, round(view.zoom)), joint="curve")
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
    draw.text(xy, text, fill=(*colour, 255), font=font(size), anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0, 255))


def _tag(draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, colour: tuple[int, ...]) -> None:
    """A track's name on a dark plate, framed in the track's colour. It is legible on any ballast."""
    left, top, right, bottom = draw.textbbox(xy, text, font=font(NUMBER_PX), anchor="mm")
    draw.rounded_rectangle((left - 5, top - 4, right + 5, bottom + 4), 4, (*PAPER, 255), (*colour, 255), 2)
    draw.text(xy, text, fill=(*INK, 255), font=font(NUMBER_PX), anchor="mm")


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=2)
    return buffer.getvalue()
