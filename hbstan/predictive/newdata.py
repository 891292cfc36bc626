"""Predictions of new data from a fit, without fitting again.

The program's own generated quantities make the predictions, from the draws of the fit
and the new sizes. Groups that the fit does not know get parameters drawn from the
population first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import backends
from hbstan.data.systems import kinds
from hbstan.errors import DataError, FitError, SettingsError
from hbstan.predictive import designs
from hbstan.predictive.arguments import seed_or_fresh
from hbstan.predictive.coverage import coverage_table, group_table
from hbstan.predictive.replicates import (
    Replicates,
    catalogue_model,
    draw_parameters,
)
from hbstan.predictive.tables import records
from hbstan.refit import planned
from hbstan.types import RawDraws

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.fit import Fit
    from hbstan.types import Backend

__all__ = ["Prediction", "predict"]

_GROUPS = ("same", "new")


@dataclass(frozen=True)
class Prediction:
    """Predicted outcomes of data that the model was not fitted to.

    Parameters
    ----------
    model : str
    groups : {"same", "new"}
        Whether the groups are those of the fit or others of the population.
    seed : int
    backend : str
        Name of the backend that ran the generated quantities.
    replicates : Replicates
        The predictions as ``y_rep``; ``y`` if the new data have outcomes.
    """

    model: str
    groups: str
    seed: int
    backend: str
    replicates: Replicates

    @property
    def y(self) -> NDArray[Any]:
        """The predicted outcomes, shape ``(chain, draw, group)``."""
        return self.replicates.y_rep

    def table(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return each group's predictive mean, sd and equal-tailed interval.

        Parameters
        ----------
        ci_prob : float
            Probability of the intervals, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            See :func:`hbstan.predictive.coverage.group_table`.

        Raises
        ------
        SettingsError
            If ``ci_prob`` is no probability.
        """
        return group_table(self.replicates, ci_prob).drop(columns="held_out")

    def coverage(self) -> pd.DataFrame:
        """Count the new outcomes inside their intervals.

        See :func:`hbstan.predictive.coverage.coverage_table`.

        Raises
        ------
        DataError
            If the new data have no outcomes.
        """
        if self.replicates.y is None:
            raise DataError(
                "a design has no outcomes that intervals could cover.",
                remedy="Predict a dataset with outcomes.",
            )
        return coverage_table(self.replicates)

    def record(self) -> dict[str, Any]:
        """Return the prediction's tables as JSON-ready data."""
        out: dict[str, Any] = {
            "model": self.model,
            "groups": self.groups,
            "seed": self.seed,
            "backend": self.backend,
            "table": records(self.table()),
        }
        if self.replicates.y is not None:
            out["coverage"] = records(self.coverage())
        return out

    def __repr__(self) -> str:
        chains, draws, count = self.replicates.y_rep.shape
        return (
            f"<Prediction of {self.model} for {count} {self.groups} groups: "
            f"{chains} chains x {draws} draws>"
        )


