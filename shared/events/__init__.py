"""The events that cross Kafka, one model each. `docs/events.md` describes them; `shared.schemas` holds their schemas.

The wire form (CloudEvents 1.0 in Kafka's binary mode) is made by `shared.bus.codec`.
"""

from railwatch.shared.events.acts import ActEvent, ActKind, Admission, Outcome
from railwatch.shared.events.alerts import (
    STANDING,
    AlertEvent,
    ContextLag,
    EvidenceItem,
    JudgedLook,
    Look,
    Miss,
    MissedLookEvent,
    Notice,
    Onset,
    Recalibrated,
    Severity,
    Transition,
)
from railwatch.shared.events.base import Event, Slug, derived_id
from railwatch.shared.events.baselines import BaselineChange, BaselineEvent
from railwatch.shared.events.counts import CountEvent
from railwatch.shared.events.dead_letters import Coordinates, DeadLetter, Settled
from railwatch.shared.events.tiles import TileEvent, TileRole
from railwatch.shared.events.verdicts import Found, Place, VerdictEvent, VerdictKind, WhyFalse

# Every event by its CloudEvents type.
EVENT_TYPES: dict[str, type[Event]] = {
    model.TYPE: model
    for model in (TileEvent, CountEvent, BaselineEvent, AlertEvent, MissedLookEvent, VerdictEvent, ActEvent, DeadLetter)
}

__all__ = [
    "EVENT_TYPES",
    "STANDING",
    "ActEvent",
    "ActKind",
    "Admission",
    "AlertEvent",
    "BaselineChange",
    "BaselineEvent",
    "ContextLag",
    "Coordinates",
    "CountEvent",
    "DeadLetter",
    "Event",
    "EvidenceItem",
    "Found",
    "JudgedLook",
    "Look",
    "Miss",
    "MissedLookEvent",
    "Notice",
    "Onset",
    "Outcome",
    "Place",
    "Recalibrated",
    "Settled",
    "Severity",
    "Slug",
    "TileEvent",
    "TileRole",
    "Transition",
    "VerdictEvent",
    "VerdictKind",
    "WhyFalse",
    "derived_id",
]
