"""The catalogue's logit with covariates of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models import defaults
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["LOGIT_COVARIATES"]

_GROUP, _COVARIATE = ("group",), ("covariate",)


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for standardised covariates."""
    return {
        **defaults.logit(data),
        "b": (
            pr.Normal(0.0, 1.0),
            "odds that change by more than e^2 over one standard deviation of a "
            "covariate are possible, but not expected",
        ),
    }


#: Events in groups, log-odds normal about a regression on the groups' covariates.
LOGIT_COVARIATES = Model(
    "logit_covariates",
    "Events in groups with covariates: normal log-odds about a regression",
    "y_j ~ binomial(n_j, inv_logit(theta_j)); theta_j = mu + Z_j * b + tau * z_j; "
    "z_j ~ normal(0, 1)",
    "binomial_covariates",
    (
        Parameter("mu", "log-odds of the median group", "log-odds", "location"),
        Parameter(
            "b", "change over one sd of a covariate", "log-odds", "location", _COVARIATE
        ),
        Parameter("tau", "residual standard deviation", "log-odds", "scale"),
        Parameter("z", "standardised residual of a group", "tau", dims=_GROUP),
        Parameter("regression", "what covariates predict", "log-odds", dims=_GROUP),
        Parameter("theta", "log-odds of each group", "log-odds", dims=_GROUP),
        Parameter("p", "event probability of each group", "probability", dims=_GROUP),
        Parameter(
            "beta", "change for one unit of a covariate", "log-odds", dims=_COVARIATE
        ),
        Parameter("intercept", "log-odds where all covariates are 0", "log-odds"),
        Parameter("explained", "sd of what covariates predict", "log-odds"),
        Parameter("r2", "share of variance that covariates explain", "proportion"),
    ),
    _defaults,
    "p",
    "logit_covariates",
    "Gelman and Hill (2007), Data Analysis Using Regression and Multilevel/"
    "Hierarchical Models; Gelman and Pardoe (2006), doi:10.1198/004017005000000517",
    ranked=("mu", "b", "tau", "theta"),
    example="hospitals",
)
