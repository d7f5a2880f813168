"""A site drawn over a picture: its area, its cells, and each track with its name."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rasterio.windows import Window

from railwatch.services.detector.captions import NUMBER_PX, PAPER, captioned, font
from railwatch.services.detector.drawing import TRACK_COLOURS
from railwatch.services.ingest.scenes.scene import open_scene
from railwatch.services.ingest.settings import SceneSettings
from railwatch.shared.errors import ConfigurationError
from railwatch.shared.geography import PixelGrid, shape_from_lon_lat
from railwatch.shared.sites import LonLat, Site
from railwatch.shared.sites.model import grid_crs
from railwatch.siting.contrast import stretched

# Longest side of the drawing, pixels, and ground around the site, as a share of its own length.
LONGEST_PX = 1600
AROUND = 0.04
# Colour of the area and the cells.
AREA = (255, 255, 255)


@dataclass(frozen=True)
class _Backdrop:
    """Pixels (rows, cols, 3), and where they lie."""

    pixels: NDArray[np.uint8]
    grid: PixelGrid

    def at(self, positions: tuple[LonLat, ...]) -> list[tuple[float, float]]:
        columns, rows = self.grid.to_pixels(*np.array(positions, dtype=float).T)
        return [(float(x), float(y)) for x, y in zip(columns, rows, strict=True)]


def draw_site(site: Site, image: Path | None, output: Path, proposed: Collection[str] = ()) -> None:
    """Write a site as PNG, over a picture or over plain ground.

    Args:
        site: the site. Tracks that are not counted are not drawn.
        image: a GeoTIFF that ingest would take.
        output: the PNG.
        proposed: the tracks that are proposed only. They are drawn thin, and a question mark follows their names.

    Raises:
        UnprocessableError: ingest would not take the picture.
        ConfigurationError: the picture does not show the site.
    """
    backdrop = _over(site, image) if image else _plain(site)
    picture = Image.fromarray(backdrop.pixels)
    draw = ImageDraw.Draw(picture)
    cells = site.cells()
    draw.line(backdrop.at(site.area), fill=AREA, width=2)
    for cell in cells if len(cells) > 1 else ():
        corners = backdrop.at(tuple(cell.polygon.exterior.coords))
        draw.line(corners, fill=AREA, width=1)
        draw.text(corners[2], f" {cell.id}", fill=AREA, font=font(NUMBER_PX), anchor="ld")
    for number, track in enumerate(site.tracks):
        colour = TRACK_COLOURS[number % len(TRACK_COLOURS)]
        if track.id not in proposed:
            draw.line(backdrop.at(track.coordinates), fill=(0, 0, 0), width=4, joint="curve")
        draw.line(backdrop.at(track.coordinates), fill=colour, width=1 if track.id in proposed else 2, joint="curve")
    for number, track in enumerate(site.tracks):
        # Names of neighbours stand apart along their tracks.
        middle = track.line.interpolate(0.2 + 0.6 * (number % 7) / 6, normalized=True)
        (xy,) = backdrop.at(((middle.x, middle.y),))
        name = f"{track.id}?" if track.id in proposed else track.id
        box = draw.textbbox(xy, name, font=font(NUMBER_PX), anchor="mm")
        draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill=PAPER)
        draw.text(xy, name, fill=TRACK_COLOURS[number % len(TRACK_COLOURS)], font=font(NUMBER_PX), anchor="mm")
    rows, cols = backdrop.pixels.shape[:2]
    words = (site.name, f"{len(site.tracks)} tracks, {site.track_length_m / 1000:.1f} km", image.name if image else "")
    metres = backdrop.grid.gsd_m(cols / 2, rows / 2)
    captioned(picture, words, metres_per_px=metres, north=_north(backdrop)).save(output, "PNG")


def _plain(site: Site) -> _Backdrop:
    crs = grid_crs(site.area)
    left, bottom, right, top = shape_from_lon_lat(crs, site.polygon).bounds
    around = AROUND * max(right - left, top - bottom)
    left, bottom, right, top = left - around, bottom - around, right + around, top + around
    step = max(right - left, top - bottom) / LONGEST_PX
    size = max(1, round((top - bottom) / step)), max(1, round((right - left) / step))
    pixels = np.full((*size, 3), 70, np.uint8)
    return _Backdrop(pixels, PixelGrid(Affine(step, 0, left, 0, -step, top), crs))


def _over(site: Site, image: Path) -> _Backdrop:
    with open_scene(image, SceneSettings()) as scene:
        dataset = scene.dataset
        columns, rows = scene.grid.to_pixels(*np.array(site.area, dtype=float).T)
        around = AROUND * max(np.ptp(columns), np.ptp(rows))
        left, top = max(0, int(columns.min() - around)), max(0, int(rows.min() - around))
        right = min(dataset.width, int(columns.max() + around) + 1)
        bottom = min(dataset.height, int(rows.max() + around) + 1)
        if left >= right or top >= bottom:
            raise ConfigurationError(f"{image} does not show the site {site.id}.")
        window = Window(left, top, right - left, bottom - top)
        scale = LONGEST_PX / max(window.width, window.height)
        shape = max(1, round(window.height * scale)), max(1, round(window.width * scale))
        bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
        values = dataset.read(bands, window=window, out_shape=(3, *shape)).astype(np.float32)
        valid = dataset.dataset_mask(window=window, out_shape=shape) > 0
        shrunk = Affine.scale(window.width / shape[1], window.height / shape[0])
        transform = dataset.window_transform(window) @ shrunk
        grid = PixelGrid(transform, dataset.crs)
    return _Backdrop(stretched(values, valid), grid)


def _north(backdrop: _Backdrop) -> NDArray[np.float64]:
    rows, cols = backdrop.pixels.shape[:2]
    (lon,), (lat,) = backdrop.grid.to_lon_lat(np.array([cols / 2]), np.array([rows / 2]))
    (x, y), (onward_x, onward_y) = backdrop.at(((lon, lat), (lon, lat + 1e-4)))
    step = np.array([onward_x - x, onward_y - y])
    return np.asarray(step / np.hypot(*step))
