"""Predictive p-values with their Monte Carlo errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.predictive.arguments import probability

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.predictive.statistics import Statistic

__all__ = ["monte_carlo_error", "p_values", "statistic_table"]

#: Values closer than this, relatively, are the same: rounding decides no tie.
_TIE = 1e-9


def p_values(
    observed: float, replicated: NDArray[Any], *, independent: bool = False
) -> dict[str, float]:
    """Return predictive p-values of an observed statistic.

    ``p_upper = P(T_rep >= T)``, ``p_lower = P(T_rep <= T)``, the mid-p value
    ``p_mid = P(T_rep > T) + P(T_rep = T) / 2``, and ``p_two_sided``, twice the
    smaller of ``p_mid`` and ``1 - p_mid``. The mid-p value shares ties out, so that
    those of a discrete statistic do not all count as extreme (Lancaster 1961,
    doi:10.1080/01621459.1961.10482105). For a continuous one it is ``p_upper``.

    Parameters
    ----------
    observed : float
        The observed statistic, T.
    replicated : ndarray of shape (chain, draw)
        The statistic of each replicate.
    independent : bool
        Whether the replicates are independent draws; otherwise the Monte Carlo error
        allows for their autocorrelation.

    Returns
    -------
    dict of str to float
        Each of the four with its Monte Carlo standard error (``mcse_upper``, ...),
        and ``percentile = 100 (1 - p_mid)``.
    """
    import numpy as np

    replicated = np.asarray(replicated, dtype=float)
    tied = np.isclose(replicated, observed, rtol=_TIE, atol=_TIE**2)
    above = (replicated > observed) & ~tied
    below = (replicated < observed) & ~tied
    middle = above + 0.5 * tied
    indicators = {"upper": above | tied, "lower": below | tied, "mid": middle}
    out = {f"p_{name}": float(i.mean()) for name, i in indicators.items()}
    out |= {
        f"mcse_{name}": monte_carlo_error(i, independent=independent)
        for name, i in indicators.items()
    }
    out["p_two_sided"] = 2.0 * min(out["p_mid"], 1.0 - out["p_mid"])
    out["mcse_two_sided"] = 2.0 * out["mcse_mid"]
    out["percentile"] = 100.0 * (1.0 - out["p_mid"])
    return out


def monte_carlo_error(values: NDArray[Any], *, independent: bool = False) -> float:
    """Return the Monte Carlo standard error of a mean of values from 0 to 1.

    Parameters
    ----------
    values : ndarray of shape (chain, draw)
    independent : bool
        Independent draws; otherwise ArviZ's estimate from the effective sample size
        of the values, where the chains are long enough for one.

    Returns
    -------
    float
        Where all values agree, ``1 / (draws + 2)``: about the standard deviation of
        a proportion's posterior, under a uniform prior, when all draws agree.
    """
    import numpy as np
    from arviz_stats.base import array_stats

    values = np.asarray(values, dtype=float)
    if np.ptp(values) == 0:
        return 1.0 / (values.size + 2)
    plain = float(values.std() / np.sqrt(values.size))
    if independent:
        return plain
    with np.errstate(invalid="ignore", divide="ignore"):
        error = float(array_stats.mcse(values, chain_axis=0, draw_axis=1))
    return error if np.isfinite(error) else plain


def statistic_table(
    statistics: tuple[Statistic, ...],
    observed: dict[str, float],
    replicated: dict[str, NDArray[np.float64]],
    ci_prob: float,
    *,
    independent: bool = False,
) -> pd.DataFrame:
    """Set each observed statistic beside its predictive distribution.

    Parameters
    ----------
    statistics : tuple of Statistic
    observed : dict of str to float
        Empty where nothing was observed: then there are no p-values.
    replicated : dict of str to ndarray of shape (chain, draw)
    ci_prob : float
        Probability of the equal-tailed interval.
    independent : bool
        As in :func:`p_values`.

    Returns
    -------
    pandas.DataFrame
        Indexed by statistic: ``label``, ``observed``, ``mean``, ``lower``,
        ``upper``, and the columns of :func:`p_values`.
    """
    import numpy as np
    import pandas as pd

    tail = (1.0 - probability("ci_prob", ci_prob)) / 2.0
    rows = {}
    for s in statistics:
        values = replicated[s.name]
        lower, upper = np.quantile(values, [tail, 1.0 - tail])
        rows[s.name] = {
            "label": s.label,
            "observed": observed.get(s.name, float("nan")),
            "mean": float(values.mean()),
            "lower": float(lower),
            "upper": float(upper),
        }
        if observed:
            found = p_values(observed[s.name], values, independent=independent)
            rows[s.name] |= found
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("statistic")
