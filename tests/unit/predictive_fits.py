"""Fits with exact posteriors and known predictions, made without Stan."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import betabinom, binom, norm

from hbstan.fit import Fit

CHAINS = 4


def tree_fit(
    model: str,
    labels: list[str],
    groups: dict[str, dict[str, Any]],
    held_out: tuple[str, ...] = (),
    **attrs: Any,
) -> Fit:
    """Make a fit of arrays ``(chain, draw[, group])`` and ``(group,)``."""
    datasets = {}
    for group, variables in groups.items():
        arrays = {}
        for name, values in variables.items():
            sampled = ["chain", "draw"] if not group.endswith("_data") else []
            whole = len(sampled) < np.ndim(values)
            arrays[name] = ([*sampled, *(["group"] if whole else [])], values)
        datasets[group] = xr.Dataset(arrays, coords={"group": labels})
    tree = xr.DataTree.from_dict(datasets)
    tree.attrs.update(
        model=model, data_name="made", backend="fake", like=model, program_file=""
    )
    tree.attrs["holdout"] = json.dumps(list(held_out))
    tree.attrs.update(attrs)
    return Fit(tree)


def names(count: int) -> list[str]:
    return [f"g{i}" for i in range(count)]


def normal_fit(
    y: Any,
    sigma: Any,
    tau: float,
    *,
    prior_sd: float = 10.0,
    draws: int = 1000,
    seed: int = 1,
    held_out: tuple[str, ...] = (),
) -> Fit:
    """Normal means with known ``tau``: ``mu ~ normal(0, prior_sd)``, exact draws."""
    rng = np.random.default_rng(seed)
    y, sigma = np.asarray(y, dtype=float), np.asarray(sigma, dtype=float)
    labels = names(y.size)
    seen = np.array([label not in held_out for label in labels])
    mean, var = posterior_of_mu(y[seen], sigma[seen], tau, prior_sd)
    shape = (CHAINS, draws)
    mu = rng.normal(mean, np.sqrt(var), shape)
    weight = np.where(seen, tau**2 / (tau**2 + sigma**2), 0.0)
    center = weight * y + (1 - weight) * mu[..., None]
    theta = rng.normal(center, np.where(seen, np.sqrt(weight) * sigma, tau))
    groups = {
        "posterior": {"mu": mu, "tau": np.full(shape, tau), "theta": theta},
        "posterior_predictive": {"y": rng.normal(theta, sigma)},
        "log_likelihood": {"y": norm.logpdf(y, theta, sigma)},
        "log_likelihood_group": {
            "y": norm.logpdf(y, mu[..., None], np.hypot(tau, sigma))
        },
        "observed_data": {"y": y},
        "constant_data": {"sigma": sigma},
    }
    return tree_fit("eight_schools_centered", labels, groups, held_out)


def posterior_of_mu(
    y: Any, sigma: Any, tau: float, prior_sd: float
) -> tuple[float, float]:
    """Mean and variance of ``mu`` given estimates of groups with known ``tau``."""
    precision = 1 / (tau**2 + np.asarray(sigma) ** 2)
    var = 1 / (precision.sum() + prior_sd**-2)
    return float(var * (precision * y).sum()), float(var)


def beta_fit(
    n: Any,
    y: Any,
    mu: float,
    kappa: float,
    *,
    draws: int = 1000,
    seed: int = 1,
    held_out: tuple[str, ...] = (),
) -> Fit:
    """Beta-binomial groups with known population: exact draws of each group's rate."""
    rng = np.random.default_rng(seed)
    n, y = np.asarray(n), np.asarray(y)
    labels = names(y.size)
    seen = np.array([label not in held_out for label in labels])
    a, b = mu * kappa, (1 - mu) * kappa
    shape = (CHAINS, draws, y.size)
    p = rng.beta(a + seen * y, b + seen * (n - y), shape)
    groups = {
        "posterior": {
            "mu": np.full(shape[:2], mu),
            "kappa": np.full(shape[:2], kappa),
            "p": p,
        },
        "posterior_predictive": {"y": rng.binomial(n, p)},
        "log_likelihood": {"y": binom.logpmf(y, n, p)},
        "log_likelihood_group": {
            "y": np.broadcast_to(betabinom.logpmf(y, n, a, b), shape).copy()
        },
        "observed_data": {"y": y},
        "constant_data": {"n": n},
    }
    return tree_fit("beta_binomial", labels, groups, held_out)
