"""How far predictions are off, and how often their intervals hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.predictive.coverage import LEVELS, coverage_table
from hbstan.predictive.replicates import Replicates, same_groups

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["accuracy", "accuracy_table"]


def accuracy(fit: Fit) -> pd.DataFrame:
    """Return predictive errors and coverage, for observed and for held-out groups.

    Groups that the likelihood saw are predicted with their own outcomes known, so
    their errors are too small to tell how new groups would be predicted; those of
    held-out groups do tell.

    Parameters
    ----------
    fit : Fit
        Of grouped data, with ``y_rep``.

    Returns
    -------
    pandas.DataFrame
        Rows ``observed`` and ``held_out``, as far as there are such groups; the
        columns are those of :func:`accuracy_table`.

    Raises
    ------
    FitError
        If the fit has no replicates of grouped outcomes.
    """
    import pandas as pd

    r = same_groups(fit)
    rows = {"observed": r.seen, "held_out": ~r.seen}
    return pd.DataFrame.from_dict(
        {name: accuracy_table(r, where) for name, where in rows.items() if where.any()},
        orient="index",
    ).rename_axis("groups_are")


def accuracy_table(replicates: Replicates, where: NDArray[Any]) -> dict[str, float]:
    """Return errors of the predictive mean and coverage of intervals.

    Parameters
    ----------
    replicates : Replicates
        With observed outcomes.
    where : ndarray of bool, shape (J,)
        The groups; those without trials do not count.

    Returns
    -------
    dict of str to float
        ``groups``; ``mae = mean |y_j - E_j|`` and ``rmse = sqrt(mean (y_j -
        E_j)^2)`` in events or the unit of the estimates, with ``E_j`` the predictive
        mean; ``mae_share`` and ``rmse_share``, the same over ``mean |y_j|``; and
        ``coverage_50`` to ``coverage_95``, the share of groups inside equal-tailed
        intervals.
    """
    import numpy as np

    r, chosen = replicates, where & replicates.informative
    assert r.y is not None
    y = r.y[chosen].astype(float)
    out = {"groups": float(y.size)}
    if not y.size:
        return out
    error = y - r.flat[:, chosen].mean(axis=0)
    out["mae"], out["rmse"] = (
        float(abs(error).mean()),
        float(np.sqrt((error**2).mean())),
    )
    size = float(abs(y).mean())
    for name in ("mae", "rmse"):
        out[f"{name}_share"] = out[name] / size if size else float("nan")
    coverage = coverage_table(r, LEVELS, where)["coverage"]
    names = [f"coverage_{100 * level:.0f}" for level in LEVELS]
    return out | dict(zip(names, coverage.tolist(), strict=True))
