"""Weakly informative priors for users' own data, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["beta_binomial", "logit", "normal"]


def logit(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for events in groups on the log-odds scale."""
    return {
        "mu": (
            pr.Normal(0.0, 1.5),
            "the median group's probability is close to uniform on (0, 1)",
        ),
        "tau": (
            pr.HalfNormal(1.0),
            "groups more than e^2 apart in odds are possible, but not expected",
        ),
    }


def beta_binomial(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for events in groups on the probability scale."""
    return {
        "mu": (
            pr.Beta(2.0, 2.0),
            "every mean probability is possible, the extremes are not favoured",
        ),
        "kappa": (
            pr.Pareto(1.0, 1.5),
            "heavy-tailed: from strong variation to nearly equal groups",
        ),
    }


def normal(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for estimates, scaled by their own spread."""
    import numpy as np

    stan = data.to_stan()
    y = np.asarray(stan["y"], dtype=float)
    sigma = np.asarray(stan["sigma"], dtype=float)
    # The spread of the estimates alone would be nearly zero for groups that happen
    # to agree; their standard errors say how well that is known.
    spread = _two_digits(float(np.sqrt(np.var(y, ddof=1) + np.mean(sigma**2))))
    centre = _two_digits(float(np.median(y)))
    return {
        "mu": (
            pr.Normal(centre, _two_digits(2.5 * spread)),
            "2.5 times the spread of the estimates, errors included, around their "
            "median: wide enough for the data to decide",
        ),
        "tau": (
            pr.HalfNormal(spread),
            "effects that differ by more than the estimates and their errors "
            "together are possible, but not expected",
        ),
    }


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")
