import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from railwatch.shared.geography import to_lon_lat
from railwatch.shared.sites import Cell, Site, Track

CELL = Cell(id="r0c0", crs="EPSG:32652", bounds_m=(500_000, 4_700_000, 501_000, 4_701_000))


def long_site() -> Site:
    track = Track(id="T1", coordinates=((130.60, 42.41), (130.63, 42.44)))
    area = ((130.599, 42.409), (130.631, 42.409), (130.631, 42.441), (130.599, 42.441), (130.599, 42.409))
    return Site(id="long", name="Long", area=area, tracks=(track,))


@given(shares=st.lists(st.floats(0, 1), max_size=20))
def test_every_car_on_a_track_belongs_to_exactly_one_cell(shares: list[float]) -> None:
    site = long_site()
    (west, south), (east, north) = site.tracks[0].coordinates
    share = np.array(shares)
    lons, lats = west + share * (east - west), south + share * (north - south)
    assert (np.sum([cell.contains(lons, lats) for cell in site.cells()], axis=0) == 1).all()


@given(points=st.lists(st.tuples(st.floats(499_990, 501_010), st.floats(4_699_990, 4_701_010)), min_size=1))
def test_a_cell_gives_each_of_many_points_the_answer_that_it_gives_the_point_alone(
    points: list[tuple[float, float]],
) -> None:
    lons, lats = to_lon_lat(CELL.crs, *np.array(points).T)
    alone = [bool(CELL.contains(np.array(lon), np.array(lat))) for lon, lat in zip(lons, lats, strict=True)]
    assert CELL.contains(lons, lats).tolist() == alone


def test_a_car_on_an_edge_belongs_to_one_of_both_cells() -> None:
    right = Cell(id="r0c1", crs="EPSG:32652", bounds_m=(501_000, 4_700_000, 502_000, 4_701_000))
    northings = np.linspace(4_700_000, 4_701_000, 50)[1:-1]
    lons, lats = to_lon_lat(CELL.crs, 501_000 + 0 * northings, northings)
    assert (CELL.contains(lons, lats) ^ right.contains(lons, lats)).all()
