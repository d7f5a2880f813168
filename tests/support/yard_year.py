"""A year of rendered looks at a yard that is never empty: cuts come, stay and go, and some stay for months."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from railwatch.render import Picture, RenderedLook, RenderedSite, geotiff, render_look, site_ground, tracks_geojson
from railwatch.render.consist import park
from railwatch.render.light import sun_position
from railwatch.render.random_look import misregistration, random_look
from railwatch.render.random_site import random_site
from railwatch.render.rolling_stock import RenderedCar
from railwatch.shared.sites import Site, Track

# The weather of a year. A look with a low sun, snow or cloud becomes part of no baseline.
WEATHER = ("clear",) * 16 + ("haze", "haze", "low-sun", "snow", "cloud", "season")
# Chance that the cuts of a track are still there at the next look, and share of the track whose cars never leave.
STAY = 0.45
STAYS_ALL_YEAR = 0.12
GSD_M = 0.5
# The yards begin with a look in March, so that the first is a clear one.
FIRST = datetime(2022, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class YearLook:
    """One look at the yard: its file, its truth, and its condition."""

    file: bytes
    picture: Picture
    condition: str


@dataclass(frozen=True)
class YardYear:
    """A yard and its looks, oldest first.

    Attributes:
        site: one cell on the rendered ground.
        empty: the yard without a car, in the light of the first look.
        looks: rendered when they are asked for.
    """

    site: Site
    empty: bytes
    looks: Iterator[YearLook]

    def cars_in(self, look: YearLook) -> int:
        """Cars whose centre is in the site's one cell."""
        middles = np.array([truth.outline_m.mean(axis=0) for truth in look.picture.cars]).reshape(-1, 2)
        (cell,) = self.site.cells()
        return int(cell.contains(*look.picture.site.lonlat(middles).T).sum())


def yard_year(
    seed: int,
    looks: int = 24,
    size_px: int = 520,
    stay: float = STAY,
    stays_all_year: float = STAYS_ALL_YEAR,
    weather: tuple[str, ...] = WEATHER,
) -> YardYear:
    """A year at a yard. The same seed gives the same pixels.

    Args:
        seed: of yard, trains and weather.
        looks: how many, evenly over the year.
        size_px: rows and columns.
        stay: chance that the cuts of a track are still there at the next look.
        stays_all_year: share of the track under cars that never leave.
        weather: conditions, each as likely as any other.
    """
    rng = np.random.default_rng(seed)
    yard = _busy_yard(rng, size_px)
    ground = site_ground(yard)
    planned = list(_planned(rng, yard, looks, stay, stays_all_year, weather))
    empty = render_look(yard, replace(planned[0][1], cars=(), seed=1), ground)
    return YardYear(
        _site(yard, empty),
        geotiff(empty),
        (
            YearLook(geotiff(picture), picture, condition)
            for condition, look in planned
            for picture in (render_look(yard, look, ground),)
        ),
    )


def _busy_yard(rng: np.random.Generator, size_px: int) -> RenderedSite:
    """A yard of at least five tracks."""
    while True:
        yard = random_site(rng, "clear", GSD_M, size_px)
        if len(yard.tracks) >= 5:
            return replace(yard, latitude_deg=min(yard.latitude_deg, 45.0))


def _planned(
    rng: np.random.Generator,
    yard: RenderedSite,
    looks: int,
    stay: float,
    stays_all_year: float,
    weather: tuple[str, ...],
) -> Iterator[tuple[str, RenderedLook]]:
    room = sum(float((track.clear[:, 1] - track.clear[:, 0]).sum()) for track in yard.tracks) / 15
    standing: tuple[RenderedCar, ...] = ()
    forever = park(rng, yard.tracks, round(stays_all_year * room))
    for number in range(looks):
        cuts = sorted({car.track for car in standing})
        remain = {track for track in cuts if rng.random() < stay}
        standing = tuple(car for car in standing if car.track in remain)
        wanted = round(rng.uniform(0.35, 0.6) * room)
        beside = (*forever, *standing)
        standing += park(rng, yard.tracks, max(0, wanted - len(beside)), beside=beside)
        condition = "clear" if number < 3 else str(rng.choice(weather))
        look = random_look(rng, yard, condition, (*forever, *standing), "rgb8")
        yield condition, _dated(rng, yard, look, condition, FIRST + timedelta(days=365 * number // looks))


def _dated(
    rng: np.random.Generator, yard: RenderedSite, look: RenderedLook, condition: str, day: datetime
) -> RenderedLook:
    """The look on a day: an hour or two from noon, with the green of the season, and displaced like any picture."""
    noon = 12 - yard.longitude_deg / 15
    when = day + timedelta(hours=noon + (4.5 if condition == "low-sun" else float(rng.uniform(-2, 2))))
    summer = float(np.clip(0.5 - 0.5 * np.cos(2 * np.pi * (when.timetuple().tm_yday - 15) / 365), 0, 1))
    sensor = replace(look.sensor, geolocation=misregistration(rng, "clear"), missing=None)
    return replace(
        look,
        observed_at=when,
        sun=sun_position(when, yard.longitude_deg, yard.latitude_deg),
        greenness=summer * (condition != "snow"),
        sensor=sensor,
    )


def _site(yard: RenderedSite, picture: Picture) -> Site:
    tracks = tuple(
        Track(id=feature["properties"]["track"], coordinates=feature["geometry"]["coordinates"])
        for feature in tracks_geojson(yard)["features"]
    )
    height, width = yard.frame.size_m
    ring = np.array([[10, 10], [width - 10, 10], [width - 10, height - 10], [10, height - 10], [10, 10]], dtype=float)
    area = tuple((float(lon), float(lat)) for lon, lat in yard.lonlat(ring))
    return Site(id="yard", name="Rendered yard", area=area, tracks=tracks, tile_size_m=5000)
