"""The rolling threshold: a one-sided upper prediction bound for the next count, given a site's quiet looks.

Counts are negative binomial with a variance proportional to the mean. Railcars come in cuts, so the variance is several
times the mean. The bound is Bayesian: it averages over what the looks leave open, which is the level, the dispersion,
and whether the site has a trend and a yearly season. So few looks give a wide bound, and no test has to decide whether
there is a trend.

References:
    Farrington, C. P. et al. (1996). A statistical algorithm for the early detection of outbreaks of infectious disease.
        Journal of the Royal Statistical Society A 159, 547-563: regression on time, bound with estimation error.
    Noufaily, A. et al. (2013). An improved algorithm for outbreak detection in multiple surveillance systems.
        Statistics in Medicine 32, 1206-1222: negative binomial bound, trend always allowed.
    Salmon, M. et al. (2015). Bayesian outbreak detection in the presence of reporting delays. Biometrical Journal 57,
        1051-1067: the bound as a quantile of the posterior predictive distribution.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy  # loads a part when it is first used, which spares each start half a second

from railwatch.services.alerting.rule.regression import LOG_MEAN_LIMIT, QuietLooks, levels
from railwatch.services.alerting.rule.surges import Array

# Standard deviation of the change of the log level in a year without quiet looks, as in a surge that lasts.
DRIFT_SD = 0.25

# A count k stands for k - 0.5 to k + 0.5. Half of that is at least as extreme as k (Lancaster's mid-p).
CONTINUITY = 0.5


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predictive distribution of a count: a mixture of negative binomials.

    Attributes:
        shares: share of each component, shape (k,), sum 1.
        means: mean of each component, shape (k,).
        variances: variance of each component, larger than its mean, shape (k,).
        dispersion: variance over mean of the site's counts, without the uncertainty of their mean.
        standard_error: standard error of the expected count.
    """

    shares: Array
    means: Array
    variances: Array
    dispersion: float
    standard_error: float

    @property
    def expected(self) -> float:
        """Mean of the distribution."""
        return float(self.shares @ self.means)

    @property
    def sd(self) -> float:
        """Standard deviation of the distribution."""
        return float(np.sqrt(self.shares @ (self.variances + self.means**2) - self.expected**2))

    def tail(self, counts: Array) -> Array:
        """Mid-p value of each count: the chance of a higher one, and half the chance of the same one.

        The distribution function of the negative binomial is an incomplete beta function. It also takes fractional
        counts, and the value is continuous in the count.

        Args:
            counts: shape (m,), not negative.

        Returns:
            Chances, shape (m,).
        """
        shapes, odds = self._negative_binomials()
        chances: Array = scipy.special.betainc(counts[:, None] + CONTINUITY, shapes, odds) @ self.shares
        return chances

    def p_value(self, count: float) -> float:
        """Mid-p value of one count."""
        return float(self.tail(np.array([count]))[0])

    def _negative_binomials(self) -> tuple[Array, Array]:
        dispersions = self.variances / self.means
        return self.means / (dispersions - 1), 1 - 1 / dispersions

    def threshold(self, rate: float) -> float:
        """The count whose mid-p value is `rate`; 0 if even an empty yard would be that rare."""
        shapes, odds = self._negative_binomials()

        def excess(count: float) -> float:
            return math.log(
                max(float(scipy.special.betainc(count + CONTINUITY, shapes, odds) @ self.shares), 1e-300) / rate
            )

        if excess(0.0) <= 0:
            return 0.0
        high = self.expected + 3 * self.sd + 1
        while excess(high) > 0:
            high *= 2
        return float(scipy.optimize.brentq(excess, 0.0, high))


def predict(looks: QuietLooks, year: float, coverage: float, error_variance: float) -> Prediction:
    """The distribution of the next count if nothing has changed.

    Args:
        looks: the looks before, presumed quiet. Those that resemble past surges get little weight.
        year: time of the next look, on the scale of `looks.years`.
        coverage: share of the track that the next look sees.
        error_variance: variance of its measurement error.
    """
    found = levels(looks, year)
    shares = np.exp(found.evidence - found.evidence.max())
    kept = shares > 1e-3 * shares.max()
    shares = shares[kept] / shares[kept].sum()
    dispersions = found.dispersions[kept]
    log_variances = found.log_variance[kept] + DRIFT_SD**2 * (year - looks.years[-1])
    means = coverage * np.exp(np.minimum(found.log_mean[kept] + log_variances / 2, LOG_MEAN_LIMIT))
    of_mean = means**2 * np.expm1(np.minimum(log_variances, 4.0))
    return Prediction(
        shares=shares,
        means=means,
        variances=means * dispersions + of_mean + error_variance,
        dispersion=float(shares @ dispersions),
        standard_error=float(np.sqrt(shares @ (of_mean + (means - shares @ means) ** 2))),
    )
