"""What goes with shrinkage: correlations over groups, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["correlation", "correlations"]

#: Fewer groups give no interval: Fisher's transform has the variance 1 / (n - 3).
_FEWEST = 4
_CI_PROB = 0.95


def correlations(table: pd.DataFrame) -> pd.DataFrame:
    """Correlate shrinkage with size, extremity and uncertainty of the groups.

    Parameters
    ----------
    table : pandas.DataFrame
        As in :class:`hbstan.pooling.Shrinkage`.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``shrinkage`` (``shift``: the size of ``posterior - raw``;
        ``factor``: of distinct groups) and ``driver`` (``size``: trials, of binomial
        data only; ``extremity``: the distance of raw from the population's mean;
        ``uncertainty``: the raw estimate's standard error). Columns as
        :func:`correlation` gives them. A shift is a share of the extremity by its
        definition, so these two cannot be independent.
    """
    import pandas as pd

    seen = table[table["seen"]]
    drivers = {
        "extremity": (seen["raw"] - seen["population"]).abs(),
        "uncertainty": seen["raw_error"],
    }
    if "trials" in seen:
        drivers = {"size": seen["trials"].astype(float), **drivers}
    distinct = seen["distinct"].astype(bool)
    measures = {"shift": seen["shift"].abs(), "factor": seen["factor"][distinct]}
    rows = {
        (measure, driver): correlation(values, x[values.index])
        for measure, values in measures.items()
        for driver, x in drivers.items()
    }
    index = pd.MultiIndex.from_tuples(rows, names=["shrinkage", "driver"])
    return pd.DataFrame(list(rows.values()), index=index)


def correlation(x: pd.Series, y: pd.Series) -> dict[str, float]:
    """Return Pearson's and Spearman's correlation with 95 % intervals.

    Pearson's interval is Fisher's; Spearman's takes the standard error ``sqrt((1 +
    r^2 / 2) / (n - 3))`` on Fisher's scale (Bonett and Wright 2000,
    doi:10.1007/BF02294183), where a perfect ordering counts as half a step of ``12 /
    (n^3 - n)`` less, lest its interval be a point. Both are meant for independent
    pairs.

    Parameters
    ----------
    x, y : pandas.Series
        Of equal length.

    Returns
    -------
    dict of str to float
        ``n``, ``pearson``, ``pearson_lower``, ``pearson_upper``, ``spearman``,
        ``spearman_lower``, ``spearman_upper``; NaN where a series is constant, or
        where there are fewer than four groups.
    """
    import numpy as np
    from scipy import stats

    names = [
        f"{kind}{end}"
        for kind in ("pearson", "spearman")
        for end in ("", "_lower", "_upper")
    ]
    n = len(x)
    if n < _FEWEST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"n": n, **dict.fromkeys(names, float("nan"))}
    linear = stats.pearsonr(x, y)
    interval = linear.confidence_interval(_CI_PROB)
    monotone = float(stats.spearmanr(x, y).statistic)
    most = 1.0 - 6.0 / (n**3 - n)
    z = np.arctanh(np.clip(monotone, -most, most))
    width = stats.norm.ppf(0.5 + _CI_PROB / 2.0)
    width *= np.sqrt((1.0 + monotone**2 / 2.0) / (n - 3))
    bounds = np.tanh([z - width, z + width])
    if abs(monotone) > most:
        bounds[int(monotone > 0)] = monotone
    found = (linear.statistic, interval.low, interval.high, monotone, *bounds)
    return {"n": n, **dict(zip(names, map(float, found), strict=True))}
