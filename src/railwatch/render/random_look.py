"""Random looks: date and sun, season, weather, view, sensor, and the provider's processing."""

from datetime import UTC, datetime, timedelta

import numpy as np

from railwatch.render import furnish
from railwatch.render.light import sun_position
from railwatch.render.rolling_stock import RenderedCar
from railwatch.render.scene import RenderedLook, RenderedSite
from railwatch.render.sensor import Geolocation, Product, Sensor
from railwatch.render.weather import NO_CLOUD, NO_SNOW, Cloud, Haze, Snow
from railwatch.shared.counts import Sun

WINTER = ("snow", "empty-snow", "thaw")


def random_look(
    rng: np.random.Generator,
    site: RenderedSite,
    condition: str,
    cars: tuple[RenderedCar, ...],
    product: Product,
    near: RenderedLook | None = None,
) -> RenderedLook:
    """Draw a look at a site under a condition.

    Args:
        rng: source of chance.
        site: where.
        condition: the condition, which decides weather, light or season.
        cars: the cars on the tracks.
        product: bands and depth that the sensor delivers.
        near: another look; this one may have the same season and moisture.
    """
    winter = condition in WINTER
    when, sun = _daylight(rng, site, (4, 18) if condition == "low-sun" else (18, 75), winter)
    summer = 0.5 - 0.5 * np.cos(2 * np.pi * (when.timetuple().tm_yday - 15) / 365)
    greenness = float(np.clip(summer + rng.normal(0, 0.15), 0, 1)) * (not winter)
    moisture = float(rng.choice([0.0, rng.uniform(0, 1)], p=[0.6, 0.4]))
    if near and condition == "season":
        greenness = float(np.clip(near.greenness + rng.choice([-1, 1]) * rng.uniform(0.4, 1), 0, 1))
    elif near and not winter and rng.random() < 0.5:
        greenness, moisture = near.greenness, near.moisture
    snow = _snow(rng) if winter else NO_SNOW
    thick = condition == "haze" or rng.random() < 0.12
    depth = float(rng.uniform(0.25, 0.65 if condition == "haze" else 0.45)) if thick else float(rng.uniform(0, 0.15))
    flat_light = condition == "low-contrast"
    return RenderedLook(
        observed_at=when,
        sun=sun,
        cars=cars,
        parked=furnish.parked(rng, site.tracks, int(rng.poisson(8 if condition == "empty-clutter" else 2))),
        greenness=greenness,
        moisture=moisture,
        sky_share=float(np.clip(rng.uniform(0.08, 0.28) + (0.4 if flat_light else 0) + 0.4 * depth * thick, 0, 0.85)),
        snow=snow,
        haze=_haze(rng, depth),
        cloud=_cloud(rng) if condition == "cloud" else NO_CLOUD,
        off_nadir_deg=float(min(abs(rng.normal(0, 11)), 28)),
        view_azimuth_deg=float(rng.uniform(0, 360)),
        sensor=_sensor(rng, product, snow.cover, condition),
        seed=int(rng.integers(1 << 30)),
    )


def _snow(rng: np.random.Generator) -> Snow:
    return Snow(
        cover=float(rng.choice([1.0, rng.uniform(0.2, 0.95)])),
        swept=float(rng.beta(0.8, 0.8)),
        one_sided=int(rng.choice([0, 0, -1, 1])),
        edge_m=float(rng.uniform(-0.5, 2.2)),
        on_cars=float(rng.choice([0.0, rng.uniform(0, 1)])),
    )


def _haze(rng: np.random.Generator, depth: float) -> Haze:
    blue = float(rng.uniform(0.2, 0.9))
    bright = depth * float(rng.uniform(0.3, 0.6))
    airlight = (bright * (1 - 0.3 * blue), bright * (1 - 0.1 * blue), bright * (1 + 0.3 * blue), bright * 0.5)
    return Haze(1 - depth, airlight, float(rng.choice([0.0, rng.uniform(0, 0.2)])))


def _cloud(rng: np.random.Generator) -> Cloud:
    return Cloud(
        cover=float(rng.uniform(0.1, 0.7)),
        opacity=float(rng.choice([1.0, rng.uniform(0.5, 1)])),
        softness=float(rng.uniform(0.1, 1.2)),
        shadow=float(rng.uniform(0.3, 0.75)),
        scale_m=float(rng.uniform(60, 400)),
    )


def _daylight(
    rng: np.random.Generator, site: RenderedSite, elevations: tuple[float, float], winter: bool
) -> tuple[datetime, Sun]:
    for _ in range(1000):
        day = int(rng.integers(-45, 60)) if winter else int(rng.integers(0, 365))
        when = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=float(rng.integers(86400)))
        sun = sun_position(when, site.longitude_deg, site.latitude_deg)
        if elevations[0] * (0.4 if winter else 1) <= sun.elevation_deg <= elevations[1] and sun.elevation_deg > 4:
            return when, sun
    raise ValueError(f"no daylight of {elevations} degrees at latitude {site.latitude_deg:.1f}")


def misregistration(rng: np.random.Generator, condition: str) -> Geolocation:
    """Draw the baseline's error against the tile: up to 6 px and 1 degree, mostly less."""
    strong = condition == "shift"
    reach = 6.0 if strong else float(rng.choice([1.0, 3.0, 6.0]))
    turn = float(rng.uniform(0.3, 1.0) * rng.choice([-1, 1])) if strong else float(rng.normal(0, 0.15))
    return Geolocation(
        float(rng.uniform(-reach, reach)),
        float(rng.uniform(-reach, reach)),
        float(np.clip(turn, -1, 1)),
        float(1 + rng.normal(0, 0.0006)),
    )


def _sensor(rng: np.random.Generator, product: Product, snow: float, condition: str) -> Sensor:
    gamma = float(rng.choice([1.0, 0.7, 0.45], p=[0.3, 0.4, 0.3]) * rng.uniform(0.9, 1.1))
    white = float(rng.uniform(0.95, 1.5) if snow > 0.3 else rng.uniform(1.1, 2.4))
    level = white * (0.75 if gamma < 0.55 else 1.0)
    gains = np.exp(rng.normal(0, 0.03, 4))
    offsets = rng.normal(0, 0.004, 4)
    return Sensor(
        product=product,
        blur_px=float(rng.uniform(0.38, 0.85)),
        sharpening=float(rng.choice([0.0, rng.uniform(0.2, 1.2)])),
        snr=float(np.exp(rng.uniform(np.log(18), np.log(120)))) * (0.7 if condition == "low-contrast" else 1),
        exposure=level if product.endswith("8") else float(rng.uniform(0.25, 0.7)),
        offset=(float(offsets[0]), float(offsets[1]), float(offsets[2]), float(offsets[3])),
        gain=(float(gains[0]), float(gains[1]), float(gains[2]), float(gains[3])),
        gamma=gamma if product.endswith("8") else 1.0,
        band_shift_px=float(rng.choice([0.0, rng.uniform(0, 0.3)])),
        wobble_px=float(rng.choice([0.0, rng.uniform(0.05, 0.4)], p=[0.6, 0.4])),
        jpeg_quality=int(rng.integers(65, 96)) if product.endswith("8") and rng.random() < 0.5 else None,
        missing=(float(rng.uniform(0, 360)), float(rng.uniform(120, 300))) if rng.random() < 0.04 else None,
    )
