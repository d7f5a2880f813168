"""Whether the alerts are right: those of the same counts, judged in order by a process that never failed.

A look is judged when all its tiles are counted. One that lacks a tile is judged with those that it has, when alerting
has waited long enough for the rest. Then it enters the history late, after looks that are newer. So does a look whose
count came after those of a newer one, because its pixels were lost and pushed again. What is promised of a late look is
less: it ends no alert, a rise that only such looks show need not have one, and an alert that ended does not stand again
because of them unless the newest look is itself too high.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, groupby

from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import newest_judged
from railwatch.services.alerting.history.observations import (
    TileReading,
    complete,
    merge,
    observe,
    reading,
    tracks_by_tile,
)
from railwatch.services.alerting.rule.judgement import Judgement, Observation, Rule
from railwatch.shared.events import AlertEvent, CountEvent, Transition
from railwatch.shared.sites import Site

# How long alerting waits for the tiles of a look.
SCENE_WAIT = timedelta(minutes=15)
# It waits from when it handled the first count. That may be so long after the count was recorded, and what is due is
# judged at the latest so long after it: something else may be broken.
HANDLED_WITHIN = timedelta(minutes=3)


@dataclass(frozen=True)
class Seen:
    """A look at a site, as its counts tell it.

    Attributes:
        look: what it shows.
        whole: whether all its tiles are counted.
        first_at: when the first count was recorded.
        late: whether it became whole after a newer look, or never did.
    """

    look: Observation
    whole: bool
    first_at: datetime
    late: bool


def looks_of(counts: Sequence[CountEvent], site: Site) -> list[Seen]:
    """The looks at a site that its counts, in the order in which they came, tell; in the order of time."""
    tracks_m = tracks_by_tile(site)
    scenes: dict[str, dict[str, TileReading]] = defaultdict(dict)
    whole_after: dict[str, int] = {}
    for number, count in enumerate(counts):
        readings = scenes[count.scene] = merge(scenes[count.scene], count.tile, reading(count))
        if complete(readings):
            whole_after.setdefault(count.scene, number)
    looks = {scene: observe(scene, readings, tracks_m, site.car_lengths_m) for scene, readings in scenes.items()}
    newest_first = sorted(looks.values(), key=lambda look: look.observed_at, reverse=True)
    seen: list[Seen] = []
    newer_whole_after = len(counts)
    for look in newest_first:
        number = whole_after.get(look.scene, len(counts))
        first_at = min(one.recorded_at for one in scenes[look.scene].values())
        seen.append(Seen(look, look.scene in whole_after, first_at, late=number >= newer_whole_after))
        newer_whole_after = min(newer_whole_after, number)
    return seen[::-1]


def broken(site: str, seen: Sequence[Seen], steps: Sequence[AlertEvent], now: datetime) -> list[str]:
    """What is wrong with a site's alerts: a sentence for each fault.

    Args:
        site: its id.
        seen: the looks at it, in the order of time.
        steps: what was told of its alerts, in order.
        now: when everything had come to rest.
    """
    last: dict[str, AlertEvent] = {}
    for step in steps:
        if step.alert not in last or step.sequence > last[step.alert].sequence:
            last[step.alert] = step
    told = [step for step in last.values() if step.transition is not Transition.RETRACTED]
    return min((list(_faults(site, judged, told)) for judged in _histories(seen, now)), key=len)


def _histories(seen: Sequence[Seen], now: datetime) -> Iterator[list[tuple[Seen, Judgement]]]:
    """The histories that a site may have by now. There are several while the wait for a look's tiles ends."""
    certain = [one for one in seen if one.whole or one.first_at + SCENE_WAIT + HANDLED_WITHIN <= now]
    perhaps = [one for one in seen if one not in certain and one.first_at + SCENE_WAIT <= now]
    for number in range(len(perhaps) + 1):
        for judged_already in combinations(perhaps, number):
            judged = {one.look.scene: one for one in seen if one in certain or one in judged_already}
            history = History()
            for one in judged.values():
                history = enter(history, one.look, Rule())
            yield [(judged[judgement.scene], judgement) for judgement in history.judgements]


def _faults(site: str, looks: Sequence[tuple[Seen, Judgement]], told: Sequence[AlertEvent]) -> Iterator[str]:
    of_alerts = [(one, judgement) for one, judgement in looks if judgement.opened_at]
    late = any(one.late for one, _ in looks)
    for opened_at, group in groupby(of_alerts, key=lambda pair: pair[1].opened_at):
        run = list(group)
        first, last = run[0][1], run[-1][1]
        rise = f"{site}: the rise from {opened_at:%Y-%m-%d} to {last.observed_at:%Y-%m-%d}"
        stands_again = not late or _raised(newest_judged([judgement for _, judgement in run]))
        within = [step for step in told if first.observed_at <= step.look.observed_at <= last.observed_at]
        standing = last is looks[-1][1] and last.transition is not Transition.RESOLVED
        if len(within) > 1:
            yield f"{rise} has {len(within)} alerts"
        elif not within and any(_raised(judgement) and not one.late for one, judgement in run):
            yield f"{rise} has no alert"
        elif within and within[0].stands and not standing:
            yield f"{rise}: the alert should not stand, and was last {within[0].transition}"
        elif within and standing and stands_again and not within[0].stands:
            yield f"{rise}: the alert should stand, and was last {within[0].transition}"
    runs = {judgement.observed_at for _, judgement in of_alerts}
    for step in told:
        if step.look.observed_at not in runs:
            yield f"{site}: alert {step.alert} of {step.look.observed_at:%Y-%m-%d} should not be"


def _raised(look: Judgement | None) -> bool:
    return look is not None and (look.exceeds or look.cusum_exceeds)
