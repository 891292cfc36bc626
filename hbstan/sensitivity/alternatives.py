"""Priors that somebody else might have taken, by what the parameter is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hbstan import priors as pr
from hbstan.errors import FitError
from hbstan.priors import Prior, prior_from_record

if TYPE_CHECKING:
    from hbstan.fit import Fit
    from hbstan.models import Parameter

__all__ = ["default_swaps"]


def default_swaps(fit: Fit) -> dict[str, list[Prior]]:
    """Return other priors for each top-level parameter of a fit.

    =============  ===============================================================
    role           alternatives
    =============  ===============================================================
    location       the fit's with half and with twice the scale
    scale          half-normal, half-Cauchy and half-Student-t (df 3) of scale s,
                   exponential of rate 1/s: s = 1 for log-odds, otherwise the scale
                   of the fit's own prior
    probability    ``Beta(1, 1)``, ``Beta(0.5, 0.5)``, ``Beta(2, 2)``
    concentration  a gamma's with half and twice the rate; a Pareto's with half and
                   twice the shape; one of the other family with the same median
                   (a gamma of shape 1)
    correlation    ``LKJ(1)``, which is uniform, and an LKJ with twice the eta
    =============  ===============================================================

    Half-Cauchy and half-Student-t scales are those of Gelman (2006,
    doi:10.1214/06-BA117A).

    Parameters
    ----------
    fit : Fit
        Of a catalogue model, or an edited copy of one.

    Returns
    -------
    dict of str to list of Prior
        Without the fit's own.

    Raises
    ------
    FitError
        If the model's parameters are not known.
    """
    if fit.like is None:
        raise FitError(
            f"{fit.model} is not like any model of the catalogue, so the roles of its "
            "parameters are not known.",
            remedy="Name the priors to try: swaps={'tau': ['HalfCauchy(1)']}.",
        )
    found = {}
    for parameter in fit.like.top_level:
        own = prior_from_record(fit.priors[parameter.name])
        others = _BY_ROLE[parameter.role](own, parameter)
        found[parameter.name] = [prior for prior in others if prior != own]
    return found


def _locations(own: Prior, parameter: Parameter) -> list[Prior]:
    assert isinstance(own, pr.Normal | pr.StudentT)
    return [replace(own, scale=own.scale * factor) for factor in (0.5, 2.0)]


def _scales(own: Prior, parameter: Parameter) -> list[Prior]:
    s = 1.0
    if parameter.unit != "log-odds":
        s = 1.0 / own.rate if isinstance(own, pr.Exponential) else own.args[-1]
    return [
        pr.HalfNormal(s),
        pr.HalfCauchy(s),
        pr.HalfStudentT(3.0, s),
        pr.Exponential(1.0 / s),
    ]


def _probabilities(own: Prior, parameter: Parameter) -> list[Prior]:
    return [pr.Beta(1.0, 1.0), pr.Beta(0.5, 0.5), pr.Beta(2.0, 2.0)]


def _concentrations(own: Prior, parameter: Parameter) -> list[Prior]:
    median = float(own.distribution().ppf(0.5))
    if isinstance(own, pr.Pareto):
        same = [replace(own, shape=own.shape * factor) for factor in (0.5, 2.0)]
        return [*same, pr.Gamma(1.0, math.log(2.0) / median)]
    assert isinstance(own, pr.Gamma)
    varied: list[Prior] = [replace(own, rate=own.rate * f) for f in (0.5, 2.0)]
    least = 1.0 if parameter.minimum is None else parameter.minimum
    if median > least:
        varied.append(pr.Pareto(least, math.log(2.0) / math.log(median / least)))
    return varied


def _correlations(own: Prior, parameter: Parameter) -> list[Prior]:
    assert isinstance(own, pr.LKJ)
    return [pr.LKJ(1.0), pr.LKJ(2.0 * own.eta)]


_BY_ROLE: Mapping[str, Callable[[Prior, Parameter], list[Prior]]] = {
    "location": _locations,
    "scale": _scales,
    "probability": _probabilities,
    "concentration": _concentrations,
    "correlation": _correlations,
}
