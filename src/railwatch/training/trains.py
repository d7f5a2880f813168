"""Which cars stand where along a track: cuts of one kind or of many, coupled, in sidings that are empty or full."""

from dataclasses import dataclass

import numpy as np

from railwatch.training.stock import Car, random_car, repainted

# Between bodies of coupled cars: buffers or couplers (m).
COUPLED_M = (0.5, 1.7)
# The same between coaches, whose gangways bridge it.
GANGWAY_M = (0.3, 0.9)
SHORTEST_STRETCH_M = 8.0


@dataclass(frozen=True)
class Stood:
    """A car where it stands: middle and sideways offset in metres along and across the track."""

    car: Car
    middle_m: float
    offset_m: float
    coupled: bool

    @property
    def ends_m(self) -> tuple[float, float]:
        """First and last metre of its body."""
        return self.middle_m - self.car.length_m / 2, self.middle_m + self.car.length_m / 2


def stand(
    rng: np.random.Generator, stretches_m: list[tuple[float, float]], fill: float, narrow: float, offset_m: float
) -> list[Stood]:
    """Cars in cuts on free stretches of a track.

    Args:
        rng: of all chance.
        stretches_m: where there is room, first and last metre.
        fill: how much of it is used, 0 to 1.
        narrow: of the gauge, see `railwatch.training.stock.random_car`.
        offset_m: how far beside the line they stand.
    """
    cars: list[Stood] = []
    for first, last in stretches_m:
        at = first + float(rng.exponential(20.0 * (1 - fill) + 0.5))
        while at < last - SHORTEST_STRETCH_M and rng.random() < 0.25 + fill:
            cut = _cut(rng, at, last, narrow, offset_m, fill)
            if not cut:
                break
            cars += cut
            at = cut[-1].ends_m[1] + 3.5 + float(rng.exponential(60.0 * (1 - fill) + 2.0))
    return cars


def _cut(
    rng: np.random.Generator, first_m: float, last_m: float, narrow: float, offset_m: float, fill: float
) -> list[Stood]:
    leader = random_car(rng, narrow)
    engine = random_car(rng, narrow, "locomotive") if rng.random() < 0.12 else None
    alike = float(rng.choice([1.0, 0.75, 0.0], p=[0.45, 0.25, 0.3]))
    reach = GANGWAY_M if leader.kind == "coach" else COUPLED_M
    gap = float(rng.uniform(*reach))
    cut: list[Stood] = []
    at, wanted = first_m, int(rng.geometric(0.12 if fill > 0.5 else 0.25))
    for number in range(wanted):
        car = repainted(leader, rng) if number == 0 or rng.random() < alike else random_car(rng, narrow)
        if number == 0 and engine is not None:
            car = engine
        if at + car.length_m > last_m:
            break
        cut.append(Stood(car, at + car.length_m / 2, offset_m + float(rng.normal(0, 0.04)), number > 0))
        at += car.length_m + (gap if rng.random() < 0.8 else float(rng.uniform(*reach)))
    return cut
