"""Precision and recall of a site's cars by kind of condition, and the precision of alerts, with their uncertainty.

Only looks teach of which each difference is marked: where somebody gave a total that the marks do not explain, it is
not known which cars were false. Each share has the posterior of a binomial one with Jeffreys' prior, Beta(1/2, 1/2).
Cars of one look are found or missed together, so their numbers are first divided by the design effect: how much more
the shares of looks differ than those of independent cars would. With few looks that cannot be seen. Then cars of one
look are taken to be as alike as `ALIKE` says.

References:
    Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial proportion. Statistical Science
        16, 101-133.
    Rao, J. N. K. and Scott, A. J. (1992). A simple method for the analysis of clustered binary data. Biometrics 48,
        577-585.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy
from pydantic import Field, computed_field

from railwatch.services.alerting.verdicts.conditions import CONDITIONS
from railwatch.services.alerting.verdicts.corrected import Corrected, by_look, corrected, judged_alerts
from railwatch.shared.counts import Frozen
from railwatch.shared.events import VerdictEvent, VerdictKind

# All conditions together.
ALL = "all"
# The correlation of two cars of one look where too few looks were judged to see it, and how many are enough.
ALIKE = 0.1
ENOUGH_LOOKS = 5
PRIOR = 0.5
TAIL = 0.05


class Share(Frozen):
    """A share with its 90 % interval: the mean and the quantiles of its posterior.

    Attributes:
        at: mean of the posterior.
        low: its 5 % quantile.
        high: its 95 % quantile.
    """

    at: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)

    @classmethod
    def of(cls, hits: float, misses: float) -> Self:
        """The posterior after so many hits and misses."""
        a, b = hits + PRIOR, misses + PRIOR
        ends = (float(scipy.special.betaincinv(a, b, q)) for q in (TAIL, 1 - TAIL))
        at, low, high = a / (a + b), *ends
        return cls(at=round(at, 4), low=round(min(low, at), 4), high=round(max(high, at), 4))


class Tally(Frozen):
    """What people found on the looks of one kind of condition.

    Attributes:
        condition: the kind; `all` for all of them.
        looks: looks on which each difference is marked.
        found: drawn cars that are cars.
        false: drawn cars that are none.
        missed: cars that were not drawn.
        precision: share of the drawn cars that are cars; null if none was drawn.
        recall: share of the cars that were drawn; null if there was none.
    """

    condition: str
    looks: int
    found: int
    false: int
    missed: int
    precision: Share | None
    recall: Share | None


class AlertTally(Frozen):
    """What people said of alerts.

    Attributes:
        right: alerts that were right.
        false: alerts that were not.
        unclear: alerts of which a person could not tell.
        precision: share of those that were right, of all that were told; null if there are none.
    """

    right: int = 0
    false: int = 0
    unclear: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def precision(self) -> Share | None:
        """The share of right alerts; null if nobody could tell of any."""
        return Share.of(self.right, self.false) if self.right + self.false else None

    def __add__(self, other: "AlertTally") -> "AlertTally":
        return AlertTally(
            right=self.right + other.right, false=self.false + other.false, unclear=self.unclear + other.unclear
        )


@dataclass(frozen=True)
class _Explained:
    look: Corrected
    conditions: tuple[str, ...]

    @property
    def found(self) -> int:
        return max(0, (self.look.drawn or 0) - self.look.false)


def tallies(verdicts: Iterable[VerdictEvent]) -> tuple[Tally, ...]:
    """What the verdicts of a site say of all its looks together, and by kind of condition; empty if of none."""
    explained = []
    for held in by_look(verdicts).values():
        look = corrected(held)
        if look.explained and look.decided and look.decided.found:
            explained.append(_Explained(look, look.decided.found.conditions))
    kinds = [kind for kind in CONDITIONS if any(kind in one.conditions for one in explained)]
    by_kind = [_tally(kind, [one for one in explained if kind in one.conditions]) for kind in kinds]
    return (_tally(ALL, explained), *by_kind) if explained else ()


def alert_tally(verdicts: Iterable[VerdictEvent]) -> AlertTally:
    """What the verdicts of a site say of its alerts."""
    last = [verdict.kind for verdict in judged_alerts(verdicts).values()]
    return AlertTally(
        right=last.count(VerdictKind.RIGHT),
        false=last.count(VerdictKind.FALSE),
        unclear=last.count(VerdictKind.UNCLEAR),
    )


def per_year(events: int, years: float) -> tuple[float, float, float]:
    """A rate of events in a year, and its 90 % interval: the posterior of a Poisson rate with Jeffreys' prior.

    Args:
        events: how many there were.
        years: in how many years, more than 0.
    """
    low, high = (float(scipy.special.gammaincinv(events + PRIOR, q)) / years for q in (TAIL, 1 - TAIL))
    return events / years, min(low, events / years), high


def _tally(condition: str, looks: Sequence[_Explained]) -> Tally:
    found = sum(one.found for one in looks)
    false = sum(one.look.false for one in looks)
    missed = sum(one.look.missed for one in looks)
    return Tally(
        condition=condition,
        looks=len(looks),
        found=found,
        false=false,
        missed=missed,
        precision=_share([(one.found, one.look.false) for one in looks]),
        recall=_share([(one.found, one.look.missed) for one in looks]),
    )


def _share(looks: Sequence[tuple[int, int]]) -> Share | None:
    """The posterior of a share of cars, from hits and misses by look."""
    hits, misses = np.array(looks, float).T
    cars = hits + misses
    if not cars.sum():
        return None
    effect = _design_effect(hits[cars > 0], cars[cars > 0])
    return Share.of(float(hits.sum()) / effect, float(misses.sum()) / effect)


def _design_effect(hits: np.ndarray, cars: np.ndarray) -> float:
    """By what the variance of the share is larger than that of independent cars; at least 1."""
    assumed = 1 + (float((cars**2).sum() / cars.sum()) - 1) * ALIKE
    share = float(hits.sum() / cars.sum())
    looks = len(cars)
    if looks < ENOUGH_LOOKS or share in (0.0, 1.0):
        return max(1.0, assumed)
    variance = looks / (looks - 1) * float(((hits - share * cars) ** 2).sum()) / cars.sum() ** 2
    return max(1.0, float(variance / (share * (1 - share) / cars.sum())))
