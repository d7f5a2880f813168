from hypothesis import given
from hypothesis import strategies as st

from services.detector.intervals import Calibration

CALIBRATION = Calibration(below=1.5, above=2.0, scene=0.03, floor=0.2)


@given(st.integers(0, 500), st.floats(0, 500), st.floats(0, 100))
def test_an_interval_holds_its_count_and_never_reaches_below_nothing(count: int, mean: float, variance: float) -> None:
    low, high = CALIBRATION.interval(count, mean, variance)

    assert 0 <= low <= count <= high


def test_an_empty_yard_without_doubt_is_nothing_at_all() -> None:
    assert CALIBRATION.interval(0, 0.0, 0.0) == (0.0, 0.0)


def test_a_full_yard_is_unsure_by_its_share_however_sure_the_decoder_is() -> None:
    low, high = CALIBRATION.interval(400, 400.0, 0.1)

    assert high - low > 0.03 * 400


def test_what_the_posterior_doubts_widens_the_interval() -> None:
    sure, unsure, torn = (CALIBRATION.interval(50, mean, variance) for mean, variance in ((50, 1), (50, 16), (44, 1)))

    assert unsure[1] - unsure[0] > sure[1] - sure[0]
    assert torn[1] - torn[0] > sure[1] - sure[0]
