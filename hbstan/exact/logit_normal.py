"""Events among trials, log-odds normal across groups: one integral a group.

The integrand over a group's log-odds is log-concave. Its nodes are equal steps of a
transformed scale about its own mode, in units of its own curvature, so that a prior far
narrower, far wider or far from the likelihood costs no more than another: adaptive
quadrature (Naylor and Smith 1982, doi:10.2307/2347995; Liu and Pierce 1994,
doi:10.1093/biomet/81.3.624), by the trapezoidal rule, which converges exponentially
here (Trefethen and Weideman 2014, doi:10.1137/130932132). A likelihood of no events, or
of events only, does not come back to 0 on one side; under a wide prior its integral is
taken by parts: that of its slope, which does, times the prior's distribution function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from hbstan.exact.axes import location, positive
from hbstan.exact.beta_binomial import binomial_log_likelihood
from hbstan.exact.family import Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis
    from hbstan.priors import Prior

__all__ = ["LogitNormal", "integrals"]

#: Step of the nodes, how far their distances grow, and the most of them on a side:
#: to 60 of the curvature's standard deviations, beyond the tail exp(-|x|).
_STEP, _BEND, _NODES = 0.3, 0.3, 40
#: Nodes that are added up at a time.
_SIDE = 10
#: A term smaller than this, relative to the largest, ends a side.
_SMALL = 1e-15
#: From this sd on, the integral of a one-sided likelihood is taken by parts.
_WIDE = 1.5
#: Elements that are worked on together: they fit a processor's cache.
_TOGETHER = 2_048
_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass
class _Sums:
    """What the nodes of many integrals add up to; see :func:`integrals`."""

    log_value: NDArray[np.float64]
    theta: NDArray[np.float64]
    theta_var: NDArray[np.float64]
    p: NDArray[np.float64]
    p2: NDArray[np.float64]
    error: float = 0.0


def integrals(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool = True,
) -> _Sums:
    """Integrate ``binomial(y | n, inv_logit(theta)) * normal(theta | mu, tau)``.

    Parameters
    ----------
    mu, tau, y, n : ndarray of shape (elements,)
    moments : bool
        Whether more is wanted than the integral.

    Returns
    -------
    _Sums
        The log of the integral, mean and variance of ``theta`` under its integrand,
        first and second moment of the probability, and the largest relative error.
    """
    out = _Sums(*(np.empty(len(mu)) for _ in range(5)))
    one_sided = (tau > _WIDE) & (n > 0) & ((y == 0) | (y == n))
    for rows, rule in ((~one_sided, _direct), (one_sided, _by_parts)):
        places = np.flatnonzero(rows)
        for start in range(0, len(places), _TOGETHER):
            part = places[start : start + _TOGETHER]
            found = rule(mu[part], tau[part], y[part], n[part], moments)
            for name in ("log_value", "theta", "theta_var", "p", "p2"):
                getattr(out, name)[part] = getattr(found, name)
            out.error = max(out.error, found.error)
    return out


def _direct(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool,
) -> _Sums:
    inv = 1.0 / tau**2

    def slope(d: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        p = 1.0 / (1.0 + np.exp(-np.maximum(mu + d, -700.0)))
        return y - n * p - d * inv, n * p * (1.0 - p) + inv

    # The mode lies between the prior's and the likelihood's, as a distance from mu,
    # which has digits left where tau is tiny.
    pull = y - n * special.expit(mu)
    far = tau**2 * pull
    with np.errstate(divide="ignore"):
        own = special.logit(y / np.maximum(n, 1.0)) - mu
    own = np.where(n > 0, own, 0.0)
    low = np.where(pull < 0, np.maximum(far, own), 0.0)
    high = np.where(pull < 0, 0.0, np.minimum(far, own))
    d = _root(slope, low, high)
    width = 1.0 / np.sqrt(slope(d)[1])
    top, near = _direct_log(mu, d, inv, y, n), mu + d

    def term(
        x: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
        theta = near + x
        small = np.exp(-np.abs(theta))
        logs = np.log1p(small) + np.maximum(theta, 0.0)
        away = d + x
        e = np.exp(y * theta - n * logs - 0.5 * inv * (away * away) - top)
        if not moments:
            return e, ()
        p = np.exp(np.minimum(theta, 0.0)) / (1.0 + small)
        return e, (x, x * x, p, p * p)

    value, means, error = _sum(term, width)
    first, second, p, p2 = means or [value] * 4
    log_value = top + np.log(value) - np.log(tau) - 0.5 * _LOG_2PI + _choose(n, y)
    return _Sums(log_value, near + first, second - first**2, p, p2, error)


def _direct_log(
    mu: NDArray[np.float64],
    d: NDArray[np.float64],
    inv: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:
    theta = mu + d
    return np.asarray(y * theta - n * _log1p_exp(theta) - 0.5 * d * d * inv)


def _by_parts(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool,
) -> _Sums:
    """Integrate ``q(theta) Phi((theta - mu) / tau)``, q the density -L' of L, y = 0.

    No events and events only are mirror images.
    """
    sign = np.where(y == 0, 1.0, -1.0)
    mu = sign * mu

    def slope(theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        p, z = special.expit(theta), (theta - mu) / tau
        mills = _mills(z)
        bend = (n + 1.0) * p * (1.0 - p) + mills * (z + mills) / tau**2
        return 1.0 - (n + 1.0) * p + mills / tau, bend

    low = -np.log(n)
    mode = _root(slope, low, np.maximum(low, mu) + 2.0)
    width = 1.0 / np.sqrt(slope(mode)[1])

    def log_term(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        slope_part = theta - (n + 1.0) * _log1p_exp(theta)
        return np.asarray(slope_part + special.log_ndtr((theta - mu) / tau))

    top = log_term(mode)

    def term(
        x: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
        theta = mode + x
        e = np.exp(log_term(theta) - top)
        if not moments:
            return e, ()
        mills = _mills((theta - mu) / tau)
        below = -tau * mills
        density = mills / (tau * n)
        square = tau**2 + below * (theta - mu)
        p2 = special.expit(theta) * density
        return e, (below, square, density, p2)

    value, means, error = _sum(term, width)
    first, second, p, p2 = means or [value] * 4
    log_value = top + np.log(value) + np.log(n)
    flipped = sign < 0
    # The square's mean is 1 - 2 p + p^2 on the other side.
    p2 = np.where(flipped, 1.0 - 2.0 * p + p2, p2)
    p = np.where(flipped, 1.0 - p, p)
    theta = sign * (mu + first)
    return _Sums(log_value, theta, second - first**2, p, p2, error)


def _sum(
    term: Callable[
        [NDArray[np.float64]],
        tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]],
    ],
    width: NDArray[np.float64],
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], float]:
    """Add up nodes outwards from the mode until they are small on either side.

    Returns
    -------
    value : ndarray
        The integral relative to the integrand at the mode.
    means : list of ndarray
        Of what ``term`` returns beside the integrand, weighted by it.
    error : float
        The largest relative error, from the rule on every second node: errors fall
        like ``exp(-c / step)``, so that of the whole is near its square.
    """
    total, half = np.zeros_like(width), np.zeros_like(width)
    sums: list[NDArray[np.float64]] = []
    for side in (1, -1):
        for start in range(0, _NODES, _SIDE):
            k = np.arange(start, start + _SIDE)[:, None] + (side < 0)
            u = side * k * _STEP
            e, values = term(width * (np.sinh(_BEND * u) / _BEND))
            e *= np.cosh(_BEND * u)
            total += e.sum(0)
            half += e[k[0, 0] % 2 :: 2].sum(0)
            found = [(e * v).sum(0) for v in values]
            sums = [a + b for a, b in zip(sums, found, strict=bool(sums))] or found
            if (e[-1] < _SMALL * total).all():
                break
    error = float(np.abs(2.0 * half / total - 1.0).max(initial=0.0)) ** 1.5
    return total * width * _STEP, [s / total for s in sums], error


def _root(
    slope: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], ...]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find where a falling slope is 0, by Newton steps that stay between bounds."""
    x = 0.5 * (low + high)
    for _ in range(60):
        value, bend = slope(x)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        step = value / bend
        moved = x + step
        inside = (moved >= low) & (moved <= high)
        x = np.where(inside, moved, 0.5 * (low + high))
        if (np.abs(step) * np.sqrt(bend) < 0.01).all():
            break
    return x


