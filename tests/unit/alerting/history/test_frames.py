"""Which scenes are frames of one look, and what they show together."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate, pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railwatch.services.alerting.history.frames import Frame, awaited, look_of, passes
from railwatch.services.alerting.history.observations import reading
from railwatch.services.alerting.rule.judgement import Observation
from railwatch.shared.events import CountEvent
from tests.support.alerting import RECORDED, count_event, frame_event, on_day

SPAN = timedelta(minutes=10)
TRACKS_M = {"r0c0": 4000.0}
TWO_TILES = {"r0c0": 2000.0, "r0c1": 2000.0}
CARS_M = (12.0, 27.0)
CUT = [900 + 14.0 * car for car in range(40)]


def frames_of(*events: CountEvent) -> list[Frame]:
    by_scene: dict[str, Any] = {}
    for event in events:
        by_scene.setdefault(event.scene, {})[event.tile] = reading(event)
    return [Frame(scene, readings) for scene, readings in by_scene.items()]


def look(*events: CountEvent, tracks_m: dict[str, float] = TRACKS_M) -> Observation:
    (frames,) = passes(frames_of(*events), SPAN)
    return look_of(frames, tracks_m, CARS_M)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["a", "b", None])), min_size=1, max_size=12), st.randoms()
)
def test_passes_do_not_depend_on_the_order_and_last_no_longer_than_the_span(
    scenes: list[tuple[int, str | None]], random: Any
) -> None:
    events = [
        count_event(minute / 1440, 3, scene=f"s{number}", sensor=sensor)
        for number, (minute, sensor) in enumerate(scenes)
    ]
    frames = frames_of(*events)
    found = passes(frames, SPAN)
    shuffled = random.sample(frames, len(frames))
    assert passes(shuffled, SPAN) == found
    assert sorted(frame.scene for one in found for frame in one) == sorted(frame.scene for frame in frames)
    for one in found:
        assert len({frame.sensor for frame in one}) == 1
        assert one[-1].observed_at - one[0].observed_at <= SPAN
    for one, after in pairwise(found):
        assert one[0].sensor != after[0].sensor or after[0].observed_at - one[0].observed_at > SPAN


def test_two_sensors_and_two_passes_are_looks_of_their_own() -> None:
    first = frame_event(1, (0, 1000))
    other_sensor = frame_event(1, (1000, 2000), minute=2, sensor="worldview-3")
    next_orbit = frame_event(1, (1000, 2000), minute=60, scene="later")
    assert len(passes(frames_of(first, other_sensor, next_orbit), SPAN)) == 3
    assert len(passes(frames_of(first, other_sensor, next_orbit), timedelta(hours=1))) == 2


def test_frames_side_by_side_add_up_to_one_look() -> None:
    west, east = (frame_event(1, part, CUT, minute=minute) for part, minute in (((0, 1200), 1), ((1200, 2000), 3)))
    seen = look(east, west)
    assert seen.count == 40
    assert seen.coverage == pytest.approx(1.0)
    assert seen.frames == ("frame-1-0", "frame-1-1200")
    assert seen.scene == "frame-1-0"
    assert (seen.observed_at, seen.last_frame_at) == (west.observed_at, east.observed_at)
    assert seen.low == pytest.approx(40 - 2 * 2**0.5)
    assert seen.high == pytest.approx(40 + 2 * 2**0.5)


@settings(max_examples=150, deadline=None)
@given(
    borders=st.lists(st.integers(100, 1900), min_size=1, max_size=3, unique=True),
    overlap=st.integers(25, 60),
    off_m=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    gaps=st.lists(st.floats(14, 80), max_size=100),
    random=st.randoms(),
)
def test_each_car_counts_once_although_frames_overlap_and_disagree_by_metres(
    borders: list[int], overlap: int, off_m: list[float], gaps: list[float], random: Any
) -> None:
    cars = [at for at in accumulate(gaps, initial=5.0) if at < 1995]
    edges = [0, *sorted(borders), 2000]
    parts = [(max(a - overlap, 0), min(b + overlap, 2000)) for a, b in pairwise(edges)]
    events = [
        frame_event(1, part, cars, minute=number, off_m=off, scene=f"f{number}")
        for number, (part, off) in enumerate(zip(parts, off_m, strict=False))
    ]
    seen = look(*random.sample(events, len(events)))
    assert seen.count == pytest.approx(len(cars))
    assert seen.coverage == pytest.approx(1.0, abs=0.002)
    assert seen.missing_tiles == ()


def test_a_car_on_the_seam_of_two_frames_counts_once() -> None:
    west = frame_event(1, (0, 1000), [999.0], off_m=1.0, scene="west")
    east = frame_event(1, (1000, 2000), [1001.0], off_m=-1.0, scene="east")
    assert look(west, east).count == 1


def test_coverage_is_the_share_that_any_frame_saw() -> None:
    seen = look(frame_event(1, (0, 600), CUT), frame_event(1, (400, 1000), CUT, minute=1))
    assert seen.coverage == pytest.approx(0.5)
    assert seen.count == len([at for at in CUT if at < 1000])


def test_of_the_same_pixels_under_two_ids_the_last_processing_is_valid_and_the_other_is_named() -> None:
    old = frame_event(1, (0, 1000), CUT[:6], scene="S1")
    new = frame_event(1, (0, 1000), CUT[:7], scene="S2", minute=1, recorded_at=RECORDED + timedelta(hours=1))
    for events in permutations([old, new]):
        seen = look(*events)
        assert (seen.scene, seen.frames, seen.left_out, seen.count) == ("S2", ("S2",), ("S1",), 7)
        assert seen.observed_at == old.observed_at
    whole = count_event(1, 40, scene="S3", sensor="skysat-c3")
    assert look(old, new, whole).left_out == ("S1", "S2")


def test_a_frame_on_which_nothing_could_be_seen_adds_nothing_and_is_named() -> None:
    clouded = frame_event(1, (800, 2000), coverage=0.1, tracks=(), minute=2).model_copy(
        update={"result": count_event(1, None, coverage=0.1).result}
    )
    seen = look(frame_event(1, (0, 1000), CUT), clouded)
    assert (seen.left_out, seen.coverage) == (("frame-1-800",), 0.5)
    assert seen.count == len([at for at in CUT if at < 1000])
    nothing = look(clouded, clouded.model_copy(update={"scene": "again"}))
    assert (nothing.count, nothing.coverage) == (None, 0.0)


def test_frames_that_cut_through_cells_are_joined_cell_by_cell() -> None:
    tiles = tuple(TWO_TILES)

    def of(scene: str, tile: str, part: tuple[float, float], minute: float) -> CountEvent:
        return frame_event(
            1, part, CUT, minute=minute, scene=scene, tile=tile, tiles=tiles, coverage=(part[1] - part[0]) / 1000
        )

    events = [of("a", "r0c0", (0, 1000), 0), of("a", "r0c1", (1000, 1300), 0), of("b", "r0c0", (950, 1000), 1)]
    seen = look(*events, tracks_m=TWO_TILES)
    assert seen.missing_tiles == ("r0c1",), "it is not counted yet in the other frame"
    seen = look(*events, of("b", "r0c1", (1250, 2000), 1), tracks_m=TWO_TILES)
    assert (seen.count, seen.missing_tiles) == (40, ())
    assert seen.coverage == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("events", "tracks_m", "more"),
    [
        ([count_event(1, 5)], TRACKS_M, False),
        ([count_event(1, 5, coverage=0.6, reasons=("partly-hidden",))], TRACKS_M, False),
        ([frame_event(1, (0, 1000))], TRACKS_M, True),
        ([frame_event(1, (0, 1000)), frame_event(1, (1000, 2000))], TRACKS_M, False),
        ([count_event(1, 5, tiles=("r0c0", "r0c1"))], TWO_TILES, True),
        ([count_event(1, 5)], TWO_TILES, True),
        ([count_event(1, 5)], {"r0c0": 4000.0, "r0c1": 0.0}, False),
    ],
)
def test_more_of_a_pass_is_awaited_while_tiles_or_track_are_missing_but_not_for_clouds(
    events: Sequence[CountEvent], tracks_m: dict[str, float], more: bool
) -> None:
    (frames,) = passes(frames_of(*events), SPAN)
    assert awaited(frames, tracks_m) is more


def test_a_pass_over_midnight_is_one_look() -> None:
    seen = look(frame_event(1, (0, 1000), minute=-130), frame_event(1, (1000, 2000), minute=-122))
    assert seen.observed_at == on_day(1) - timedelta(minutes=130)
    assert seen.includes(on_day(1) - timedelta(minutes=122))
