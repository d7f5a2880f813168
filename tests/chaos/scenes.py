"""Many small yards of two tiles each, and scenes of them: rendered once, and then with noise of their own."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from railwatch.render import RenderedLook, RenderedSite, geotiff, render_look, site_ground
from railwatch.render.canvas import Frame
from railwatch.render.consist import park
from railwatch.render.files import collection, feature
from railwatch.render.light import sun_position
from railwatch.render.rolling_stock import RenderedCar
from railwatch.render.scene import Picture
from railwatch.render.yard import lay_tracks

# About 300 m by 115 m. A tile of a site's two cells has some 270 x 150 pixels: 200 px square.
SIZE_M = (114.0, 312.0)
GSD_M = 0.75
AREA_M = (52.0, 54.0, 258.0, 60.0)  # left, top, right, bottom: two cells, with the margin of tiles inside the picture
TILE_SIZE_M = 200.0
TILES = ("r0c0", "r0c1")

QUIET, SURGE = "quiet", "surge"
CARS = {QUIET: (0, 0, 1), SURGE: (10, 11, 12)}

# The first look of each site, years ago: chaos adds one look a day.
FIRST_LOOK = datetime(2019, 3, 1, 3, tzinfo=UTC)


def on_day(day: int) -> datetime:
    """When the site is seen on a day."""
    return FIRST_LOOK + timedelta(days=day)


def names(sites: int) -> list[str]:
    """The sites' ids."""
    return [f"yard-{number:02d}" for number in range(sites)]


@cache
def yard(number: int, gsd_m: float = GSD_M) -> RenderedSite:
    """A yard of two tracks. All are alike; each has a place of its own."""
    rng = np.random.default_rng(4)
    tracks = lay_tracks(
        rng,
        SIZE_M,
        "parallel",
        2,
        curve_radius_m=np.inf,
        heading_rad=0.0,
        spacing_m=5.0,
        lateral_error_m=0.3,
    )
    shift = SIZE_M[0] / 2 - float(np.mean([track.points_m[:, 1].mean() for track in tracks]))
    size_px = round(SIZE_M[0] / gsd_m), round(SIZE_M[1] / gsd_m)
    frame = Frame(size_px=size_px, gsd_m=gsd_m, supersample=2, margin_m=14.0)
    moved_by = np.array([0.0, shift])
    moved = tuple(
        replace(track, points_m=track.points_m + moved_by, drawn_m=track.drawn_m + moved_by) for track in tracks
    )
    return RenderedSite(frame, 130.0 + 0.02 * number, 42.4, moved, seed=4)


def write_sites(directory: Path, sites: int) -> None:
    """The sites' files, as an operator writes them."""
    directory.mkdir(parents=True, exist_ok=True)
    left, top, right, bottom = AREA_M
    ring = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    for number, name in enumerate(names(sites)):
        site = yard(number)

        def degrees(points: NDArray[np.float64], site: RenderedSite = site) -> list[list[float]]:
            return [[round(float(lon), 7), round(float(lat), 7)] for lon, lat in site.lonlat(points)]

        tracks = []
        for track in site.tracks:
            inside = (track.drawn_m[:, 0] > left) & (track.drawn_m[:, 0] < right)
            ends = np.array([[left + 1, 0.0], [right - 1, 0.0]])
            ends[:, 1] = np.interp(ends[:, 0], track.drawn_m[:, 0], track.drawn_m[:, 1])
            line = np.concatenate([ends[:1], track.drawn_m[inside], ends[1:]])
            tracks.append(feature("LineString", degrees(line), {"track": track.id}))
        (directory / f"{name}-tracks.geojson").write_text(json.dumps(collection(tracks)))
        area = collection([feature("Polygon", [degrees(ring)], {})])
        (directory / f"{name}-area.geojson").write_text(json.dumps(area))
        document: dict[str, Any] = {"id": name, "name": name.title(), "tile_size_m": TILE_SIZE_M}
        document |= {"tracks": f"{name}-tracks.geojson", "area": f"{name}-area.geojson", "car_lengths_m": [11, 18]}
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(document))


@cache
def pictures(regime: str, gsd_m: float) -> Sequence[Picture]:
    """Some rendered looks at a yard that is quiet, or full of cars."""
    site = yard(0, gsd_m)
    ground = site_ground(site)
    found = []
    for index, cars in enumerate(CARS[regime]):
        rng = np.random.default_rng([index, cars])
        sun = sun_position(FIRST_LOOK, site.longitude_deg, site.latitude_deg)
        standing: tuple[RenderedCar, ...] = ()
        while len(standing) < cars:
            standing += park(rng, site.tracks, cars - len(standing), beside=standing)
        look = RenderedLook(observed_at=FIRST_LOOK, sun=sun, cars=standing, seed=index)
        found.append(render_look(site, look, ground))
    return found


def render_all() -> None:
    """Render all looks that a run pushes. They are remembered."""
    for regime in CARS:
        pictures(regime, GSD_M)


def scene(number: int, day: int, regime: str, gsd_m: float = GSD_M) -> bytes:
    """The GeoTIFF of a site on a day. Equal arguments give equal bytes."""
    rng = np.random.default_rng([number, day + 1])
    picture = pictures(regime, gsd_m)[int(rng.integers(len(CARS[regime])))]
    noise = rng.normal(0, 0.004 * float(picture.pixels.max()), picture.pixels.shape)
    limits = np.iinfo(picture.pixels.dtype)
    pixels = (picture.pixels + noise).clip(1, limits.max).astype(picture.pixels.dtype)
    return geotiff(replace(picture, pixels=pixels, site=yard(number, gsd_m)))
