"""The event that somebody did something that changes what Railwatch does or says: the log of acts.

An act that has an event of its own, such as a verdict, is published together with it. One that has none, such as a
site that is saved, is published as `ordered` before anything is changed, and again when its outcome is known.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from railwatch.shared.counts import UtcDatetime
from railwatch.shared.events.alerts import AlertEvent, Transition
from railwatch.shared.events.base import Event, Slug, derived_id
from railwatch.shared.events.baselines import BaselineChange, BaselineEvent
from railwatch.shared.events.dead_letters import DeadLetter
from railwatch.shared.events.tiles import TileEvent
from railwatch.shared.events.verdicts import VerdictEvent, VerdictKind


class ActKind(StrEnum):
    """What is done. It is no part of the schema, because there will be more."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    VERDICT = "verdict"
    TAKE_BACK = "take-back"
    SECOND_LOOK = "second-look"
    BASELINE_PUSH = "baseline-push"
    BASELINE_SET = "baseline-set"
    BASELINE_REBUILD = "baseline-rebuild"
    BASELINE_FORGET = "baseline-forget"
    SITE_SAVE = "site-save"
    LETTER_RETRY = "dead-letter-retry"
    LETTER_DROP = "dead-letter-drop"
    RECOUNT = "recount"
    REBUILD = "rebuild"


class Admission(StrEnum):
    """How somebody was let in: by a token, by the word of a trusted proxy, or as a user of the command."""

    TOKEN = "token"  # noqa: S105 - no secret
    PROXY = "proxy"
    COMMAND = "command"


class Outcome(StrEnum):
    """What came of an act. `ordered` alone: it was begun, and how it ended is not known."""

    DONE = "done"
    ORDERED = "ordered"
    FAILED = "failed"


Door = Literal["ingest", "alerting", "command"]


class ActEvent(Event):
    """Somebody did something that changes what Railwatch does or says.

    Attributes:
        act: what was done, a word such as `acknowledge`. There may be more of them later.
        at: when it was done. All records of one act have the same time.
        by: who did it: a person as a proxy or they themselves name them, or the name of a token; null if nobody said.
        sender: name of the token with which it was done; null if there was none, or if it has no name.
        admission: how they were let in: `token`, `proxy`, or `command` for users of the command.
        door: where it was done: at `ingest`, at `alerting`, or by the `command`.
        site: the site that it is about; null if it is about none.
        about: what it is about: an alert, the scene of a look, a tile, a dead letter, the version of a site, a service.
        detail: what it was in words, such as the reason that was given; empty if there is no more to say.
        event: id of the event that says all of it; null if there is none.
        outcome: `done`; `ordered` where more follows, or where the end is not known yet; or `failed`.
    """

    TYPE: ClassVar[str] = "railwatch.act.v1"
    TOPIC: ClassVar[str] = "railwatch.acts.v1"

    act: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    at: UtcDatetime
    by: str | None = Field(default=None, min_length=1)
    sender: Slug | None = None
    admission: Admission
    door: Door
    site: Slug | None = None
    about: str
    detail: str = ""
    event: str | None = None
    outcome: Outcome = Outcome.DONE

    @property
    def id(self) -> str:
        """From who did what, about what, and the outcome; and from the event that says it, or else from the time."""
        who = (self.by, self.sender, self.admission.value, self.door)
        what = (self.act, self.site, self.about, self.outcome.value)
        return derived_id(self.TYPE, self.event or self.at.isoformat(), *who, *what)

    @property
    def key(self) -> str:
        """The acts on one site stay in order, and those on none."""
        return self.site or "railwatch"

    @property
    def event_source(self) -> str:
        """Where it was done."""
        return f"/railwatch/{self.door}"

    @property
    def log_fields(self) -> dict[str, str]:
        """The site."""
        return {"site": self.site} if self.site else {}


_OF_VERDICTS = {VerdictKind.TAKEN_BACK: ActKind.TAKE_BACK, VerdictKind.SECOND_LOOK: ActKind.SECOND_LOOK}
_OF_BASELINES = {
    BaselineChange.SET: ActKind.BASELINE_SET,
    BaselineChange.RENEWED: ActKind.BASELINE_REBUILD,
    BaselineChange.KEPT: ActKind.BASELINE_REBUILD,
    BaselineChange.FORGOTTEN: ActKind.BASELINE_FORGET,
}


def act_at_alerting(event: AlertEvent | VerdictEvent, admission: Admission) -> ActEvent:
    """The record of what a person did at alerting: of the step of an alert, or of the verdict, that says it.

    Args:
        event: an acknowledgement, a silence, or a verdict.
        admission: how the person was let in.
    """
    if isinstance(event, AlertEvent):
        act = ActKind.SILENCE if event.transition is Transition.SILENCED else ActKind.ACKNOWLEDGE
        about, detail = event.alert, event.reason
    else:
        act = _OF_VERDICTS.get(event.kind, ActKind.VERDICT)
        about, detail = event.about, event.sentence
    return ActEvent(
        recorded_at=event.recorded_at,
        act=act,
        at=event.recorded_at,
        by=event.by,
        sender=event.sender,
        admission=admission,
        door="alerting",
        site=event.site,
        about=about,
        detail=detail,
        event=event.id,
    )


def act_on_baseline(event: BaselineEvent) -> ActEvent:
    """The record of what a person decided about a baseline by the command."""
    return ActEvent(
        recorded_at=event.recorded_at,
        act=_OF_BASELINES[event.change],
        at=event.recorded_at,
        by=event.by,
        admission=Admission.COMMAND,
        door="command",
        site=event.site,
        about=event.tile,
        detail=f"Version {event.version}: {event.why}",
        event=event.id,
        outcome=Outcome.FAILED if event.change is BaselineChange.KEPT else Outcome.DONE,
    )


def act_of_push(events: Sequence[TileEvent], by: str | None, admission: Admission) -> ActEvent:
    """The record of a baseline that was pushed for a site.

    Args:
        events: of its tiles; at least one, all of one site and one scene.
        by: the name of the token; null if it has none.
        admission: how the sender was let in.
    """
    first = events[0]
    return ActEvent(
        recorded_at=first.recorded_at,
        act=ActKind.BASELINE_PUSH,
        at=first.recorded_at,
        by=by,
        sender=first.sender,
        admission=admission,
        door="ingest",
        site=first.site,
        about=first.scene,
        detail=f"A picture of {first.observed_at:%Y-%m-%d %H:%M} UTC for {', '.join(event.tile for event in events)}",
        event=first.id,
    )


def act_on_letter(letter: DeadLetter, site: str | None) -> ActEvent:
    """The record of a dead letter that a person retried or dropped.

    Raises:
        ValueError: nobody did anything with it.
    """
    if letter.settled is None:
        raise ValueError("the letter is open")
    return ActEvent(
        recorded_at=letter.settled.at,
        act=ActKind.LETTER_RETRY if letter.settled.how == "retried" else ActKind.LETTER_DROP,
        at=letter.settled.at,
        by=letter.settled.by,
        admission=Admission.COMMAND,
        door="command",
        site=site,
        about=letter.id,
        detail=letter.reason + (f": {letter.settled.why}" if letter.settled.why else ""),
    )
