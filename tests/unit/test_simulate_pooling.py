"""Simulators of alike, unrelated, heavy-tailed and two-fold groups against truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import test_simulate as normal
from catalogue import GROUPED
from scipy import integrate, stats
from scipy.special import expit
from test_simulate import ERRORS, SIZE, TRIALS, uniform, z_of_mean

import hbstan.priors as pr
from hbstan import models
from hbstan.errors import ModelError, PriorError
from hbstan.simulate import (
    draw_data,
    draw_groups,
    draw_prior,
    log_likelihood,
    log_prior,
)

T = {"mu": pr.Normal(-1, 0.5), "tau": pr.HalfNormal(0.7), "nu": pr.Gamma(2, 0.3)}
MIXTURE = {
    "mu_low": pr.Normal(-2, 0.5),
    "gap": pr.HalfNormal(1.5),
    "tau": pr.Gamma(4, 10),
    "lambda": pr.Beta(2, 3),
}
CASES: dict[str, dict[str, Any]] = {
    "binomial_pooled": {"mu": pr.Normal(-1, 0.5)},
    "binomial_unpooled": {"theta": pr.Normal(-1, 0.5)},
    "normal_pooled": {"mu": pr.StudentT(5, 3, 2)},
    "normal_unpooled": {"theta": pr.StudentT(5, 3, 2)},
    "logit_student_t": T,
    "logit_mixture": MIXTURE,
}
DESIGN = {"n": TRIALS, "sigma": ERRORS}


def simulate(name: str, seed: int = 3, size: int = SIZE) -> dict[str, Any]:
    """Prior draws of a model with three groups, and data ``y`` given them."""
    model, rng = models.get(name), np.random.default_rng(seed)
    draws = draw_prior(model, CASES[name], 3, rng, size)
    return {**draws, "y": draw_data(model, draws, DESIGN, rng)}


def test_every_model_is_simulated() -> None:
    families = {models.get(name).family for name in (*CASES, *normal.CASES)}
    assert families == {models.get(name).family for name in GROUPED}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 7])
def test_shapes_and_seeds(name: str, size: int) -> None:
    got, again = simulate(name, size=size), simulate(name, size=size)
    other = simulate(name, 4, size)
    for parameter in models.get(name).top_level:
        shape = (size, 3) if parameter.dims else (size,)
        assert got[parameter.name].shape == shape
    assert got["theta"].shape == got["y"].shape == (size, 3)
    assert all(np.array_equal(got[k], again[k]) for k in got)
    assert not np.array_equal(got["theta"], other["theta"])
    if models.get(name).kind == "binomial":
        assert np.array_equal(got["p"], expit(got["theta"]))


def test_pooled_groups_are_equal_and_unpooled_ones_independent() -> None:
    pooled = simulate("binomial_pooled")
    assert (pooled["theta"] == pooled["mu"][:, None]).all()
    theta = simulate("binomial_unpooled")["theta"] + 1
    for j in range(3):
        assert uniform(stats.norm.cdf(theta[:, j], 0, 0.5)) > 1e-3
    assert abs(z_of_mean(theta[:, 0] * theta[:, 1], 0.0)) < 4
    # The same check sees groups that share their parameter.
    shared = (pooled["theta"] + 1)[:, 0] * (pooled["theta"] + 1)[:, 1]
    assert abs(z_of_mean(shared, 0.0)) > 10


def test_nu_follows_its_prior_cut_off_at_one() -> None:
    nu = simulate("logit_student_t")["nu"]
    law = CASES["logit_student_t"]["nu"].distribution()
    assert nu.min() >= 1
    ranks = (law.cdf(nu) - law.cdf(1)) / law.sf(1)
    assert uniform(ranks) > 1e-3
    assert uniform(law.cdf(nu)) < 1e-6


@pytest.mark.parametrize(
    ("prior", "low"), [(pr.Pareto(0.5, 2), 1.0), (pr.Pareto(3, 2), 3.0)]
)
def test_a_pareto_prior_of_nu(prior: pr.Pareto, low: float) -> None:
    model, rng = models.get("logit_student_t"), np.random.default_rng(1)
    nu = draw_prior(model, {**T, "nu": prior}, 1, rng, SIZE)["nu"]
    assert uniform(stats.pareto(2, scale=low).cdf(nu)) > 1e-3


def test_effects_given_the_population_are_student_t() -> None:
    got = simulate("logit_student_t")
    z = got["z"]
    assert np.allclose(
        got["theta"], got["mu"][:, None] + got["tau"][:, None] * z, rtol=1e-12
    )
    for j in range(3):
        assert uniform(stats.t.cdf(z[:, j], got["nu"])) > 1e-3
    assert uniform(stats.norm.cdf(z[:, 0])) < 1e-6


def test_effects_given_both_populations_are_a_mixture() -> None:
    got = simulate("logit_mixture")
    low, gap, tau, weight = (
        got[k][:, None] for k in ("mu_low", "gap", "tau", "lambda")
    )

    def ranks(weight: Any) -> Any:
        below = stats.norm.cdf(got["theta"], low, tau)
        above = stats.norm.cdf(got["theta"], low + gap, tau)
        return (1 - weight) * below + weight * above

    assert min(uniform(ranks(weight)[:, j]) for j in range(3)) > 1e-3
    assert uniform(ranks(1 - weight)[:, 0]) < 1e-6
    # Given the rest, z has mean 0 and variance 1.
    assert abs(z_of_mean(got["z"][:, 0], 0.0)) < 4
    assert abs(z_of_mean(got["z"][:, 0] ** 2, 1.0)) < 4


def scipy_prior(name: str, got: dict[str, Any]) -> Any:
    """The same densities from SciPy's distributions."""
    total: Any = 0.0
    for k, prior in CASES[name].items():
        law = prior.distribution()
        own = law.logpdf(got[k]) - (law.logsf(1.0) if k == "nu" else 0.0)
        total = total + (own.sum(axis=1) if own.ndim == 2 else own)
    theta = got["theta"]
    if name == "logit_student_t":
        mu, tau, nu = (got[k][:, None] for k in ("mu", "tau", "nu"))
        return total + stats.t.logpdf(theta, nu, mu, tau).sum(axis=1)
    if name == "logit_mixture":
        low, gap, tau, weight = (
            got[k][:, None] for k in ("mu_low", "gap", "tau", "lambda")
        )
        density = (1 - weight) * stats.norm.pdf(theta, low, tau)
        density += weight * stats.norm.pdf(theta, low + gap, tau)
        return total + np.log(density).sum(axis=1)
    return total


