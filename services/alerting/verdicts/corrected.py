"""What people's verdicts make of looks and alerts. The order of verdicts on different things changes nothing."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from railwatch.shared.events import Place, VerdictEvent, VerdictKind

# Two marks nearer than this are one, metres: half of the shortest car.
SAME_M = 4.0
DEGREE_M = 111_320.0


@dataclass(frozen=True)
class Corrected:
    """A look as people's verdicts leave it.

    Attributes:
        drawn: cars that the detector drew; null if the look has no count.
        false: drawn cars that are none, or that are one with another.
        missed: cars that were not drawn, or were drawn as one with another.
        true: the true count; null until somebody said that it is right, or how many there are.
        decided: the verdict that says so.
    """

    drawn: int | None
    false: int
    missed: int
    true: int | None
    decided: VerdictEvent | None

    @property
    def explained(self) -> bool:
        """Whether each difference between the detector's cars and the true ones is marked."""
        return self.true is not None and self.drawn is not None and self.true == self.drawn - self.false + self.missed


def standing(verdicts: Iterable[VerdictEvent]) -> list[VerdictEvent]:
    """The verdicts that were not taken back, each once, in order."""
    by_id = {verdict.id: verdict for verdict in verdicts}
    taken_back = {verdict.takes_back for verdict in by_id.values()}
    held = (one for one in by_id.values() if one.kind is not VerdictKind.TAKEN_BACK and one.id not in taken_back)
    return sorted(held, key=lambda one: (one.recorded_at, one.about, one.sequence))


def by_look(verdicts: Iterable[VerdictEvent]) -> dict[str, list[VerdictEvent]]:
    """The verdicts that stand, by the look that they are about."""
    return _by(verdicts, of_look=True)


def by_alert(verdicts: Iterable[VerdictEvent]) -> dict[str, list[VerdictEvent]]:
    """The verdicts that stand, by the alert that they are about."""
    return _by(verdicts, of_look=False)


def corrected(held: Sequence[VerdictEvent]) -> Corrected:
    """One look, with its verdicts that stand."""
    says = [one for one in held if one.kind in (VerdictKind.RIGHT, VerdictKind.TOTAL)]
    decided = max(says, key=lambda one: one.sequence, default=None)
    last = decided or max((one for one in held if one.found), key=lambda one: one.sequence, default=None)
    found = last.found if last else None
    drawn = None
    if found and found.count is not None:
        drawn = round(found.count) if found.cars is None else found.cars
    false = _marks(held, VerdictKind.NOT_A_CAR) + _marks(held, VerdictKind.ONE_CAR)
    missed = _marks(held, VerdictKind.MISSED_CAR) + _marks(held, VerdictKind.TWO_CARS)
    true = decided.total if decided else None
    if decided and decided.kind is VerdictKind.RIGHT:
        true = None if drawn is None else max(0, drawn - false + missed)
    return Corrected(drawn, false, missed, true, decided)


def judged_alerts(verdicts: Iterable[VerdictEvent]) -> dict[str, VerdictEvent]:
    """The verdict that holds on each alert, by alert; those that nobody judged are left out."""
    return {alert: last for alert, held in by_alert(verdicts).items() if (last := judged(held))}


def judged(held: Iterable[VerdictEvent]) -> VerdictEvent | None:
    """The last verdict that stands on an alert, of those that judge it."""
    judging = (VerdictKind.RIGHT, VerdictKind.FALSE, VerdictKind.UNCLEAR)
    return max((one for one in held if one.kind in judging), key=lambda one: one.sequence, default=None)


def _by(verdicts: Iterable[VerdictEvent], *, of_look: bool) -> dict[str, list[VerdictEvent]]:
    found: dict[str, list[VerdictEvent]] = defaultdict(list)
    for verdict in standing(verdicts):
        if (verdict.scene is not None) == of_look:
            found[verdict.about].append(verdict)
    return dict(found)


def _marks(held: Iterable[VerdictEvent], kind: VerdictKind) -> int:
    """How many marks of a kind there are. Two people who mark the same car mark it once."""
    distinct: list[tuple[Place, ...]] = []
    for places in sorted(
        (one.places for one in held if one.kind is kind), key=lambda some: [(p.lon, p.lat) for p in some]
    ):
        if not any(_same(places, other) for other in distinct):
            distinct.append(places)
    return len(distinct)


def _same(one: tuple[Place, ...], other: tuple[Place, ...]) -> bool:
    """Whether two marks name the same cars, in whatever order."""
    return all(any(metres_apart(here, there) < SAME_M for there in other) for here in one)


def is_near(lon: float, lat: float, places: Iterable[Place]) -> bool:
    """Whether a car, by its middle, is one of those at some places."""
    here = Place(lon=lon, lat=lat)
    return any(metres_apart(here, place) < SAME_M for place in places)


def metres_apart(one: Place, other: Place) -> float:
    """The distance of two places that are near each other, metres."""
    east = (one.lon - other.lon) * math.cos(math.radians(one.lat)) * DEGREE_M
    return math.hypot(east, (one.lat - other.lat) * DEGREE_M)
