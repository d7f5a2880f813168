"""Rendered pairs as a provider delivers them, with their truth, for measuring the whole detector."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from railwatch.render import cars_geojson, geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster
from railwatch.shared.counts import Sun
from railwatch.shared.sites import Track


@dataclass(frozen=True)
class Case:
    """A pair with its truth.

    Attributes:
        tile: the tile.
        baseline: the baseline as delivered, if there is one.
        tracks: centrelines as a user drew them.
        cars: (n, 2), pixels, the middles of the cars that can be seen.
        sun: its position, if known.
        on: the track that each car stands on, where that is known.
    """

    tile: Raster
    baseline: Raster | None
    tracks: tuple[Track, ...]
    cars: NDArray[np.float64]
    sun: Sun | None = None
    on: tuple[str, ...] = ()


def rendered_case(condition: str, seed: int, size_px: int) -> Case:
    """A rendered pair. Cars hidden for the most part, by cloud or the picture's edge, are left out."""
    pair = render_pair(random_scene(np.random.default_rng(seed), condition, size_px=size_px))
    tile = read_raster(geotiff(pair.tile))
    outlines = [
        feature["geometry"]["coordinates"][0][:4]
        for feature in cars_geojson(pair.tile)["features"]
        if feature["properties"]["inside"] and feature["properties"]["visible"] > 0.5
    ]
    tracks = tracks_of(tracks_geojson(pair.spec.site)["features"])
    return Case(tile, read_raster(geotiff(pair.baseline)), tracks, middles(tile, outlines), pair.tile.look.sun)


def tracks_of(features: Iterable[dict[str, dict[str, object]]]) -> tuple[Track, ...]:
    """Tracks from GeoJSON features that name them `track`."""
    return tuple(
        Track.model_validate({"id": feature["properties"]["track"], "coordinates": feature["geometry"]["coordinates"]})
        for feature in features
    )


def middles(tile: Raster, outlines: Iterable[list[list[float]]]) -> NDArray[np.float64]:
    """(n, 2), pixels, the middles of outlines in degrees."""
    return np.array([tile.to_pixels(np.array(outline)).mean(axis=0) for outline in outlines]).reshape(-1, 2)
