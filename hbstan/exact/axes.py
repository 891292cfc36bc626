"""Hyperparameters on scales without bounds, and their priors there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from hbstan import priors as pr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["Axis", "location", "positive", "probability"]

#: How far the lattice's steps grow away from the middle: the tails of a density on a
#: transformed scale are exponential at worst, and its steps shall become few there.
_BEND, _SLIGHT = 0.5, 0.3


@dataclass(frozen=True)
class Axis:
    """One hyperparameter ``x`` as a function of an unbounded ``t``.

    Parameters
    ----------
    name : str
    prior : Prior
    scale : {"real", "positive", "unit"}
        ``x = t``, ``x = lower + exp(t)`` or ``x = inv_logit(t)``.
    lower : float
        The end of a positive scale.
    bend : float
        The lattice's points are ``t = centre + width * sinh(bend * u) / bend`` with
        equal steps of ``u``; 0 for equal steps of ``t``.
    """

    name: str
    prior: Prior
    scale: str = "real"
    lower: float = 0.0
    bend: float = 0.0

    def value(self, t: Any) -> NDArray[np.float64]:
        """Return the hyperparameter at ``t``."""
        if self.scale == "positive":
            return np.asarray(self.lower + np.exp(t))
        return np.asarray(special.expit(t) if self.scale == "unit" else t)

    def inverse(self, x: Any) -> NDArray[np.float64]:
        """Return ``t`` at the hyperparameter's value ``x``."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.scale == "positive":
                return np.asarray(np.log(np.asarray(x) - self.lower))
            return np.asarray(special.logit(x) if self.scale == "unit" else x)

    def log_prior(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density of ``t``, Jacobian included."""
        if isinstance(self.prior, pr.Beta):
            # 1 - x of an x near 1 has no digits left; its logarithm at -t has all.
            a, b = self.prior.args
            below, above = special.log_expit(t), special.log_expit(-t)
            return np.asarray(a * below + b * above - special.betaln(a, b))
        density = np.asarray(self.prior.distribution().logpdf(self.value(t)))
        return density + t if self.scale == "positive" else density

    def quantile(self, q: Any) -> NDArray[np.float64]:
        """Return ``t`` at the prior's quantiles ``q``."""
        return self.inverse(self.prior.distribution().ppf(q))


def location(name: str, prior: Prior) -> Axis:
    """Return the axis of a parameter on the real line."""
    return Axis(name, prior, "real", bend=_SLIGHT)


def positive(name: str, prior: Prior) -> Axis:
    """Return the axis of a scale or a concentration, on the logarithm of it."""
    lower = prior.args[0] if isinstance(prior, pr.Pareto) else 0.0
    return Axis(name, prior, "positive", lower=lower, bend=_BEND)


def probability(name: str, prior: Prior) -> Axis:
    """Return the axis of a probability, on its log-odds."""
    return Axis(name, prior, "unit", bend=_SLIGHT)
