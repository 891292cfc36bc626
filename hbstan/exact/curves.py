"""Distributions from lattices: of a hyperparameter, of mixtures, of groups.

A density that the lattice resolves is known between its points too: it is the sum of
cardinal sines of its values there (the sampling theorem), whose integral is the sine
integral. That holds for a hyperparameter's own distribution, and for a group's that all
but coincides with the population's middle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.family import Moments
    from hbstan.exact.grid import Grid

__all__ = [
    "Curves",
    "HasCurves",
    "Marginal",
    "find_cdf",
    "find_quantiles",
    "mixture_cdf",
    "mixture_quantiles",
    "nets",
]

#: (items, points, densities at the points), of some items at a time.
Tables: TypeAlias = Iterator[tuple[Any, Any, Any]]

#: Of a normal mixture: steps of the search for a quantile.
_STEPS = 60
#: A group's density: its range and step in units of its standard deviation.
_REACH, _FINE = 14.0, 0.06
#: A group whose log integral has a larger sd over the posterior pulls against it.
_TENSE = 1.5
#: Numbers in one array of densities.
_BLOCK = 4_000_000


class Marginal:
    """The distribution of one hyperparameter.

    Parameters
    ----------
    grid : Grid
    weights : ndarray of shape (points,)
    k : int
        Which axis.
    """

    def __init__(self, grid: Grid, weights: NDArray[np.float64], k: int) -> None:
        self.grid, self.k = grid, k
        first = int(grid.index[:, k].min())
        self.mass = np.bincount(grid.index[:, k] - first, weights)
        self.u = (np.arange(len(self.mass)) + first) * grid.step[k]

    def cdf(self, x: Any) -> NDArray[np.float64]:
        """Return P(hyperparameter <= x)."""
        axis = self.grid.axes[self.k]
        return self._below(self.grid.u_of(axis.inverse(x), self.k))

    def _below(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        v = (np.asarray(u)[..., None] - self.u) / self.grid.step[self.k]
        with np.errstate(invalid="ignore"):
            sine = special.sici(np.pi * np.clip(v, -1e6, 1e6))[0]
        return np.asarray(np.clip((0.5 + sine / np.pi) @ self.mass, 0.0, 1.0))

    def quantile(self, q: Any) -> NDArray[np.float64]:
        """Return quantiles, by bisection."""
        q = np.asarray(q, dtype=float)
        low = np.full(q.shape, self.u[0] - self.grid.step[self.k])
        high = np.full(q.shape, self.u[-1] + self.grid.step[self.k])
        for _ in range(_STEPS):
            middle = 0.5 * (low + high)
            under = self._below(middle) < q
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        axis, bend = self.grid.axes[self.k], self.grid.axes[self.k].bend
        u = 0.5 * (low + high)
        z = np.sinh(bend * u) / bend if bend else u
        return axis.value(self.grid.centre[self.k] + self.grid.width[self.k] * z)


def mixture_cdf(
    x: NDArray[np.float64],
    weights: NDArray[np.float64],
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return distribution functions of mixtures of normals.

    Parameters
    ----------
    x : ndarray of shape (items,)
    weights : ndarray of shape (points,) or (points, items)
    mean, sd : ndarray of shape (points, items)

    Returns
    -------
    ndarray of shape (items,)
    """
    return _mixed(weights, special.ndtr((x - mean) / np.maximum(sd, 1e-300)))


