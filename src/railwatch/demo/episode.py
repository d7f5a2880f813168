"""What happened at Tumangang from March to 5 October 2023, look by look, and how each look is rendered."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal

import numpy as np

from railwatch.demo.yard import SEED, tumangang
from railwatch.render import Picture, RenderedLook, furnish, render_look, site_ground
from railwatch.render.consist import park
from railwatch.render.ground import Ground
from railwatch.render.light import sun_position
from railwatch.render.rolling_stock import RenderedCar, Shape
from railwatch.render.sensor import Geolocation, Sensor
from railwatch.render.weather import CLEAR_AIR, NO_CLOUD, Cloud, Haze
from railwatch.shared.counts import Sun

Sky = Literal["clear", "hazy", "broken", "overcast"]


@dataclass(frozen=True)
class PlannedLook:
    """One acquisition of the episode.

    Attributes:
        at: when the satellite took the picture.
        cars: number of cars in the yard.
        sky: the weather.
        role: an observation, or the baseline that the operator chose.
    """

    at: datetime
    cars: int
    sky: Sky = "clear"
    role: Literal["observation", "baseline"] = "observation"

    @property
    def scene(self) -> str:
        """Id of the scene."""
        return f"tumangang-{self.at:%Y%m%d}"


def planned_look(day: str, time: str, cars: int, sky: Sky = "clear") -> PlannedLook:
    """An observation on a day, such as 2023-10-05, at a time, such as 02:19, in UTC."""
    return PlannedLook(datetime.fromisoformat(f"{day}T{time}:00+00:00"), cars, sky)


# The empty yard that the operator picked.
BASELINE = PlannedLook(datetime(2023, 3, 2, 2, 20, tzinfo=UTC), 0, role="baseline")

# The observations, oldest first. Until mid September the counts stay below 20, as in the five years before. The first
# cars of the rise arrive on 18 September.
LOOKS = (
    planned_look("2023-03-07", "02:24", 6),
    planned_look("2023-03-12", "01:58", 5),
    planned_look("2023-03-19", "02:41", 4),
    planned_look("2023-03-27", "03:12", 7, "hazy"),
    planned_look("2023-04-03", "02:07", 7),
    planned_look("2023-04-09", "02:33", 9),
    planned_look("2023-04-18", "01:49", 7, "overcast"),
    planned_look("2023-04-25", "02:15", 5),
    planned_look("2023-05-03", "03:05", 8, "hazy"),
    planned_look("2023-05-08", "02:29", 10),
    planned_look("2023-05-17", "01:55", 8),
    planned_look("2023-05-26", "02:44", 3),
    planned_look("2023-06-01", "02:18", 7, "broken"),
    planned_look("2023-06-08", "03:21", 8),
    planned_look("2023-06-19", "02:02", 7, "hazy"),
    planned_look("2023-06-28", "02:37", 5),
    planned_look("2023-07-06", "02:11", 8, "overcast"),
    planned_look("2023-07-11", "03:02", 11),
    planned_look("2023-07-20", "01:52", 8, "hazy"),
    planned_look("2023-07-29", "02:26", 6),
    planned_look("2023-08-05", "02:48", 4),
    planned_look("2023-08-12", "02:09", 7, "broken"),
    planned_look("2023-08-21", "03:17", 8),
    planned_look("2023-08-27", "02:31", 13),
    planned_look("2023-09-02", "01:57", 7),
    planned_look("2023-09-08", "02:22", 7, "hazy"),
    planned_look("2023-09-14", "02:39", 6),
    planned_look("2023-09-17", "03:08", 7),
    planned_look("2023-09-19", "02:13", 17),
    planned_look("2023-09-22", "02:27", 25),
    planned_look("2023-09-27", "01:54", 42, "hazy"),
    planned_look("2023-10-01", "02:35", 56),
    planned_look("2023-10-05", "02:19", 70),
)

# The day when the rise begins.
SURGE = datetime(2023, 9, 18, tzinfo=UTC)


@cache
def trains(looks: tuple[PlannedLook, ...] = LOOKS) -> dict[str, tuple[RenderedCar, ...]]:
    """The cars of every look, by scene. From one look to the next some cuts stay, some leave and some arrive."""
    site = tumangang()
    rng = np.random.default_rng(SEED + 1)
    standing: dict[str, tuple[RenderedCar, ...]] = {BASELINE.scene: ()}
    before: tuple[RenderedCar, ...] = ()
    for look in looks:
        surging = look.at >= SURGE
        stay: tuple[RenderedCar, ...] = ()
        for track in sorted({car.track for car in before}):
            cut = tuple(car for car in before if car.track == track)
            if len(stay) + len(cut) <= look.cars and rng.random() < (0.8 if surging else 0.35):
                stay += cut
        while len(stay) < look.cars:
            shapes = (Shape.TARPED,) if surging and rng.random() < 0.85 else ()
            stay += park(rng, site.tracks, min(look.cars - len(stay), 12), fleet="korean", shapes=shapes, beside=stay)
        standing[look.scene] = before = stay
    return standing


def sun_of(planned: PlannedLook) -> Sun:
    """Where the sun stands at a look."""
    site = tumangang()
    return sun_position(planned.at, site.longitude_deg, site.latitude_deg)


def as_look(planned: PlannedLook, cars: tuple[RenderedCar, ...] | None = None) -> RenderedLook:
    """The look as it is rendered. Date, time and place give the sun; the date gives season, haze, cloud and offset.

    The cars are those of the short episode, unless others are given.
    """
    site = tumangang()
    rng = np.random.default_rng([SEED, planned.at.toordinal()])
    day = planned.at.timetuple().tm_yday
    greenness = float(np.clip(1.15 * np.exp(-(((day - 195) / 62) ** 2)), 0, 1))
    return RenderedLook(
        observed_at=planned.at,
        sun=sun_of(planned),
        cars=trains()[planned.scene] if cars is None else cars,
        parked=furnish.parked(rng, site.tracks, int(rng.poisson(2))),
        greenness=greenness,
        moisture=float(rng.choice([0.0, 0.0, rng.uniform(0.1, 0.7)])),
        sky_share=float(rng.uniform(0.12, 0.2)) + 0.15 * (planned.sky == "hazy"),
        haze=_haze(rng) if planned.sky == "hazy" else CLEAR_AIR,
        cloud=_cloud(rng, planned.sky),
        off_nadir_deg=float(rng.uniform(1, 18)),
        view_azimuth_deg=float(rng.uniform(0, 360)),
        sensor=_sensor(rng, planned),
        seed=int(rng.integers(1 << 30)),
    )


def render(planned: PlannedLook, cars: tuple[RenderedCar, ...] | None = None) -> Picture:
    """Render one look; arguments as for `as_look`."""
    return render_look(tumangang(), as_look(planned, cars), _ground())


@cache
def _ground() -> Ground:
    return site_ground(tumangang())


def _haze(rng: np.random.Generator) -> Haze:
    depth = float(rng.uniform(0.15, 0.35))
    return Haze(1 - depth, (0.36 * depth, 0.42 * depth, 0.52 * depth, 0.2 * depth), unevenness=0.04)


def _cloud(rng: np.random.Generator, sky: Sky) -> Cloud:
    if sky == "broken":
        return Cloud(cover=float(rng.uniform(0.12, 0.25)), softness=0.6, shadow=0.55, scale_m=160)
    if sky == "overcast":
        return Cloud(cover=0.97, softness=0.5, shadow=0.5, scale_m=300)
    return NO_CLOUD


def _sensor(rng: np.random.Generator, planned: PlannedLook) -> Sensor:
    shift = 0.0 if planned.role == "baseline" else 1.0
    gains = np.exp(rng.normal(0, 0.02, 4))
    return Sensor(
        blur_px=float(rng.uniform(0.45, 0.7)),
        sharpening=float(rng.choice([0.0, 0.5])),
        snr=float(rng.uniform(40, 100)),
        exposure=float(rng.uniform(1.25, 1.75)),
        gain=(float(gains[0]), float(gains[1]), float(gains[2]), float(gains[3])),
        gamma=float(rng.uniform(0.55, 0.75)),
        geolocation=Geolocation(
            dx_px=shift * float(np.clip(rng.normal(0, 2), -5, 5)),
            dy_px=shift * float(np.clip(rng.normal(0, 2), -5, 5)),
            rotation_deg=shift * float(np.clip(rng.normal(0, 0.15), -0.5, 0.5)),
        ),
    )
