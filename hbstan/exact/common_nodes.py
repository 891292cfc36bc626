"""The same integrals for many groups at a time, on nodes that they share.

Where neither the population nor a likelihood is narrow, one net of equal steps serves
all groups and all points of a block: the likelihoods at its nodes times the population
densities there is one product of matrices. What does not fit such a net is left to the
rule that goes by each integrand alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hbstan.exact.beta_binomial import binomial_log_likelihood
from hbstan.exact.nodes import POWER, Sums, choose, empty_sums, integrals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["CommonNodes"]

#: Step of the net, in units of the narrowest integrand, and at most: the poles of the
#: logistic function bound what a step may be.
_STEP, _WIDEST = 0.6, 0.4
#: Nodes begin and end at multiples of so many steps, so that nets recur.
_ROUND = 32
#: A net has at most so many nodes. Each costs so much, relative to an integral on
#: nodes of its own: once for every group, and once for every point.
_MOST, _ONCE_A_GROUP, _ONCE_A_POINT = 3_000, 0.02, 0.01
#: exp(-40) of an integrand lies outside the net; a value below the least may have lost
#: digits.
_OUTSIDE, _LEAST = 40.0, 1e-250
#: Where a net gives less than that, an integrand is narrower than was foreseen.
_ACCURATE = 1e-9
#: Multiples of the step beyond which nodes lose digits.
_FARTHEST = 1e7
#: Numbers that are kept of likelihoods on nets.
_KEPT = 8_000_000


class CommonNodes:
    """Integrals of outcomes over log-odds at many points.

    Parameters
    ----------
    y, n : ndarray of shape (items,)
    """

    def __init__(self, y: NDArray[np.float64], n: NDArray[np.float64]) -> None:
        self.y, self.n = y, n
        share = (y + 0.5) / (n + 1.0)
        self.own = 1.0 / np.sqrt(n * share * (1.0 - share) + 1e-12)
        self.widths = list(_octaves(self.own))
        # What likelihoods on a net are divided by: their maxima.
        zero = np.zeros(1)
        top = binomial_log_likelihood(zero, y, n)[0] + n * np.log(2.0)
        self.shift = choose(n, y) - top
        self._nets: dict[tuple[float, int, int, int], NDArray[np.float64]] = {}

    def table(
        self,
        mu: NDArray[np.float64],
        tau: NDArray[np.float64],
        moments: bool = True,
    ) -> Sums:
        """Integrate every outcome at every point.

        Parameters
        ----------
        mu, tau : ndarray of shape (points,)
        moments : bool
            Whether more is wanted than the integrals.

        Returns
        -------
        Sums
            Arrays of shape (points, items); see
            :func:`hbstan.exact.nodes.integrals`.
        """
        out = empty_sums((len(mu), len(self.y)))
        todo = np.ones((len(mu), len(self.y)), bool)
        for rows in _octaves(tau):
            for k, items in enumerate(self.widths):
                found = self._block(mu[rows], tau[rows], k, moments)
                if found is None:
                    continue
                block = np.ix_(rows, items)
                for name in out.names:
                    getattr(out, name)[block] = getattr(found, name)
                todo[block] = np.isnan(found.log_value)
        if todo.any():
            i, j = np.nonzero(todo)
            rest = integrals(mu[i], tau[i], self.y[j], self.n[j], moments)
            for name in out.names:
                getattr(out, name)[i, j] = getattr(rest, name)
        return out

    def _block(
        self,
        mu: NDArray[np.float64],
        tau: NDArray[np.float64],
        k: int,
        moments: bool,
    ) -> Sums | None:
        """Integrate groups and points of like width; None if a net is not worth it."""
        items = self.widths[k]
        narrowest = 1.0 / np.hypot(1.0 / tau.min(), 1.0 / self.own[items].min())
        step = min(_STEP * narrowest, _WIDEST)
        step = float(2.0 ** (np.floor(2.0 * np.log2(step)) / 2.0))
        low, high = _range(mu, tau, self.y[items], self.n[items])
        nodes = (high - low) / step
        dear = nodes * (_ONCE_A_GROUP / len(mu) + _ONCE_A_POINT / len(items))
        far = max(abs(low), abs(high)) / step
        if not nodes < _MOST or dear > 1.0 or not far < _FARTHEST:
            return None
        theta, likelihood = self._net(step, low, high, k)
        z = (theta - mu[:, None]) / tau[:, None]
        population = np.exp(-0.5 * z * z)
        population *= step / np.sqrt(2.0 * np.pi) / tau[:, None]
        value = population @ likelihood
        half = 2.0 * (population[:, ::2] @ likelihood[::2])
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.abs(half / value - 1.0) ** POWER
            good = (value > _LEAST) & (error < _ACCURATE)
            logs = np.where(good, np.log(value) + self.shift[items], np.nan)
        if not moments:
            return Sums(logs, logs, logs, logs, logs, error)
        middle = 0.5 * (low + high)
        away = theta - middle
        p = 1.0 / (1.0 + np.exp(-theta))
        first, second, one, two = (
            (population * f) @ likelihood / np.maximum(value, 1e-300)
            for f in (away, away**2, p, p**2)
        )
        variance = np.maximum(second - first**2, 0.0)
        return Sums(logs, middle + first, variance, one, two, error=error)

    def _net(
        self, step: float, low: float, high: float, k: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return nodes and the likelihoods there, the same ones as long as they do."""
        first = int(np.floor(low / step / _ROUND)) * _ROUND
        last = int(np.ceil(high / step / _ROUND)) * _ROUND
        theta = np.asarray(step * np.arange(first, last + 1), dtype=np.float64)
        key = (step, first, last, k)
        if key not in self._nets:
            items = self.widths[k]
            found = np.exp(binomial_log_likelihood(theta, self.y[items], self.n[items]))
            if sum(a.size for a in self._nets.values()) + found.size > _KEPT:
                self._nets.clear()
            self._nets[key] = found
        return theta, self._nets[key]


def _octaves(values: NDArray[np.float64]) -> Iterator[NDArray[np.int64]]:
    """Yield places of values within a factor of 4 of each other."""
    octave = np.floor(0.5 * np.log2(np.clip(values, 1e-9, 1e9)))
    for one in np.unique(octave):
        yield np.flatnonzero(octave == one)


def _range(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
) -> tuple[float, float]:
    """Return between what all integrands of a block lie.

    Beyond both modes an integrand falls at least as fast as the population's density;
    and nowhere does its likelihood gain more than its maximum over that at ``mu``.
    """
    widest, wide = float(tau.max()), np.sqrt(2.0 * _OUTSIDE)
    ends = np.array([mu.min(), mu.max()])
    gain = np.maximum(-binomial_log_likelihood(ends, y, n), 0.0)
    reach = widest * np.sqrt(2.0 * (_OUTSIDE + gain))
    mode = special.logit(np.divide(y, n, out=np.full_like(y, 0.5), where=n > 0))
    low = np.maximum(ends[0] - reach[0], np.minimum(ends[0], mode) - wide * widest)
    high = np.minimum(ends[1] + reach[1], np.maximum(ends[1], mode) + wide * widest)
    return float(low.min()), float(high.max())
