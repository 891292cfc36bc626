"""Where in prior space a calibration recovers its parameters, and where fits fail."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.sbc.limits import Limits, converged

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["failures", "regimes", "scalar_parameters"]

_FIFTHS = 5
_QUANTILES = (0.1, 0.5, 0.9)


def scalar_parameters(dataset: xr.Dataset) -> list[str]:
    """Return the labels of parameters that are no elements of a larger one."""
    roles = dataset["role"].values
    labels = [str(q) for q in dataset["quantity"].values]
    return [
        label
        for label, role in zip(labels, roles, strict=True)
        if role == "parameter" and "[" not in label
    ]


def regimes(
    dataset: xr.Dataset,
    by: str,
    cuts: Sequence[float],
    limits: Limits | None = None,
) -> pd.DataFrame:
    r"""Report recovery in regions of a quantity's simulated value.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    by : str
        The quantity whose simulated value decides.
    cuts : sequence of float
        Where one region ends and the next, which holds the cut itself, begins:
        finite and increasing.
    limits : Limits, optional
        Which fits count as converged.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``region`` (low, medium and high for two cuts, low and high for
        one, else the interval's text; ``overall`` last) and ``quantity`` (the scalar
        parameters), with ``interval``; the region's ``n_sims``, ``failed`` (count),
        ``converged`` (share of all) and ``with_divergences`` (share of all); and of
        the parameter, over all simulations that have a posterior: ``bias`` (mean of
        posterior mean minus simulated value), ``relative_error`` (median of
        \|mean - value\| / \|value\|, zero values left out),
        ``mean_relative_error`` (its mean, which few small values can dominate) and
        ``coverage_95`` (share of intervals from the posterior's 2.5 % to its 97.5 %
        quantile that hold the value). NaN where there is nothing to average.
        Simulations whose value of ``by`` is not known, because they failed before,
        are in ``overall`` alone.

    Raises
    ------
    SettingsError
        If ``by`` is no quantity or the cuts are not increasing.

    Notes
    -----
    Within a region of the simulated value, bias is no sign of a wrong program: a
    calibrated posterior shrinks small values up and large ones down.
    """
    import numpy as np
    import pandas as pd

    labels = [str(q) for q in dataset["quantity"].values]
    if by not in labels:
        raise SettingsError(
            f"by is {by!r}, but must be one of {', '.join(labels)}.",
        )
    edges = _edges(cuts)
    value = dataset["simulated_value"].values[:, labels.index(by)]
    known = ~np.isnan(value)
    place = np.searchsorted(edges, value, side="right")
    intervals = _intervals(edges)
    names = {1: ["low", "high"], 2: ["low", "medium", "high"]}
    regions = names.get(len(edges), intervals)
    members = [known & (place == i) for i in range(len(regions))]
    members.append(np.ones(len(value), dtype=bool))
    good = converged(dataset, limits or Limits())
    most = (limits or Limits()).divergences
    rows: list[dict[str, Any]] = []
    for region, interval, inside in zip(
        [*regions, "overall"], [*intervals, "all"], members, strict=True
    ):
        part = dataset.isel(sim_id=inside)
        share = _shares(part, good[inside], most)
        for name in scalar_parameters(dataset):
            first = {"region": region, "quantity": name, "interval": interval}
            rows.append({**first, **share, **_recovery(part, labels.index(name))})
    index = ["region", "quantity"]
    columns = [*index, "interval", *_SHARES, *_RECOVERY]
    return pd.DataFrame(rows, columns=columns).set_index(index)


_SHARES = ("n_sims", "failed", "converged", "with_divergences")
_RECOVERY = ("bias", "relative_error", "mean_relative_error", "coverage_95")


def _edges(cuts: Sequence[float] | str) -> list[float]:
    """Return the cuts as numbers, once checked."""
    try:
        # The elements of a text are its characters.
        edges = [] if isinstance(cuts, str) else [float(cut) for cut in cuts]
    except (TypeError, ValueError):
        edges = []
    finite = all(math.isfinite(edge) for edge in edges)
    rising = all(a < b for a, b in itertools.pairwise(edges))
    if not edges or not finite or not rising:
        raise SettingsError(
            f"cuts is {cuts!r}, but must be one or more finite numbers, each above "
            "the one before.",
            remedy="For instance (0.3, 0.5).",
        )
    return edges


def _intervals(edges: list[float]) -> list[str]:
    """Return the regions in words."""
    between = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"{edges[-1]:g} or more"]


def _shares(part: xr.Dataset, good: NDArray[np.bool_], most: int) -> dict[str, Any]:
    """Return a region's counts and shares."""
    n = len(good)
    failed = part["status"].values != "ok"
    diverged = ~failed & (part["divergences"].values > most)
    shares = [x.mean() if n else math.nan for x in (good, diverged)]
    return dict(zip(_SHARES, (n, int(failed.sum()), *map(float, shares)), strict=True))


