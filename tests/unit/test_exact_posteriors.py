"""Exact posteriors against closed forms, independent sums and published values."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

import hbstan as hb
from hbstan.errors import ExactError, SettingsError
from hbstan.exact.lattice import integrate as on_lattice
from hbstan.exact.normal import NormalGroups
from hbstan.exact.solution import Solution
from hbstan.exact.unpooled import Unpooled
from hbstan.priors import Exponential, HalfCauchy, HalfNormal, Normal, Prior, StudentT

SURGICAL = {"mu": Normal(np.log(0.075 / 0.925), 1.0), "tau": HalfNormal(1.0)}
SCHOOLS = (
    np.array([28.0, 8, -3, 7, -1, 1, 18, 12]),
    np.array([15.0, 10, 16, 11, 9, 11, 10, 18]),
)


@pytest.fixture(scope="module")
def surgical() -> hb.ExactPosterior:
    return hb.exact("logit", "surgical", priors=SURGICAL)


def test_surgical_has_its_known_values(surgical: hb.ExactPosterior) -> None:
    q = surgical.quantities()
    assert q["mu"].mean[0] == pytest.approx(-2.5597, abs=5e-5)
    assert q["tau"].mean[0] == pytest.approx(0.4463, abs=5e-5)
    assert surgical.loo()["elpd"].sum() == pytest.approx(-40.803, abs=1e-3)
    assert surgical.error < 1e-5


@pytest.mark.parametrize(
    ("loc", "scale", "spread", "mean", "tau"),
    # By mpmath with 25 digits.
    [
        (0.0, 20.0, 10.0, 7.446679699, 4.707306373),
        (0.0, 5.0, 5.0, 4.396820714, 3.597705484),
    ],
)
def test_eight_schools_have_their_known_values(
    loc: float, scale: float, spread: float, mean: float, tau: float
) -> None:
    priors = {"mu": Normal(loc, scale), "tau": HalfCauchy(spread)}
    q = hb.exact("eight_schools", "eight_schools", priors=priors).quantities()
    assert q["mu"].mean[0] == pytest.approx(mean, abs=1e-6)
    assert q["tau"].mean[0] == pytest.approx(tau, abs=1e-5)


@pytest.mark.parametrize("name", ["eight_schools", "eight_schools_unrounded"])
@pytest.mark.parametrize(("scale", "spread"), [(20.0, 10.0), (5.0, 5.0)])
def test_eight_schools_are_an_integral_over_tau(
    name: str, scale: float, spread: float
) -> None:
    """Given tau, mu is normal, and the estimates are jointly so."""
    data = hb.datasets.load(name)
    y, se2 = data.y, data.sigma**2
    prior = stats.halfcauchy(scale=spread)

    def parts(tau: float) -> tuple[float, float]:
        precision = 1 / scale**2 + (1 / (se2 + tau**2)).sum()
        covariance = np.diag(se2 + tau**2) + scale**2
        density = stats.multivariate_normal.pdf(y, cov=covariance) * prior.pdf(tau)
        return density, (y / (se2 + tau**2)).sum() / precision

    def integral(f: Callable[[float], float]) -> float:
        # By log(tau), as the tail is that of a Cauchy.
        return sum(
            integrate.quad(lambda x: f(math.exp(x)) * math.exp(x), a, a + 4)[0]
            for a in range(-24, 16, 4)
        )

    whole = integral(lambda tau: parts(tau)[0])
    mu = integral(lambda tau: math.prod(parts(tau))) / whole
    tau = integral(lambda tau: parts(tau)[0] * tau) / whole
    priors = {"mu": Normal(0, scale), "tau": HalfCauchy(spread)}
    found = hb.exact("eight_schools", name, priors=priors)
    q = found.quantities()
    assert found.log_evidence == pytest.approx(math.log(whole), abs=1e-6)
    assert q["mu"].mean[0] == pytest.approx(mu, rel=1e-6)
    assert q["tau"].mean[0] == pytest.approx(tau, rel=1e-5)


def logit_by_net(
    y: np.ndarray, n: np.ndarray, prior_mu: Normal, prior_tau: HalfNormal
) -> tuple[float, float, float]:
    """Return log evidence and means of mu and tau by plain sums over three nets."""
    mu, log_tau = np.linspace(-6, 4, 161), np.linspace(-15, 2.2, 270)
    theta = np.linspace(-16, 12, 1401)
    step = theta[1] - theta[0]
    likelihood = stats.binom.pmf(y[:, None], n[:, None], 1.0 / (1.0 + np.exp(-theta)))
    logs = np.empty((len(mu), len(log_tau)))
    for k, s in enumerate(np.exp(log_tau)):
        if s < 0.05:  # the second order of Taylor's series at the centre
            p = 1.0 / (1.0 + np.exp(-mu))
            f = stats.binom.logpmf(y[:, None], n[:, None], p)
            slope = y[:, None] - n[:, None] * p
            bend = slope**2 - n[:, None] * p * (1.0 - p)
            logs[:, k] = (f + np.log1p(0.5 * s**2 * bend)).sum(0)
            continue
        density = np.exp(-0.5 * ((theta[:, None] - mu) / s) ** 2)
        density *= step / s / np.sqrt(2 * np.pi)
        logs[:, k] = np.log(likelihood @ density).sum(0)
    logs += prior_mu.distribution().logpdf(mu)[:, None]
    logs += prior_tau.distribution().logpdf(np.exp(log_tau)) + log_tau
    w = np.exp(logs - logs.max())
    area = (mu[1] - mu[0]) * (log_tau[1] - log_tau[0])
    evidence = logs.max() + np.log(w.sum() * area)
    w /= w.sum()
    return evidence, float(w.sum(1) @ mu), float(w.sum(0) @ np.exp(log_tau))


def test_log_odds_agree_with_plain_sums() -> None:
    y, n = np.array([0, 5, 12, 3]), np.array([20, 30, 40, 10])
    table = {"g": list("abcd"), "n": n, "y": y}
    data = hb.data.grouped_binomial(table, group="g", trials="n", events="y")
    priors = {"mu": Normal(-1, 1), "tau": HalfNormal(1)}
    found = hb.exact("logit", data, priors=priors)
    evidence, mu, tau = logit_by_net(y, n, priors["mu"], priors["tau"])
    q = found.quantities()
    assert found.log_evidence == pytest.approx(evidence, abs=2e-5)
    assert q["mu"].mean[0] == pytest.approx(mu, abs=2e-5)
    assert q["tau"].mean[0] == pytest.approx(tau, abs=2e-5)
    # A left-out group is a ratio of evidences.
    without = logit_by_net(y[1:], n[1:], priors["mu"], priors["tau"])[0]
    assert found.loo()["elpd"]["a"] == pytest.approx(evidence - without, abs=4e-5)


def test_beta_binomial_agrees_with_plain_sums() -> None:
    data = hb.datasets.load("surgical")
    found = hb.exact("beta_binomial", data)
    mu, log_kappa = np.linspace(1e-4, 0.6, 600), np.linspace(-6, 7, 260)
    a, b = mu[:, None] * np.exp(log_kappa), (1 - mu[:, None]) * np.exp(log_kappa)
    stan = data.to_stan()
    logs = sum(
        stats.betabinom.logpmf(y, n, a, b)
        for y, n in zip(stan["y"], stan["n"], strict=True)
    )
    prior = {k: c.prior.distribution() for k, c in found.plan.priors.items()}
    logs = logs + prior["mu"].logpdf(mu)[:, None] + log_kappa
    logs += prior["kappa"].logpdf(np.exp(log_kappa))
    w = np.exp(logs - logs.max())
    area = (mu[1] - mu[0]) * (log_kappa[1] - log_kappa[0])
    assert found.log_evidence == pytest.approx(
        logs.max() + np.log(w.sum() * area), abs=1e-5
    )
    w /= w.sum()
    q = found.quantities((0.5,))
    assert q["mu"].mean[0] == pytest.approx(w.sum(1) @ mu, abs=1e-6)
    assert q["kappa"].mean[0] == pytest.approx(w.sum(0) @ np.exp(log_kappa), rel=1e-5)
    below = w.sum(1)[mu <= q["mu"].quantiles[0, 0]].sum()
    assert below == pytest.approx(0.5, abs=1e-2)  # a net's step


def test_a_left_out_group_of_estimates_is_a_ratio_of_evidences() -> None:
    y, s = SCHOOLS
    x = np.random.default_rng(1).normal(size=(8, 2))
    coefficients = {"mu": Normal(0, 20), "b0": StudentT(3, 0, 5), "b1": Normal(0, 5)}

    def solved(kept: np.ndarray) -> Solution:
        family = NormalGroups(
            y[kept], coefficients, HalfNormal(10), error=s[kept], x=x[kept]
        )
        return Solution(family, 1e-6)

    whole = solved(np.arange(8))
    elpd, error = whole.left_out()
    for j in (0, 3, 7):
        without = solved(np.delete(np.arange(8), j)).log_evidence
        ratio = whole.log_evidence - without
        assert elpd[j] == pytest.approx(ratio, abs=1e-6)
        assert abs(elpd[j] - ratio) <= error[j] + 2e-6


def test_standard_errors_may_differ_by_twelve_orders() -> None:
    y, s = np.array([1.0, 1.000001, 3.0, 5.0]), np.array([1e-6, 1e-6, 1e6, 1.0])
    family = NormalGroups(y, {"mu": Normal(0, 20)}, HalfCauchy(10), error=s)
    found = Solution(family, 1e-6)

    def log_density(log_tau: float) -> float:
        v = np.exp(2 * log_tau) + s**2
        a = (1 / v).sum() + 1 / 400
        m = (y / v).sum() / a
        rest = ((y - m) ** 2 / v).sum() + m**2 / 400
        logs = -0.5 * (rest + np.log(2 * np.pi * v).sum() + np.log(400 * a))
        prior = stats.halfcauchy(scale=10).logpdf(np.exp(log_tau))
        return float(logs + prior + log_tau)

    pieces = np.concatenate([np.arange(-40, -10, 1), np.arange(-10, 40, 0.5)])
    total = sum(
        integrate.quad(lambda u: np.exp(log_density(u) + 25), a, b, epsrel=1e-11)[0]
        for a, b in pairwise(pieces)
    )
    assert found.log_evidence == pytest.approx(np.log(total) - 25, abs=1e-6)
    elpd = found.left_out()[0]
    other = Solution(
        NormalGroups(y[1:], {"mu": Normal(0, 20)}, HalfCauchy(10), error=s[1:]), 1e-6
    )
    assert elpd[0] == pytest.approx(found.log_evidence - other.log_evidence, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 98_765.0])
@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_estimates_may_have_any_unit_and_offset(shift: float, unit: float) -> None:
    y, s = SCHOOLS
    priors = {"mu": Normal((5 + shift) * unit, 20 * unit)}
    family = NormalGroups(
        (y + shift) * unit, priors, HalfNormal(10 * unit), error=s * unit
    )
    q = Solution(family, 1e-6).quantities(())
    plain = NormalGroups(y, {"mu": Normal(5, 20)}, HalfNormal(10), error=s)
    base = Solution(plain, 1e-6).quantities(())
    assert q["mu"].mean[0] / unit - shift == pytest.approx(base["mu"].mean[0], abs=1e-6)
    assert q["tau"].mean[0] / unit == pytest.approx(base["tau"].mean[0], rel=1e-7)


def test_a_heavy_prior_of_the_mean_is_integrated_as_it_is() -> None:
    y, s = np.array([30.0, 31.0, 29.0]), np.ones(3)
    family = NormalGroups(y, {"mu": StudentT(3, 0, 1)}, None, error=s)
    found = Solution(family, 1e-7)
    total, _ = integrate.quad(
        lambda m: stats.t.pdf(m, 3) * np.exp(stats.norm.logpdf(y, m, 1).sum()), 20, 40
    )
    assert found.log_evidence == pytest.approx(np.log(total), abs=1e-6)


def test_normal_groups_agree_with_double_quadrature() -> None:
    n, y, ss = np.array([3.0, 5.0, 1.0]), np.array([1.0, 2.5, 4.0]), [2.0, 6.0, 0.0]
    family = NormalGroups(
        y,
        {"mu": Normal(0, 5)},
        HalfNormal(2),
        sigma=HalfNormal(2),
        n=n,
        ss=np.array(ss),
    )
    found = Solution(family, 1e-7)

    log_tau, log_sigma = np.meshgrid(
        np.linspace(-14, 3.5, 176), np.linspace(-2, 2.6, 60)
    )
    v = np.exp(2 * log_tau)[..., None] + np.exp(2 * log_sigma)[..., None] / n
    # The density of y by Sherman and Morrison: a diagonal and 25 in every cell.
    weight = 25.0 / (1.0 + 25.0 * (1.0 / v).sum(-1))
    rest = (y**2 / v).sum(-1) - weight * (y / v).sum(-1) ** 2
    volume = np.log(v).sum(-1) + np.log(25.0 / weight)
    logs = -0.5 * (rest + volume + 3 * np.log(2 * np.pi))
    logs += -0.5 * np.sum(ss) * np.exp(-2 * log_sigma) - 0.5 * np.log(n).sum()
    logs -= (n - 1).sum() * (log_sigma + 0.5 * np.log(2 * np.pi))
    for u in (log_tau, log_sigma):
        logs += stats.halfnorm(scale=2).logpdf(np.exp(u)) + u
    total = np.exp(logs).sum() * 17.5 / 175 * 4.6 / 59
    assert found.log_evidence == pytest.approx(np.log(total), abs=1e-5)


def test_unpooled_groups_have_closed_forms() -> None:
    y, s = SCHOOLS
    found = Unpooled(y, Normal(3, 7), np.ones(8), 1e-6, error=s)
    truth = stats.norm.logpdf(y, 3, np.hypot(7, s))
    assert found.left_out()[0] == pytest.approx(truth, abs=1e-12)
    heavy = Unpooled(y, StudentT(4, 3, 7), np.ones(8), 1e-6, error=s)
    for j in range(8):
        value, _ = integrate.quad(
            lambda x, j=j: stats.t.pdf(x, 4, 3, 7) * stats.norm.pdf(y[j], x, s[j]),
            *(-200, 200),
            points=[3.0, y[j]],
        )
        assert heavy.left_out()[0][j] == pytest.approx(np.log(value), abs=1e-7)


def test_the_limit_of_flat_priors_is_the_restricted_likelihoods() -> None:
    """BCG: REML's tau^2 is the mode of the flat posterior of tau^2, mu integrated out.

    Published: tau^2 0.3132, mu -0.7145 (Viechtbauer 2010, doi:10.18637/jss.v036.i03).
    Comparable are the mode and the mean given it, not the posterior's means.
    """
    data = hb.datasets.load("bcg").to_stan()
    family = NormalGroups(
        np.asarray(data["y"]),
        {"mu": Normal(0, 1e4)},
        HalfNormal(1e4),
        error=np.asarray(data["sigma"]),
    )
    log_tau = 0.5 * np.log(np.linspace(0.30, 0.33, 3001))[:, None]
    best = log_tau[np.argmax(family.total(log_tau))]
    assert np.exp(2 * best[0]) == pytest.approx(0.3132, abs=1e-4)
    mean = family.moments(best[None])["mu"].mean[0, 0]
    assert mean == pytest.approx(-0.7145, abs=1e-4)


def test_the_lattices_error_covers_its_true_error() -> None:
    y, s = SCHOOLS
    for tau in (HalfNormal(5), HalfCauchy(5)):
        family = NormalGroups(y, {"mu": StudentT(3, 0, 5)}, tau, error=s)
        truth = on_lattice(family, 1e-12)[0].log_evidence
        for tolerance in (1e-2, 1e-4, 1e-6):
            grid, error = on_lattice(family, tolerance)
            assert abs(grid.log_evidence - truth) <= error.max() + 1e-11


def panels(low: float, high: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss and Legendre's rule, panel by panel."""
    x, w = np.polynomial.legendre.leggauss(10)
    edges = np.linspace(low, high, count + 1)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


