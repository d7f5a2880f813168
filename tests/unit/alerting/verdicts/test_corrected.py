"""What verdicts make of a look and of an alert."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.verdicts.corrected import by_look, corrected, judged, standing
from railwatch.services.alerting.verdicts.tallies import tallies
from railwatch.shared.events import Place, VerdictEvent, VerdictKind
from tests.support.verdicts import CARS, found, taken_back, verdict

NOT_A_CAR, MISSED, ONE, TWO = (
    VerdictKind.NOT_A_CAR,
    VerdictKind.MISSED_CAR,
    VerdictKind.ONE_CAR,
    VerdictKind.TWO_CARS,
)


def marks(draw: st.DrawFn, look: int) -> list[VerdictEvent]:
    kinds = draw(st.lists(st.sampled_from([NOT_A_CAR, MISSED, TWO]), max_size=5))
    marked = [verdict(kind, look, 1 + n, places=(CARS[n],)) for n, kind in enumerate(kinds)]
    last = draw(st.sampled_from([None, VerdictKind.RIGHT, VerdictKind.TOTAL]))
    if last is not None:
        total = draw(st.integers(0, 20)) if last is VerdictKind.TOTAL else None
        marked.append(verdict(last, look, 1 + len(marked), total=total))
    return marked


@st.composite
def looks(draw: st.DrawFn) -> list[list[VerdictEvent]]:
    return [marks(draw, look) for look in range(1, 1 + draw(st.integers(1, 5)))]


@given(looks(), st.data())
def test_taking_back_undoes_exactly_what_was_said(said: list[list[VerdictEvent]], data: st.DataObject) -> None:
    before = [one for look in said for one in look]
    more = verdict(data.draw(st.sampled_from([NOT_A_CAR, MISSED, TWO])), 1, 90, places=(CARS[30],))
    total = verdict(VerdictKind.TOTAL, 1, 91, total=77)
    after = [*before, more, total, taken_back(total, 92), taken_back(more, 93)]
    assert standing(after) == standing(before)
    assert tallies(after) == tallies(before)


@given(looks(), st.randoms(use_true_random=False))
def test_the_order_of_verdicts_on_different_looks_changes_nothing(
    said: list[list[VerdictEvent]], chance: Random
) -> None:
    in_order = [one for look in said for one in look]
    shuffled = list(in_order)
    chance.shuffle(shuffled)
    assert by_look(shuffled) == by_look(in_order)
    assert tallies(shuffled) == tallies(in_order)


def test_a_verdict_that_comes_twice_counts_once() -> None:
    one = verdict(NOT_A_CAR, places=(CARS[0],))
    assert standing([one, one]) == [one]


def test_right_means_right_with_the_marks() -> None:
    held = [
        verdict(NOT_A_CAR, sequence=1, places=(CARS[0],)),
        verdict(ONE, sequence=2, places=(CARS[1], CARS[2])),
        verdict(TWO, sequence=3, places=(CARS[3],)),
        verdict(MISSED, sequence=4, places=(CARS[20],)),
        verdict(MISSED, sequence=5, places=(CARS[21],)),
        verdict(VerdictKind.RIGHT, sequence=6),
    ]
    look = corrected(held)
    assert (look.drawn, look.false, look.missed, look.true) == (10, 2, 3, 11)
    assert look.explained


def test_without_a_last_word_the_true_count_is_not_known() -> None:
    look = corrected([verdict(NOT_A_CAR, places=(CARS[0],))])
    assert look.true is None
    assert not look.explained


def test_a_total_that_the_marks_do_not_explain_says_nothing_of_single_cars() -> None:
    total = verdict(VerdictKind.TOTAL, total=8)
    assert corrected([total]).true == 8
    assert not corrected([total]).explained
    assert tallies([total]) == ()
    explained = [total, *(verdict(NOT_A_CAR, sequence=n, places=(CARS[n],)) for n in (2, 3))]
    assert corrected(explained).explained


def test_the_last_of_several_totals_is_valid() -> None:
    held = [verdict(VerdictKind.TOTAL, sequence=1, total=8), verdict(VerdictKind.RIGHT, sequence=2)]
    assert corrected(held).true == 10
    assert corrected(held[::-1]).true == 10


def test_two_people_who_mark_one_car_mark_it_once() -> None:
    beside = Place(lon=CARS[0].lon + 0.00001, lat=CARS[0].lat)
    held = [verdict(MISSED, sequence=1, places=(CARS[0],)), verdict(MISSED, sequence=2, places=(beside,), by="Bob")]
    assert corrected(held).missed == 1
    swapped = [
        verdict(ONE, sequence=1, places=(CARS[0], CARS[1])),
        verdict(ONE, sequence=2, places=(CARS[1], CARS[0])),
        verdict(ONE, sequence=3, places=(CARS[1], CARS[2])),
    ]
    assert corrected(swapped).false == 2


def test_a_look_without_a_count_has_no_count_to_be_right() -> None:
    assert corrected([verdict(VerdictKind.RIGHT, found=found(None))]).true is None
    assert corrected([verdict(VerdictKind.TOTAL, total=4, found=found(None))]).true == 4


def test_the_last_word_on_an_alert_is_valid_until_it_is_taken_back() -> None:
    right = verdict(VerdictKind.RIGHT, sequence=1, alert="a" * 32)
    false = verdict(VerdictKind.FALSE, sequence=2, alert="a" * 32)
    asks = verdict(VerdictKind.SECOND_LOOK, sequence=3, alert="a" * 32)
    assert judged(standing([right, false, asks])) == false
    assert judged(standing([right, false, asks, taken_back(false, 4)])) == right
    assert judged(standing([asks])) is None
