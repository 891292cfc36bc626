"""Events among trials, log-odds normal across groups: one integral a group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hbstan.exact.axes import location, positive
from hbstan.exact.beta_binomial import binomial_log_likelihood, log_maximum
from hbstan.exact.common_nodes import CommonNodes
from hbstan.exact.family import Moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis
    from hbstan.priors import Prior

__all__ = ["LogitNormal"]

_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass
class LogitNormal:
    """``y_j ~ binomial(n_j, inv_logit(theta_j))``, ``theta_j ~ normal(mu, tau)``.

    Parameters
    ----------
    y, n : ndarray of shape (items,)
        Distinct outcomes.
    counts : ndarray of shape (items,)
        Groups of the likelihood that have them; 0 for what is held out.
    mu, tau : Prior
    """

    additive: ClassVar[bool] = True
    y: NDArray[np.float64]
    n: NDArray[np.float64]
    counts: NDArray[np.float64]
    mu: Prior
    tau: Prior
    error: NDArray[np.float64] = field(init=False)
    _nodes: CommonNodes = field(init=False)

    def __post_init__(self) -> None:
        self._nodes = CommonNodes(self.y, self.n)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The median group's log-odds and the standard deviation."""
        return location("mu", self.mu), positive("tau", self.tau)

    def starts(self) -> NDArray[np.float64]:
        """Return the pooled log-odds with a few standard deviations."""
        y, n = self.counts @ self.y, self.counts @ self.n
        mu = float(np.log((y + 0.5) / (n - y + 0.5)))
        return np.array([[mu, np.log(s)] for s in (0.02, 0.1, 0.5, 2.0)])

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        return np.asarray(self.terms(t) @ self.counts)

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        found = self._nodes.table(t[:, 0], np.exp(t[:, 1]), moments=False)
        self.error = found.error.max(1)
        return found.log_value

    def moments(self, t: NDArray[np.float64]) -> dict[str, Moments]:
        """See :class:`hbstan.exact.family.Family`."""
        # Without a group's outcome its probability is the population's.
        out = self.counts == 0
        y, n = np.where(out, 0.0, self.y), np.where(out, 0.0, self.n)
        mu, tau = t[:, 0], np.exp(t[:, 1])
        own = (CommonNodes(y, n) if out.any() else self._nodes).table(mu, tau)
        powers = np.array([1.0, 2.0])
        new = np.exp(CommonNodes(powers, powers).table(mu, tau, False).log_value)
        mean, both = new[:, :1], new[:, 1:]
        p, p2 = own.p, own.p2
        empty = n == 0
        p[:, empty], p2[:, empty] = mean, both
        tau2 = np.exp(2.0 * t[:, 1:2])
        nothing = np.zeros_like(mean)
        return {
            "theta": Moments(own.theta, own.theta_var),
            "p": Moments(p, np.maximum(p2 - p**2, 0.0)),
            "p_pop_mean": Moments(mean, nothing),
            "theta_new": Moments(t[:, :1], tau2),
            "p_new": Moments(mean, np.maximum(both - mean**2, 0.0)),
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
        z = (theta[:, None] - t[:, 0]) * np.exp(-t[:, 1])
        return np.asarray(-0.5 * (z * z + _LOG_2PI) - t[:, 1])

    def narrow(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sd of a group's log-odds, given points, where it is small."""
        return np.asarray(np.exp(t[:, 1]))

    def inner_error(self) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        return self.error
