"""Verdicts for tests of alerting."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from railwatch.shared.events import Found, Place, VerdictEvent, VerdictKind, WhyFalse
from tests.support.alerting import RECORDED, on_day

# A car every 20 m along a track of the small site.
CARS = tuple(Place(lon=130.60 + number * 0.000243, lat=42.4155, tile="r0c0", track="1") for number in range(40))


def found(
    count: float | None = 10.0, *, spread: float = 2.0, cars: int | None = None, conditions: Sequence[str] = ("clear",)
) -> Found:
    """What the detector said of a look."""
    return Found(
        count=count,
        low=None if count is None else max(0.0, count - spread),
        high=None if count is None else count + spread,
        cars=cars if cars is not None or count is None else round(count),
        conditions=tuple(conditions),
    )


def verdict(kind: VerdictKind, look: int = 1, sequence: int = 1, **fields: Any) -> VerdictEvent:
    """A verdict on the look of a day, a minute after the one before it."""
    reason = WhyFalse.SHADOW if kind in (VerdictKind.NOT_A_CAR, VerdictKind.FALSE) else None
    recorded_at: datetime = RECORDED + timedelta(minutes=100 * look + sequence)
    alert = fields.get("alert")
    values: dict[str, Any] = {
        "recorded_at": recorded_at,
        "site": "tumangang",
        "site_name": "Tumangang",
        "scene": None if alert else f"scene-{look}",
        "observed_at": on_day(look),
        "sequence": sequence,
        "kind": kind,
        "reason": reason,
        "by": "Ada",
        "found": None if alert else found(),
        "sentence": f"Ada says {kind}.",
        "page_url": "http://railwatch.example/",
    }
    return VerdictEvent.model_validate({**values, **fields})


def taken_back(of: VerdictEvent, sequence: int) -> VerdictEvent:
    """A verdict that takes another one back."""
    after = of.recorded_at + timedelta(seconds=sequence)
    fields = {"recorded_at": after, "kind": VerdictKind.TAKEN_BACK, "sequence": sequence, "takes_back": of.id}
    return of.model_copy(update={**fields, "places": (), "total": None, "reason": None})
