from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.history.observations import (
    TileReading,
    check_count,
    complete,
    merge,
    observe,
    reading,
    tracks_by_tile,
)
from railwatch.shared.counts import Occupied
from railwatch.shared.errors import UnprocessableError
from railwatch.shared.events import CountEvent
from tests.support.alerting import RECORDED, count_event, on_day, small_site

TILES = ("r0c0", "r0c1")
TRACKS_M = {"r0c0": 1000.0, "r0c1": 3000.0}
CARS_M = (9.0, 27.0)


def readings(*events: CountEvent) -> dict[str, TileReading]:
    held: dict[str, TileReading] = {}
    for event in events:
        held = merge(held, event.tile, reading(event))
    return held


def test_tiles_add_up_with_errors_in_squares_and_coverage_by_track() -> None:
    west = count_event(1, 10, spread=3, tile="r0c0", tiles=TILES, coverage=0.5)
    east = count_event(1, 20, spread=4, tile="r0c1", tiles=TILES, coverage=1.0)
    seen = observe("scene-1", readings(west, east), TRACKS_M, CARS_M)
    assert (seen.count, seen.low, seen.high) == (30, 25, 35)
    assert seen.coverage == pytest.approx((0.5 * 1000 + 3000) / 4000)
    assert seen.missing_tiles == ()


def test_a_rejected_tile_lowers_the_coverage_not_the_count() -> None:
    west = count_event(1, None, tile="r0c0", tiles=TILES, coverage=0.9)
    east = count_event(1, 20, tile="r0c1", tiles=TILES)
    seen = observe("scene-1", readings(west, east), TRACKS_M, CARS_M)
    assert (seen.count, seen.coverage, seen.missing_tiles) == (20, 0.75, ())


def test_nothing_counted_is_unknown_and_not_zero() -> None:
    seen = observe("scene-1", readings(count_event(1, None)), {"r0c0": 1000.0}, CARS_M)
    assert (seen.count, seen.low, seen.high, seen.coverage) == (None, None, None, 0.0)


def test_a_tile_that_did_not_come_is_named() -> None:
    held = readings(count_event(1, 10, tile="r0c0", tiles=TILES))
    assert not complete(held)
    seen = observe("scene-1", held, TRACKS_M, CARS_M)
    assert (seen.count, seen.coverage, seen.missing_tiles) == (10, 0.25, ("r0c1",))


def test_a_scene_that_covers_a_part_of_the_site_is_complete_and_says_how_much_it_saw() -> None:
    held = readings(count_event(1, 10, tile="r0c0", tiles=("r0c0",)))
    assert complete(held)
    assert observe("scene-1", held, TRACKS_M, CARS_M).coverage == 0.25


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_last_recorded_count_of_a_tile_holds_in_any_order_and_however_often(
    counts: list[int], random: object
) -> None:
    events = [
        count_event(1, count, algorithm=f"railwatch {number}", recorded_at=RECORDED + timedelta(hours=number))
        for number, count in enumerate(counts)
    ]
    again = events * 2
    random.shuffle(again)  # type: ignore[attr-defined]
    assert observe("scene-1", readings(*again), TRACKS_M, CARS_M).count == counts[-1]


def test_of_counts_recorded_at_the_same_moment_the_same_one_is_valid_in_any_order() -> None:
    events = [count_event(1, 10 + n, algorithm=f"railwatch {n}") for n in range(3)]
    assert len({observe("scene-1", readings(*order), TRACKS_M, CARS_M).count for order in permutations(events)}) == 1


def test_the_tracks_of_a_site_are_shared_out_among_its_tiles() -> None:
    site = small_site(tile_size_m=1100)
    by_tile = tracks_by_tile(site)
    assert sorted(by_tile) == ["r0c0", "r0c1"]
    assert sum(by_tile.values()) == pytest.approx(site.track_length_m, rel=1e-3)


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (count_event(1, 1e6), "implausible-count"),
        (count_event(1, 10, spread=1e12), "implausible-count"),
        (count_event(1, 10, tile="r7c7", tiles=("r7c7",)), "unknown-tile"),
        (count_event(1, 10, tiles=("r0c0", "r9c9")), "unknown-tile"),
        (count_event(1, 10, tiles=("r0c1",)), "tile-not-in-scene"),
        (count_event(100_000, 10), "observed-in-future"),
        (count_event((RECORDED - on_day(0) + timedelta(minutes=6)) / timedelta(days=1), 10), "observed-in-future"),
    ],
)
def test_an_impossible_count_is_refused_with_its_reason(event: CountEvent, reason: str) -> None:
    with pytest.raises(UnprocessableError) as refusal:
        check_count(event, TRACKS_M, 12.0, now=RECORDED)
    assert refusal.value.reason == reason


def test_a_full_yard_is_believed() -> None:
    check_count(count_event(1, 83, spread=5), TRACKS_M, 12.0, now=on_day(2))


def test_metres_add_up_as_counts_do_and_become_a_range_of_cars() -> None:
    west = metres_event(100, tile="r0c0", spread_m=30)
    east = metres_event(200, tile="r0c1", spread_m=40)
    seen = observe("scene-1", readings(west, east), TRACKS_M, CARS_M)
    assert (seen.count, seen.low, seen.high, seen.coverage) == (None, None, None, 1.0)
    assert seen.occupied is not None
    assert (seen.occupied.low_m, seen.occupied.occupied_m, seen.occupied.high_m) == (250, 300, 350)
    assert (seen.occupied.cars_low, seen.occupied.cars_high) == (round(250 / 28.2, 1), round(350 / 10.2, 1))


def test_of_tiles_that_were_counted_and_others_that_were_measured_the_kind_that_shows_more_track_is_taken() -> None:
    west = count_event(1, 10, spread=3, tile="r0c0", tiles=TILES)
    east = metres_event(200, tile="r0c1", spread_m=40)
    seen = observe("scene-1", readings(west, east), TRACKS_M, CARS_M)
    assert (seen.count, seen.coverage) == (None, 0.75)
    assert seen.occupied is not None
    assert seen.occupied.occupied_m == 200


def test_more_metres_of_trains_than_track_are_refused() -> None:
    with pytest.raises(UnprocessableError, match="2500 m of trains do not fit on 1000 m of track"):
        check_count(metres_event(2500, tile="r0c0", spread_m=40), TRACKS_M, 9.0, RECORDED)


def metres_event(metres: float, *, tile: str, spread_m: float) -> CountEvent:
    rejected = count_event(1, None, tile=tile, tiles=TILES, coverage=1.0)
    occupied = Occupied.between(metres - spread_m, metres, metres + spread_m, CARS_M)
    return rejected.model_copy(update={"result": rejected.result.model_copy(update={"occupied": occupied})})
