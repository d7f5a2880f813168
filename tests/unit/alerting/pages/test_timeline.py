"""The picture of a site's looks."""

from datetime import timedelta

from railwatch.services.alerting.pages.timeline import HEIGHT, WIDTH, timeline
from railwatch.shared.events import Onset
from tests.support.alerting import judged, on_day

LOOKS = [judged(3 * number, 5 + number % 3) for number in range(20)]
SURGE = judged(66, 70)


def test_every_look_is_on_the_picture_and_the_one_above_its_threshold_is_marked() -> None:
    picture = timeline([*LOOKS, judged(63, None), SURGE], None, (), SURGE.observed_at)
    circles = picture.findall(".//circle")
    assert len(circles) == len(LOOKS) + 1
    assert all(0 < float(c.get("cx", "")) < WIDTH and 0 < float(c.get("cy", "")) < HEIGHT for c in circles)
    assert len(picture.findall(".//g[@class='look above']")) == 1
    assert len(picture.findall(".//line[@class='unseen']")) == 1


def test_the_threshold_is_a_line_that_is_broken_where_there_is_none() -> None:
    learning = judged(30.5, 6, threshold=None)
    picture = timeline(sorted([*LOOKS, learning], key=lambda look: look.observed_at), None, (), on_day(0))
    assert len(picture.findall(".//path[@class='bound']")) == 2


def test_the_onset_and_the_context_events_of_the_time_are_shown() -> None:
    onset = Onset(at=on_day(60), low=on_day(58), high=on_day(62))
    events = [("meeting", on_day(50)), ("long ago", on_day(0) - timedelta(days=900))]
    picture = timeline([*LOOKS, SURGE], onset, events, SURGE.observed_at)
    labels = [text.text for text in picture.findall(".//text")]
    assert "rise began" in labels
    assert "meeting" in labels
    assert "long ago" not in labels


def test_an_empty_yard_has_a_picture() -> None:
    assert timeline([judged(1, 0, threshold=None)], None, (), on_day(1)).tag == "svg"
