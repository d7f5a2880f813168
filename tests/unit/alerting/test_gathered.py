"""Gathering counts for a rebuild: everything that history needs, and pictures of the newest scenes only."""

from railwatch.services.alerting.gathered import PICTURED_SCENES, gather
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
