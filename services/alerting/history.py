"""A site's history: its observations in the order in which the satellite saw them, each judged against those before it.

An observation enters at its place, however late it comes, and what follows it is judged anew; so the same observations
give the same history in whatever order they arrive. Memory is bounded: once a site has more looks than later judgements
can depend on, the oldest leave, and an observation older than the last `LATE_LOOKS` can no longer be placed.
"""

from collections.abc import Iterable, Sequence

from services.alerting.judgement import Judgement, Rule, judge
from services.alerting.observations import Observation
from services.alerting.replay import retained
from shared.counts import Frozen, UtcDatetime
from shared.events import Look

LATE_LOOKS = 60
"""How many looks back a late or corrected observation can still be placed exactly, at least."""

FORGET_EVERY = 16
"""What is no longer needed is looked for when a history has grown by so many looks, to save the time."""


class Entry(Frozen):
    """One look of a site's history.

    Attributes:
        scene: id of the scene.
        missing_tiles: tiles of the scene that were not counted.
        archival: the look came when a later one was known already.
        judgement: the look, judged.
    """

    scene: str
    missing_tiles: tuple[str, ...] = ()
    archival: bool = False
    judgement: Judgement


class History(Frozen):
    """What is kept of a site's looks.

    Attributes:
        entries: the looks, oldest first, one per `observed_at`.
        shadowed: observations left out because a better scene shows the same instant.
        horizon: looks before this can no longer be placed; null while nothing has been forgotten.
    """

    entries: tuple[Entry, ...] = ()
    shadowed: tuple[Observation, ...] = ()
    horizon: UtcDatetime | None = None

    @property
    def judgements(self) -> list[Judgement]:
        """The judged looks, oldest first."""
        return [entry.judgement for entry in self.entries]

    @property
    def scenes(self) -> set[str]:
        """Ids of the scenes, those left out among them."""
        return {entry.scene for entry in self.entries} | {observation.scene for observation in self.shadowed}


def enter(history: History, observation: Observation, rule: Rule) -> History:
    """The history with an observation entered, or with the one of its scene replaced.

    An observation from beyond the horizon changes nothing.
    """
    if history.horizon is not None and observation.observed_at < history.horizon:
        return history
    last = history.entries[-1].judgement.observed_at if history.entries else None
    if last is None or (observation.observed_at > last and not _knows(history, observation.scene)):
        entry = _judged(history.judgements, observation, rule, archival=False)
        return _bounded(history.model_copy(update={"entries": (*history.entries, entry)}), rule)
    return _bounded(_rearranged(history, observation, rule), rule)


def _knows(history: History, scene: str) -> bool:
    return scene in history.scenes


def _rearranged(history: History, observation: Observation, rule: Rule) -> History:
    archival = {entry.scene: entry.archival for entry in history.entries}
    archival.setdefault(observation.scene, True)
    others = [
        known for known in (*map(_observation, history.entries), *history.shadowed) if known.scene != observation.scene
    ]
    shown, shadowed = _best_of_each_instant([*others, observation])
    unchanged = 0
    for entry, look in zip(history.entries, shown, strict=False):
        if _observation(entry) != look:
            break
        unchanged += 1
    entries = list(history.entries[:unchanged])
    for look in shown[unchanged:]:
        judgements = [entry.judgement for entry in entries]
        entries.append(_judged(judgements, look, rule, archival=archival.get(look.scene, True)))
    return history.model_copy(update={"entries": tuple(entries), "shadowed": tuple(shadowed)})


def _best_of_each_instant(observations: Iterable[Observation]) -> tuple[list[Observation], list[Observation]]:
    """The observations in order of time, and those of the same instant as one that shows more of the site."""
    ordered = sorted(observations, key=lambda o: (o.observed_at, o.count is None, -o.coverage, o.scene))
    shown: list[Observation] = []
    shadowed: list[Observation] = []
    for observation in ordered:
        same = shown and shown[-1].observed_at == observation.observed_at
        (shadowed if same else shown).append(observation)
    return shown, shadowed


def _judged(before: Sequence[Judgement], observation: Observation, rule: Rule, *, archival: bool) -> Entry:
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
        judgement=judge(before, look, rule),
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
    kept_times = {judgement.observed_at for judgement in retained([entry.judgement for entry in old], rule)}
    if len(kept_times) == len(old):
        return history
    horizon = recent[0].judgement.observed_at
    return history.model_copy(
        update={
            "entries": (*(entry for entry in old if entry.judgement.observed_at in kept_times), *recent),
            "shadowed": tuple(o for o in history.shadowed if o.observed_at >= horizon),
            "horizon": horizon,
        }
    )
