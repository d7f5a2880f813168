"""A site's looks from the archive, in order of time: frames of a pass joined, with the judgement that Redis keeps.

Few frames are in memory at the same time, however many looks there are.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from railwatch.services.alerting.archive.store import Archive, ArchivedScene
from railwatch.services.alerting.history.cars import CountedCar, cars_of
from railwatch.services.alerting.history.frames import Frame, Pass, look_of, passes
from railwatch.services.alerting.history.observations import tracks_by_tile
from railwatch.services.alerting.products.kept import Kept, NoState
from railwatch.services.alerting.rule.judgement import Judgement, Observation
from railwatch.shared.events import CountEvent, VerdictEvent
from railwatch.shared.sites import Site


@dataclass(frozen=True)
class SiteLook:
    """One look at a site.

    Attributes:
        site: the site.
        seen: what was seen: as it was judged, or as its frames show it if no judgement is kept.
        judgement: what was found in it; null if that is not kept.
        no_state: why there is no judgement; null if there is one.
        alert: id of the alert that it belongs to; null if there is none.
        frames: its pass; empty if the archive lacks its counts.
        counts: the counts behind it, by scene and tile.
        verdicts: what people say of it: their verdicts that stand, in order.
    """

    site: Site
    seen: Observation
    judgement: Judgement | None
    no_state: NoState | None
    alert: str | None
    frames: Pass = ()
    counts: Mapping[str, Mapping[str, CountEvent]] | None = None
    verdicts: tuple[VerdictEvent, ...] = ()

    @property
    def events(self) -> list[CountEvent]:
        """The counts behind it."""
        return [event for tiles in (self.counts or {}).values() for event in tiles.values()]

    @property
    def cars(self) -> Iterator[CountedCar]:
        """Its cars, each once."""
        return cars_of(self.frames, self.counts or {}, self.site.car_lengths_m[0])


class Looks:
    """The looks of a site.

    Args:
        archive: the archive of counts.
        site: the site.
        kept: what Redis keeps of it.
        span: the longest time from the first to the last frame of a pass.
    """

    def __init__(self, archive: Archive, site: Site, kept: Kept, span: timedelta) -> None:
        self._archive, self._site, self._kept, self._span = archive, site, kept, span
        self._tracks_m: dict[str, float] | None = None

    def between(self, since: datetime | None = None, before: datetime | None = None) -> Iterator[SiteLook]:
        """The looks from one time on and before another, in order of their time and the id of their scene.

        Raises:
            DependencyAwayError: the object store does not answer.
            UnprocessableError: the archive is damaged.
        """
        begin = since and self._beginning(since)
        until = before and (before + self._span if before < _LAST - self._span else None)
        kept = deque(self._kept.history.judgements)
        shown: set[str] = set()

        def is_new(look: SiteLook) -> bool:
            if look.judgement is not None:
                if not shown.isdisjoint(look.seen.scenes):
                    return False
                shown.update(look.seen.scenes)
            at = look.seen.observed_at
            return (since is None or at >= since) and (before is None or at < before)

        for scenes in _near_each_other(self._archive.scenes(self._site.id, begin, until), self._span):
            for look in sorted(map(self._look, _passes(scenes, self._kept.waiting, self._span)), key=_key):
                while kept and _key(earlier := self._only_kept(kept[0])) < _key(look):
                    kept.popleft()
                    if is_new(earlier):
                        yield earlier
                if is_new(look):
                    yield look
        yield from filter(is_new, map(self._only_kept, kept))

    def of_scene(self, scene: str) -> SiteLook | None:
        """The look that a scene belongs to; null if there is none."""
        found = self._archive.scene(self._site.id, scene)
        if found is None:
            judgement = self._kept.judgement([scene])
            return self._only_kept(judgement) if judgement else None
        near = self.between(found.observed_at - self._span, found.observed_at + timedelta.resolution)
        return next((look for look in near if scene in look.seen.scenes), None)

    def _beginning(self, since: datetime) -> datetime:
        """A time from which on passes are cut as they are from the very first scene: a gap lies before it."""
        begin = since
        for at, _ in self._archive.times(self._site.id, before=since, newest_first=True):
            if begin - at > self._span:
                break
            begin = at
        return begin

    def _look(self, scenes: list[ArchivedScene]) -> SiteLook:
        frames = tuple(Frame(scene.scene, scene.readings) for scene in scenes)
        names = [scene.scene for scene in scenes]
        judgement = self._kept.judgement(names)
        if judgement is None:
            self._tracks_m = self._tracks_m or tracks_by_tile(self._site)
            seen = look_of(frames, self._tracks_m, self._site.car_lengths_m)
        return SiteLook(
            site=self._site,
            seen=judgement or seen,
            judgement=judgement,
            no_state=None if judgement else self._kept.why_no_state(names, scenes[0].observed_at),
            alert=self._kept.alert_of(judgement),
            frames=frames,
            counts={scene.scene: scene.counts for scene in scenes},
            verdicts=self._kept.verdicts_on(names),
        )

    def _only_kept(self, judgement: Judgement) -> SiteLook:
        alert, verdicts = self._kept.alert_of(judgement), self._kept.verdicts_on(judgement.scenes)
        return SiteLook(self._site, judgement, judgement, None, alert, verdicts=verdicts)


_LAST = datetime.max.replace(tzinfo=UTC)


def _key(look: SiteLook) -> tuple[datetime, str]:
    return look.seen.observed_at, look.seen.scene


def _near_each_other(scenes: Iterable[ArchivedScene], span: timedelta) -> Iterator[list[ArchivedScene]]:
    """Scenes that come in order of time, cut where a pass cannot go on."""
    near: list[ArchivedScene] = []
    for scene in scenes:
        if near and scene.observed_at - near[-1].observed_at > span:
            yield near
            near = []
        near.append(scene)
    if near:
        yield near


def _passes(scenes: Iterable[ArchivedScene], waiting: frozenset[str], span: timedelta) -> Iterator[list[ArchivedScene]]:
    by_name = {scene.scene: scene for scene in scenes if scene.scene not in waiting}
    for frames in passes((Frame(name, scene.readings) for name, scene in by_name.items()), span):
        yield [by_name[frame.scene] for frame in frames]
