from datetime import datetime, timedelta

import pytest

from services.alerting.announcement import plain_look
from services.alerting.judgement import State
from services.alerting.missed import Miss, next_due, told
from services.alerting.siteview import SiteStatus
from tests.support.alerting import judged, on_day

REGULAR = [on_day(3 * look) for look in range(12)]
LAST = REGULAR[-1]


def status(look_due: float | None, clear_due: float | None) -> SiteStatus:
    return SiteStatus(
        state=State.NORMAL,
        last_look_at=on_day(33),
        judged=plain_look(judged(30, 5).judgement),
        alert=None,
        look_due_at=None if look_due is None else on_day(look_due),
        clear_due_at=None if clear_due is None else on_day(clear_due),
    )


def test_the_next_look_is_due_after_twice_the_usual_longest_gap() -> None:
    assert next_due(REGULAR, LAST) == LAST + timedelta(days=6)


def test_one_outage_in_the_past_does_not_hide_the_next() -> None:
    after_outage = [at + timedelta(days=90) if number >= 6 else at for number, at in enumerate(REGULAR)]
    assert next_due(after_outage, after_outage[-1]) == after_outage[-1] + timedelta(days=6)


def test_a_site_seen_several_times_a_day_is_not_missed_at_once() -> None:
    hourly = [on_day(look / 24) for look in range(30)]
    assert next_due(hourly, hourly[-1]) == hourly[-1] + timedelta(days=2)


@pytest.mark.parametrize("looks", range(6))
def test_a_site_of_which_little_is_known_promises_nothing(looks: int) -> None:
    assert next_due(REGULAR[:looks], LAST) is None


def test_an_archive_promises_nothing() -> None:
    assert next_due(REGULAR, LAST + timedelta(days=5)) == LAST + timedelta(days=6)
    assert next_due(REGULAR, LAST + timedelta(days=400)) is None


@pytest.mark.parametrize(
    ("now", "miss", "words"),
    [
        (on_day(38), None, ""),
        (
            on_day(45),
            Miss.CLEAR_LOOK,
            "Site: a look at the site that was not hidden was due by 10 April 2023;",
        ),
        (on_day(52), Miss.LOOK, "Site: a look at the site was due by 20 April 2023; the last was on 3 April 2023."),
    ],
)
def test_what_was_missed_is_told(now: datetime, miss: Miss | None, words: str) -> None:
    missed = status(look_due=50, clear_due=40).missed("site", now)
    assert (missed.miss if missed else None) == miss
    assert not missed or told("Site", missed).startswith(words)
