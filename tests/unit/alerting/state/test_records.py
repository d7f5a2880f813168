"""What is kept of a site, as text."""

from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.rule.judgement import State
from railwatch.services.alerting.state.records import (
    SiteRecord,
    as_lines,
    read_record,
    record_text,
    site_status,
)
from tests.support.alerting import judged, on_day

LOOKS = tuple(judged(3 * number, 5 + number / 7) for number in range(8))


def test_a_record_is_read_as_it_was_written() -> None:
    odd = judged(30, 1 / 3).model_copy(update={"reason": "two\nlines, \u2028 and \u00e4", "scene": "a,b"})
    record = SiteRecord(history=History(judgements=(*LOOKS, odd), horizon=on_day(1)))
    assert read_record(record_text(record), as_lines(record.history.judgements)) == record
    assert read_record(None, None) == SiteRecord()


def test_lines_can_be_appended() -> None:
    assert as_lines(LOOKS[:3]) + as_lines(LOOKS[3:]) == as_lines(LOOKS)


def test_a_status_holds_the_newest_look_and_the_newest_clear_one() -> None:
    cloudy = judged(30, None, state=State.UNOBSERVED)
    status = site_status(SiteRecord(history=History(judgements=(*LOOKS, cloudy))), on_day(40))
    assert (status.state, status.last_look_at) == (State.UNOBSERVED, on_day(30))
    assert status.judged is not None
    assert status.judged.observed_at == on_day(21)
    assert status.clear_due_at == on_day(27)
    assert status.alert is None
