"""The catalogue's Gaussian process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.models.entry import Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior

__all__ = ["GP_REGRESSION"]

_INPUT, _GROUP, _CANDIDATE = ("input",), ("group",), ("candidate",)


def _defaults(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return priors for a standardised outcome and inputs on [0, 1]."""
    return {
        "mu": (
            pr.Normal(0.0, 1.0),
            "the surface's mean is about that of the outcomes",
        ),
        "alpha": (
            pr.HalfNormal(2.0),
            "the surface varies about as the outcomes do; few of them may have "
            "missed its extremes",
        ),
        "rho": (
            pr.Gamma(4.0, 8.0),
            "the surface bends over about half an input's range: hardly below 0.1, "
            "where it could not be told from noise, nor above 1.2, where it is flat",
        ),
        "sigma": (
            pr.HalfNormal(0.5),
            "from no noise to hardly anything else, the outcomes having a standard "
            "deviation of 1",
        ),
    }


#: Gaussian-process regression with expected improvement.
GP_REGRESSION = Model(
    "gp_regression",
    "A surface seen through noise: Gaussian process with expected improvement",
    "y_j = center + scale * (mu + g(u_j) + sigma * e_j); e_j ~ normal(0, 1); "
    "g ~ gp(0, alpha^2 * c(|u - v| / rho))",
    "surface",
    (
        Parameter("mu", "mean of the surface", "sd of y", "location"),
        Parameter("alpha", "amplitude of the surface", "sd of y", "scale"),
        Parameter(
            "rho", "length scale of each input", "range", "concentration", _INPUT
        ),
        Parameter("sigma", "noise", "sd of y", "scale"),
        Parameter("amplitude", "amplitude of the surface", "unit of y"),
        Parameter("noise", "standard deviation of the noise", "unit of y"),
        Parameter("lengthscale", "length scale", "unit of x", dims=_INPUT),
        Parameter("f", "the surface at the points", "unit of y", dims=_GROUP),
        Parameter("f_new", "the surface", "unit of y", dims=_CANDIDATE),
        Parameter("mean_new", "its mean, each draw", "unit of y", dims=_CANDIDATE),
        Parameter(
            "sd_new", "its standard deviation, each draw", "unit of y", dims=_CANDIDATE
        ),
        Parameter("ei", "expected improvement", "unit of y", dims=_CANDIDATE),
    ),
    _defaults,
    "f",
    "gp_regression",
    "Rasmussen and Williams (2006), Gaussian Processes for Machine Learning; Jones, "
    "Schonlau and Welch (1998), doi:10.1023/A:1008306431147",
    ranked=("mu", "alpha", "rho", "sigma"),
    example="forrester",
    predicted=("f", "f_new", "mean_new", "sd_new", "ei"),
)
