"""Pooled, unpooled, heavy-tailed and two-fold groups: integrals and posteriors."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stanli
from cases import EFFECT, SIGMA, N, Y, make_data, random_points
from programs import FUNCTIONS, PROGRAMS, altered, build, values_at
from reference import binomial_logit_normal, log_choose, logit_normal_moments
from scipy import integrate, special, stats
from shared import Shared

import hbstan as hb
from hbstan import datasets, models
from hbstan.plots import fit as plots
from hbstan.priors import parse_prior

#: The promised absolute accuracy of a log probability.
ACCURACY = 1e-6


@cache
def t_function(name: str, root: Path = FUNCTIONS) -> stanli.Function:
    """Return a function of the Student-t file, whose include is put in place."""
    source = (root / "student_t.stanfunctions").read_text()
    inner = (root / "quadrature.stanfunctions").read_text()
    source = source.replace("#include quadrature.stanfunctions", inner)
    return stanli.Function(name, stan_code="functions {\n" + source + "}\n")


def integral(log_f: Any, knots: list[float]) -> float:
    """Log of the integral of exp(log_f), by QUADPACK between sorted knots."""
    cuts = np.unique(knots)
    grid = np.concatenate([np.linspace(a, b, 400) for a, b in pairwise(cuts)])
    peak = max(log_f(float(x)) for x in grid)
    total = sum(
        integrate.quad(
            lambda x: np.exp(log_f(x) - peak), a, b, epsabs=0, epsrel=1e-9, limit=400
        )[0]
        for a, b in pairwise(cuts)
    )
    return float(peak + np.log(total))


def t_log(nu: float) -> Callable[[float], float]:
    """Log density of Student's t: SciPy's takes as long as a hundred of these."""
    constant = math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2)
    constant -= 0.5 * math.log(nu * math.pi)
    return lambda x: constant - (nu + 1) / 2 * math.log1p(x * x / nu)


def events_log(y: int, n: int) -> Callable[[float], float]:
    """Log probability of events at some log-odds, without its coefficient."""

    def value(theta: float) -> float:
        return y * theta - n * (max(theta, 0.0) + math.log1p(math.exp(-abs(theta))))

    return value


def normal_log(y: float, sigma: float) -> Callable[[float], float]:
    constant = -math.log(sigma) - 0.5 * math.log(2 * math.pi)
    return lambda theta: constant - 0.5 * ((y - theta) / sigma) ** 2


def test_the_references_densities_are_those_of_scipy() -> None:
    for x in (-30.0, -0.3, 0.0, 2.0, 400.0):
        for nu in (0.5, 4.0, 150.0):
            assert t_log(nu)(x) == pytest.approx(stats.t.logpdf(x, nu), rel=1e-10)
        assert normal_log(1.0, 3.0)(x) == pytest.approx(stats.norm.logpdf(x, 1.0, 3.0))
        given = stats.binom.logpmf(3, 8, special.expit(x))
        if np.isfinite(given):
            value = events_log(3, 8)(x) + log_choose(8, 3)
            assert value == pytest.approx(given, rel=1e-10)


def binomial_student_t(y: int, n: int, nu: float, mu: float, tau: float) -> float:
    """The integral over x = sinh(s), split at the data and their errors."""

    events, population = events_log(y, n), t_log(nu)

    def log_f(s: float) -> float:
        x = math.sinh(s)
        return events(mu + tau * x) + population(x) + math.log(math.cosh(s))

    center = special.logit((y + 0.5) / (n + 1))
    sd = 1 / np.sqrt(n * (y + 0.5) * (n - y + 0.5) / (n + 1) ** 2)
    marks = center + sd * np.array([-12, -6, -3, -1, 0, 1, 3, 6, 12])
    inner = np.arcsinh((marks - mu) / tau)
    outer = [-60 / nu, -10, -4, -2, -1, 0, 1, 2, 4, 10, 60 / nu]
    keep = [k for k in (*inner, *outer) if abs(k) <= max(60 / nu, 20)]
    return log_choose(n, y) + integral(log_f, keep)


#: n, y, nu, mu, tau: near the population and far from it, one side and both.
POINTS = [
    (47, 0, 4.0, -2.56, 0.45),
    (148, 18, 1.0, -2.56, 0.45),
    (810, 46, 20.0, -2.56, 0.45),
    (810, 810, 1.0, -2.56, 0.45),
    (5, 2, 2.0, 0.0, 0.01),
    (200, 150, 3.0, -2.0, 0.1),
    (10**4, 5, 1.5, 3.0, 0.2),
    (10**6, 10**6 // 50, 5.0, -8.0, 0.05),
    (32, 30, 2.956, 4.299, 1.0098),
    (1, 1, 100.0, -4.0, 5.0),
    (5192, 0, 152.8, 2.253, 0.1219),
]


def assert_binomial_accurate(f: stanli.Function) -> None:
    for n, y, nu, mu, tau in POINTS:
        value = f(y=y, n=n, nu=nu, mu=mu, tau=tau)
        expected = binomial_student_t(y, n, nu, mu, tau)
        assert abs(value - expected) <= ACCURACY, (n, y, nu, mu, tau)


def test_binomial_over_a_student_t_population() -> None:
    assert_binomial_accurate(t_function("binomial_logit_student_t_lpmf"))


FAULTS = {
    "step blind to the data": ("finest / distance), 0.7", "1.0), 0.7"),
    "stretch cut off at a drop of 8": ("real drop = 35", "real drop = 8"),
    "no binomial coefficient": ("return lchoose(n, y) + seen[1]", "return seen[1]"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_integral_is_caught(fault: str, tmp_path: Path) -> None:
    file = "functions/student_t.stanfunctions"
    root = altered(tmp_path / "stan", file, *FAULTS[fault])
    f = t_function("binomial_logit_student_t_lpmf", root / "functions")
    with pytest.raises(AssertionError):
        assert_binomial_accurate(f)


@pytest.mark.parametrize("nu", [1.0, 4.0, 60.0])
@pytest.mark.parametrize("tau", [0.01, 0.45, 4.0])
def test_probabilities_of_all_outcomes_add_up_to_one(nu: float, tau: float) -> None:
    f = t_function("binomial_logit_student_t_lpmf")
    for n in (1, 9, 150):
        logs = [f(y=y, n=n, nu=nu, mu=-1.7, tau=tau) for y in range(n + 1)]
        assert abs(special.logsumexp(logs)) < ACCURACY


def test_many_degrees_of_freedom_are_a_normal_population() -> None:
    f = t_function("binomial_logit_student_t_lpmf")
    for n, y in ((47, 0), (148, 18), (810, 700)):
        wanted = binomial_logit_normal(y, n, -2.0, 0.6)
        # The t differs from the normal by terms of order x^4 / nu.
        assert f(y=y, n=n, nu=1e8, mu=-2.0, tau=0.6) == pytest.approx(wanted, abs=1e-5)
        assert abs(f(y=y, n=n, nu=3.0, mu=-2.0, tau=0.6) - wanted) > 1e-3


def test_no_spread_gives_the_binomial() -> None:
    f = t_function("binomial_logit_student_t_lpmf")
    for tau in (0.0, 1e-300, 1e-30):
        value = f(y=18, n=148, nu=4.0, mu=-2.0, tau=tau)
        expected = stats.binom.logpmf(18, 148, special.expit(-2.0))
        assert value == pytest.approx(expected, abs=ACCURACY)
    assert f(y=0, n=0, nu=4.0, mu=-2.0, tau=0.5) == 0


@pytest.mark.parametrize("nu", [0.5, 3.0, 80.0])
@pytest.mark.parametrize("y", [0.0, 2.0, -40.0])
def test_normal_over_a_student_t_population(nu: float, y: float) -> None:
    f = t_function("normal_student_t_lpdf")
    for sigma, tau in ((1.0, 1.0), (0.1, 3.0), (5.0, 0.2)):
        marks = y + sigma * np.array([-38, -9, -4, -1, 0, 1, 4, 9, 38])
        knots = [*marks, *(k for k in (-9 * tau, 0.0, 9 * tau) if abs(k - y) < 9)]

        seen, population = normal_log(y, sigma), t_log(nu)

        def log_f(
            theta: float, seen: Any = seen, tau: float = tau, law: Any = population
        ) -> float:
            return float(seen(theta) + law(theta / tau) - math.log(tau))

        value = f(y=y, sigma=sigma, nu=nu, mu=0.0, tau=tau)
        assert value == pytest.approx(integral(log_f, knots), abs=ACCURACY)
        near = stats.norm.logpdf(y, 0.0, np.hypot(sigma, tau))
        assert abs(value - near) > 1e-5


# --- what the programs give


def test_every_log_lik_group_of_a_pooled_program_is_log_lik() -> None:
    for name in ("binomial_pooled", "normal_pooled"):
        data = make_data(name, predictive=1)
        out = values_at(build(name, data), random_points(name, 5, seed=1))
        np.testing.assert_array_equal(out["log_lik_group"], out["log_lik"])


@pytest.mark.parametrize("code", [1, 2])
def test_unpooled_groups_are_integrated_over_their_prior(code: int) -> None:
    args = {1: [-2.0, 1.1, 0.0], 2: [4.0, -2.0, 1.1]}[code]
    for name in ("binomial_unpooled", "normal_unpooled"):
        data = make_data(name, code, predictive=1, prior_theta_args=args)
        out = values_at(build(name, data), random_points(name, 3, seed=1))
        # One value for all draws, held out or not.
        assert np.ptp(out["log_lik_group"], axis=0).max() == 0
        for j, value in enumerate(out["log_lik_group"][0, 0]):
            assert value == pytest.approx(expected_unpooled(name, code, j), abs=2e-6)


def expected_unpooled(name: str, code: int, j: int) -> float:
    """Log predictive density of group j under normal or t(4) at -2, scale 1.1."""
    normal, heavy = normal_log(-2.0, 1.1), t_log(4.0)
    binomial = name == "binomial_unpooled"
    seen = events_log(Y[j], N[j]) if binomial else normal_log(EFFECT[j], SIGMA[j])

    def log_f(theta: float) -> float:
        if code == 1:
            return seen(theta) + normal(theta)
        return seen(theta) + heavy((theta + 2.0) / 1.1) - math.log(1.1)

    if binomial:
        knots = [-3e3, -60, -20, -8, -4, -2, 0, 4, 20, 60, 3e3]
        return log_choose(N[j], Y[j]) + integral(log_f, knots)
    y, sigma = EFFECT[j], SIGMA[j]
    marks = [y - 30 * sigma, y - 5 * sigma, y, y + 5 * sigma, y + 30 * sigma]
    return integral(log_f, [*marks, *(m for m in (-7, -2, 3) if marks[0] < m)])


def test_student_t_program_integrates_over_its_population() -> None:
    data = make_data("logit_student_t", predictive=1)
    out = values_at(build("logit_student_t", data), random_points_t())
    for i in range(4):
        nu, mu, tau = (float(out[k][i, 0]) for k in ("nu", "mu", "tau"))
        for j, value in enumerate(out["log_lik_group"][i, 0]):
            wanted = binomial_student_t(Y[j], N[j], nu, mu, tau) if N[j] else 0.0
            assert value == pytest.approx(wanted, abs=ACCURACY)
        s = np.linspace(-80 / nu, 80 / nu, 100_001)
        density = stats.t.pdf(np.sinh(s), nu) * np.cosh(s)
        mean = np.trapezoid(special.expit(mu + tau * np.sinh(s)) * density, s)
        assert out["p_pop_mean"][i, 0] == pytest.approx(mean, abs=1e-6)


def random_points_t() -> np.ndarray:
    points = random_points("logit_student_t", 4, seed=6)
    points[:, 1] -= 0.8
    return points


def test_mixture_sums_over_both_populations() -> None:
    data = make_data("logit_mixture", predictive=1)
    out = values_at(build("logit_mixture", data), random_points("logit_mixture", 6, 8))
    for i in range(6):
        low, high, tau, weight = (
            float(out[k][i, 0]) for k in ("mu_low", "mu_high", "tau", "lambda")
        )
        assert high == pytest.approx(low + out["gap"][i, 0], rel=1e-12)
        theta = out["theta"][i, 0]
        above = weight * stats.norm.pdf(theta, high, tau)
        below = (1 - weight) * stats.norm.pdf(theta, low, tau)
        np.testing.assert_allclose(
            out["p_upper"][i, 0], above / (above + below), rtol=1e-9, atol=1e-12
        )
        both = np.log([1 - weight, weight])
        for j, value in enumerate(out["log_lik_group"][i, 0]):
            if N[j] == 0:
                assert value == pytest.approx(0.0, abs=1e-12)
                continue
            each = [binomial_logit_normal(Y[j], N[j], m, tau) for m in (low, high)]
            assert value == pytest.approx(special.logsumexp(both + each), abs=ACCURACY)
        means = [logit_normal_moments(m, tau)[0] for m in (low, high)]
        wanted = (1 - weight) * means[0] + weight * means[1]
        assert out["p_pop_mean"][i, 0] == pytest.approx(wanted, rel=1e-7)


@pytest.mark.parametrize("root", [None, "exchanged"])
def test_the_mixture_tells_its_populations_apart(
    root: str | None, tmp_path: Path
) -> None:
    """A group far above belongs to the upper one, and not if they are exchanged."""
    folder = None
    if root:
        file = "models/logit_mixture.stan"
        new = "logit(1 - lambda) - (gap / tau)"
        folder = altered(tmp_path / "stan", file, "logit(lambda) + (gap / tau)", new)
    q = np.array([[-3.0, np.log(2.0), np.log(0.3), 0.0, 2, -2, 0, 0, 0, 0]])
    out = values_at(build("logit_mixture", make_data("logit_mixture"), folder), q)
    assert (out["p_upper"][0, 0, 0] > 0.99) == (root is None)
    assert (out["p_upper"][0, 0, 1] < 0.01) == (root is None)


# --- posteriors in closed form


def assert_mean_and_sd(draws: Any, mean: float, sd: float) -> None:
    """Within five Monte Carlo errors, by batches for the dependence of draws."""
    values = draws.values
    batches = values.reshape(values.shape[0] * 10, -1)
    error = batches.mean(axis=1).std(ddof=1) / np.sqrt(len(batches))
    assert abs(values.mean() - mean) < 5 * error
    squares = (batches - mean) ** 2
    error = squares.mean(axis=1).std(ddof=1) / np.sqrt(len(batches))
    assert abs(squares.mean() - sd**2) < 5 * error


FIT: dict[str, Any] = {"seed": 3, "backend": "stanli", "iter_sampling": 2000}


def test_pooled_estimates_have_the_conjugate_posterior() -> None:
    fit = hb.fit("normal_pooled", "eight_schools", **FIT)
    stan = datasets.load("eight_schools").to_stan()
    y, sigma = np.array(stan["y"]), np.array(stan["sigma"])
    precision = (1 / sigma**2).sum() + 1 / 25
    mean = (y / sigma**2).sum() / precision
    assert_mean_and_sd(fit.posterior["mu"], mean, precision**-0.5)
    with pytest.raises(AssertionError):
        assert_mean_and_sd(fit.posterior["mu"], y.mean(), precision**-0.5)


def test_unpooled_estimates_have_conjugate_posteriors() -> None:
    fit = hb.fit("normal_unpooled", "eight_schools", holdout=["B"], **FIT)
    prior = parse_prior(fit.priors["theta"]["prior"]).args
    stan = datasets.load("eight_schools").to_stan()
    for label, y, sigma in zip("ABCDEFGH", stan["y"], stan["sigma"], strict=True):
        seen = 0.0 if label == "B" else sigma**-2
        precision = seen + prior[1] ** -2
        mean = (y * seen + prior[0] * prior[1] ** -2) / precision
        theta = fit.posterior["theta"].sel(group=label)
        assert_mean_and_sd(theta, mean, precision**-0.5)


def test_pooled_events_have_the_posterior_of_the_total() -> None:
    fit = hb.fit("binomial_pooled", "surgical", **FIT)
    stan = datasets.load("surgical").to_stan()
    trials, events = sum(stan["n"]), sum(stan["y"])
    grid = np.linspace(-4, -1.5, 20_001)
    log = events * grid - trials * np.logaddexp(0, grid)
    log += stats.norm.logpdf(grid, np.log(0.075 / 0.925), 1)
    weight = np.exp(log - log.max())
    weight /= weight.sum()
    mean = float(weight @ grid)
    sd = float(weight @ (grid - mean) ** 2) ** 0.5
    assert_mean_and_sd(fit.posterior["mu"], mean, sd)


# --- fits


def test_fits_are_labelled_like_the_others() -> None:
    for name in models.names():
        model = models.get(name)
        if model.pooling == "partial" or model.kind not in ("binomial", "normal"):
            continue
        data = "surgical" if model.kind == "binomial" else "eight_schools"
        fit = hb.fit(name, data, seed=1, backend="stanli")
        assert fit.diagnose().passed
        assert list(fit.groups().index) == list(datasets.load(data).labels)
        prior = fit.tree["log_prior"].to_dataset()
        assert list(prior.data_vars) == [p.name for p in model.top_level]
        assert all(v.dims == ("chain", "draw") for v in prior.data_vars.values())
        for group in ("log_likelihood", "log_likelihood_group", "posterior_predictive"):
            assert fit.tree[group]["y"].dims == ("chain", "draw", "group")


@pytest.mark.parametrize("name", ["binomial_pooled", "binomial_unpooled"])
@pytest.mark.parametrize("replicate", ["groups", "trials"])
def test_calibration_around_the_data(name: str, replicate: str) -> None:
    result = hb.posterior_sbc(
        name,
        "surgical",
        replicate=replicate,
        n_sims=20,
        seed=1,
        backend="stanli",
        workers=1,
    )
    checks = result.checks()
    assert checks["failures"].passed
    assert checks["uniformity"].passed


@pytest.mark.parametrize("name", ["binomial_unpooled", "normal_unpooled"])
def test_pictures_of_groups_without_population(name: str) -> None:
    data = "surgical" if name.startswith("binomial") else "eight_schools"
    fit = hb.fit(name, data, seed=1, backend="stanli", chains=2, iter_sampling=50)
    count = datasets.load(data).J
    for draw in (plots.trace, plots.ranks):
        titles = [a.get_title() + a.get_ylabel() for a in draw(fit).axes]
        assert sum("theta[" in title for title in titles) == count
    labels = plots.forest(fit).axes[0].get_legend_handles_labels()[1]
    assert not [label for label in labels if "population" in label]


def test_heavy_tails_on_the_surgical_data(shared: Shared) -> None:
    """The data say little of nu: its posterior stays near its prior."""
    lean = {"adapt_delta": 0.95, "backend": "stanli", "predictive": False}
    fit = hb.fit("logit_student_t", "surgical", seed=2, **lean)
    assert fit.diagnose().passed
    assert float(fit.posterior["nu"].min()) > 1
    assert abs(float(fit.posterior["nu"].mean()) - 20) < 4
    normal = shared(hb.fit, "logit_noncentered", "surgical", seed=1, backend="stanli")
    p, q = (f.posterior["p"].mean(("chain", "draw")).values for f in (fit, normal))
    np.testing.assert_allclose(p, q, atol=0.01)


def test_every_program_is_tested_here_or_has_a_sibling() -> None:
    assert set(PROGRAMS) <= set(models.names())
