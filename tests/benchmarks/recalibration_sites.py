"""Rendered sites with many looks each, counted once: what `recalibration` takes its verdicts from.

Each site is one place of the held-out renderer. Its looks have other trains, light, season and view, as the
place has on other days. What is true of them stands for what an analyst would say.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np

from railwatch.services.detector.counting import count_tile
from railwatch.shared.geography import from_lon_lat, utm_zone
from railwatch.training.held_out.dates import Picture, take
from railwatch.training.held_out.pair import Pair, as_case
from railwatch.training.held_out.site import Site, build
from railwatch.training.held_out.styles import STYLES
from railwatch.training.held_out.trains import timetable
from railwatch.training.matching import MATCH_M, matches

# Nothing else uses these seeds.
FIRST_SEED = 970_000
SIZE_PX = 400
LON, LAT = 9.0, 47.0
# Their sites differ from what the networks learned from in the light, the view, the camera, the track or the cars.
SITES = ("cement", "broad-gauge", "metre-gauge", "american", "passenger", "oblique", "sharpened", "hazy")


@dataclass(frozen=True)
class CountedLook:
    """A look as it was counted, and what is true of it.

    Attributes:
        site: name of the style of its site.
        number: of the look.
        count: what was counted; null if the picture was rejected.
        low: lower end of the 90 % interval.
        high: upper end.
        true: cars that can be seen.
        found: those of them that were found.
        reasons: the remarks of the count.
        sun_deg: elevation of the sun.
    """

    site: str
    number: int
    count: float | None
    low: float | None
    high: float | None
    true: int
    found: int
    reasons: tuple[str, ...]
    sun_deg: float


def counted_looks(looks: int, jobs: int, cache: Path | None) -> list[CountedLook]:
    """All sites' looks, counted: the first of each site, then the second of each, and so on."""
    held = (
        [CountedLook(**json.loads(line)) for line in cache.read_text().splitlines()] if cache and cache.exists() else []
    )
    known = {(look.site, look.number) for look in held}
    wanted = [(site, number) for number, site in product(range(looks), SITES)]
    with ProcessPoolExecutor(jobs) as pool:
        for look in pool.map(_counted, [one for one in wanted if one not in known]):
            held.append(look)
            if cache:
                cache.parent.mkdir(parents=True, exist_ok=True)
                with cache.open("a") as file:
                    file.write(json.dumps(asdict(look)) + "\n")
    return [look for look in held if (look.site, look.number) in set(wanted)]


_PLACES: dict[str, tuple[Site, Picture]] = {}


def _place(name: str) -> tuple[Site, Picture]:
    """The place and its baseline, made once in each process."""
    if name not in _PLACES:
        rng = np.random.default_rng([FIRST_SEED, *name.encode()])
        style = STYLES[name]
        site = build(rng, style, SIZE_PX)
        _, before = timetable(rng, style, site)
        _PLACES[name] = site, take(rng, style, site, before, southern=False, displaced=True)
    return _PLACES[name]


def _counted(which: tuple[str, int]) -> CountedLook:
    name, number = which
    site, baseline = _place(name)
    rng = np.random.default_rng([FIRST_SEED, 1 + number, *name.encode()])
    now, _ = timetable(rng, STYLES[name], site)
    tile = take(rng, STYLES[name], site, now, southern=False, displaced=False)
    crs = utm_zone(LON, LAT)
    east, north = from_lon_lat(crs, np.array([LON]), np.array([LAT]))
    pair = Pair(name, number, site, crs, (round(float(east[0])), round(float(north[0]))), tile, baseline)
    case = as_case(pair)
    counted = count_tile(case.tile, case.baseline, case.tracks, sun=case.sun)
    middles = np.array([corners.mean(axis=0) for _, _, corners in counted.outlines]).reshape(-1, 2)
    found = matches(middles, case.cars, MATCH_M / site.gsd_m)
    count, elevation_deg = counted.count, tile.sun.elevation_deg
    return CountedLook(
        name, number, count.count, count.low, count.high, len(case.cars), found, count.reasons, round(elevation_deg, 1)
    )