@pytest.mark.parametrize("name", CASES)
def test_log_densities_are_those_of_scipy(name: str) -> None:
    model, got = models.get(name), simulate(name, size=200)
    wanted = scipy_prior(name, got)
    value = log_prior(model, CASES[name], got)
    assert value.shape == (200,)
    np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-9)
    other = {k: pr.Normal(0, 9) for k in CASES[name]}
    if name not in ("logit_student_t", "logit_mixture"):
        wrong = log_prior(model, other, got)
        assert np.abs(wrong - wanted).min() > 0.01
    y = got["y"][0]
    value = log_likelihood(model, got, DESIGN, y)
    if model.kind == "binomial":
        wanted = stats.binom.logpmf(y, TRIALS, expit(got["theta"])).sum(axis=1)
    else:
        wanted = stats.norm.logpdf(y, got["theta"], ERRORS).sum(axis=1)
    np.testing.assert_allclose(value, wanted, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("logit_student_t", {"mu": -1.0, "tau": 0.3, "nu": 1.5}),
        ("logit_student_t", {"mu": 0.4, "tau": 2.0, "nu": 40.0}),
        ("logit_mixture", {"mu_low": -2.0, "gap": 3.0, "tau": 0.2, "lambda": 0.3}),
    ],
)
def test_the_density_of_effects_integrates_to_one(
    name: str, top: dict[str, float]
) -> None:
    model = models.get(name)
    s = np.linspace(-24, 24, 200_001)
    theta = np.sinh(s)
    parameters: dict[str, Any] = {k: np.full(len(s), x) for k, x in top.items()}
    logs = log_prior(model, CASES[name], {**parameters, "theta": theta[:, None]})
    own = sum(float(CASES[name][k].distribution().logpdf(x)) for k, x in top.items())
    if "nu" in top:
        own -= float(CASES[name]["nu"].distribution().logsf(1.0))
    total = integrate.simpson(np.exp(logs - own) * np.cosh(s), x=s)
    assert total == pytest.approx(1, abs=1e-6)