#: Events, trials and priors of one group; each is hard in a way of its own.
HARD: dict[str, tuple[int, int, Normal, Prior]] = {
    "no events": (0, 40, Normal(0, 1.5), HalfNormal(1)),
    "all events": (40, 40, Normal(0, 1.5), HalfNormal(1)),
    "one trial": (1, 1, Normal(0, 1.5), HalfNormal(1)),
    "ten thousand trials": (5_100, 10_000, Normal(0, 1.5), HalfNormal(1)),
    "none of ten thousand": (0, 10_000, Normal(0, 1.5), HalfNormal(1)),
    "a prior at odds with the data": (0, 10_000, Normal(3, 0.2), HalfNormal(0.2)),
    "tau near 0": (7, 30, Normal(0, 1.5), HalfNormal(1e-4)),
    "tau very large": (7, 30, Normal(0, 1.5), HalfNormal(30)),
    "a heavy tail": (7, 30, Normal(0, 1.5), HalfCauchy(10)),
    "an exponential": (7, 30, Normal(0, 1.5), Exponential(0.1)),
}


@pytest.mark.parametrize("cell", HARD)
def test_the_error_covers_the_true_error_in_hard_cells(cell: str) -> None:
    """Given tau, theta of one group is normal before its data, and mu given both."""
    y, n, prior, spread = HARD[cell]
    theta, dtheta = panels(-60.0, 60.0, 2_400 if n > 1_000 else 300)
    log_tau, dtau = panels(-32.0, 10.0, 168)
    tau, (loc, scale) = np.exp(log_tau), prior.args
    logs = math.log(math.comb(n, y)) + y * theta - n * np.logaddexp(0.0, theta)
    near = logs > logs.max() - 60.0
    theta, likelihood = theta[near], np.exp(logs[near]) * dtheta[near]
    weight = dtau * tau * spread.distribution().pdf(tau)
    sums = np.zeros(3)
    for one, share in zip(tau, weight, strict=True):
        var = scale**2 + one**2
        f = likelihood * stats.norm.pdf(theta, loc, math.sqrt(var)) * share
        mean = loc + scale**2 / var * (theta - loc)
        sums += f.sum(), f @ mean, f @ (mean**2 + scale**2 * one**2 / var)
    truth, mu = math.log(sums[0]), sums[1] / sums[0]
    sd = math.sqrt(sums[2] / sums[0] - mu**2)
    table = {"g": ["a"], "n": [n], "y": [y]}
    data = hb.data.grouped_binomial(table, group="g", trials="n", events="y")
    found = hb.exact("logit", data, priors={"mu": prior, "tau": spread})
    q = found.quantities()["mu"]
    assert found.error < 1e-5
    assert abs(found.log_evidence - truth) <= found.error + 1e-8
    assert abs(q.mean[0] - mu) <= found.error * sd + 1e-8
    assert abs(q.sd[0] - sd) <= found.error * sd + 1e-8


