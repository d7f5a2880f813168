"""Outlines of cars on a map."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.alerting.pages.outlines import drawn_cars, features
from railwatch.services.alerting.products.looks import SiteLook
from railwatch.shared.counts import Car, TrackCount
from railwatch.shared.geography import GEOD
from tests.support.alerting import count_event, judged, small_site


def look_with(*cars: Car, track: str = "1") -> SiteLook:
    from railwatch.services.alerting.history.frames import Frame
    from railwatch.services.alerting.history.observations import reading

    counted = TrackCount(track=track, count=len(cars), low=0, high=9, length_m=2000, occupied_m=30, cars=cars)
    event = count_event(1, float(len(cars)), tracks=[counted])
    frame = Frame("scene-1", {"r0c0": reading(event)})
    return SiteLook(
        small_site(), judged(1, 2.0), judged(1, 2.0), None, None, (frame,), {"scene-1": {"r0c0": event}}
    )  # fmt: skip


@given(length_m=st.floats(6, 30), lon=st.floats(130.601, 130.624))
def test_an_outline_is_as_long_as_its_car_and_lies_along_its_track(length_m: float, lon: float) -> None:
    (drawn,) = drawn_cars(look_with(Car(lon=lon, lat=42.4155, length_m=length_m, probability=0.9, along_m=1.0)))
    (x0, y0), (x1, y1), (x2, y2), *_ = drawn.outline
    azimuth, _, along_m = GEOD.inv(x0, y0, x1, y1)
    assert along_m == pytest.approx(length_m, abs=0.05)
    assert GEOD.inv(x1, y1, x2, y2)[2] == pytest.approx(3.0, abs=0.05)
    assert abs(azimuth) == pytest.approx(90, abs=1.5)
    middle = sum(x for x, _ in drawn.outline[:4]) / 4
    assert middle == pytest.approx(lon, abs=1e-6)


def test_cars_are_numbered_along_their_track_and_named_as_everywhere() -> None:
    cars = [Car(lon=130.61 + n / 1000, lat=42.4155, length_m=14, probability=0.9) for n in range(3)]
    drawn = drawn_cars(look_with(*cars))
    assert [(car.track, car.number) for car in drawn] == [("1", 1), ("1", 2), ("1", 3)]
    assert [car.id for car in drawn] == [f"tumangang:scene-1:r0c0:{number}" for number in range(3)]
    assert len(features(drawn)["features"]) == 3  # type: ignore[arg-type]


def test_a_car_on_a_track_that_the_site_has_no_more_is_still_drawn() -> None:
    (drawn,) = drawn_cars(look_with(Car(lon=130.61, lat=42.4155, length_m=14, probability=1), track="gone"))
    assert len(drawn.outline) == 5
