"""The cars of a look."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.history.cars import CountedCar, cars_of
from railwatch.services.alerting.history.frames import Frame, look_of, passes
from railwatch.services.alerting.history.observations import reading, tracks_by_tile
from railwatch.shared.counts import Car, TrackCount
from railwatch.shared.events import CountEvent
from tests.support.alerting import count_event, frame_event, small_site

SITE = small_site()
TRACKS_M = tracks_by_tile(SITE)


def cars(*events: CountEvent) -> tuple[float | None, list[CountedCar]]:
    """The count of the look of these frames, and its cars."""
    frames = [Frame(event.scene, {event.tile: reading(event)}) for event in events]
    (together,) = passes(frames, timedelta(minutes=10))
    counts = {event.scene: {event.tile: event} for event in events}
    return look_of(together, TRACKS_M).count, list(cars_of(together, counts, 12.0))


def test_all_cars_of_a_single_frame_are_there_with_their_count_and_number() -> None:
    tracks = [
        TrackCount(
            track=name,
            count=2,
            low=2,
            high=2,
            length_m=2000,
            occupied_m=28,
            cars=tuple(Car(lon=130.6, lat=42.4, length_m=14, probability=0.9) for _ in range(2)),
        )
        for name in ("1", "2")
    ]
    event = count_event(1, 4, tracks=tracks)
    found = [(car.event, car.number, car.track) for car in cars(event)[1]]
    assert found == [(event, 0, "1"), (event, 1, "1"), (event, 2, "2"), (event, 3, "2")]


def test_a_tile_without_a_count_has_no_cars() -> None:
    assert cars(count_event(1, None)) == (None, [])


@given(
    st.lists(st.integers(0, 130), unique=True, max_size=40),
    st.integers(700, 1300),
    st.integers(0, 300),
    st.floats(-5, 5),
)
def test_as_many_cars_are_there_as_the_look_counts_however_its_frames_overlap(
    places: list[int], edge_m: int, overlap_m: int, off_m: float
) -> None:
    cars_m = [15.0 * place + 7 for place in sorted(places)]
    west = frame_event(1, (0, edge_m + overlap_m), cars_m)
    east = frame_event(1, (edge_m, 2000), cars_m, minute=1, off_m=off_m)
    count, found = cars(west, east)
    assert count is not None
    assert len(found) == round(count)
    assert len({(car.event.id, car.number) for car in found}) == len(found)
