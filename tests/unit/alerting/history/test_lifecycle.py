"""The life of alerts: what is announced when a judged history changes."""

from railwatch.services.alerting.history.lifecycle import (
    AlertRecord,
    DueTransition,
    records_after,
    severity,
    transitions_due,
)
from railwatch.services.alerting.rule.judgement import Judgement, State
from railwatch.shared.events import Severity, Transition
from railwatch.shared.sites import NewNormal, Site
from tests.support.alerting import judged, on_day, small_site

OPENED, UPDATED, RESOLVED, RETRACTED, ACKNOWLEDGED, SILENCED = Transition

QUIET = (judged(1, 5), judged(2, 6), judged(3, 5))
OPENING = judged(10, 30, state=State.ALERT, transition=OPENED, opened_day=10, onset_day=8)
HIGHER = judged(12, 70, state=State.ALERT, transition=UPDATED, opened_day=10, onset_day=8)
ENDING = judged(20, 6, transition=RESOLVED, opened_day=10)

Records = tuple[AlertRecord, ...]
SITE = small_site()


def announce(records: Records, *looks: Judgement, site: Site = SITE) -> tuple[Records, list[DueTransition]]:
    due = transitions_due(site, records, looks)
    return records_after(records, due, looks), due


def transitions(announced: list[DueTransition]) -> list[Transition]:
    return [one.record.transition for one in announced]


def test_an_alert_is_opened_updated_and_resolved_under_one_identity() -> None:
    records, opened = announce((), *QUIET, OPENING)
    records, updated = announce(records, *QUIET, OPENING, HIGHER)
    records, resolved = announce(records, *QUIET, OPENING, HIGHER, ENDING)
    due = [*opened, *updated, *resolved]
    assert transitions(due) == [OPENED, UPDATED, RESOLVED]
    assert len({one.record.alert for one in due}) == 1
    assert [one.record.sequence for one in due] == [1, 2, 3]
    assert [one.reason for one in due] == ["because of 30", "because of 70", "because of 6"]
    assert {one.record.opened_at for one in due} == {on_day(10)}


def test_what_was_announced_is_not_announced_again() -> None:
    for looks in ([*QUIET, OPENING], [*QUIET, OPENING, HIGHER], [*QUIET, OPENING, HIGHER, ENDING]):
        records: Records = ()
        for end in range(1, len(looks) + 1):
            records, _ = announce(records, *looks[:end])
        assert announce(records, *looks) == (records, [])


def test_a_look_at_which_nothing_happened_to_the_alert_is_not_announced() -> None:
    cloudy = judged(13, None, state=State.UNOBSERVED, opened_day=10)
    records, _ = announce((), *QUIET, OPENING)
    assert announce(records, *QUIET, OPENING, cloudy)[1] == []


def test_a_surge_in_the_past_that_was_never_announced_is_not_announced_now() -> None:
    assert announce((), *QUIET, OPENING, HIGHER, ENDING, judged(21, 5))[1] == []


def test_an_archival_look_does_not_open_an_alert_by_itself() -> None:
    falling = judged(12, 9, state=State.ALERT, opened_day=10)
    assert announce((), *QUIET, OPENING, falling)[1] == []


def test_a_new_look_opens_the_alert_that_an_archival_one_only_prepared() -> None:
    _, due = announce((), *QUIET, OPENING, HIGHER)
    assert transitions(due) == [OPENED]
    assert due[0].record.opened_at == on_day(12)


def test_a_look_from_an_archive_opens_no_alert_even_if_none_is_newer() -> None:
    from_archive = HIGHER.model_copy(update={"from_archive": True})
    assert announce((), *QUIET, OPENING, from_archive)[1] == []


def test_a_corrected_count_that_is_no_longer_too_high_retracts_the_alert() -> None:
    records, _ = announce((), *QUIET, OPENING)
    records, due = announce(records, *QUIET, judged(10, 7))
    assert transitions(due) == [RETRACTED]
    assert due[0].reason == "The count of 11 March 2023 was corrected from 30 to 7."
    assert due[0].record.sequence == 2
    assert announce(records, *QUIET, judged(10, 7))[1] == []


def test_a_withdrawn_count_retracts_the_alert() -> None:
    records, _ = announce((), *QUIET, OPENING)
    _, due = announce(records, *QUIET, judged(10, None, state=State.UNOBSERVED))
    assert transitions(due) == [RETRACTED]
    assert due[0].reason == "The count of 11 March 2023 was withdrawn."


