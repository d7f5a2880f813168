"""Precision, recall and the precision of alerts, with what is not known of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.verdicts.tallies import Share, alert_tally, per_year, tallies
from railwatch.shared.events import VerdictEvent, VerdictKind
from tests.support.verdicts import CARS, found, taken_back, verdict


def judged(
    look: int, *, drawn: int = 10, false: int = 0, missed: int = 0, condition: str = "clear"
) -> list[VerdictEvent]:
    said = found(float(drawn), cars=drawn, conditions=(condition,))
    wrong = [verdict(VerdictKind.NOT_A_CAR, look, n + 1, places=(CARS[n],), found=said) for n in range(false)]
    more = [
        verdict(VerdictKind.MISSED_CAR, look, false + n + 1, places=(CARS[20 + n],), found=said) for n in range(missed)
    ]
    return [*wrong, *more, verdict(VerdictKind.RIGHT, look, false + missed + 1, found=said)]


def test_precision_and_recall_are_told_by_condition() -> None:
    verdicts = [
        *judged(1, false=2),
        *judged(2, missed=3),
        *judged(3, false=5, condition="snow"),
    ]
    everything, clear, snow = tallies(verdicts)
    assert (everything.condition, everything.looks, everything.found, everything.false, everything.missed) == (
        "all",
        3,
        23,
        7,
        3,
    )
    assert (clear.condition, clear.found, clear.false, clear.missed) == ("clear", 18, 2, 3)
    assert (snow.condition, snow.found, snow.false, snow.missed) == ("snow", 5, 5, 0)
    assert clear.precision is not None
    assert snow.precision is not None
    assert snow.precision.at == pytest.approx(0.5)
    assert snow.precision.high - snow.precision.low > clear.precision.high - clear.precision.low


def test_where_nothing_was_drawn_or_nothing_stood_there_is_no_share() -> None:
    empty, *_ = tallies(judged(1, drawn=0))
    assert (empty.precision, empty.recall) == (None, None)
    only_false, *_ = tallies(judged(1, drawn=2, false=2))
    assert only_false.recall is None
    assert only_false.precision is not None
    assert only_false.precision.at < 0.5


def test_cars_that_are_missed_together_leave_more_in_doubt_than_cars_missed_here_and_there() -> None:
    together = [one for look in range(1, 11) for one in judged(look, missed=10 if look == 1 else 0)]
    apart = [one for look in range(1, 11) for one in judged(look, missed=1)]
    (one, *_), (other, *_) = tallies(together), tallies(apart)
    assert one.recall is not None
    assert other.recall is not None
    assert one.missed == other.missed
    assert one.recall.high - one.recall.low > 1.5 * (other.recall.high - other.recall.low)


def test_more_looks_leave_less_in_doubt() -> None:
    widths = []
    for looks in (1, 4, 16):
        (tally, *_) = tallies([one for look in range(looks) for one in judged(look, false=1)])
        assert tally.precision is not None
        widths.append(tally.precision.high - tally.precision.low)
    assert widths == sorted(widths, reverse=True)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_in_its_interval(hits: int, misses: int) -> None:
    share = Share.of(hits, misses)
    assert 0 <= share.low <= share.at <= share.high <= 1


def test_the_precision_of_alerts_leaves_out_those_that_nobody_could_tell() -> None:
    kinds = [VerdictKind.RIGHT, VerdictKind.RIGHT, VerdictKind.FALSE, VerdictKind.UNCLEAR]
    verdicts = [verdict(kind, n, alert=f"{n:032x}") for n, kind in enumerate(kinds)]
    tally = alert_tally(verdicts)
    assert (tally.right, tally.false, tally.unclear) == (2, 1, 1)
    assert tally.precision == Share.of(2, 1)
    assert alert_tally([*verdicts, taken_back(verdicts[2], 2)]).false == 0
    assert alert_tally([]).precision is None
    assert (tally + tally).right == 4


def test_no_alert_in_two_years_is_not_a_rate_of_zero_for_sure() -> None:
    at, low, high = per_year(0, 2.0)
    assert (at, low) == (0.0, 0.0)
    assert 0.5 < high < 1.0
