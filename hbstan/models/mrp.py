"""The catalogue's model of surveys with poststratification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["MRP_LOGIT"]


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for the log-odds of cells."""
    return {
        "alpha": (
            pr.Normal(0.0, 1.5),
            "the share in an average cell is close to uniform on (0, 1)",
        ),
        "beta": (
            pr.Normal(0.0, 1.0),
            "cells two standard deviations apart in a covariate may well differ by a "
            "factor e^2 in odds",
        ),
        "tau": (
            pr.HalfNormal(1.0),
            "levels more than e^2 apart in odds are possible, but not expected",
        ),
    }


MRP_LOGIT = Model(
    "mrp_logit",
    "Survey and census: crossed group effects on the log-odds, poststratified",
    "y_j ~ binomial(n_j, inv_logit(theta_j)); theta_j = alpha + x_j' beta + sum_f "
    "tau_f * z[level_jf]; z ~ normal(0, 1)",
    "mrp",
    (
        Parameter(
            "alpha",
            "log-odds at mean covariates and effects of zero",
            "log-odds",
            "location",
        ),
        Parameter(
            "beta",
            "change by a standard deviation of each covariate",
            "log-odds",
            "location",
            ("covariate",),
        ),
        Parameter(
            "tau",
            "standard deviation of each factor's effects",
            "log-odds",
            "scale",
            ("factor",),
        ),
        Parameter("centre", "alpha with the average respondent's effects", "log-odds"),
        Parameter("z", "standardised effect of each level", "tau", dims=("level",)),
        Parameter("effect", "effect of each level", "log-odds", dims=("level",)),
        Parameter("theta", "log-odds of each cell", "log-odds", dims=("group",)),
        Parameter("p", "probability in each cell", "probability", dims=("group",)),
        Parameter(
            "p_area", "share in each area's people", "probability", dims=("area",)
        ),
        Parameter("p_population", "share in the population", "probability"),
        Parameter(
            "slope",
            "change by a unit of each covariate",
            "log-odds per unit",
            dims=("covariate",),
        ),
    ),
    _defaults,
    "p",
    "mrp_logit",
    "Gelman and Little (1997), Survey Methodology 23, 127-135; Park, Gelman and Bafumi "
    "(2004), doi:10.1093/pan/mph024",
    ranked=("alpha", "beta", "tau", "z", "p_area", "p_population"),
    example="mrp_survey",
)