def test_an_outlying_group_needs_the_others_own_posterior() -> None:
    table = {"g": list("abcde"), "n": [100] * 5, "y": [5, 6, 5, 7, 80]}
    data = hb.data.grouped_binomial(table, group="g", trials="n", events="y")
    found = hb.exact("logit", data)
    rest = hb.exact("logit", data, holdout=["e"])
    ratio = found.log_evidence - rest.log_evidence
    assert found.loo()["elpd"]["e"] == pytest.approx(ratio, abs=1e-4)
    assert found.kfold([["e"], ["a", "b", "c", "d"]])["elpd"]["e"] == pytest.approx(
        ratio, abs=1e-4
    )


def test_groups_without_trials_say_nothing() -> None:
    n, y = [400, 350, 500, 450, 380, 420], [20, 70, 25, 90, 15, 60]
    found = []
    for empty in (0, 14):
        table = {
            "g": [f"g{i}" for i in range(6 + empty)],
            "n": n + [0] * empty,
            "y": y + [0] * empty,
        }
        data = hb.data.grouped_binomial(table, group="g", trials="n", events="y")
        found.append(hb.exact("logit", data))
    few, many = found
    assert many.log_evidence == pytest.approx(few.log_evidence, abs=1e-7)
    assert (many.loo()["elpd"].iloc[6:].abs() < 1e-7).all()
    own = many.quantities((0.5,))
    assert own["theta"].mean[-1] == pytest.approx(own["theta_new"].mean[0], abs=1e-6)
    assert own["p"].mean[-1] == pytest.approx(own["p_new"].mean[0], abs=1e-6)


