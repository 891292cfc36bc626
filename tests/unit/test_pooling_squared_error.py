"""Predicted errors of pooling: closed forms, Stein, limits and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hbstan.data import GroupedBinomial, GroupEstimates, grouped_binomial
from hbstan.errors import DataError, SettingsError
from hbstan.pooling.measured import evidence
from hbstan.pooling.squared_error import pooled_mean, risk, weights

V = np.array([0.3, 1.0, 4.0, 9.0, 0.1, 2.0])


def test_weights_are_those_of_sizes() -> None:
    n, sigma2, tau = np.array([5.0, 50.0, 500.0]), 7.0, 0.6
    expected = n / (n + sigma2 / tau**2)
    assert weights(sigma2 / n, tau) == pytest.approx(expected, rel=1e-12)


def test_no_pooling_is_the_sampling_variance() -> None:
    assert risk(V, 1.3).none == pytest.approx(V)


@pytest.mark.parametrize("tau", [0.0, 0.7, 5.0])
def test_complete_pooling_is_the_quadratic_form(tau: float) -> None:
    a = (1 / V) / (1 / V).sum()
    direct = []
    for j in range(len(V)):
        e = np.eye(len(V))[j] - a
        direct.append(tau**2 * (e @ e) + (a**2) @ V)
    assert risk(V, tau).complete == pytest.approx(direct, rel=1e-12)


def test_known_part_is_the_best_linear_predictor() -> None:
    """The first two terms by the general formula of prediction with unknown mean."""
    tau, ones = 0.8, np.ones(len(V))
    total = np.diag(V) + tau**2 * np.eye(len(V))
    inverse = np.linalg.inv(total)
    found = risk(V, tau)
    for j in range(len(V)):
        c = tau**2 * np.eye(len(V))[j]
        d = 1.0 - ones @ inverse @ c
        expected = tau**2 - c @ inverse @ c + d**2 / (ones @ inverse @ ones)
        assert found.known[j] + found.for_mu[j] == pytest.approx(expected, rel=1e-10)


def test_reml_information_is_that_of_the_projection() -> None:
    tau = 0.8
    u = np.diag(1 / (V + tau**2))
    ones = np.ones((len(V), 1))
    p = u - u @ ones @ ones.T @ u / (ones.T @ u @ ones)
    variance = 2.0 / np.trace(p @ p)
    expected = V**2 * np.diag(u) ** 3 * variance
    assert risk(V, tau).for_tau == pytest.approx(expected, rel=1e-10)


def test_limits() -> None:
    far = risk(V, 1e6)
    assert far.partial == pytest.approx(V, rel=1e-6)
    near = risk(V, 1e-9)
    alike = near.known + near.for_mu
    assert alike == pytest.approx(np.full(len(V), 1 / (1 / V).sum()), rel=1e-6)


@pytest.mark.parametrize(("groups", "gains"), [(2, False), (3, False), (6, True)])
def test_few_groups_gain_nothing(groups: int, gains: bool) -> None:
    found = risk(np.ones(groups), 1.0)
    assert bool(found.partial.mean() < found.none.mean()) is gains


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_no_unit_overflows(scale: float) -> None:
    found = risk(V * scale, np.sqrt(scale))
    assert found.partial / scale == pytest.approx(risk(V, 1.0).partial, rel=1e-9)


def test_a_group_without_data_has_the_population() -> None:
    v = np.append(V, np.inf)
    found = risk(v, 1.2)
    same = risk(V, 1.2)
    assert found.partial[:-1] == pytest.approx(same.partial)
    assert found.none[-1] == np.inf
    assert found.partial[-1] == pytest.approx(1.2**2 + 1 / (1 / (V + 1.44)).sum())
    alike = 1 / (1 / V).sum()
    a = (1 / V) / (1 / V).sum()
    assert found.complete[-1] == pytest.approx(1.44 * (1 + a @ a) + alike)


def test_pooled_mean_is_weighted_least_squares() -> None:
    y = np.arange(6.0)
    mean, variance = pooled_mean(y, V, 0.5)
    w = 1 / (V + 0.25)
    assert mean == pytest.approx(np.average(y, weights=w))
    assert variance == pytest.approx(1 / w.sum())


# By simulation: the estimate that is predicted is the one that pooling_lab makes.


def errors(
    v: NDArray[np.float64], tau: float, count: int, seed: int
) -> NDArray[np.float64]:
    """Squared errors of the estimated best linear predictor, (count, J)."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(3.0, tau, (count, len(v)))
    y = theta + rng.normal(0.0, np.sqrt(v), theta.shape)
    out = np.empty(theta.shape)
    for i in range(count):
        data = GroupEstimates(
            labels=tuple(map(str, range(len(v)))), y=y[i], sigma=np.sqrt(v)
        )
        found = evidence(data)
        w = weights(v, found.tau)
        mean, _ = pooled_mean(y[i], v, found.tau)
        out[i] = (w * y[i] + (1 - w) * mean - theta[i]) ** 2
    return out


