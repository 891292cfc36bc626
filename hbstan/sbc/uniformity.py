"""Are ranks uniform? Exact simultaneous bands, p-values and power.

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
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

__all__ = [
    "Band",
    "Detectable",
    "band",
    "detectable",
    "ecdf_difference",
    "holm",
    "p_value",
    "p_values",
    "power",
    "scaled_cells",
    "shifted_cells",
]

#: A level counts as reached if it is so close to it: rounding must not decide.
_NUDGE = 1e-9
#: Below this, 1 minus a probability has no digits left and the union bound serves.
_SMALLEST = 1e-9
#: Miscalibrations that are searched: shifts in posterior sds, factors of the sd.
_LARGEST_SHIFT = 20.0
_LARGEST_FACTOR = 1e3


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
        Smallest and largest counts within the limits.
    """

    n_sims: int
    max_rank: int
    prob: float
    level: float
    z: Floats
    lower: Integers
    upper: Integers

    def difference(self) -> tuple[Floats, Floats]:
        """Return the limits of the ECDF minus the uniform one."""
        return self.lower / self.n_sims - self.z, self.upper / self.n_sims - self.z


@dataclass(frozen=True)
class Detectable:
    """The smallest miscalibrations that a test would have found.

    Parameters
    ----------
    shift : float
        Error of the posterior mean, in posterior standard deviations; infinite if
        none would have been found.
    narrow : float
        Factor below 1 by which the posterior sd is too small; 0 if none.
    wide : float
        Factor above 1 by which it is too large; infinite if none.
    """

    shift: float
    narrow: float
    wide: float


def band(n_sims: int, max_rank: int, prob: float = 0.95) -> Band:
    """Return the simultaneous band of uniform ranks.

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
    _require(n_sims, max_rank, prob)
    return _band(int(n_sims), int(max_rank), float(prob))


@functools.lru_cache(maxsize=64)
def _band(n_sims: int, max_rank: int, prob: float) -> Band:
    import numpy as np

    cells = np.full(max_rank + 1, 1.0 / (max_rank + 1))
    inside = _inside_function(n_sims, cells)
    low, high = np.log((1 - prob) / (4 * max_rank)), np.log(1.0)
    for _ in range(45):
        middle = 0.5 * (low + high)
        if inside(*_limits(n_sims, max_rank, np.exp(middle))) >= prob:
            low = middle
        else:
            high = middle
    level = float(np.exp(low))
    lower, upper = _limits(n_sims, max_rank, level)
    z = np.arange(1, max_rank + 1) / (max_rank + 1)
    return Band(n_sims, max_rank, inside(lower, upper), level, z, lower, upper)


def ecdf_difference(ranks: NDArray[Any], max_rank: int) -> Floats:
    """Return the ECDF of ranks minus the uniform one at ``k / (max_rank + 1)``.

    Parameters
    ----------
    ranks : ndarray of shape (n_sims,)
    max_rank : int

    Returns
    -------
    ndarray of shape (max_rank,)

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    import numpy as np

    counts = _counts(_checked(ranks, max_rank), max_rank)[:, 0]
    z = np.arange(1, max_rank + 1) / (max_rank + 1)
    difference: Floats = counts / np.size(ranks) - z
    return difference


