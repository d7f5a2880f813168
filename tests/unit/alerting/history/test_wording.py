from datetime import UTC, datetime, timedelta

import pytest

from railwatch.services.alerting.history.wording import sentence
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.events import ContextLag, Onset, Recalibrated, Transition

OPENED_AT = datetime(2023, 9, 22, 2, tzinfo=UTC)
MEETING = ContextLag(title="Kim-Putin meeting", at=datetime(2023, 9, 13, tzinfo=UTC), lag_days=5.1)


def september(day: int) -> datetime:
    return datetime(2023, 9, day, tzinfo=UTC)


LOOK = Judgement(
    scene="scene-1",
    observed_at=datetime(2023, 10, 5, 2, tzinfo=UTC),
    count=70.2,
    low=64,
    high=76,
    coverage=0.98,
    expected=10.0,
    threshold=24.7,
    p_value=1e-6,
    exceeds=True,
    state=State.ALERT,
    transition=Transition.UPDATED,
    reason="why",
    opened_at=OPENED_AT,
    onset=Onset(at=september(18), low=september(16), high=september(20)),
)


def judged(**changes: object) -> Judgement:
    return LOOK.model_copy(update=changes)


def in_words(
    judgement: Judgement,
    transition: Transition = Transition.UPDATED,
    context: tuple[ContextLag, ...] = (MEETING,),
) -> str:
    return sentence("Tumangang", transition, OPENED_AT, judgement, context, "It was wrong.")


def test_the_sentence_gives_the_interval_the_bound_and_when_the_rise_began() -> None:
    assert in_words(LOOK) == (
        "Tumangang: 70 railcars (64 to 76) on 5 October 2023, where at most 24 were expected. "
        "The rise began about 18 September (16 to 20), 5 days after the Kim-Putin meeting."
    )


def test_an_interval_over_the_end_of_a_month_names_both() -> None:
    onset = Onset(at=september(30), low=september(28), high=september(30) + timedelta(days=3))
    assert "about 30 September (28 September to 3 October)" in in_words(judged(onset=onset), context=())


def test_the_year_is_given_if_it_is_another() -> None:
    at = datetime(2022, 12, 30, tzinfo=UTC)
    assert "about 30 December 2022." in in_words(judged(onset=Onset(at=at, low=at, high=at)), context=())


@pytest.mark.parametrize(
    ("lag_days", "words"),
    [
        (0.3, "on the day of the Kim-Putin meeting"),
        (1.2, "1 day after the Kim-Putin meeting"),
        (-3.0, "3 days before the Kim-Putin meeting"),
    ],
)
def test_a_lag_is_given_in_days(lag_days: float, words: str) -> None:
    assert words in in_words(LOOK, context=(MEETING.model_copy(update={"lag_days": lag_days}),))


def test_the_sentence_says_what_was_not_seen_and_what_is_missing() -> None:
    text = in_words(judged(coverage=0.62, missing_tiles=("r0c0", "r0c1")))
    assert text.endswith("Only 62% of the track could be seen. Not counted in time: tiles r0c0, r0c1.")


def test_the_sentence_for_a_slow_rise_names_no_bound() -> None:
    text = in_words(judged(count=20, low=17, high=23, exceeds=False, cusum_exceeds=True))
    assert "20 railcars (17 to 23) on 5 October 2023, where about 10 were expected" in text
    assert "at most" not in text


def test_the_end_and_the_withdrawal_of_an_alert_have_sentences() -> None:
    ended = judged(count=12, low=10, high=14, exceeds=False, onset=None)
    assert in_words(ended, Transition.RESOLVED) == (
        "Tumangang: the alert of 22 September 2023 has ended. "
        "12 railcars (10 to 14) on 5 October 2023, where up to 24 are expected."
    )
    withdrawn = "Tumangang: the alert of 22 September 2023 is withdrawn. It was wrong."
    assert in_words(ended, Transition.RETRACTED) == withdrawn


def test_the_sentence_says_which_count_is_the_detectors_and_which_follows_from_verdicts() -> None:
    recalibrated = Recalibrated(count=61.7, low=55.2, high=68.9, verdicts=12)
    text = in_words(judged(recalibrated=recalibrated), context=())
    assert "Tumangang: 70 railcars (64 to 76) on 5 October 2023, where at most 24 were expected." in text
    assert "That is the detector's count; by what people said of 12 earlier looks here, it is 62 (55 to 69)." in text
    assert "1 earlier look here" in in_words(judged(recalibrated=recalibrated.model_copy(update={"verdicts": 1})))
