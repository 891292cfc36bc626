"""The catalogue's models of normal observations in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hbstan import priors as pr
from hbstan.models.defaults import two_digits
from hbstan.models.entry import ExactForm, Model, Parameter

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.data.normal_groups import NormalGroups
    from hbstan.priors import Prior

__all__ = ["NORMAL_GROUPS", "default_priors"]

_GROUP = ("group",)
_UNIT = "unit of y"
_SD = (
    Parameter("tau", "standard deviation of the effects", _UNIT, "scale"),
    Parameter("sigma", "standard deviation within groups", _UNIT, "scale"),
)
_MU = Parameter("mu", "mean of the population's effects", _UNIT, "location")
_THETA = Parameter("theta", "effect of each group", _UNIT, dims=_GROUP)
_W = Parameter("w", "weight of the group's own mean", "proportion", dims=_GROUP)
_ICC = Parameter("icc", "correlation of two observations of a group", "proportion")
_Z = Parameter("z", "standardised group effect", "tau", dims=_GROUP)
_XI = Parameter("xi", "partly centered effect", "unit of y^w_centered", dims=_GROUP)
_X = Parameter("x", "coordinates of z", "tau")
_EXACT = ExactForm("normal", {"y": "y", "n": "n", "ss": "ss"})
_BDA = "Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., sections 5.4 and 11.6"
_FORMS = "Papaspiliopoulos, Roberts and Skold (2007), doi:10.1214/088342307000000014"
_Y = "y_ij ~ normal(theta_j, sigma)"


def default_priors(data: Dataset) -> dict[str, tuple[Prior, str]]:
    """Return weakly informative priors, scaled by the data's own spread.

    Parameters
    ----------
    data : NormalGroups

    Returns
    -------
    dict
        Prior and reason of ``mu``, ``tau`` and ``sigma``, in the unit of ``y``.
    """
    import numpy as np

    groups = cast("NormalGroups", data)
    within = groups.pooled_sd()
    # The means' spread alone would be nearly zero for groups that happen to agree.
    spread = two_digits(float(np.hypot(groups.y.std(ddof=1), within)))
    centre = two_digits(float(np.median(groups.y)))
    return {
        "mu": (
            pr.Normal(centre, two_digits(2.5 * spread)),
            "2.5 times the spread of single observations around the median group: "
            "wide enough for the data to decide",
        ),
        "tau": (
            pr.HalfNormal(spread),
            "groups that differ by more than single observations do are possible, but "
            "not expected",
        ),
        "sigma": (
            pr.HalfNormal(two_digits(2.5 * within)),
            "2.5 times the pooled standard deviation within groups: wide enough for "
            "the data to decide",
        ),
    }


def _model(
    form: str,
    words: str,
    effects: str,
    parameters: tuple[Parameter, ...],
    *,
    example: str = "omega_small",
    family: str = "normal_groups",
) -> Model:
    return Model(
        f"normal_groups_{form}",
        f"Observations in groups: normal effects, {words}",
        f"{_Y}; {effects}",
        "normal_groups",
        parameters,
        default_priors,
        "theta",
        family,
        f"{_BDA}; {_FORMS}",
        ranked=("mu", "tau", "sigma", "theta"),
        example=example,
        weighted=form == "adaptive",
        # Effects that sum to zero are no independent draws of a population.
        exact=None if form == "sum_to_zero" else _EXACT,
    )


#: The forms of one model, the fastest first, and its sum-to-zero relative.
NORMAL_GROUPS: tuple[Model, ...] = (
    _model(
        "marginal",
        "integrated out",
        "y_mean_j ~ normal(mu, sqrt(tau^2 + sigma^2 / n_j)); theta_j drawn given them",
        (_MU, *_SD, _THETA, _W, _ICC),
    ),
    _model(
        "centered",
        "centered",
        "theta_j ~ normal(mu, tau)",
        (_MU, *_SD, _THETA, _W, _ICC),
    ),
    _model(
        "noncentered",
        "non-centered",
        "theta_j = mu + tau * z_j; z_j ~ normal(0, 1)",
        (_MU, *_SD, _THETA, _W, _ICC, _Z),
        example="small_groups",
    ),
    _model(
        "adaptive",
        "centered as far as the data call for",
        "theta_j = mu + tau^(1 - v_j) * (xi_j - v_j * mu); "
        "xi_j ~ normal(v_j * mu, tau^v_j), v = w_centered",
        (_MU, *_SD, _THETA, _W, _ICC, _XI),
        example="small_groups",
    ),
    _model(
        "sum_to_zero",
        "summing to zero about their mean",
        "theta_j = mu + tau * z_j; z ~ normal on sum(z) = 0",
        (
            Parameter("mu", "mean of these groups' effects", _UNIT, "location"),
            *_SD,
            _THETA,
            _ICC,
            _Z,
            _X,
        ),
        example="small_groups",
        family="normal_groups_sum_to_zero",
    ),
)