def p_value(ranks: NDArray[Any], max_rank: int) -> float:
    """Return the exact p-value of ranks, shape ``(n_sims,)``, being uniform.

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    return float(p_values(_checked(ranks, max_rank), max_rank)[0])


def p_values(ranks: NDArray[Any], max_rank: int) -> Floats:
    """Return the p-value of each column of ``ranks``, ``(n_sims, n_quantities)``.

    The probability, if ranks are uniform, of a level as small as the observed one.
    Below 1e-9, the sum of the pointwise probabilities, which is an upper bound.

    Raises
    ------
    SettingsError
        If the ranks are not whole numbers from 0 to ``max_rank``.
    """
    import numpy as np
    from scipy.stats import binom

    table = _checked(ranks, max_rank)
    n_sims = len(table)
    counts = _counts(table, max_rank)
    z = (np.arange(1, max_rank + 1) / (max_rank + 1))[:, None]
    below = binom.cdf(counts, n_sims, z)
    above = binom.sf(counts - 1, n_sims, z)
    levels = np.minimum(2 * np.minimum(below, above), 1.0).min(axis=0)
    inside = _inside_function(n_sims, np.full(max_rank + 1, 1.0 / (max_rank + 1)))
    out = np.empty(len(levels))
    for column, level in enumerate(levels):
        p = 1.0 - inside(*_limits(n_sims, max_rank, float(level)))
        if p < _SMALLEST:
            p = min(max_rank * float(level), _SMALLEST)
        out[column] = min(p, 1.0)
    return out


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
    """
    import numpy as np

    values = np.asarray(p, dtype=float)
    adjusted = np.full(values.shape, np.nan)
    there = np.flatnonzero(~np.isnan(values.ravel()))
    order = there[np.argsort(values.ravel()[there], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    raised = np.maximum.accumulate(factors * values.ravel()[order])
    adjusted.ravel()[order] = np.minimum(raised, 1.0)
    return adjusted


def power(n_sims: int, max_rank: int, cells: NDArray[Any], alpha: float) -> float:
    """Return the exact probability that the test at level ``alpha`` rejects.

    Parameters
    ----------
    n_sims, max_rank : int
    cells : ndarray of shape (max_rank + 1,)
        Probabilities of the ranks.
    alpha : float
        Level of the test, strictly between 0 and 1.

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    import numpy as np

    probabilities = np.asarray(cells, dtype=float)
    legal = probabilities.shape == (max_rank + 1,) and (probabilities >= 0).all()
    if not legal or abs(probabilities.sum() - 1) > 1e-6:
        raise SettingsError(
            f"cells has shape {probabilities.shape} and sum {probabilities.sum():g}, "
            f"but must be {max_rank + 1} probabilities with sum 1."
        )
    limits = band(n_sims, max_rank, 1.0 - alpha)
    inside = _inside_function(n_sims, probabilities)
    return 1.0 - inside(limits.lower, limits.upper)


def shifted_cells(shift: float, max_rank: int) -> Floats:
    """Return rank probabilities of a normal posterior whose mean is off.

    If the reported mean is ``shift`` posterior standard deviations above the true
    one, the value's position is ``u = Phi(Z - shift)`` with Z standard normal.
    """
    return _normal_cells(max_rank, lambda x: x + shift)


def scaled_cells(factor: float, max_rank: int) -> Floats:
    """Return rank probabilities of a normal posterior whose sd is off.

    If the reported sd is ``factor`` times the true one, ``u = Phi(Z / factor)``.
    """
    return _normal_cells(max_rank, lambda x: factor * x)


def _normal_cells(max_rank: int, move: Callable[[Floats], Floats]) -> Floats:
    import numpy as np
    from scipy.special import ndtr, ndtri

    inner = ndtri(np.arange(1, max_rank + 1) / (max_rank + 1))
    edges = np.concatenate([[0.0], ndtr(move(inner)), [1.0]])
    cells: Floats = np.maximum(np.diff(edges), 0.0)
    return cells


def detectable(
    n_sims: int, max_rank: int, alpha: float, power: float = 0.8
) -> Detectable:
    """Return the smallest miscalibrations found with probability ``power``.

    Parameters
    ----------
    n_sims, max_rank : int
    alpha : float
        Level of the test of one quantity.
    power : float
        Probability of finding them.

    Returns
    -------
    Detectable
        Of normal posteriors; see :func:`shifted_cells` and :func:`scaled_cells`.
    """
    import numpy as np

    limits = band(n_sims, max_rank, 1.0 - alpha)

    def found(cells: Floats) -> float:
        return 1.0 - _inside_function(n_sims, cells)(limits.lower, limits.upper)

    def smallest(cells: Callable[[float], Floats], most: float) -> float:
        """Bisect the logarithm of the size for the power that is asked for."""
        low, high = np.log(1e-4), np.log(most)
        if found(cells(most)) < power:
            return float("inf")
        for _ in range(18):
            middle = 0.5 * (low + high)
            low, high = (
                (low, middle)
                if found(cells(float(np.exp(middle)))) >= power
                else (middle, high)
            )
        return float(np.exp(high))

    def wider(size: float) -> Floats:
        return scaled_cells(1.0 + size, max_rank)

    def narrower(size: float) -> Floats:
        return scaled_cells(1.0 / (1.0 + size), max_rank)

    shift = smallest(lambda size: shifted_cells(size, max_rank), _LARGEST_SHIFT)
    narrow = smallest(narrower, _LARGEST_FACTOR)
    wide = smallest(wider, _LARGEST_FACTOR)
    return Detectable(shift, 1.0 / (1.0 + narrow), 1.0 + wide)


def _limits(n_sims: int, max_rank: int, level: float) -> tuple[Integers, Integers]:
    """Return the smallest and largest counts whose pointwise level exceeds ``level``.

    The points lie symmetrically, and so do the limits.
    """
    import numpy as np
    from scipy.stats import binom

    z = np.arange(1, max_rank + 1) / (max_rank + 1)
    tail = min(0.5 * level * (1 + _NUDGE), 1.0)
    lower = np.maximum(binom.ppf(tail, n_sims, z), 0).astype(np.int64)
    return lower, n_sims - lower[::-1]


def _inside_function(
    n_sims: int, cells: Floats
) -> Callable[[Integers, Integers], float]:
    """Return a function of limits: the probability that the path stays inside.

    Increments are independent Poisson(n_sims * cell) variables given that their sum
    is ``n_sims``. The kernels are made once, for many limits.
    """
    import numpy as np
    from scipy.stats import poisson

    means = n_sims * np.asarray(cells, dtype=float)
    widest = int(min(n_sims, means.max() + 12 * np.sqrt(means.max()) + 30))
    steps = np.arange(widest + 1)
    uniform = np.ptp(means) < 1e-9 * means.max()
    kernels = (
        np.broadcast_to(poisson.pmf(steps, means[0]), (len(means), widest + 1))
        if uniform
        else poisson.pmf(steps, means[:, None])
    )
    total = float(poisson.pmf(n_sims, means.sum()))

    def inside(lower: Integers, upper: Integers) -> float:
        weights, start = np.ones(1), 0
        ends = zip(
            (*lower.tolist(), n_sims), (*upper.tolist(), n_sims), kernels, strict=True
        )
        for low, high, kernel in ends:
            if high < low:
                return 0.0
            grown = np.convolve(weights, kernel)
            weights = np.zeros(high - low + 1)
            first, last = max(low, start), min(high, start + len(grown) - 1)
            if last < first:
                return 0.0
            weights[first - low : last - low + 1] = grown[
                first - start : last - start + 1
            ]
            start = low
        return min(float(weights[0]) / total, 1.0)

    return inside


def _counts(table: Integers, max_rank: int) -> Integers:
    """Return the number of ranks below 1 ... max_rank, ``(max_rank, column)``."""
    import numpy as np

    offsets = np.arange(table.shape[1]) * (max_rank + 1)
    histogram = np.bincount(
        (table + offsets).ravel(), minlength=table.shape[1] * (max_rank + 1)
    ).reshape(table.shape[1], max_rank + 1)
    counts: Integers = histogram.cumsum(axis=1)[:, :-1].T
    return counts


def _checked(ranks: NDArray[Any], max_rank: int) -> Integers:
    """Return the ranks as a table of whole numbers, one column a quantity."""
    import numpy as np

    values = np.asarray(ranks)
    _require(values.shape[0] if values.ndim else 0, max_rank, 0.5)
    numbers = values.astype(float)
    wrong = ~((numbers >= 0) & (numbers <= max_rank) & (numbers == np.floor(numbers)))
    if wrong.any():
        raise SettingsError(
            f"{numbers[wrong][0]:g} is no rank: ranks must be whole numbers from 0 to "
            f"{max_rank}."
        )
    table = numbers.astype(np.int64)
    return table[:, None] if table.ndim == 1 else table


def _require(n_sims: int, max_rank: int, prob: float) -> None:
    if n_sims < 1:
        raise SettingsError(f"there are {n_sims} ranks, but at least 1 is needed.")
    if max_rank < 1:
        raise SettingsError(f"max_rank is {max_rank!r}, but must be at least 1.")
    if not 0 < prob < 1:
        raise SettingsError(
            f"the probability is {prob!r}, but must lie strictly between 0 and 1."
        )
