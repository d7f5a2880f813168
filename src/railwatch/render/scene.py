"""A site, a look at it, and the rendered picture with its truth."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

from railwatch.render.canvas import Array, Frame, Mask, Points
from railwatch.render.clutter import Overhead, Structure
from railwatch.render.ground import DEFAULT_GROUND, GroundStyle, Road
from railwatch.render.rolling_stock import RenderedCar
from railwatch.render.sensor import DEFAULT_SENSOR, Sensor
from railwatch.render.weather import CLEAR_AIR, NO_CLOUD, NO_SNOW, Cloud, Haze, Snow
from railwatch.render.yard import RenderedTrack, resample
from railwatch.shared.counts import Sun
from railwatch.shared.geography import from_lon_lat, to_lon_lat, utm_zone


@dataclass(frozen=True)
class RenderedSite:
    """A yard on the Earth: everything that stays the same from look to look.

    Attributes:
        frame: size and sampling of its pictures.
        longitude_deg: of the picture's upper left corner.
        latitude_deg: of the picture's upper left corner.
        tracks: the tracks, in local metres.
        ground: what the ground looks like.
        roads: roads and paths.
        structures: objects beside the tracks.
        overheads: objects above the tracks.
        seed: of the ground.
    """

    frame: Frame
    longitude_deg: float
    latitude_deg: float
    tracks: tuple[RenderedTrack, ...]
    ground: GroundStyle = DEFAULT_GROUND
    roads: tuple[Road, ...] = ()
    structures: tuple[Structure, ...] = ()
    overheads: tuple[Overhead, ...] = ()
    seed: int = 0

    @cached_property
    def crs(self) -> str:
        """The UTM zone, as `EPSG:326xx`."""
        return utm_zone(self.longitude_deg, self.latitude_deg)

    @cached_property
    def corner(self) -> tuple[float, float]:
        """Easting and northing of the picture's upper left corner, on a multiple of the GSD."""
        corner = np.array([self.longitude_deg]), np.array([self.latitude_deg])
        (easting,), (northing,) = from_lon_lat(self.crs, *corner)
        gsd = self.frame.gsd_m
        return round(easting / gsd) * gsd, round(northing / gsd) * gsd

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
        return np.column_stack(to_lon_lat(self.crs, easting + points_m[:, 0], northing - points_m[:, 1]))


@dataclass(frozen=True)
class RenderedLook:
    """One acquisition to render: the objects, the light, the weather, the view and the sensor.

    Attributes:
        observed_at: time of the acquisition.
        sun: position of the sun.
        cars: cars on the tracks.
        departed: cars that stood there while it snowed or rained and have left: the ground below them is still dry.
        parked: lorries, containers and similar objects that are there this time.
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
    cars: tuple[RenderedCar, ...] = ()
    departed: tuple[RenderedCar, ...] = ()
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
    """A car in a picture, and where it appears.

    Attributes:
        car: the car.
        outline_m: (4, 2), corners of its body at half its height as they appear in the picture, local metres.
        inside: whether its centre is in the picture. Only these cars count.
        cut_by_edge: whether the picture's edge cuts it.
        visible: share of its centre line that neither cloud nor missing data hides.
    """

    car: RenderedCar
    outline_m: Points
    inside: bool
    cut_by_edge: bool
    visible: float


@dataclass(frozen=True)
class Picture:
    """The picture of a look, with its truth.

    Attributes:
        pixels: (bands, rows, cols), uint8 or uint16; 0 where there is no data.
        valid: (rows, cols), where there is data.
        hidden: (rows, cols), opacity of cloud, 0 to 1.
        shadowed: (rows, cols), depth of cloud shadow, 0 to 1.
        cars: every car that touches the picture.
        tracks_m: true centrelines as they appear in the picture, by id, local metres.
        look: the look.
        site: the site.
    """

    pixels: NDArray[Any]
    valid: Mask
    hidden: Array
    shadowed: Array
    cars: tuple[CarTruth, ...]
    tracks_m: dict[str, Points]
    look: RenderedLook
    site: RenderedSite

    @property
    def count(self) -> int:
        """Cars whose centre is in the picture."""
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
        """Whether each metre of a line is in the picture, and whether it can be seen."""
        dense = resample(points_m, 1.0)
        cols, rows = np.floor(dense / self.site.frame.gsd_m).astype(int).T
        height, width = self.valid.shape
        inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)
        visible = self.visible[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)]
        return inside, inside & visible


@dataclass(frozen=True)
class SceneSpec:
    """Everything that a pair is rendered from: site, tile, baseline, and the condition that the pair must show."""

    site: RenderedSite
    tile: RenderedLook
    baseline: RenderedLook
    condition: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RenderedPair:
    """A baseline and a tile of one site, each with its truth."""

    spec: SceneSpec
    tile: Picture
    baseline: Picture
