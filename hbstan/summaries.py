"""The table of a posterior: location, spread, and how well the draws know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.mixing import mixing, monte_carlo_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from hbstan.diagnostics.draws import Column

__all__ = ["summarise"]


def summarise(columns: Sequence[Column], ci_prob: float) -> pd.DataFrame:
    """Summarise scalar quantities, all at once.

    Parameters
    ----------
    columns : sequence of Column
        See :func:`hbstan.diagnostics.columns_of`.
    ci_prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        Indexed by label; the columns are those of ``arviz_stats.summary``, which
        works through quantities one by one, several times.
    """
    import numpy as np
    import pandas as pd

    if not columns:
        return pd.DataFrame()
    labels = [column.label for column in columns]
    draws = np.stack([column.draws for column in columns], axis=2)
    flat = draws.reshape(-1, len(labels))
    percent = int(ci_prob * 100)
    tail = (1 - ci_prob) / 2
    lower, upper = np.quantile(flat, (tail, 1 - tail), axis=0)
    mixed, (mcse_mean, mcse_sd) = mixing(draws), monte_carlo_errors(draws)
    with np.errstate(invalid="ignore", over="ignore"):  # of infinite draws
        mean, sd = flat.mean(axis=0), flat.std(axis=0, ddof=1)
    several = draws.shape[0] > 1
    table = {
        "mean": mean,
        "sd": sd,
        f"eti{percent}_lb": lower,
        f"eti{percent}_ub": upper,
        "ess_bulk": mixed.ess_bulk,
        "ess_tail": mixed.ess_tail,
        "r_hat": mixed.rhat if several else np.full(len(labels), np.nan),
        "mcse_mean": mcse_mean,
        "mcse_sd": mcse_sd,
    }
    return pd.DataFrame(table, index=labels)
