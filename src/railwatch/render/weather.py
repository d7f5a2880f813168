"""Snow on the ground, haze and cloud in the air, and the pixels that cloud hides."""

from dataclasses import dataclass

import numpy as np

from railwatch.render import palette
from railwatch.render.canvas import Array, fractal_noise, ramp, tint
from railwatch.render.ground import Ground


@dataclass(frozen=True)
class Snow:
    """Snow on the ground.

    Attributes:
        cover: share of the ground it covers, 0 to 1.
        swept: 0 if it also covers the rails, 1 if trains have swept them.
        one_sided: -1 or 1 if it covers one side of each track only (drift, plough, sun); 0 if it covers both.
        edge_m: distance of a one-sided edge from the centreline.
        on_cars: share of a car's roof under snow.
    """

    cover: float = 0.0
    swept: float = 0.5
    one_sided: int = 0
    edge_m: float = 1.5
    on_cars: float = 0.0


@dataclass(frozen=True)
class Haze:
    """Air between ground and sensor: `transmission` of the ground's light, and the `airlight` added, by band."""

    transmission: float = 1.0
    airlight: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    unevenness: float = 0.0


@dataclass(frozen=True)
class Cloud:
    """Cloud: share of the picture it covers, how opaque, how wide its soft edge is, and how strong its shadow."""

    cover: float = 0.0
    opacity: float = 1.0
    softness: float = 0.5
    shadow: float = 0.6
    scale_m: float = 150.0


CLEAR_AIR = Haze()
NO_CLOUD = Cloud()
NO_SNOW = Snow()


def snow_over(
    ground: Ground, reflectance: Array, snow: Snow, rng: np.random.Generator, sheltered: Array | None = None
) -> Array:
    """The ground under snow, (bands, rows, cols). Places that departed cars sheltered have none."""
    if snow.cover <= 0:
        return reflectance
    drift = 0.3 * ground.mottle + 0.95 * fractal_noise(rng, ground.mottle.shape, ground.frame.step_m, 60, 3.0)
    margin = 2.6 * (snow.cover - 0.5) if snow.cover < 0.97 else 6.0
    cover = ramp(drift + np.float32(margin), -0.4, 0.5)
    near = np.abs(ground.across_m) < 3.3
    if snow.one_sided:
        edge = ramp(ground.across_m * snow.one_sided + 0.15 * drift, snow.edge_m - 0.3, snow.edge_m + 0.3)
        cover = np.where(near, cover * edge, cover)
    cover = cover * (1 - snow.swept * np.clip(2.5 * ground.rail_shade + ground.rail, 0, 1))
    if sheltered is not None:
        cover = cover * (1 - sheltered)
    white = tint(palette.vary(rng, palette.SNOW, 0.04), reflectance.shape[0])
    lying = white * (1 + 0.025 * ground.mottle)
    return np.clip(reflectance + cover * (lying - reflectance), 0.01, 0.97).astype(np.float32)


def through_air(
    radiance: Array,
    haze: Haze,
    cloud: Cloud,
    gsd_m: float,
    shadow_shift_px: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Radiance at the sensor, and the share of each pixel that cloud and cloud shadow hide ((rows, cols) each)."""
    bands, rows, cols = radiance.shape
    hidden = np.zeros((rows, cols), np.float32)
    shadowed = hidden
    if cloud.cover > 0:
        reach = 2 * int(np.ceil(np.hypot(*shadow_shift_px)))
        noise = fractal_noise(rng, (rows + reach, cols + reach), gsd_m, cloud.scale_m, 4.2)
        edge = np.quantile(noise, 1 - cloud.cover)
        whole = ramp(noise, float(edge - 0.5 * cloud.softness), float(edge + 0.5 * cloud.softness))
        middle = reach // 2
        hidden = cloud.opacity * whole[middle : middle + rows, middle : middle + cols]
        down, right = middle + round(shadow_shift_px[0]), middle + round(shadow_shift_px[1])
        shadowed = whole[down : down + rows, right : right + cols]
        radiance = radiance * (1 - cloud.shadow * shadowed)
    air = np.asarray(haze.airlight[:bands], np.float32)[:, None, None]
    if haze.unevenness > 0:
        air = air * np.clip(1 + haze.unevenness * fractal_noise(rng, (rows, cols), gsd_m, 400, 3.5), 0.2, 3)
    radiance = radiance * np.float32(haze.transmission) + air
    white = np.float32(0.85) * (1 + 0.06 * (hidden - 0.5))
    return (radiance + hidden * (white - radiance)).astype(np.float32), hidden, shadowed.astype(np.float32)