def _mills(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal density over the distribution function."""
    return np.asarray(np.sqrt(2.0 / np.pi) / special.erfcx(-z / np.sqrt(2.0)))


def _log1p_exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def _choose(n: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-special.betaln(y + 1.0, n - y + 1.0) - np.log1p(n))


@dataclass
class LogitNormal:
    """``y_j ~ binomial(n_j, inv_logit(theta_j))``, ``theta_j ~ normal(mu, tau)``.

    Parameters
    ----------
    y, n : ndarray of shape (items,)
        Distinct outcomes.
    counts : ndarray of shape (items,)
        Groups of the likelihood that have them; 0 for what is held out.
    mu, tau : Prior
    """

    y: NDArray[np.float64]
    n: NDArray[np.float64]
    counts: NDArray[np.float64]
    mu: Prior
    tau: Prior
    error: float = field(default=0.0, init=False)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The median group's log-odds and the standard deviation."""
        return location("mu", self.mu), positive("tau", self.tau)

    def starts(self) -> NDArray[np.float64]:
        """Return the pooled log-odds with a few standard deviations."""
        y, n = self.counts @ self.y, self.counts @ self.n
        mu = float(np.log((y + 0.5) / (n - y + 0.5)))
        return np.array([[mu, np.log(s)] for s in (0.02, 0.1, 0.5, 2.0)])

    def _sums(
        self,
        t: NDArray[np.float64],
        y: NDArray[np.float64],
        n: NDArray[np.float64],
        moments: bool = False,
    ) -> _Sums:
        shape = (len(t), len(y))
        columns = (t[:, :1], np.exp(t[:, 1:2]), y[None], n[None])
        flat = [np.broadcast_to(c, shape).ravel() for c in columns]
        found = integrals(*flat, moments)
        self.error = max(self.error, found.error)
        names = ("log_value", "theta", "theta_var", "p", "p2")
        parts = [getattr(found, name).reshape(shape) for name in names]
        return _Sums(*parts)

    def total(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        used = self.counts > 0
        found = self._sums(t, self.y[used], self.n[used])
        return np.asarray(found.log_value @ self.counts[used])

    def terms(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """See :class:`hbstan.exact.family.Family`."""
        return self._sums(t, self.y, self.n).log_value

    def moments(self, t: NDArray[np.float64]) -> dict[str, Moments]:
        """See :class:`hbstan.exact.family.Family`."""
        # Without a group's outcome its probability is the population's.
        out = self.counts == 0
        y, n = np.where(out, 0.0, self.y), np.where(out, 0.0, self.n)
        own = self._sums(t, y, n, moments=True)
        mean = np.exp(self._sums(t, np.ones(1), np.ones(1)).log_value)
        both = np.exp(self._sums(t, np.full(1, 2.0), np.full(1, 2.0)).log_value)
        p, p2 = own.p, own.p2
        empty = n == 0
        p[:, empty], p2[:, empty] = mean, both
        tau2 = np.exp(2.0 * t[:, 1:2])
        nothing = np.zeros_like(mean)
        return {
            "theta": Moments(own.theta, own.theta_var),
            "p": Moments(p, np.maximum(p2 - p**2, 0.0)),
            "p_pop_mean": Moments(mean, nothing),
            "theta_new": Moments(t[:, :1], tau2),
            "p_new": Moments(mean, np.maximum(both - mean**2, 0.0)),
        }

    def log_likelihood(
        self, theta: NDArray[np.float64], items: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return each item's log likelihood at log-odds, less its maximum."""
        return binomial_log_likelihood(theta, self.y[items], self.n[items])

    def log_population(
        self, theta: NDArray[np.float64], t: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the log density of a group's log-odds, given points."""
        z = (theta[:, None] - t[:, 0]) * np.exp(-t[:, 1])
        return np.asarray(-0.5 * (z * z + _LOG_2PI) - t[:, 1])

    def narrow(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sd of a group's log-odds, given points, where it is small."""
        return np.asarray(np.exp(t[:, 1]))

    def inner_error(self) -> float:
        """See :class:`hbstan.exact.family.Family`."""
        return self.error
