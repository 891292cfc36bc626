"""Paths of counts: how probable it is that ranks stay between limits.

The counts of ranks below 1 ... max_rank are a multinomial path, which is a Poisson
path given its total; the probability of staying between two limits is a chain of
short convolutions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    #: Smallest and largest count that a path can have reached, and their weights.
    _Stretch = tuple[int, int, Floats]

__all__ = [
    "points",
    "probability_inside",
    "require_open",
    "require_sizes",
    "uniform_cells",
]

#: Poisson increments beyond mean +- (12 sd + 30) have a mass below 1e-30.
_TAIL_SDS, _TAIL_COUNTS = 12.0, 30.0
#: From here on four terms of Stirling's series have all digits.
_SERIES_FROM = 30
#: Means whose relative difference is rounding are the same.
_SAME = 1e-12


def points(max_rank: int) -> Floats:
    """Return the points ``k / (max_rank + 1)`` for k = 1 ... ``max_rank``."""
    import numpy as np

    inner: Floats = np.arange(1, max_rank + 1) / (max_rank + 1)
    return inner


def uniform_cells(max_rank: int) -> Floats:
    """Return equal probabilities of the ranks."""
    import numpy as np

    return np.full(max_rank + 1, 1.0 / (max_rank + 1))


def require_sizes(n_sims: int, max_rank: int) -> None:
    """Raise unless both are whole numbers of 1 or more."""
    for name, value in (("n_sims", n_sims), ("max_rank", max_rank)):
        try:
            whole = operator.index(value)
        except TypeError:
            whole = 0
        if isinstance(value, bool) or whole < 1:
            raise SettingsError(
                f"{name} is {value!r}, but must be a whole number of at least 1.",
                remedy="There must be a rank, and two values that it can take.",
            )


def require_open(name: str, value: float) -> None:
    """Raise unless a probability is strictly between 0 and 1."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value < 1:
        raise SettingsError(
            f"{name} is {value!r}, but must lie strictly between 0 and 1.",
            remedy="Give a probability, such as 0.95.",
        )


def probability_inside(
    n_sims: int, cells: Floats
) -> Callable[[Integers, Integers], float]:
    """Return a function of limits: the exact probability that the path stays inside.

    Increments are independent Poisson(n_sims * cell) variables given that their sum
    is ``n_sims``. A step's kernel has only increments that lead from limits to
    limits.

    Parameters
    ----------
    n_sims : int
    cells : ndarray of shape (max_rank + 1,)
        Probabilities of the ranks.

    Returns
    -------
    callable
        Of the smallest and the largest counts, each of shape ``(max_rank,)``.
    """
    import numpy as np

    means = n_sims * np.asarray(cells, dtype=float)
    pmf = _poisson_function(n_sims)
    kernel_of = _kernel_function(n_sims, means, pmf)
    total = float(pmf(float(means.sum()), n_sims, n_sims)[0])
    mirrored = bool(np.abs(means - means[::-1]).max() <= _SAME * means.max())

    def grow(path: _Stretch, step: int, next_low: int, next_high: int) -> _Stretch:
        """Take a step; what is outside the next limits is left out."""
        low, high, weights = path
        first, kernel = kernel_of(step, next_low - high, next_high - low)
        if not len(kernel):
            return next_low, next_low - 1, kernel
        low += first
        grown = np.convolve(weights, kernel)[max(next_low - low, 0) :]
        low = max(low, next_low)
        grown = grown[: max(next_high - low + 1, 0)]
        return low, low + len(grown) - 1, grown

    def inside(lower: Integers, upper: Integers) -> float:
        if (upper < lower).any():
            return 0.0
        lows, highs = (*lower.tolist(), n_sims), (*upper.tolist(), n_sims)
        # The end of a path of equal halves is its beginning, seen from the end.
        halves = mirrored and bool((lower == n_sims - upper[::-1]).all())
        steps = (len(lows) + 1) // 2 if halves else len(lows)
        path: _Stretch = (0, 0, np.ones(1))
        before = path
        for step in range(steps):
            before, path = path, grow(path, step, lows[step], highs[step])
            if not len(path[2]):
                return 0.0
        if not halves:
            return min(float(path[2][0]) / total, 1.0)
        other = path if 2 * steps == len(lows) else before
        return min(_joined(path, other, n_sims) / total, 1.0)

    return inside


def _joined(path: _Stretch, other: _Stretch, n_sims: int) -> float:
    """Return the weight of all paths of one stretch, and of the other backwards."""
    begin, end = max(path[0], n_sims - other[1]), min(path[1], n_sims - other[0])
    there = path[2][begin - path[0] : end + 1 - path[0]]
    back = other[2][n_sims - end - other[0] : n_sims - begin + 1 - other[0]]
    return float(there @ back[::-1]) if begin <= end else 0.0


def _poisson_function(largest: int) -> Callable[[float, int, int], Floats]:
    """Return a function of a mean and a range of counts: the Poisson pmf.

    ``pmf(n) = exp(-D(n, mean)) * n^n exp(-n) / n!`` with the deviance
    ``D(n, mean) = n log(n / mean) - n + mean``: unlike ``n log(mean) - mean - log(n!)``
    it has no large terms that cancel. The last factor is from Stirling's series.
    """
    import numpy as np
    from scipy.special import gammaln, kl_div, xlogy

    counts = np.arange(largest + 1.0)
    n = np.maximum(counts, 1.0)
    series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * n**2)) / n**2) / n**2) / n
    logs = np.where(
        counts < _SERIES_FROM,
        gammaln(counts + 1) - xlogy(counts, counts) + counts,
        0.5 * np.log(2 * np.pi * n) + series,
    )

    def pmf(mean: float, first: int, last: int) -> Floats:
        part = slice(first, last + 1)
        values: Floats = np.exp(-kl_div(counts[part], mean) - logs[part])
        return values

    return pmf


def _kernel_function(
    n_sims: int, means: Floats, pmf: Callable[[float, int, int], Floats]
) -> Callable[[int, int, int], tuple[int, Floats]]:
    """Return a function of a step and a range of increments: the first, and the pmf.

    The range is narrowed to where the pmf is not negligible.
    """
    import numpy as np

    spread = _TAIL_SDS * np.sqrt(means) + _TAIL_COUNTS
    least = np.maximum(np.floor(means - spread), 0).astype(int).tolist()
    most = np.minimum(np.ceil(means + spread), n_sims).astype(int).tolist()
    same = bool(np.ptp(means) <= _SAME * np.max(means))
    shared = pmf(float(means[0]), least[0], most[0]) if same else np.empty(0)

    def kernel(step: int, first: int, last: int) -> tuple[int, Floats]:
        first, last = max(first, least[step]), min(last, most[step])
        if same:
            stop = max(last + 1 - least[0], 0)
            return first, shared[first - least[0] : stop]
        return first, pmf(float(means[step]), first, last)

    return kernel
