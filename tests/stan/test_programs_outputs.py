"""Transformed parameters and generated quantities of the Stan programs."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from cases import (
    LEGAL,
    SIGMA,
    N,
    is_normal,
    make_data,
    prior_choices,
    random_points,
)
from programs import PROGRAMS, build, values_at
from reference import log_prior, log_prior_nu, logit_normal_moments, minimum
from scipy import special, stats


@pytest.mark.parametrize("name", PROGRAMS)
def test_predictive_switch(name: str) -> None:
    optional = {"y_rep", "log_lik", "log_lik_group"}
    q = random_points(name, 1, seed=2)
    without = values_at(build(name, make_data(name)), q)
    everything = values_at(build(name, make_data(name, predictive=1)), q)
    assert not optional & set(without)
    assert set(everything) == set(without) | optional
    for key in optional:
        assert everything[key].shape == (1, 1, 6)


@pytest.mark.parametrize("name", PROGRAMS)
def test_lprior_holds_the_log_priors_in_order(name: str) -> None:
    for codes in prior_choices(name):
        data = make_data(name, *codes)
        out = values_at(build(name, data), random_points(name, 3, seed=11))
        for i in range(3):
            x = [expected_lprior(data, k, out[k][i, 0]) for k in LEGAL[name]]
            np.testing.assert_allclose(out["lprior"][i, 0], x, rtol=1e-9)


def expected_lprior(data: dict[str, Any], name: str, value: Any) -> float:
    """One number per prior: of nu above its minimum, of theta over all groups."""
    if name == "nu":
        return log_prior_nu(data, value)
    return sum(log_prior(data, name, x) for x in np.atleast_1d(value))


def expected_log_lik(name: str, data: dict[str, Any], out: Any) -> np.ndarray:
    if is_normal(name):
        return stats.norm.logpdf(data["y"], out["theta"], data["sigma"])
    return stats.binom.logpmf(data["y"], data["n"], out["p"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_log_lik_is_there_for_every_group(name: str) -> None:
    data = make_data(name, predictive=1)
    out = values_at(build(name, data), random_points(name, 20, seed=13))
    expected = expected_log_lik(name, data, out)
    np.testing.assert_allclose(out["log_lik"], expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", PROGRAMS)
def test_y_rep_has_the_outcome_distribution(name: str) -> None:
    """Mean and variance within five Monte Carlo standard errors."""
    size = 4000
    data = make_data(name, predictive=1)
    out = values_at(build(name, data), random_points(name, 1, seed=17), samples=size)
    y_rep = out["y_rep"][0]
    if is_normal(name):
        mean, var = out["theta"][0, 0], np.square(data["sigma"])
        fourth = 3 * var**2
    else:
        trials, p = np.array(data["n"]), out["p"][0, 0]
        mean, var = trials * p, trials * p * (1 - p)
        fourth = var * (1 + 3 * (trials - 2) * p * (1 - p))
    mean_error, var_error = np.sqrt(var / size), np.sqrt((fourth - var**2) / size)
    assert (np.abs(y_rep.mean(0) - mean) <= 5 * mean_error + 1e-12).all()
    assert (np.abs(y_rep.var(0) - var) <= 5 * var_error + var / size + 1e-12).all()


def test_theta_and_p_are_the_same_quantity_on_two_scales() -> None:
    for name in (n for n in PROGRAMS if not is_normal(n)):
        out = values_at(build(name, make_data(name)), random_points(name, 10, seed=19))
        np.testing.assert_allclose(out["p"], special.expit(out["theta"]), rtol=1e-12)


def test_noncentered_theta_is_mu_plus_tau_z() -> None:
    for name in ("logit_noncentered", "eight_schools_noncentered", "logit_student_t"):
        out = values_at(build(name, make_data(name)), random_points(name, 10, seed=19))
        theta = out["mu"][..., None] + out["tau"][..., None] * out["z"]
        np.testing.assert_allclose(out["theta"], theta, rtol=1e-12)


# --- derived quantities

MU = (-8.0, -2.56, 0.3, 4.0)
TAU = (0.001, 0.1, 0.45, 1.0, 2.0, 5.0)


def at_hyperparameters(name: str, pairs: Any) -> dict[str, np.ndarray]:
    points = np.zeros((len(pairs), 8))
    points[:, :2] = pairs
    return values_at(build(name, make_data(name)), points)


@pytest.mark.parametrize("name", ["logit_centered", "logit_noncentered"])
def test_logit_population_quantities(name: str) -> None:
    grid = np.array(list(itertools.product(MU, TAU)))
    out = at_hyperparameters(name, np.c_[grid[:, 0], np.log(grid[:, 1])])
    for i, (mu, tau) in enumerate(grid):
        mean, variance = logit_normal_moments(mu, tau)
        rho = variance / (mean * (1 - mean))
        assert out["p_pop_median"][i, 0] == pytest.approx(special.expit(mu), rel=1e-12)
        assert out["p_pop_mean"][i, 0] == pytest.approx(mean, rel=1e-8)
        assert out["kappa"][i, 0] == pytest.approx(1 / rho - 1, rel=1e-7)
        icc = tau**2 / (tau**2 + np.pi**2 / 3)
        assert out["icc"][i, 0] == pytest.approx(icc, rel=1e-9)
        inflation = 1 + np.maximum(np.array(N) - 1, 0) * rho
        np.testing.assert_allclose(out["overdispersion"][i, 0], inflation, rtol=1e-8)


def test_overdispersion_is_the_simulated_variance_ratio() -> None:
    """Simulate y at one point: the ratio must lie within five standard errors."""
    mu, tau, n, size = -2.0, 0.8, 196, 200_000
    out = at_hyperparameters("logit_noncentered", [[mu, np.log(tau)]])
    rng = np.random.default_rng(23)
    y = rng.binomial(n, special.expit(rng.normal(mu, tau, size)))
    mean = out["p_pop_mean"][0, 0]
    square = (y - n * mean) ** 2 / (n * mean * (1 - mean))
    error = square.std() / np.sqrt(size)
    assert abs(square.mean() - out["overdispersion"][0, 0, 5]) < 5 * error


@pytest.mark.parametrize("name", ["logit_noncentered", "eight_schools_noncentered"])
@pytest.mark.parametrize("log_tau", [-20.0, -300.0, -800.0])
def test_no_spread_between_groups_is_no_accident(name: str, log_tau: float) -> None:
    data = make_data(name, predictive=1)
    q = np.zeros((1, 8))
    q[0, :2] = [-2.5, log_tau]
    out = values_at(build(name, data), q)
    for values in out.values():
        assert np.isfinite(values).all()
    np.testing.assert_allclose(out["log_lik"], out["log_lik_group"], atol=1e-6)
    if name.startswith("logit"):
        assert 0.99e12 < out["kappa"][0, 0] <= 1e12
        np.testing.assert_allclose(out["overdispersion"], 1.0, atol=1e-12)
    else:
        np.testing.assert_allclose(out["w"], 0.0, atol=1e-16)


def test_extreme_hyperparameters_lose_no_draw() -> None:
    data = make_data("logit_noncentered", predictive=1)
    grid = list(itertools.product([-800.0, -40.0, 40.0, 800.0], [-30.0, 0.0, 6.0]))
    points = np.zeros((len(grid), 8))
    points[:, :2] = grid
    out = values_at(build("logit_noncentered", data), points)
    for key in ("p_pop_mean", "kappa", "overdispersion", "icc", "y_rep"):
        assert np.isfinite(out[key]).all(), key


@pytest.mark.parametrize("code", LEGAL["beta_binomial"]["kappa"])
def test_beta_binomial_population_quantities(code: int) -> None:
    grid = np.array(
        list(itertools.product([0.001, 0.075, 0.5, 0.97], [0.02, 0.7, 10.0, 1e5, 1e8]))
    )
    data = make_data("beta_binomial", 7, code)
    low = minimum(data)
    points = np.zeros((len(grid), 8))
    points[:, 0], points[:, 1] = special.logit(grid[:, 0]), np.log(grid[:, 1])
    out = values_at(build("beta_binomial", data), points)
    for i, (mu, distance) in enumerate(grid):
        kappa = low + distance
        alpha, beta = mu * kappa, (1 - mu) * kappa
        icc = 1 / (kappa + 1)
        inflation = 1 + np.maximum(np.array(N) - 1, 0) * icc
        assert out["kappa"][i, 0] == pytest.approx(kappa, rel=1e-12)
        assert out["p_pop_mean"][i, 0] == pytest.approx(mu, rel=1e-12)
        # The distribution function is inverted by its definition: SciPy's own
        # inverse is off by 1e-8 for symmetric distributions of this size.
        median = out["p_pop_median"][i, 0]
        assert stats.beta.cdf(median - 1e-10, alpha, beta) <= 0.5
        assert stats.beta.cdf(median + 1e-10, alpha, beta) >= 0.5
        assert out["icc"][i, 0] == pytest.approx(icc, rel=1e-12)
        np.testing.assert_allclose(out["overdispersion"][i, 0], inflation, rtol=1e-9)


@pytest.mark.parametrize(
    "name", ["eight_schools_centered", "eight_schools_noncentered"]
)
def test_shrinkage_weight_is_that_of_the_conditional_mean(name: str) -> None:
    log_tau = np.log([0.01, 1.0, 8.0, 300.0])
    out = at_hyperparameters(name, np.c_[np.zeros(4), log_tau])
    tau2, sigma2 = np.exp(2 * log_tau)[:, None], np.square(SIGMA)
    np.testing.assert_allclose(out["w"][:, 0], tau2 / (tau2 + sigma2), rtol=1e-12)
