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

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


__all__ = ["POWER", "Sums", "choose", "conditional_draws", "empty_sums", "integrals"]

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
#: The reported error is this power of the difference that every second node makes.
POWER = 1.5
_LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass
class Sums:
    """What the nodes of many integrals add up to; see :func:`integrals`.

    Parameters
    ----------
    log_value, theta, theta_var, p, p2, error : ndarray
    """

    names: ClassVar[tuple[str, ...]] = (
        *("log_value", "theta", "theta_var", "p", "p2"),
        "error",
    )

    log_value: NDArray[np.float64]
    theta: NDArray[np.float64]
    theta_var: NDArray[np.float64]
    p: NDArray[np.float64]
    p2: NDArray[np.float64]
    error: NDArray[np.float64]


def integrals(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool = True,
) -> Sums:
    """Integrate ``binomial(y | n, inv_logit(theta)) * normal(theta | mu, tau)``.

    Parameters
    ----------
    mu, tau, y, n : ndarray of shape (elements,)
    moments : bool
        Whether more is wanted than the integral.

    Returns
    -------
    Sums
        The log of the integral, mean and variance of ``theta`` under its integrand,
        first and second moment of the probability, and the relative error.
    """
    with np.errstate(all="ignore"):
        return _finite(_integrals(mu, tau, y, n, moments), mu, tau)


def _finite(out: Sums, mu: NDArray[np.float64], tau: NDArray[np.float64]) -> Sums:
    """Give integrals that left the range of numbers no weight, and finite moments."""
    lost = ~np.isfinite(out.log_value + out.theta + out.theta_var + out.p + out.p2)
    if lost.any():
        p = special.expit(mu[lost])
        values = (-np.inf, mu[lost], np.minimum(tau[lost] ** 2, 1e300), p, p**2, 0.0)
        for name, value in zip(out.names, values, strict=True):
            getattr(out, name)[lost] = value
    return out


def _integrals(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool,
) -> Sums:
    out = empty_sums(mu.shape)
    one_sided = (tau > _WIDE) & (n > 0) & ((y == 0) | (y == n))
    for rows, rule in ((~one_sided, _direct), (one_sided, _by_parts)):
        places = np.flatnonzero(rows)
        for start in range(0, len(places), _TOGETHER):
            part = places[start : start + _TOGETHER]
            found = rule(mu[part], tau[part], y[part], n[part], moments)
            for name in out.names:
                getattr(out, name)[part] = getattr(found, name)
    return out


def empty_sums(shape: tuple[int, ...]) -> Sums:
    """Return room for integrals."""
    return Sums(*(np.empty(shape) for _ in Sums.names))


def _direct(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    moments: bool,
) -> Sums:
    d, inv, slope = _mode(mu, tau, y, n)
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
    log_value = top + np.log(value) - np.log(tau) - 0.5 * _LOG_2PI + choose(n, y)
    return Sums(log_value, near + first, second - first**2, p, p2, error)


def _mode(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    close: float = 0.01,
) -> tuple[
    NDArray[np.float64],
    NDArray[np.float64],
    Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], ...]],
]:
    """Return integrands' modes as distances from ``mu``, 1/tau^2, and their slopes."""
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
    return _root(slope, low, high, close), inv, slope


def conditional_draws(
    mu: NDArray[np.float64],
    tau: NDArray[np.float64],
    y: NDArray[np.float64],
    n: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Draw groups' log-odds given their data and the population.

    By rejection, exactly: a log-concave density with maximum ``c`` lies below ``c`` and
    below ``c exp(1 - c |x - mode|)``, so that a quarter of proposals is taken (Devroye
    1986, Non-Uniform Random Variate Generation, section VII.2.2).

    Parameters
    ----------
    mu, tau, y, n : ndarray of shape (elements,)
    rng : numpy.random.Generator
    """
    d, inv, _ = _mode(mu, tau, y, n, close=1e-6)
    top = _direct_log(mu, d, inv, y, n)
    found = integrals(mu, tau, y, n, False).log_value
    scale = np.log(tau) + 0.5 * _LOG_2PI - choose(n, y)
    # The envelope is a little higher: its maximum is known to so many digits.
    height = np.exp(top - scale - found) * (1.0 + 1e-6)
    out = np.empty_like(mu)
    todo = np.arange(len(mu))
    while len(todo):
        v = rng.exponential(size=len(todo))
        tail = rng.random(len(todo)) < 0.5
        side = np.where(rng.random(len(todo)) < 0.5, -1.0, 1.0)
        far = np.where(tail, 1.0 + v, rng.random(len(todo)))
        x = side * far / height[todo]
        logs = (
            _direct_log(mu[todo], d[todo] + x, inv[todo], y[todo], n[todo]) - top[todo]
        )
        bound = np.minimum(0.0, 1.0 - far)
        taken = np.log(rng.random(len(todo))) < logs - bound - 1e-6
        out[todo[taken]] = (mu[todo] + d[todo] + x)[taken]
        todo = todo[~taken]
    return out


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
) -> Sums:
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
    return Sums(log_value, theta, second - first**2, p, p2, error)


def _sum(
    term: Callable[
        [NDArray[np.float64]],
        tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]],
    ],
    width: NDArray[np.float64],
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]], NDArray[np.float64]]:
    """Add up nodes outwards from the mode until they are small on either side.

    Returns
    -------
    value : ndarray
        The integral relative to the integrand at the mode.
    means : list of ndarray
        Of what ``term`` returns beside the integrand, weighted by it.
    error : ndarray
        The relative error, from the rule on every second node: errors fall
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
    error = np.abs(2.0 * half / total - 1.0) ** POWER
    return total * width * _STEP, [s / total for s in sums], error


def _root(
    slope: Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], ...]],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    close: float = 0.01,
) -> NDArray[np.float64]:
    """Find where a falling slope is 0, by Newton steps that stay between bounds."""
    x = 0.5 * (low + high)
    last = high - low
    for _ in range(100):
        value, bend = slope(x)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        step = value / bend
        moved = x + step
        # What has converged stays there while others are still on their way.
        done = np.abs(step) * np.sqrt(bend) < close
        # Steps that do not become shorter may go to and fro: bounds are halved then.
        good = (moved >= low) & (moved <= high) & (2.0 * np.abs(step) < last)
        halved = 0.5 * (low + high)
        new = np.where(done | good, moved, halved)
        last, x = np.abs(new - x), new
        if done.all():
            break
    return x


def _mills(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal density over the distribution function."""
    return np.asarray(np.sqrt(2.0 / np.pi) / special.erfcx(-z / np.sqrt(2.0)))


def _log1p_exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


def choose(n: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logs of binomial coefficients."""
    return np.asarray(-special.betaln(y + 1.0, n - y + 1.0) - np.log1p(n))
