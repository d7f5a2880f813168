"""The interval of later counts: moved a little by a few verdicts, right after many."""

from datetime import timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.rule.judgement import Observation
from railwatch.services.alerting.verdicts.lessons import learned_at, lessons, recalibrated
from railwatch.services.alerting.verdicts.recalibration import Learned, Lesson, learn
from railwatch.shared.events import VerdictEvent, VerdictKind
from tests.support.alerting import RECORDED, on_day
from tests.support.verdicts import found, taken_back, verdict

counts = st.floats(0, 80)
lesson = st.builds(
    lambda count, below, above, true: Lesson(count, max(0.0, count - below), count + above, float(true)),
    counts,
    st.floats(0, 15),
    st.floats(0, 30),
    st.integers(0, 100),
)


def shifted(n: int, *, bias: float = 0.0, share: float = 1.0, spread: float = 1.0, seed: int = 0) -> list[Lesson]:
    """Looks at a site where the detector's count is off by a bias and a share."""
    rng = np.random.default_rng(seed)
    true = rng.poisson(rng.gamma(3, 8, n))
    exact = np.maximum(0, (true - bias) / share)
    sd = 0.6 + 0.06 * exact
    count = np.maximum(0, exact + spread * sd * rng.standard_normal(n))
    return [
        Lesson(float(c), max(0.0, float(c - 1.645 * s)), float(c + 1.645 * s), float(t))
        for c, s, t in zip(count, sd, true, strict=True)
    ]


def covered(learned: Learned | None, looks: list[Lesson]) -> float:
    inside = 0
    for look in looks:
        low, high = look.low, look.high
        if learned:
            interval = learned.interval(look.count, look.low, look.high)
            low, high = interval.low, interval.high
        inside += low <= look.true <= high
    return inside / len(looks)


def test_without_lessons_nothing_is_learned() -> None:
    assert learn([]) is None


@given(st.lists(lesson, min_size=1, max_size=30), counts, st.floats(0, 20))
def test_an_interval_holds_its_count_and_no_negative_cars(some: list[Lesson], count: float, spread: float) -> None:
    learned = learn(some)
    assert learned is not None
    interval = learned.interval(count, max(0.0, count - spread), count + spread)
    assert 0 <= interval.low <= interval.count <= interval.high
    assert interval.verdicts == len(some)


@given(st.lists(lesson, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_lessons_changes_nothing(some: list[Lesson], chance: Random) -> None:
    shuffled = list(some)
    chance.shuffle(shuffled)
    assert learn(shuffled) == learn(some)


@given(st.lists(lesson, min_size=1, max_size=3), counts)
def test_few_verdicts_move_the_count_little(some: list[Lesson], count: float) -> None:
    """By no more than three looks' part of the largest error, as the prior alone has the weight of twenty."""
    learned = learn(some)
    assert learned is not None
    of_share = max(abs(one.true - one.count) / max(one.count, 1.0) for one in some)
    of_cars = max(abs(one.true - one.count) for one in some)
    moved = abs(learned.interval(count, count, count).count - count)
    assert moved <= 0.45 * max(of_cars, of_share * max(count, 1.0)) + 0.01


@pytest.mark.parametrize(("bias", "share"), [(0.0, 0.8), (0.0, 1.25), (3.0, 1.0), (-3.0, 1.0), (2.0, 0.7)])
def test_fifty_verdicts_bring_a_shifted_site_back(bias: float, share: float) -> None:
    before, after = [], []
    for seed in range(30):
        looks = shifted(110, bias=bias, share=share, seed=seed)
        before.append(covered(None, looks[50:]))
        after.append(covered(learn(looks[:50]), looks[50:]))
    assert np.mean(before) < 0.6
    assert 0.87 <= np.mean(after) <= 0.93


def test_a_site_that_was_right_stays_right_and_grows_no_wider() -> None:
    looks = shifted(110)
    learned = learn(looks[:50])
    assert learned is not None
    assert learned.share == pytest.approx(1, abs=0.05)
    assert learned.width == pytest.approx(1, abs=0.25)


def test_one_look_that_went_wrong_does_not_bend_the_others() -> None:
    looks = shifted(20)
    wrong = Lesson(count=60.0, low=58.0, high=62.0, true=5.0)
    calm, upset = learn(looks), learn([*looks, wrong])
    assert calm is not None
    assert upset is not None
    assert upset.share == pytest.approx(calm.share, abs=0.03)


def test_where_few_counts_like_it_were_judged_an_interval_grows_no_narrower() -> None:
    small = [Lesson(float(c), c - 2.0, c + 2.0, float(c)) for c in range(6, 14)] * 5
    learned = learn(small)
    assert learned is not None
    near, far = learned.interval(10, 8, 12), learned.interval(60, 50, 70)
    assert near.high - near.low < 3
    assert far.high - far.low > 18


def observation(counted_at_min: float, count: float = 10.0) -> Observation:
    return Observation(
        scene="scene-99",
        observed_at=on_day(99),
        count=count,
        low=count - 2,
        high=count + 2,
        coverage=1.0,
        counted_at=RECORDED + timedelta(minutes=counted_at_min),
    )


def said(look: int, total: int) -> VerdictEvent:
    return verdict(VerdictKind.TOTAL, look, total=total, found=found(10.0 + look))


def test_a_verdict_counts_for_what_is_counted_after_it_and_for_nothing_before() -> None:
    verdicts = [said(1, 14), said(2, 15)]
    assert recalibrated(observation(50), verdicts).recalibrated is None
    one, two = recalibrated(observation(150), verdicts), recalibrated(observation(250), verdicts)
    assert one.recalibrated is not None
    assert two.recalibrated is not None
    assert (one.recalibrated.verdicts, two.recalibrated.verdicts) == (1, 2)
    assert one.recalibrated.count > 10
    assert (two.count, two.low, two.high) == (10.0, 8.0, 12.0), "the count stays what the detector said"


def test_what_was_taken_back_later_still_counted_then() -> None:
    first = said(1, 14)
    verdicts = [first, taken_back(first, 30)]  # half a minute later
    assert [len(lessons(verdicts, RECORDED + timedelta(minutes=m))) for m in (101, 101.25, 103)] == [0, 1, 0]
    assert learned_at(verdicts) is None


def test_a_look_teaches_nothing_about_itself() -> None:
    own = verdict(VerdictKind.TOTAL, 99, total=14).model_copy(update={"recorded_at": RECORDED})
    assert recalibrated(observation(150), [own]).recalibrated is None


def test_a_look_that_shows_nothing_is_not_recalibrated() -> None:
    nothing = observation(500).model_copy(update={"count": None, "low": None, "high": None})
    assert recalibrated(nothing, [said(1, 14)]) == nothing
