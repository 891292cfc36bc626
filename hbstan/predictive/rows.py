"""Predictions of new rows from a regression, from its draws and without Stan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.data.checks import Column, check_lengths, read_cells
from hbstan.data.regression_columns import encode
from hbstan.data.tables import Table, read_table
from hbstan.data.values import LABELS, as_label
from hbstan.errors import DataError, FitError, SettingsError
from hbstan.predictive.arguments import probability, seed_or_fresh
from hbstan.predictive.summaries import interval, summarise
from hbstan.simulate.regression import group_effects, linear_predictor

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["RowPrediction", "predict_rows"]

_KINDS = ("linear_regression", "logistic_regression")
_GROUPS = ("same", "new")


@dataclass(frozen=True)
class RowPrediction:
    """Predicted outcomes of rows that a regression was not fitted to.

    Parameters
    ----------
    model : str
    groups : {"same", "new"}
        Whether the rows' groups are those of the fit or others of the population.
    seed : int
    labels : tuple of str
        The group of each row; empty texts where the fit has no groups.
    expected : ndarray of shape (chain, draw, row)
        Mean outcome of a row, in the outcome's unit; for a logistic regression the
        probability of 1.
    y : ndarray of shape (chain, draw, row)
        Outcomes drawn from it.
    """

    model: str
    groups: str
    seed: int
    labels: tuple[str, ...]
    expected: NDArray[Any]
    y: NDArray[Any]

    def table(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Summarise each row's prediction.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        pandas.DataFrame
            ``group``; ``expected`` with ``expected_lower`` and ``expected_upper``,
            where the row's mean (or probability) lies; ``sd``, ``lower`` and
            ``upper`` of the outcome itself, which also varies around its mean.
        """
        import pandas as pd

        probability("ci_prob", ci_prob)
        of_mean = interval(self.expected, ci_prob)
        outcome = summarise(self.y, ci_prob)
        columns = {
            "group": list(self.labels),
            "expected": self.expected.mean(axis=(0, 1)),
            "expected_lower": of_mean[0],
            "expected_upper": of_mean[1],
            **{k: outcome[k] for k in ("sd", "lower", "upper")},
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        chains, draws, rows = self.y.shape
        return (
            f"<RowPrediction of {self.model} for {rows} rows of {self.groups} groups: "
            f"{chains} chains x {draws} draws>"
        )


def predict_rows(
    fit: Fit,
    new_table: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None = None,
    groups: str = "same",
    seed: int | None = None,
) -> RowPrediction:
    """Predict the outcomes of new rows from the draws of a regression.

    For each draw the mean is ``intercept + x_i slope + w_i u_g[i]`` (its inverse logit
    for a logistic regression); outcomes are drawn around it.

    Parameters
    ----------
    fit : Fit
        Of a linear or logistic regression.
    new_table : DataFrame, mapping of columns, or path
        The covariates under the names of the columns that the fit's data were read
        from, in their own units; other columns are left aside.
    group : str, optional
        The column of group labels; needed unless nothing varies by group.
    groups : {"same", "new"}
        ``"same"``: groups of the fit, by label. ``"new"``: groups under other labels,
        whose effects are drawn from the population, ``u ~ normal(0, diag(tau) Omega
        diag(tau))`` given each draw, once a label.
    seed : int, optional
        By default a fresh one, which is recorded.

    Returns
    -------
    RowPrediction

    Raises
    ------
    DataError
        If a column is missing, a value illegal, a level of a covariate was not among
        the rows of the fit, or a group is not, or must not be, among the fit's.
    FitError
        If the fit is of another model.
    SettingsError
        If ``groups`` or ``seed`` is illegal.
    """
    import numpy as np

    if groups not in _GROUPS:
        raise SettingsError(f"groups is {groups!r}, but must be same or new.")
    kind = fit.data_kind
    if kind not in _KINDS:
        raise FitError(
            f"{fit.model} is no regression of rows, so it predicts no rows.",
            remedy="Use hb.predict for new data of groups.",
        )
    seed = seed_or_fresh(seed)
    rng = np.random.default_rng(seed)
    table = read_table(new_table)
    parameters, stan = _of_fit(fit)
    covariates = _labels_of(fit, "slope", "covariate")
    stan["X"] = encode(table, covariates)
    rows = len(stan["X"])
    if covariates and rows == 0:
        raise DataError(
            f"{table.origin.source}: there are no rows to predict; legal: at least 1.",
            remedy="Check how the table was made.",
        )
    labels = ("",) * rows
    stan["g"] = np.ones(rows, dtype=int)
    if len(stan["varying"]):
        own = _labels(fit, table, group)
        if covariates:
            check_lengths(table.origin, [Column(covariates[0], stan["X"]), own])
        labels = tuple(own.cells)
        known = _labels_of(fit, "u", "group")
        order = _order(fit, labels, known, groups)
        stan["g"] = np.array([order[label] for label in labels], dtype=int)
        if groups == "new":
            parameters["u"] = _new_groups(parameters, len(order), rng)
        if not covariates:
            stan["X"] = np.zeros((len(labels), 0))
    eta = linear_predictor(parameters, stan)
    expected, y = _outcomes(kind, eta, parameters, rng)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    return RowPrediction(
        fit.model, groups, seed, labels, expected.reshape(shape), y.reshape(shape)
    )


def _of_fit(fit: Fit) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return flattened draws, and the scale of the covariates."""
    import numpy as np

    draws: dict[str, NDArray[Any]] = {}
    for name in ("intercept", "slope", "tau", "Omega", "u", "sigma"):
        if name in fit.posterior:
            array = fit.posterior[name].transpose("chain", "draw", ...).values
            draws[name] = array.reshape(-1, *array.shape[2:])
    constant = fit.tree["constant_data"].to_dataset()
    # Arrays without elements are not kept.
    stan = {
        name: constant[name].values if name in constant else np.zeros(0)
        for name in ("center", "scale", "varying")
    }
    return draws, stan


def _labels_of(fit: Fit, name: str, dim: str) -> tuple[str, ...]:
    if name not in fit.posterior:
        return ()
    return tuple(str(x) for x in fit.posterior[name].coords[dim].values)


def _labels(fit: Fit, table: Table, group: str | None) -> Column:
    if group is None:
        raise DataError(
            f"the effects of {fit.model} vary by group, but no column of groups is "
            f"named; the columns are {table.listing()}.",
            remedy="Name it: group='...'.",
        )

    column = table.column("group", group)
    return Column(group, read_cells(table.origin, None, column, as_label, LABELS))


def _order(
    fit: Fit, labels: tuple[str, ...], known: tuple[str, ...], groups: str
) -> dict[str, int]:
    """Return the number of each group from 1, once the labels are legal."""
    shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
    for row, label in enumerate(labels, 1):
        if groups == "same" and label not in known:
            raise DataError(
                f"row {row}: {label!r} is no group of the fit of {fit.model}; legal: "
                f"{shown}.",
                remedy="Use groups='new' for groups that the fit does not know.",
            )
        if groups == "new" and label in known:
            raise DataError(
                f"row {row}: {label!r} is a group of the fit of {fit.model}, so it is "
                "not new.",
                remedy="Use groups='same', or give new groups other labels.",
            )
    names = known if groups == "same" else tuple(dict.fromkeys(labels))
    return {name: j for j, name in enumerate(names, 1)}


def _new_groups(
    parameters: Mapping[str, NDArray[Any]], count: int, rng: np.random.Generator
) -> NDArray[Any]:
    """Draw the effects of groups from the population of each draw."""
    import numpy as np

    tau = parameters["tau"]
    draws, effects = tau.shape
    alone = np.broadcast_to(np.eye(effects), (draws, effects, effects))
    z = rng.standard_normal((draws, effects, count))
    return group_effects(tau, parameters.get("Omega", alone), z)


def _outcomes(
    kind: str,
    eta: NDArray[Any],
    parameters: Mapping[str, NDArray[Any]],
    rng: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    from scipy import special

    if kind == "linear_regression":
        return eta, rng.normal(eta, parameters["sigma"][:, None])
    p: NDArray[Any] = special.expit(eta)
    return p, rng.binomial(1, p)
