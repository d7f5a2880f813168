"""Random scenes by condition: the condition is what a pair must show, everything else is random."""

from dataclasses import replace
from typing import Any

import numpy as np

from railwatch.render.consist import park
from railwatch.render.random_look import misregistration, random_look
from railwatch.render.random_site import random_site
from railwatch.render.rolling_stock import RenderedCar, Shape
from railwatch.render.scene import SceneSpec
from railwatch.render.sensor import Geolocation, Product
from railwatch.render.yard import RenderedTrack

# The conditions of `random_scene`. `any` mixes them.
CONDITIONS = (
    "clear",
    "shift",
    "haze",
    "season",
    "snow",
    "low-sun",
    "tarps",
    "low-contrast",
    "cars-in-baseline",
    "train-left",
    "empty-clutter",
    "empty-snow",
    "thaw",
    "cloud",
    "fine",
    "coarse",
    "coarsest",
    "brown",
    "curved",
    "dense",
    "throat",
    "flats",
    "any",
)

# Conditions that are about certain cars.
SHAPES: dict[str, tuple[Shape, ...]] = {
    "tarps": (Shape.TARPED,),
    "flats": (Shape.FLAT, Shape.CONTAINER),
    "brown": (Shape.HOPPER, Shape.GONDOLA, Shape.COVERED_HOPPER, Shape.FLAT),
}


def random_scene(
    rng: np.random.Generator,
    condition: str = "any",
    *,
    gsd_m: float | None = None,
    size_px: int = 640,
    fill: float | None = None,
) -> SceneSpec:
    """Draw a scene.

    Args:
        rng: source of chance; the same state gives the same scene.
        condition: one of `CONDITIONS`.
        gsd_m: ground sample distance; drawn if None (0.3 to 0.6 m unless the condition says otherwise).
        size_px: rows and columns of the pictures.
        fill: share of the free track under cars; drawn if None. Conditions with empty yards stay empty.

    Raises:
        ValueError: if the condition is unknown.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"unknown condition {condition!r}; one of: {', '.join(CONDITIONS)}")
    asked, condition = condition, _mix(rng) if condition == "any" else condition
    site = random_site(rng, condition, gsd_m or _gsd(rng, condition), size_px)
    fleet = str(rng.choice(["russian", "korean", "european", "american", "mixed"], p=[0.25, 0.2, 0.3, 0.1, 0.15]))
    room = sum(float((track.clear[:, 1] - track.clear[:, 0]).sum()) for track in site.tracks) / 15
    fill = float(rng.beta(1.2, 2.2)) if fill is None else fill
    shapes = SHAPES.get(condition, ())
    before, now = _trains(rng, condition, site.tracks, fleet, room * fill, shapes)
    product: Product = "rgb8"
    if rng.random() < 0.2:
        product = ("rgb16", "rgbn16", "pan8", "pan16")[int(rng.integers(4))]
    baseline = random_look(rng, site, "thaw" if condition == "thaw" else "clear", before, product)
    tile = random_look(rng, site, "clear" if condition == "thaw" else condition, now, product, near=baseline)
    stayed = {car.seed for car in now}
    departed = tuple(car for car in before if car.seed not in stayed) if rng.random() < 0.4 else ()
    tile = replace(tile, departed=departed, sensor=replace(tile.sensor, geolocation=Geolocation(), wobble_px=0.0))
    error = misregistration(rng, condition)
    baseline = replace(baseline, sensor=replace(baseline.sensor, geolocation=error, missing=None))
    conditions: dict[str, Any] = {
        "asked": asked,
        "fleet": fleet,
        "product": product,
        "ballast": site.ground.ballast,
        "tracks": len(site.tracks),
        "snow": tile.snow.cover,
        "cloud": tile.cloud.cover,
        "haze": 1 - tile.haze.transmission,
        "off_nadir_deg": tile.off_nadir_deg,
    }
    return SceneSpec(site, tile, baseline, condition, conditions)


def _mix(rng: np.random.Generator) -> str:
    names = [name for name in CONDITIONS if name != "any"]
    return str(rng.choice(names))


def _gsd(rng: np.random.Generator, condition: str) -> float:
    fixed = {"fine": (0.25, 0.32), "coarse": (0.7, 0.85), "coarsest": (0.9, 1.0)}.get(condition, (0.3, 0.62))
    return round(float(rng.uniform(*fixed)), 3)


def _trains(
    rng: np.random.Generator,
    condition: str,
    tracks: tuple[RenderedTrack, ...],
    fleet: str,
    wanted: float,
    shapes: tuple[Shape, ...],
) -> tuple[tuple[RenderedCar, ...], tuple[RenderedCar, ...]]:
    """Cars in the baseline and in the tile: some stay, some leave, some arrive."""
    count = max(1, round(wanted))
    if condition.startswith("empty"):
        return (), ()
    if condition == "train-left":
        before = park(rng, tracks, max(count, 6), fleet=fleet)
        return before, ()
    if condition == "cars-in-baseline" or rng.random() < 0.25:
        before = park(rng, tracks, max(3, count // 2), fleet=fleet)
        cuts = sorted({car.track for car in before})
        kept = {track for track in cuts if rng.random() < 0.5}
        stay = tuple(car for car in before if car.track in kept)
        return before, stay + park(rng, tracks, max(1, count - len(stay)), fleet=fleet, shapes=shapes, beside=stay)
    return (), park(rng, tracks, count, fleet=fleet, shapes=shapes)
