"""Sums over a lattice: what every family's posterior is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hbstan.exact.beta_binomial import BetaBinomial
from hbstan.exact.curves import (
    Curves,
    Marginal,
    find_cdf,
    find_quantiles,
    mixture_cdf,
    mixture_quantiles,
)
from hbstan.exact.lattice import integrate, left_out
from hbstan.exact.logit_normal import LogitNormal
from hbstan.exact.nodes import POWER
from hbstan.exact.normal import NormalGroups
from hbstan.exact.quantities import FUNCTIONS, Quantity
from hbstan.exact.search import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hbstan.exact.family import Family, Moments

__all__ = ["Solution"]

#: Points whose log weight is that far below the largest are the lattice's edge.
_EDGE = 26.0
#: Share of a moment that its edge may hold: more, and the moment may be infinite.
_MOST_EDGE = 1e-4
#: Weights that a mixture of normals may leave out together.
_NEGLIGIBLE = 1e-10


class Solution:
    """The posterior of a family of groups that share hyperparameters.

    Parameters
    ----------
    family : Family
    tolerance : float
        See :func:`hbstan.exact.lattice.integrate`.

    Raises
    ------
    ExactError
        If the tolerance cannot be reached.
    """

    def __init__(self, family: Family, tolerance: float) -> None:
        self.family = family
        self.grid, error = integrate(family, tolerance)
        self.weights = self.grid.weights()
        self.points = self.grid.t
        self.lattice_error = float(error.max(initial=0.0))
        self.log_evidence = self.grid.log_evidence
        #: The largest relative error of a group's integral where it matters.
        self.inner_error = float(
            np.where(self.weights[0] > 1e-9, self.grid.inner_error, 0.0).max()
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The hyperparameters on the lattice."""
        return tuple(axis.name for axis in self.grid.axes)

    def derived(
        self, name: str, function: str, probabilities: tuple[float, ...]
    ) -> Quantity:
        """Return a monotone function of a hyperparameter on the lattice."""
        k = self.names.index(name)
        change = FUNCTIONS[function]
        x = change(self.grid.axes[k].value(self.points[:, k]))
        q = np.asarray(probabilities)
        ends = change(self.grid.axes[k].value(self.points[[0, 0], k] + [0.0, 1e-3]))
        own = Marginal(self.grid, self.weights[0], k).quantile(
            q if ends[1] >= ends[0] else 1.0 - q
        )
        mean, sd, error = self._moments(x[:, None], np.zeros((len(x), 1)))
        return Quantity(mean, sd, change(own)[:, None], error)

    def quantities(self, probabilities: tuple[float, ...]) -> dict[str, Quantity]:
        """Return the hyperparameters, and what the family computes."""
        out = {
            name: self.derived(name, "identity", probabilities) for name in self.names
        }
        for moments in self._parts():
            for name, m in moments.items():
                if name not in out:
                    out[name] = self._quantity(name, m, probabilities)
                elif out[name].per_group:
                    more = self._quantity(name, m, probabilities)
                    out[name] = _joined(out[name], more)
        return self._with_curves(out, probabilities)

    def _parts(self) -> Iterator[dict[str, Moments]]:
        """Yield moments of so many items that they fit in memory."""
        items = len(self.family.counts)
        if not isinstance(self.family, NormalGroups):
            yield self.family.moments(self.points)
            return
        size = max(1, BLOCK // len(self.points))
        for start in range(0, items, size):
            yield self.family.moments(self.points, slice(start, start + size))

    def _quantity(
        self, name: str, m: Moments, probabilities: tuple[float, ...]
    ) -> Quantity:
        mean, sd, error = self._moments(m.mean, m.variance)
        found = np.full((len(probabilities), m.mean.shape[1]), np.nan)
        if isinstance(self.family, NormalGroups):
            w, kept = self._kept()
            spread = np.sqrt(m.variance[kept])
            for row, q in enumerate(probabilities):
                found[row] = mixture_quantiles(q, w, m.mean[kept], spread)
        return Quantity(mean, sd, found, error, name in ("theta", "p"))

    def _kept(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the weights that count, and their places."""
        w = self.weights[0]
        order = np.argsort(w)
        least = order[np.searchsorted(np.cumsum(w[order]), _NEGLIGIBLE) :]
        return w[least] / w[least].sum(), least

    def _moments(
        self, mean: NDArray[np.float64], variance: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        """Return mean, sd and their estimated error in sd, of mixtures."""
        with np.errstate(over="ignore", invalid="ignore"):
            means = self.weights @ mean
            away = variance + (mean - means[0]) ** 2
            squares = self.weights @ away - (means - means[0]) ** 2
            sds = np.sqrt(np.maximum(squares, 0.0))
            scale = np.maximum(sds[0], 1e-300)
            apart = np.maximum(
                np.abs(means[1:] - means[0]), np.abs(sds[1:] - sds[0])
            ).max(0, initial=0.0)
        error = np.minimum(apart / scale, 1.0) ** POWER + self.inner_error
        sd = sds[0]
        if len(self.grid.axes):
            density = self.grid.log_density
            edge = density < density.max() - _EDGE
            w = self.weights[0][edge]
            distance = np.sqrt(away)
            with np.errstate(over="ignore", invalid="ignore"):
                first = w @ distance[edge] / (self.weights[0] @ distance)
                second = w @ away[edge] / (self.weights[0] @ away)
            sd = np.where(second > _MOST_EDGE, np.nan, sd)
            means[0] = np.where(first > _MOST_EDGE, np.nan, means[0])
        return means[0], sd, error

    def _with_curves(
        self, out: dict[str, Quantity], probabilities: tuple[float, ...]
    ) -> dict[str, Quantity]:
        """Add the quantiles of groups whose distributions are no normal mixtures."""
        if isinstance(self.family, NormalGroups) or "theta" not in out:
            return out
        curves = self.curves()
        for name, p, data in (("theta", "p", True), ("theta_new", "p_new", False)):
            theta = out[name]
            tables = curves.tables(theta.mean, theta.sd, data)
            found = find_quantiles(tables, probabilities, len(theta.mean))
            out[name] = Quantity(
                theta.mean, theta.sd, found, theta.error, theta.per_group
            )
            other = out[p]
            out[p] = Quantity(
                other.mean,
                other.sd,
                FUNCTIONS["inv_logit"](found),
                other.error,
                other.per_group,
            )
        return out

    def curves(self) -> Curves:
        """Return the distributions of groups' own log-odds."""
        w, kept = self._kept()
        t = self.points[kept]
        terms = self.grid.terms
        terms = self.family.terms(t) if terms is None else terms[kept]
        terms = np.where(self.family.counts > 0, terms, 0.0)
        assert isinstance(self.family, BetaBinomial | LogitNormal)

        def own() -> Moments:
            return self.family.moments(t)["theta"]

        return Curves(self.family, self.grid, kept, w, terms, own)

    def left_out(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each item's log density given the other groups, and its error.

        An item that is held out is predicted from all groups of the likelihood.
        """
        elpd, apart = left_out(self.grid, self.family)
        return elpd, apart.max(0, initial=0.0) ** POWER + self.inner_error

    def below(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(quantity <= x): one x for a hyperparameter, or one an item."""
        if name in self.names:
            return Marginal(self.grid, self.weights[0], self.names.index(name)).cdf(x)
        if isinstance(self.family, NormalGroups):
            w, kept = self._kept()
            m = self.family.moments(self.points[kept])[name]
            return mixture_cdf(x, w, m.mean, np.sqrt(m.variance))
        theta = self.quantities(())["theta"]
        return find_cdf(self.curves().tables(theta.mean, theta.sd), x)


def _joined(a: Quantity, b: Quantity) -> Quantity:
    return Quantity(
        np.concatenate([a.mean, b.mean]),
        np.concatenate([a.sd, b.sd]),
        np.concatenate([a.quantiles, b.quantiles], 1),
        np.concatenate([a.error, b.error]),
        a.per_group,
    )
