"""Weakly informative priors for users' own data, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = [
    "beta_binomial",
    "binomial_pooled",
    "binomial_unpooled",
    "logit",
    "logit_mixture",
    "logit_student_t",
    "normal",
    "normal_pooled",
    "normal_unpooled",
    "two_digits",
]


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


def binomial_pooled(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return a prior for the log-odds that all groups share."""
    return {
        "mu": (pr.Normal(0.0, 1.5), "the probability is close to uniform on (0, 1)")
    }


def binomial_unpooled(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return one prior for the log-odds of every group."""
    return {
        "theta": (
            pr.Normal(0.0, 1.5),
            "each group's probability is close to uniform on (0, 1)",
        )
    }


def logit_student_t(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for heavy-tailed log-odds."""
    return {
        **logit(data),
        "nu": (
            pr.Gamma(2.0, 0.1),
            "mean 20: from tails where groups stand out to nearly normal ones "
            "(Juarez and Steel 2010, doi:10.1198/jbes.2009.07145)",
        ),
    }


def logit_mixture(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for two populations of log-odds."""
    return {
        "mu_low": (
            pr.Normal(0.0, 1.5),
            "the lower median probability is close to uniform on (0, 1)",
        ),
        "gap": (
            pr.HalfNormal(1.5),
            "populations more than e^3 apart in odds are possible, but not expected",
        ),
        "tau": (
            pr.Gamma(4.0, 10.0),
            "groups of one population are more alike than groups of two, and not "
            "equal: at 0 the sampler could not move a group across the gap",
        ),
        "lambda": (
            pr.Beta(2.0, 2.0),
            "every share is possible, an empty population is not favoured",
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
    spread = two_digits(float(np.sqrt(np.var(y, ddof=1) + np.mean(sigma**2))))
    centre = two_digits(float(np.median(y)))
    return {
        "mu": (
            pr.Normal(centre, two_digits(2.5 * spread)),
            "2.5 times the spread of the estimates, errors included, around their "
            "median: wide enough for the data to decide",
        ),
        "tau": (
            pr.HalfNormal(spread),
            "effects that differ by more than the estimates and their errors "
            "together are possible, but not expected",
        ),
    }


def normal_pooled(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return a prior for the effect that all groups share, scaled by the data."""
    return {"mu": normal(data)["mu"]}


def normal_unpooled(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return one prior for the effect of every group, scaled by the data."""
    return {"theta": normal(data)["mu"]}


def two_digits(value: float) -> float:
    """Return a number rounded to two significant digits, as priors are written."""
    return float(f"{value:.2g}")
