from hypothesis import given
from hypothesis import strategies as st

from railwatch.services.detector.cars.intervals import Calibration, Posterior, of_all

CALIBRATION = Calibration(below=1.5, above=2.0, scene=0.03, entropy=0.4, floor=0.2)


def width(count: float, posterior: Posterior) -> float:
    low, high = CALIBRATION.interval(count, posterior)
    return high - low


@given(st.integers(0, 500), st.floats(0, 500), st.floats(0, 100), st.floats(0, 0.69))
def test_an_interval_holds_its_count_and_never_reaches_below_nothing(
    count: int, mean: float, variance: float, entropy: float
) -> None:
    low, high = CALIBRATION.interval(count, Posterior(mean, variance, entropy * 1000, 1000))

    assert 0 <= low <= count <= high


def test_a_clearly_empty_yard_has_an_interval_of_0_to_0() -> None:
    assert CALIBRATION.interval(0, Posterior(0.0, 0.0, 0.0, 1000)) == (0.0, 0.0)


def test_without_any_track_the_interval_is_0_to_0() -> None:
    assert CALIBRATION.interval(0, of_all([])) == (0.0, 0.0)


def test_the_interval_of_a_full_yard_is_a_share_of_the_count_however_narrow_the_posterior_is() -> None:
    assert width(400, Posterior(400.0, 0.1, 0.0, 9000)) > 0.03 * 400


def test_a_wide_posterior_widens_the_interval() -> None:
    sure, unsure, torn = (width(50, Posterior(mean, spread, 0, 1000)) for mean, spread in ((50, 1), (50, 16), (44, 1)))

    assert unsure > sure
    assert torn > sure


def test_evidence_that_cannot_separate_track_from_train_widens_the_interval() -> None:
    clear, unclear = (width(50, Posterior(50, 1, nats * 1000, 1000)) for nats in (0.01, 0.2))

    assert unclear > 1.5 * clear


def test_the_entropy_of_one_track_is_shared_by_the_whole_scene() -> None:
    unclear, clear = Posterior(10, 1, 200, 1000), Posterior(40, 2, 0, 3000)

    assert of_all([unclear, clear]) == Posterior(50, 3, 200, 4000)


def test_a_tile_that_shows_more_cars_than_its_pair_widens_the_interval() -> None:
    agreed, apart = (
        CALIBRATION.interval(2, of_all([Posterior(2, 0.1, 0, 1000, apart=cars), Posterior(0, 0, 0, 1000)]))
        for cars in (0, 5)
    )

    assert agreed[1] < 4
    assert apart[1] >= 7


def test_tracks_that_differ_to_opposite_sides_agree_on_the_sum() -> None:
    parts = [Posterior(5, 0.1, 0, 1000, apart=cars) for cars in (3, -3)]

    assert of_all(parts).apart == 0


def test_the_interval_grows_faster_where_the_evidence_is_stranger_than_any_that_is_familiar() -> None:
    calibration = Calibration(familiar=0.2)
    widths = []
    for entropy in (0.1, 0.2, 0.3, 0.4):
        low, high = calibration.interval(50, Posterior(50, 0.0, entropy * 1000, 1000))
        widths.append(high - low)

    assert widths[2] - widths[1] > 1.5 * (widths[1] - widths[0])
    assert widths[3] > widths[2]
