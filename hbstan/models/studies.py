"""The catalogue's model of study estimates with covariates: meta-regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models import defaults
from hbstan.models.entry import ExactForm, Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["STUDIES"]


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors scaled by the estimates and their errors."""
    normal = defaults.normal(data)
    spread = normal["tau"][0].args[0]
    return {
        "mu": normal["mu"],
        "beta_std": (
            pr.Normal(0.0, spread),
            "one standard deviation of a covariate can move the effect by as much as "
            "the estimates and their errors differ, more is not expected",
        ),
        "tau": normal["tau"],
    }


_STUDY, _COVARIATE = ("group",), ("covariate",)
_PARAMETERS = (
    Parameter("mu", "mean effect at mean covariates", "unit of y", "location"),
    Parameter(
        "beta_std",
        "change of the effect for one standard deviation of the covariate",
        "unit of y",
        "location",
        _COVARIATE,
    ),
    Parameter("tau", "sd of the effects that covariates leave", "unit of y", "scale"),
    Parameter("z", "standardised study effect", "tau", dims=_STUDY),
    Parameter("expected", "effect that covariates predict", "unit of y", dims=_STUDY),
    Parameter("theta", "effect of each study", "unit of y", dims=_STUDY),
    Parameter(
        "beta",
        "change of the effect for one unit of the covariate",
        "unit of y per unit of X",
        dims=_COVARIATE,
    ),
    Parameter("intercept", "mean effect where covariates are 0", "unit of y"),
    Parameter("tau2", "tau squared", "unit of y, squared"),
    Parameter("i2", "share of variance between studies, I^2", "proportion"),
    Parameter("r2", "share of that which covariates explain", "proportion"),
    Parameter("theta_new", "effect of a new study, mean covariates", "unit of y"),
)

#: One program with any number of covariates, none included.
STUDIES = (
    Model(
        "meta_regression",
        "Study estimates with standard errors and covariates, non-centered",
        "y_j ~ normal(theta_j, sigma_j); theta_j = mu + Xs_j beta_std + tau * z_j; "
        "z_j ~ normal(0, 1)",
        "studies",
        _PARAMETERS,
        _defaults,
        "theta",
        "meta_regression",
        "Thompson and Higgins (2002), doi:10.1002/sim.1187; Higgins, Thompson and "
        "Spiegelhalter (2009), doi:10.1111/j.1467-985X.2008.00552.x",
        ranked=("mu", "beta_std", "tau", "theta", "z"),
        example="bcg",
        exact=ExactForm(
            "normal",
            {"y": "y", "error": "sigma", "x": "X"},
            derived=(("tau2", "tau", "square"),),
        ),
    ),
)