V20 = np.tile([0.25, 0.5, 1.0, 2.0, 4.0], 4)


@pytest.fixture(scope="module")
def simulated() -> NDArray[np.float64]:
    return errors(V20, 1.0, 120, seed=1)


def test_prediction_agrees_with_simulation(simulated: NDArray[np.float64]) -> None:
    found = risk(V20, 1.0)
    overall = simulated.mean(axis=1)
    mcse = overall.std(ddof=1) / np.sqrt(len(overall))
    # Beyond chance the closed form may be off by its order of approximation.
    tolerance = 4 * mcse + 0.03 * found.partial.mean()
    assert overall.mean() == pytest.approx(found.partial.mean(), abs=tolerance)
    by_size = simulated.reshape(len(simulated), 4, 5).mean(axis=1)
    mcse_size = by_size.std(axis=0, ddof=1) / np.sqrt(len(by_size))
    expected = found.partial[:5]
    assert np.all(
        np.abs(by_size.mean(axis=0) - expected) < 4 * mcse_size + 0.1 * expected
    )


def test_simulation_refutes_a_wrong_prediction(simulated: NDArray[np.float64]) -> None:
    """As if the groups were half, or twice, as far apart."""
    overall = simulated.mean(axis=1)
    mcse = overall.std(ddof=1) / np.sqrt(len(overall))
    for tau in (0.5, 2.0):
        wrong = risk(V20, tau).partial.mean()
        assert abs(overall.mean() - wrong) > 4 * mcse + 0.03 * wrong


def test_near_zero_the_gain_is_not_exaggerated() -> None:
    found = errors(V20, 0.0, 60, seed=2).mean()
    assert found < risk(V20, 0.0).partial.mean() < V20.mean()


# Evidence


def binomial(y: list[int], n: list[int], **more: object) -> GroupedBinomial:
    labels = tuple(f"g{i}" for i in range(len(y)))
    return GroupedBinomial(labels=labels, y=np.array(y), n=np.array(n), **more)  # type: ignore[arg-type]


def test_binomial_risk_is_the_exact_bayes_risk() -> None:
    """Under a beta population of known mean: by summing over events and rates."""
    mu, kappa = 0.3, 20.0
    n = np.array([5, 40])
    tau2 = mu * (1 - mu) / (kappa + 1)
    sigma2 = mu * (1 - mu) - tau2
    found = risk(sigma2 / n, np.sqrt(tau2))
    for j, trials in enumerate(n):
        y = np.arange(trials + 1)
        p_y = stats.betabinom.pmf(y, trials, mu * kappa, (1 - mu) * kappa)
        a, b = mu * kappa + y, (1 - mu) * kappa + trials - y
        exact = p_y @ stats.beta.var(a, b)
        assert found.known[j] == pytest.approx(exact, rel=1e-9)
        mean = (mu * kappa + y) / (kappa + trials)
        linear = found.weight[j] * y / trials + (1 - found.weight[j]) * mu
        assert linear == pytest.approx(mean, rel=1e-9)


