"""Events among trials, probabilities beta distributed across groups: closed forms.

Skellam (1948), Journal of the Royal Statistical Society B 10, 257-261; Gelman et al.
(2013), Bayesian Data Analysis, 3rd ed., section 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import special

from hbstan.exact.axes import positive, probability
from hbstan.exact.family import Moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis
    from hbstan.priors import Prior

__all__ = ["BetaBinomial"]

#: From here on Stirling's series has all digits after three terms.
_LARGE = 30.0


@dataclass
class BetaBinomial:
    """``y_j ~ binomial(n_j, p_j)``, ``p_j ~ beta(mu kappa, (1 - mu) kappa)``.

    Parameters
    ----------
    y, n, counts : ndarray of shape (items,)
        See :class:`hbstan.exact.logit_normal.LogitNormal`.
    mu, kappa : Prior
    """

    additive: ClassVar[bool] = True
    y: NDArray[np.float64]
    n: NDArray[np.float64]
    counts: NDArray[np.float64]
    mu: Prior
    kappa: Prior

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The mean probability and the concentration."""
        return probability("mu", self.mu), positive("kappa", self.kappa)

    def starts(self) -> NDArray[np.float64]:
        """Return the pooled log-odds with a few concentrations."""
        y, n = self.counts @ self.y, self.counts @ self.n
        mu = float(np.log((y + 0.5) / (n - y + 0.5)))
        kappa = self.axes[1].inverse(self.axes[1].lower + np.array([0.5, 5, 50, 5e3]))
        return np.column_stack([np.full(4, mu), kappa])

    def shapes(
        self, t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the two shapes of the population's beta density."""
        kappa = self.axes[1].value(t[:, 1])
        return kappa * special.expit(t[:, 0]), kappa * special.expit(-t[:, 0])

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        a, b = (shape[:, None] for shape in self.shapes(t))
        y, n = self.y[None], self.n[None]
        choose = -special.betaln(y + 1.0, n - y + 1.0) - np.log1p(n)
        return np.asarray(
            choose + _rise(a, y) + _rise(b, n - y) - _rise(a + b, np.asarray(n))
        )

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        return np.asarray(self.terms(t) @ self.counts)

    def moments(self, t: NDArray[np.float64]) -> dict[str, Moments]:
        """See :class:`hbstan.exact.family.Family`."""
        a, b = (shape[:, None] for shape in self.shapes(t))
        seen = self.counts > 0
        y, n = np.where(seen, self.y, 0.0), np.where(seen, self.n, 0.0)
        return {
            **_beta("theta", "p", a + y, b + n - y),
            **_beta("theta_new", "p_new", a, b),
        }

    def log_likelihood(
        self, theta: NDArray[np.float64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return each item's log likelihood at log-odds, less its maximum."""
        return binomial_log_likelihood(theta, self.y[items], self.n[items])

    def log_maximum(self) -> NDArray[np.float64]:
        """Return items' largest log probabilities, which likelihoods are divided by."""
        return log_maximum(self.y, self.n)

    def log_population(
        self, theta: NDArray[np.float64], t: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the log density of a group's log-odds, given points."""
        a, b = self.shapes(t)
        theta = theta[:, None]
        density = a * special.log_expit(theta) + b * special.log_expit(-theta)
        return np.asarray(density - special.betaln(a, b))

    def narrow(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sd of a group's log-odds, given points, where it is small."""
        a, b = self.shapes(t)
        return np.asarray(np.sqrt(special.polygamma(1, a) + special.polygamma(1, b)))

    def inner_error(self) -> NDArray[np.float64]:
        """Nothing inside is approximated."""
        return np.zeros(1)


def _beta(
    theta: str, p: str, a: NDArray[np.float64], b: NDArray[np.float64]
) -> dict[str, Moments]:
    """Return moments of a beta variable and of its log-odds."""
    log_odds = Moments(
        special.digamma(a) - special.digamma(b),
        special.polygamma(1, a) + special.polygamma(1, b),
    )
    total = a + b
    mean = a / total
    return {theta: log_odds, p: Moments(mean, mean * (b / total) / (total + 1.0))}


def _rise(a: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log(gamma(a + y) / gamma(a))``, with all digits where a is large."""
    big = np.maximum(a, _LARGE)
    far = big + y
    series = (
        (big - 0.5) * np.log1p(y / big) + y * np.log(far) - y + _tail(far) - _tail(big)
    )
    return np.where(a >= _LARGE, series, special.gammaln(a + y) - special.gammaln(a))


def _tail(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * x**2)) / x**2) / x)


def log_maximum(y: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return binomial log probabilities at their maxima, coefficients included."""
    share = np.divide(y, n, out=np.full_like(y, 0.5), where=n > 0)
    top = special.xlogy(y, share) + special.xlog1py(n - y, -share)
    return np.asarray(top - special.betaln(y + 1.0, n - y + 1.0) - np.log1p(n))


def binomial_log_likelihood(
    theta: NDArray[np.float64], y: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``y theta - n log(1 + exp(theta))`` less its maximum: (theta, items)."""
    share = np.divide(y, n, out=np.full_like(y, 0.5), where=n > 0)
    top = special.xlogy(y, share) + special.xlog1py(n - y, -share)
    theta = theta[:, None]
    logs = np.log1p(np.exp(-np.abs(theta))) + np.maximum(theta, 0.0)
    return np.asarray(y * theta - n * logs - np.where(n > 0, top, 0.0))
