"""Normal effects with normal errors: coefficients and effects in closed form.

Given the standard deviations everything is normal (Gelman et al. 2013, Bayesian Data
Analysis, 3rd ed., section 5.4; Lindley and Smith 1972,
doi:10.1111/j.2517-6161.1972.tb00885.x), so only those are put on a lattice. A Student-t
prior of a coefficient is a normal one whose precision is scaled by a gamma variable
(Andrews and Mallows 1974, doi:10.1111/j.2517-6161.1974.tb00989.x), one more axis.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from hbstan import priors as pr
from hbstan.exact.axes import positive
from hbstan.exact.family import Moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis
    from hbstan.priors import Prior

__all__ = ["NormalGroups"]

_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class _Given:
    """What is known at points of the standard deviations."""

    tau2: NDArray[np.float64]
    error2: NDArray[np.float64]
    own: NDArray[np.float64]
    precision: NDArray[np.float64]
    cov: NDArray[np.float64]
    mean: NDArray[np.float64]


@dataclass(frozen=True)
class NormalGroups:
    """``y_j ~ normal(theta_j, error_j)``, ``theta_j ~ normal(x_j' beta, tau)``.

    Parameters
    ----------
    y : ndarray of shape (J,)
        Estimates, or means of observations.
    coefficients : mapping of str to Prior
        Normal or Student-t priors, that of the intercept first.
    tau : Prior, optional
        Of the standard deviation of effects; None if groups do not differ.
    error : ndarray of shape (J,), optional
        Known standard errors.
    sigma : Prior, optional
        Of the standard deviation of observations, where ``error`` is not known.
    n, ss : ndarray of shape (J,), optional
        Observations in each group and their sums of squares about ``y``.
    x : ndarray of shape (J, K), optional
        Covariates.
    seen : ndarray of bool, shape (J,), optional
        The groups of the likelihood; by default all.
    """

    additive: ClassVar[bool] = False
    y: NDArray[np.float64]
    coefficients: Mapping[str, Prior]
    tau: Prior | None = None
    error: NDArray[np.float64] | None = None
    sigma: Prior | None = None
    n: NDArray[np.float64] | None = None
    ss: NDArray[np.float64] | None = None
    x: NDArray[np.float64] | None = None
    seen: NDArray[np.bool_] | None = None
    axes: tuple[Axis, ...] = field(init=False)
    counts: NDArray[np.float64] = field(init=False)
    _y: NDArray[np.float64] = field(init=False)
    _x: NDArray[np.float64] = field(init=False)
    _centre: float = field(init=False)
    _first: str = field(init=False)
    _loc: NDArray[np.float64] = field(init=False)
    _scale: NDArray[np.float64] = field(init=False)
    _heavy: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        y = np.asarray(self.y, dtype=float)
        columns = np.ones((len(y), 1))
        if self.x is not None:
            columns = np.column_stack([columns, np.asarray(self.x, dtype=float)])
        seen = np.ones(len(y), bool) if self.seen is None else np.asarray(self.seen)
        # Far from 0 the digits of y would go to its offset.
        centre = float(np.median(y[seen])) if seen.any() else 0.0
        first = next(iter(self.coefficients))
        places = [self._place(prior) for prior in self.coefficients.values()]
        places[0] = (places[0][0] - centre, places[0][1])
        scales = [("tau", self.tau), ("sigma", self.sigma)]
        axes = [positive(name, prior) for name, prior in scales if prior is not None]
        heavy = []
        for k, (name, prior) in enumerate(self.coefficients.items()):
            if isinstance(prior, pr.StudentT):
                half = 0.5 * prior.df
                axes.append(
                    positive(f"prior precision of {name}", pr.Gamma(half, half))
                )
                heavy.append(k)
        values = {
            "_y": y - centre,
            "_x": columns,
            "_centre": centre,
            "_first": first,
            "_loc": np.array([loc for loc, _ in places]),
            "_scale": np.array([scale for _, scale in places]),
            "_heavy": tuple(heavy),
            "axes": tuple(axes),
            "counts": seen.astype(float),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @staticmethod
    def _place(prior: Prior) -> tuple[float, float]:
        loc, scale = prior.args[-2:]
        return float(loc), float(scale)

    def starts(self) -> NDArray[np.float64]:
        """Return estimates of the standard deviations by moments, and smaller ones."""
        d = len(self.axes)
        if not d:
            return np.zeros((1, 0))
        seen = self.counts > 0
        y = self._y[seen]
        spread = float(np.std(y)) if len(y) > 1 else 1.0
        within = spread
        if self.error is not None:
            within = float(np.median(np.asarray(self.error)[seen])) if len(y) else 1.0
        elif self.ss is not None and self.n is not None and len(y):
            df = float((np.asarray(self.n)[seen] - 1).sum())
            total = float(np.asarray(self.ss)[seen].sum())
            within = np.sqrt(total / df) if df > 0 and total > 0 else spread
        rows = []
        for tau in (spread, 0.3 * within, 0.03 * within):
            row = np.zeros(d)
            sizes = [tau] * (self.tau is not None) + [within] * (self.sigma is not None)
            row[: len(sizes)] = np.log(np.maximum(sizes, 1e-12))
            rows.append(row)
        return np.array(rows)

    def _scales(
        self, t: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return tau^2, the groups' error variances and log densities of ``ss``."""
        tau2, used = np.zeros((len(t), 1)), 0
        if self.tau is not None:
            tau2, used = np.exp(2.0 * t[:, :1]), 1
        if self.error is not None:
            error2 = np.asarray(self.error, dtype=float)[None] ** 2
            return tau2, error2, np.zeros((1, 1))
        log_sigma = t[:, used, None]
        n, ss = np.asarray(self.n, dtype=float), np.asarray(self.ss, dtype=float)
        own = (
            -0.5 * ss * np.exp(-2.0 * log_sigma)
            - (n - 1.0) * (log_sigma + 0.5 * _LOG_2PI)
            - 0.5 * np.log(n)
        )
        return tau2, np.exp(2.0 * log_sigma) / n, own

    def _given(self, t: NDArray[np.float64]) -> _Given:
        tau2, error2, own = self._scales(t)
        precision = np.broadcast_to(1.0 / self._scale**2, (len(t), len(self._loc)))
        if self._heavy:
            precision = precision.copy()
            first = len(self.axes) - len(self._heavy)
            precision[:, list(self._heavy)] *= np.exp(t[:, first:])
        weight = self.counts / (tau2 + error2)
        a = np.einsum("jq,pj,jr->pqr", self._x, weight, self._x, optimize=True)
        a = a + precision[:, :, None] * np.eye(len(self._loc))
        b = weight @ (self._x * self._y[:, None]) + precision * self._loc
        cov = np.linalg.inv(a)
        mean = np.einsum("pqr,pr->pq", cov, b)
        return _Given(tau2, error2, own, precision, cov, mean)

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        g = self._given(t)
        v = g.tau2 + g.error2
        rest = self._y - g.mean @ self._x.T
        inside = np.log(v) + _LOG_2PI + rest**2 / v - 2.0 * g.own
        apart = (g.precision * (g.mean - self._loc) ** 2).sum(1)
        with np.errstate(divide="ignore"):
            volume = np.log(g.precision).sum(1) + np.linalg.slogdet(g.cov)[1]
        return np.asarray(-0.5 * (inside @ self.counts + apart - volume))

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`.

        The other groups' information is summed from both ends: what is left of a sum
        when its largest term is taken away again would have no digits.
        """
        g = self._given(t)
        v = np.broadcast_to(g.tau2 + g.error2, (len(t), len(self._y)))
        weight = self.counts / v
        xx = self._x[:, :, None] * self._x[:, None, :]
        prior = g.precision[:, :, None] * np.eye(len(self._loc))
        a = _others(weight[..., None, None] * xx) + prior[:, None]
        b = _others(weight[..., None] * (self._x * self._y[:, None]))
        b = b + (g.precision * self._loc)[:, None]
        cov = np.linalg.inv(a)
        centre = np.einsum("jq,pjqr,pjr->pj", self._x, cov, b, optimize=True)
        spread = v + np.einsum("jq,pjqr,jr->pj", self._x, cov, self._x, optimize=True)
        rest = (self._y - centre) ** 2 / spread
        return np.asarray(g.own - 0.5 * (rest + np.log(spread) + _LOG_2PI))

    def moments(
        self, t: NDArray[np.float64], items: slice = slice(None)
    ) -> dict[str, Moments]:
        """See :class:`hbstan.exact.family.Family`; all quantities are normal."""
        g = self._given(t)
        x, y = self._x[items], self._y[items]
        v = g.tau2 + g.error2[:, items]
        shared = self.counts[items] * g.tau2 / v
        centre = g.mean @ x.T
        around = np.einsum("jq,pqr,jr->pj", x, g.cov, x, optimize=True)
        theta = Moments(
            self._centre + centre + shared * (y - centre),
            g.tau2 * (1.0 - shared) + (1.0 - shared) ** 2 * around,
        )
        out = {"theta": theta}
        for k, name in enumerate(self.coefficients):
            shift = self._centre if k == 0 else 0.0
            out[name] = Moments(g.mean[:, k : k + 1] + shift, g.cov[:, k : k + 1, k])
        first = out[self._first]
        out["theta_new"] = Moments(first.mean, first.variance + g.tau2)
        return out

    def draw(
        self, t: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
        """Draw coefficients and effects at points, one draw a point."""
        g = self._given(t)
        root = np.linalg.cholesky(g.cov)
        noise = rng.normal(size=g.mean.shape)
        beta = g.mean + np.einsum("pqr,pr->pq", root, noise)
        v = g.tau2 + g.error2
        shared = self.counts * g.tau2 / v
        centre = beta @ self._x.T
        theta = self._centre + centre + shared * (self._y - centre)
        theta = theta + np.sqrt(g.tau2 * (1.0 - shared)) * rng.normal(size=theta.shape)
        named = {name: beta[:, k] for k, name in enumerate(self.coefficients)}
        named[self._first] = named[self._first] + self._centre
        return named, theta

    def inner_error(self) -> NDArray[np.float64]:
        """Nothing inside is approximated."""
        return np.zeros(1)


def _others(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums over all groups but one: axis 1 is the groups."""
    before = np.zeros_like(parts)
    before[:, 1:] = np.cumsum(parts[:, :-1], 1)
    after = np.zeros_like(parts)
    after[:, :-1] = np.cumsum(parts[:, :0:-1], 1)[:, ::-1]
    return before + after