def _mixed(
    weights: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return weighted sums over points; weights may be each item's own."""
    own = weights.ndim == 2
    return np.asarray((weights * values).sum(0) if own else weights @ values)


def mixture_quantiles(
    q: float,
    weights: NDArray[np.float64],
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return one quantile of mixtures of normals; see :func:`mixture_cdf`."""
    z = special.ndtri(q)
    # The quantile lies between the least and the largest of the components'.
    own = mean + z * sd
    low, high = own.min(0), own.max(0)
    centre = _mixed(weights, mean)
    x = centre + z * np.sqrt(_mixed(weights, sd**2 + (mean - centre) ** 2))
    x, last = np.clip(x, low, high), 2.0 * (high - low)
    safe = np.maximum(sd, 1e-300)
    for _ in range(_STEPS):
        distance = np.clip((x - mean) / safe, -1e100, 1e100)
        over = _mixed(weights, special.ndtr(distance)) - q
        density = _mixed(weights, np.exp(-0.5 * distance**2) / safe)
        density /= np.sqrt(2.0 * np.pi)
        low, high = np.where(over < 0, x, low), np.where(over < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = x - over / density
        # What has been found stays while others are still sought.
        done = np.abs(over) < 1e-12
        inside = (moved >= low) & (moved <= high) & (2.0 * np.abs(moved - x) < last)
        new = np.where(done, x, np.where(inside, moved, 0.5 * (low + high)))
        if (done | (new == x)).all():
            break
        last, x = np.abs(new - x), new
    return np.asarray(x)


class HasCurves(Protocol):
    """A family whose groups' distributions are no mixtures of normals."""

    def log_likelihood(
        self, theta: NDArray[np.float64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return items' log likelihoods, less their maxima: (theta, items)."""

    def log_maximum(self) -> NDArray[np.float64]:
        """Return what the log likelihoods were less: (items,)."""

    def log_population(
        self, theta: NDArray[np.float64], t: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return log densities of a group's parameter: (theta, points)."""

    def narrow(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the population's standard deviation: (points,)."""


class Curves:
    """Distributions of groups' own parameters, given their likelihoods' integrals.

    Parameters
    ----------
    family : HasCurves
    grid : Grid
    kept : ndarray of int
        The points that count.
    weights : ndarray of shape (kept points,)
    terms : ndarray of shape (kept points, items)
        Log integrals, 0 for groups without data.
    own : callable
        Returns moments of the groups' parameters at the kept points, if needed.
    """

    def __init__(
        self,
        family: HasCurves,
        grid: Grid,
        kept: NDArray[np.int64],
        weights: NDArray[np.float64],
        terms: NDArray[np.float64],
        own: Callable[[], Moments],
    ) -> None:
        self.family, self.grid = family, grid
        self.t, self.index = grid.t[kept], grid.index[kept]
        self.log_weight, self.terms = np.log(weights), terms
        self.shift = family.log_maximum()
        with np.errstate(invalid="ignore"):
            middle = weights @ terms
            self.tense = np.sqrt(weights @ (terms - middle) ** 2) > _TENSE
        self.own = own() if self.tense.any() else None

    def density(
        self, theta: NDArray[np.float64], items: NDArray[np.int64], data: bool = True
    ) -> NDArray[np.float64]:
        """Return posterior densities at ``theta``, not normalised: (theta, items)."""
        scaled = np.repeat(self.log_weight[:, None], max(1, len(items)), 1)
        if data:
            scaled = scaled - self.terms[:, items]
        scaled -= scaled.max(0)
        out = self._population(theta) @ np.exp(scaled)
        if data:
            out *= np.exp(self.family.log_likelihood(theta, items))
            for column in np.flatnonzero(self.tense[items]):
                item = items[column : column + 1]
                out[:, column] = self._alone(theta, item)
        return np.asarray(np.maximum(out, 0.0))

    def _alone(
        self, theta: NDArray[np.float64], item: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the density of a group that pulls against its population.

        Its likelihood changes by orders of magnitude between points, so that each
        point's density is taken as a whole: likelihood times population over their
        integral, or, where the population is narrow, the normal density with the same
        moments.
        """
        j = int(item[0])
        assert self.own is not None
        mean, sd = self.own.mean[:, j], np.sqrt(self.own.variance[:, j])
        slope = self.grid.slope(self.index[:, 0] * self.grid.step[0], 0)
        step = float(self.grid.step[0])
        thin = self.family.narrow(self.t) / slope < step
        logs = self.family.log_population(theta, self.t[~thin])
        logs += self.family.log_likelihood(theta, item) + self.shift[j]
        logs += self.log_weight[~thin] - self.terms[~thin, j]
        out = np.exp(np.minimum(logs, 700.0)).sum(1)
        at = self.grid.u_of(theta, 0)
        place = at[:, None] - self.grid.u_of(mean[thin], 0)
        narrow = np.maximum(sd[thin] / slope[thin], 1e-3 * step)
        density = _cut_off(place, narrow, step) @ np.exp(self.log_weight[thin])
        return np.asarray(out + density / self.grid.slope(at, 0))

    def _population(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return densities of a group's parameter at ``theta``: (theta, points).

        A population narrower than the lattice's step would leave gaps between one
        point's and the next one's. There the normal density is cut off at the
        frequency that the lattice can tell, which fills them.
        """
        out = np.exp(self.family.log_population(theta, self.t))
        u = self.index[:, 0] * self.grid.step[0]
        slope, step = self.grid.slope(u, 0), self.grid.step[0]
        narrow = self.family.narrow(self.t) / slope
        thin = np.flatnonzero(narrow < step)
        if len(thin):
            place = self.grid.u_of(theta, 0)[:, None] - u[thin]
            sd = np.maximum(narrow[thin], 1e-3 * step)
            out[:, thin] = (
                _cut_off(place, sd, float(step))
                / self.grid.slope(self.grid.u_of(theta, 0), 0)[:, None]
            )
        return np.asarray(out)

    def tables(
        self, mean: NDArray[np.float64], sd: NDArray[np.float64], data: bool = True
    ) -> Tables:
        """Yield (items, theta, density at theta) of all items.

        Parameters
        ----------
        mean, sd : ndarray of shape (items,)
            Of the posterior: they say where to look.
        data : bool
            Whether groups have their data, or are new.
        """
        for items, theta in nets(mean, sd):
            yield items, theta, self.density(theta, items, data)


def nets(
    mean: NDArray[np.float64], sd: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield items of like place and spread with points that resolve them all.

    Items whose mean or sd is not finite are left out.
    """
    octave = np.floor(np.log2(np.maximum(sd, 1e-12)))
    for size in np.unique(octave[np.isfinite(octave + mean)]):
        members = np.flatnonzero((octave == size) & np.isfinite(mean))
        order = members[np.argsort(mean[members], kind="stable")]
        least, reach = float(sd[order].min()), _REACH * float(sd[order].max())
        # Neighbours share a net of points; far ones have nets of their own.
        place = np.floor((mean[order] - mean[order[0]]) / (8.0 * reach))
        for chunk in np.split(order, np.flatnonzero(np.diff(place)) + 1):
            low, high = mean[chunk].min() - reach, mean[chunk].max() + reach
            theta = np.arange(low, high, _FINE * least)
            most = max(1, _BLOCK // len(theta))
            for start in range(0, len(chunk), most):
                yield chunk[start : start + most], theta


def find_quantiles(
    tables: Tables, probabilities: tuple[float, ...], items: int
) -> NDArray[np.float64]:
    """Return quantiles of tabulated densities: (probabilities, items)."""
    found = np.full((len(probabilities), items), np.nan)
    if not probabilities:
        return found
    for members, theta, density in tables:
        below = _cumulative(density)
        for column, item in enumerate(members):
            for row, q in enumerate(probabilities):
                found[row, item] = _invert(theta, below[:, column], q)
    return found


def find_cdf(tables: Tables, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(parameter <= x) of tabulated densities, one x an item."""
    found = np.full(len(x), np.nan)
    for members, theta, density in tables:
        below = _cumulative(density)
        for column, item in enumerate(members):
            i = int(np.clip(np.searchsorted(theta, x[item]), 2, len(theta) - 2))
            part = slice(i - 2, i + 2)
            value = _cubic(theta[part], below[part, column], float(x[item]))
            inside = theta[0] <= x[item] <= theta[-1]
            found[item] = np.clip(value, 0.0, 1.0) if inside else x[item] > theta[0]
    return found


def _cut_off(
    x: NDArray[np.float64], sd: NDArray[np.float64], step: float
) -> NDArray[np.float64]:
    """Return normal densities without frequencies above ``pi / step``.

    ``1/pi`` times the integral of ``cos(w x) exp(-w^2 sd^2 / 2)`` over ``w`` from 0 to
    ``pi / step``, by the Faddeeva function.
    """
    edge = np.pi / step
    a, b = edge * sd / np.sqrt(2.0), x / (sd * np.sqrt(2.0))
    wave = np.exp(-1j * edge * x) * special.wofz(-b + 1j * a)
    value = np.exp(-(b**2)) - np.exp(-(a**2)) * wave.real
    return np.asarray(value / (sd * np.sqrt(2.0 * np.pi)))


def _cumulative(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return distribution functions: trapezoids, with the rule's own next term."""
    below = np.cumsum(density, 0) - 0.5 * (density + density[:1])
    below -= np.gradient(density, axis=0) / 12.0
    whole = np.maximum(below[-1], 1e-300)
    return np.asarray(np.maximum.accumulate(np.maximum(below, 0.0), 0) / whole)


def _invert(theta: NDArray[np.float64], below: NDArray[np.float64], q: float) -> float:
    """Return where a distribution function is ``q``."""
    i = int(np.clip(np.searchsorted(below, q), 2, len(theta) - 2))
    part = slice(i - 2, i + 2)
    if (np.diff(below[part]) <= 0).any():
        return float(np.interp(q, below, theta))
    return _cubic(below[part], theta[part], q)


def _cubic(x: NDArray[np.float64], y: NDArray[np.float64], at: float) -> float:
    """Return the value of the cubic through four points, in Newton's form."""
    c = y.copy()
    for k in range(1, 4):
        c[k:] = (c[k:] - c[k - 1 : -1]) / (x[k:] - x[:-k])
    value = c[3]
    for k in (2, 1, 0):
        value = value * (at - x[k]) + c[k]
    return float(value)
