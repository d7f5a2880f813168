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
from railwatch.services.detector.imagery.arrays import Floats, Mask, Points
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import LUMINANCE, Raster, luminance, north_px
from railwatch.services.detector.imagery.structure import block_all, block_mean
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import Centreline

# Format of the pictures.
MEDIA_TYPE = "image/webp"
SUFFIX = ".webp"
WEBP_QUALITY = 80
# Longest side of the ground shown, in pixels: readable at full size, and small enough to be kept for every look.
LONGEST_PX = 1400
MAX_ZOOM = 4.0
# Ground is drawn no finer than this, in metres per pixel: a car is then 50 pixels long, with room for its number.
FINEST_M = 0.28
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
# The brightness of a picture by its light, which is a little raised in the dark.
TONES = np.rint(255 * np.linspace(0, 1, 4096) ** 0.8).astype(np.uint8)
# Colours of the difference by the change, from darker to brighter.
_SHARES = np.linspace(-1, 1, 1023, dtype=np.float32)[:, None]
_TOWARDS = np.where(_SHARES > 0, BRIGHTER - UNCHANGED, DARKER - UNCHANGED)
CHANGES = (UNCHANGED + _TOWARDS * np.abs(_SHARES)).astype(np.uint8)
# The contrast of a tile is judged from about this many pixels.
ENOUGH_PX = 250_000
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

    @property
    def decimation(self) -> int:
        """How many pixels on a side become one before colours are made: as many as the picture can do without."""
        return max(1, round(1 / self.zoom))

    def part(self, values: Floats | Mask) -> Floats:
        """This part of values (..., rows, cols), decimated."""
        return block_mean(values[..., self.top : self.bottom, self.left : self.right], self.decimation)

    def known(self, mask: Mask) -> Mask:
        """Where this part of a mask (rows, cols), decimated, is all true."""
        return block_all(mask[self.top : self.bottom, self.left : self.right], self.decimation)

    def picture(self, colours: Colours) -> Image.Image:
        """Colours (rows, cols, 3) of the decimated part, as a picture."""
        return Image.fromarray(colours).resize(self.size, Image.Resampling.BICUBIC)

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
    contrast = _contrast(tile)
    plain = view.picture(_stretched(tile, view, contrast))
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
        plain_before = view.picture(_stretched(counted.baseline, view, contrast))
        pictures["baseline"] = captioned_here(plain_before, (place, before))
        change = view.picture(_difference(tile, counted.baseline, counted.seen, view))
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
    plain = view.picture(_stretched(baseline, view, _contrast(baseline)))
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
    return _View(left, top, right, bottom, min(zoom, MAX_ZOOM, max(1.0, tile.gsd_m / FINEST_M)))


def _contrast(tile: Raster) -> tuple[float, float]:
    """What is black and what is white in the pictures of a tile and of its baseline, so that both can be compared."""
    step = _step(tile)
    values = tile.pixels[:, ::step, ::step][:, tile.valid[::step, ::step]]
    if not values.size:
        return 0.0, 1.0
    dark, bright = quantile(values, [0.005, 0.997])
    return float(dark), float(bright)


def _stretched(picture: Raster, view: _View, contrast: tuple[float, float]) -> Colours:
    """(rows, cols, 3), the part that is drawn. Missing data is dark grey."""
    dark, bright = contrast
    known = view.known(picture.valid)
    colours = np.empty((*known.shape, len(picture.pixels)), np.uint8)
    for number, band in enumerate(picture.pixels):
        light = view.part(band)
        light -= np.float32(dark)
        light *= np.float32(len(TONES) / max(bright - dark, 1e-6))
        colours[..., number] = TONES[np.clip(light, 0, len(TONES) - 1, out=light).astype(np.uint16)]
    colours[~known] = 60
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, axis=2)


def _difference(tile: Raster, baseline: Raster, seen: Mask | None, view: _View) -> Colours:
    """(rows, cols, 3), the part that is drawn: what became brighter and darker, relative to the tile's own contrast."""
    both = tile.valid & baseline.valid if seen is None else seen & baseline.valid
    step = _step(tile)
    known = both[::step, ::step]
    light, before = (luminance(picture.pixels[:, ::step, ::step])[known] for picture in (tile, baseline))
    shape = view.known(both).shape
    if not light.size:
        return np.broadcast_to(HIDDEN, (*shape, 3)).astype(np.uint8)
    dark, bright = quantile(light, [0.02, 0.98])
    change = _light(tile, view) - _light(baseline, view)
    change -= median(light - before)
    change *= np.float32((len(CHANGES) - 1) / max(float(bright - dark), 1e-6))
    place = np.clip(change + (len(CHANGES) - 1) / 2, 0, len(CHANGES) - 1).astype(np.uint16)
    return np.where(view.known(both)[..., None], CHANGES[place], HIDDEN.astype(np.uint8))


def _light(picture: Raster, view: _View) -> Floats:
    """Brightness (rows, cols) of the part that is drawn. Band by band, to keep memory low."""
    weights = LUMINANCE if len(picture.pixels) == 3 else (1.0,)
    light = np.zeros((1, 1), np.float32)
    for weight, band in zip(weights, picture.pixels, strict=True):
        light = light + np.float32(weight) * view.part(band)
    return light


def _step(tile: Raster) -> int:
    """Every so many pixels of a tile are enough for its contrast."""
    return max(1, round(float(np.sqrt(tile.valid.size / ENOUGH_PX))))


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
    picture.save(buffer, "WEBP", quality=WEBP_QUALITY, method=0)
    return buffer.getvalue()
