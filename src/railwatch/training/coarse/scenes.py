"""Pairs of pictures with pixels of 2 to 4 m, and the metres of track under cars on them.

They are rendered at 1 m or finer and made coarse as a sensor does it: optics, area of a pixel, noise, tone, coding.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.warp import reproject
from scipy import ndimage
from shapely import LineString, Point, box

from railwatch.render import CONDITIONS, geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.scale import REFLECTANCE
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Track
from railwatch.training import held_out
from railwatch.training.cases import tracks_of

# Cars that stand nearer to each other than this, metres, are coupled, and the track between them is under the train.
COUPLED_M = 3.0
# Pixels of rendered scenes before they are made coarse, metres, and their number along a side.
RENDERED_GSD_M, RENDERED_PX = 1.0, 640
HELD_OUT_GSD_M, HELD_OUT_PX = 0.75, 540

# Conditions that are shown; pixels have their own sizes here.
SHOWN = tuple(name for name in CONDITIONS if name not in ("any", "fine", "coarse", "coarsest"))

Points = NDArray[np.float64]
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Coarse:
    """A pair with its truth.

    Attributes:
        name: what it shows.
        tile: the tile.
        baseline: the baseline as delivered, if there is one.
        tracks: centrelines as a user drew them.
        trains: by track, where trains stand: metres along the line as drawn.
        sun: its position over the tile, if known.
    """

    name: str
    tile: Raster
    baseline: Raster | None
    tracks: tuple[Track, ...]
    trains: dict[str, Spans]
    sun: Sun | None = None

    @property
    def occupied_m(self) -> float:
        """Metres of track under trains on the tile, couplings included."""
        return float(sum(stop - start for spans in self.trains.values() for start, stop in spans))


def rendered(condition: str, seed: int) -> Coarse:
    """A scene of the ordinary renderer, not yet coarse, without noise or coding."""
    spec = random_scene(np.random.default_rng(seed), condition, gsd_m=RENDERED_GSD_M, size_px=RENDERED_PX)
    looks = (
        replace(look, sensor=replace(look.sensor, sharpening=0.0, snr=2000.0, jpeg_quality=None))
        for look in (spec.tile, spec.baseline)
    )
    tile_look, baseline_look = looks
    pair = render_pair(replace(spec, tile=tile_look, baseline=baseline_look))
    tile = read_raster(geotiff(pair.tile))
    cars = [
        (truth.car.track, truth.outline_m / RENDERED_GSD_M - 0.5) for truth in pair.tile.cars if truth.visible > 0.5
    ]
    tracks = tracks_of(tracks_geojson(pair.spec.site)["features"])
    baseline = read_raster(geotiff(pair.baseline))
    return Coarse(condition, tile, baseline, tracks, trains(tile, tracks, cars), pair.tile.look.sun)


def held_out_scene(style: str, seed: int) -> Coarse:
    """A scene of the held-out renderer, not yet coarse."""
    pair = held_out.make(style, seed, HELD_OUT_PX, HELD_OUT_GSD_M)
    tracks = tuple(
        Track(id=way.id, coordinates=tuple((lon, lat) for lon, lat in pair.lonlat(way.drawn))) for way in pair.site.ways
    )
    tile, baseline = (read_raster(held_out.geotiff(pair, picture)) for picture in (pair.tile, pair.baseline))
    cars = [(car.standing.track, car.outline_m / HELD_OUT_GSD_M - 0.5) for car in pair.tile.cars if car.visible > 0.5]
    return Coarse(style, tile, baseline, tracks, trains(tile, tracks, cars), pair.tile.sun)


def trains(tile: Raster, tracks: Sequence[Track], cars: Iterable[tuple[str, Points]]) -> dict[str, Spans]:
    """By track, the stretches under trains on a tile, in metres along the line as drawn.

    Args:
        tile: the tile.
        tracks: the lines.
        cars: the track and the corners (4, 2), in pixels, of each car that can be seen.
    """
    by_track: dict[str, list[tuple[float, float]]] = {track.id: [] for track in tracks}
    lines = {track.id: LineString(tile.to_pixels(np.array(track.coordinates))) for track in tracks}
    frame = box(-0.5, -0.5, tile.shape[1] - 0.5, tile.shape[0] - 0.5)
    for name, corners in cars:
        first, second = (np.hypot(*(corners[k + 1] - corners[k])) for k in (0, 1))
        ends = corners if first < second else np.roll(corners, -1, axis=0)
        body = LineString([ends[:2].mean(axis=0), ends[2:].mean(axis=0)])
        seen = body.intersection(frame)
        if seen.is_empty or seen.length == 0:
            continue
        at = sorted(lines[name].project(Point(end)) * tile.gsd_m for end in seen.coords)
        by_track[name].append((at[0], at[1]))
    return {name: _joined(sorted(spans)) for name, spans in by_track.items()}


def _joined(spans: Sequence[tuple[float, float]]) -> Spans:
    joined: list[tuple[float, float]] = []
    for start, stop in spans:
        if joined and start - joined[-1][1] < COUPLED_M:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return tuple(joined)


def made_coarse(scene: Coarse, gsd_m: float, rng: np.random.Generator) -> Coarse:
    """The scene as a sensor with larger pixels delivers it; optics, noise, tone and coding are drawn by picture."""
    grey = len(scene.tile.pixels) == 1
    return replace(
        scene,
        tile=coarser(scene.tile, gsd_m, rng, grey=grey),
        baseline=None if scene.baseline is None else coarser(scene.baseline, gsd_m, rng, grey=grey),
    )


def coarser(picture: Raster, gsd_m: float, rng: np.random.Generator, *, grey: bool) -> Raster:
    """A picture with larger pixels: a Gaussian point spread, the mean over each pixel, noise, and JPEG in some."""
    blurred = averaged(picture, gsd_m, float(rng.uniform(0.3, 0.6)))
    light = blurred.pixels
    top = max(float(np.quantile(light[:, blurred.valid], 0.999)), 1e-3)
    light = np.clip(light / top * rng.uniform(0.55, 0.9), 0, 1) ** rng.uniform(0.8, 1.25)
    signal = np.clip(light, 0.02, None)
    light = light + signal * rng.standard_normal(light.shape) / np.exp(rng.uniform(np.log(60), np.log(250)))
    numbers = np.clip(np.rint(light * 254 + 1), 1, 255).astype(np.uint8)
    if rng.random() < 0.3:
        numbers = _jpeg(numbers, int(rng.integers(75, 96)))
    pixels = np.where(blurred.valid, numbers / np.float32(255), 0).astype(np.float32)
    return replace(blurred, pixels=pixels, scale=REFLECTANCE)


def averaged(picture: Raster, gsd_m: float, blur_px: float) -> Raster:
    """A picture with larger pixels, each the mean of its ground, after a Gaussian blur in these pixels."""
    factor = gsd_m / picture.gsd_m
    rows, cols = (int(side / factor) for side in picture.shape)
    transform = picture.transform @ Affine.scale(factor)
    sigma = blur_px * factor
    known = ndimage.gaussian_filter(picture.valid.astype(np.float32), sigma)
    bands = [ndimage.gaussian_filter(band * picture.valid, sigma) / np.maximum(known, 1e-3) for band in picture.pixels]
    stack = np.concatenate([np.asarray(bands, np.float32), picture.valid[None].astype(np.float32)])
    out = np.zeros((len(stack), rows, cols), np.float32)
    reproject(
        stack,
        out,
        src_transform=picture.transform,
        src_crs=picture.crs,
        dst_transform=transform,
        dst_crs=picture.crs,
        resampling=Resampling.average,
    )
    valid = out[-1] > 0.99
    return Raster((out[:-1] * valid).astype(np.float32), valid, transform, picture.crs, picture.gsd_m * factor)


def _jpeg(numbers: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    image = Image.fromarray(numbers[0] if len(numbers) == 1 else np.moveaxis(numbers, 0, -1))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(buffer))
    bands_first = decoded[None] if decoded.ndim == 2 else np.moveaxis(decoded, -1, 0)
    return np.asarray(np.clip(bands_first, 1, 255), np.uint8)
