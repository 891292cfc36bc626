"""Simulated parameters and data against moments and conditional laws."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import expit

import hbstan.priors as pr
from hbstan import models
from hbstan.errors import ModelError
from hbstan.simulate import draw_data, draw_prior

SIZE = 20_000
LOGIT = {"mu": pr.Normal(-1.0, 0.5), "tau": pr.HalfNormal(0.7)}
SCHOOLS = {"mu": pr.Normal(3.0, 2.0), "tau": pr.Exponential(0.5)}
BETA = {"mu": pr.Beta(2, 5), "kappa": pr.Gamma(3, 0.5)}
CASES = {
    "logit_noncentered": LOGIT,
    "logit_centered": LOGIT,
    "eight_schools_noncentered": SCHOOLS,
    "eight_schools_centered": SCHOOLS,
    "beta_binomial": BETA,
}
TRIALS = np.array([0, 5, 80])
ERRORS = np.array([0.5, 2.0, 8.0])


def simulate(name: str, seed: int = 11, size: int = SIZE) -> dict[str, Any]:
    """Prior draws of a model with three groups, and data ``y`` given them."""
    model = models.get(name)
    rng = np.random.default_rng(seed)
    draws = draw_prior(model, CASES[name], 3, rng, size)
    y = draw_data(model, draws, {"n": TRIALS, "sigma": ERRORS}, rng)
    return {**draws, "y": y}


def z_of_mean(values: np.ndarray, truth: float) -> float:
    """Distance of a mean from the truth, in standard errors."""
    return float(
        (values.mean() - truth) / (values.std(ddof=1) / math.sqrt(len(values)))
    )


def uniform(values: np.ndarray) -> float:
    return float(stats.kstest(values, "uniform").pvalue)


def expectation(prior: pr.Prior, f: Any, low: float, high: float) -> float:
    density = prior.distribution().logpdf
    return float(integrate.quad(lambda x: f(x) * math.exp(density(x)), low, high)[0])


def test_every_model_is_simulated() -> None:
    assert set(CASES) == set(models.names())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 7])
def test_shapes_and_types(name: str, size: int) -> None:
    got = simulate(name, size=size)
    model = models.get(name)
    for parameter in model.top_level:
        assert got[parameter.name].shape == (size,)
    groups = {"theta", "y"} | ({"p"} if model.kind == "binomial" else set())
    for variable in groups:
        assert got[variable].shape == (size, 3)
    integral = np.issubdtype(got["y"].dtype, np.integer)
    assert integral == (model.kind == "binomial")


def test_non_centered_draws_are_consistent() -> None:
    got = simulate("logit_noncentered", size=50)
    assert np.allclose(
        got["theta"], got["mu"][:, None] + got["tau"][:, None] * got["z"]
    )
    assert np.allclose(got["p"], expit(got["theta"]))


@pytest.mark.parametrize("name", CASES)
def test_the_generator_alone_decides(name: str) -> None:
    first, again, other = (simulate(name, seed, 5) for seed in (1, 1, 2))
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert not np.array_equal(first["theta"], other["theta"])


@pytest.mark.parametrize("name", CASES)
def test_top_level_draws_follow_their_priors(name: str) -> None:
    got = simulate(name)
    for parameter, prior in CASES[name].items():
        p = stats.kstest(got[parameter], prior.distribution().cdf).pvalue
        assert p > 1e-3


@pytest.mark.parametrize("name", ["logit_noncentered", "eight_schools_centered"])
def test_moments_of_normal_effects(name: str) -> None:
    # E[theta] = E[mu]; Var[theta] = Var[mu] + E[tau^2]; groups share only mu.
    mu, tau = CASES[name]["mu"], CASES[name]["tau"]
    theta = simulate(name)["theta"]
    centred = theta - mu.loc
    second = expectation(tau, lambda t: t * t, 0, math.inf)
    for j in range(3):
        assert abs(z_of_mean(theta[:, j], mu.loc)) < 4
        assert abs(z_of_mean(centred[:, j] ** 2, mu.scale**2 + second)) < 4
    assert abs(z_of_mean(centred[:, 0] * centred[:, 1], mu.scale**2)) < 4


def test_the_moment_test_notices_a_variance_used_as_scale() -> None:
    theta = simulate("logit_noncentered")["theta"]
    wrong = LOGIT["mu"].scale ** 2 + LOGIT["tau"].scale
    assert abs(z_of_mean((theta[:, 0] - LOGIT["mu"].loc) ** 2, wrong)) > 10


def test_total_variance_of_estimates() -> None:
    y = simulate("eight_schools_noncentered")["y"]
    mu = SCHOOLS["mu"]
    between = mu.scale**2 + 2 / SCHOOLS["tau"].rate ** 2
    for j, sigma in enumerate(ERRORS):
        assert abs(z_of_mean(y[:, j], mu.loc)) < 4
        assert abs(z_of_mean((y[:, j] - mu.loc) ** 2, between + sigma**2)) < 4


def test_total_variance_of_beta_binomial_events() -> None:
    # Var[p] = E[mu (1 - mu)] E[1 / (kappa + 1)] + Var[mu], and
    # Var[y] = n E[p (1 - p)] + n^2 Var[p].
    y = simulate("beta_binomial")["y"]
    a, b = BETA["mu"].alpha, BETA["mu"].beta
    mean = a / (a + b)
    spread = a * b / ((a + b) ** 2 * (a + b + 1))
    within = expectation(BETA["kappa"], lambda k: 1 / (k + 1), 0, math.inf)
    var_p = (mean - mean**2 - spread) * within + spread
    for j, n in enumerate(TRIALS):
        if n == 0:
            assert (y[:, j] == 0).all()
            continue
        var_y = n * (mean - mean**2 - var_p) + n**2 * var_p
        assert abs(z_of_mean(y[:, j], n * mean)) < 4
        assert abs(z_of_mean((y[:, j] - n * mean) ** 2, var_y)) < 4


def test_total_variance_of_logit_normal_events() -> None:
    # The moments of p given mu and tau by Gauss-Hermite quadrature.
    got = simulate("logit_centered")
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    sample = expit(got["mu"][:, None] + got["tau"][:, None] * nodes)
    first, second = sample @ weights, sample**2 @ weights
    for j, n in enumerate(TRIALS[1:], start=1):
        y = got["y"][:, j]
        assert abs(z_of_mean(y - n * first, 0.0)) < 4
        assert abs(z_of_mean(y * (y - 1) - n * (n - 1) * second, 0.0)) < 4


def conjugate_ranks(got: dict[str, Any], sigma: np.ndarray) -> np.ndarray:
    """Posterior CDF at the true theta, given mu, tau and y: uniform."""
    precision = 1 / sigma**2 + 1 / got["tau"][:, None] ** 2
    centre = got["y"] / sigma**2 + (got["mu"] / got["tau"] ** 2)[:, None]
    return stats.norm.cdf(np.sqrt(precision) * (got["theta"] - centre / precision))


def test_ranks_of_normal_effects_are_uniform() -> None:
    ranks = conjugate_ranks(simulate("eight_schools_centered", 3), ERRORS)
    assert min(uniform(ranks[:, j]) for j in range(3)) > 1e-3


def test_the_rank_test_notices_wrong_standard_errors() -> None:
    ranks = conjugate_ranks(simulate("eight_schools_centered", 3), 0.7 * ERRORS)
    assert max(uniform(ranks[:, j]) for j in (0, 1)) < 1e-6


def test_ranks_of_beta_probabilities_are_uniform() -> None:
    got = simulate("beta_binomial", 4)
    mu, kappa = got["mu"][:, None], got["kappa"][:, None]
    law = stats.beta(mu * kappa + got["y"], (1 - mu) * kappa + TRIALS - got["y"])
    assert min(uniform(law.cdf(got["p"])[:, j]) for j in range(3)) > 1e-3


def test_ranks_of_logit_probabilities_are_uniform() -> None:
    # By the posterior of theta on a grid, given mu, tau and y.
    got = simulate("logit_noncentered", 5, size=1500)
    grid = np.linspace(-8, 8, 801)
    z = grid[None, :]
    theta = got["mu"][:, None] + got["tau"][:, None] * z
    j, n = 1, TRIALS[1]
    log = stats.norm.logpdf(z) + got["y"][:, [j]] * theta - n * np.logaddexp(0, theta)
    weight = np.exp(log - log.max(axis=1, keepdims=True))
    cdf = np.cumsum(weight, axis=1) - 0.5 * weight
    cdf /= weight.sum(axis=1, keepdims=True)
    rows = zip(cdf, got["z"][:, j], strict=True)
    ranks = np.array([np.interp(z_true, grid, row) for row, z_true in rows])
    assert uniform(ranks) > 1e-3


def test_probabilities_stay_proper_under_tiny_concentration() -> None:
    model = models.get("beta_binomial")
    priors = {"mu": pr.Beta(1, 1), "kappa": pr.Gamma(0.05, 1.0)}
    draws = draw_prior(model, priors, 4, np.random.default_rng(0), 2000)
    assert np.isfinite(draws["theta"]).all()
    assert ((draws["p"] >= 0) & (draws["p"] <= 1)).all()
    assert (np.abs(draws["theta"]) > 800).any()


def test_log_odds_follow_the_beta_law() -> None:
    model = models.get("beta_binomial")
    narrow = {"mu": pr.Beta(3e8, 7e8), "kappa": pr.Gamma(5e8, 1e9)}
    draws = draw_prior(model, narrow, 1, np.random.default_rng(8), SIZE)
    law = stats.beta(0.15, 0.35)
    assert stats.kstest(law.cdf(draws["p"][:, 0]), "uniform").pvalue > 1e-3
    assert np.allclose(expit(draws["theta"]), draws["p"])


def test_a_family_without_simulator() -> None:
    stranger = dataclasses.replace(models.get("logit_centered"), family="poisson")
    rng = np.random.default_rng(0)
    with pytest.raises(ModelError, match="'poisson' has no simulator"):
        draw_prior(stranger, LOGIT, 3, rng)
    with pytest.raises(ModelError, match="'poisson' has no simulator"):
        draw_data(stranger, {"p": np.zeros((1, 1))}, {"n": [1]}, rng)
