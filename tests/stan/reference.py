"""Log densities of the Stan programs, written again with NumPy and SciPy.

Nothing here is derived from the Stan sources: each target is the model as the
header of its program states it, on the unconstrained scale (positive parameters
as logarithms of the distance from their bound, probabilities as log-odds), with
the log Jacobian determinants of those transformations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, optimize, special, stats

Vector = NDArray[np.float64]
Data = Mapping[str, Any]
Target = Callable[[Vector, Data], float]

LOG2 = float(np.log(2.0))

#: Family code to the log density at x given the three arguments.
PRIORS: Mapping[int, Callable[[float, Sequence[float]], float]] = {
    1: lambda x, a: stats.norm.logpdf(x, a[0], a[1]),
    2: lambda x, a: stats.t.logpdf(x, a[0], a[1], a[2]),
    3: lambda x, a: stats.halfnorm.logpdf(x, scale=a[0]),
    4: lambda x, a: stats.halfcauchy.logpdf(x, scale=a[0]),
    5: lambda x, a: LOG2 + stats.t.logpdf(x, a[0], scale=a[1]),
    6: lambda x, a: stats.expon.logpdf(x, scale=1 / a[0]),
    7: lambda x, a: stats.beta.logpdf(x, a[0], a[1]),
    8: lambda x, a: stats.gamma.logpdf(x, a[0], scale=1 / a[1]),
    9: lambda x, a: stats.pareto.logpdf(x, a[1], scale=a[0]),
}

#: Family code to arguments used in the tests, and the support.
ARGUMENTS: Mapping[int, tuple[list[float], tuple[float, float]]] = {
    1: ([-2.5, 1.3, 0.0], (-np.inf, np.inf)),
    2: ([4.0, -2.0, 1.5], (-np.inf, np.inf)),
    3: ([0.7, 0.0, 0.0], (0.0, np.inf)),
    4: ([1.2, 0.0, 0.0], (0.0, np.inf)),
    5: ([3.0, 0.8, 0.0], (0.0, np.inf)),
    6: ([1.7, 0.0, 0.0], (0.0, np.inf)),
    7: ([2.0, 18.0, 0.0], (0.0, 1.0)),
    8: ([1.5, 0.5, 0.0], (0.0, np.inf)),
    9: ([1.0, 1.5, 0.0], (1.0, np.inf)),
}


def log_prior(data: Data, name: str, x: float) -> float:
    """Log density at ``x`` of the prior that ``data`` sets for ``name``."""
    return float(PRIORS[data[f"prior_{name}"]](x, data[f"prior_{name}_args"]))


def _observed(data: Data) -> NDArray[np.bool_]:
    flags: NDArray[np.int_] = np.asarray(data["holdout"])
    return flags == 0


def _binomial(data: Data, p: Vector) -> float:
    seen = _observed(data)
    y, n = np.asarray(data["y"])[seen], np.asarray(data["n"])[seen]
    # The programs leave out the binomial coefficients, which depend on data alone.
    choose = -np.log(n + 1.0) - special.betaln(n - y + 1.0, y + 1.0)
    return float(np.sum(stats.binom.logpmf(y, n, p[seen]) - choose))


def _normal(data: Data, theta: Vector) -> float:
    seen = _observed(data)
    y, sigma = np.asarray(data["y"])[seen], np.asarray(data["sigma"])[seen]
    return float(np.sum(stats.norm.logpdf(y, theta[seen], sigma)))


def _normal_population(q: Vector, data: Data, centered: bool) -> tuple[float, Vector]:
    """Return prior, population and Jacobian terms, and the group parameters."""
    mu, tau, group = q[0], np.exp(q[1]), q[2:]
    lp = log_prior(data, "mu", mu) + log_prior(data, "tau", tau) + q[1]
    if centered:
        return lp + float(stats.norm.logpdf(group, mu, tau).sum()), group
    return lp + float(stats.norm.logpdf(group).sum()), mu + tau * group


def logit_centered(q: Vector, data: Data) -> float:
    """Target of ``logit_centered`` at unconstrained (mu, log tau, theta)."""
    lp, theta = _normal_population(q, data, centered=True)
    return lp + _binomial(data, special.expit(theta))


def logit_noncentered(q: Vector, data: Data) -> float:
    """Target of ``logit_noncentered`` at unconstrained (mu, log tau, z)."""
    lp, theta = _normal_population(q, data, centered=False)
    return lp + _binomial(data, special.expit(theta))


def eight_schools_centered(q: Vector, data: Data) -> float:
    """Target of ``eight_schools_centered`` at unconstrained (mu, log tau, theta)."""
    lp, theta = _normal_population(q, data, centered=True)
    return lp + _normal(data, theta)


def eight_schools_noncentered(q: Vector, data: Data) -> float:
    """Target of ``eight_schools_noncentered`` at unconstrained (mu, log tau, z)."""
    lp, theta = _normal_population(q, data, centered=False)
    return lp + _normal(data, theta)


def minimum(data: Data, name: str = "kappa") -> float:
    """Lower bound of a parameter: the minimum of a Pareto prior, else 0; of nu 1."""
    pareto = data[f"prior_{name}"] == 9
    low = float(data[f"prior_{name}_args"][0]) if pareto else 0.0
    return max(1.0, low) if name == "nu" else low


def beta_binomial(q: Vector, data: Data) -> float:
    """Target of ``beta_binomial`` at (logit mu, log(kappa - minimum), logit p)."""
    mu, p = special.expit(q[0]), special.expit(q[2:])
    kappa = minimum(data) + np.exp(q[1])
    lp = log_prior(data, "mu", mu) + log_prior(data, "kappa", kappa)
    lp += q[1] + np.log(mu * (1 - mu)) + np.log(p * (1 - p)).sum()
    lp += float(stats.beta.logpdf(p, mu * kappa, (1 - mu) * kappa).sum())
    return float(lp + _binomial(data, p))


def binomial_pooled(q: Vector, data: Data) -> float:
    """Target of ``binomial_pooled`` at (mu)."""
    p = np.full(data["J"], special.expit(q[0]))
    return log_prior(data, "mu", q[0]) + _binomial(data, p)


def binomial_unpooled(q: Vector, data: Data) -> float:
    """Target of ``binomial_unpooled`` at (theta)."""
    lp = sum(log_prior(data, "theta", x) for x in q)
    return lp + _binomial(data, special.expit(q))


def normal_pooled(q: Vector, data: Data) -> float:
    """Target of ``normal_pooled`` at (mu)."""
    return log_prior(data, "mu", q[0]) + _normal(data, np.full(data["J"], q[0]))


def normal_unpooled(q: Vector, data: Data) -> float:
    """Target of ``normal_unpooled`` at (theta)."""
    return sum(log_prior(data, "theta", x) for x in q) + _normal(data, q)


def log_prior_nu(data: Data, nu: float) -> float:
    """Log density of nu: its prior, cut off below 1."""
    a, b, _ = data["prior_nu_args"]
    laws = {8: stats.gamma(a, scale=1 / b), 9: stats.pareto(b, scale=a)}
    return float(log_prior(data, "nu", nu) - laws[data["prior_nu"]].logsf(1.0))


def logit_student_t(q: Vector, data: Data) -> float:
    """Target of ``logit_student_t`` at (mu, log tau, log(nu - minimum), z)."""
    mu, tau, z = q[0], np.exp(q[1]), q[3:]
    nu = minimum(data, "nu") + np.exp(q[2])
    lp = log_prior(data, "mu", mu) + log_prior(data, "tau", tau) + q[1] + q[2]
    lp += log_prior_nu(data, nu) + stats.t.logpdf(z, nu).sum()
    return float(lp + _binomial(data, special.expit(mu + tau * z)))


def logit_mixture(q: Vector, data: Data) -> float:
    """Target of ``logit_mixture``.

    At (mu_low, log gap, log(tau - minimum), logit lambda, z).
    """
    low, gap, weight = q[0], np.exp(q[1]), special.expit(q[3])
    tau = minimum(data, "tau") + np.exp(q[2])
    values = {"mu_low": low, "gap": gap, "tau": tau, "lambda": weight}
    lp = sum(log_prior(data, name, x) for name, x in values.items())
    lp += q[1] + q[2] + np.log(weight * (1 - weight))
    spread = np.sqrt(tau**2 + weight * (1 - weight) * gap**2)
    theta = low + weight * gap + spread * q[4:]
    both = (1 - weight) * stats.norm.pdf(theta, low, tau)
    both += weight * stats.norm.pdf(theta, low + gap, tau)
    # The density of z is that of theta times the unit of z.
    lp += np.log(both * spread).sum()
    return float(lp + _binomial(data, special.expit(theta)))


TARGETS: Mapping[str, Target] = {
    "beta_binomial": beta_binomial,
    "binomial_pooled": binomial_pooled,
    "binomial_unpooled": binomial_unpooled,
    "eight_schools_centered": eight_schools_centered,
    "eight_schools_noncentered": eight_schools_noncentered,
    "logit_centered": logit_centered,
    "logit_mixture": logit_mixture,
    "logit_noncentered": logit_noncentered,
    "logit_student_t": logit_student_t,
    "normal_pooled": normal_pooled,
    "normal_unpooled": normal_unpooled,
}


def gradient(target: Target, q: Vector, data: Data, step: float = 1e-3) -> Vector:
    """Gradient of a target by five-point central differences.

    The truncation error is of order ``step**4``; rounding adds about 1e-16 times
    the target's size over ``step``.
    """
    out = np.empty_like(q)
    for i in range(q.size):
        e = np.zeros_like(q)
        e[i] = step
        near = target(q + e, data) - target(q - e, data)
        far = target(q + 2 * e, data) - target(q - 2 * e, data)
        out[i] = (8 * near - far) / (12 * step)
    return out


def log_choose(n: int, y: int) -> float:
    """Logarithm of the binomial coefficient ``n`` over ``y``."""
    return float(-np.log1p(n) - special.betaln(n - y + 1, y + 1))


def binomial_logit_normal(y: int, n: int, mu: float, tau: float) -> float:
    """Log of the binomial probability averaged over normal log-odds.

    Adaptive Gauss-Kronrod integration (QUADPACK) of the integrand relative to its
    peak, between the points where it has fallen by ``exp(-60)``, split at the
    peak and at multiples of its local standard deviation.
    """

    def log_f(theta: float) -> float:
        return float(
            y * theta - n * np.logaddexp(0.0, theta) - 0.5 * ((theta - mu) / tau) ** 2
        )

    def slope(theta: float) -> float:
        return float(y - n * special.expit(theta) - (theta - mu) / tau**2)

    reach = n * tau**2 + 1.0
    mode = float(optimize.brentq(slope, mu - reach, mu + reach, xtol=1e-12))
    peak = log_f(mode)
    p = special.expit(mode)
    sd = 1 / np.sqrt(n * p * (1 - p) + 1 / tau**2)
    edges = [
        optimize.brentq(lambda t: log_f(t) - peak + 60.0, mode, mode + s * 12 * tau)
        for s in (-1, 1)
    ]
    cuts = mode + sd * np.array([-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0])
    knots = [edges[0], *cuts[(cuts > edges[0]) & (cuts < edges[1])], edges[1]]
    total = sum(
        integrate.quad(
            lambda t: np.exp(log_f(t) - peak), a, b, epsabs=1e-12 * sd, epsrel=1e-10
        )[0]
        for a, b in pairwise(knots)
    )
    normaliser = np.log(tau) + 0.5 * np.log(2 * np.pi)
    return float(log_choose(n, y) + peak + np.log(total) - normaliser)


def logit_normal_moments(mu: float, tau: float) -> tuple[float, float]:
    """Mean and variance of ``expit(mu + tau * x)``, x standard normal, by QUADPACK."""

    def expectation(f: Callable[[float], float]) -> float:
        # The logistic step sits where mu + tau * x = 0.
        cuts = np.unique(np.clip([-12, -6, 0, -mu / tau, 6, 12], -12, 12))
        return sum(
            integrate.quad(
                lambda x: f(x) * stats.norm.pdf(x), a, b, epsabs=0, epsrel=1e-10
            )[0]
            for a, b in pairwise(cuts)
        )

    median = special.expit(mu)
    shift = expectation(lambda x: special.expit(mu + tau * x) - median)
    mean = median + shift
    variance = expectation(lambda x: (special.expit(mu + tau * x) - mean) ** 2)
    return float(mean), float(variance)
