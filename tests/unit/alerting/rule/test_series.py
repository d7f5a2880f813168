"""Looks judged one after the other: what alerts open, last and end."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.rule.series import judge_series
from railwatch.shared.events import Look, Transition
from tests.support.series import CALM, RULE, look, openings, weekly

SERIES = st.lists(st.one_of(st.none(), st.integers(0, 12).map(float), st.integers(30, 60).map(float)), max_size=24)


@settings(max_examples=12, deadline=None)
@given(counts=SERIES, seed=st.integers(0, 1000))
def test_the_order_of_arrival_changes_nothing(counts: list[float | None], seed: int) -> None:
    looks = weekly([*CALM, *counts])
    shuffled = random.Random(seed).sample(looks, len(looks))  # noqa: S311
    assert judge_series(shuffled, RULE) == judge_series(looks, RULE)


@settings(max_examples=12, deadline=None)
@given(counts=SERIES, places=st.lists(st.integers(0, 35), max_size=5))
def test_looks_that_saw_nothing_change_no_decision(counts: list[float | None], places: list[int]) -> None:
    looks = weekly([*CALM, *(count for count in counts if count is not None)])
    clouds = [look(7 * place + 1, None) for place in set(places)]
    darkened = judge_series([*looks, *clouds], RULE)
    assert [j for j in darkened if j.state is not State.UNOBSERVED] == judge_series(looks, RULE)


@settings(max_examples=12, deadline=None)
@given(counts=SERIES)
def test_the_findings_of_a_look_agree(counts: list[float | None]) -> None:
    for judged in judge_series(weekly([*CALM, *counts]), RULE):
        assert judged.exceeds == (judged.p_value is not None and judged.p_value < RULE.false_alarm_rate)
        assert judged.exceeds == (judged.threshold is not None and (judged.count or 0) > judged.threshold)
        assert (judged.state is State.ALERT) == (judged.transition in (Transition.OPENED, Transition.UPDATED))
        assert judged.state is not State.ALERT or judged.opened_at is not None
        assert (judged.transition is None) == (judged.reason == "")


def test_a_site_learns_before_it_can_open_an_alert() -> None:
    judgements = judge_series(weekly([*CALM[:7], 80.0, 90.0]), RULE)
    assert [judged.state for judged in judgements[:8]] == [State.LEARNING] * 8
    assert judgements[7].threshold is None
    assert judgements[8].state is not State.LEARNING


def test_the_ninth_look_can_open_an_alert() -> None:
    assert openings(judge_series(weekly([*CALM[:8], 60.0]), RULE)) == [8]


def test_a_single_high_look_opens_one_alert_that_ends_with_the_next() -> None:
    judgements = judge_series(weekly([*CALM, 45.0, 10.0, 9.0]), RULE)
    assert [judged.transition for judged in judgements[12:]] == [Transition.OPENED, Transition.RESOLVED, None]
    assert {judged.opened_at for judged in judgements[12:14]} == {judgements[12].observed_at}
    assert judgements[14].opened_at is None


def test_a_dip_within_a_surge_does_not_end_its_alert() -> None:
    judgements = judge_series(weekly([*CALM * 2, 50.0, 55.0, 16.0, 52.0, 49.0]), RULE)
    assert openings(judgements) == [24]
    assert not judgements[26].exceeds
    assert [judged.state for judged in judgements[24:]] == [State.ALERT] * 5


@pytest.mark.parametrize("every_days", [3, 7])
def test_a_surge_of_a_year_keeps_its_alert(every_days: int) -> None:
    rng = np.random.default_rng(every_days)
    surge = rng.negative_binomial(20, 0.4, size=round(365 / every_days)) + 10.0
    looks = [look(every_days * i, float(c)) for i, c in enumerate([*CALM * 3, *surge])]
    judgements = judge_series(looks, RULE)
    assert openings(judgements) == [36]
    assert judgements[-1].state is State.ALERT
    assert judgements[-1].opened_at == looks[36].observed_at


def test_no_single_look_ends_a_surge_that_has_lasted_but_two_do() -> None:
    surge = [count + 40 for count in CALM * 3]
    judgements = judge_series(weekly([*CALM * 2, *surge, 0.0, *surge, 8.0, 9.0]), RULE)
    assert openings(judgements) == [24]
    assert judgements[60].state is State.ALERT
    assert judgements[-1].transition is Transition.RESOLVED


def test_a_new_normal_is_learned_from_its_time_on() -> None:
    looks = weekly([*CALM * 2, *[count + 40 for count in CALM] * 3])
    judgements = judge_series(looks, RULE, new_normal_at=[looks[24].observed_at])
    assert judgements[23].state is State.NORMAL
    assert judgements[24].state is State.LEARNING
    assert judgements[-1].state is State.NORMAL
    assert judgements[-1].expected == pytest.approx(50, abs=5)


def test_a_slow_rise_is_found_and_named() -> None:
    rng = np.random.default_rng(4)
    quiet = rng.poisson(20, 60)
    rise = [rng.poisson(20 + 0.7 * week) for week in range(26)]
    judgements = judge_series(weekly([float(c) for c in [*quiet, *rise]]), RULE)
    assert any(judged.cusum_exceeds for judged in judgements[60:])
    assert any(judged.state is State.ALERT for judged in judgements[60:])


def test_the_cusum_finds_a_rise_without_any_single_look_that_is_too_high() -> None:
    rise = [12 + 0.2 * week + (count - 10) / 2 for week, count in enumerate(CALM * 3)]
    judgements = judge_series(weekly([*CALM * 5, *rise]), RULE)
    assert not any(judged.exceeds for judged in judgements)
    assert len(openings(judgements)) == 1
    opened = judgements[openings(judgements)[0]]
    assert opened.cusum_exceeds
    assert opened.reason.endswith("the last looks together are too high.")


def test_an_alert_of_a_slow_rise_stands_while_the_cusum_exceeds_and_ends_soon_after() -> None:
    rise = [12 + 0.2 * week + (count - 10) / 2 for week, count in enumerate(CALM * 3)]
    opened = openings(judge_series(weekly([*CALM * 5, *rise]), RULE))[0]
    stays = [15.0, 17.0, 16.0, 15.0, 17.0, 16.0] * 4
    counts = [*[*CALM * 5, *rise][: opened + 1], *stays, *CALM]
    judgements = judge_series(weekly(counts), RULE)
    assert openings(judgements) == [opened]
    assert all(judged.state is State.ALERT for judged in judgements[opened : opened + 1 + len(stays)])
    after = [judged.state for judged in judgements[opened + 1 + len(stays) :]]
    assert after[3:] == [State.NORMAL] * (len(CALM) - 3)


def test_too_little_of_the_track_is_unobserved_and_never_low() -> None:
    looks = [*weekly(CALM), look(90, 0.0, coverage=0.3)]
    assert judge_series(looks, RULE)[-1].state is State.UNOBSERVED


def test_a_look_at_a_third_of_the_site_never_ends_an_alert() -> None:
    looks = [*weekly([*CALM, 70.0]), *(look(91 + day, 0.0, coverage=0.3) for day in range(20))]
    judgements = judge_series(looks, RULE)
    assert {judged.state for judged in judgements[13:]} == {State.UNOBSERVED}
    assert {judged.opened_at for judged in judgements[12:]} == {judgements[12].observed_at}


def test_an_open_alert_stays_through_looks_that_saw_nothing() -> None:
    judgements = judge_series(weekly([*CALM, 50.0, None, None, 52.0]), RULE)
    assert [judged.state for judged in judgements[13:15]] == [State.UNOBSERVED] * 2
    assert {judged.opened_at for judged in judgements[12:]} == {judgements[12].observed_at}
    assert judgements[15].transition is Transition.UPDATED


def test_an_uncertain_count_opens_no_alert_where_a_certain_one_does() -> None:
    sure, doubtful = (judge_series([*weekly(CALM * 2), look(200, 27.0, spread=s)], RULE)[-1] for s in (1.0, 25.0))
    assert sure.exceeds
    assert not doubtful.exceeds


def test_tumangang_opens_by_22_september_and_dates_the_rise() -> None:
    rng = np.random.default_rng(2023)
    days = np.cumsum(rng.integers(4, 11, size=28))
    days += int((datetime(2023, 9, 15) - datetime(2023, 3, 1)).days - days[-1])
    looks = [
        Look(
            observed_at=datetime(2023, 3, 1, 2, tzinfo=UTC) + timedelta(days=int(day)),
            count=float(count),
            low=max(count - 1.0, 0.0),
            high=count + 1.0,
            coverage=1.0,
        )
        for day, count in zip(days, rng.binomial(20, 0.4, size=28), strict=True)
    ]
    for month, day, count in ((9, 18, 18.0), (9, 22, 25.0), (9, 27, 42.0), (10, 1, 56.0), (10, 5, 70.0)):
        at = datetime(2023, month, day, 2, tzinfo=UTC)
        looks.append(Look(observed_at=at, count=count, low=0.93 * count, high=1.07 * count, coverage=1.0))
    judgements = judge_series(looks, RULE)
    opened = [judged.observed_at for judged in judgements if judged.transition is Transition.OPENED]
    assert len(opened) == 1
    assert opened[0] <= datetime(2023, 9, 22, 3, tzinfo=UTC)
    onset = judgements[-1].onset
    assert onset is not None
    assert datetime(2023, 9, 15, tzinfo=UTC) <= onset.at <= datetime(2023, 9, 22, tzinfo=UTC)


def test_two_looks_at_one_time_are_refused() -> None:
    with pytest.raises(ValueError, match="later than the history"):
        judge_series([look(1, 3.0), look(1, 4.0)], RULE)


@settings(max_examples=20, deadline=None)
@given(
    surge=st.lists(st.integers(35, 60).map(float), min_size=1, max_size=8),
    parts=st.lists(st.tuples(st.integers(0, 12).map(float), st.floats(0.5, 0.94)), min_size=1, max_size=8),
)
def test_a_look_at_a_part_of_the_site_never_ends_an_alert(surge: list[float], parts: list[tuple[float, float]]) -> None:
    whole = weekly([*CALM, *surge])
    after = [look(7 * (len(whole) + i), count, coverage=coverage) for i, (count, coverage) in enumerate(parts)]
    for judged in judge_series([*whole, *after], RULE)[len(whole) :]:
        assert judged.state is State.ALERT
        if not judged.exceeds and not judged.cusum_exceeds:
            assert "of the track that was seen" in judged.reason


@settings(max_examples=20, deadline=None)
@given(
    surge=st.lists(st.integers(25, 60).map(float), min_size=1, max_size=8),
    parts=st.lists(st.integers(0, 8).map(float), min_size=1, max_size=6),
    after=st.lists(st.integers(5, 25).map(float), min_size=1, max_size=4),
)
def test_low_looks_at_a_part_of_the_site_bring_no_end_nearer(
    surge: list[float], parts: list[float], after: list[float]
) -> None:
    def end(coverage: float) -> int:
        counts = [(count, 1.0) for count in [*CALM, *surge]] + [(count, coverage) for count in parts]
        looks = [look(7 * i, count, coverage=seen) for i, (count, seen) in enumerate(counts)]
        looks += [look(7 * (len(looks) + i), count) for i, count in enumerate(after)]
        ends = [i for i, j in enumerate(judge_series(looks, RULE)) if j.transition is Transition.RESOLVED]
        return ends[-1] if ends else len(looks)

    assert end(coverage=0.6) >= end(coverage=0.0)


def test_a_slow_rise_is_not_forgotten_at_looks_at_a_part_of_the_site() -> None:
    rise = weekly([*CALM * 2, *np.linspace(10, 22, 14).tolist()])
    parts = [look(7 * (len(rise) + i), 2.0, coverage=0.9) for i in range(6)]
    judgements = judge_series([*rise, *parts], RULE)
    assert judgements[len(rise) - 1].cusum_exceeds
    assert [judged.cusum for judged in judgements[len(rise) :]] == [judgements[len(rise) - 1].cusum] * 6
    assert judgements[-1].state is State.ALERT


def test_an_alert_ends_with_the_first_whole_look_after_looks_at_a_part() -> None:
    parts = [look(91 + 7 * i, 3.0, coverage=0.8) for i in range(2)]
    judgements = judge_series([*weekly([*CALM, 45.0]), *parts, look(105, 9.0, coverage=0.95)], RULE)
    assert [judged.transition for judged in judgements[12:]] == [
        Transition.OPENED,
        Transition.UPDATED,
        Transition.UPDATED,
        Transition.RESOLVED,
    ]