def test_binomial_variances_are_a_fixed_point() -> None:
    data = binomial([0, 18, 8, 46, 30], [47, 148, 119, 810, 200])
    found = evidence(data)
    assert found.within is not None
    whole = found.mu * (1 - found.mu)
    assert found.within == pytest.approx(whole - found.tau**2, rel=1e-5)
    assert found.variances == pytest.approx(found.within / data.n)
    lower, upper = found.tau_interval
    assert lower <= found.tau <= upper


def test_binomial_spread_is_recovered() -> None:
    rng = np.random.default_rng(3)
    p = rng.beta(6.0, 14.0, 400)
    n = rng.integers(5, 200, 400)
    found = evidence(binomial(rng.binomial(n, p).tolist(), n.tolist()))
    assert found.tau == pytest.approx(np.sqrt(0.3 * 0.7 / 21), rel=0.1)
    assert found.mu == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("events", [[0, 0, 0], [10, 20, 30], [1, 20, 0]])
def test_extreme_rates_have_finite_evidence(events: list[int]) -> None:
    found = evidence(binomial(events, [10, 20, 30]))
    assert np.isfinite([found.mu, found.tau, *found.tau_interval]).all()
    assert (found.variances > 0).all()
    assert found.tau <= 0.5


def test_log_odds() -> None:
    data = binomial([0, 18, 8], [47, 148, 119])
    found = evidence(data, "log-odds")
    y, n = data.y, data.n
    assert found.estimates == pytest.approx(np.log((y + 0.5) / (n - y + 0.5)))
    assert found.variances == pytest.approx(1 / (y + 0.5) + 1 / (n - y + 0.5))
    assert found.within is None


def test_means_with_sums_of_squares() -> None:
    rng = np.random.default_rng(4)
    n = np.array([5, 50, 500])
    raw = [rng.normal(m, 2.0, k) for m, k in zip((0.0, 1.0, 3.0), n, strict=True)]

    class Means:
        kind, name, labels = "normal_groups", "means", ("a", "b", "c")
        y = np.array([r.mean() for r in raw])
        ss = np.array([((r - r.mean()) ** 2).sum() for r in raw])

    Means.n = n  # type: ignore[attr-defined]
    found = evidence(Means())
    pooled = sum(((r - r.mean()) ** 2).sum() for r in raw) / (n - 1).sum()
    assert found.within == pytest.approx(pooled)
    assert found.variances == pytest.approx(pooled / n)
    assert found.size_name == "observations"


def test_scale_that_the_data_have_not() -> None:
    data = GroupEstimates(labels=("a", "b"), y=np.zeros(2), sigma=np.ones(2))
    with pytest.raises(SettingsError, match=r"'log-odds'; legal for normal data: None"):
        evidence(data, "log-odds")
    with pytest.raises(SettingsError, match="'logit'; legal for binomial"):
        evidence(binomial([1, 2], [3, 4]), "logit")


def test_too_few_groups_with_data() -> None:
    with pytest.raises(DataError, match="1 of 3 groups have data"):
        evidence(binomial([1, 0, 0], [3, 0, 0]))


def test_data_without_estimates() -> None:
    class Curves:
        kind, name, labels = "curves", "mine", ("a", "b")
        y = np.zeros((2, 3))

    with pytest.raises(DataError, match="'mine' has no estimate"):
        evidence(Curves())


def test_a_table_is_read() -> None:
    table = {"ward": ["A", "B"], "n": [10, 20], "r": [1, 0]}
    data = grouped_binomial(table, group="ward", trials="n", events="r")
    assert evidence(data).labels == ("A", "B")
