"""Are ranks uniform? Exact simultaneous bands and p-values.

Ranks 0 ... M of N simulations are summarised by the counts ``C[k]`` of ranks below
``k``, for k = 1 ... M. If the ranks are uniform, each ``C[k]`` is binomial(N, k/(M+1)),
and all of them together are a multinomial path. The path's *level* is the smallest of
its pointwise two-sided tail probabilities,

    level = min over k of 2 * min(P(B[k] <= C[k]), P(B[k] >= C[k])),

and the test rejects for small levels: the simultaneous bands of Saeilynoja, Buerkner
and Vehtari (2022, doi:10.1007/s11222-022-10090-6). The distribution of the level is
computed exactly: a multinomial path is a Poisson path given its total, so the
probability of staying between two limits is a chain of short convolutions.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.sbc.paths import (
    points,
    probability_inside,
    require_open,
    require_sizes,
    uniform_cells,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = [
    "Band",
    "band",
    "ecdf_difference",
    "holm",
    "p_value",
    "p_values",
]

#: A level counts as reached if it is so close to it: rounding must not decide.
_NUDGE = 1e-9
#: Below this, 1 minus a probability has no digits left and the union bound serves.
_SMALLEST = 1e-9
#: Steps for a level; they end as soon as no count lies between its two bounds.
_LEVEL_STEPS = 60


@dataclass(frozen=True)
class Band:
    """Simultaneous limits of the counts of ranks below each point.

    Parameters
    ----------
    n_sims, max_rank : int
    prob : float
        Probability that all counts of uniform ranks are within the limits; as close
        above it as counts allow.
    level : float
        Pointwise level that the limits are made of.
    z : ndarray of shape (max_rank,)
        The points, ``k / (max_rank + 1)``.
    lower, upper : ndarray of shape (max_rank,)
        Smallest and largest counts within the limits, read-only.
    """

    n_sims: int
    max_rank: int
    prob: float
    level: float
    z: Floats
    lower: Integers
    upper: Integers

    def difference(self) -> tuple[Floats, Floats]:
        """Return the limits of the ECDF minus the uniform one.

        Returns
        -------
        lower, upper : ndarray of shape (max_rank,)
            Proportions, ``count / n_sims - z``.
        """
        return self.lower / self.n_sims - self.z, self.upper / self.n_sims - self.z


def band(n_sims: int, max_rank: int, prob: float = 0.95) -> Band:
    """Return the simultaneous band of uniform ranks.

    Its level is the largest for which all pointwise levels of a uniform path exceed
    it with a probability of at least ``prob``. Ranks leave the band if, and only if,
    their p-value is at most ``1 - prob``.

    Parameters
    ----------
    n_sims : int
        Number of ranks, at least 1.
    max_rank : int
        Largest possible rank, at least 1.
    prob : float
        Probability of staying inside, strictly between 0 and 1.

    Returns
    -------
    Band

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    require_sizes(n_sims, max_rank)
    require_open("prob", prob)
    return _band(int(n_sims), int(max_rank), float(prob))


@functools.lru_cache(maxsize=256)
def _band(n_sims: int, max_rank: int, prob: float) -> Band:
    import numpy as np

    inside = probability_inside(n_sims, uniform_cells(max_rank))
    # By the union bound, the band of the lower end covers enough.
    low, high = np.log((1 - prob) / (4 * max_rank)), 0.0
    limits, beyond = (
        _limits(n_sims, max_rank, float(np.exp(end))) for end in (low, high)
    )
    for _ in range(_LEVEL_STEPS):
        if np.array_equal(limits[0], beyond[0]):
            break
        middle = 0.5 * (low + high)
        tried = _limits(n_sims, max_rank, float(np.exp(middle)))
        if inside(*tried) >= prob:
            low, limits = middle, tried
        else:
            high, beyond = middle, tried
    lower, upper = limits
    z = points(max_rank)
    for array in (z, lower, upper):
        array.flags.writeable = False  # the band is kept for the next caller
    return Band(
        n_sims, max_rank, inside(lower, upper), float(np.exp(low)), z, lower, upper
    )


def ecdf_difference(ranks: NDArray[Any], max_rank: int) -> Floats:
    """Return the ECDF of ranks minus the uniform one at ``k / (max_rank + 1)``.

    Parameters
    ----------
    ranks : ndarray of shape (n_sims,)
    max_rank : int

    Returns
    -------
    ndarray of shape (max_rank,)
        Proportions; positive where too many ranks are small.

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    table = _checked(ranks, max_rank, dims=1)
    counts = _counts(table, max_rank)[:, 0]
    difference: Floats = counts / len(table) - points(max_rank)
    return difference


def p_value(ranks: NDArray[Any], max_rank: int) -> float:
    """Return the exact p-value of ranks being uniform.

    Parameters
    ----------
    ranks : ndarray of shape (n_sims,)
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    float
        See :func:`p_values`.

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    table = _checked(ranks, max_rank, dims=1)
    return float(p_values(table, max_rank)[0])


