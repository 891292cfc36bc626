"""Which form of a model the sampler moves in: chosen by a rule, recorded, overridden.

The forms of a family have the same posterior and differ in what the sampler sees.

=============  ====================================================================
form           the sampler moves
=============  ====================================================================
centered       the groups' parameters themselves
noncentered    their standardised distances from the population's mean
partial        between the two, each group by its weight
marginal       the top-level parameters alone; those of the groups, which are
               integrated out, are drawn afterwards, exactly
=============  ====================================================================

The rule of ``"auto"``: the marginal form where a family has one, and the non-centered
one where it has none between that and the centered one. Otherwise a short pilot run of
the non-centered form gives each group's shrinkage weight ``w_j = E[d_j / (d_j + 1 /
tau^2)]`` with the precision ``d_j`` of the group's data: where all weights are below
0.1 the non-centered form, where all are above 0.9 the centered one, and else the
partial one with these weights (Papaspiliopoulos, Roberts and Skold 2007,
doi:10.1214/088342307000000014).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.models import Model

__all__ = ["AUTO", "FORMS", "PILOT", "Form", "choose_form", "forms_of"]

AUTO = "auto"
#: Each form, and how names of programs end that have it.
FORMS: Mapping[str, str] = {
    "centered": "centered",
    "noncentered": "noncentered",
    "partial": "adaptive",
    "marginal": "marginal",
}
#: Settings of the pilot run.
PILOT: Mapping[str, Any] = {"chains": 2, "iter_warmup": 300, "iter_sampling": 300}
#: Weights below the first, or above the second, make the partial form one of the two.
_NONE, _FULL = 0.1, 0.9


@dataclass(frozen=True)
class Form:
    """The form that was chosen, and why.

    Parameters
    ----------
    model : str, pathlib.Path or Model
        What to fit.
    asked : str
        What the caller asked for; empty if they named a program.
    form : str
        A key of :data:`FORMS`; empty for a program that has no other forms.
    reason : str
        Why, in words.
    weights : mapping of str to float, optional
        How far each group is centered, of the partial form.
    """

    model: str | Path | Model
    asked: str = ""
    form: str = ""
    reason: str = ""
    weights: Mapping[str, float] | None = None

    def record(self) -> dict[str, Any]:
        """Return the choice as JSON-ready data."""
        return {
            "asked": self.asked,
            "form": self.form,
            "reason": self.reason,
            "weights": None if self.weights is None else dict(self.weights),
        }


def forms_of(name: str) -> dict[str, str]:
    """Return the forms of a family, or of the family that a model belongs to.

    Parameters
    ----------
    name : str
        A family such as ``"logit"``, or a model's name.

    Returns
    -------
    dict of str to str
        Form to model, in the order of :data:`FORMS`; empty if there is one alone.

    Examples
    --------
    >>> from hbstan.parameterization import forms_of
    >>> forms_of("logit")["partial"]
    'logit_adaptive'
    """
    family = models.get(name).family if name in models.names() else name
    known = {n for n in models.names() if models.get(n).family == family}
    found = {
        form: f"{family}_{end}"
        for form, end in FORMS.items()
        if f"{family}_{end}" in known
    }
    if found and family in known:
        # The program without an ending samples the groups' own parameters.
        found = {"centered": family, **found}
    return found if len(found) > 1 else {}


def choose_form(
    model: str | Path | Model,
    asked: str | None,
    data: Any,
    pilot: Callable[[str], xr.Dataset],
) -> Form:
    """Choose the form of a model.

    Parameters
    ----------
    model : str, pathlib.Path or Model
        A family, a model of the catalogue, or a program of the user's.
    asked : str, optional
        ``"auto"`` or a key of :data:`FORMS`. By default ``"auto"`` for a family, and
        the program itself for a program.
    data : Dataset
    pilot : callable
        Model name -> posterior of a short run.

    Returns
    -------
    Form

    Raises
    ------
    ModelError
        If the family does not have that form.
    """
    name = model.name if isinstance(model, models.Model) else str(model)
    legal = {} if name.endswith(".stan") else forms_of(name)
    if asked is None and (name in models.names() or not legal):
        form = next((f for f, n in legal.items() if n == name), "")
        return Form(model, "", form, "the program was named" if form else "")
    asked = asked or AUTO
    if asked != AUTO and asked not in legal:
        raise ModelError(
            f"parameterization is {asked!r}; legal for {name}: "
            f"{', '.join([AUTO, *legal]) if legal else 'none, it has one form alone'}.",
            remedy="Leave parameterization out"
            + (", or name a legal one." if legal else "."),
        )
    if not legal:
        return Form(model, asked, "", f"{name} has one form alone")
    if asked == AUTO and "marginal" in legal:
        reason = "the groups can be integrated out, which leaves the sampler no funnel"
        return Form(legal["marginal"], asked, "marginal", reason)
    if asked not in (AUTO, "partial"):
        return Form(legal[asked], asked, asked, "asked for")
    if "partial" not in legal:
        reason = "there is no form between the two, and this one is safer: the data of "
        reason += "one unit seldom tell its own parameter well"
        return Form(legal["noncentered"], asked, "noncentered", reason)
    return _by_weights(asked, legal, data, pilot)


def _by_weights(
    asked: str,
    legal: Mapping[str, str],
    data: Any,
    pilot: Callable[[str], xr.Dataset],
) -> Form:
    """Choose by the shrinkage weights of a pilot run."""
    values = shrinkage_weights(pilot(legal["noncentered"]), data)
    low, high = float(values.min()), float(values.max())
    words = f"a pilot run gives the groups' own data weights from {low:.2f} to "
    words += f"{high:.2f}"
    form = "partial"
    if asked == AUTO and high < _NONE:
        form = "noncentered"
    elif asked == AUTO and low > _FULL:
        form = "centered"
    if form != "partial":
        return Form(legal[form], asked, form, words)
    weights = dict(zip(data.labels, values.tolist(), strict=True))
    return Form(legal["partial"], asked, "partial", words, weights)


def shrinkage_weights(posterior: xr.Dataset, data: Any) -> NDArray[Any]:
    """Return the posterior mean of each group's shrinkage weight.

    ``w_j = d_j / (d_j + 1 / tau^2)`` with the precision of the group's data: ``n_j p_j
    (1 - p_j)`` of events, on the log-odds scale; ``1 / sigma_j^2`` of estimates; and
    ``n_j / sigma^2`` of observations in groups.

    Parameters
    ----------
    posterior : xarray.Dataset
        With ``tau``, and ``theta`` or ``sigma`` where the precision depends on them.
    data : Dataset

    Returns
    -------
    ndarray of shape (J,)
        From 0 to 1.

    Raises
    ------
    ModelError
        If such data have no known precision.
    """
    import numpy as np
    from scipy.special import expit

    def draws(name: str) -> NDArray[Any]:
        values = posterior[name].transpose("chain", "draw", ...).values
        return np.asarray(values.reshape(-1, *values.shape[2:]), dtype=float)

    stan = data.to_stan()
    precision: Any
    if data.kind == "binomial":
        p = expit(draws("theta"))
        precision = np.asarray(stan["n"]) * p * (1.0 - p)
    elif data.kind == "normal":
        precision = np.asarray(stan["sigma"]) ** -2.0
    elif data.kind == "normal_groups":
        precision = np.asarray(stan["n"]) / draws("sigma")[:, None] ** 2
    else:
        raise ModelError(
            f"the precision of {data.kind} data is not known, so no weights follow.",
            remedy="Name a form.",
        )
    between = draws("tau")[:, None] ** 2
    # Written so that tau = 0 and groups without data give 0, not an undefined value.
    part = precision * between
    weights: NDArray[Any] = (part / (part + 1.0)).mean(axis=0)
    return weights
