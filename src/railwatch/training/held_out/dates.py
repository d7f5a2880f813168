"""One date: season, light, view and camera make a picture of a site, and what is true of its cars."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from railwatch.shared.counts import Sun
from railwatch.training.held_out import camera as cameras
from railwatch.training.held_out import objects, rays, trains
from railwatch.training.held_out.camera import Camera
from railwatch.training.held_out.field import Field, Floats, Material, Points
from railwatch.training.held_out.land import free_places
from railwatch.training.held_out.site import Site
from railwatch.training.held_out.styles import Style
from railwatch.training.held_out.textures import between, clouds
from railwatch.training.held_out.trains import Standing

BEAM_M = 7.2
# Where cloud is thicker than this, nothing below it can be told.
OPAQUE = 0.45


@dataclass(frozen=True)
class Car:
    """A vehicle in a picture: its corners (4, 2) at half its height, local metres, and how much of it is seen."""

    standing: Standing
    outline_m: Points
    visible: float

    @property
    def middle_m(self) -> Points:
        """(2,)."""
        return np.asarray(self.outline_m.mean(axis=0))


@dataclass(frozen=True)
class Picture:
    """What was delivered of one date: digital numbers (bands, rows, cols), its cars, and its light."""

    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    cars: tuple[Car, ...]
    sun: Sun
    camera: Camera


def take(
    rng: np.random.Generator, style: Style, site: Site, cars: list[Standing], *, southern: bool, displaced: bool
) -> Picture:
    """A picture of a site with these cars on it."""
    sun = Sun(
        azimuth_deg=((0 if southern else 180) + float(rng.choice([-1, 1])) * between(rng, 8, 65)) % 360,
        elevation_deg=between(rng, *style.sun_deg),
    )
    camera = cameras.choose(rng, style, displaced=displaced)
    field = site.field.copy()
    _motors(field, rng, style, site)
    trains.paint(field, cars)
    for painter in site.above:
        painter(field)
    _season(field, rng, style, cars)
    light = rays.radiance(field, sun.azimuth_deg, sun.elevation_deg, between(rng, 0.14, 0.3))
    _beams(field, light, site, rays.heading(sun.azimuth_deg), 1 / np.tan(np.radians(sun.elevation_deg)), 0.02, 0.3)
    off_nadir, to_sensor = between(rng, *style.off_nadir_deg), between(rng, 0, 360)
    seen = field.owner
    lean = float(np.tan(np.radians(off_nadir)))
    if off_nadir > 1.5:
        facing = np.cos(np.radians(to_sensor - sun.azimuth_deg))
        side = 0.3 + 0.75 * max(float(facing), 0.0) / float(np.tan(np.radians(max(sun.elevation_deg, 30))))
        light, seen = rays.oblique(field, light, off_nadir, to_sensor, min(side, 1.3))
    _beams(field, light, site, rays.heading(to_sensor), lean, 0.22, 0.35)
    light, opacity = cameras.through_air(light, camera, field.step_m, rng)
    pixels = cameras.expose(light, camera, field.step_m, field.margin_m, site.size_px, site.gsd_m, rng)
    away = -np.array(rays.heading(to_sensor)) * lean
    found = tuple(_true(car, seen, opacity, number, site, camera, away) for number, car in enumerate(cars, start=1))
    return Picture(pixels, found, sun, camera)


def _true(
    car: Standing, seen: NDArray[np.int16], opacity: Floats, number: int, site: Site, camera: Camera, away: Points
) -> Car:
    size = car.vehicle
    cells = (seen == number) & (opacity < OPAQUE)
    nominal = size.length_m * size.width_m / site.field.step_m**2
    outline = cameras.apparent(car.outline() + away * size.height_m / 2, camera, site.size_m)
    return Car(car, outline, float(min(1.0, cells.sum() / nominal)))


def _motors(field: Field, rng: np.random.Generator, style: Style, site: Site) -> None:
    """Motor vehicles on roads, parked in rows, and containers: other ones at each date."""
    for at, turn in site.roads:
        if rng.random() < 0.5:
            objects.motor(field, rng, at, turn + np.pi * int(rng.integers(2)), lorry=rng.random() < 0.2)
    if rng.random() < style.beside["trucks"]:
        for start in free_places(rng, field, site.room_m, 9, 60, int(rng.integers(1, 4))):
            turn, lorry = between(rng, 0, np.pi), rng.random() < 0.5
            step = np.array([-np.sin(turn), np.cos(turn)]) * (3.6 if lorry else 2.6)
            for place in range(int(rng.integers(1, 10))):
                at = start + step * place
                if rng.random() < 0.75 and site.room_m[field.cells(at[None])][0] > 11:
                    objects.motor(field, rng, at, turn, lorry=lorry)
    if rng.random() < style.beside["containers"]:
        way = site.ways[int(rng.integers(len(site.ways)))]
        for start in free_places(rng, field, site.room_m, 7, 22, int(rng.integers(1, 4))):
            near = int(np.hypot(*(way.line - start).T).argmin())
            ahead = way.line[min(near + 1, len(way.line) - 1)] - way.line[max(near - 1, 0)]
            turn = float(np.arctan2(ahead[1], ahead[0]))
            ends = start + np.array([np.cos(turn), np.sin(turn)]) * np.linspace(-14, 60, 20)[:, None]
            if site.room_m[field.cells(ends)].min() > 6.0:
                objects.stack(field, rng, start, turn)


def _season(field: Field, rng: np.random.Generator, style: Style, cars: list[Standing]) -> None:
    """Greener or drier plants, wet or dry ground, snow."""
    plants = (field.material == Material.GRASS) | (field.material == Material.TREE)
    hue = np.array([between(rng, 0.85, 1.3), between(rng, 0.88, 1.12), between(rng, 0.85, 1.15)], np.float32)
    ground = (field.material == Material.BED) | (field.material == Material.BARE) | (field.material == Material.HARD)
    wet = between(rng, 0.72, 1.08)
    for band, tint in zip(field.colour, hue, strict=True):
        band *= np.where(plants, tint, np.where(ground, np.float32(wet), np.float32(1)))
    if rng.random() >= style.snow:
        return
    depth = between(rng, 0.45, 1.3)
    drift = clouds(rng, field.shape, field.step_m, between(rng, 8, 40))
    white = np.clip(depth + 0.2 * drift, 0, 1)
    white *= np.choose(
        field.material, [1.0, 0.95, 0.35, between(rng, 0.4, 1.0), between(rng, 0.3, 1), 1.0, 1.0, 0.3, 0.8]
    )
    laden = np.zeros(len(cars) + 1, np.float32)
    laden[1:] = np.where(rng.random(len(cars)) < 0.5, 0.0, rng.uniform(0.3, 1.0, len(cars)))
    white = np.where(field.material == Material.CAR, laden[field.owner] * np.clip(white * 1.2, 0, 1), white)
    for band, tone in zip(field.colour, (0.74, 0.77, 0.82), strict=True):
        band += white * (np.float32(tone) - band)


def _beams(
    field: Field, light: Floats, site: Site, towards: tuple[float, float], per_metre: float, tone: float, width: float
) -> None:
    """Overhead beams, or their shadows: thin lines at the height of the wires, displaced."""
    away = -np.array(towards) * per_metre * BEAM_M
    canvas = replace(field, colour=light)
    for beam in site.beams:
        canvas.draw(beam + away, width, (tone, tone, tone))
        for foot in beam:
            canvas.draw(np.array([foot, foot + away]), width, (tone, tone, tone))
