"""The passes around a scene: those of the site's scenes that were taken at about its time, as Redis holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from railwatch.services.alerting.history.frames import Frame, Pass, passes
from railwatch.services.alerting.history.observations import last_recorded
from railwatch.services.alerting.state.records import SceneRecord
from railwatch.services.alerting.state.transaction import Transaction

# When the first and the last of some scenes were taken.
Reach = tuple[datetime, datetime]


@dataclass(frozen=True)
class Around:
    """A scene and what lies around it.

    Attributes:
        records: what is known of the scenes, by id.
        waiting: those that wait for more of their pass.
        passes: the passes that they belong to.
    """

    records: Mapping[str, SceneRecord]
    waiting: set[str]
    passes: list[Pass]

    def pass_of(self, scene: str) -> Pass:
        """The pass of one of the scenes."""
        return next(frames for frames in self.passes if any(frame.scene == scene for frame in frames))


def passes_around(transaction: Transaction, scene: str, record: SceneRecord, span: timedelta) -> Around:
    """The passes of a scene and of all scenes that it may have to do with: now, and before its time was corrected.

    Args:
        transaction: of the scene's site.
        scene: id of the scene.
        record: what is known of it now.
        span: the longest time from the first to the last frame of a pass.
    """
    waiting = transaction.waiting()
    records = {scene: record}
    far: list[tuple[Reach, tuple[str, ...]]] = []
    for name in sorted(waiting - {scene}):
        if other := transaction.scene(name):
            records[name] = other
            at = last_recorded(other.readings).observed_at
            far.append(((at, at), (name,)))
    history = transaction.record.history
    far += [((look.observed_at, look.ended_at), look.scenes) for look in (*history.judgements, *history.shadowed)]
    at = last_recorded(record.readings).observed_at
    reaches = [(at, at), *(reach for reach, scenes in far if scene in scenes)]
    near: set[str] = {scene}
    while found := [one for one in far if any(_touch(one[0], reach, span) for reach in reaches)]:
        far = [one for one in far if one not in found]
        reaches = [reach for reach, _ in found]
        near.update(name for _, scenes in found for name in scenes)
    for name in near - records.keys():
        if other := transaction.scene(name):
            records[name] = other
    frames = [Frame(name, records[name].readings) for name in near & records.keys()]
    return Around(records, waiting, passes(frames, span))


def _touch(one: Reach, other: Reach, span: timedelta) -> bool:
    return one[0] - span <= other[1] and other[0] <= one[1] + span
