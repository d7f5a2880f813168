"""The episode that the demo replays is the one that was reported."""

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from shapely.geometry import Point

from railwatch.demo.episode import BASELINE, LOOKS, SURGE, as_look, render, trains
from railwatch.demo.yard import SITE, tumangang, write_site
from railwatch.render.rolling_stock import Shape
from railwatch.shared.sites import load_sites

COUNTS = {f"{look.at:%m-%d}": look.cars for look in LOOKS}


def test_some_thirty_looks_at_irregular_dates_from_march_to_5_october() -> None:
    assert 28 <= len(LOOKS) <= 36
    days = [look.at for look in LOOKS]
    assert days == sorted(days)
    assert days[0].month == 3
    assert days[-1].date() == datetime(2023, 10, 5, tzinfo=UTC).date()
    assert len({(b - a).days for a, b in pairwise(days)}) > 5
    assert days[0] > BASELINE.at
    assert len({look.sky for look in LOOKS}) == 4


def test_the_counts_are_those_of_the_reports() -> None:
    assert all(look.cars <= 20 for look in LOOKS if look.at < SURGE)
    rise = [look.cars for look in LOOKS if look.at >= SURGE]
    assert rise == sorted(rise)
    assert COUNTS["09-22"] == 25
    assert COUNTS["10-05"] == 70


def test_every_look_has_its_cars_and_on_5_october_most_are_tarped() -> None:
    assert {look.scene: len(trains()[look.scene]) for look in LOOKS} == {look.scene: look.cars for look in LOOKS}
    last = trains()[LOOKS[-1].scene]
    assert sum(car.shape is Shape.TARPED for car in last) > 0.6 * len(last)


def test_the_sun_stands_in_the_south_east_and_higher_in_june() -> None:
    suns = {f"{look.at:%m-%d}": as_look(look).sun for look in LOOKS}
    assert all(110 < sun.azimuth_deg < 200 for sun in suns.values())
    assert suns["06-28"].elevation_deg > suns["03-07"].elevation_deg + 20


def test_the_site_reads_without_a_fault_and_holds_every_car(tmp_path: Path) -> None:
    write_site(tmp_path)
    catalogue = load_sites(tmp_path)
    assert catalogue.faults == ()
    site = catalogue.sites[SITE]
    assert [(event.title, event.at.date().isoformat()) for event in site.events] == [
        ("Kim-Putin meeting", "2023-09-13")
    ]
    assert len(site.cells()) == 1
    for cars in trains().values():
        centres = tumangang().lonlat(np.array([[car.x_m, car.y_m] for car in cars]).reshape(-1, 2))
        assert all(site.polygon.contains(Point(centre)) for centre in centres)


def test_a_look_shows_the_cars_that_stand_there() -> None:
    picture = render(LOOKS[-1])
    assert picture.count == LOOKS[-1].cars
    assert picture.coverage == 1.0
