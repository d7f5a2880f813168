"""What verdicts teach about the counts of a site: which looks have a true count, and what later counts make of it."""

from collections.abc import Iterable
from datetime import datetime

from railwatch.services.alerting.rule.judgement import Observation
from railwatch.services.alerting.verdicts.corrected import by_look, corrected
from railwatch.services.alerting.verdicts.recalibration import Learned, Lesson, learn
from railwatch.shared.events import VerdictEvent


def lessons(
    verdicts: Iterable[VerdictEvent], before: datetime | None = None, without: Iterable[str] = ()
) -> list[Lesson]:
    """The looks with a true count, in the order in which people gave it.

    Args:
        verdicts: of one site.
        before: only those recorded before this time count, and only what was taken back before it is.
        without: scenes of a look that is left out: a look teaches nothing about itself.
    """
    known = [verdict for verdict in verdicts if before is None or verdict.recorded_at < before]
    left_out = set(without)
    found = []
    for scene, held in by_look(known).items():
        look = corrected(held)
        said = look.decided.found if look.decided else None
        if scene in left_out or look.decided is None or look.true is None or said is None:
            continue
        if said.count is not None and said.low is not None and said.high is not None:
            lesson = Lesson(said.count, said.low, said.high, look.true)
            found.append((look.decided.recorded_at, look.decided.id, lesson))
    return [lesson for *_, lesson in sorted(found, key=lambda one: one[:2])]


def learned_at(verdicts: Iterable[VerdictEvent], at: datetime | None = None) -> Learned | None:
    """What a site's verdicts teach that were recorded before a time; null if none gave a true count."""
    return learn(lessons(verdicts, at))


def recalibrated(seen: Observation, verdicts: Iterable[VerdictEvent]) -> Observation:
    """A look with what the site's verdicts make of its interval, as far as they were recorded before it was counted.

    So the same counts and the same verdicts give the same looks, whenever they are read.
    """
    if seen.count is None or seen.low is None or seen.high is None or seen.counted_at is None:
        return seen
    learned = learn(lessons(verdicts, seen.counted_at, seen.scenes))
    if learned is None:
        return seen
    return seen.model_copy(update={"recalibrated": learned.interval(seen.count, seen.low, seen.high)})
