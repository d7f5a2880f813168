"""A second renderer, of another style than the one that the model learns from; the model is never trained on it.

It shares nothing with `railwatch.render`: a field of heights, rays for sun and view, photographs of real gravel, grass
and brick, other rolling stock, other cameras. A model that counts here as well as there has learned cars, not a
renderer.

Every vehicle on the tracks counts, locomotives and carriages too; an articulated set of two bodies is one.
"""

from railwatch.training.held_out.pair import Pair, as_case, case, geotiff, make, write
from railwatch.training.held_out.styles import STYLES

__all__ = ["STYLES", "Pair", "as_case", "case", "geotiff", "make", "write"]
