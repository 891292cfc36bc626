"""``log_lik_group``: the group's parameter integrated out, against quadrature."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from programs import FUNCTIONS, altered, build, values_at
from reference import ARGUMENTS, binomial_logit_normal
from scipy import integrate, special, stats

#: An array of shape (hyperparameter pairs, groups).
Grid = NDArray[np.float64]

#: The promised absolute accuracy of a log probability.
ACCURACY = 1e-6

TRIALS = (0, 1, 5, 47, 810, 10**4, 10**6)
TAU = (0.01, 0.1, 0.45, 1.0, 2.0, 5.0)
MU = (-8.0, -2.56, 0.3, 8.0)


def outcomes(n: int) -> list[int]:
    """Return none, one, few, half, all but one and all events."""
    return sorted({y for y in (0, 1, n // 50, n // 2, n - 1, n) if 0 <= y <= n})


GROUPS = [(n, y) for n in TRIALS for y in outcomes(n)]


def logit_data(groups: list[tuple[int, int]]) -> dict[str, Any]:
    # Held out everywhere: log_lik_group has to be there all the same.
    return {
        "J": len(groups),
        "n": [n for n, _ in groups],
        "y": [y for _, y in groups],
        "holdout": [1] * len(groups),
        "predictive": 1,
        "prior_mu": 1,
        "prior_mu_args": ARGUMENTS[1][0],
        "prior_tau": 4,
        "prior_tau_args": ARGUMENTS[4][0],
    }


def logit_log_lik_group(
    groups: list[tuple[int, int]],
    hyper: list[tuple[float, float]],
    root: Path | None = None,
    name: str = "logit_noncentered",
) -> NDArray[np.float64]:
    """Evaluate the program: shape (hyperparameter pairs, groups)."""
    points = np.zeros((len(hyper), len(groups) + 2))
    points[:, 0] = [mu for mu, _ in hyper]
    points[:, 1] = np.log([tau for _, tau in hyper])
    model = build(name, logit_data(groups), root)
    return values_at(model, points)["log_lik_group"][:, 0]


def bisect(left_of: Callable[[Grid], NDArray[np.bool_]], low: Grid, high: Grid) -> Grid:
    """Return where ``left_of`` turns from true to false, element by element."""
    for _ in range(100):
        middle = 0.5 * (low + high)
        left = left_of(middle)
        low, high = np.where(left, middle, low), np.where(left, high, middle)
    return 0.5 * (low + high)


def binomial_logit_normal_grid(
    groups: list[tuple[int, int]], hyper: list[tuple[float, float]]
) -> Grid:
    """Integrate over the log-odds: shape (hyperparameter pairs, groups).

    64 panels of 20 Gauss-Legendre nodes between the points where the integrand
    has fallen by ``exp(-60)`` from its peak; peak and ends come from bisection.
    """
    n, y = np.array(groups, dtype=float).T
    mu, tau = np.array(hyper)[:, :1], np.array(hyper)[:, 1:]

    def log_f(theta: Grid) -> Grid:
        binomial = y * theta - n * np.logaddexp(0.0, theta)
        return np.asarray(binomial - 0.5 * ((theta - mu) / tau) ** 2)

    def rising(theta: Grid) -> NDArray[np.bool_]:
        return np.asarray(y - n * special.expit(theta) > (theta - mu) / tau**2)

    mode = bisect(rising, mu + tau**2 * (y - n), mu + tau**2 * y)
    peak = log_f(mode)
    left = bisect(lambda t: log_f(t) < peak - 60, mode - 12 * tau, mode)
    right = bisect(lambda t: log_f(t) > peak - 60, mode, mode + 12 * tau)
    half = (right - left) / 128
    nodes, weights = np.polynomial.legendre.leggauss(20)
    total = np.zeros_like(mode)
    for panel, (node, weight) in product(range(64), zip(nodes, weights, strict=True)):
        theta = left + half * (2 * panel + 1 + node)
        total += weight * np.exp(log_f(theta) - peak)
    choose = -np.log1p(n) - special.betaln(n - y + 1, y + 1)
    integral = np.log(half * total / (tau * np.sqrt(2 * np.pi)))
    return np.asarray(choose + peak + integral)


def assert_accurate(
    tau: float, mu: tuple[float, ...], root: Path | None = None
) -> None:
    """Compare the whole grid of groups with composite Gauss-Legendre sums."""
    hyper = [(m, tau) for m in mu]
    values = logit_log_lik_group(GROUPS, hyper, root)
    some = np.array([n > 0 for n, _ in GROUPS])
    assert (abs(values[:, ~some]) <= ACCURACY).all()
    groups = [group for group in GROUPS if group[0]]
    expected = binomial_logit_normal_grid(groups, hyper)
    np.testing.assert_allclose(values[:, some], expected, rtol=0, atol=ACCURACY)


@pytest.mark.parametrize("tau", TAU)
def test_quadrature_holds_its_accuracy_on_the_grid(tau: float) -> None:
    assert_accurate(tau, MU)


@pytest.mark.parametrize("tau", [0.001, 20.0, 100.0])
def test_quadrature_reaches_beyond_the_grid(tau: float) -> None:
    assert_accurate(tau, (-2.56, 3.0))


def test_both_logit_programs_agree() -> None:
    hyper = [(-2.5, 0.4), (1.0, 2.0)]
    np.testing.assert_array_equal(
        logit_log_lik_group(GROUPS, hyper, name="logit_centered"),
        logit_log_lik_group(GROUPS, hyper, name="logit_noncentered"),
    )


@pytest.mark.parametrize("tau", TAU)
def test_probabilities_of_all_outcomes_add_up_to_one(tau: float) -> None:
    groups = [(n, y) for n in (1, 47, 810) for y in range(n + 1)]
    values = logit_log_lik_group(groups, [(mu, tau) for mu in MU])
    trials = np.array([n for n, _ in groups])
    for n in (1, 47, 810):
        totals = special.logsumexp(values[:, trials == n], axis=1)
        np.testing.assert_allclose(totals, 0.0, atol=ACCURACY)


def test_events_and_non_events_are_mirror_images() -> None:
    groups = [(n, y) for n, y in GROUPS if n]
    mirrored = [(n, n - y) for n, y in groups]
    np.testing.assert_allclose(
        logit_log_lik_group(groups, [(-1.3, 2.0)]),
        logit_log_lik_group(mirrored, [(1.3, 2.0)]),
        atol=2e-7,
    )


def test_no_spread_gives_the_binomial() -> None:
    groups = [(n, y) for n, y in GROUPS if n <= 810]
    values = logit_log_lik_group(groups, [(-2.56, 1e-9), (-2.56, 1e-300)])
    expected = [stats.binom.logpmf(y, n, special.expit(-2.56)) for n, y in groups]
    np.testing.assert_allclose(values, [expected] * 2, atol=ACCURACY)


FAULTS = {
    "nodes of the population instead of the integrand": (
        "binomial_logit_edge(mode, -1, y, n, mu, tau)",
        "-8.0",
    ),
    "variance for standard deviation": (
        "real theta = mu + tau * x;",
        "real theta = mu + square(tau) * x;",
    ),
    "step blind to the logistic curve": ("fmax(2 * tau * width, 40)", "40.0"),
    "stretch cut off at a drop of 10": (
        "binomial_logit_kernel(mode, y, n, mu, tau) - 25",
        "binomial_logit_kernel(mode, y, n, mu, tau) - 10",
    ),
    "no binomial coefficient": ("return lchoose(n, y) + peak", "return peak"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_quadrature_is_caught(fault: str, tmp_path: Path) -> None:
    file = "functions/quadrature.stanfunctions"
    root = altered(tmp_path / "stan", file, *FAULTS[fault])
    with pytest.raises(AssertionError):
        assert_accurate(5.0, MU, root)


# --- few events or non-events against a population far away

#: Trials, events, mu and tau where Newton steps from a guess between data and
#: population swing from one side of the mode to the other for ever.
CYCLES = [
    (1000, 0, 3.75, 0.1228),
    (1490, 0, 4.51, 0.092),
    (44015, 2, 4.69, 0.019),
    (10**6, 0, 3.0, 0.01),
]
MIRRORED = [(n, n - y, -mu, tau) for n, y, mu, tau in CYCLES]


def assert_cycles_accurate(root: Path | None = None) -> None:
    """Compare every group of the list with adaptive integration at every pair."""
    points = CYCLES + MIRRORED
    groups = [(n, y) for n, y, _, _ in points]
    hyper = [(mu, tau) for _, _, mu, tau in points]
    expected = [
        [binomial_logit_normal(y, n, mu, tau) for n, y in groups] for mu, tau in hyper
    ]
    values = logit_log_lik_group(groups, hyper, root)
    np.testing.assert_allclose(values, expected, rtol=0, atol=ACCURACY)


def draw_far_points(
    seed: int, pairs: int, size: int
) -> tuple[list[tuple[int, int]], list[tuple[float, float]]]:
    """Draw groups with at most five events or non-events, and (mu, tau) pairs."""
    rng = np.random.default_rng(seed)
    n = np.exp(rng.uniform(np.log(1e2), np.log(1e6), size)).astype(int)
    few = rng.integers(0, 6, size)
    y = np.where(rng.random(size) < 0.5, few, n - few)
    mu = rng.uniform(-8, 8, pairs)
    tau = np.exp(rng.uniform(np.log(0.01), np.log(5), pairs))
    return (
        list(zip(n.tolist(), y.tolist(), strict=True)),
        list(zip(mu.tolist(), tau.tolist(), strict=True)),
    )


def assert_far_points_accurate(root: Path | None = None) -> None:
    """Compare 10,000 random points with composite Gauss-Legendre sums."""
    groups, hyper = draw_far_points(seed=1, pairs=100, size=100)
    np.testing.assert_allclose(
        logit_log_lik_group(groups, hyper, root),
        binomial_logit_normal_grid(groups, hyper),
        rtol=0,
        atol=ACCURACY,
    )


def test_groups_far_from_the_population_are_accurate() -> None:
    assert_cycles_accurate()


def test_random_far_points_are_accurate() -> None:
    assert_far_points_accurate()


def test_the_two_references_agree() -> None:
    groups, hyper = draw_far_points(seed=2, pairs=6, size=6)
    groups += [(n, y) for n, y, _, _ in CYCLES]
    hyper += [(mu, tau) for _, _, mu, tau in CYCLES]
    adaptive = [
        [binomial_logit_normal(y, n, mu, tau) for n, y in groups] for mu, tau in hyper
    ]
    np.testing.assert_allclose(
        binomial_logit_normal_grid(groups, hyper), adaptive, rtol=0, atol=2e-7
    )


#: Kept in a bracket, but bisected only when a step leaves it: steps that land near
#: its two ends by turns hardly shrink it.
BRACKETED = """real low = tau * (y - n);
  real high = tau * y;
  real x = guess;
  real scaled_move = 1;
  int iteration = 0;
  while (scaled_move > 0.1 && iteration < 100) {
    real p = inv_logit(mu + tau * x);
    real slope = tau * (y - n * p) - x;
    real curvature = 1 + square(tau) * n * p * (1 - p);
    real next = x + slope / curvature;
    if (slope > 0) {
      low = fmax(low, x);
    } else {
      high = fmin(high, x);
    }
    if (next < low || next > high) {
      next = 0.5 * (low + high);
    }
"""


def mode_source() -> str:
    """Return the search for the mode, from the guess to the end of a step."""
    text = (FUNCTIONS / "quadrature.stanfunctions").read_text()
    start = text.index("real x = side * fmax(side * guess")
    return text[start : text.index("    scaled_move = abs(next - x)", start)]


#: What to replace in the search for the mode, and by what.
CYCLING: dict[str, Callable[[], tuple[str, str]]] = {
    "plain": lambda: ("next = side * fmax(side * next, side * center);", ""),
    "bracketed": lambda: (mode_source(), BRACKETED),
}


@pytest.mark.parametrize(
    ("search", "check"),
    [
        ("plain", assert_far_points_accurate),
        ("bracketed", assert_far_points_accurate),
        ("bracketed", assert_cycles_accurate),
    ],
)
def test_search_that_cycles_is_caught(
    search: str, check: Callable[[Path], None], tmp_path: Path
) -> None:
    file = "functions/quadrature.stanfunctions"
    root = altered(tmp_path / "stan", file, *CYCLING[search]())
    with pytest.raises(AssertionError):
        check(root)


# --- closed forms


def beta_binomial_values(mu: float, kappa: float) -> NDArray[np.float64]:
    data = logit_data(GROUPS)
    del data["prior_tau"], data["prior_tau_args"]
    data |= {"prior_mu": 7, "prior_mu_args": ARGUMENTS[7][0]}
    data |= {"prior_kappa": 8, "prior_kappa_args": ARGUMENTS[8][0]}
    q = np.zeros((1, len(GROUPS) + 2))
    q[0, :2] = special.logit(mu), np.log(kappa)
    return values_at(build("beta_binomial", data), q)["log_lik_group"][0, 0]


def beta_binomial_quad(n: int, y: int, alpha: float, beta: float) -> float:
    """Integrate over the log-odds, where the beta density has no poles."""

    def log_f(theta: float) -> float:
        a, b = alpha + y, beta + n - y
        return float(a * theta - (a + b) * np.logaddexp(0.0, theta))

    a, b = alpha + y, beta + n - y
    mode, sd = np.log(a / b), np.sqrt(1 / a + 1 / b)
    peak = log_f(mode)
    cuts = mode + sd * np.array([-40.0, -8.0, -2.0, 0.0, 2.0, 8.0, 40.0])
    # The tails fall like exp(a * theta) and exp(-b * theta).
    cuts[0] -= 40 / a
    cuts[-1] += 40 / b
    total = sum(
        integrate.quad(lambda t: np.exp(log_f(t) - peak), low, high, epsabs=1e-12 * sd)[
            0
        ]
        for low, high in pairwise(cuts)
    )
    choose = -np.log1p(n) - special.betaln(n - y + 1, y + 1)
    return float(choose + peak + np.log(total) - special.betaln(alpha, beta))


@pytest.mark.parametrize("mu", [0.075, 0.5])
@pytest.mark.parametrize("kappa", [0.9, 9.0, 400.0])
def test_beta_binomial_matches_integration(mu: float, kappa: float) -> None:
    values = beta_binomial_values(mu, kappa)
    alpha, beta = mu * kappa, (1 - mu) * kappa
    for value, (n, y) in zip(values, GROUPS, strict=True):
        expected = beta_binomial_quad(n, y, alpha, beta)
        assert value == pytest.approx(expected, abs=ACCURACY), (n, y)
        assert value == pytest.approx(
            stats.betabinom.logpmf(y, n, alpha, beta), abs=ACCURACY
        )


EIGHT_SCHOOLS: dict[str, Any] = {
    "J": 8,
    "y": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
    "sigma": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
    "holdout": [0, 0, 1, 0, 0, 0, 1, 0],
    "predictive": 1,
    "prior_mu": 1,
    "prior_mu_args": [0.0, 5.0, 0.0],
    "prior_tau": 4,
    "prior_tau_args": [5.0, 0.0, 0.0],
}
SCHOOLS = ["eight_schools_centered", "eight_schools_noncentered"]


def assert_normal_accurate(name: str, root: Path | None = None) -> None:
    """Compare with the integral over theta of likelihood times population."""
    hyper = [(4.0, 0.01), (4.0, 3.0), (-20.0, 15.0)]
    points = np.zeros((len(hyper), 10))
    points[:, :2] = [(mu, np.log(tau)) for mu, tau in hyper]
    values = values_at(build(name, EIGHT_SCHOOLS, root), points)["log_lik_group"]
    x, weight = np.polynomial.hermite_e.hermegauss(120)
    for i, (mu, tau) in enumerate(hyper):
        y, sigma = EIGHT_SCHOOLS["y"], EIGHT_SCHOOLS["sigma"]
        likelihood = stats.norm.pdf(y, (mu + tau * x)[:, None], sigma)
        expected = np.log(weight @ likelihood / np.sqrt(2 * np.pi))
        np.testing.assert_allclose(values[i, 0], expected, atol=ACCURACY)


@pytest.mark.parametrize("name", SCHOOLS)
def test_eight_schools_matches_integration(name: str) -> None:
    assert_normal_accurate(name)


@pytest.mark.parametrize("name", SCHOOLS)
def test_wrong_marginal_of_the_eight_schools_is_caught(
    name: str, tmp_path: Path
) -> None:
    root = altered(
        tmp_path / "stan",
        f"models/{name}.stan",
        "hypot(tau, sigma[j])",
        "(tau + sigma[j])",
    )
    with pytest.raises(AssertionError):
        assert_normal_accurate(name, root)
