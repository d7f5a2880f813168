from datetime import datetime, timedelta

import pytest

from railwatch.services.alerting.history.missed import (
    Missed,
    events_of_unwatched,
    missed_look_events,
    next_due,
    promised,
)
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.records import SiteStatus
from railwatch.shared.events import Miss, MissedLookEvent
from tests.support.alerting import RECORDED, judged, on_day, small_site

REGULAR = [on_day(3 * look) for look in range(12)]
LAST = REGULAR[-1]
PAGE = "https://railwatch.example/"


def status(look_due: float | None, clear_due: float | None, *, last_look: float = 33) -> SiteStatus:
    return SiteStatus(
        state=State.NORMAL,
        last_look_at=on_day(last_look),
        judged=judged(30, 5),
        alert=None,
        look_due_at=None if look_due is None else on_day(look_due),
        clear_due_at=None if clear_due is None else on_day(clear_due),
    )


def announced(now: datetime, of: SiteStatus, before: list[MissedLookEvent]) -> list[MissedLookEvent]:
    return list(missed_look_events(small_site(), of.missed(now), before, of.seen, PAGE, now))


def test_the_next_look_is_due_after_twice_the_usual_longest_gap() -> None:
    assert next_due(REGULAR) == LAST + timedelta(days=6)


def test_one_outage_in_the_past_does_not_hide_the_next() -> None:
    after_outage = [at + timedelta(days=90) if number >= 6 else at for number, at in enumerate(REGULAR)]
    assert next_due(after_outage) == after_outage[-1] + timedelta(days=6)


def test_a_site_seen_several_times_a_day_is_not_missed_at_once() -> None:
    hourly = [on_day(look / 24) for look in range(30)]
    assert next_due(hourly) == hourly[-1] + timedelta(days=2)


@pytest.mark.parametrize("looks", range(6))
def test_a_site_with_few_looks_promises_no_next_one(looks: int) -> None:
    assert promised(REGULAR[:looks], LAST) is None


def test_an_archive_promises_no_next_look() -> None:
    assert promised(REGULAR, LAST + timedelta(days=5)) == LAST + timedelta(days=6)
    assert promised(REGULAR, LAST + timedelta(days=400)) is None


@pytest.mark.parametrize(("day", "misses"), [(38, []), (45, [Miss.CLEAR_LOOK]), (52, [Miss.LOOK, Miss.CLEAR_LOOK])])
def test_what_is_missed_by_a_day(day: float, misses: list[Miss]) -> None:
    missed = list(status(look_due=50, clear_due=40).missed(on_day(day)))
    assert [look.miss for look in missed] == misses
    assert all(look.last_at == on_day(33 if look.miss is Miss.LOOK else 30) for look in missed)


def test_a_site_that_was_clear_when_last_seen_misses_no_clear_look() -> None:
    (missed,) = status(look_due=40, clear_due=40, last_look=30).missed(on_day(45))
    assert missed == Missed(miss=Miss.LOOK, due_at=on_day(40), last_at=on_day(30))


def test_a_missed_look_is_announced_once_and_ends_when_the_site_is_seen() -> None:
    overdue = status(look_due=40, clear_due=None)
    (missed,) = announced(on_day(41), overdue, [])
    assert (missed.transition, missed.sequence, missed.miss) == ("opened", 1, Miss.LOOK)
    assert missed.sentence == ("Tumangang: a look at the site was due by 10 April 2023; the last was on 3 April 2023.")
    assert announced(on_day(60), overdue, [missed]) == []

    seen = status(look_due=70, clear_due=None, last_look=61)
    (ended,) = announced(on_day(62), seen, [missed])
    assert (ended.missed, ended.transition, ended.sequence) == (missed.missed, "resolved", 2)
    assert (ended.seen_at, ended.recorded_at) == (on_day(61), on_day(62))
    assert announced(on_day(63), seen, [ended]) == []


def test_corrected_gaps_end_no_missed_look() -> None:
    (missed,) = announced(on_day(41), status(look_due=40, clear_due=None), [])
    for corrected in (status(look_due=None, clear_due=None), status(look_due=80, clear_due=None)):
        assert announced(on_day(42), corrected, [missed]) == []


def test_the_identity_comes_from_site_kind_and_due_time() -> None:
    first, again = (announced(on_day(day), status(look_due=40, clear_due=None), [])[0] for day in (41, 50))
    assert (first.missed, first.id) == (again.missed, again.id)
    (later,) = announced(on_day(50), status(look_due=49, clear_due=None), [])
    (hidden,) = announced(on_day(50), status(look_due=None, clear_due=40), [])
    assert len({first.missed, later.missed, hidden.missed}) == 3


def test_one_look_ends_and_the_next_is_missed_in_one_step() -> None:
    (missed,) = announced(on_day(41), status(look_due=40, clear_due=None), [])
    ended, next_missed = announced(on_day(90), status(look_due=70, clear_due=None, last_look=61), [missed])
    assert (ended.missed, ended.transition) == (missed.missed, "resolved")
    assert (next_missed.transition, next_missed.sequence, next_missed.last_at) == ("opened", 1, on_day(61))


def test_a_site_that_is_taken_away_and_given_back_goes_on_under_its_identity() -> None:
    overdue = status(look_due=40, clear_due=None)
    (missed,) = announced(on_day(41), overdue, [])
    (ended,) = events_of_unwatched([missed], on_day(42))
    assert (ended.transition, ended.seen_at, ended.reason) == ("resolved", None, "The site is no longer watched.")
    assert list(events_of_unwatched([ended], on_day(43))) == []
    assert announced(on_day(42.5), overdue, [ended]) == [], "another process may not know yet that it was taken away"
    (again,) = announced(on_day(44), overdue, [ended])
    assert (again.missed, again.transition, again.sequence) == (missed.missed, "opened", 3)


def test_the_sentence_says_that_a_site_was_never_seen() -> None:
    never = Missed(miss=Miss.LOOK, due_at=on_day(30), last_at=None)
    (missed,) = missed_look_events(small_site(), [never], [], {}, PAGE, RECORDED)
    assert missed.sentence == "Tumangang: a look at the site was due by 31 March 2023; there has never been one."
    (ended,) = missed_look_events(small_site(), [], [missed], {Miss.LOOK: on_day(50)}, PAGE, RECORDED)
    assert ended.seen_at == on_day(50)