def test_pooled_models_need_no_theta() -> None:
    for name in ("binomial_pooled", "normal_pooled"):
        model, got = models.get(name), simulate(name, size=5)
        short = {"mu": got["mu"]}
        y = got["y"][0]
        assert np.array_equal(
            log_prior(model, CASES[name], short), log_prior(model, CASES[name], got)
        )
        assert np.array_equal(
            log_likelihood(model, short, DESIGN, y),
            log_likelihood(model, got, DESIGN, y),
        )
        away = {**got, "theta": got["theta"] + 1.0}
        assert (log_prior(model, CASES[name], away) == -np.inf).all()


INF = math.inf


@pytest.mark.parametrize(
    ("change", "theta", "wanted"),
    [
        ({"tau": 0.0}, [0.5, 0.5], INF),
        ({"tau": 0.0}, [0.5, 0.6], -INF),
        ({"tau": -1.0}, [0.5, 0.6], -INF),
        ({"tau": INF}, [0.5, 0.6], -INF),
        ({"mu": INF}, [0.5, 0.6], -INF),
        ({"nu": 0.5}, [0.5, 0.6], -INF),
        ({"nu": INF}, [0.5, 0.6], -INF),
        ({}, [0.5, INF], -INF),
    ],
)
def test_limits_of_student_t_effects(
    change: dict[str, float], theta: list[float], wanted: float
) -> None:
    values = {"mu": 0.5, "tau": 1.0, "nu": 4.0} | change
    parameters = {**{k: [v] for k, v in values.items()}, "theta": [theta]}
    value = log_prior(models.get("logit_student_t"), T, parameters)
    assert value.item() == wanted


@pytest.mark.parametrize(
    ("change", "theta", "wanted"),
    [
        ({"tau": -1.0}, [0.5, 0.6], -INF),
        ({"gap": -1.0}, [0.5, 0.6], -INF),
        ({"lambda": 1.5}, [0.5, 0.6], -INF),
        ({"tau": 0.0}, [0.5, 0.6], -INF),
        ({}, [0.5, INF], -INF),
    ],
)
def test_limits_of_the_mixture(
    change: dict[str, float], theta: list[float], wanted: float
) -> None:
    values = {"mu_low": 0.5, "gap": 1.0, "tau": 1.0, "lambda": 0.4} | change
    parameters = {**{k: [v] for k, v in values.items()}, "theta": [theta]}
    value = log_prior(models.get("logit_mixture"), MIXTURE, parameters)
    assert value.item() == wanted


@pytest.mark.parametrize("name", CASES)
def test_unknown_values_stay_unknown(name: str) -> None:
    got = simulate(name, size=1)
    unknown = {**got, "theta": np.array([[0.0, math.nan, 0.0]])}
    assert np.isnan(log_prior(models.get(name), CASES[name], unknown))


def test_new_groups_of_a_model_without_pooling_come_from_the_prior() -> None:
    model, rng = models.get("binomial_unpooled"), np.random.default_rng(5)
    top = {"theta": np.full((SIZE, 3), 40.0)}
    new = draw_groups(model, top, 2, rng, priors=CASES[model.name])
    assert new["theta"].shape == (SIZE, 2)
    assert uniform(stats.norm.cdf(new["theta"][:, 1], -1, 0.5)) > 1e-3
    with pytest.raises(ModelError, match="theta comes from its prior"):
        draw_groups(model, top, 2, rng)


def test_a_prior_below_the_minimum_is_refused() -> None:
    from hbstan import datasets

    model, data = models.get("logit_student_t"), datasets.load("surgical")
    with pytest.raises(PriorError, match="above 1") as caught:
        models.resolve_priors(model, data, {"nu": "Gamma(2, 100)"})
    assert "Gamma(2, 100)" in str(caught.value)
    chosen = models.resolve_priors(model, data, {"nu": "Gamma(2, 2)"})
    assert chosen["nu"].prior == pr.Gamma(2, 2)
