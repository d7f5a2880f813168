"""The values of alerting: what was seen of a site, the rule by which it is judged, and what was found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import ConfigDict, Field

from railwatch.shared.counts import UtcDatetime
from railwatch.shared.events import JudgedLook, Look, Onset, Transition

# From this share of the track length on, a count stands for the whole of it. The detector says the same with `ok`.
WHOLE_COVERAGE = 0.95


class State(StrEnum):
    """How a site stands after a look.

    `measured` is a look of metres, not of a count, whose fewest cars are not too many.
    """

    LEARNING = "learning"
    NORMAL = "normal"
    ALERT = "alert"
    UNOBSERVED = "unobserved"
    MEASURED = "measured"


# After looks in these states, a site stands as it did before.
CHANGES_NOTHING = frozenset({State.UNOBSERVED, State.MEASURED})


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings of the alerting rule. docs/alerting.md gives the reasons for the defaults.

    Attributes:
        false_alarm_rate: chance that a look exceeds its threshold although nothing changed at the site.
        minimum_looks: observed looks that a site needs before one may open an alert.
        minimum_coverage: share of the track length below which a look is unobserved.
        whole_coverage: share of the track length from which on a look stands for the whole site. A look that shows less
            never ends an alert: the cars may stand where it did not see.
        guard_looks: looks before the tested one that its baseline leaves out, if there are enough without them.
        window_looks: largest number of quiet looks in a baseline.
        window_days: age at which a look leaves the baseline.
    """

    false_alarm_rate: float = 0.01
    minimum_looks: int = 8
    minimum_coverage: float = 0.5
    whole_coverage: float = WHOLE_COVERAGE
    guard_looks: int = 2
    window_looks: int = 120
    window_days: float = 3 * 365.25


class Observation(Look):
    """A look and the scenes that it comes from.

    Attributes:
        scene: id of the scene; of several frames of one pass, the first that has a part in the look.
        missing_tiles: tiles of the scene that were not counted.
        counted_at: when the last of its counts was recorded; null if an earlier version of Railwatch wrote it.
        frames: the scenes that the look is joined from, in order of time; empty if there is only one.
        left_out: other scenes of the same pass, which add nothing: they show what others show, or nothing.
        last_frame_at: when the last frame of the pass was taken; null if there is only one. `observed_at` is that of
            the first.
        from_archive: whether all of it was brought from an archive: it is history, and nobody is notified of it.
    """

    model_config = ConfigDict(revalidate_instances="subclass-instances")

    scene: str
    missing_tiles: tuple[str, ...] = ()
    counted_at: UtcDatetime | None = None
    frames: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    last_frame_at: UtcDatetime | None = None
    from_archive: bool = False

    @property
    def scenes(self) -> tuple[str, ...]:
        """All scenes of the pass: those that the look is joined from first."""
        return (*(self.frames or (self.scene,)), *self.left_out)

    @property
    def ended_at(self) -> datetime:
        """When the last frame was taken."""
        return self.last_frame_at or self.observed_at

    def includes(self, at: datetime) -> bool:
        """Whether a time lies in the pass. As frames come in late, the time of a look may change."""
        return self.observed_at <= at <= self.ended_at


class Judgement(Observation, JudgedLook):
    """An observation, and what the rule found in it. This is the form in which Redis and the HTTP API hold it.

    `count`, `low` and `high` are those of the look, even if its coverage was too low to judge it. `expected` and
    `threshold` are for the share of the track that the looks before usually saw, or that this one saw if more. A new
    field needs a default, so that state which an earlier version wrote can be read.

    Attributes:
        state: how the site stands after this look.
        exceeds: the count is above `threshold`; the same as `p_value` < the rule's false-alarm rate.
        cusum: the cumulative sum for slow rises; 0 if nothing points to a rise.
        cusum_exceeds: the sum is above its limit: the looks up to this one are too high together. The API calls it
            `sustained`.
        transition: what happened to the site's alert at this look; null if nothing did.
        reason: why, in one sentence; empty without a transition.
        opened_at: `observed_at` of the look that opened the alert that this look belongs to; null outside an alert.
            It stays through unobserved looks, and is set on the look that resolves the alert.
        onset: when the rise began; null outside an alert.
        archival: the look came when a later one was already known, or from an archive.
    """

    state: State
    exceeds: bool = False
    cusum: float = 0.0
    cusum_exceeds: bool = Field(default=False, serialization_alias="sustained")
    transition: Transition | None = None
    reason: str = ""
    opened_at: UtcDatetime | None = None
    onset: Onset | None = None
    archival: bool = False
