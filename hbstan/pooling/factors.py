"""Shrinkage: how far each group's estimate moves towards the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.pooling.correlations import correlations
from hbstan.pooling.groups import draws_on, grouped
from hbstan.pooling.population import population
from hbstan.predictive.tables import records

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.pooling.groups import Grouped
    from hbstan.pooling.population import Population

__all__ = ["RULE", "Shrinkage", "shrinkage"]

#: On which scale a factor is taken.
RULE = (
    "on the log-odds, or the scale of the estimates, where the population is normal; "
    "on the probability where it is beta, and for groups whose raw log-odds are "
    "infinite (no trial, or every trial, with the event)"
)


@dataclass(frozen=True)
class Shrinkage:
    """Raw estimates, posterior means and what lies between them.

    Parameters
    ----------
    model, data_name, kind : str
    table : pandas.DataFrame
        Indexed by group: ``raw`` (events per trial, or the estimate), ``posterior``
        (mean), ``population`` (posterior mean of the population's mean) and ``shift =
        posterior - raw``, all as probabilities or in the unit of ``y``; ``factor``,
        the share of the way from raw to population that was gone, ``(raw - posterior)
        / (raw - population)`` on the scale ``factor_scale``, with its Monte Carlo
        error ``factor_mcse``; ``distinct``, whether raw lies more than a posterior sd
        of the population's mean away from it, without which the factor is a ratio of
        two small numbers; ``closed_form``, the population's weight given the
        top-level parameters, averaged over draws (NaN where there is none);
        ``raw_error``, the standard error of the raw estimate (log-odds with 0.5 added
        to events and non-events, or sigma); ``seen``, whether the group had data in
        the likelihood; ``trials`` and ``events``, or ``sigma``. Groups without data
        have no raw value, those held out no factor.
    closed_form : str
        Formula of the column of that name.
    correlations : pandas.DataFrame
        Of the size of the shift, and of the factors of distinct groups, with what
        might explain them; see :func:`hbstan.pooling.correlations.correlations`.
    """

    model: str
    data_name: str
    kind: str
    table: pd.DataFrame
    closed_form: str
    correlations: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of groups."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "kind": self.kind,
            "rule": RULE,
            "closed_form": self.closed_form,
            "groups": records(self.table),
            "correlations": records(self.correlations),
        }

    def __repr__(self) -> str:
        used = self.table.loc[self.table["distinct"] & self.table["seen"], "factor"]
        span = f"{used.min():.2f} to {used.max():.2f}" if len(used) else "none"
        return (
            f"<Shrinkage of {len(self.table)} groups in {self.model} on "
            f"{self.data_name}: factors {span}>"
        )


def shrinkage(fit: Fit) -> Shrinkage:
    """Measure how far each group was shrunk towards the population.

    A factor of 0 leaves the raw estimate, one of 1 is complete pooling. Where the
    posterior mean given the top-level parameters is linear in the raw estimate, the
    factor lies between the two; on the log-odds of binomial data it is so only nearly,
    and a group close to the population's mean may leave the range. In a heavy-tailed
    population, or one of two kinds, the pull depends on where a group lies.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model whose groups come from a population.

    Returns
    -------
    Shrinkage

    Raises
    ------
    FitError
        If the model has no population of groups, or the posterior lacks its mean.
    """
    import numpy as np
    import pandas as pd

    source, data = population(fit), grouped(fit)
    values = draws_on(fit, data).values
    centre = _centre(fit, source, data.kind)
    raw, posterior = data.proportions(), values.mean(axis=(0, 1))
    columns: dict[str, Any] = {
        "raw": raw,
        "posterior": posterior,
        "population": centre.mean(),
        "shift": posterior - raw,
        **_factors(fit, source, data, values, centre),
        "closed_form": _weights(source, data),
        "raw_error": np.where(data.size > 0, data.errors(), np.nan),
        "seen": data.seen,
    }
    if data.kind == "binomial":
        columns |= {"trials": data.size, "events": data.y}
    else:
        columns |= {"sigma": data.size}
    index = pd.Index(data.labels, name="group")
    table = pd.DataFrame(columns, index=index)
    return Shrinkage(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        kind=data.kind,
        table=table,
        closed_form=source.family.weight_formula,
        correlations=correlations(table),
    )


def _factors(
    fit: Fit,
    source: Population,
    data: Grouped,
    values: NDArray[Any],
    centre: NDArray[Any],
) -> dict[str, NDArray[Any]]:
    """Return the columns that belong to the factor, group by group."""
    import numpy as np

    raw, scale = data.proportions(), "estimate"
    if data.kind == "binomial":
        scale = "probability"
    names = np.full(len(data.labels), scale, dtype=object)
    # Draws (chain, draw, group) of group and population, each on its group's scale.
    group, middle = values, np.broadcast_to(centre[..., None], values.shape)
    if data.kind == "binomial" and source.family.scale == "theta":
        log_odds = data.log_odds()
        finite = np.isfinite(log_odds)
        theta = draws_on(fit, data, "log-odds").values
        group = np.where(finite, theta, group)
        middle = np.where(finite, source.family.centre(source.top)[..., None], middle)
        raw = np.where(finite, log_odds, raw)
        names[finite] = "log-odds"
    raw = np.where(data.seen, raw, np.nan)
    mean, target = group.mean(axis=(0, 1)), middle.mean(axis=(0, 1))
    away = raw - target
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (raw - mean) / away
        error = _ratio_error(group, middle, factor, away)
    return {
        "factor": factor,
        "factor_scale": names,
        "factor_mcse": error,
        "distinct": np.abs(away) > middle.std(axis=(0, 1), ddof=1),
    }


def _ratio_error(
    group: NDArray[Any],
    middle: NDArray[Any],
    factor: NDArray[Any],
    away: NDArray[Any],
) -> NDArray[np.float64]:
    """Return the Monte Carlo errors of the factors, by linearising the ratio."""
    import numpy as np
    from arviz_stats.base import array_stats

    out = np.full(factor.shape, np.nan)
    for j in np.flatnonzero(np.isfinite(factor)):
        influence = (factor[j] * middle[..., j] - group[..., j]) / away[j]
        out[j] = float(array_stats.mcse(influence, chain_axis=0, draw_axis=1))
    return out


def _weights(source: Population, data: Grouped) -> NDArray[Any]:
    import numpy as np

    if source.family.weight is None:
        return np.full(len(data.labels), np.nan)
    weights = source.family.weight(source.top, data.size).mean(axis=(0, 1))
    return np.where(data.seen, weights, np.nan)


def _centre(fit: Fit, source: Population, kind: str) -> NDArray[Any]:
    """Return the population's mean on the estimates' scale, ``(chain, draw)``."""
    if kind == "normal" or source.family.scale == "probability":
        return source.family.centre(source.top)
    if "p_pop_mean" not in fit.posterior:
        raise FitError(
            f"the posterior of {fit.model} has no p_pop_mean, the probability averaged "
            "over the population.",
            remedy="Let the program keep it.",
        )
    return fit.posterior["p_pop_mean"].transpose("chain", "draw").values