def predict(
    fit: Fit,
    data: Dataset | Mapping[str, Any] | str | Path,
    *,
    groups: str = "same",
    seed: int | None = None,
    backend: str | Backend | None = None,
) -> Prediction:
    """Predict the outcomes of new data by the program's generated quantities.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model, or, for the same groups, of an edited copy of one.
    data : Dataset, str, pathlib.Path or mapping
        The new data: a dataset (whose outcomes are compared, not used), what
        :func:`hbstan.data.load` takes, or a design such as
        ``{"group": labels, "n": trials}``.
    groups : {"same", "new"}
        ``"same"``: groups of the fit, found by label, perhaps not all of them and
        with other sizes. ``"new"``: groups under other labels; their parameters are
        drawn from the population given each draw of the top-level parameters.
    seed : int, optional
        By default a fresh one, which is recorded.
    backend : str or Backend, optional
        By default the fit's own. The cmdstan backend also takes the draws of a fit
        that another backend made.

    Returns
    -------
    Prediction

    Raises
    ------
    NotSupportedError
        If the backend has no generated quantities on an earlier fit: stanli.
    DataError
        If a label is not, or must not be, among the fit's.
    FitError
        If the fit's program is not known, has changed, or makes no ``y_rep``.
    """
    import numpy as np

    if groups not in _GROUPS:
        raise SettingsError(f"groups is {groups!r}, but must be same or new.")
    seed = seed_or_fresh(seed)
    kind = fit.data_kind
    if kind in kinds():
        raise FitError(
            f"new {kind} data cannot be predicted from the fit of {fit.model}.",
            remedy="Hold out what is to be predicted (hb.fit(..., holdout=[...])): its "
            "y_rep are predictions; rows of a regression: hb.predict_rows.",
        )
    engine = backends.choose(fit.backend if backend is None else backend)
    base = planned(fit)
    kind = "binomial" if "n" in base.stan else "normal"
    new = designs.read(data, kind, fit.model)
    labels = _check_labels(fit, tuple(base.labels.coords["group"]), new.labels, groups)
    weights = np.asarray(base.stan.get("w_centered", np.ones(len(labels))))
    if groups == "same":
        positions = [labels.index(label) for label in new.labels]
        variables, weights = _same(fit, positions), weights[positions]
    else:
        variables, weights = _new(fit, len(new.labels), seed), np.ones(len(new.labels))
    stan = {
        **base.stan,
        "w_centered": weights.tolist(),
        **new.to_stan(),
        "holdout": [0] * len(new.labels),
        "predictive": 1,
    }
    stan = {key: value for key, value in stan.items() if key in base.stan}
    made = backends.generate_quantities(
        engine, base.program, stan, RawDraws(variables, {}), seed=seed
    )
    if "y_rep" not in made:
        raise FitError(
            f"{fit.model} generates no y_rep, so it predicts nothing.",
            remedy="Generate y_rep in the program.",
        )
    y_rep = np.asarray(made["y_rep"])
    y_rep = y_rep.astype(np.int64) if kind == "binomial" else y_rep
    replicates = Replicates(kind, new.labels, new.sizes, new.y, y_rep)
    return Prediction(fit.model, groups, seed, engine.name, replicates)


def _check_labels(
    fit: Fit, known: tuple[Any, ...], labels: tuple[str, ...], groups: str
) -> tuple[str, ...]:
    """Return the fit's labels, once the new ones are as ``groups`` says."""
    names = tuple(str(label) for label in known)
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    for label in labels:
        if groups == "same" and label not in names:
            raise DataError(
                f"{label!r} is no group of the fit of {fit.model}; legal: {shown}.",
                remedy="Use groups='new' for groups that the fit does not know.",
            )
        if groups == "new" and label in names:
            raise DataError(
                f"{label!r} is a group of the fit of {fit.model}, so it is not new.",
                remedy="Use groups='same', or give new groups other labels.",
            )
    return names


def _sampled(fit: Fit) -> dict[str, tuple[NDArray[Any], bool]]:
    """Return the draws of the program's parameters, and which are one a group."""
    arrays = fit.sampled
    if not arrays:
        raise FitError(
            f"the fit of {fit.model} does not tell which variables are parameters.",
            remedy="Fit again with hb.fit.",
        )
    return {name: (a.values, "group" in a.dims) for name, a in arrays.items()}


def _same(fit: Fit, positions: list[int]) -> dict[str, NDArray[Any]]:
    return {
        name: values[:, :, positions] if by_group else values
        for name, (values, by_group) in _sampled(fit).items()
    }


def _new(fit: Fit, count: int, seed: int) -> dict[str, NDArray[Any]]:
    """Return the top-level draws with parameters of ``count`` new groups."""
    import numpy as np

    model = catalogue_model(fit)
    sizes = (int(fit.posterior.sizes["chain"]), int(fit.posterior.sizes["draw"]))
    drawn = draw_parameters(fit, model, count, np.random.default_rng(seed))
    if model.weighted:  # fully centered, as new groups are, it is the effect itself
        drawn["xi"] = drawn["theta"]
    out = {}
    for name, (values, by_group) in _sampled(fit).items():
        if by_group and name not in drawn:
            raise FitError(
                f"{fit.model}: the simulator does not draw {name} for new groups."
            )
        out[name] = drawn[name].reshape(*sizes, count) if by_group else values
    return out
