"""Tables of a calibration: each quantity's ranks, errors and coverage.

Ranks count the draws below the simulated value: low ranks mean that the posterior
lies too high, high ranks that it lies too low.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.sbc import uniformity
from hbstan.sbc.limits import Limits, converged
from hbstan.sbc.regions import failures, regimes

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["coverage", "distinct_columns", "failures", "regimes", "summary"]

#: Nominal probabilities of the central intervals.
_PROBS = (0.5, 0.8, 0.9, 0.95)
_CONFIDENCE = 0.95


def summary(dataset: xr.Dataset, max_rank: int, limits: Limits) -> pd.DataFrame:
    r"""Summarise each quantity over all simulations that have a posterior.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    max_rank : int
        Ranks go from 0 to this.
    limits : Limits
        Which fits count as converged.

    Returns
    -------
    pandas.DataFrame
        Indexed by quantity, with the columns

        - ``role``: parameter or test quantity; ``n``: simulations with a posterior;
        - ``rank_mean``: mean of rank / max_rank, 0.5 if calibrated;
        - ``p_value``: of the ranks' uniformity, see
          :func:`hbstan.sbc.uniformity.p_value`; ``p_adjusted``: after Holm's
          correction for the number of distinct quantities;
        - ``p_value_converged``, ``p_adjusted_converged``: the same over converged
          fits alone. What makes a fit converge depends on data and draws, not on
          the simulated value behind them, so that leaving fits out does not bend
          the ranks of a calibrated program;
        - ``outside_band``: the ECDF leaves the quantity's own simultaneous 95 %
          band;
        - ``bias``: mean of posterior mean minus simulated value, in the quantity's
          unit, and its Monte Carlo standard error ``bias_mcse``; ``rmse``;
        - ``relative_error``: median of \|mean - value\| / \|value\|, zero values
          left out;
        - ``z_mean``, ``z_sd``: mean and standard deviation of the posterior z-score
          (mean - value) / sd over converged fits (one stuck chain, whose sd is next
          to nothing, would decide both), constant posteriors left out;
        - ``contraction``: median of 1 - (IQR of the posterior / IQR of the prior)^2,
          the latter of all simulated values. For normal distributions this is
          Betancourt's 1 - variance ratio (2018, arXiv:1803.08393), and it exists
          for a prior without variance;
        - ``coverage_95``: share of central 95 % intervals that hold the value;
        - ``rank_draws_min``: the fewest draws that a rank was found among.

        A quantity's own scale makes ``bias``, ``rmse`` and ``relative_error`` of
        test quantities hard to read; they are not left out. NaN where there are too
        few simulations.

    Raises
    ------
    SettingsError
        If a rank is not in 0 to ``max_rank``.
    """
    import pandas as pd

    labels = [str(q) for q in dataset["quantity"].values]
    ok = dataset["status"].values == "ok"
    good = converged(dataset, limits)
    fits = dataset.isel(sim_id=ok)
    ranks = fits["rank"].values
    columns: dict[str, Any] = {
        "role": [str(role) for role in dataset["role"].values],
        "n": int(ok.sum()),
        "rank_mean": _average(ranks / max_rank),
    }
    columns["p_value"], columns["p_adjusted"] = _p_values(ranks, max_rank)
    again = (columns["p_value"], columns["p_adjusted"])
    if not (good == ok).all():
        again = _p_values(dataset["rank"].values[good], max_rank)
    columns["p_value_converged"], columns["p_adjusted_converged"] = again
    columns["outside_band"] = _outside(ranks, max_rank)
    columns |= _errors(fits, good[ok])
    columns["contraction"] = _contraction(dataset, fits)
    least, _ = _interval(max_rank, _PROBS[-1])
    columns["coverage_95"] = _average((ranks >= least) & (ranks <= max_rank - least))
    draws = fits["rank_draws"].values
    columns["rank_draws_min"] = draws.min(axis=0) if len(draws) else -1
    return pd.DataFrame(columns, index=pd.Index(labels, name="quantity"))


def distinct_columns(ranks: NDArray[Any], max_rank: int) -> NDArray[np.intp]:
    """Tell which quantities have the same ranks, and are one quantity to a test.

    The ranks of an increasing function of a quantity are its own, those of a
    decreasing one are mirrored: both say nothing new.

    Parameters
    ----------
    ranks : numpy.ndarray
        Shape ``(sim_id, quantity)``.
    max_rank : int

    Returns
    -------
    numpy.ndarray
        Shape ``(quantity,)``: for each column the position of the first that equals
        it or its mirror image.
    """
    import numpy as np

    first: dict[bytes, int] = {}
    out = np.empty(ranks.shape[1], dtype=np.intp)
    for position, column in enumerate(np.ascontiguousarray(ranks.T)):
        mirrored = first.get((max_rank - column).tobytes(), position)
        out[position] = first.setdefault(column.tobytes(), mirrored)
    return out


def _p_values(ranks: NDArray[Any], max_rank: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return p-values of uniformity, plain and adjusted; NaN without simulations."""
    import numpy as np

    if not len(ranks):
        nothing = np.full(ranks.shape[1], np.nan)
        return nothing, nothing
    same = distinct_columns(ranks, max_rank)
    unique, place = np.unique(same, return_inverse=True)
    plain = uniformity.p_values(ranks[:, unique], max_rank)
    return plain[place], uniformity.holm(plain)[place]


