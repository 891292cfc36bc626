"""Observed outcomes beside replicates of them, and where replicates come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan import models, simulate
from hbstan.data.systems import kinds
from hbstan.errors import FitError, SettingsError
from hbstan.predictive.designs import SIZES
from hbstan.priors import priors_from_records
from hbstan.refit import dataset_of
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.data.system import SystemData
    from hbstan.fit import Fit
    from hbstan.models import Model

__all__ = [
    "QUESTIONS",
    "Replicates",
    "catalogue_model",
    "draw_parameters",
    "has_population",
    "new_groups",
    "of_fit",
    "outcomes_of",
    "same_groups",
]

#: What each way of replicating asks.
QUESTIONS = {
    "same_groups": "Would the same groups, observed again, look like the data? "
    "(group parameters as in the posterior)",
    "new_groups": "Would other groups of the same sizes from the same population look "
    "like the data? (group parameters redrawn)",
}


@dataclass(frozen=True)
class Replicates:
    """Outcomes and replicates of them.

    Parameters
    ----------
    kind : str
        ``"binomial"`` (events) or ``"normal"`` (estimates, in their own unit); for
        data of other shapes also ``"real"``, ``"count"`` or ``"binary"``.
    labels : tuple of str
        The groups, or whatever else has one outcome each.
    design : mapping of str to ndarray
        ``n`` or ``sigma``, of shape ``(J,)``; ``unit``, numbers from 0, where several
        outcomes belong to one group.
    y : ndarray of shape (J,), or None
        What was observed; None before there are data.
    y_rep : ndarray of shape (chain, draw, J)
        The replicates.
    held_out : tuple of str
        Groups that the likelihood did not see.
    units : tuple of str
        The group of each outcome, where groups have several.
    """

    kind: str
    labels: tuple[str, ...]
    design: Mapping[str, NDArray[Any]]
    y: NDArray[Any] | None
    y_rep: NDArray[Any]
    held_out: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    @property
    def informative(self) -> NDArray[np.bool_]:
        """Which groups can have more than one outcome: those with trials."""
        import numpy as np

        if self.kind == "binomial":
            return np.asarray(self.design["n"]) > 0
        return np.ones(len(self.labels), dtype=bool)

    @property
    def word(self) -> str:
        """What an outcome is called: a rate, an estimate, or an outcome."""
        return {"binomial": "rate", "normal": "estimate"}.get(self.kind, "outcome")

    @property
    def flat(self) -> NDArray[Any]:
        """The replicates, shape ``(chain * draw, J)``."""
        return self.y_rep.reshape(-1, self.y_rep.shape[2])

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which groups the likelihood saw."""
        import numpy as np

        owners = self.units or self.labels
        return np.array([label not in self.held_out for label in owners])

    def by_unit(self) -> Replicates:
        """Return the mean outcome of each group that has several, else the same."""
        import numpy as np

        if not self.units:
            return self
        names = tuple(dict.fromkeys(self.units))
        place = np.array([names.index(u) for u in self.units])
        sums = np.zeros((place.size, len(names)))
        sums[np.arange(place.size), place] = 1.0 / np.bincount(place)[place]
        y = None if self.y is None else self.y @ sums
        return Replicates("real", names, {}, y, self.y_rep @ sums, self.held_out)


def of_fit(fit: Fit, replicate: str, seed: int) -> Replicates:
    """Return a fit's outcomes with replicates of the one kind or the other.

    Parameters
    ----------
    fit : Fit
    replicate : {"same_groups", "new_groups"}
    seed : int
        For new groups.

    Returns
    -------
    Replicates

    Raises
    ------
    SettingsError
        If ``replicate`` is neither.
    FitError
        If the fit lacks what is needed.
    """
    if replicate not in QUESTIONS:
        raise SettingsError(
            f"replicate is {replicate!r}, but must be one of {', '.join(QUESTIONS)}."
        )
    return same_groups(fit) if replicate == "same_groups" else new_groups(fit, seed)


def same_groups(fit: Fit) -> Replicates:
    """Return the fit's own replicates ``y_rep``, given each group's parameter.

    Raises
    ------
    FitError
        If the fit has no replicates of grouped outcomes.
    """
    kind, labels, design, y = _outcomes(fit)
    units: tuple[str, ...] = ()
    if "unit" in design:
        names = dataset_of(fit).labels
        units = tuple(names[i] for i in design["unit"])
    made = fit.tree.get("posterior_predictive")
    if made is None or "y" not in made:
        raise FitError(
            f"the fit of {fit.model} has no replicates y_rep.",
            remedy="Fit with predictive=True, and let the program generate y_rep.",
        )
    values = made["y"]
    y_rep = values.transpose("chain", "draw", ...).values
    if fit.data_kind in kinds():
        y_rep = y_rep.reshape(*y_rep.shape[:2], -1)
    if y_rep.shape[2:] != y.shape:
        raise FitError(
            f"y_rep has the shape {y_rep.shape[2:]} a draw, but y has {y.shape}."
        )
    return Replicates(kind, labels, design, y, y_rep, _held_out(fit), units)