def _recovery(part: xr.Dataset, position: int) -> dict[str, float]:
    """Return how well a region's fits recover one parameter."""
    import numpy as np

    fits = part.isel(sim_id=part["status"].values == "ok", quantity=position)
    value = fits["simulated_value"].values
    if not len(value):
        return dict.fromkeys(_RECOVERY, math.nan)
    lower, upper = fits["posterior_quantile"].sel(prob=[0.025, 0.975]).values.T
    # A heavy-tailed prior may give values whose sums are infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        error = fits["posterior_mean"].values - value
        relative = np.abs(error / np.where(value == 0, np.nan, value))
        relative = relative[~np.isnan(relative)]
        some = len(relative) > 0
        found = (
            np.mean(error),
            np.median(relative) if some else math.nan,
            np.mean(relative) if some else math.nan,
            np.mean((lower <= value) & (value <= upper)),
        )
    return dict(zip(_RECOVERY, map(float, found), strict=True))


def failures(dataset: xr.Dataset, limits: Limits) -> pd.DataFrame:
    """Tell where in prior space fits fail, do not converge or diverge.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    limits : Limits
        Which fits count as converged; all others are bad, failed ones included.

    Returns
    -------
    pandas.DataFrame
        Indexed by the scalar parameters, the most telling first, over simulations
        whose value is known (one whose generator failed has none): ``n_bad``;
        ``share`` that is bad; ``bad_q10``, ``bad_q50``, ``bad_q90`` and ``good_q10``,
        ``good_q50``, ``good_q90``: quantiles of the simulated value among bad and
        good fits; ``superiority``: probability that a bad fit's value is above a
        good fit's, ties counting half (the Mann-Whitney statistic over the number of
        pairs); ``p_value``: of its being 0.5 (Mann and Whitney 1947,
        doi:10.1214/aoms/1177730491); and ``q1`` to ``q5``: share that is bad in each
        fifth of the simulated values, from low to high. NaN where there is nothing
        to compare. No rows if there are no bad fits.
    """
    import numpy as np
    import pandas as pd

    bad = ~converged(dataset, limits)
    names = scalar_parameters(dataset) if bad.any() else []
    rows = []
    for name in names:
        position = [str(q) for q in dataset["quantity"].values].index(name)
        value = dataset["simulated_value"].values[:, position]
        known = ~np.isnan(value)
        rows.append(_contrast(value[known], bad[known]))
    table = pd.DataFrame(
        rows, columns=list(_CONTRAST), index=pd.Index(names, name="quantity", dtype=str)
    )
    table = table.astype({c: int if c == "n_bad" else float for c in _CONTRAST})
    return table.sort_values("p_value", kind="stable")


_CONTRAST = (
    *("n_bad", "share"),
    *(
        f"{kind}_q{prob:.0%}".rstrip("%")
        for kind in ("bad", "good")
        for prob in _QUANTILES
    ),
    *("superiority", "p_value"),
    *(f"q{i + 1}" for i in range(_FIFTHS)),
)


def _contrast(value: NDArray[Any], bad: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return one parameter's row."""
    import numpy as np
    from scipy.stats import mannwhitneyu, rankdata

    nothing = (math.nan,) * len(_QUANTILES)
    groups = (value[bad], value[~bad])
    # Values as observed: no interpolation, which has no meaning next to infinity.
    quantiles = [
        tuple(np.quantile(x, _QUANTILES, method="inverted_cdf")) if len(x) else nothing
        for x in groups
    ]
    superiority, p_value = math.nan, math.nan
    if len(groups[0]) and len(groups[1]):
        test = mannwhitneyu(*groups)
        superiority = float(test.statistic) / (len(groups[0]) * len(groups[1]))
        # Without any difference the statistic has no standard error.
        p_value = float(test.pvalue) if np.ptp(rankdata(value)) > 0 else 1.0
    fifth = np.floor(_FIFTHS * (rankdata(value) - 0.5) / max(len(value), 1))
    inside = [bad[fifth == i] for i in range(_FIFTHS)]
    return (
        int(bad.sum()),
        bad.mean() if len(bad) else math.nan,
        *quantiles[0],
        *quantiles[1],
        superiority,
        p_value,
        *(x.mean() if len(x) else math.nan for x in inside),
    )
