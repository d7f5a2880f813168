"""The interval of a count: what the decoder is unsure of, and what all cars of a scene have in common.

Errors within a scene go together (light, blur, a kind of car the model does not know), so the posterior alone is too
sure of itself. A share of the count is added to it as a scene-level term, and the whole is stretched until it covered
the truth in nine of ten scenes that no part of the model had seen (split conformal prediction: Lei et al., JASA 2018).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """How far a 90 % interval reaches, in units of the spread.

    Attributes:
        below: towards fewer cars.
        above: towards more cars.
        scene: the scene-level term, as a share of the count.
        floor: spread of a count of cars that seem certain.
    """

    below: float = 1.645
    above: float = 1.645
    scene: float = 0.04
    floor: float = 0.2

    def spread(self, count: float, mean: float, variance: float) -> float:
        """Standard deviation of a count's error.

        Args:
            count: the count given.
            mean: posterior mean.
            variance: posterior variance.
        """
        if count == 0 and mean < 0.05:
            return float(np.sqrt(variance))
        return float(np.sqrt(variance + (mean - count) ** 2 + (self.scene * count) ** 2 + self.floor**2))

    def interval(self, count: float, mean: float, variance: float) -> tuple[float, float]:
        """Lower and upper end, never below 0, rounded to tenths."""
        spread = self.spread(count, mean, variance)
        return max(0.0, round(count - self.below * spread, 1)), round(count + self.above * spread, 1)
