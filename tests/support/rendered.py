"""Rendered pairs as the detector reads them, each made once for a whole run."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from railwatch.render import RenderedPair, geotiff, random_scene, render_pair, tracks_geojson
from railwatch.services.detector.imagery.geotiff import read_raster
from railwatch.services.detector.imagery.raster import Raster, harmonise
from railwatch.services.detector.tracks.centrelines import Centreline, corridor, project
from railwatch.shared.blobs import BlobStore
from railwatch.shared.counts import Sun
from railwatch.shared.events import TileEvent, TileRole
from railwatch.shared.sites import Site, Track

FIRST_LOOK = datetime(2023, 3, 1, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Rendered:
    """A pair, its files and its truth."""

    pair: RenderedPair
    tile_file: bytes
    baseline_file: bytes

    @cached_property
    def tile(self) -> Raster:
        return read_raster(self.tile_file)

    @cached_property
    def baseline(self) -> Raster:
        """On the tile's grid, not registered."""
        return harmonise(read_raster(self.baseline_file), self.tile)

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        features = tracks_geojson(self.pair.spec.site)["features"]
        return tuple(
            Track(id=feature["properties"]["track"], coordinates=feature["geometry"]["coordinates"])
            for feature in features
        )

    @cached_property
    def centrelines(self) -> tuple[Centreline, ...]:
        return project(self.tracks, self.tile)

    @cached_property
    def corridor(self) -> NDArray[np.bool_]:
        return corridor(self.centrelines, self.tile, 4.0)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3), the truth: from the tile's pixel coordinates to the baseline's."""
        error = self.pair.baseline.look.sensor.geolocation
        middle = np.array([self.tile.shape[1] - 1, self.tile.shape[0] - 1]) / 2
        linear = error.matrix()
        return np.column_stack([linear, middle + np.array([error.dx_px, error.dy_px]) - linear @ middle])

    def seen_on_tracks(self, seen: NDArray[np.bool_]) -> float:
        """Share of the true centrelines, metre by metre, where a mask (rows, cols) is true."""
        rows, cols = self.tile.shape
        points = np.concatenate(list(self.pair.tile.tracks_m.values())) / self.tile.gsd_m
        col, row = np.floor(points).astype(int).T
        inside = (col >= 0) & (row >= 0) & (col < cols) & (row < rows)
        return float(seen[row[inside], col[inside]].mean())


@cache
def rendered(condition: str, seed: int = 1, *, gsd_m: float = 0.5, size_px: int = 400) -> Rendered:
    """A pair of one condition."""
    pair = render_pair(random_scene(np.random.default_rng(seed), condition=condition, gsd_m=gsd_m, size_px=size_px))
    return Rendered(pair, geotiff(pair.tile), geotiff(pair.baseline))


def corner_error_px(found: SimilarityTransform, true: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """The largest distance of a transform from the true matrix (2, 3), over the corners of a picture."""
    rows, cols = shape
    corners = np.array([[0, 0, 1], [cols - 1, 0, 1], [0, rows - 1, 1], [cols - 1, rows - 1, 1]])
    return float(np.hypot(*(corners @ (found.params[:2] - true).T).T).max())


def site_of(scene: Rendered, site_id: str = "yard") -> Site:
    """A site of one cell on the scene's ground."""
    rows, cols = scene.tile.shape
    ring = np.array([[10, 10], [cols - 11, 10], [cols - 11, rows - 11], [10, rows - 11], [10, 10]], dtype=float)
    area = tuple((float(lon), float(lat)) for lon, lat in scene.tile.to_lonlat(ring))
    return Site(id=site_id, name="Rendered yard", area=area, tracks=scene.tracks, tile_size_m=5000)


def tile_event(blobs: BlobStore, data: bytes, day: int, role: TileRole = TileRole.OBSERVATION) -> TileEvent:
    """A look at the yard, stored."""
    return TileEvent(
        recorded_at=FIRST_LOOK + timedelta(days=day, hours=1),
        site="yard",
        tile="r0c0",
        scene=f"look-{day}",
        tiles_in_scene=("r0c0",),
        observed_at=FIRST_LOOK + timedelta(days=day),
        role=role,
        image=blobs.put(data, "image/tiff"),
        gsd_m=0.5,
        sun=Sun(azimuth_deg=160, elevation_deg=40),
        source="api",
    )
