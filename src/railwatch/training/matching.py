"""Found cars matched with true ones."""

import numpy as np
from numpy.typing import NDArray

# A found car is a hit where its middle lies this near to a true one's.
MATCH_M = 5.0


def matches(found: NDArray[np.float64], true: NDArray[np.float64], within_px: float) -> int:
    """How many cars were found: pairs of middles no farther apart than this, nearest first, each used once.

    Args:
        found: (n, 2), pixels.
        true: (m, 2), pixels.
        within_px: the largest distance of a pair.
    """
    apart = (
        np.hypot(*(found[:, None] - true[None]).transpose(2, 0, 1)) if len(found) and len(true) else np.empty((0, 1))
    )
    taken_found: set[int] = set()
    taken_true: set[int] = set()
    for place in np.argsort(apart, axis=None):
        one, other = divmod(int(place), apart.shape[1])
        if apart[one, other] > within_px:
            break
        if one not in taken_found and other not in taken_true:
            taken_found.add(one)
            taken_true.add(other)
    return len(taken_true)
