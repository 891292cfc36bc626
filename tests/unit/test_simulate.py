"""Simulated parameters and data against moments and conditional laws."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from catalogue import GROUPED
from scipy import integrate, stats
from scipy.special import expit

import hbstan.priors as pr
from hbstan import datasets, models
from hbstan.errors import ModelError
from hbstan.simulate import draw_data, draw_prior, log_likelihood, log_prior

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


@pytest.mark.parametrize("name", GROUPED)
def test_every_model_is_simulated(name: str) -> None:
    model = models.get(name)
    bundled = "surgical" if model.kind == "binomial" else "eight_schools"
    data = datasets.load(bundled)
    chosen = models.resolve_priors(model, data)
    priors = {key: choice.prior for key, choice in chosen.items()}
    rng = np.random.default_rng(1)
    draws = draw_prior(model, priors, data.J, rng, 5)
    design = data.to_stan()
    y = draw_data(model, draws, design, rng)
    assert y.shape == draws["theta"].shape == (5, data.J)
    assert np.isfinite(log_likelihood(model, draws, design, y[0])).all()
    assert np.isfinite(log_prior(model, priors, draws)).all()


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
    effects = {"mu": np.zeros(1), "tau": np.ones(1), "theta": np.zeros((1, 1))}
    with pytest.raises(ModelError, match="'poisson' has no simulator"):
        log_likelihood(stranger, effects, {"n": [1]}, [1])
    with pytest.raises(ModelError, match="'poisson' has no simulator"):
        log_prior(stranger, LOGIT, effects)


# --- densities

DESIGN = {"n": TRIALS, "sigma": ERRORS}


def scipy_likelihood(name: str, theta: np.ndarray, y: np.ndarray) -> np.ndarray:
    if name.startswith("eight_schools"):
        return stats.norm.logpdf(y, theta, ERRORS).sum(axis=1)
    return stats.binom.logpmf(y, TRIALS, expit(theta)).sum(axis=1)


def scipy_prior(name: str, got: dict[str, Any]) -> np.ndarray:
    prior = CASES[name]
    total = sum(prior[k].distribution().logpdf(got[k]) for k in prior)
    theta, mu = got["theta"], got["mu"][:, None]
    if name != "beta_binomial":
        law = stats.norm(mu, got["tau"][:, None])
        return total + law.logpdf(theta).sum(axis=1)
    kappa, p = got["kappa"][:, None], expit(theta)
    law = stats.beta(mu * kappa, (1 - mu) * kappa)
    # The probabilities change by p (1 - p) with the log-odds.
    by_group = law.logpdf(p) + np.log(p) + np.log1p(-p)
    return total + by_group.sum(axis=1)


def moderate(name: str, size: int = 200) -> dict[str, Any]:
    """Prior draws whose probabilities are far from rounding to 0 or 1."""
    got = simulate(name, size=size)
    keep = (np.abs(got["theta"]) < 12).all(axis=1)
    assert keep.mean() > 0.8
    return {key: value[keep] for key, value in got.items()}


@pytest.mark.parametrize("name", CASES)
def test_log_likelihood_is_that_of_scipy(name: str) -> None:
    model, got = models.get(name), moderate(name)
    for y in got["y"][:5]:
        value = log_likelihood(model, got, DESIGN, y)
        assert value.shape == (len(got["theta"]),)
        wanted = scipy_likelihood(name, got["theta"], y)
        np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_log_prior_is_that_of_scipy(name: str) -> None:
    got = moderate(name)
    value = log_prior(models.get(name), CASES[name], got)
    assert value.shape == got["mu"].shape
    np.testing.assert_allclose(value, scipy_prior(name, got), rtol=1e-8, atol=1e-8)


def test_the_comparison_notices_wrong_priors_and_data() -> None:
    for name in ("logit_centered", "eight_schools_centered", "beta_binomial"):
        model, got = models.get(name), moderate(name)
        other = {**CASES[name], "mu": pr.Beta(2, 6)}
        gap = log_prior(model, other, got) - scipy_prior(name, got)
        assert np.nanmedian(np.abs(gap)) > 0.01
        y = got["y"][0]
        wrong = {"n": TRIALS + 1, "sigma": 1.1 * ERRORS}
        value = log_likelihood(model, got, wrong, y)
        gap = value - scipy_likelihood(name, got["theta"], y)
        assert np.median(np.abs(gap)) > 0.01


@pytest.mark.parametrize("name", ["logit_centered", "beta_binomial"])
def test_probabilities_of_all_outcomes_add_to_one(name: str) -> None:
    theta = np.array([[-3.0, 0.2, 40.0], [2.0, -900.0, 1.0]])
    outcomes = np.stack(np.meshgrid(range(3), [0], range(5), indexing="ij"), -1)
    design = {"n": np.array([2, 0, 4])}
    logs = [
        log_likelihood(models.get(name), {"theta": theta}, design, y)
        for y in outcomes.reshape(-1, 3)
    ]
    np.testing.assert_allclose(np.exp(logs).sum(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("logit_centered", {"mu": -1.0, "tau": 0.3}),
        ("eight_schools_noncentered", {"mu": 5.0, "tau": 2.0}),
        ("beta_binomial", {"mu": 0.2, "kappa": 0.3}),
        ("beta_binomial", {"mu": 0.7, "kappa": 90.0}),
    ],
)
def test_the_density_of_effects_integrates_to_one(
    name: str, top: dict[str, float]
) -> None:
    # One group; the density at fixed top-level parameters, without theirs.
    own = sum(
        float(CASES[name][k].distribution().logpdf(value)) for k, value in top.items()
    )
    grid = np.linspace(-600, 600, 240_001)
    parameters = {k: np.full(len(grid), value) for k, value in top.items()}
    logs = log_prior(
        models.get(name), CASES[name], {**parameters, "theta": grid[:, None]}
    )
    assert integrate.simpson(np.exp(logs - own), x=grid) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("theta", "y", "wanted"),
    [
        # A certain outcome costs nothing, an impossible one everything.
        ([math.inf, -math.inf, 1e308], [0, 0, 80], 0.0),
        ([-math.inf, math.inf, math.inf], [0, 5, 80], 0.0),
        ([0.0, math.inf, math.inf], [0, 4, 80], -math.inf),
        ([0.0, -math.inf, -math.inf], [0, 0, 1], -math.inf),
        ([0.0, -1e308, -1e308], [0, 5, 80], -math.inf),
        # log p is theta far below 0, and p is one far above.
        ([0.0, -800.0, -800.0], [0, 1, 2], -2400 + math.log(5 * 3160)),
        ([0.0, 800.0, 800.0], [0, 4, 79], -1600 + math.log(5 * 80)),
    ],
)
def test_limits_of_the_binomial_likelihood(
    theta: list[float], y: list[int], wanted: float
) -> None:
    for name in ("logit_noncentered", "beta_binomial"):
        parameters = {"theta": np.array([theta])}
        value = log_likelihood(models.get(name), parameters, DESIGN, np.array(y))
        assert value.item() == pytest.approx(wanted, rel=1e-14)


def test_a_rare_event_keeps_its_digits_among_many_trials() -> None:
    # y theta and n log(1 + exp(theta)) are near 4e10 and cancel to -4e-9.
    theta, n = 40.0, 1_000_000_000
    parameters = {"theta": np.array([[theta]])}
    value = log_likelihood(models.get("logit_centered"), parameters, {"n": [n]}, [n])
    assert value.item() == pytest.approx(-n * math.exp(-theta), rel=1e-12)


def test_limits_of_the_normal_likelihood() -> None:
    model = models.get("eight_schools_centered")
    theta = np.array([[1e200, 0, 0], [math.inf, 0, 0], [0, -math.inf, 0]])
    value = log_likelihood(model, {"theta": theta}, DESIGN, np.zeros(3))
    assert (value == -math.inf).all()


INF = math.inf


@pytest.mark.parametrize(
    ("mu", "tau", "theta", "wanted"),
    [
        # Groups without variance are a point mass at mu.
        (0.5, 0.0, [0.5, 0.5], INF),
        (0.5, 0.0, [0.5, 0.6], -INF),
        (0.5, 0.0, [0.4, 0.6], -INF),
        (0.5, 5e-324, [0.5, 0.6], -INF),
        (0.5, 1e-200, [0.5, 0.6], -INF),
        (0.5, INF, [0.5, 0.6], -INF),
        (0.5, INF, [0.5, INF], -INF),
        (0.5, -1.0, [0.5, 0.6], -INF),
        (0.5, 1.0, [0.5, -INF], -INF),
        (INF, 1.0, [INF, INF], -INF),
        (INF, 0.0, [INF, INF], -INF),
        (-1e308, 1e-300, [1e308, 1e308], -INF),
    ],
)
def test_limits_of_the_density_of_normal_effects(
    mu: float, tau: float, theta: list[float], wanted: float
) -> None:
    parameters = {"mu": [mu], "tau": [tau], "theta": [theta]}
    for name in ("logit_centered", "eight_schools_noncentered"):
        scales = [pr.HalfNormal(2), pr.HalfCauchy(2), pr.HalfStudentT(3, 2)]
        for scale in [*scales, pr.Exponential(1)]:
            value = log_prior(
                models.get(name), {"mu": pr.Normal(0, 2), "tau": scale}, parameters
            )
            assert value.item() == wanted


def test_a_long_tail_reaches_far() -> None:
    priors = {"mu": pr.Normal(0, 2), "tau": pr.HalfCauchy(2)}
    parameters = {"mu": [0.0], "tau": [1e100], "theta": [[1e100, 0.0]]}
    value = log_prior(models.get("logit_centered"), priors, parameters)
    tail = math.log(4 / math.pi) - 200 * math.log(10)
    effects = -0.5 - math.log(2 * math.pi) - 200 * math.log(10)
    wanted = stats.norm.logpdf(0, 0, 2) + tail + effects
    assert value.item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(
    ("mu", "kappa", "theta"),
    [
        (0.0, 3.0, [0.0, 1.0]),
        (1.0, 3.0, [0.0, 1.0]),
        (-0.1, 3.0, [0.0, 1.0]),
        (1.1, 3.0, [0.0, 1.0]),
        (0.5, 0.0, [0.0, 1.0]),
        (0.5, -2.0, [0.0, 1.0]),
        (0.5, INF, [0.0, 1.0]),
        (0.5, 1e308, [0.0, 1e10]),
        (0.5, 3.0, [0.0, INF]),
        (0.5, 3.0, [-INF, INF]),
        (0.5, 5e-324, [0.0, INF]),
        (1e-300, 1e-300, [0.0, 1.0]),
        (0.5, 3.0, [1e308, -1e308]),
    ],
)
def test_limits_of_the_density_of_beta_effects(
    mu: float, kappa: float, theta: list[float]
) -> None:
    parameters = {"mu": [mu], "kappa": [kappa], "theta": [theta]}
    for prior in (pr.Gamma(0.5, 1), pr.Pareto(0.1, 1.5)):
        priors = {"mu": pr.Beta(0.5, 0.5), "kappa": prior}
        value = log_prior(models.get("beta_binomial"), priors, parameters)
        assert value.item() == -INF


def test_beta_effects_where_probabilities_round_to_zero_or_one() -> None:
    # Far out the density of log-odds falls like exp(alpha theta), exp(-beta theta).
    theta = np.array([[-900.0], [-901.0], [900.0], [901.0]])
    parameters = {"mu": np.full(4, 0.2), "kappa": np.full(4, 0.5), "theta": theta}
    value = log_prior(models.get("beta_binomial"), BETA, parameters)
    assert value[0] - value[1] == pytest.approx(0.1, rel=1e-9)
    assert value[2] - value[3] == pytest.approx(0.4, rel=1e-9)


def test_unknown_values_stay_unknown() -> None:
    one, unknown = np.array([0.5]), np.array([[0.0, math.nan, 0.0]])
    for name, scale in (("logit_centered", "tau"), ("beta_binomial", "kappa")):
        parameters = {"mu": one, scale: one, "theta": unknown}
        assert np.isnan(log_prior(models.get(name), CASES[name], parameters))
        likelihood = log_likelihood(models.get(name), parameters, DESIGN, [0, 1, 1])
        assert np.isnan(likelihood)
