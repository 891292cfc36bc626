"""What the catalogue says of new_model: belongs to ``hbstan/models/new_model.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["MODEL", "defaults"]


def defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return weakly informative priors for any data of the kind, with reasons."""
    import numpy as np

    stan = data.to_stan()
    # CHANGE: fixed numbers on a scale without a unit (log-odds, probability); where
    # the data have a unit, the priors must follow it.
    spread = float(np.hypot(np.std(stan["y"], ddof=1), np.mean(stan["sigma"])))
    centre = float(np.median(stan["y"]))
    return {
        "mu": (
            pr.Normal(centre, 2.5 * spread),
            "CHANGE: why this family and these numbers",
        ),
        "tau": (pr.HalfNormal(spread), "CHANGE: why this family and these numbers"),
    }


MODEL = Model(
    "new_model",
    # CHANGE: title and formula.
    "Estimates with standard errors: normal effects",
    "y_j ~ normal(theta_j, sigma_j); theta_j = mu + tau * z_j; z_j ~ normal(0, 1)",
    # CHANGE: "binomial" for events among trials.
    "normal",
    (
        # CHANGE: every quantity of the program. Those with a role have priors, and
        # come in the order of lprior: location, scale, probability, concentration.
        Parameter("mu", "mean of the groups' effects", "unit of y", "location"),
        Parameter("tau", "standard deviation of the effects", "unit of y", "scale"),
        Parameter("theta", "effect of each group", "unit of y", dims=("group",)),
        Parameter("z", "standardised group effect", "tau", dims=("group",)),
    ),
    defaults,
    # CHANGE: "p" for events among trials.
    "theta",
    # Models of one family have parameters, priors and generator in common.
    "new_model",
    "CHANGE: author (year), title, doi",
)
