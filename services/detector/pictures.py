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
from PIL import Image

from railwatch.services.detector.captions import captioned, details
from railwatch.services.detector.drawing import with_cars
from railwatch.services.detector.imagery.arrays import Floats, Mask
from railwatch.services.detector.imagery.quantiles import median, quantile
from railwatch.services.detector.imagery.raster import LUMINANCE, Raster, luminance, north_px
from railwatch.services.detector.result import Counted
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.view import Colours, View, view_of

# Format of the pictures.
MEDIA_TYPE = "image/jpeg"
SUFFIX = ".jpg"
# As WebP of the same quality they would have a quarter fewer bytes, and take seven times as long.
QUALITY = 80
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
ENOUGH_PX = 50_000


@dataclass(frozen=True)
class Caption:
    """The place and the times of the two looks, as written below a picture."""

    place: str
    observed_at: datetime | None = None
    baseline_observed_at: datetime | None = None


def evidence_pictures(
    tile: Raster, counted: Counted, centrelines: Sequence[Centreline], caption: Caption
) -> dict[str, bytes]:
    """The pictures as JPEG, by name: `tile` and `cars`, and `baseline` and `difference` where there is a baseline."""
    view = view_of(tile, centrelines)
    when = f"{caption.observed_at:%Y-%m-%d %H:%M} UTC" if caption.observed_at else ""
    place = caption.place
    contrast = _contrast(tile)
    plain = view.picture(_stretched(tile, view, contrast))
    captioned_here = partial(captioned, metres_per_px=tile.gsd_m / view.zoom, north=north_px(tile))
    pictures = {
        "tile": captioned_here(plain, (place, when)),
        "cars": captioned_here(
            with_cars(plain, view, counted), (*details(counted.count), place, when), count=counted.count
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
    view = view_of(baseline, lines)
    plain = view.picture(_stretched(baseline, view, _contrast(baseline)))
    buffer = io.BytesIO()
    captioned(plain, words, metres_per_px=baseline.gsd_m / view.zoom, north=north_px(baseline)).save(buffer, "PNG")
    return buffer.getvalue()


def _contrast(tile: Raster) -> tuple[float, float]:
    """What is black and what is white in the pictures of a tile and of its baseline, so that both can be compared."""
    step = _step(tile)
    values = tile.pixels[:, ::step, ::step][:, tile.valid[::step, ::step]]
    if not values.size:
        return 0.0, 1.0
    dark, bright = quantile(values, [0.005, 0.997])
    return float(dark), float(bright)


def _stretched(picture: Raster, view: View, contrast: tuple[float, float]) -> Colours:
    """(rows, cols, 3), the part that is drawn. Missing data is dark grey."""
    dark, bright = contrast
    known = view.known(picture.valid)
    colours = np.empty((*known.shape, len(picture.pixels)), np.uint8)
    for number in range(len(picture.pixels)):
        light = view.part(picture.pixels, number)
        light -= np.float32(dark)
        light *= np.float32(len(TONES) / max(bright - dark, 1e-6))
        colours[..., number] = TONES[np.clip(light, 0, len(TONES) - 1, out=light).astype(np.uint16)]
    colours[~known] = 60
    return colours if colours.shape[2] == 3 else np.repeat(colours, 3, axis=2)


def _difference(tile: Raster, baseline: Raster, seen: Mask | None, view: View) -> Colours:
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


def _light(picture: Raster, view: View) -> Floats:
    """Brightness (rows, cols) of the part that is drawn. Band by band, to keep memory low."""
    weights = LUMINANCE if len(picture.pixels) == 3 else (1.0,)
    light = np.zeros((1, 1), np.float32)
    for number, weight in enumerate(weights):
        light = light + np.float32(weight) * view.part(picture.pixels, number)
    return light


def _step(tile: Raster) -> int:
    """Every so many pixels of a tile are enough for its contrast."""
    return max(1, round(float(np.sqrt(tile.valid.size / ENOUGH_PX))))


def _encoded(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
