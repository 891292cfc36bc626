"""Normal groups without Stan: targets, and posteriors by quadrature.

Targets are on the unconstrained scale (mu, log tau, log sigma, then one number a
group) and start from observations, of which the programs know sums alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference import log_prior
from scipy import stats

from hbstan.priors import Prior

Vector = NDArray[np.float64]

#: Observations in six groups, of 1 to 7, in no order.
OBSERVATIONS: tuple[Vector, ...] = tuple(
    np.array(values)
    for values in (
        [1.2],
        [0.4, -0.3, 2.1],
        [3.0, 3.4],
        [-1.0, 0.2, 0.1, -0.6, 0.9, 0.3, -0.2],
        [2.2, 2.2],
        [0.7, 1.9, 1.1, 0.5],
    )
)
TOP = ("mu", "tau", "sigma")
WEIGHTS = [0.0, 0.25, 1.0, 0.9, 0.5, 0.1]


def stan_data(**changes: Any) -> dict[str, Any]:
    """Return the Stan data of the observations, group 4 held out."""
    priors: dict[str, Any] = {}
    for name, (code, args) in {
        "mu": (1, [0.5, 2.0, 0.0]),
        "tau": (3, [1.5, 0.0, 0.0]),
        "sigma": (4, [1.0, 0.0, 0.0]),
    }.items():
        priors |= {f"prior_{name}": code, f"prior_{name}_args": args}
    data = {
        "J": len(OBSERVATIONS),
        "n": [len(v) for v in OBSERVATIONS],
        "y": [float(v.mean()) for v in OBSERVATIONS],
        "ss": [float(((v - v.mean()) ** 2).sum()) for v in OBSERVATIONS],
        "holdout": [0, 0, 0, 1, 0, 0],
        "predictive": 0,
        "w_centered": WEIGHTS,
    }
    return {**data, **priors, **changes}


def top(q: Vector) -> tuple[float, float, float]:
    """Return mu, tau and sigma."""
    return float(q[0]), float(np.exp(q[1])), float(np.exp(q[2]))


def householder(J: int) -> Vector:
    """Return the reflection's first J - 1 columns, ``(J, J - 1)``."""
    v = np.eye(J)[-1] - 1 / np.sqrt(J)
    return (np.eye(J) - 2 * np.outer(v, v) / (v @ v))[:, :-1]


def target(form: str, q: Vector, data: Mapping[str, Any]) -> float:
    """Return the target of a form, all constants included."""
    mu, tau, sigma = top(q)
    lp = sum(
        log_prior(data, name, x) for name, x in zip(TOP, top(q), strict=True)
    ) + float(q[1] + q[2])
    seen = np.asarray(data["holdout"]) == 0
    groups = [v for v, yes in zip(OBSERVATIONS, seen, strict=True) if yes]
    if form == "marginal":
        return lp + sum(together(v, mu, tau, sigma) for v in groups)
    own = q[3:]
    if form == "centered":
        effects, theta = stats.norm.logpdf(own, mu, tau), own
    elif form == "noncentered":
        effects, theta = stats.norm.logpdf(own), mu + tau * own
    elif form == "sum_to_zero":
        effects, theta = stats.norm.logpdf(own), mu + tau * householder(6) @ own
    else:
        w = np.array(data["w_centered"])
        effects = stats.norm.logpdf(own, w * mu, tau**w)
        theta = mu + tau ** (1 - w) * (own - w * mu)
    likelihood = [
        stats.norm.logpdf(v, t, sigma).sum()
        for v, t in zip(groups, theta[seen], strict=True)
    ]
    return lp + float(effects.sum() + np.sum(likelihood))


def together(values: Vector, mu: float, tau: float, sigma: float) -> float:
    """Return the log density of a group's observations, the effect integrated out."""
    n = len(values)
    cov = sigma**2 * np.eye(n) + tau**2
    return float(stats.multivariate_normal.logpdf(values, np.full(n, mu), cov))


def given_others(
    j: int, data: Mapping[str, Any], mu: float, tau: float, sigma: float
) -> float:
    """Return the log density of group j's observations given the other groups'.

    Of effects that sum to zero, and of the groups that are not held out: the joint
    density of all observations over that of the others.
    """
    J = len(OBSERVATIONS)
    others = [k for k in range(J) if k != j and not data["holdout"][k]]

    def joint(groups: list[int]) -> float:
        rows = [k for k in groups for _ in OBSERVATIONS[k]]
        if not rows:
            return 0.0
        effects = tau**2 * (np.eye(J) - 1 / J)
        cov = effects[np.ix_(rows, rows)] + sigma**2 * np.eye(len(rows))
        values = np.concatenate([OBSERVATIONS[k] for k in groups])
        mean = np.full(len(rows), mu)
        return float(stats.multivariate_normal.logpdf(values, mean, cov))

    return joint([*others, j]) - joint(others)


def posterior(
    n: Any, y: Any, ss: Any, priors: Mapping[str, Prior]
) -> dict[str, tuple[Vector, Vector]]:
    """Return means and standard deviations of mu, tau, sigma and theta.

    By the trapezoidal rule in log tau and log sigma; given those, mu (with a normal
    prior) and theta are normal.
    """
    n, y, ss = (np.asarray(x, dtype=float) for x in (n, y, ss))
    pooled = np.sqrt(ss.sum() / (n.sum() - n.size))
    log_tau = np.log(y.std()) + np.linspace(-10, 4, 350)
    log_sigma = np.log(pooled) + np.linspace(-1.5, 1.5, 120)
    tau, sigma = np.meshgrid(np.exp(log_tau), np.exp(log_sigma), indexing="ij")
    data = sigma[..., None] ** 2 / n
    v = tau[..., None] ** 2 + data
    loc, scale = priors["mu"].args
    precision = (1 / v).sum(axis=-1) + scale**-2
    mean = ((y / v).sum(axis=-1) + loc * scale**-2) / precision
    away = ((y - mean[..., None]) ** 2 / v).sum(axis=-1) + ((mean - loc) / scale) ** 2
    height = -0.5 * (np.log(v).sum(axis=-1) + away + np.log(precision))
    height += -0.5 * ss.sum() / sigma**2 - (n.sum() - n.size) * np.log(sigma)
    for name, x in (("tau", tau), ("sigma", sigma)):
        height += priors[name].distribution().logpdf(x) + np.log(x)
    p = np.exp(height - height.max())
    p /= p.sum()
    w = tau[..., None] ** 2 / v
    theta = mean[..., None] + w * (y - mean[..., None])
    spread = w * data + (1 - w) ** 2 / precision[..., None]
    given = {
        "mu": (mean, 1 / precision),
        "tau": (tau, np.zeros_like(tau)),
        "sigma": (sigma, np.zeros_like(tau)),
    }
    out = {name: _moments(p, *pair) for name, pair in given.items()}
    return {**out, "theta": _moments(p[..., None], theta, spread)}


def _moments(p: Vector, mean: Vector, variance: Vector) -> tuple[Vector, Vector]:
    """Return mean and standard deviation of a mixture."""
    first = (p * mean).sum(axis=(0, 1))
    second = (p * ((mean - first) ** 2 + variance)).sum(axis=(0, 1))
    return np.asarray(first), np.asarray(np.sqrt(second))
