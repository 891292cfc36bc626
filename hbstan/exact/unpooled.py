"""Each group on its own: no hyperparameters, one integral a group.

A Student-t prior is a normal one whose precision is scaled by a gamma variable, which
is integrated by the trapezoidal rule on its logarithm, the same points for all groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import special

from hbstan import priors as pr
from hbstan.errors import ExactError
from hbstan.exact.beta_binomial import binomial_log_likelihood
from hbstan.exact.curves import (
    find_cdf,
    find_quantiles,
    mixture_cdf,
    mixture_quantiles,
    nets,
)
from hbstan.exact.nodes import POWER, conditional_draws, integrals
from hbstan.exact.quantities import FUNCTIONS, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["Unpooled"]

_LOG_2PI = float(np.log(2.0 * np.pi))
#: Groups that are worked on together.
_TOGETHER = 2_000


class Unpooled:
    """The posterior of groups that have nothing in common but their prior.

    Parameters
    ----------
    y : ndarray of shape (items,)
        Events or estimates.
    prior : Prior
        Of each group's own parameter.
    n, error : ndarray of shape (items,)
        Trials, or standard errors: one of the two.
    counts : ndarray of shape (items,)
        See :class:`hbstan.exact.logit_normal.LogitNormal`.
    tolerance : float
        Of each group's log density, mean and sd, in units of the sd.
    """

    names: tuple[str, ...] = ()

    def __init__(
        self,
        y: NDArray[np.float64],
        prior: Prior,
        counts: NDArray[np.float64],
        tolerance: float,
        *,
        n: NDArray[np.float64] | None = None,
        error: NDArray[np.float64] | None = None,
    ) -> None:
        self.y, self.n, self.error, self.counts = y, n, error, counts
        self.prior = prior
        self.loc = float(prior.args[-2])
        self.log_prior, self.scale = _scales(prior)
        self.inner_error, self.lattice_error = 0.0, 0.0
        parts = [self._part(items) for items in self._blocks()]
        self._parts = {
            key: np.concatenate([part[key] for part in parts], -1) for key in parts[0]
        }
        self.log_evidence = float(self._parts["value"] @ counts)
        worst = self.lattice_error + self.inner_error
        if worst > max(tolerance, 1e-12):
            raise ExactError(
                f"the groups' integrals were found to {worst:.2g}, not to "
                f"{tolerance:g}.",
                remedy="Allow a larger tolerance, or sample with hb.fit.",
            )

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, len(self.y), _TOGETHER):
            yield slice(start, start + _TOGETHER)

    def _given(self, items: slice) -> tuple[NDArray[np.float64], ...]:
        """Return log densities, means and variances of theta and p, given scales."""
        y, s = self.y[items], self.scale[:, None]
        seen = self.counts[items] > 0
        if self.error is not None:
            v = self.error[items] ** 2
            total = s**2 + v
            value = -0.5 * (np.log(total) + _LOG_2PI + (y - self.loc) ** 2 / total)
            shared = np.where(seen, s**2 / total, 0.0)
            mean = self.loc + shared * (y - self.loc)
            return value, mean, s**2 * (1.0 - shared), mean, mean**2
        assert self.n is not None
        shape = (len(s), len(y))
        used = [np.where(seen, a, 0.0) for a in (y, self.n[items])]
        columns = [np.full(1, self.loc), s, *used]
        found = integrals(*_flat(columns, shape))
        actual = [np.full(1, self.loc), s, y, self.n[items]]
        value = integrals(*_flat(actual, shape), moments=False).log_value.reshape(shape)
        self.inner_error = max(self.inner_error, float(found.error.max()))
        names = ("theta", "theta_var", "p", "p2")
        theta, var, p, p2 = (getattr(found, m).reshape(shape) for m in names)
        for k, power in ((p, 1.0), (p2, 2.0)):
            if (used[1] == 0).any():
                one = np.full(len(self.scale), power)
                own = integrals(np.full(len(one), self.loc), self.scale, one, one)
                k[:, used[1] == 0] = np.exp(own.log_value)[:, None]
        return value, theta, var, p, p2

    def _part(self, items: slice) -> dict[str, NDArray[np.float64]]:
        value, mean, variance, p, p2 = self._given(items)
        seen = self.counts[items] > 0
        every = self.log_prior[:, None] + np.where(seen, value, 0.0)
        rows = [_weights(every), _weights(every[::2])]
        tops = [
            special.logsumexp(self.log_prior[:, None] + value, 0),
            special.logsumexp(self.log_prior[::2, None] + np.log(2.0) + value[::2], 0),
        ]
        means = [(rows[0] * mean).sum(0), (rows[1] * mean[::2]).sum(0)]
        away = variance + (mean - means[0]) ** 2
        sd = np.sqrt((rows[0] * away).sum(0))
        if len(self.scale) > 1:
            apart = np.abs(tops[1] - tops[0]), np.abs(means[1] - means[0]) / sd
            difference = max(float(a[seen].max(initial=0.0)) for a in apart)
            self.lattice_error = max(self.lattice_error, difference**POWER)
            # A heavy prior's own moments may be infinite: nothing bounds a group
            # without data.
            edge = rows[0][0] * away[0] > 1e-5 * sd**2
            sd = np.where(edge, np.nan, sd)
            means[0] = np.where(rows[0][0] * np.sqrt(away[0]) > 1e-5, np.nan, means[0])
        share = (rows[0] * p).sum(0)
        spread = np.sqrt(np.maximum((rows[0] * p2).sum(0) - share**2, 0.0))
        out = {"value": tops[0], "mean": means[0], "sd": sd}
        return {**out, "p": share, "p_sd": spread}

    def quantities(self, probabilities: tuple[float, ...]) -> dict[str, Quantity]:
        """Return what is known of each group."""
        parts = self._parts
        error = np.full(len(self.y), self.lattice_error + self.inner_error)
        found = np.full((len(probabilities), len(self.y)), np.nan)
        if self.error is not None:
            for items in self._blocks():
                weights, mean, sd = self._mixture(items)
                for row, q in enumerate(probabilities):
                    found[row, items] = mixture_quantiles(q, weights, mean, sd)
        else:
            found = find_quantiles(self._tables(), probabilities, len(self.y))
        out = {"theta": Quantity(parts["mean"], parts["sd"], found, error, True)}
        if self.n is not None:
            p = FUNCTIONS["inv_logit"](found)
            out["p"] = Quantity(parts["p"], parts["p_sd"], p, error, True)
        return out

    def _mixture(self, items: slice) -> tuple[NDArray[np.float64], ...]:
        value, mean, variance, *_ = self._given(items)
        seen = self.counts[items] > 0
        weights = _weights(self.log_prior[:, None] + np.where(seen, value, 0.0))
        return weights, mean, np.sqrt(variance)

    def _tables(
        self,
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        assert self.n is not None
        seen = self.counts > 0
        y, n = np.where(seen, self.y, 0.0), np.where(seen, self.n, 0.0)
        for items, theta in nets(self._parts["mean"], self._parts["sd"]):
            logs = self.prior.distribution().logpdf(theta)[:, None]
            logs = logs + binomial_log_likelihood(theta, y[items], n[items])
            yield items, theta, np.exp(logs - logs.max(0))

    def draw(
        self, item: int, draws: int, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Draw one item's parameter: its prior's scale, then the parameter."""
        only = slice(item, item + 1)
        weights, mean, sd = self._mixture(only)
        rows = rng.choice(len(weights), draws, p=weights[:, 0])
        if self.n is None:
            return np.asarray(rng.normal(mean[rows, 0], sd[rows, 0]))
        seen = float(self.counts[item] > 0)
        data = (seen * self.y[item], seen * self.n[item])
        y, n = (np.full(draws, value) for value in data)
        loc = np.full(draws, self.loc)
        return conditional_draws(loc, self.scale[rows], y, n, rng)

    def left_out(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return each group's log density: the others say nothing of it."""
        error = np.full(len(self.y), self.lattice_error + self.inner_error)
        return self._parts["value"], error

    def below(self, name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return P(theta <= x), one x an item."""
        out = np.full(len(self.y), np.nan)
        if self.error is not None:
            for items in self._blocks():
                out[items] = mixture_cdf(x[items], *self._mixture(items))
            return out
        return find_cdf(self._tables(), x)


_Four: TypeAlias = "tuple[NDArray[np.float64], NDArray[np.float64], Any, Any]"


def _flat(columns: list[NDArray[np.float64]], shape: tuple[int, int]) -> _Four:
    a, b, c, d = (np.broadcast_to(column, shape).ravel() for column in columns)
    return a, b, c, d


def _weights(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    w = np.exp(logs - logs.max(0))
    return np.asarray(w / w.sum(0))


def _scales(prior: Prior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return log weights and scales of the normal priors that a prior is made of."""
    if isinstance(prior, pr.Normal):
        return np.zeros(1), np.array([prior.scale])
    half = 0.5 * prior.args[0]
    width = min(1.0, 1.2 / np.sqrt(half))
    step = 0.3 * width
    # exp(-34) of the mass at either end, however few degrees of freedom.
    low = -36.0 / half - 9.0 * width
    high = np.log1p(40.0 / half + 9.0 / np.sqrt(half))
    u = np.arange(np.floor(low / step), np.ceil(high / step)) * step
    logs = half * (np.log(half) + u - np.exp(u)) - special.gammaln(half)
    return logs + np.log(step), prior.args[-1] * np.exp(-0.5 * u)