def _outside(ranks: NDArray[Any], max_rank: int) -> NDArray[np.bool_]:
    """Tell which ECDFs leave the band."""
    import numpy as np

    out = np.zeros(ranks.shape[1], dtype=bool)
    if not len(ranks):
        return out
    band = uniformity.band(len(ranks), max_rank)
    for position, column in enumerate(ranks.T):
        below = np.cumsum(np.bincount(column, minlength=max_rank + 1))[:-1]
        out[position] = np.any((below < band.lower) | (below > band.upper))
    return out


def _average(values: NDArray[Any]) -> Any:
    """Return the means over simulations; NaN without any."""
    return values.mean(axis=0) if len(values) else float("nan")


def _errors(fits: xr.Dataset, good: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the columns that compare posterior means with simulated values."""
    import numpy as np

    value = fits["simulated_value"].values
    sd = fits["posterior_sd"].values
    # A heavy-tailed prior may give values whose squares are infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        error = fits["posterior_mean"].values - value
        size = np.abs(error) / np.where(value == 0, np.nan, np.abs(value))
        score = error / np.where(sd > 0, sd, np.nan)
        return {
            "bias": _each(error, np.mean),
            "bias_mcse": _each(error, lambda x: np.std(x, ddof=1) / len(x) ** 0.5, 2),
            "rmse": _each(error, lambda x: np.sqrt(np.mean(x**2))),
            "relative_error": _each(size, np.median),
            "z_mean": _each(score[good], np.mean),
            "z_sd": _each(score[good], lambda x: np.std(x, ddof=1), 2),
        }


def _each(
    values: NDArray[Any], statistic: Callable[[NDArray[Any]], Any], least: int = 1
) -> NDArray[Any]:
    """Return a statistic of each column's numbers; NaN where there are too few."""
    import numpy as np

    numbers = [column[~np.isnan(column)] for column in values.T]
    return np.array([statistic(x) if len(x) >= least else np.nan for x in numbers])


def _contraction(dataset: xr.Dataset, fits: xr.Dataset) -> NDArray[Any]:
    """Return the median contraction of each quantity's interquartile range."""
    import numpy as np

    quantiles = fits["posterior_quantile"].sel(prob=[0.25, 0.75]).values
    posterior = quantiles[:, :, 1] - quantiles[:, :, 0]
    with np.errstate(over="ignore", invalid="ignore"):
        prior = _each(dataset["simulated_value"].values, _quartile_range)
        ratio = posterior / np.where(prior > 0, prior, np.nan)
        return _each(1 - ratio**2, np.median)


def _quartile_range(values: NDArray[Any]) -> Any:
    import numpy as np

    return np.subtract(*np.quantile(values, (0.75, 0.25)))


def coverage(dataset: xr.Dataset, max_rank: int) -> pd.DataFrame:
    r"""Compare central intervals' coverage with their nominal probability.

    The central interval of nominal probability ``prob`` holds the simulated value
    iff the rank is in a, ..., max_rank - a, where a = (1 - prob)/2 (max_rank + 1)
    is rounded to a whole number. Uniform ranks are there with probability
    (max_rank + 1 - 2a) / (max_rank + 1), which is ``prob`` if nothing was rounded
    (with a maximum rank of 119, nothing is).

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``quantity`` and ``prob`` (0.5, 0.8, 0.9, 0.95), with ``nominal``
        (the exact probability), ``covered`` (the share found), ``lower`` and
        ``upper`` (its 95 % interval by Clopper and Pearson 1934,
        doi:10.1093/biomet/26.4.404) and ``n``, the simulations with a posterior.
        Without any, ``covered`` is NaN, and the interval is 0 to 1.
    """
    import numpy as np
    import pandas as pd

    labels = [str(q) for q in dataset["quantity"].values]
    ranks = dataset["rank"].values[dataset["status"].values == "ok"]
    n = len(ranks)
    least, nominal = np.array([_interval(max_rank, p) for p in _PROBS]).T
    inside = (ranks[:, :, None] >= least) & (ranks[:, :, None] <= max_rank - least)
    count = inside.sum(axis=0).reshape(-1)
    lower, upper = _clopper_pearson(count, n)
    columns = {
        "nominal": np.tile(nominal, len(labels)),
        "covered": count / n if n else np.full(len(count), np.nan),
        "lower": lower,
        "upper": upper,
        "n": n,
    }
    rows = pd.MultiIndex.from_product([labels, _PROBS], names=["quantity", "prob"])
    return pd.DataFrame(columns, index=rows)


def _interval(max_rank: int, prob: float) -> tuple[int, float]:
    """Return the central interval's lowest rank, and its exact probability."""
    cells = max_rank + 1
    least = round((1 - prob) / 2 * cells)
    return least, (cells - 2 * least) / cells


def _clopper_pearson(count: NDArray[Any], n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the exact confidence limits of binomial shares."""
    import numpy as np
    from scipy.stats import beta

    tail = (1 - _CONFIDENCE) / 2
    some, not_all = count > 0, count < n
    lower, upper = np.zeros(len(count)), np.ones(len(count))
    lower[some] = beta.ppf(tail, count[some], n - count[some] + 1)
    upper[not_all] = beta.ppf(1 - tail, count[not_all] + 1, n - count[not_all])
    return lower, upper
