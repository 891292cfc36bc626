"""What a number of simulations can find: exact power of the test of uniformity.

Two miscalibrations of a normal posterior stand for all: its mean is off by some
posterior standard deviations, or its standard deviation by a factor.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
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
from hbstan.sbc.uniformity import band

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Detectable", "detectable", "power", "scaled_cells", "shifted_cells"]

#: Miscalibrations that are searched: shifts in posterior sds, factors of the sd.
_LARGEST_SHIFT = 20.0
_LARGEST_FACTOR = 1e3
#: Smallest of both, and bisections that leave a relative error below 1e-4.
_LEAST_SIZE = 1e-4
_SIZE_STEPS = 18


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


def power(n_sims: int, max_rank: int, cells: NDArray[Any], alpha: float) -> float:
    """Return the exact probability that the test at level ``alpha`` rejects.

    Parameters
    ----------
    n_sims, max_rank : int
    cells : ndarray of shape (max_rank + 1,)
        Probabilities of the ranks.
    alpha : float
        Level of the test, strictly between 0 and 1. With uniform cells the test
        rejects with this probability at most.

    Returns
    -------
    float
        Probability that ``n_sims`` ranks leave ``band(n_sims, max_rank, 1 - alpha)``.

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    import numpy as np

    require_sizes(n_sims, max_rank)
    require_open("alpha", alpha)
    probabilities = np.asarray(cells, dtype=float)
    legal = probabilities.shape == (max_rank + 1,) and (probabilities >= 0).all()
    if not legal or abs(probabilities.sum() - 1) > 1e-6:
        raise SettingsError(
            f"cells has shape {probabilities.shape} and sum {probabilities.sum():g}, "
            f"but must be {max_rank + 1} probabilities, none negative, with sum 1.",
            remedy="Divide the cells by their sum, one for each rank.",
        )
    limits = band(n_sims, max_rank, 1.0 - alpha)
    inside = probability_inside(n_sims, probabilities)
    return 1.0 - inside(limits.lower, limits.upper)


def shifted_cells(shift: float, max_rank: int) -> Floats:
    """Return rank probabilities of a normal posterior whose mean is off.

    If the reported mean is ``shift`` posterior standard deviations above the true
    one, the value's position is ``u = Phi(Z - shift)`` with Z standard normal, and
    its rank ``floor(u * (max_rank + 1))``, as of many draws; fewer draws blur it.

    Parameters
    ----------
    shift : float
        Positive if the reported mean is too large: small ranks become frequent.
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    ndarray of shape (max_rank + 1,)

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    require_sizes(1, max_rank)
    if not math.isfinite(shift):
        raise SettingsError(
            f"shift is {shift!r}, but must be finite.",
            remedy="Give the error of the mean in posterior standard deviations.",
        )
    return _normal_cells(max_rank, lambda x: x + shift)


def scaled_cells(factor: float, max_rank: int) -> Floats:
    """Return rank probabilities of a normal posterior whose sd is off.

    If the reported sd is ``factor`` times the true one, ``u = Phi(Z / factor)`` with
    Z standard normal; the rank is ``floor(u * (max_rank + 1))``, as of many draws.

    Parameters
    ----------
    factor : float
        Above 0. Below 1 the posterior is too narrow and extreme ranks become
        frequent; above 1 it is too wide and they become rare.
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    ndarray of shape (max_rank + 1,)

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    require_sizes(1, max_rank)
    if not (math.isfinite(factor) and factor > 0):
        raise SettingsError(
            f"factor is {factor!r}, but must be finite and above 0.",
            remedy="Give the reported sd divided by the true one.",
        )
    return _normal_cells(max_rank, lambda x: factor * x)


def _normal_cells(max_rank: int, move: Callable[[Floats], Floats]) -> Floats:
    """Return the probabilities of cells whose normal quantiles have moved."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    inner: Floats = np.asarray(ndtri(points(max_rank)))
    edges = np.concatenate([[-np.inf], move(inner), [np.inf]])
    # Differences of the smaller tail keep their digits above the median, too.
    cells: Floats = np.where(
        edges[:-1] < 0, np.diff(ndtr(edges)), -np.diff(ndtr(-edges))
    )
    return np.maximum(cells, 0.0)


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
        Shifts down are found as well as shifts up. To a relative error of 1e-4.

    Raises
    ------
    SettingsError
        If an argument lies outside its range.
    """
    require_sizes(n_sims, max_rank)
    require_open("alpha", alpha)
    require_open("power", power)
    return _detectable(int(n_sims), int(max_rank), float(alpha), float(power))


@functools.lru_cache(maxsize=256)
def _detectable(n_sims: int, max_rank: int, alpha: float, power: float) -> Detectable:
    import numpy as np

    limits = band(n_sims, max_rank, 1.0 - alpha)

    def found(cells: Floats) -> bool:
        inside = probability_inside(n_sims, cells)
        return 1.0 - inside(limits.lower, limits.upper) >= power

    def smallest(cells: Callable[[float], Floats], most: float) -> float:
        """Bisect the logarithm of the size for the power that is asked for."""
        low, high = np.log(_LEAST_SIZE), np.log(most)
        if not found(cells(most)):
            return float("inf")
        for _ in range(_SIZE_STEPS):
            middle = 0.5 * (low + high)
            if found(cells(float(np.exp(middle)))):
                high = middle
            else:
                low = middle
        return float(np.exp(high))

    def wider(size: float) -> Floats:
        return scaled_cells(1.0 + size, max_rank)

    def narrower(size: float) -> Floats:
        return scaled_cells(1.0 / (1.0 + size), max_rank)

    if found(uniform_cells(max_rank)):
        return Detectable(0.0, 1.0, 1.0)  # no more power than level was asked for
    shift = smallest(lambda size: shifted_cells(size, max_rank), _LARGEST_SHIFT)
    narrow = smallest(narrower, _LARGEST_FACTOR)
    wide = smallest(wider, _LARGEST_FACTOR)
    return Detectable(shift, 1.0 / (1.0 + narrow), 1.0 + wide)
