"""When a baseline is due for renewal, and when a new one is better."""

import string
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.detector.composites.looks import MOST_LOOKS, is_due
from railwatch.services.detector.composites.measure import why_better
from railwatch.shared.counts import BaselineMeasure

shares = st.floats(0.05, 1)
measures = st.builds(BaselineMeasure, registered=shares, agreement=shares, coverage=shares)


def test_attempts_become_rarer_as_looks_come_in() -> None:
    names = string.ascii_letters
    considered: frozenset[str] = frozenset()
    at = []
    for number in range(1, 40):
        kept = frozenset(names[max(0, number - MOST_LOOKS) : number])
        if is_due(kept, considered):
            at.append(number)
            considered = kept

    assert at == [3, 4, 6, 9, 13, 19, 25, 31, 37]
    assert all(later - earlier <= MOST_LOOKS // 2 for earlier, later in pairwise(at))


@settings(deadline=None)
@given(kept=st.sets(st.integers(0, 20)))
def test_without_a_new_look_nothing_is_due(kept: set[int]) -> None:
    names = {str(number) for number in kept}

    assert not is_due(names, names | {"another"})


@settings(deadline=None)
@given(old=measures, new=measures)
def test_of_two_baselines_at_most_one_is_better(old: BaselineMeasure, new: BaselineMeasure) -> None:
    assert not (why_better(new, old, 0.0) and why_better(old, new, 0.0))


@settings(deadline=None)
@given(old=measures)
def test_an_equal_baseline_is_not_better(old: BaselineMeasure) -> None:
    assert why_better(old, old, 0.0) is None


def test_the_reason_is_the_figure_that_gained_most() -> None:
    old = BaselineMeasure(registered=1, agreement=0.5, coverage=0.6)

    assert why_better(old.model_copy(update={"coverage": 0.9}), old, 0.0) == "more-ground"
    assert why_better(old.model_copy(update={"agreement": 0.7}), old, 0.0) == "closer-match"
    assert why_better(old, old.model_copy(update={"registered": 0.3}), 0.0) == "closer-match"


def test_a_changed_piece_of_ground_is_reason_enough_unless_less_of_the_track_is_shown() -> None:
    old = BaselineMeasure(registered=1, agreement=0.5, coverage=0.9)

    assert why_better(old, old, changed=600.0) == "ground-changed"
    assert why_better(old.model_copy(update={"coverage": 0.7}), old, changed=600.0) is None
