"""Short names for the types of arrays in the detector. Shapes are given where an array is used."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Pixels, strips and features, and everything that is computed from them in bulk.
Floats = NDArray[np.float32]
# Scores, sums and fits, which need the precision.
Doubles = NDArray[np.float64]
# Coordinates, directions and distances.
Points = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]
# Pixels as a file stores them, of any real type.
Raw = NDArray[Any]
