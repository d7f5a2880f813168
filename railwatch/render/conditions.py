"""Random scenes by condition: what a pair is meant to show, everything else drawn at large."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from railwatch.render import furnish, palette
from railwatch.render.canvas import Frame
from railwatch.render.consist import park
from railwatch.render.ground import GroundStyle
from railwatch.render.light import sun_position
from railwatch.render.rolling_stock import Car, Shape
from railwatch.render.scene import Look, RenderSite, SceneSpec
from railwatch.render.sensor import Geolocation, Product, Sensor
from railwatch.render.weather import Cloud, Haze, Snow
from railwatch.render.yard import Track, YardKind, lay_tracks

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
"""What `random_scene` can be asked for; `any` mixes them."""

SHAPES: dict[str, tuple[Shape, ...]] = {
    "tarps": (Shape.TARPED,),
    "flats": (Shape.FLAT, Shape.CONTAINER),
    "brown": (Shape.HOPPER, Shape.GONDOLA, Shape.COVERED_HOPPER, Shape.FLAT),
}
"""Conditions that are about certain cars."""


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
    site = _site(rng, condition, gsd_m or _gsd(rng, condition), size_px)
    fleet = str(rng.choice(["russian", "korean", "european", "american", "mixed"], p=[0.25, 0.2, 0.3, 0.1, 0.15]))
    room = sum(float((track.clear[:, 1] - track.clear[:, 0]).sum()) for track in site.tracks) / 15
    fill = float(rng.beta(1.2, 2.2)) if fill is None else fill
    shapes = SHAPES.get(condition, ())
    before, now = _trains(rng, condition, site.tracks, fleet, room * fill, shapes)
    product: Product = "rgb8"
    if rng.random() < 0.2:
        product = ("rgb16", "rgbn16", "pan8", "pan16")[int(rng.integers(4))]
    baseline = _look(rng, site, "clear" if condition != "shift" else "shift", before, product)
    tile = _look(rng, site, condition, now, product, near=baseline)
    stayed = {car.seed for car in now}
    departed = tuple(car for car in before if car.seed not in stayed) if rng.random() < 0.4 else ()
    tile = replace(tile, departed=departed, sensor=replace(tile.sensor, geolocation=Geolocation(), wobble_px=0.0))
    error = _misregistration(rng, condition)
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


def _site(rng: np.random.Generator, condition: str, gsd_m: float, size_px: int) -> RenderSite:
    supersample = 2 if gsd_m <= 0.6 else 3
    size_m = size_px * gsd_m
    margin = 8 * gsd_m + 0.012 * size_m + 6
    frame = Frame((size_px, size_px), gsd_m, supersample, margin)
    kinds: list[YardKind] = ["parallel", "ladder", "double-ended", "main", "siding"]
    kind = kinds[int(rng.choice(5, p=[0.45, 0.25, 0.15, 0.07, 0.08]))]
    tracks = int(rng.integers(3, 15)) if kind in ("parallel", "ladder", "double-ended") else int(rng.integers(1, 4))
    if condition == "dense":
        kind, tracks = "parallel", int(rng.integers(10, 21))
    if condition == "throat":
        kind, tracks = ("ladder", "double-ended")[int(rng.integers(2))], int(rng.integers(4, 13))
    if condition in ("train-left", "cars-in-baseline", "tarps", "flats") and kind == "main":
        kind, tracks = "parallel", int(rng.integers(4, 10))
    radius = float(rng.uniform(250, 700)) if condition == "curved" else None
    most = max(1, int(0.8 * size_m / 5.2))
    lines: tuple[Track, ...] = ()
    while not any(track.length_m > 0.5 * size_m for track in lines):
        lines = lay_tracks(
            rng,
            frame.size_m,
            kind,
            min(tracks, most),
            curve_radius_m=radius,
            lateral_error_m=float(rng.choice([0.3, 1.0, 2.0, 3.0], p=[0.35, 0.35, 0.2, 0.1])),
            gauge_m=float(rng.choice([1.435, 1.52])),
        )
    richness = float(rng.uniform(0.5, 1.2) if condition == "empty-clutter" else rng.uniform(0, 0.9))
    return RenderSite(
        frame=frame,
        longitude_deg=float(rng.uniform(-120, 140)),
        latitude_deg=float(rng.uniform(25, 60)),
        tracks=lines,
        ground=_ground_style(rng, condition),
        roads=furnish.roads(rng, lines, frame.size_m, int(rng.integers(0, 3))),
        structures=furnish.structures(rng, lines, frame.size_m, richness),
        overheads=furnish.overheads(rng, lines, frame.size_m, electrified=bool(rng.random() < 0.35)),
        seed=int(rng.integers(1 << 30)),
    )


def _ground_style(rng: np.random.Generator, condition: str) -> GroundStyle:
    kinds = ["brown", "rusted"] if condition in ("brown", "low-contrast") else list(palette.BALLAST)
    return GroundStyle(
        ballast=str(rng.choice(kinds)),
        patches=str(rng.choice(list(palette.BALLAST))),
        patch_share=float(rng.choice([0.01, rng.uniform(0.05, 0.5)])),
        between=str(rng.choice(["ballast", "ballast", "dirt", "grass"])),
        bed_half_width_m=float(rng.uniform(1.5, 2.7)),
        dirt=palette.pick(rng, palette.DIRT),
        grass_share=float(rng.uniform(0, 0.95)),
        weeds=float(rng.choice([0.01, rng.uniform(0.05, 0.5)])),
        concrete_sleepers=bool(rng.random() < 0.5),
        sleeper_contrast=float(rng.uniform(0.1, 1)),
        polished=float(rng.beta(0.6, 1.2)),
        oil=float(rng.beta(1.2, 2.5)),
        rust=float(rng.uniform(0, 1)),
        roughness=float(rng.uniform(0.4, 1.5)),
        fields=float(rng.choice([0.0, rng.uniform(0, 1)])),
        softness=float(rng.uniform(0.3, 1.8)),
        rail_contrast=float(rng.uniform(0.25, 0.9)),
    )


def _trains(
    rng: np.random.Generator,
    condition: str,
    tracks: tuple[Track, ...],
    fleet: str,
    wanted: float,
    shapes: tuple[Shape, ...],
) -> tuple[tuple[Car, ...], tuple[Car, ...]]:
    """Cars in the baseline and in the tile: some stay, some leave, some come."""
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


def _look(
    rng: np.random.Generator,
    site: RenderSite,
    condition: str,
    cars: tuple[Car, ...],
    product: Product,
    near: Look | None = None,
) -> Look:
    winter = condition in ("snow", "empty-snow")
    when, sun = _daylight(rng, site, (4, 18) if condition == "low-sun" else (18, 75), winter)
    summer = 0.5 - 0.5 * np.cos(2 * np.pi * (when.timetuple().tm_yday - 15) / 365)
    greenness = float(np.clip(summer + rng.normal(0, 0.15), 0, 1)) * (not winter)
    moisture = float(rng.choice([0.0, rng.uniform(0, 1)], p=[0.6, 0.4]))
    if near and condition not in ("season", "snow", "empty-snow") and rng.random() < 0.5:
        greenness, moisture = near.greenness, near.moisture
    snow = Snow()
    if winter:
        snow = Snow(
            cover=float(rng.choice([1.0, rng.uniform(0.2, 0.95)])),
            swept=float(rng.beta(0.8, 0.8)),
            one_sided=int(rng.choice([0, 0, -1, 1])),
            edge_m=float(rng.uniform(-0.5, 2.2)),
            on_cars=float(rng.choice([0.0, rng.uniform(0, 1)])),
        )
    thick = condition == "haze" or rng.random() < 0.12
    depth = float(rng.uniform(0.25, 0.65 if condition == "haze" else 0.45)) if thick else float(rng.uniform(0, 0.15))
    blue = float(rng.uniform(0.2, 0.9))
    bright = depth * float(rng.uniform(0.3, 0.6))
    airlight = (bright * (1 - 0.3 * blue), bright * (1 - 0.1 * blue), bright * (1 + 0.3 * blue), bright * 0.5)
    cloud = Cloud()
    if condition == "cloud":
        cloud = Cloud(
            cover=float(rng.uniform(0.1, 0.7)),
            opacity=float(rng.choice([1.0, rng.uniform(0.5, 1)])),
            softness=float(rng.uniform(0.1, 1.2)),
            shadow=float(rng.uniform(0.3, 0.75)),
            scale_m=float(rng.uniform(60, 400)),
        )
    flat_light = condition == "low-contrast"
    return Look(
        observed_at=when,
        sun=sun,
        cars=cars,
        parked=furnish.parked(rng, site.tracks, int(rng.poisson(8 if condition == "empty-clutter" else 2))),
        greenness=greenness,
        moisture=moisture,
        sky_share=float(np.clip(rng.uniform(0.08, 0.28) + (0.4 if flat_light else 0) + 0.4 * depth * thick, 0, 0.85)),
        snow=snow,
        haze=Haze(1 - depth, airlight, float(rng.choice([0.0, rng.uniform(0, 0.2)]))),
        cloud=cloud,
        off_nadir_deg=float(min(abs(rng.normal(0, 11)), 28)),
        view_azimuth_deg=float(rng.uniform(0, 360)),
        sensor=_sensor(rng, product, snow.cover, condition),
        seed=int(rng.integers(1 << 30)),
    )


def _daylight(
    rng: np.random.Generator, site: RenderSite, elevations: tuple[float, float], winter: bool
) -> tuple[datetime, Any]:
    for _ in range(1000):
        day = int(rng.integers(-45, 60)) if winter else int(rng.integers(0, 365))
        when = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=float(rng.integers(86400)))
        sun = sun_position(when, site.longitude_deg, site.latitude_deg)
        if elevations[0] * (0.4 if winter else 1) <= sun.elevation_deg <= elevations[1] and sun.elevation_deg > 4:
            return when, sun
    raise ValueError(f"no daylight of {elevations} degrees at latitude {site.latitude_deg:.1f}")


def _misregistration(rng: np.random.Generator, condition: str) -> Geolocation:
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
