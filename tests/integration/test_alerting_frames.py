"""Frames of one pass become one look, with the state in Redis."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest
import redis

from railwatch.services.alerting.handler import CountHandler
from railwatch.services.alerting.rule.judgement import Judgement, Rule, State
from railwatch.services.alerting.state.store import Store
from railwatch.shared.events import AlertEvent, CountEvent, Transition
from railwatch.shared.settings import RedisSettings
from railwatch.shared.state import connect
from tests.support.alerting import RECORDED, count_event, empty_archive, frame_event, on_day, small_site
from tests.support.clock import Clock

QUIET = [count_event(3 * look, 6 + (look * 7) % 5) for look in range(20)]
# A cut of 70 cars, most of it in the middle frame.
CUT = [550 + 14.0 * car for car in range(70)]
PARTS = [(0, 700), (650, 1400), (1350, 2000)]
FRAMES = [frame_event(61, part, CUT, minute=minute) for minute, part in enumerate(PARTS)]


@pytest.fixture
def redis_client(redis_settings: RedisSettings) -> redis.Redis:
    return connect(redis_settings)


@pytest.fixture
def clock() -> Clock:
    return Clock(RECORDED)


@pytest.fixture
def store(redis_client: redis.Redis) -> Store:
    return Store(redis_client)


@pytest.fixture
def handler(store: Store, clock: Clock) -> CountHandler:
    wait, span = timedelta(minutes=15), timedelta(minutes=10)
    sites = {"tumangang": small_site()}
    return CountHandler(store, sites, Rule(), wait, span, "https://railwatch.example/", clock, empty_archive())


def handle(handler: CountHandler, *events: CountEvent) -> list[AlertEvent]:
    return [alert for event in events for alert in handler.handle(event)]


def looks(store: Store) -> Sequence[Judgement]:
    return store.record("tumangang").history.judgements


def test_a_pass_waits_for_its_frames_and_counts_each_car_once(handler: CountHandler, store: Store) -> None:
    cut = [700 + 14.0 * car for car in range(45)]
    first, middle, last = frames = [frame_event(61, part, cut, minute=minute) for minute, part in enumerate(PARTS)]
    handle(handler, *QUIET)
    assert handle(handler, first, last) == []
    assert len(looks(store)) == 20
    (opened,) = handle(handler, middle)
    look = looks(store)[-1]
    assert (look.count, len(looks(store))) == (45, 21)
    assert look.coverage == pytest.approx(1.0)
    assert look.frames == tuple(frame.scene for frame in frames)
    assert (opened.transition, opened.look.count) == (Transition.OPENED, 45)
    assert [item.scene for item in opened.evidence] == list(look.frames)
    handler.settle_due()
    assert store.outbox("tumangang") == [opened]


def test_frames_that_show_too_many_cars_already_wait_for_no_others(handler: CountHandler, store: Store) -> None:
    handle(handler, *QUIET)
    assert handle(handler, FRAMES[0]) == [], "a third of the site says too little"
    (opened,) = handle(handler, FRAMES[1])
    assert (opened.transition, opened.look.count) == (Transition.OPENED, 61)
    (updated,) = handle(handler, FRAMES[2])
    assert (updated.alert, updated.look.count, len(looks(store))) == (opened.alert, 70, 21)


def test_a_part_of_a_site_with_its_usual_cars_opens_no_alert(handler: CountHandler, store: Store, clock: Clock) -> None:
    """All cars stand in the middle, as always. The middle third has three times its even share of them."""
    usual = [1000 + 14.0 * car for car in range(9)]
    handle(handler, *QUIET, frame_event(61, (500, 1600), usual))
    clock.turn(minutes=15)
    handler.settle_due()
    assert store.outbox("tumangang") == []
    assert (looks(store)[-1].state, looks(store)[-1].count) == (State.NORMAL, 9)


def test_a_site_whose_scenes_always_end_inside_it_is_not_waited_for(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    always = [frame_event(day, (0, 1200), [300.0, 400.0]) for day in range(9)]
    handle(handler, *always[:8])
    assert looks(store) == (), "other frames may come"
    clock.turn(minutes=15)
    handler.settle_due()
    handle(handler, always[8])
    assert [look.coverage for look in looks(store)] == pytest.approx([0.6] * 9)
    handle(handler, frame_event(9, (0, 700), [300.0]))
    assert len(looks(store)) == 9, "this one shows less than usual"


def test_frames_in_any_order_and_again_give_one_history(
    handler: CountHandler, store: Store, redis_client: redis.Redis
) -> None:
    found = []
    for order in permutations(FRAMES):
        redis_client.flushall()
        handle(handler, *QUIET, *order)
        assert handle(handler, *QUIET, *order) == []
        found.append(store.record("tumangang").history)
    assert all(one == found[0] for one in found)


def test_a_pass_of_which_a_frame_is_missing_is_judged_in_time_and_corrected_when_it_comes(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    few = [100.0, 200.0, 1000.0, 1500.0]
    frames = [frame_event(61, part, few, minute=minute) for minute, part in enumerate(PARTS)]
    handle(handler, *QUIET, frames[1], frames[2])
    assert len(looks(store)) == 20
    clock.turn(minutes=15)
    handler.settle_due()
    assert [look.count for look in looks(store)[20:]] == [2]
    assert handle(handler, frames[0]) == []
    assert [look.count for look in looks(store)[20:]] == [4]


def test_an_alert_from_a_part_of_a_pass_is_corrected_when_the_rest_comes(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    (opened,) = handle(handler, *QUIET, FRAMES[1], FRAMES[2])
    assert opened.look.coverage == pytest.approx(0.675)
    assert "Only 68% of the track could be seen." in opened.sentence
    clock.turn(hours=9)
    (updated,) = handle(handler, FRAMES[0])
    assert (updated.alert, updated.sequence, updated.transition) == (opened.alert, 2, Transition.UPDATED)
    assert updated.look.count == 70
    assert updated.look.coverage == pytest.approx(1.0)
    assert updated.reason.startswith("The count of 1 May 2023 was corrected")
    look = looks(store)[-1]
    assert (look.observed_at, look.archival, len(looks(store))) == (on_day(61), False, 21)


def test_a_late_frame_takes_back_an_alert_that_only_doubled_cars_had_raised(
    handler: CountHandler, store: Store
) -> None:
    first = frame_event(61, (0, 1000), CUT, scene="S1", recorded_at=RECORDED)
    again = frame_event(61, (0, 1000), CUT[:3], scene="S2", minute=1, recorded_at=RECORDED + timedelta(hours=1))
    (opened,) = handle(handler, *QUIET, first)
    (retracted,) = handle(handler, again)
    assert (retracted.about, retracted.transition) == (opened.about, Transition.RETRACTED)
    assert (looks(store)[-1].scene, looks(store)[-1].left_out) == ("S2", ("S1",))


def test_frames_of_two_sensors_or_of_two_orbits_are_looks_of_their_own(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    other = frame_event(61, PARTS[1], CUT, minute=60, sensor="worldview-3", scene="other")
    next_orbit = frame_event(61, PARTS[2], CUT, minute=95, scene="next")
    handle(handler, FRAMES[0], other, next_orbit)
    clock.turn(minutes=15)
    handler.settle_due()
    assert [look.scene for look in looks(store)] == ["frame-61-0", "other", "next"]


def test_a_scene_whose_time_was_corrected_leaves_its_pass(handler: CountHandler, store: Store) -> None:
    handle(handler, *FRAMES)
    moved = FRAMES[1].model_copy(
        update={"observed_at": on_day(60), "recorded_at": RECORDED + timedelta(hours=1), "scene": FRAMES[1].scene}
    )
    handle(handler, moved)
    alone, pair = looks(store)
    assert (alone.observed_at, alone.frames) == (on_day(60), ())
    assert pair.frames == (FRAMES[0].scene, FRAMES[2].scene)
    assert pair.count == len([at for at in CUT if at < 700 or at >= 1350])


def test_a_part_of_a_pass_ends_no_alert_and_the_whole_pass_does(
    handler: CountHandler, store: Store, clock: Clock
) -> None:
    handle(handler, *QUIET, *FRAMES)
    few = [100.0, 1800.0, 1900.0]
    west, east = (frame_event(64, part, few, minute=part[0] / 1000) for part in ((0, 1300), (1300, 2000)))
    assert handle(handler, west) == []
    clock.turn(minutes=15)
    handler.settle_due()
    opened, *_, updated = (event for event in store.outbox("tumangang") if isinstance(event, AlertEvent))
    assert (opened.transition, updated.transition) == (Transition.OPENED, Transition.UPDATED)
    assert "do not show that the surge has ended" in updated.reason
    assert looks(store)[-1].state is State.ALERT
    (resolved,) = handle(handler, east)
    assert (resolved.transition, resolved.look.count) == (Transition.RESOLVED, 3)


def test_what_was_remarked_on_a_frame_stands_in_the_look_and_in_the_alert(handler: CountHandler, store: Store) -> None:
    remark = "The mask `udm2.tif` is not used. It cannot be read."
    told = [frame.model_copy(update={"remarks": (remark,)}) for frame in FRAMES[:2]]
    opened, updated = handle(handler, *QUIET, *told, FRAMES[2])
    assert looks(store)[-1].remarks == (remark,)
    assert (opened.look.remarks, updated.look.remarks) == ((remark,), (remark,))


def test_a_scene_that_shows_the_whole_site_waits_for_nothing(handler: CountHandler, store: Store) -> None:
    handle(handler, count_event(1, 9, sensor="skysat-c3"))
    assert len(looks(store)) == 1
    handle(handler, count_event(2, 9, coverage=0.7, reasons=("partly-hidden",)))
    assert len(looks(store)) == 2, "another frame shows nothing through a cloud"
