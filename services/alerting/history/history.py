"""A site's history: its observations in the order in which the satellite saw them, each judged against those before it.

An observation enters at its place, however late it comes, and what follows it is judged anew; so the same observations
give the same history in whatever order they arrive. Memory is bounded: once a site has more looks than later judgements
can depend on, the oldest leave, and an observation older than the last `LATE_LOOKS` can no longer be placed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import ConfigDict

from railwatch.services.alerting.history.entries import FORGET_EVERY, Entries, Entry
from railwatch.services.alerting.history.observations import Observation
from railwatch.services.alerting.rule.judgement import Rule, judge
from railwatch.shared.counts import Frozen, UtcDatetime
from railwatch.shared.events import Look

LATE_LOOKS = 60
"""How many looks back a late or corrected observation can still be placed exactly, at least."""


class History(Frozen):
    """What is kept of a site's looks.

    Attributes:
        entries: the looks, oldest first, one per `observed_at`.
        shadowed: observations left out because a better scene shows the same instant.
        horizon: looks before this can no longer be placed; null while nothing has been forgotten.
        starts: when the history was begun anew; a look is judged against those since the last start only.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    entries: Entries = Entries.of(())
    shadowed: tuple[Observation, ...] = ()
    horizon: UtcDatetime | None = None
    starts: tuple[UtcDatetime, ...] = ()

    @property
    def scenes(self) -> set[str]:
        """Ids of the scenes, those left out among them."""
        return {*self.entries.scenes} | {observation.scene for observation in self.shadowed}


def enter(history: History, observation: Observation, rule: Rule, starts: Sequence[datetime] = ()) -> History:
    """The history with an observation entered, or with the one of its scene replaced.

    An observation from beyond the horizon changes nothing.

    Args:
        history: what is kept of the site's looks.
        observation: the new or corrected one.
        rule: the settings of the rule.
        starts: when the site's history was begun anew. Where they have changed, the looks since are judged anew.
    """
    if _is_beyond(history, observation):
        return history
    changed = set(starts) ^ set(history.starts)
    history = history.model_copy(update={"starts": tuple(sorted(starts))})
    newest = not history.entries or observation.observed_at > history.entries.time(-1)
    if newest and not changed and observation.scene not in history.scenes:
        entry = _judged(history.entries, observation, rule, history.starts, archival=False)
        return _bounded(history.model_copy(update={"entries": history.entries.with_more(Entries.of([entry]))}), rule)
    return _bounded(_rearranged(history, observation, rule, min(changed, default=None), archival=not newest), rule)


def _is_beyond(history: History, observation: Observation) -> bool:
    placed = history.entries.of_scene(observation.scene)
    earliest = min(observation.observed_at, placed.judgement.observed_at) if placed else observation.observed_at
    return history.horizon is not None and earliest < history.horizon


def _rearranged(
    history: History, observation: Observation, rule: Rule, changed_at: datetime | None, *, archival: bool
) -> History:
    known = {entry.scene: entry.archival for entry in history.entries}
    held = (*map(_observation, history.entries), *history.shadowed)
    others = [other for other in held if other.scene != observation.scene]
    shown, shadowed = _best_of_each_instant([*others, observation])
    unchanged = 0
    for entry, look in zip(history.entries, shown, strict=False):
        if _observation(entry) != look or (changed_at is not None and look.observed_at >= changed_at):
            break
        unchanged += 1
    entries = history.entries[:unchanged]
    for look in shown[unchanged:]:
        late = known.get(look.scene, archival or look.scene != observation.scene)
        entries = entries.with_more(Entries.of([_judged(entries, look, rule, history.starts, archival=late)]))
    return history.model_copy(update={"entries": entries, "shadowed": tuple(shadowed)})


def _best_of_each_instant(observations: Iterable[Observation]) -> tuple[list[Observation], list[Observation]]:
    """The observations in order of time, and those of the same instant as one that shows more of the site."""
    ordered = sorted(observations, key=lambda o: (o.observed_at, o.count is None, -o.coverage, o.scene))
    shown: list[Observation] = []
    shadowed: list[Observation] = []
    for observation in ordered:
        same = shown and shown[-1].observed_at == observation.observed_at
        (shadowed if same else shown).append(observation)
    return shown, shadowed


def _judged(
    before: Entries, observation: Observation, rule: Rule, starts: Sequence[datetime], *, archival: bool
) -> Entry:
    start = max((at for at in starts if at <= observation.observed_at), default=None)
    look = Look(
        observed_at=observation.observed_at,
        count=observation.count,
        low=observation.low,
        high=observation.high,
        coverage=observation.coverage,
    )
    return Entry(
        scene=observation.scene,
        missing_tiles=observation.missing_tiles,
        archival=archival,
        judgement=judge(before.past(since=start), look, rule),
    )


def _observation(entry: Entry) -> Observation:
    look = entry.judgement
    return Observation(
        scene=entry.scene,
        observed_at=look.observed_at,
        count=look.count,
        low=look.low,
        high=look.high,
        coverage=look.coverage,
        missing_tiles=entry.missing_tiles,
    )


def _bounded(history: History, rule: Rule) -> History:
    old, recent = history.entries[:-LATE_LOOKS], history.entries[-LATE_LOOKS:]
    if not old or len(old) % FORGET_EVERY:
        return history
    kept = old.needed(rule)
    if len(kept) == len(old):
        return history
    horizon = recent.time(0)
    return history.model_copy(
        update={
            "entries": kept.with_more(recent),
            "shadowed": tuple(o for o in history.shadowed if o.observed_at >= horizon),
            "horizon": horizon,
        }
    )
