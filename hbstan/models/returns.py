"""The catalogue's models of returns: stochastic volatility in two forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.defaults import two_digits
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["RETURNS"]


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors; that of mu has the unit of the returns."""
    import numpy as np

    variance = float(np.var(np.asarray(data.to_stan()["y"], dtype=float)))
    return {
        "mu": (
            pr.Normal(two_digits(float(np.log(variance))), 1.5),
            "the long-run standard deviation is that of the returns, within a factor "
            "of 4 or so",
        ),
        "phi_star": (
            pr.Beta(20.0, 1.5),
            "volatility comes in clusters: phi is 0.86 in the mean, 0.2 hardly "
            "possible (Kim, Shephard and Chib 1998, doi:10.1111/1467-937X.00050)",
        ),
        "sigma_eta": (
            pr.HalfNormal(0.5),
            "from a constant volatility to one that changes by a quarter at a time",
        ),
    }


_TIME = ("group",)
_PARAMETERS = (
    Parameter("mu", "long-run mean of the log variance", "log of y^2", "location"),
    Parameter("phi_star", "persistence mapped to (0, 1)", "proportion", "probability"),
    Parameter("sigma_eta", "sd of the shocks to the log variance", "h", "scale"),
    Parameter("phi", "correlation of neighbouring log variances", "correlation"),
    Parameter("h", "log variance at each time", "log of y^2", dims=_TIME),
    Parameter("h_mean", "mean of the path of log variances", "log of y^2"),
    Parameter("sd_last", "standard deviation of the last return", "unit of y"),
    Parameter("sd_y", "long-run standard deviation of a return", "unit of y"),
)
_NOTE = "y_t ~ normal(center, exp(h_t / 2)); "
_KASTNER = (
    "Kim, Shephard and Chib (1998), doi:10.1111/1467-937X.00050; Kastner and "
    "Fruehwirth-Schnatter (2014), doi:10.1016/j.csda.2013.01.002"
)
_RANKED = ("mu", "phi_star", "sigma_eta", "h")

#: The non-centered form first, which works on most series.
RETURNS = (
    Model(
        "sv_noncentered",
        "Returns: stochastic volatility, standardised shocks",
        _NOTE + "h_t = mu + phi (h_(t-1) - mu) + sigma_eta z_t; z_t ~ normal(0, 1)",
        "returns",
        (
            *_PARAMETERS,
            Parameter("z", "standardised shock", "sigma_eta", dims=_TIME),
        ),
        _defaults,
        "h",
        "sv",
        _KASTNER,
        ranked=_RANKED,
        example="volatility_short",
    ),
    Model(
        "sv_centered",
        "Returns: stochastic volatility, the path itself",
        _NOTE + "h_t ~ normal(mu + phi (h_(t-1) - mu), sigma_eta)",
        "returns",
        _PARAMETERS,
        _defaults,
        "h",
        "sv",
        _KASTNER,
        ranked=_RANKED,
        example="volatility_short",
    ),
)