def test_an_alert_that_ended_is_retracted_too_when_it_should_never_have_been() -> None:
    records: Records = ()
    for end in (4, 5, 6):
        records, _ = announce(records, *[*QUIET, OPENING, HIGHER, ENDING][:end])
    _, due = announce(records, *QUIET, judged(10, 7), judged(12, 8), judged(20, 6))
    assert transitions(due) == [RETRACTED]


def test_a_count_corrected_within_the_alert_updates_it() -> None:
    records, _ = announce((), *QUIET, OPENING)
    corrected = judged(10, 40, state=State.ALERT, transition=OPENED, opened_day=10, onset_day=8)
    _, due = announce(records, *QUIET, corrected)
    assert transitions(due) == [UPDATED]
    assert due[0].reason == "The count of 11 March 2023 was corrected from 30 to 40."


def test_an_earlier_look_that_turns_out_to_begin_the_surge_does_not_change_the_identity() -> None:
    records, opened = announce((), *QUIET, OPENING)
    late = judged(9, 28, state=State.ALERT, transition=OPENED, opened_day=9, onset_day=8)
    after = judged(10, 30, state=State.ALERT, transition=UPDATED, opened_day=9, onset_day=8)
    records, due = announce(records, *QUIET, late, after)
    assert due == []
    records, due = announce(
        records, *QUIET, late, after, judged(12, 70, state=State.ALERT, transition=UPDATED, opened_day=9, onset_day=8)
    )
    assert [(one.record.alert, one.record.transition) for one in due] == [(opened[0].record.alert, UPDATED)]
    assert due[0].record.opened_at == on_day(10)


def test_a_changed_onset_is_announced() -> None:
    records, _ = announce((), *QUIET, OPENING)
    _, due = announce(records, *QUIET, judged(10, 30, state=State.ALERT, transition=OPENED, opened_day=10, onset_day=5))
    assert transitions(due) == [UPDATED]


def test_an_alert_whose_end_was_corrected_stands_again_under_its_identity() -> None:
    records: Records = ()
    for end in (4, 6):
        records, _ = announce(records, *[*QUIET, OPENING, HIGHER, ENDING][:end])
    corrected = judged(20, 66, state=State.ALERT, transition=UPDATED, opened_day=10, onset_day=8)
    _, due = announce(records, *QUIET, OPENING, HIGHER, corrected)
    assert transitions(due) == [UPDATED]
    assert due[0].record.sequence == 3


def test_an_alert_ends_when_an_operator_lets_the_history_begin_anew() -> None:
    records, _ = announce((), *QUIET, OPENING)
    start = NewNormal(at=on_day(11), by="Ada", reason="a second yard was opened")
    site = SITE.model_copy(update={"new_normal": (start,)})
    learning = judged(12, 70, state=State.LEARNING, threshold=None)
    _, due = announce(records, *QUIET, OPENING, learning, site=site)
    assert transitions(due) == [RESOLVED]
    assert due[0].reason == "Ada let the site's history begin anew on 12 March 2023: a second yard was opened."


def test_two_surges_are_two_alerts() -> None:
    second = judged(40, 50, state=State.ALERT, transition=OPENED, opened_day=40)
    looks = [*QUIET, OPENING, ENDING, second]
    records: Records = ()
    found = []
    for end in range(1, len(looks) + 1):
        records, due = announce(records, *looks[:end])
        found += due
    assert transitions(found) == [OPENED, RESOLVED, OPENED]
    assert found[0].record.alert == found[1].record.alert != found[2].record.alert


def test_alerts_older_than_the_history_are_left_as_they_are() -> None:
    records, _ = announce((), *QUIET, OPENING)
    records, _ = announce(records, *QUIET, OPENING, ENDING)
    assert announce(records, judged(100, 5), judged(101, 6)) == ((), [])


def test_severity_is_how_far_even_the_low_end_stands_above_the_threshold_and_never_falls() -> None:
    assert severity(OPENING) is Severity.WARNING
    assert severity(HIGHER) is Severity.CRITICAL
    records, _ = announce((), *QUIET, OPENING)
    records, due = announce(records, *QUIET, OPENING, HIGHER)
    assert due[0].record.severity is Severity.CRITICAL
    _, due = announce(records, *QUIET, OPENING, HIGHER, ENDING)
    assert due[0].record.severity is Severity.CRITICAL
