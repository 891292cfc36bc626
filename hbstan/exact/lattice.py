"""Integration over hyperparameters: a lattice that grows to where the mass is.

The trapezoidal rule on the whole line converges exponentially for a smooth density
(Trefethen and Weideman 2014, doi:10.1137/130932132). So the lattice has equal steps of
a transformed scale, covers all points that matter, found by spreading from the mode,
and halves the step of an axis until every second point gives the same answer. Errors
fall like ``exp(-c / step)``, so that of the whole is about the square of the difference
that every second point makes; the power 1.5 of it is reported, which leaves room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbstan.errors import ExactError
from hbstan.exact.grid import Grid, log_sum, spread
from hbstan.exact.nodes import POWER
from hbstan.exact.search import blocks, log_posterior, log_prior, middle

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.family import Family

__all__ = ["differences", "integrate", "left_out"]

#: Points whose log weight lies further below the largest are left out: together they
#: hold less than 1e-12 of the mass.
_CUT = 34.0
#: Points beyond which a posterior is given up.
_MOST_POINTS = 400_000
#: Logarithms that no proper posterior of data in any unit reaches.
_ENDLESS = 150.0
#: How much of the tolerance a left-out group's log density uses: it is in nats.
_LEFT_OUT = 0.1
#: Most halvings of all axes together.
_MOST_HALVINGS = 12
#: Terms that are kept from the building of a lattice.
_KEPT = 10_000_000
#: Room for the integer coordinates of a point in one 64-bit key.
_BASE, _OFFSET = 2**15, 2**14


class _Builder:
    """A lattice while it grows."""

    def __init__(self, family: Family, priors: bool = True) -> None:
        self.family = family
        centre, width = middle(family)
        d = len(family.axes)
        self.grid = Grid(
            family.axes, centre, width, np.ones(d), np.empty((0, d), np.int64)
        )
        self.used = family.counts > 0
        #: The largest log weight of each group's own leave-one-out posterior.
        self.peak = np.full(int(self.used.sum()), -np.inf)
        self.best = -np.inf
        self.matters = np.empty(0, bool)
        #: Terms of all points, as long as they fit.
        self.terms: list[NDArray[np.float64]] | None = []
        self.inner: list[NDArray[np.float64]] = []
        self.flood(np.zeros((1, d), np.int64))

    def result(self) -> Grid:
        """Return the lattice, with its terms if they fit in memory."""
        if self.terms is not None and len(self.grid.axes):
            self.grid.terms = np.concatenate(self.terms)
        if self.inner:
            self.grid.inner_error = np.concatenate(self.inner)
        return self.grid

    def flood(self, frontier: NDArray[np.int64]) -> None:
        """Evaluate points, and on from those that matter to their neighbours."""
        grid = self.grid
        while len(frontier):
            density, matters = self._evaluate(frontier)
            grid.index = np.concatenate([grid.index, frontier])
            grid.log_density = np.concatenate([grid.log_density, density])
            self.matters = np.concatenate([self.matters, matters])
            if (
                len(grid.index) > _MOST_POINTS
                or np.abs(grid.index).max(initial=0) >= _OFFSET
            ):
                raise ExactError(
                    "the posterior's mass is spread over more than "
                    f"{_MOST_POINTS} points of its hyperparameters: "
                    f"{', '.join(a.name for a in grid.axes)}.",
                    remedy="Is every prior proper, and no tail heavier than Cauchy's? "
                    "Give narrower priors, or sample with hb.fit.",
                )
            self._refuse_endless(frontier[matters])
            frontier = self._unknown(_neighbours(frontier[matters]))

    def _refuse_endless(self, index: NDArray[np.int64]) -> None:
        """Refuse a posterior whose mass reaches to where numbers end."""
        t = self.grid.t_of(index * self.grid.step)
        for k, axis in enumerate(self.grid.axes):
            if axis.scale != "real" and (np.abs(t[:, k]) > _ENDLESS).any():
                raise ExactError(
                    f"the posterior has mass at {axis.name} of exp({_ENDLESS:g}) or "
                    f"exp(-{_ENDLESS:g}) still: it seems to be improper.",
                    remedy="Data without any scatter need a prior that keeps their "
                    "standard deviation away from 0.",
                )

    def _density(
        self, t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return the posterior's log density, and terms if they add up to it."""
        if not self.family.additive:
            self.terms = None
            return log_posterior(self.family, t), None
        density = log_prior(self.family, t)
        found = []
        for rows in blocks(np.arange(len(t)), len(self.family.counts)):
            part = self.family.terms(t[rows])
            self.inner.append(np.broadcast_to(self.family.inner_error(), len(rows)))
            density[rows] += part @ self.family.counts
            found.append(part)
            if len(part) < len(t):
                found, self.terms = [], None
        terms = found[0] if found else None
        if self.terms is not None and terms is not None:
            self.terms.append(terms)
            if sum(map(len, self.terms)) * terms.shape[1] > _KEPT:
                self.terms = None
        return density, terms

    def halve(self, k: int) -> None:
        """Halve the step of axis ``k``."""
        grid = self.grid
        grid.index[:, k] *= 2
        grid.step[k] /= 2.0
        old = grid.index[self.matters]
        sides = []
        for sign in (-1, 1):
            moved = old.copy()
            moved[:, k] += sign
            sides.append(moved)
        self.flood(self._unknown(np.concatenate(sides)))

    def _unknown(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        if not len(index):
            return index
        _, first = np.unique(_keys(index), return_index=True)
        index = index[first]
        return index[~np.isin(_keys(index), _keys(self.grid.index))]

    def _evaluate(
        self, index: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        u = index * self.grid.step
        t = self.grid.t_of(u)
        density, terms = self._density(t)
        density += self.grid.log_slope(u)
        if not len(self.grid.axes):
            return density, np.ones(len(density), bool)
        self.best = max(self.best, float(density.max()))
        matters = density > self.best - _CUT
        # A group left out may shift the mass to where the posterior has none: its
        # points belong to the lattice too.
        near = np.flatnonzero(np.isfinite(density))
        for rows in blocks(near, len(self.used)):
            own = self.family.terms(t[rows]) if terms is None else terms[rows]
            ratio = density[rows, None] - own[:, self.used]
            self.peak = np.maximum(self.peak, ratio.max(0, initial=-np.inf))
            matters[rows] |= (ratio > self.peak - _CUT).any(1)
        return density, matters


def _keys(index: NDArray[np.int64]) -> NDArray[np.int64]:
    key = np.zeros(len(index), np.int64)
    for k in range(index.shape[1]):
        key = key * _BASE + (index[:, k] + _OFFSET)
    return key


def _neighbours(index: NDArray[np.int64]) -> NDArray[np.int64]:
    if not index.shape[1]:
        return index[:0]
    steps = np.eye(index.shape[1], dtype=np.int64)
    steps = np.concatenate([steps, -steps])
    return (index[:, None, :] + steps[None]).reshape(-1, index.shape[1])


def integrate(family: Family, tolerance: float) -> tuple[Grid, NDArray[np.float64]]:
    """Put a family's hyperparameters on a lattice that is fine enough.

    Parameters
    ----------
    family : Family
    tolerance : float
        Of the log evidence, and of means and standard deviations of ``t`` in units of
        the standard deviation.

    Returns
    -------
    Grid
    ndarray of shape (axes,)
        The estimated error by axis.

    Raises
    ------
    ExactError
        If the tolerance cannot be reached.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _integrate(family, tolerance)


def _integrate(family: Family, tolerance: float) -> tuple[Grid, NDArray[np.float64]]:
    builder = _Builder(family)
    for _ in range(_MOST_HALVINGS):
        error = differences(builder.result()) ** POWER
        if (error <= tolerance).all() and len(error):
            apart = left_out(builder.result(), family)[1].max(1, initial=0.0)
            error = np.maximum(error, _LEFT_OUT * apart**POWER)
        if (error <= tolerance).all():
            return builder.result(), error
        for k in np.flatnonzero(error > tolerance):
            builder.halve(int(k))
    names = ", ".join(a.name for a in family.axes)
    raise ExactError(
        f"the integral over {names} was not found to {tolerance:g}: its error is still "
        f"about {float(error.max()):.2g}.",
        remedy="Allow a larger tolerance, or sample with hb.fit.",
    )


def left_out(
    grid: Grid, family: Family
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return items' log densities given the other groups, and how they differ.

    Parameters
    ----------
    grid : Grid
    family : Family

    Returns
    -------
    elpd : ndarray of shape (items,)
        An item that is held out is predicted from all groups of the likelihood.
    apart : ndarray of shape (axes, items)
        The difference that every second point of each axis makes.
    """
    used = family.counts > 0
    rows = grid.rows()
    tops = np.full((len(rows), len(used)), -np.inf)
    sums = np.zeros((len(rows), len(used)))
    for part in blocks(np.arange(len(grid.index)), len(used)):
        terms = family.terms(grid.t[part]) if grid.terms is None else grid.terms[part]
        signed = np.where(used, -terms, terms)
        for r, row in enumerate(rows[:, part]):
            # No posterior, no contribution: not even one that is divided by 0.
            alive = np.isfinite(row)
            found = row[alive, None] + signed[alive]
            top = np.maximum(tops[r], found.max(0, initial=-np.inf))
            safe = np.where(np.isfinite(top), top, 0.0)
            sums[r] = sums[r] * np.exp(tops[r] - safe) + np.exp(found - safe).sum(0)
            tops[r] = top
    with np.errstate(divide="ignore"):
        values = tops + np.log(sums)
    whole = np.array([log_sum(row) for row in rows])[:, None]
    elpd = np.where(used, whole - values, values - whole)
    return elpd[0], np.abs(elpd[1:] - elpd[0])


def differences(grid: Grid) -> NDArray[np.float64]:
    """Return by how much every second point of each axis gives another answer."""
    if not len(grid.axes):
        return np.zeros(0)
    rows = grid.rows()
    evidence = np.array([log_sum(row) for row in rows])
    mean, sd = spread(grid.t, grid.weights())
    scale = np.maximum(sd[0], 1e-300)
    apart = np.maximum(np.abs(mean[1:] - mean[0]), np.abs(sd[1:] - sd[0])) / scale
    return np.asarray(np.maximum(np.abs(evidence[1:] - evidence[0]), apart.max(1)))
