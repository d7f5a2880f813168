"""A site's looks, from the archive and what Redis keeps."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.history.history import History
from railwatch.services.alerting.products.kept import Kept
from railwatch.services.alerting.products.looks import Looks, SiteLook
from railwatch.services.alerting.rule.judgement import Judgement
from railwatch.shared.events import CountEvent
from tests.support.alerting import count_event, empty_archive, frame_event, judged, on_day, small_site

SPAN = timedelta(minutes=10)
SITE = small_site()
MINUTE = 1 / 1440


def kept(
    judgements: Sequence[Judgement] = (), *, waiting: Iterable[str] = (), horizon_day: float | None = None
) -> Kept:
    horizon = None if horizon_day is None else on_day(horizon_day)
    return Kept(History(judgements=tuple(judgements), horizon=horizon), (), frozenset(waiting))


def looks(counts: Iterable[CountEvent], known: Kept | None = None) -> Looks:
    archive = empty_archive()
    for count in counts:
        archive.put(count)
    return Looks(archive, SITE, known or kept(), SPAN)


def names(found: Iterable[SiteLook]) -> list[tuple[str, ...]]:
    return [look.seen.scenes for look in found]


def test_frames_of_a_pass_are_one_look_which_is_found_by_each_of_them() -> None:
    frames = [frame_event(3, (0, 1200), [100.0, 900.0]), frame_event(3, (800, 2000), [900.0, 1500.0], minute=2)]
    found = looks([*frames, count_event(9, 4)])
    first, second = found.between()
    assert (first.seen.scenes, first.seen.count) == (("frame-3-0", "frame-3-800"), 3)
    assert [car.car.along_m for car in first.cars] == [100.0, 900.0, 1500.0]
    assert second.seen.count == 4
    for frame in frames:
        look = found.of_scene(frame.scene)
        assert look is not None
        assert look.seen == first.seen
    assert found.of_scene("nothing") is None


def test_a_look_has_the_numbers_with_which_it_was_judged() -> None:
    (look,) = looks([count_event(3, 4)], kept([judged(3, 5)])).between()
    assert (look.seen.count, look.judgement, look.no_state) == (5, judged(3, 5), None)


def test_it_is_said_why_a_look_has_no_state() -> None:
    other = judged(7, 5).model_copy(update={"scene": "better"})
    history = History(judgements=(other,), shadowed=(judged(7, 4),), horizon=on_day(5))
    found = looks([count_event(day, 4) for day in (3, 7, 9)], Kept(history, (), frozenset())).between()
    reasons = {look.seen.scene: look.no_state for look in found}
    assert reasons == {"scene-3": "forgotten", "better": None, "scene-7": "other-shown", "scene-9": "not-judged"}


def test_a_scene_that_waits_for_more_of_its_pass_is_no_look_yet() -> None:
    found = looks([count_event(3, 4), count_event(5, 6)], kept(waiting=["scene-5"]))
    assert names(found.between()) == [("scene-3",)]
    assert found.of_scene("scene-5") is None


def test_a_look_that_only_redis_knows_is_there_without_its_counts() -> None:
    found = looks([count_event(5, 4)], kept([judged(3, 5), judged(5, 4), judged(8, 2)]))
    assert names(found.between()) == [("scene-3",), ("scene-5",), ("scene-8",)]
    alone = found.of_scene("scene-8")
    assert alone is not None
    assert (alone.seen.count, alone.events, list(alone.cars)) == (2, [], [])


minutes = st.integers(0, 120)


@given(
    st.lists(st.tuples(minutes, st.sampled_from(["one", "two"])), max_size=14, unique=True),
    st.sets(st.integers(0, 13), max_size=5),
    minutes,
    minutes,
)
def test_a_part_of_the_looks_is_the_same_looks_wherever_it_is_cut(
    taken: list[tuple[int, str]], judged_ones: set[int], first: int, last: int
) -> None:
    counts = [
        count_event(minute * MINUTE, 3, scene=f"{sensor}-{minute:03d}", sensor=sensor) for minute, sensor in taken
    ]
    whole = list(looks(counts).between())
    known = [
        judged(0, 3).model_copy(
            update={name: getattr(look.seen, name) for name in ("observed_at", "scene", "frames", "left_out")}
        )
        for number, look in enumerate(whole)
        if number in judged_ones
    ]
    found = looks(counts, kept(known))
    everything = names(found.between())
    assert sorted(scene for scenes in everything for scene in scenes) == sorted(count.scene for count in counts)
    since, before = on_day(first * MINUTE), on_day(last * MINUTE)
    expected = [look.seen.scenes for look in found.between() if since <= look.seen.observed_at < before]
    assert names(found.between(since, before)) == expected
