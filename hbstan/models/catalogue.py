"""The catalogue's entries."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from hbstan.errors import ModelError
from hbstan.models import defaults
from hbstan.models.adaptive import adaptive_forms
from hbstan.models.alternatives import ALTERNATIVES
from hbstan.models.entry import ExactForm, Model, Parameter
from hbstan.models.systems import SYSTEMS

__all__ = ["get", "names"]

_LOGIT_PARAMETERS = (
    Parameter("mu", "log-odds of the median group", "log-odds", "location"),
    Parameter("tau", "standard deviation of the groups", "log-odds", "scale"),
    Parameter("theta", "log-odds of each group", "log-odds", dims=("group",)),
    Parameter("p", "event probability of each group", "probability", dims=("group",)),
    Parameter("p_pop_median", "probability of the median group", "probability"),
    Parameter("p_pop_mean", "probability averaged over groups", "probability"),
    Parameter("icc", "intraclass correlation on the latent scale", "proportion"),
    Parameter("kappa", "concentration of the beta of same mean and variance", "trials"),
    Parameter(
        "overdispersion",
        "variance of the events relative to a binomial of the mean probability",
        "ratio",
        dims=("group",),
    ),
)
_Z = Parameter("z", "standardised group effect", "tau", dims=("group",))
_NORMAL_PARAMETERS = (
    Parameter("mu", "mean of the groups' effects", "unit of y", "location"),
    Parameter("tau", "standard deviation of the effects", "unit of y", "scale"),
    Parameter("theta", "effect of each group", "unit of y", dims=("group",)),
    Parameter("w", "weight of the group's own estimate", "proportion", dims=("group",)),
)
_LOGIT = "y_j ~ binomial(n_j, inv_logit(theta_j))"
_NORMAL = "y_j ~ normal(theta_j, sigma_j)"
_CENTERED = "theta_j ~ normal(mu, tau)"
_NON_CENTERED = "theta_j = mu + tau * z_j; z_j ~ normal(0, 1)"
_LOGIT_EXACT = ExactForm(
    "logit_normal",
    {"y": "y", "n": "n"},
    derived=(
        ("p_pop_median", "mu", "inv_logit"),
        ("icc", "tau", "icc_logistic"),
    ),
)
_BETA_EXACT = ExactForm(
    "beta_binomial",
    {"y": "y", "n": "n"},
    derived=(
        ("p_pop_mean", "mu", "identity"),
        ("icc", "kappa", "icc_concentration"),
    ),
)
_NORMAL_EXACT = ExactForm("normal", {"y": "y", "error": "sigma"})
_BDA = "Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., chapter 5"
_PAPASPILIOPOULOS = (
    "Papaspiliopoulos, Roberts and Skold (2007), doi:10.1214/088342307000000014"
)

_PLAIN: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            "logit_noncentered",
            "Events in groups: normal effects on the log-odds, non-centered",
            f"{_LOGIT}; {_NON_CENTERED}",
            "binomial",
            (*_LOGIT_PARAMETERS, _Z),
            defaults.logit,
            "p",
            "logit",
            f"{_BDA}; {_PAPASPILIOPOULOS}",
            exact=_LOGIT_EXACT,
        ),
        Model(
            "logit_centered",
            "Events in groups: normal effects on the log-odds, centered",
            f"{_LOGIT}; {_CENTERED}",
            "binomial",
            _LOGIT_PARAMETERS,
            defaults.logit,
            "p",
            "logit",
            f"{_BDA}; {_PAPASPILIOPOULOS}",
            exact=_LOGIT_EXACT,
        ),
        Model(
            "beta_binomial",
            "Events in groups: beta-distributed probabilities",
            "y_j ~ binomial(n_j, p_j); p_j ~ beta(mu * kappa, (1 - mu) * kappa)",
            "binomial",
            (
                Parameter(
                    "mu", "mean probability of the groups", "probability", "probability"
                ),
                Parameter(
                    "kappa", "concentration of the groups", "trials", "concentration"
                ),
                Parameter(
                    "p",
                    "event probability of each group",
                    "probability",
                    dims=("group",),
                ),
                Parameter(
                    "theta", "log-odds of each group", "log-odds", dims=("group",)
                ),
                Parameter(
                    "p_pop_median", "probability of the median group", "probability"
                ),
                Parameter(
                    "p_pop_mean", "probability averaged over groups", "probability"
                ),
                Parameter("icc", "intraclass correlation, 1/(kappa + 1)", "proportion"),
                Parameter(
                    "overdispersion",
                    "variance of the events relative to a binomial of the mean "
                    "probability",
                    "ratio",
                    dims=("group",),
                ),
            ),
            defaults.beta_binomial,
            "p",
            "beta_binomial",
            _BDA,
            exact=_BETA_EXACT,
        ),
        Model(
            "eight_schools_noncentered",
            "Estimates with standard errors: normal effects, non-centered",
            f"{_NORMAL}; {_NON_CENTERED}",
            "normal",
            (*_NORMAL_PARAMETERS, _Z),
            defaults.normal,
            "theta",
            "eight_schools",
            "Rubin (1981), doi:10.3102/10769986006004377; " + _PAPASPILIOPOULOS,
            exact=_NORMAL_EXACT,
        ),
        Model(
            "eight_schools_centered",
            "Estimates with standard errors: normal effects, centered",
            f"{_NORMAL}; {_CENTERED}",
            "normal",
            _NORMAL_PARAMETERS,
            defaults.normal,
            "theta",
            "eight_schools",
            "Rubin (1981), doi:10.3102/10769986006004377; " + _PAPASPILIOPOULOS,
            exact=_NORMAL_EXACT,
        ),
        *ALTERNATIVES,
        *SYSTEMS,
    )
}
_CATALOGUE: Mapping[str, Model] = {
    **_PLAIN,
    **{model.name: model for model in adaptive_forms(_PLAIN)},
}


def names() -> tuple[str, ...]:
    """Return the names of the catalogue's models."""
    return tuple(_CATALOGUE)


def get(name: str) -> Model:
    """Return the catalogue's model of that name.

    Raises
    ------
    ModelError
        If there is none; the message offers the nearest.

    Examples
    --------
    >>> from hbstan import models
    >>> models.get("logit_noncentered").kind
    'binomial'
    """
    try:
        return _CATALOGUE[name]
    except KeyError:
        near = difflib.get_close_matches(name, _CATALOGUE, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ModelError(
            f"there is no model {name!r}; the catalogue has {', '.join(_CATALOGUE)}.",
            remedy=f"{hint}A program of your own is given by its path, ending in "
            ".stan.",
        ) from None
