"""What people say of looks, of their cars and of alerts, as columns of the products. The count is the detector's."""

from collections.abc import Callable, Sequence
from typing import Any

from railwatch.services.alerting.history.cars import CountedCar
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.services.alerting.verdicts.corrected import corrected, is_near
from railwatch.shared.events import VerdictEvent, VerdictKind

# What people say of a car that is drawn. The first that holds is its verdict.
OF_CARS = (VerdictKind.NOT_A_CAR, VerdictKind.ONE_CAR, VerdictKind.TWO_CARS)

Said = dict[str, Any]


def said_of_look(verdicts: Sequence[VerdictEvent]) -> Said:
    """The true count that people say, and how many verdicts there are.

    Args:
        verdicts: those on the look that stand.
    """
    said = sum(verdict.kind is not VerdictKind.SECOND_LOOK for verdict in verdicts)
    return {"true_count": corrected(verdicts).true, "verdicts": said}


def said_of_cars(look: SiteLook) -> Callable[[CountedCar], Said]:
    """What people say of each car of a look.

    A car without a mark is right if the whole look was judged, every difference to the true count is marked, and the
    look was not counted again since: then people saw this very car.
    """
    marks = [verdict for kind in OF_CARS for verdict in look.verdicts if verdict.kind is kind]
    others = {"verdict": VerdictKind.RIGHT.value} if _seen_whole(look) else {}

    def said(found: CountedCar) -> Said:
        mark = next((one for one in marks if is_near(found.car.lon, found.car.lat, one.places)), None)
        return _as_columns(mark) if mark else others

    return said


def said_of_alert(verdict: VerdictEvent | None) -> Said:
    """What people say of an alert.

    Args:
        verdict: the last that judges it; null if there is none.
    """
    return _as_columns(verdict) if verdict else {}


def _seen_whole(look: SiteLook) -> bool:
    found = corrected(look.verdicts)
    if not found.explained or found.decided is None or found.decided.found is None:
        return False
    return sorted(found.decided.found.counts) == sorted(event.id for event in look.events)


def _as_columns(verdict: VerdictEvent) -> Said:
    return {"verdict": verdict.kind.value, "verdict_reason": verdict.reason and verdict.reason.value}
