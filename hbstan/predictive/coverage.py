"""Predictive intervals of each group, and how many of the observations they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.predictive.arguments import probability
from hbstan.predictive.pvalues import p_values

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.predictive.replicates import Replicates

__all__ = ["LEVELS", "coverage_table", "group_table", "interval"]

#: The intervals whose coverage is counted.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: Outcomes that are whole numbers.
_COUNTS = ("binomial", "count", "binary")
#: What the sizes of a design are called in tables.
_SIZES = {"n": "trials", "sigma": "sigma"}


def interval(
    y_rep: NDArray[Any], prob: float, kind: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return each group's equal-tailed predictive interval, both ends included.

    Parameters
    ----------
    y_rep : ndarray of shape (..., J)
        Replicates; all axes but the last are draws.
    prob : float
        Strictly between 0 and 1. Intervals of counts end on counts, and so hold at
        least this probability.
    kind : str
        As :class:`hbstan.predictive.replicates.Replicates` has it.

    Returns
    -------
    lower, upper : ndarray of shape (J,)
        In the unit of the outcomes.

    Raises
    ------
    SettingsError
        If ``prob`` is out of range.
    """
    import numpy as np

    tail = (1.0 - probability("ci_prob", prob)) / 2.0
    flat = y_rep.reshape(-1, y_rep.shape[-1])
    method: Any = "inverted_cdf" if kind in _COUNTS else "linear"
    lower, upper = np.quantile(flat, [tail, 1.0 - tail], axis=0, method=method)
    return lower, upper


def group_table(replicates: Replicates, prob: float) -> pd.DataFrame:
    """Set each group's outcome beside its predictive distribution.

    Parameters
    ----------
    replicates : Replicates
    prob : float
        Probability of the interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by group: ``observed`` (absent where nothing was), ``mean``, ``sd``,
        ``lower``, ``upper`` in the unit of the outcomes (events, or that of the
        estimates), ``inside``, ``held_out``, and ``trials`` or ``sigma`` if there are.
    """
    import pandas as pd

    r = replicates
    lower, upper = interval(r.y_rep, prob, r.kind)
    columns: dict[str, Any] = {
        word: r.design[name] for name, word in _SIZES.items() if name in r.design
    }
    if r.y is not None:
        columns["observed"] = r.y
    columns |= {
        "mean": r.flat.mean(axis=0),
        "sd": r.flat.std(axis=0, ddof=1),
        "lower": lower,
        "upper": upper,
    }
    if r.y is not None:
        columns["inside"] = (lower <= r.y) & (r.y <= upper)
    columns["held_out"] = ~r.seen
    return pd.DataFrame(columns, index=pd.Index(r.labels, name="group"))


def coverage_table(
    replicates: Replicates,
    levels: tuple[float, ...] = LEVELS,
    where: NDArray[Any] | None = None,
) -> pd.DataFrame:
    """Count the observations inside their predictive intervals.

    The number inside is compared with that of each replicate, which tells how many
    to expect of groups that share parameters and of counts, whose intervals hold
    more than their nominal probability.

    Parameters
    ----------
    replicates : Replicates
        With observed outcomes.
    levels : tuple of float
        Nominal probabilities.
    where : ndarray of bool, shape (J,), optional
        The groups to count; those without trials never count.

    Returns
    -------
    pandas.DataFrame
        Indexed by level: ``groups``, ``inside`` (observations), ``coverage`` (their
        share), ``expected`` (the replicates' mean share), ``p_lower``, the
        probability that a replicate has as few inside, and its ``mcse``.
    """
    import pandas as pd

    r = replicates
    chosen = r.informative if where is None else r.informative & where
    assert r.y is not None
    rows = {}
    for level in levels:
        lower, upper = interval(r.y_rep, level, r.kind)
        within = ((lower <= r.y) & (r.y <= upper))[chosen]
        replicated = ((lower <= r.y_rep) & (r.y_rep <= upper))[..., chosen].sum(axis=2)
        found = p_values(float(within.sum()), replicated)
        count = int(chosen.sum())
        rows[level] = {
            "groups": count,
            "inside": int(within.sum()),
            "coverage": float(within.mean()) if count else float("nan"),
            "expected": float(replicated.mean()) / count if count else float("nan"),
            "p_lower": found["p_lower"],
            "mcse": found["mcse_lower"],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("level")
