"""The catalogue's regressions with effects that vary by group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.defaults import two_digits
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["REGRESSIONS"]

_COVARIATE, _EFFECT, _GROUP = ("covariate",), ("effect",), ("group",)
_RANKED = ("intercept", "slope", "tau", "rho")
_EFFECTS = "u_j ~ multi_normal(0, diag(tau) * Omega * diag(tau))"
_CORRELATIONS = "weak correlations are favoured, strong ones possible"
_GELMAN_HILL = "Gelman and Hill (2007), doi:10.1017/CBO9780511790942"


def _linear_defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors in the unit of the outcome, scaled by its spread."""
    import numpy as np

    y = np.asarray(data.to_stan()["y"], dtype=float)
    spread = two_digits(float(y.std()))
    centre = two_digits(float(y.mean()))
    wide = two_digits(2.5 * spread)
    return {
        "intercept": (
            pr.Normal(centre, wide),
            "2.5 times the spread of the outcomes around their mean",
        ),
        "slope": (
            pr.Normal(0.0, wide),
            "over one standard deviation of a covariate the outcome rarely moves by "
            "more than its own spread; 2.5 times that lets the data decide",
        ),
        "tau": (
            pr.HalfNormal(spread),
            "groups that differ by more than the spread of all outcomes are possible, "
            "but not expected",
        ),
        "Omega": (pr.LKJ(2.0), _CORRELATIONS),
        "sigma": (
            pr.Exponential(two_digits(1.0 / spread)),
            "with the spread of all outcomes as mean: covariates explain some of it",
        ),
    }


def _logistic_defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors on the log-odds scale."""
    return {
        "intercept": (
            pr.Normal(0.0, 1.5),
            "the probability at the covariates' centre is close to uniform on (0, 1)",
        ),
        "slope": (
            pr.Normal(0.0, 2.5),
            "a change of more than e^5 in odds over one standard deviation of a "
            "covariate is hardly seen (Gelman et al. 2008, doi:10.1214/08-AOAS191)",
        ),
        "tau": (
            pr.HalfNormal(1.0),
            "groups more than e^2 apart in odds are possible, but not expected",
        ),
        "Omega": (pr.LKJ(2.0), _CORRELATIONS),
    }


def _parameters(unit: str, mean: str) -> tuple[Parameter, ...]:
    """Return what both regressions have, top-level parameters first."""
    return (
        Parameter(
            "intercept",
            f"{mean} where covariates are at their centre",
            unit,
            "location",
        ),
        Parameter(
            "slope",
            f"change of the {mean} over one standard deviation of a covariate",
            unit,
            "location",
            _COVARIATE,
        ),
        Parameter(
            "tau",
            "standard deviation between groups of each varying effect",
            unit,
            "scale",
            _EFFECT,
        ),
        Parameter(
            "Omega",
            "correlations of the varying effects, at the covariates' centre",
            "correlation",
            "correlation",
            ("effect", "other"),
        ),
    )


def _derived(unit: str, mean: str) -> tuple[Parameter, ...]:
    own = f"{unit}; slopes by unit of the covariate"
    return (
        Parameter("alpha", f"{mean} where covariates are zero", unit),
        Parameter(
            "beta",
            f"change of the {mean} by unit of a covariate",
            f"{unit} by unit of the covariate",
            dims=_COVARIATE,
        ),
        Parameter("theta", f"{mean} of each group at the centre", unit, dims=_GROUP),
        Parameter(
            "coef",
            "intercept where covariates are zero and varying slopes of each group",
            own,
            dims=("effect", "group"),
        ),
        Parameter(
            "sd_effect", "standard deviation of coef between groups", own, dims=_EFFECT
        ),
        Parameter("rho", "correlations below the diagonal of Omega", "correlation"),
        Parameter(
            "u",
            "each group's distance from the population, on the standard scale",
            unit,
            dims=("effect", "group"),
        ),
    )


_LINEAR = Model(
    "linear_regression",
    "Rows in groups: linear regression, correlated intercepts and slopes by group",
    f"y_i ~ normal(intercept + x_i * slope + w_i * u_g[i], sigma); {_EFFECTS}",
    "linear_regression",
    (
        *_parameters("unit of y", "mean outcome"),
        Parameter(
            "sigma",
            "standard deviation of rows around their mean",
            "unit of y",
            "scale",
        ),
        *_derived("unit of y", "mean outcome"),
    ),
    _linear_defaults,
    "theta",
    "linear_regression",
    f"{_GELMAN_HILL}, chapters 11 to 13; Lewandowski, Kurowicka and Joe (2009), "
    "doi:10.1016/j.jmva.2009.04.008",
    ranked=(*_RANKED, "sigma", "u"),
    example="climate_monthly",
)
_LOGISTIC = Model(
    "logistic_regression",
    "Rows in groups: logistic regression, correlated intercepts and slopes by group",
    "y_i ~ bernoulli(inv_logit(intercept + x_i * slope + w_i * u_g[i])); " + _EFFECTS,
    "logistic_regression",
    (
        *_parameters("log-odds", "log-odds"),
        *_derived("log-odds", "log-odds"),
        Parameter(
            "z", "standardised effects of each group", "tau", dims=("effect", "group")
        ),
        Parameter(
            "p", "probability of each group at the centre", "probability", dims=_GROUP
        ),
    ),
    _logistic_defaults,
    "p",
    "logistic_regression",
    f"{_GELMAN_HILL}, chapter 14; Gelman et al. (2008), doi:10.1214/08-AOAS191",
    ranked=(*_RANKED, "u"),
    example="dosage",
)

#: Both of them.
REGRESSIONS = (_LINEAR, _LOGISTIC)
