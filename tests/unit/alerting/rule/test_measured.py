"""Looks of metres of track, not of counts: their interval decides, and they are never taken for a count."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.rule.judge import judge
from railwatch.services.alerting.rule.judgement import Judgement, Observation, State
from railwatch.services.alerting.rule.past import needed, past_of
from railwatch.services.alerting.rule.series import judge_series
from railwatch.shared.counts import Occupied
from railwatch.shared.events import Transition
from tests.support.series import CALM, DAY_0, RULE, look, weekly


def measured(day: float, fewest: float, most: float) -> Observation:
    at = DAY_0 + timedelta(days=day)
    occupied = Occupied(occupied_m=400, low_m=300, high_m=500, cars_low=fewest, cars_high=most)
    return Observation(
        scene=at.isoformat(), observed_at=at, count=None, low=None, high=None, coverage=1.0, occupied=occupied
    )


def last(*looks: Observation) -> Judgement:
    return judge_series([*weekly(CALM), *looks], RULE)[-1]


def test_metres_raise_an_alert_if_even_the_fewest_cars_are_too_many() -> None:
    raised = last(measured(90, 60, 150))
    assert (raised.state, raised.transition, raised.exceeds) == (State.ALERT, Transition.OPENED, True)
    assert raised.reason.startswith("At least 60 railcars exceed the threshold of ")
    assert raised.count is None


def test_metres_whose_range_reaches_below_the_threshold_change_nothing_and_say_what_was_expected() -> None:
    undecided = last(measured(90, 12, 150))
    assert (undecided.state, undecided.transition, undecided.exceeds) == (State.MEASURED, None, False)
    assert undecided.threshold is not None
    assert undecided.threshold > 12


def test_metres_confirm_an_alert_that_stands() -> None:
    confirmed = last(look(85, 70.0, spread=5), measured(90, 60, 150))
    assert (confirmed.state, confirmed.transition) == (State.ALERT, Transition.UPDATED)
    assert confirmed.opened_at == DAY_0 + timedelta(days=85)


def test_metres_end_no_alert_however_few_they_are() -> None:
    few = last(look(85, 70.0, spread=5), measured(90, 0, 3))
    assert (few.state, few.transition) == (State.MEASURED, None)
    assert few.opened_at == DAY_0 + timedelta(days=85)


def test_a_count_ends_an_alert_that_metres_opened() -> None:
    ended = last(measured(90, 60, 150), look(97, 9.0), look(104, 9.0))
    opened = DAY_0 + timedelta(days=90)
    judgements = judge_series([*weekly(CALM), measured(90, 60, 150), look(97, 9.0), look(104, 9.0)], RULE)
    assert [one.transition for one in judgements if one.opened_at == opened][-1] is Transition.RESOLVED
    assert ended.state is State.NORMAL


def test_a_site_that_is_still_learned_learns_nothing_from_metres() -> None:
    looks = [measured(7 * week, 5, 20) for week in range(12)]
    assert {one.state for one in judge_series(looks, RULE)} == {State.MEASURED}


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 40)), min_size=1, max_size=6))
def test_the_threshold_of_later_counts_is_the_same_with_and_without_metres_that_raise_nothing(
    ranges: list[tuple[float, float]],
) -> None:
    between = [measured(7 * week + 3.5, 0.1 * fewest, fewest + more) for week, (fewest, more) in enumerate(ranges)]
    plain = judge_series(weekly(CALM), RULE)
    mixed = [one for one in judge_series([*weekly(CALM), *between], RULE) if one.count is not None]
    if not any(one.exceeds for one in mixed):
        assert [one.threshold for one in mixed] == [one.threshold for one in plain]


def test_metres_that_raised_an_alert_for_one_look_are_not_in_the_baseline_afterwards() -> None:
    later = look(120, 10.0)
    with_metres = last(measured(90, 60, 150), look(97, 9.0), later)
    without = last(look(97, 9.0), later)
    assert with_metres.threshold == without.threshold


def test_what_is_kept_of_a_history_with_metres_gives_the_same_judgement() -> None:
    looks = [*weekly(CALM * 6), measured(510, 60, 150), look(517, 9.0), measured(520, 1, 5)]
    judgements = judge_series(looks, RULE)
    seen = look(600, 30.0)
    assert judge(past_of(needed(judgements, RULE)), seen, RULE) == judge(past_of(judgements), seen, RULE)
