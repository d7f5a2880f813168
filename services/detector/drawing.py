"""Counted cars, and trains that were measured, drawn over the picture of a tile.

The palette is that of Okabe and Ito ("Color Universal Design", 2008), which people with any colour vision can tell
apart.
"""

import numpy as np
from PIL import Image, ImageDraw

from railwatch.services.detector.captions import INK, NUMBER_PX, PAPER, font
from railwatch.services.detector.result import Counted
from railwatch.services.detector.view import View

# Opacity of the colour over each car, of 255. It is low, so that the car itself can be seen.
VEIL = 45

# Colours of tracks, so that neighbouring tracks differ. Black and blue are left out: they are hard to see on ballast.
TRACK_COLOURS = ((230, 159, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (213, 94, 0))


def with_cars(picture: Image.Image, view: View, counted: Counted) -> Image.Image:
    """Cars outlined and numbered along each track, with the track's name at its first car; measured trains as bands.

    Args:
        picture: the tile as drawn.
        view: the part of the tile that it shows.
        counted: the cars and trains, in pixels of the tile.
    """
    drawn = picture.copy()
    draw = ImageDraw.Draw(drawn, "RGBA")
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
            _label(draw, view.at(corners.mean(axis=0)[None])[0], str(number))
        if number == 1:
            _tag(draw, _beyond(outline, drawn.size), track, colour)
    return drawn


def _beyond(outline: list[tuple[float, float]], size: tuple[int, int]) -> tuple[float, float]:
    """Beside the first end of a car, inside the picture."""
    corners = np.array(outline)
    ends = corners[[0, 3]].mean(axis=0), corners[[1, 2]].mean(axis=0)
    outward = ends[0] - ends[1]
    place = ends[0] + outward / max(float(np.hypot(*outward)), 1e-6) * 1.6 * NUMBER_PX
    x, y = np.clip(place, 2 * NUMBER_PX, np.array(size) - 2 * NUMBER_PX)
    return float(x), float(y)


def _label(draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str) -> None:
    light, dark = (*INK, 255), (0, 0, 0, 255)
    draw.text(xy, text, fill=light, font=font(NUMBER_PX), anchor="mm", stroke_width=2, stroke_fill=dark)


def _tag(draw: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, colour: tuple[int, ...]) -> None:
    """A track's name on a dark plate, framed in the track's colour. It is legible on any ballast."""
    left, top, right, bottom = draw.textbbox(xy, text, font=font(NUMBER_PX), anchor="mm")
    draw.rounded_rectangle((left - 5, top - 4, right + 5, bottom + 4), 4, (*PAPER, 255), (*colour, 255), 2)
    draw.text(xy, text, fill=(*INK, 255), font=font(NUMBER_PX), anchor="mm")
