"""A group's integral against adaptive quadrature, its error, and the shared nodes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, special, stats

from hbstan.exact import nodes
from hbstan.exact.beta_binomial import BetaBinomial
from hbstan.exact.common_nodes import CommonNodes
from hbstan.exact.nodes import conditional_draws, integrals
from hbstan.priors import Beta, Gamma

#: mu, tau, y, n: no events and events only, tau near 0 and very large, ten thousand
#: trials, populations far from the data; the fourth from last once made Newton's steps
#: go to and fro.
CELLS = (
    (-2.5, 0.45, 0, 47),
    (-2.5, 0.45, 24, 360),
    (0.0, 1e-6, 3, 10),
    (3.0, 0.01, 1, 10_000),
    (-9.0, 1.4, 0, 10_000),
    (0.0, 1.6, 0, 1),
    (0.0, 50.0, 0, 1),
    (0.0, 1000.0, 10, 10),
    (0.0, 1000.0, 5, 10),
    (-2.0, 3.0, 10_000, 10_000),
    (20.0, 2.0, 0, 3),
    (-3.0, 0.3, 5_000, 10_000),
    (1.0, 1.49, 0, 10_000),
    (1.0, 1.51, 0, 10_000),
    (-3.0449387664, 1.2467720000, 20, 20),
    (6.0, 0.1, 50, 100),
    (0.0, 2.0, 0, 0),
    (0.0, 30.0, 1, 2),
)


def by_scipy(mu: float, tau: float, y: int, n: int) -> tuple[float, float, float]:
    """Return log integral, mean and mean probability, by pieces about the mode."""

    def log_term(x: float) -> float:
        z = (x - mu) / tau
        return y * x - n * np.logaddexp(0.0, x) - 0.5 * z * z

    # The mode by bisection of the slope, which falls.
    low, high = mu - tau**2 * n - 1.0, mu + tau**2 * n + 1.0
    for _ in range(200):
        mode = 0.5 * (low + high)
        slope = y - n * special.expit(mode) - (mode - mu) / tau**2
        low, high = (mode, high) if slope > 0 else (low, mode)
    p = special.expit(mode)
    width = 1.0 / np.sqrt(1.0 / tau**2 + n * p * (1.0 - p))
    away = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    ends = {mode + s * width * a for a in away for s in (-1, 1)}
    ends |= {mu + s * tau * a for a in (0.0, 1.0, 3.0, 6.0, 10.0) for s in (-1, 1)}
    if width > 0.5:
        ends |= {float(a) for a in range(-40, 41, 4)}
    inside = [e for e in sorted(ends) if log_term(e) - log_term(mode) > -60.0]
    top = log_term(mode)
    found = [0.0, 0.0, 0.0]
    factors = (lambda x: 1.0, lambda x: x - mode, special.expit)
    for a, b in pairwise(inside):
        for k, factor in enumerate(factors):
            value, _ = integrate.quad(
                lambda x, f=factor: f(x) * np.exp(log_term(x) - top),
                a,
                b,
                epsabs=0.0,
                epsrel=1e-12,
            )
            found[k] += value
    scale = np.log(tau) + 0.5 * np.log(2.0 * np.pi)
    choose = -special.betaln(y + 1.0, n - y + 1.0) - np.log1p(n)
    log_value = top + np.log(found[0]) - scale + choose
    return log_value, mode + found[1] / found[0], found[2] / found[0]


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_integral_is_that_of_adaptive_quadrature(cell: tuple) -> None:
    found = integrals(*(np.array([float(v)]) for v in cell))
    log_value, mean, p = by_scipy(*cell)
    sd = np.sqrt(found.theta_var[0])
    assert found.log_value[0] == pytest.approx(log_value, abs=3e-8)
    assert abs(found.theta[0] - mean) < 1e-6 * sd
    if cell[3]:  # without trials the family takes the population's own
        assert found.p[0] == pytest.approx(p, rel=3e-7)
    assert abs(found.log_value[0] - log_value) <= found.error[0] + 1e-8


def test_nodes_too_far_apart_report_a_larger_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = [np.array([v]) for v in (-2.5, 0.45, 24.0, 360.0)]
    fine = integrals(*cell)
    monkeypatch.setattr(nodes, "_STEP", 1.2)
    coarse = integrals(*cell)
    apart = abs(coarse.log_value[0] - fine.log_value[0])
    assert fine.error[0] < 1e-9
    assert 1e-7 < apart < coarse.error[0]


def test_shared_nodes_give_what_each_integrands_own_give() -> None:
    rng = np.random.default_rng(1)
    n = rng.integers(0, 400, 40).astype(float)
    y = np.floor(n * rng.random(40))
    mu, tau = rng.normal(-1.0, 1.5, 30), np.exp(rng.normal(-0.7, 1.5, 30))
    together = CommonNodes(y, n).table(mu, tau)
    i, j = np.divmod(np.arange(1200), 40)
    alone = integrals(mu[i], tau[i], y[j], n[j])
    for name, most in (("log_value", 1e-8), ("theta", 1e-7), ("p", 1e-7)):
        a, b = getattr(together, name).ravel(), getattr(alone, name)
        # Without trials p is not integrated: its pole may lie between the nodes.
        kept = n[j] > 0
        assert np.abs(a - b)[kept].max() < most, name


def test_draws_have_the_integrands_moments() -> None:
    cell = [np.repeat(float(v), 40_000) for v in (-2.5, 1.0, 0, 47)]
    draws = conditional_draws(*cell, np.random.default_rng(1))
    found = integrals(*(c[:1] for c in cell))
    sd = np.sqrt(found.theta_var[0])
    assert abs(draws.mean() - found.theta[0]) < 4 * sd / 200
    assert draws.std() == pytest.approx(sd, rel=0.02)
    # What must fail: draws of the population.
    assert abs(-2.5 - found.theta[0]) > 20 * sd / 200


@pytest.mark.parametrize("kappa", [1e-3, 1.0, 40.0, 1e4, 1e12])
def test_beta_binomial_terms_keep_their_digits(kappa: float) -> None:
    y, n = np.array([0.0, 3.0, 10.0]), np.array([10.0, 10.0, 10.0])
    family = BetaBinomial(y, n, np.ones(3), Beta(2, 2), Gamma(2, 0.1))
    t = np.array([[special.logit(0.3), np.log(kappa)]])
    found = family.terms(t)[0]
    if kappa < 1e6:
        truth = stats.betabinom.logpmf(y, n, 0.3 * kappa, 0.7 * kappa)
    else:  # where SciPy's has lost them, the limit
        truth = stats.binom.logpmf(y, n, 0.3)
    assert found == pytest.approx(truth, abs=1e-8)
