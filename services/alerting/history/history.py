"""A site's history: its observations in the order in which the satellite saw them, each judged against those before it.

A late observation enters at its place, and what follows it is judged anew. So the same observations give the same
history in whatever order they arrive. Memory is bounded. Once a site has more looks than later judgements can depend
on, the oldest leave. An observation older than the last `LATE_LOOKS` can then no longer be placed.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from railwatch.services.alerting.history.frames import SHOWS_AS_MUCH
from railwatch.services.alerting.rule.judge import judge
from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule
from railwatch.services.alerting.rule.past import FORGET_EVERY, needed, past_of
from railwatch.shared.counts import Frozen, UtcDatetime

_NEVER = datetime.min.replace(tzinfo=UTC)

# A late or corrected observation can still be placed exactly if it is among this many of the last looks.
LATE_LOOKS = 60


class History(Frozen):
    """What is kept of a site's looks.

    Attributes:
        judgements: the looks, oldest first, one per `observed_at`.
        shadowed: observations left out because a newer or better one of another sensor shows the same instant.
        horizon: looks before this can no longer be placed; null while nothing has been forgotten.
        starts: when the history was begun anew. A look is judged only against those since the last start.
    """

    judgements: tuple[Judgement, ...] = ()
    shadowed: tuple[Observation, ...] = ()
    horizon: UtcDatetime | None = None
    starts: tuple[UtcDatetime, ...] = ()

    @property
    def scenes(self) -> set[str]:
        """Ids of all scenes, including those left out."""
        return {scene for seen in (*self.judgements, *self.shadowed) for scene in seen.scenes}

    def of_scene(self, scene: str) -> Judgement | None:
        """The judgement of the look that a scene belongs to, if it is there."""
        return next((judgement for judgement in self.judgements if scene in judgement.scenes), None)


def enter(history: History, seen: Observation, rule: Rule, starts: Sequence[datetime] = ()) -> History:
    """The history with an observation entered, in place of those with scenes of its own.

    An observation from beyond the horizon changes nothing.

    Args:
        history: what is kept of the site's looks.
        seen: the new or corrected observation.
        rule: the settings of the rule.
        starts: when the site's history was begun anew. If they have changed, the looks since are judged anew.
    """
    if _is_beyond(history, seen):
        return history
    changed = set(starts) ^ set(history.starts)
    history = history.model_copy(update={"starts": tuple(sorted(starts))})
    newest = not history.judgements or seen.observed_at > history.judgements[-1].observed_at
    if newest and not changed and history.scenes.isdisjoint(seen.scenes):
        judgement = _judged(history.judgements, seen, rule, history.starts, archival=False)
        return _bounded(history.model_copy(update={"judgements": (*history.judgements, judgement)}), rule)
    return _bounded(_rearranged(history, seen, rule, min(changed, default=None), archival=not newest), rule)


def _is_beyond(history: History, seen: Observation) -> bool:
    placed = filter(None, map(history.of_scene, seen.scenes))
    earliest = min(look.observed_at for look in (seen, *placed))
    return history.horizon is not None and earliest < history.horizon


def _rearranged(
    history: History, seen: Observation, rule: Rule, changed_at: datetime | None, *, archival: bool
) -> History:
    archival_of = {scene: judgement.archival for judgement in history.judgements for scene in judgement.scenes}
    others = [held for held in (*history.judgements, *history.shadowed) if set(held.scenes).isdisjoint(seen.scenes)]
    shown, shadowed = _best_of_each_instant([*others, seen])
    unchanged = 0
    for held, look in zip(history.judgements, shown, strict=False):
        if held is not look or (changed_at is not None and look.observed_at >= changed_at):
            break
        unchanged += 1
    judgements = list(history.judgements[:unchanged])
    for look in shown[unchanged:]:
        late = min(
            (archival_of[scene] for scene in look.scenes if scene in archival_of), default=archival or look is not seen
        )
        judgements.append(_judged(judgements, look, rule, history.starts, archival=late))
    return History(
        judgements=tuple(judgements), shadowed=tuple(shadowed), horizon=history.horizon, starts=history.starts
    )


def _best_of_each_instant(observations: Iterable[Observation]) -> tuple[list[Observation], list[Observation]]:
    """The observations in order of time, and those that are left out: another of the same instant is better."""
    shown: list[Observation] = []
    shadowed: list[Observation] = []
    for _, group in groupby(sorted(observations, key=_moment), key=_moment):
        same = list(group)
        most = max(_seen(observation) for observation in same)
        as_much = [observation for observation in same if _seen(observation) >= most - SHOWS_AS_MUCH]
        best = max(as_much, key=lambda o: (o.counted_at or _NEVER, o.coverage, o.scene))
        shown.append(best)
        shadowed += sorted((o for o in same if o is not best), key=lambda o: o.scene)
    return shown, shadowed


def _moment(observation: Observation) -> datetime:
    return observation.observed_at


def _seen(observation: Observation) -> float:
    """The share of the track that was seen. Metres are less than any count, and nothing seen is less than metres."""
    if observation.count is not None:
        return observation.coverage
    return observation.coverage - 2 if observation.occupied is not None else -3.0


def _judged(
    before: Sequence[Judgement], seen: Observation, rule: Rule, starts: Sequence[datetime], *, archival: bool
) -> Judgement:
    start = max((at for at in starts if at <= seen.observed_at), default=None)
    since = before if start is None else [judgement for judgement in before if judgement.observed_at >= start]
    return judge(past_of(since), seen, rule).model_copy(update={"archival": archival or seen.from_archive})


def _bounded(history: History, rule: Rule) -> History:
    old, recent = history.judgements[:-LATE_LOOKS], history.judgements[-LATE_LOOKS:]
    if not old or len(old) % FORGET_EVERY:
        return history
    kept = needed(old, rule)
    if len(kept) == len(old):
        return history
    horizon = recent[0].observed_at
    return history.model_copy(
        update={
            "judgements": (*kept, *recent),
            "shadowed": tuple(seen for seen in history.shadowed if seen.observed_at >= horizon),
            "horizon": horizon,
        }
    )
