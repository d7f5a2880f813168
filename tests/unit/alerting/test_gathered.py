"""Gathering counts for a rebuild: everything that history needs, and pictures of the newest scenes only."""

from collections.abc import Iterable
from datetime import datetime

from railwatch.services.alerting.gathered import PICTURED_SCENES, gather
from railwatch.shared.events import CountEvent
from tests.support.alerting import RECORDED, count_event, small_site

SITES = {"tumangang": small_site()}


def test_readings_of_all_scenes_are_kept_and_pictures_of_the_newest_whatever_their_order() -> None:
    days = [*range(130, 260), *range(130)]
    scenes = gather((count_event(day, 5) for day in days), SITES, RECORDED)["tumangang"]
    pictured = {name for name, scene in scenes.items() if scene.evidence}
    newest = {f"scene-{day}" for day in range(260 - PICTURED_SCENES, 260)}
    assert len(scenes) == len(days)
    assert all(scene.readings for scene in scenes.values())
    assert newest <= pictured
    assert len(pictured) <= 2 * PICTURED_SCENES


def test_counts_that_cannot_be_true_are_left_out() -> None:
    assert gather([count_event(1, 1e6), count_event(1, 3, site="nowhere")], SITES, RECORDED) == {}


def test_what_the_topic_does_not_hold_any_more_comes_before_the_first_count_of_a_known_site() -> None:
    asked: list[tuple[str, datetime]] = []

    def earlier(site: str, until: datetime) -> Iterable[CountEvent]:
        asked.append((site, until))
        return [count_event(day, 4) for day in (1, 2)]

    counts = [count_event(3, 5), count_event(3, 5, site="nowhere"), count_event(4, 5)]
    scenes = gather(counts, SITES, RECORDED, earlier)["tumangang"]

    assert list(scenes) == ["scene-1", "scene-2", "scene-3", "scene-4"]
    assert asked == [("tumangang", counts[0].recorded_at)]
