"""What the checker of a chaos run says of a site's alerts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from railwatch.services.alerting.history.alert_event import alert_event
from railwatch.services.alerting.history.history import History, enter
from railwatch.services.alerting.history.lifecycle import AlertRecord, records_after, transitions_due
from railwatch.services.alerting.rule.judgement import Rule
from railwatch.shared.events import AlertEvent, CountEvent
from tests.chaos.alerts import HANDLED_WITHIN, SCENE_WAIT, broken, looks_of
from tests.support.alerting import RECORDED, count_event, small_site

SITE = small_site(tile_size_m=1100.0)
TILES = ("r0c0", "r0c1")
LONG_AFTER = RECORDED + timedelta(days=1)
QUIET = [(day, (1 + day % 2, 1)) for day in range(12)]
RISE = [(12, (12, 12)), (13, (13, 12))]

Look = tuple[float, tuple[float | None, float | None]]


def counts_of(looks: Sequence[Look]) -> list[CountEvent]:
    """The counts of looks, each a day and the cars on its two tiles; null for a tile without a count."""
    return [
        count_event(day, count, tile=tile, tiles=TILES, spread=1.0)
        for day, counts in looks
        for tile, count in zip(TILES, counts, strict=True)
        if count is not None
    ]


def told(looks: Sequence[Look]) -> list[AlertEvent]:
    """What alerting tells if these looks enter the history in this order."""
    history, records, steps = History(), tuple[AlertRecord, ...](), list[AlertEvent]()
    for look in looks:
        (seen,) = looks_of(counts_of([look]), SITE)
        history = enter(history, seen.look, Rule())
        due = transitions_due(SITE, records, history.judgements)
        records = records_after(records, due, history.judgements)
        steps += [alert_event(SITE, one, history.judgements, (), "https://railwatch.example", RECORDED) for one in due]
    return steps


def said(looks: Sequence[Look], steps: Sequence[AlertEvent], now: datetime = LONG_AFTER) -> list[str]:
    return broken(SITE.id, looks_of(counts_of(looks), SITE), steps, now)


@pytest.mark.parametrize("after", [[], [(14, (1, 1))], [(14, (1, 1)), (15, (2, 1)), (16, (14, 12))]])
def test_the_alerts_of_a_process_that_never_failed_are_right(after: list[Look]) -> None:
    looks = [*QUIET, *RISE, *after]
    assert said(looks, told(looks)) == []


def test_a_rise_whose_counts_came_after_those_of_a_newer_look_need_have_no_alert() -> None:
    counted = [*QUIET, (14, (1, 1)), *RISE]
    assert said(counted, told(counted)) == []
    assert said(counted, []) == []


def test_a_rise_without_an_alert_is_found() -> None:
    (sentence,) = said([*QUIET, *RISE], [])
    assert sentence == "tumangang: the rise from 2023-03-13 to 2023-03-14 has no alert"


def test_an_alert_without_a_rise_is_found() -> None:
    (sentence,) = said(QUIET, told([*QUIET, *RISE]))
    assert sentence.endswith("of 2023-03-14 should not be")


def test_an_alert_that_did_not_end_is_found() -> None:
    (sentence,) = said([*QUIET, *RISE, (14, (1, 1))], told([*QUIET, *RISE]))
    assert sentence.endswith("the alert should not stand, and was last updated")


def test_an_alert_that_ended_too_early_is_found() -> None:
    steps = told([*QUIET, RISE[0], (13, (1, 1))])
    (sentence,) = said([*QUIET, *RISE], steps)
    assert sentence.endswith("the alert should stand, and was last resolved")


def test_a_look_that_lost_a_tile_is_judged_with_the_other_one_when_the_wait_is_over() -> None:
    looks = [*QUIET, *RISE, (14, (None, 1))]
    steps = told(looks)
    assert steps[-1].missing_tiles == ("r0c0",)
    assert steps[-1].transition == "updated", "it does not show that the rise is over"
    assert said(looks, steps) == []
    (rise, alert) = said(looks, steps, RECORDED + SCENE_WAIT - timedelta(seconds=1))
    assert rise.endswith("to 2023-03-14 has no alert"), "it was judged before its time"
    assert alert.endswith("of 2023-03-15 should not be")


def test_while_the_wait_ends_a_look_that_lost_a_tile_may_be_judged_or_not() -> None:
    looks = [*QUIET, *RISE, (14, (None, 1)), (15, (None, 14))]
    for judged in (looks[:-2], looks[:-1], looks, [*looks[:-2], looks[-1]]):
        assert said(looks, told(judged), RECORDED + SCENE_WAIT + HANDLED_WITHIN / 2) == []


def test_a_rise_that_only_looks_with_a_lost_tile_show_may_pass_without_an_alert() -> None:
    rise: list[Look] = [(12, (20, None)), (13, (None, 20))]
    later: list[Look] = [(14, (1, 1)), (15, (2, 1))]
    assert said([*QUIET, *rise, *later], told([*QUIET, *later, *rise])) == []


def test_a_look_that_lost_a_tile_changes_nothing_of_an_alert_that_ended() -> None:
    looks = [*QUIET, *RISE, (14, (1, 1)), (15, (None, 4))]
    assert said(looks, told(looks)) == []


def test_a_tile_without_a_count_is_not_a_lost_one() -> None:
    rejected = [count_event(13, None, tile="r0c1", tiles=TILES, coverage=0.0)]
    counts = [*counts_of([*QUIET, RISE[0], (13, (13, None))]), *rejected]
    seen = looks_of(counts, SITE)
    assert seen[-1].whole
    assert seen[-1].look.coverage < 0.95