@pytest.mark.parametrize("model", ["logit", "beta_binomial", "binomial_unpooled"])
def test_quantiles_and_distribution_functions_are_inverse(model: str) -> None:
    found = hb.exact(model, "surgical")
    probabilities = (0.05, 0.5, 0.95)
    q = found.quantities(probabilities)
    for row, p in enumerate(probabilities):
        given = {k: q[k].quantiles[row] for k in ("mu", "tau", "theta") if k in q}
        for name, below in found.cdf(given).items():
            assert below == pytest.approx(p, abs=5e-5), name


def test_group_quantiles_hold_where_the_population_is_narrow() -> None:
    """Where tau is all but 0 a group's parameter is mu, and has its quantiles."""
    found = hb.exact("logit", "surgical", priors={"tau": HalfNormal(1e-4)})
    q = found.quantities((0.05, 0.5, 0.95))
    apart = np.abs(q["theta"].quantiles - q["mu"].quantiles)
    assert apart.max() < 2e-3 * q["mu"].sd[0]


def test_draws_agree_with_the_sums(surgical: hb.ExactPosterior) -> None:
    fit = surgical.draws(4000, seed=3)
    worst = 0.0
    for name, q in surgical.quantities((0.5,)).items():
        if name in fit.posterior:
            x = fit.posterior[name].values[0].reshape(4000, -1)
            z = (x.mean(0) - q.mean) / (q.sd / np.sqrt(4000))
            worst = max(worst, float(np.abs(z).max()))
    assert 0 < worst < 4.2  # of 28 quantities
    assert fit.diagnose()["rhat"].outcome is hb.Outcome.NOT_RUN
    assert "posterior_predictive" in fit.tree.children


def test_what_cannot_be_integrated_is_refused() -> None:
    with pytest.raises(ExactError, match="logit_student_t has no exact form"):
        hb.exact("logit_student_t", "surgical")
    # Two groups of equal observations, and a prior that does not vanish at sigma 0.
    family = NormalGroups(
        np.array([1.0, 2.0]),
        {"mu": Normal(0, 5)},
        HalfNormal(1),
        sigma=HalfCauchy(1),
        n=np.array([4.0, 4.0]),
        ss=np.zeros(2),
    )
    with pytest.raises(ExactError, match="improper"):
        Solution(family, 1e-5)
    with pytest.raises(SettingsError, match="tolerance is 0"):
        hb.exact("logit", "surgical", tolerance=0)


def test_a_mean_that_does_not_exist_is_not_given() -> None:
    y, s = SCHOOLS
    nobody = np.zeros(8, bool)
    family = NormalGroups(y, {"mu": Normal(0, 5)}, HalfCauchy(5), error=s, seen=nobody)
    q = Solution(family, 1e-5).quantities((0.5,))["tau"]
    assert np.isnan(q.mean[0])
    assert q.quantiles[0, 0] == pytest.approx(5.0, rel=1e-5)
