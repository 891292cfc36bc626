"""Exceedance: the probability that a group's parameter lies above a threshold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.pooling.groups import draws_on, grouped
from hbstan.predictive.pvalues import monte_carlo_error
from hbstan.predictive.tables import records
from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit

__all__ = ["Exceedance", "exceedance"]


@dataclass(frozen=True)
class Exceedance:
    """Probabilities that groups lie above a threshold.

    Parameters
    ----------
    model, data_name : str
    threshold : float
    scale : str
        Of the threshold: ``"probability"``, ``"log-odds"`` or ``"unit of y"``.
    table : pandas.DataFrame
        Indexed by group: ``probability`` of lying above, its Monte Carlo error
        ``mcse``, and the posterior ``mean`` on the same scale.
    """

    model: str
    data_name: str
    threshold: float
    scale: str
    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of groups."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "threshold": json_number(self.threshold),
            "scale": self.scale,
            "groups": records(self.table),
        }

    def __repr__(self) -> str:
        sure = int((self.table["probability"] > 0.95).sum())
        return (
            f"<Exceedance of {self.threshold:g} ({self.scale}) in {self.model} on "
            f"{self.data_name}: {sure} of {len(self.table)} groups above 0.95>"
        )


def exceedance(
    fit: Fit,
    threshold: float,
    groups: Iterable[str | int] | str | None = None,
    scale: str | None = None,
) -> Exceedance:
    """Return the posterior probability that each group lies above a threshold.

    Parameters
    ----------
    fit : Fit
        Of a model with a parameter for each group.
    threshold : float
        On ``scale``.
    groups : iterable of str or int, or str, optional
        Labels; by default all groups, in the order of the data.
    scale : {"probability", "log-odds"}, optional
        For binomial data; by default the probability. Normal data have only the scale
        of the estimates.

    Returns
    -------
    Exceedance
        The Monte Carlo errors are ArviZ's, from the effective sample size of the
        indicator. Where all draws agree they are ``1 / (draws + 2)``.

    Raises
    ------
    SettingsError
        If threshold or scale is illegal.
    FitError
        If the posterior has no draws by group, or none of a group that is named.
    """
    import pandas as pd

    data = grouped(fit)
    values = draws_on(fit, data, scale).sel(group=_chosen(fit, data.labels, groups))
    if data.kind == "normal":
        scale = "unit of y"
    scale = scale or "probability"
    _check(threshold, scale)
    above = (values > threshold).values
    rows = {
        "probability": above.mean(axis=(0, 1)),
        "mcse": [monte_carlo_error(above[..., j]) for j in range(above.shape[2])],
        "mean": values.values.mean(axis=(0, 1)),
    }
    return Exceedance(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        threshold=float(threshold),
        scale=scale,
        table=pd.DataFrame(rows, index=pd.Index(values["group"].values, name="group")),
    )


def _check(threshold: float, scale: str) -> None:
    try:
        number = float(threshold)
    except (TypeError, ValueError):
        number = math.nan
    inside = 0 < number < 1 if scale == "probability" else math.isfinite(number)
    if not inside:
        legal = "between 0 and 1" if scale == "probability" else "that is finite"
        raise SettingsError(
            f"threshold is {threshold!r}; legal on the scale {scale}: a number {legal}."
        )


def _chosen(
    fit: Fit, labels: tuple[str, ...], groups: Iterable[str | int] | str | None
) -> list[str]:
    if groups is None:
        return list(labels)
    wanted = [groups] if isinstance(groups, str) else list(groups)
    chosen = list(dict.fromkeys(str(group) for group in wanted))
    unknown = [group for group in chosen if group not in labels]
    if unknown or not chosen:
        shown = ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else "")
        raise FitError(
            f"groups names {unknown or 'nothing'}, but the fit of {fit.model} has the "
            f"groups {shown}.",
            remedy="Name groups of the fit, or leave groups out.",
        )
    return chosen
