"""A site, a look at it, and the picture that the look gives, with what is true of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from railwatch.render import bodies, clutter, light, sensor, weather
from railwatch.render.canvas import Array, Canvas, Frame, Mask, Points, blank
from railwatch.render.clutter import Overhead, Structure
from railwatch.render.ground import DEFAULT_GROUND, Ground, GroundStyle, Road, dress, lay_ground
from railwatch.render.rolling_stock import Car
from railwatch.render.sensor import DEFAULT_SENSOR, Sensor
from railwatch.render.weather import CLEAR_AIR, NO_CLOUD, NO_SNOW, Cloud, Haze, Snow
from railwatch.render.yard import Track, distances, position, resample
from shared.counts import Sun


@dataclass(frozen=True)
class RenderSite:
    """A yard on the Earth, and what stays there from look to look.

    Attributes:
        frame: size and sampling of its pictures.
        longitude_deg: of the picture's upper left corner.
        latitude_deg: of the picture's upper left corner.
        tracks: the tracks, in local metres.
        ground: what the ground looks like.
        roads: strips of made ground.
        structures: what stands beside the tracks.
        overheads: what spans them.
        seed: of the ground.
    """

    frame: Frame
    longitude_deg: float
    latitude_deg: float
    tracks: tuple[Track, ...]
    ground: GroundStyle = DEFAULT_GROUND
    roads: tuple[Road, ...] = ()
    structures: tuple[Structure, ...] = ()
    overheads: tuple[Overhead, ...] = ()
    seed: int = 0

    @cached_property
    def crs(self) -> str:
        """The UTM zone, as `EPSG:326xx`."""
        zone = int((self.longitude_deg + 180) // 6) + 1
        return f"EPSG:{(32600 if self.latitude_deg >= 0 else 32700) + zone}"

    @cached_property
    def corner(self) -> tuple[float, float]:
        """Easting and northing of the picture's upper left corner, on a multiple of the GSD."""
        projected = pyproj.Transformer.from_crs("EPSG:4326", self.crs, always_xy=True).transform(
            self.longitude_deg, self.latitude_deg
        )
        gsd = self.frame.gsd_m
        return round(projected[0] / gsd) * gsd, round(projected[1] / gsd) * gsd

    @cached_property
    def transform(self) -> Affine:
        """From pixel to easting and northing."""
        return Affine(self.frame.gsd_m, 0, self.corner[0], 0, -self.frame.gsd_m, self.corner[1])

    @cached_property
    def convergence_deg(self) -> float:
        """Angle from true to grid north, clockwise positive."""
        factors = pyproj.Proj(self.crs).get_factors(self.longitude_deg, self.latitude_deg)
        return float(factors.meridian_convergence)

    def lonlat(self, points_m: Points) -> Points:
        """Local metres ((n, 2)) as longitude and latitude."""
        easting, northing = self.corner
        to_lonlat = pyproj.Transformer.from_crs(self.crs, "EPSG:4326", always_xy=True)
        return np.column_stack(to_lonlat.transform(easting + points_m[:, 0], northing - points_m[:, 1]))


@dataclass(frozen=True)
class Look:
    """One acquisition: what stands there, the light, the weather, the view and the sensor.

    Attributes:
        observed_at: when.
        sun: where the sun stands.
        cars: what stands on the tracks.
        departed: cars that stood there while it snowed or rained, and have gone: the ground they kept dry shows.
        parked: lorries, containers and the like that are there this time.
        greenness: of plants, 0 to 1.
        moisture: of the ground, 0 to 1.
        sky_share: light of the sky as a share of all light: 0.1 on a clear day, more in haze or with a low sun.
        snow: on the ground.
        haze: in the air.
        cloud: in the air.
        off_nadir_deg: of the view.
        view_azimuth_deg: from the ground to the sensor.
        sensor: optics, radiometry, geolocation.
        seed: of everything that differs from look to look.
    """

    observed_at: datetime
    sun: Sun
    cars: tuple[Car, ...] = ()
    departed: tuple[Car, ...] = ()
    parked: tuple[Structure, ...] = ()
    greenness: float = 0.5
    moisture: float = 0.0
    sky_share: float = 0.15
    snow: Snow = NO_SNOW
    haze: Haze = CLEAR_AIR
    cloud: Cloud = NO_CLOUD
    off_nadir_deg: float = 5.0
    view_azimuth_deg: float = 90.0
    sensor: Sensor = DEFAULT_SENSOR
    seed: int = 0


