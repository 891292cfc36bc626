"""The scalar quantities whose posteriors are watched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.diagnostics import columns_of, is_constant
from hbstan.errors import FitError
from hbstan.refit import Change, Refit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["Quantity", "draws_of", "fault_of", "of_predictions", "quantities"]

#: Internal variables of non-centered programs: on no scale of the user's.
_INTERNAL = ("z", "xi")
#: Tails of a larger Pareto k have no standard deviation.
_HEAVY = 0.5
#: From here on draws are of the upper tail.
_IN_TAIL = 0.8


@dataclass(frozen=True)
class Quantity:
    """A scalar of the posterior.

    Parameters
    ----------
    label : str
        Variable, and element if it has several: ``"tau"``, ``"p[A]"``; of what is
        watched as its logarithm ``"log(kappa)"``.
    variable : str
    element : str
        The label without the logarithm.
    group : str
        The group that it belongs to; empty for what is of all groups.
    draws : ndarray of shape (chain, draw)
    """

    label: str
    variable: str
    element: str
    group: str
    draws: NDArray[Any]

    @property
    def logarithm(self) -> bool:
        """Whether the logarithm is watched."""
        return self.label != self.element


def quantities(fit: Fit, var_names: Iterable[str] | None = None) -> list[Quantity]:
    """Return the quantities of a fit that move.

    Parameters
    ----------
    fit : Fit
    var_names : iterable of str, optional
        Variables of the posterior. By default, of a model of the catalogue, its
        top-level parameters, its other scalars and the groups' estimates; of another
        program all variables but ``z`` and ``xi``.

    Returns
    -------
    list of Quantity
        Without those that are the same in all draws: constants by construction.
        Concentrations, which have no bounds when groups may be all alike, and what
        else is positive with so heavy a tail that it has no standard deviation (a
        Pareto k above 0.5), are watched as their logarithms.

    Raises
    ------
    FitError
        If a variable is unknown, has draws that are not finite, or none is left.
    """
    import numpy as np

    found, spread = [], _concentrations(fit)
    for place in _elements(fit, _names(fit, var_names)):
        if is_constant(place.draws):
            continue
        positive = place.draws.min() > 0
        if positive and (place.variable in spread or _tail(place.draws) > _HEAVY):
            logs = np.log(place.draws)
            place = replace(place, label=f"log({place.label})", draws=logs)
        found.append(place)
    if not found:
        raise FitError(f"the posterior of {fit.model} has no quantity that moves.")
    return found


def of_predictions(fit: Fit, watched: Iterable[Quantity]) -> bool:
    """Return whether refits need ``predictive=True`` to have what is watched."""
    predicted = () if fit.like is None else fit.like.predicted
    return any(quantity.variable in predicted for quantity in watched)


def draws_of(fit: Fit, watched: Iterable[Quantity]) -> dict[str, NDArray[Any]]:
    """Return another fit's draws of the same quantities, by label.

    Logarithms are taken of what they were taken of before, and of nothing else.

    Raises
    ------
    FitError
        If draws are not finite.
    """
    import numpy as np

    wanted = {quantity.element: quantity for quantity in watched}
    names = list(dict.fromkeys(quantity.variable for quantity in wanted.values()))
    return {
        wanted[one.label].label: np.log(one.draws)
        if wanted[one.label].logarithm
        else one.draws
        for one in _elements(fit, names)
        if one.label in wanted
    }


def _elements(fit: Fit, names: Iterable[str]) -> Iterator[Quantity]:
    """Yield every element of the variables as it is."""
    import numpy as np

    posterior = fit.posterior
    for name in names:
        dims = [d for d in posterior[name].dims if d not in ("chain", "draw")]
        groups = dims == ["group"] and "group" in posterior[name].coords
        labels = posterior["group"].values.tolist() if groups else []
        for place, column in enumerate(columns_of(posterior[[name]])):
            if not np.isfinite(column.draws).all():
                raise FitError(
                    f"{column.label} of {fit.model} has draws that are not finite.",
                    remedy="See fit.diagnose(), or leave it out with var_names.",
                )
            group = str(labels[place]) if groups else ""
            yield Quantity(column.label, name, column.label, group, column.draws)


def _tail(draws: NDArray[Any]) -> float:
    """Return Pareto's k of the upper tail; none, if its values are all the same."""
    import numpy as np
    from arviz_stats.base import array_stats

    if np.quantile(draws, _IN_TAIL) == draws.max():
        return -np.inf
    return float(
        array_stats.pareto_khat(draws, chain_axis=0, draw_axis=1, tail="right")
    )


def _concentrations(fit: Fit) -> set[str]:
    """Return the parameters that grow without bounds as the groups become alike."""
    known = () if fit.like is None else fit.like.parameters
    return {p.name for p in known if p.role == "concentration" or p.unit == "trials"}


def fault_of(fit: Fit) -> str:
    """Return why a fit's draws cannot be compared with others; empty if they can."""
    return Refit(Change("the fit"), fit, "", 0.0).fault


def _names(fit: Fit, var_names: Iterable[str] | None) -> list[str]:
    known = [str(name) for name in fit.posterior.data_vars]
    if var_names is not None:
        wanted = [var_names] if isinstance(var_names, str) else [*var_names]
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise FitError(
                f"the posterior of {fit.model} has no variable "
                f"{', '.join(map(repr, unknown))}; it has {', '.join(known)}."
            )
        return list(dict.fromkeys(wanted))
    if fit.like is None:
        return [name for name in known if name not in _INTERNAL]
    chosen = [
        p.name
        for p in fit.like.parameters
        if p.role
        # A concentration of the same moments says again what tau says, without a mean.
        or (not p.dims and p.unit != "trials")
        or p.name == fit.like.estimate
    ]
    return [name for name in chosen if name in known]