def p_values(ranks: NDArray[Any], max_rank: int) -> Floats:
    """Return the p-value of each column of ranks.

    The probability, if ranks are uniform, of a level as small as the observed one.
    Below 1e-9, where one minus a probability has no digits left, ``max_rank * level``
    stands in: the sum of the pointwise probabilities, which is never smaller.

    Parameters
    ----------
    ranks : ndarray of shape (n_sims, n_quantities)
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    ndarray of shape (n_quantities,)
        Above 0 and at most 1.

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    import numpy as np
    from scipy.stats import binom

    table = _checked(ranks, max_rank, dims=2)
    n_sims = len(table)
    counts = _counts(table, max_rank)
    z = points(max_rank)[:, None]
    below = binom.cdf(counts, n_sims, z)
    above = binom.sf(counts - 1, n_sims, z)
    levels = np.minimum(2 * np.minimum(below, above), 1.0).min(axis=0)
    inside = probability_inside(n_sims, uniform_cells(max_rank))

    def p_of(level: float) -> float:
        if level * (1 + _NUDGE) >= 1:
            return 1.0  # no path has a larger one
        bound = max_rank * max(level, float(np.finfo(float).tiny))
        if bound < _SMALLEST:
            return bound
        p = 1.0 - inside(*_limits(n_sims, max_rank, level))
        return p if p >= _SMALLEST else _SMALLEST

    return np.array([p_of(float(level)) for level in levels])


def holm(p: NDArray[Any]) -> Floats:
    """Adjust p-values for their number, by Holm's step-down rule.

    The adjusted value of the i-th smallest of m is the largest of ``(m - j + 1)``
    times the j-th smallest over j up to i, at most 1. Rejecting what is below alpha
    keeps the probability of any false rejection at alpha, however the tests depend
    on each other (Holm 1979, Scandinavian Journal of Statistics 6, 65-70).

    Parameters
    ----------
    p : ndarray
        NaN stays NaN and does not count.

    Returns
    -------
    ndarray
        Of the same shape.

    Raises
    ------
    SettingsError
        If a value lies outside 0 to 1.
    """
    import numpy as np

    values = np.asarray(p, dtype=float)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        raise SettingsError(
            f"{values[wrong][0]:g} is no p-value: it must lie between 0 and 1.",
            remedy="Give NaN for a test that could not be made.",
        )
    adjusted = np.full(values.shape, np.nan)
    there = np.flatnonzero(~np.isnan(values.ravel()))
    order = there[np.argsort(values.ravel()[there], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    raised = np.maximum.accumulate(factors * values.ravel()[order])
    adjusted.ravel()[order] = np.minimum(raised, 1.0)
    return adjusted


def _limits(n_sims: int, max_rank: int, level: float) -> tuple[Integers, Integers]:
    """Return the smallest and largest counts whose pointwise level exceeds ``level``.

    The points lie symmetrically, and so do the limits.
    """
    import numpy as np
    from scipy.stats import binom

    tail = min(0.5 * level * (1 + _NUDGE), 1.0)
    quantiles = binom.ppf(tail, n_sims, points(max_rank))
    lower = np.maximum(quantiles, 0).astype(np.int64)
    return lower, n_sims - lower[::-1]


def _counts(table: Integers, max_rank: int) -> Integers:
    """Return the number of ranks below 1 ... max_rank, ``(max_rank, column)``."""
    import numpy as np

    offsets = np.arange(table.shape[1]) * (max_rank + 1)
    histogram = np.bincount(
        (table + offsets).ravel(), minlength=table.shape[1] * (max_rank + 1)
    ).reshape(table.shape[1], max_rank + 1)
    counts: Integers = histogram.cumsum(axis=1)[:, :-1].T
    return counts


def _checked(ranks: NDArray[Any], max_rank: int, *, dims: int) -> Integers:
    """Return the ranks as a table of whole numbers, one column a quantity."""
    import numpy as np

    values = np.asarray(ranks)
    if values.ndim != dims:
        wanted = "(n_sims,)" if dims == 1 else "(n_sims, n_quantities)"
        raise SettingsError(
            f"the ranks have the shape {values.shape}, but must have {wanted}.",
            remedy="Give one row for each simulation.",
        )
    require_sizes(len(values), max_rank)
    if values.dtype.kind not in "iuf":
        shown = repr(values.flat[0].item()) if values.size else str(values.dtype)
        raise SettingsError(
            f"{shown} is no rank: ranks must be whole numbers from 0 to {max_rank}.",
            remedy="Give an array of integers.",
        )
    wrong = ~((values >= 0) & (values <= max_rank) & (values == np.floor(values)))
    if wrong.any():
        raise SettingsError(
            f"{values[wrong][0]:g} is no rank: ranks must be whole numbers from 0 to "
            f"{max_rank}.",
            remedy="Leave out simulations without a rank, and check max_rank.",
        )
    table = values.astype(np.int64)
    return table[:, None] if dims == 1 else table
