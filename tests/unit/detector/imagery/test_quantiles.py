"""Medians and quantiles are numpy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from railwatch.services.detector.imagery.quantiles import median, quantile

VALUES = arrays.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 4)), elements=st.floats(-9, 9, width=32))


@given(VALUES)
def test_a_median_is_numpys_along_either_axis(values: np.ndarray) -> None:
    for axis in (0, 1):
        np.testing.assert_allclose(median(values, axis), np.median(values, axis=axis), atol=1e-5)


@given(VALUES, st.floats(0, 1))
def test_a_quantile_is_numpys(values: np.ndarray, share: float) -> None:
    np.testing.assert_allclose(quantile(values, [share, 1.0]), np.quantile(values, [share, 1.0]), atol=1e-5)