def outcomes_of(
    data: SystemData,
) -> tuple[str, tuple[str, ...], dict[str, NDArray[Any]], NDArray[Any]]:
    """Return kind, labels, design and outcomes, flattened, of data of any shape.

    Outcomes of groups that have several are labelled by group and number.
    """
    import numpy as np

    stan = data.to_stan()
    y = np.asarray(stan["y"]).ravel()
    rows = np.asarray(data.rows())
    if np.array_equal(rows, np.arange(data.J)):
        size = SIZES.get(data.outcome)
        design = {} if size is None else {size: np.asarray(stan[size])}
        return data.outcome, data.labels, design, y
    counts = np.zeros(data.J, dtype=int)
    labels = []
    for unit in rows:
        counts[unit] += 1
        labels.append(f"{data.labels[unit]} #{counts[unit]}")
    return data.outcome, tuple(labels), {"unit": rows}, y


def new_groups(fit: Fit, seed: int) -> Replicates:
    """Redraw group parameters from the population, and outcomes given those.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model.
    seed : int

    Raises
    ------
    FitError
        If the population is not known: the program is not the catalogue's.
    """
    import numpy as np

    kind, labels, design, y = _outcomes(fit)
    model = catalogue_model(fit)
    rng = np.random.default_rng(seed)
    system = system_of(model)
    if system is not None and system.redraw is not None:
        stan = dataset_of(fit).to_stan()
        sizes = fit.posterior.sizes
        made = system.redraw(_top_level(fit, model), stan, rng)
        y_rep = made.reshape(sizes["chain"], sizes["draw"], -1)
        return Replicates(kind, labels, design, y, y_rep, _held_out(fit))
    drawn = draw_parameters(fit, model, len(labels), rng)
    outcomes = simulate.draw_data(model, drawn, design, rng)
    sizes = fit.posterior.sizes
    y_rep = outcomes.reshape(sizes["chain"], sizes["draw"], len(labels))
    return Replicates(kind, labels, design, y, y_rep, _held_out(fit))


def catalogue_model(fit: Fit) -> Model:
    """Return the catalogue's model that was fitted, whose population is known.

    Raises
    ------
    FitError
        If the program is the user's own: its groups may be distributed otherwise.
    """
    if not has_population(fit):
        raise FitError(
            f"how {fit.model} draws new groups is not known: it is a program of your "
            "own, or its groups are more than one parameter.",
            remedy="Let the program generate new groups, or replicate the same ones.",
        )
    return models.get(fit.model)


def has_population(fit: Fit) -> bool:
    """Whether the fit is of a catalogue model, whose population is known."""
    edited = bool(fit.tree.attrs.get("program_file", ""))
    if edited or fit.model not in models.names():
        return False
    system = system_of(models.get(fit.model))
    return system is None or system.redraw is not None


def _top_level(fit: Fit, model: Model) -> dict[str, NDArray[Any]]:
    """Return the draws of top-level parameters, with one dimension of draws."""
    out = {}
    for parameter in model.top_level:
        if parameter.name not in fit.posterior:  # a vector without elements
            continue
        draws = fit.posterior[parameter.name].transpose("chain", "draw", ...)
        values = draws.values
        out[parameter.name] = values.reshape(-1, *values.shape[2:])
    return out


def draw_parameters(
    fit: Fit, model: Model, count: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Draw parameters of new groups for every draw of the top-level parameters.

    Groups of a model without pooling come from the prior that the fit had.

    Parameters
    ----------
    fit : Fit
    model : Model
        As :func:`catalogue_model` returns it.
    count : int
        Number of new groups.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray
        The top-level parameters, ``(chain * draw,)``, and those of the groups,
        ``(chain * draw, count)``.
    """
    top = {
        p.name: fit.posterior[p.name].transpose("chain", "draw").values.reshape(-1)
        for p in model.top_level
        if not p.dims
    }
    priors = priors_from_records(fit.provenance.get("priors", {}))
    sizes = fit.posterior.sizes
    size = int(sizes["chain"] * sizes["draw"])
    groups = simulate.draw_groups(model, top, count, rng, priors=priors, size=size)
    return {**top, **groups}


def _outcomes(
    fit: Fit,
) -> tuple[str, tuple[str, ...], dict[str, NDArray[Any]], NDArray[Any]]:
    """Return kind, labels, design and outcomes of a fit of grouped data.

    Groups of a system have as many outcomes as they like: see :func:`same_groups`.
    """
    if fit.data_kind in kinds():
        data: Any = dataset_of(fit)
        return outcomes_of(data)
    children = fit.tree.children
    constant = (
        fit.tree["constant_data"].to_dataset() if "constant_data" in children else {}
    )
    observed = (
        fit.tree["observed_data"].to_dataset() if "observed_data" in children else {}
    )
    size = next((s for s in ("n", "sigma") if s in constant), None)
    y = observed.get("y")
    if y is None or size is None or y.ndim != 1 or constant[size].shape != y.shape:
        raise FitError(
            f"{fit.model} was not fitted to grouped data: outcomes y with trials n or "
            "standard errors sigma, one a group.",
            remedy="Compare your program's own y_rep with y; hb.fit with a dataset "
            "makes these checks possible.",
        )
    group = (
        y[y.dims[0]].values.tolist() if y.dims[0] in y.coords else range(1, y.size + 1)
    )
    kind = "binomial" if size == "n" else "normal"
    labels = tuple(str(label) for label in group)
    return kind, labels, {size: constant[size].values}, y.values


def _held_out(fit: Fit) -> tuple[str, ...]:
    return tuple(str(label) for label in fit.provenance.get("holdout", ()))
