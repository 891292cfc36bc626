"""One probability for all groups: no group has anything of its own to integrate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import special

from hbstan.exact.axes import location
from hbstan.exact.family import Moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis
    from hbstan.priors import Prior

__all__ = ["PooledBinomial"]


@dataclass
class PooledBinomial:
    """``y_j ~ binomial(n_j, inv_logit(mu))``.

    Parameters
    ----------
    y, n, counts : ndarray of shape (items,)
        See :class:`hbstan.exact.logit_normal.LogitNormal`.
    mu : Prior
    """

    additive: ClassVar[bool] = True
    y: NDArray[np.float64]
    n: NDArray[np.float64]
    counts: NDArray[np.float64]
    mu: Prior

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The log-odds of all groups."""
        return (location("mu", self.mu),)

    def starts(self) -> NDArray[np.float64]:
        """Return the pooled log-odds."""
        y, n = self.counts @ self.y, self.counts @ self.n
        return np.array([[np.log((y + 0.5) / (n - y + 0.5))]])

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        choose = -special.betaln(self.y + 1.0, self.n - self.y + 1.0)
        choose = choose - np.log1p(self.n)
        below, above = special.log_expit(t[:, :1]), special.log_expit(-t[:, :1])
        return np.asarray(choose + self.y * below + (self.n - self.y) * above)

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        return np.asarray(self.terms(t) @ self.counts)

    def moments(self, t: NDArray[np.float64]) -> dict[str, Moments]:
        """Return nothing: what groups have is the hyperparameter."""
        return {}

    def inner_error(self) -> NDArray[np.float64]:
        """Nothing inside is approximated."""
        return np.zeros(1)
