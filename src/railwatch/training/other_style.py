"""Scenes of another style, to validate on and never to learn from.

Empty rendered yards get the texture of real surfaces, cars of the detector's own painter (`detector.recall`, which
training does not use), and the processing of pictures on the web. Other cars, other light, other ground.
"""

from dataclasses import replace

import numpy as np

from railwatch.render import geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.services.detector.imagery.sun import shadow_px
from railwatch.services.detector.recall.bodies import Body, random_cut
from railwatch.services.detector.recall.injection import paint, setting_of
from railwatch.services.detector.tracks.centrelines import Centreline
from railwatch.services.detector.tracks.pieces import clip, owned
from railwatch.services.detector.tracks.strips import SAMPLE_M, Layout, lay_out
from railwatch.training.backdrop import textures
from railwatch.training.cases import Case, tracks_of
from railwatch.training.photometrics import processed

CONDITION = "empty-clutter"


def other_style_case(seed: int, size_px: int = 560) -> Case:
    """A scene by its seed: three in four with cars, pixels of 0.2 to 0.6 m."""
    rng = np.random.default_rng((seed, 11))
    spec = random_scene(
        np.random.default_rng(seed), CONDITION, gsd_m=round(float(rng.uniform(0.2, 0.6)), 3), size_px=size_px
    )
    pair = render_pair(spec)
    tile, baseline = read_raster(geotiff(pair.tile)), read_raster(geotiff(pair.baseline))
    texture = _texture(rng, tile.shape)
    tile, baseline = (replace(part, pixels=np.clip(part.pixels * texture, 0, 1)) for part in (tile, baseline))
    gsd = tile.gsd_m
    lines = tuple(Centreline(track, points / gsd - 0.5) for track, points in pair.tile.tracks_m.items())
    layout = lay_out([piece.xy_px for piece in clip(lines, tile.shape, gsd)], gsd)
    cuts = _cuts(rng, layout) if rng.random() < 0.75 else []
    if cuts:
        shadow = shadow_px(pair.tile.look.sun, tile)
        setting = setting_of(tile, None if shadow is None else shadow * gsd)
        tile = paint(tile, cuts, setting, np.zeros(tile.shape, dtype=bool), rng)
    cars = np.array([body.centre_px for cut in cuts for body in cut]).reshape(-1, 2)
    tile, baseline = (_delivered(part, rng) for part in (tile, baseline))
    return Case(tile, baseline, tracks_of(tracks_geojson(pair.spec.site)["features"]), cars)


def _texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Factors (rows, cols): two real surfaces, repeated."""
    out = np.ones(shape, np.float32)
    for picture in rng.permutation(2):
        field = textures()[picture]
        rows, cols = ((np.arange(size) + int(rng.integers(512))) % 512 for size in shape)
        out += float(rng.uniform(0, 0.12)) * field[np.ix_(rows, cols)]
    return np.clip(out, 0.4, 1.8)


def _cuts(rng: np.random.Generator, layout: Layout) -> list[list[Body]]:
    """Cuts of cars along the tracks, from one in a yard to yards that are full."""
    mine = owned(layout)
    fill = float(rng.uniform(0.05, 0.9))
    cuts = []
    for number in range(len(layout.starts)):
        samples = layout.track(number)
        at = samples.start + int(rng.exponential(30 / SAMPLE_M * (1.05 - fill)))
        while at < samples.stop and rng.random() < 0.3 + fill:
            cut = []
            for car in random_cut(rng, int(rng.integers(1, 12))):
                last = at + round(car.length_m / SAMPLE_M)
                if last >= samples.stop or not mine[at : last + 1].all():
                    break
                middle = (at + last) // 2
                right = layout.right_px[middle]
                cut.append(Body(car, layout.xy_px[middle], np.array([right[1], -right[0]])))
                at = last + int(rng.integers(1, 4))
            cuts.append(cut)
            at += 8 + int(rng.exponential(40 / SAMPLE_M * (1.02 - fill)))
    return [cut for cut in cuts if cut]


def _delivered(raster: Raster, rng: np.random.Generator) -> Raster:
    pixels = processed(np.clip(raster.pixels * 255, 1, 255).astype(np.uint8), rng)
    values = pixels.astype(np.float32) / 255
    return replace(raster, pixels=np.where(raster.valid, values, 0).astype(np.float32))