@dataclass(frozen=True)
class CarTruth:
    """A car that stands in a picture, and where it appears there.

    Attributes:
        car: the car.
        outline_m: (4, 2), corners of its body at half its height as they appear in the picture, local metres.
        inside: whether its centre lies in the picture: only these count.
        cut_by_edge: whether the picture's edge cuts it.
        visible: share of its centre line that neither cloud nor missing data hides.
    """

    car: Car
    outline_m: Points
    inside: bool
    cut_by_edge: bool
    visible: float


@dataclass(frozen=True)
class Picture:
    """What a look gives, with its truth.

    Attributes:
        pixels: (bands, rows, cols), uint8 or uint16; 0 where there is no data.
        valid: (rows, cols), where there is data.
        hidden: (rows, cols), opacity of cloud, 0 to 1.
        shadowed: (rows, cols), depth of cloud shadow, 0 to 1.
        cars: every car that touches the picture.
        tracks_m: true centrelines as they appear in the picture, by id, local metres.
        look: what was looked at.
        site: where.
    """

    pixels: NDArray[Any]
    valid: Mask
    hidden: Array
    shadowed: Array
    cars: tuple[CarTruth, ...]
    tracks_m: dict[str, Points]
    look: Look
    site: RenderSite

    @property
    def count(self) -> int:
        """Cars whose centre lies in the picture."""
        return sum(truth.inside for truth in self.cars)

    @cached_property
    def visible(self) -> Mask:
        """(rows, cols), where the ground can be seen."""
        return self.valid & (self.hidden < 0.5)

    @cached_property
    def coverage(self) -> float:
        """Share of the track length in the picture that can be seen."""
        seen = [self.seen_along(points) for points in self.tracks_m.values()]
        within = np.concatenate([inside for inside, _ in seen])
        visible = np.concatenate([visible for _, visible in seen])
        return float(visible[within].mean()) if within.any() else 0.0

    def seen_along(self, points_m: Points) -> tuple[Mask, Mask]:
        """Whether each metre of a line lies in the picture, and whether it can be seen."""
        dense = resample(points_m, 1.0)
        cols, rows = np.floor(dense / self.site.frame.gsd_m).astype(int).T
        height, width = self.valid.shape
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        visible = self.visible[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)]
        return inside, inside & visible


@dataclass(frozen=True)
class SceneSpec:
    """Everything a pair is rendered from: site, tile, baseline, and what the scene is meant to show."""

    site: RenderSite
    tile: Look
    baseline: Look
    condition: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RenderedPair:
    """A baseline and a tile of one site, each with its truth."""

    spec: SceneSpec
    tile: Picture
    baseline: Picture


def render_pair(spec: SceneSpec) -> RenderedPair:
    """Render the tile and the baseline of a scene. The same spec gives the same pixels."""
    bands = max(sensor.bands_needed(look.sensor.product) for look in (spec.tile, spec.baseline))
    ground = site_ground(spec.site, bands)
    return RenderedPair(spec, render_look(spec.site, spec.tile, ground), render_look(spec.site, spec.baseline, ground))


def site_ground(site: RenderSite, bands: int = 3) -> Ground:
    """The ground of a site, which all its looks share."""
    return lay_ground(site.frame, site.tracks, site.ground, site.roads, site.seed, bands)


