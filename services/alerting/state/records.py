"""What alerting keeps of a site, and the plain text in which Redis holds it.

All of it is JSON of pydantic models. Unknown fields are ignored, and missing ones take their defaults. So a later
version may add fields with a default without a rebuild.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Self

from pydantic import TypeAdapter

from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.history.lifecycle import AlertRecord, newest_judged
from railwatch.services.alerting.history.missed import Missed, next_due
from railwatch.services.alerting.history.observations import TileReading
from railwatch.services.alerting.rule.judgement import CHANGES_NOTHING, Judgement, State
from railwatch.services.alerting.verdicts.lessons import learned_at
from railwatch.services.alerting.verdicts.recalibration import Learned
from railwatch.services.alerting.verdicts.tallies import AlertTally, Tally, alert_tally, tallies
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import JudgedLook, Miss, VerdictEvent

_JUDGEMENTS = TypeAdapter(tuple[Judgement, ...])
_VERDICTS = TypeAdapter(tuple[VerdictEvent, ...])
_WITHOUT_JUDGEMENTS = {"history": {"judgements"}}


class SceneRecord(Frozen):
    """What is known of one scene.

    Attributes:
        readings: the last recorded reading of each tile.
        due_at: when to stop waiting for its tiles and other frames of its pass; null once it has entered the history.
    """

    readings: dict[str, TileReading]
    due_at: UtcDatetime | None


class SiteRecord(Frozen):
    """A site's judged history, and what consumers were last told about each of its alerts."""

    history: History = History()
    alerts: tuple[AlertRecord, ...] = ()


class SiteStatus(Frozen):
    """How a site stands, in short.

    Attributes:
        state: how it stands after its newest look.
        last_look_at: when the satellite last saw it, even if it saw only clouds.
        judged: its newest look that could be judged.
        alert: id of the alert that stands.
        look_due_at: by when the next look should come; null while too little is known.
        clear_due_at: by when the next look should come that can be judged; null while too little is known.
    """

    state: State
    last_look_at: UtcDatetime
    judged: JudgedLook | None
    alert: str | None
    look_due_at: UtcDatetime | None = None
    clear_due_at: UtcDatetime | None = None

    @property
    def seen(self) -> dict[Miss, datetime | None]:
        """When the site was last seen, by kind of look."""
        return {Miss.LOOK: self.last_look_at, Miss.CLEAR_LOOK: self.judged.observed_at if self.judged else None}

    def missed(self, now: datetime) -> Iterator[Missed]:
        """The looks that should have come by now. If none came since the last clear one, a clear one is not missed."""
        due = {Miss.LOOK: self.look_due_at}
        if self.seen[Miss.CLEAR_LOOK] != self.last_look_at:
            due[Miss.CLEAR_LOOK] = self.clear_due_at
        for miss, due_at in due.items():
            if due_at is not None and due_at < now:
                yield Missed(miss=miss, due_at=due_at, last_at=self.seen[miss])


class SiteShare(Frozen):
    """What a site's verdicts teach of its later counts, in short.

    Attributes:
        share: how many true cars there are for each that is counted, beside the bias.
        bias: cars to add to every count.
        width: how many times as wide as the detector's the intervals are.
        looks: how many looks with a true count this was learned from.
    """

    share: float
    bias: float
    width: float
    looks: int

    @classmethod
    def of(cls, learned: Learned) -> Self:
        """What was learned, without what it was learned from."""
        return cls(share=learned.share, bias=learned.bias, width=learned.width, looks=len(learned.counts))


class Taught(Frozen):
    """What people's verdicts teach of a site.

    Attributes:
        verdicts: how many there are, with those that were taken back.
        cars: precision and recall, of all looks together and by kind of condition.
        alerts: what people said of its alerts.
        learned: the site's share and bias, by which later counts are recalibrated; null if no look has a true count.
    """

    verdicts: int
    cars: tuple[Tally, ...]
    alerts: AlertTally
    learned: SiteShare | None

    @classmethod
    def by(cls, verdicts: Sequence[VerdictEvent]) -> Self:
        """What these verdicts teach."""
        learned = learned_at(verdicts)
        return cls(
            verdicts=len(verdicts),
            cars=tallies(verdicts),
            alerts=alert_tally(verdicts),
            learned=SiteShare.of(learned) if learned else None,
        )


def site_status(record: SiteRecord, look_due_at: datetime | None) -> SiteStatus:
    """The status of a site that has been seen at least once.

    Args:
        record: its history and alerts.
        look_due_at: by when its next look should come. If none is promised, a clear one is not promised either.
    """
    judgements = record.history.judgements
    clear = [look.observed_at for look in judgements if look.state not in CHANGES_NOTHING]
    return SiteStatus(
        state=judgements[-1].state,
        last_look_at=judgements[-1].observed_at,
        judged=newest_judged(judgements),
        alert=next((alert.alert for alert in record.alerts if alert.stands), None),
        look_due_at=look_due_at,
        clear_due_at=next_due(clear) if look_due_at else None,
    )


def record_text(record: SiteRecord) -> str:
    """The record without its judgements, as Redis holds it."""
    return record.model_dump_json(exclude=_WITHOUT_JUDGEMENTS, exclude_defaults=True)


def as_lines(kept: Iterable[Judgement | VerdictEvent]) -> str:
    """Judgements or verdicts as Redis holds them: one line of JSON each, so that later ones can be appended."""
    return "".join(one.model_dump_json(exclude_defaults=True) + "\n" for one in kept)


def read_verdicts(lines: str | None) -> tuple[VerdictEvent, ...]:
    """Verdicts from what Redis holds, in the order in which they came."""
    return _VERDICTS.validate_json(_listed(lines))


def _listed(lines: str | None) -> str:
    return "[" + (lines or "").removesuffix("\n").replace("\n", ",") + "]"


def read_record(text: str | None, lines: str | None) -> SiteRecord:
    """A site's record from what Redis holds; an empty one for a site that has not been seen."""
    if text is None:
        return SiteRecord()
    record = SiteRecord.model_validate_json(text)
    judgements = _JUDGEMENTS.validate_json(_listed(lines))
    return record.model_copy(update={"history": record.history.model_copy(update={"judgements": judgements})})