def render_look(site: RenderSite, look: Look, ground: Ground) -> Picture:
    """Render one look at a site on its ground (from `site_ground`)."""
    rng = np.random.default_rng(look.seed)
    canvas = blank(site.frame, ground.bare.shape[0])
    sheltered = bodies.footprints(site.frame, look.departed) if look.departed else None
    dressed = dress(ground, look.greenness, look.moisture, rng, sheltered)
    canvas.reflectance[:] = weather.snow_over(ground, dressed, look.snow, rng, sheltered)
    for structure in (*site.structures, *look.parked):
        clutter.paint_structure(canvas, structure, look.greenness, look.snow.cover)
    for car in look.cars:
        bodies.paint_car(canvas, car, look.snow.on_cars)
    fine = _view(site, look, canvas)
    picture = sensor.sample(fine[: sensor.bands_needed(look.sensor.product)], site.frame, look.sensor, rng)
    sun_x, sun_y = light.towards(look.sun.azimuth_deg, site.convergence_deg)
    away = 500 / max(float(np.tan(np.radians(look.sun.elevation_deg))), 0.2) / site.frame.gsd_m
    away = min(away, 300.0)
    at_sensor, hidden, shadowed = weather.through_air(
        picture, look.haze, look.cloud, site.frame.gsd_m, (sun_y * away, sun_x * away), rng
    )
    pixels = sensor.expose(at_sensor, look.sensor, rng)
    missing = sensor.missing_data(look.sensor, site.frame.size_px)
    pixels[:, missing] = 0
    tracks_m = {track.id: look.sensor.geolocation.apparent(track.points_m, site.frame) for track in site.tracks}
    untold = Picture(pixels, ~missing, hidden, shadowed, (), tracks_m, look, site)
    return replace(untold, cars=_truths(site, look, untold))


def _view(site: RenderSite, look: Look, canvas: Canvas) -> Array:
    """Radiance of the fine grid as the sensor sees it."""
    step = site.frame.step_m
    lit = light.direct_light(canvas.height_m, step, look.sun, site.convergence_deg)
    clutter.shade_under(site.overheads, canvas, lit, look.sun, site.convergence_deg)
    sky = _open_sky(canvas.height_m, step)
    radiance = light.shade(canvas, lit, sky, look.sun, look.sky_share, site.convergence_deg)
    sun_x, sun_y = light.towards(look.sun.azimuth_deg, site.convergence_deg)
    view_x, view_y = light.towards(look.view_azimuth_deg)
    facing = max(0.0, sun_x * view_x + sun_y * view_y)
    steep = 1 / max(float(np.tan(np.radians(look.sun.elevation_deg))), 0.3)
    wall_light = 0.5 * look.sky_share + min(1.0, facing * steep) * (1 - look.sky_share)
    leaning, _ = light.lean(canvas, radiance, look.off_nadir_deg, look.view_azimuth_deg, wall_light)
    per_metre = float(np.tan(np.radians(look.off_nadir_deg)))
    clutter.draw_over(site.overheads, site.frame, leaning, (-view_x * per_metre, -view_y * per_metre), 1.0)
    return leaning


def _open_sky(height_m: Array, step_m: float) -> Array:
    """Share of the sky each cell sees: less beside and between bodies. Blurred relief stands for the horizon."""
    small = height_m[::4, ::4]
    around = ndimage.gaussian_filter(small, 1.8 / (4 * step_m), mode="nearest")
    spread = np.repeat(np.repeat(around, 4, axis=0), 4, axis=1)[: height_m.shape[0], : height_m.shape[1]]
    return np.asarray(np.clip(1 - 0.28 * np.clip(spread - height_m, 0, 2.8), 0.25, 1), np.float32)


def _truths(site: RenderSite, look: Look, picture: Picture) -> tuple[CarTruth, ...]:
    height, width = site.frame.size_m
    view_x, view_y = light.towards(look.view_azimuth_deg)
    per_metre = float(np.tan(np.radians(look.off_nadir_deg)))
    truths = []
    for car in look.cars:
        lean = np.array([-view_x, -view_y]) * per_metre * car.height_m / 2
        outline = look.sensor.geolocation.apparent(car.outline_m() + lean, site.frame)
        x, y = outline.mean(axis=0)
        within = (outline[:, 0] >= 0) & (outline[:, 0] < width) & (outline[:, 1] >= 0) & (outline[:, 1] < height)
        if not within.any():
            continue
        ends = np.array([outline[:2].mean(axis=0), outline[2:].mean(axis=0)])
        axis = position(ends, np.linspace(0, distances(ends)[-1], 9))
        inside, seen = picture.seen_along(axis)
        truths.append(
            CarTruth(
                car,
                outline,
                inside=bool(0 <= x < width and 0 <= y < height),
                cut_by_edge=not bool(within.all()),
                visible=float(seen.sum() / max(1, inside.sum())),
            )
        )
    return tuple(truths)
