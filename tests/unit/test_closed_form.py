"""Normal groups in closed form, and empirical Bayes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, stats

import hbstan as hb
from hbstan.data import group_estimates, grouped_binomial, normal_groups
from hbstan.errors import DataError
from hbstan.pooling import conditional_posterior, empirical_bayes, shrinkage_weights

Y = np.array([28.0, 8.0, -3.0])
SE = np.array([15.0, 10.0, 0.5])


def test_weights_are_those_of_precisions() -> None:
    n, sigma, tau = np.array([1, 5, 50, 500]), 2.0, 0.7
    weights = shrinkage_weights(sigma / np.sqrt(n), tau)
    np.testing.assert_allclose(weights, n / (n + sigma**2 / tau**2), rtol=1e-14)
    assert (np.diff(weights) > 0).all()


def test_the_posterior_is_that_of_numerical_integration() -> None:
    found = conditional_posterior(Y, SE, 5.0, 4.0)
    for j in range(3):

        def density(theta: float, j: int = j) -> float:
            return float(
                stats.norm.pdf(Y[j], theta, SE[j]) * stats.norm.pdf(theta, 5.0, 4.0)
            )

        middle, width = found.mean[j], 12 * math.sqrt(found.variance[j])
        moments = [
            integrate.quad(
                lambda t, k=k: t**k * density(t),
                middle - width,
                middle + width,
                epsabs=0,
            )[0]
            for k in range(3)
        ]
        mean = moments[1] / moments[0]
        assert found.mean[j] == pytest.approx(mean, rel=1e-8)
        variance = moments[2] / moments[0] - mean**2
        assert found.variance[j] == pytest.approx(variance, rel=1e-6)
    by_precision = 1 / (1 / SE**2 + 1 / 16)
    np.testing.assert_allclose(found.variance, by_precision, rtol=1e-12)


def test_limits_are_complete_and_no_pooling() -> None:
    complete = conditional_posterior(Y, SE, 5.0, 0.0)
    assert complete.mean.tolist() == [5.0] * 3
    assert complete.variance.tolist() == complete.weight.tolist() == [0.0] * 3
    none = conditional_posterior(Y, SE, 5.0, math.inf)
    np.testing.assert_allclose(none.mean, Y, rtol=1e-14)
    np.testing.assert_allclose(none.variance, SE**2, rtol=1e-14)
    near = conditional_posterior(Y, SE, 5.0, [1e-9, 1e9])
    np.testing.assert_allclose(near.mean, [[5.0] * 3, Y], rtol=1e-12)


def test_draws_are_a_leading_dimension() -> None:
    mu, tau, sigma = np.array([[1.0, 2.0]]), np.array([[0.5, 3.0]]), np.array([[1, 2]])
    se = sigma[..., None] / np.sqrt([4, 9, 25])
    found = conditional_posterior(Y, se, mu, tau)
    assert found.mean.shape == found.variance.shape == found.weight.shape == (1, 2, 3)
    alone = conditional_posterior(Y, se[0, 1], 2.0, 3.0)
    np.testing.assert_array_equal(found.mean[0, 1], alone.mean)


# --- empirical Bayes


def test_balanced_groups_have_a_closed_form() -> None:
    """Analysis of variance: sigma^2 = SSW / (J (n - 1)), tau^2 by SSB."""
    rng = np.random.default_rng(1)
    groups, size = 6, 5
    values = rng.normal(rng.normal(3.0, 2.0, (groups, 1)), 1.0, (groups, size))
    table = {"g": np.repeat(range(groups), size), "x": values.ravel()}
    data = normal_groups(table, group="g", value="x")
    found = empirical_bayes(data)
    within = data.ss.sum() / (groups * (size - 1))
    between = size * ((data.y - data.y.mean()) ** 2).sum() / groups
    assert found.mu == pytest.approx(data.y.mean(), rel=1e-12)
    assert found.sigma == pytest.approx(math.sqrt(within), rel=1e-6)
    assert found.tau == pytest.approx(math.sqrt((between - within) / size), rel=1e-6)


@pytest.mark.parametrize("name", ["coagulation", "omega_small", "small_groups"])
def test_the_likelihood_is_highest_among_multivariate_normals(name: str) -> None:
    """The observations of a group are one normal vector, equally correlated."""
    data = hb.datasets.load(name)
    found = empirical_bayes(data)
    assert found.sigma is not None

    def height(x: np.ndarray) -> float:
        mu, tau, sigma = x[0], math.exp(x[1]), math.exp(x[2])
        total = 0.0
        for n, y, ss in zip(data.n, data.y, data.ss, strict=True):
            # Any observations with this mean and sum of squares will do.
            values = np.full(n, y)
            if n > 1:
                values[:2] += np.array([1, -1]) * math.sqrt(ss / 2)
            cov = sigma**2 * np.eye(n) + tau**2
            total += stats.multivariate_normal.logpdf(values, np.full(n, mu), cov)
        return total

    best = np.array([found.mu, math.log(found.tau), math.log(found.sigma)])
    assert height(best) == pytest.approx(found.log_likelihood, rel=1e-10)
    start = [data.y.mean(), math.log(data.y.std()), math.log(data.pooled_sd())]
    if data.J > 20:  # checked at the maximum alone: brute force is slow
        for k, step in ((0, 1e-3), (1, 1e-3), (2, 1e-3)):
            for sign in (-1, 1):
                assert height(best + sign * step * np.eye(3)[k]) < height(best)
        return
    other = optimize.minimize(lambda x: -height(x), start, method="Nelder-Mead")
    assert -other.fun <= found.log_likelihood + 1e-9
    np.testing.assert_allclose(best, other.x, atol=2e-3)


def test_known_errors_give_what_pymare_gives() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        from pymare import Dataset
        from pymare.estimators import VarianceBasedLikelihoodEstimator
    for name in ("pharma", "climate"):
        data = hb.datasets.load(name)
        found = empirical_bayes(data)
        # PyMARE searches with absolute tolerances: in units of the spread.
        unit = data.y.std()
        theirs = VarianceBasedLikelihoodEstimator(method="ML").fit_dataset(
            Dataset(y=data.y / unit, v=(data.sigma / unit) ** 2)
        )
        tau = unit * math.sqrt(float(np.ravel(theirs.params_["tau2"])[0]))
        mu = unit * float(np.ravel(theirs.params_["fe_params"])[0])
        assert found.tau == pytest.approx(tau, rel=1e-3)
        assert found.mu == pytest.approx(mu, rel=1e-4)
        assert found.sigma is None


def test_groups_that_differ_by_no_more_than_their_errors_are_pooled() -> None:
    data = hb.datasets.load("eight_schools")
    found = empirical_bayes(data)
    assert found.tau == 0.0
    weights = 1 / np.asarray(data.sigma) ** 2
    assert found.mu == pytest.approx((weights * data.y).sum() / weights.sum())
    assert found.table["mean"].tolist() == pytest.approx([found.mu] * 8)
    assert found.table["sd"].tolist() == [0.0] * 8
    equal = group_estimates(
        {"y": [1.0, 1.0], "s": [1.0, 2.0]}, group=None, estimate="y", se="s"
    )
    assert empirical_bayes(equal).tau == 0.0


def test_the_unit_does_not_matter() -> None:
    data = hb.datasets.load("coagulation")
    table = data.to_frame()
    table[["mean", "sd"]] *= 1e-6
    small = normal_groups(table, group="diet", n="n", mean="mean", sd="sd")
    ours, theirs = empirical_bayes(data), empirical_bayes(small)
    for name in ("mu", "tau", "sigma"):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert b == pytest.approx(1e-6 * a, rel=1e-6)


def test_the_higher_of_two_maxima_is_found() -> None:
    """Two precise groups apart, and many vague ones that agree."""
    table = {"y": [0.0, 3.0, *[1.5] * 30], "s": [0.01, 0.01, *[1.0] * 30]}
    data = group_estimates(table, group=None, estimate="y", se="s")
    found = empirical_bayes(data)
    y, s = np.array(table["y"]), np.array(table["s"])
    fine = np.linspace(0, 5, 20001)
    variance = fine[:, None] ** 2 + s**2
    mu = (y / variance).sum(axis=1) / (1 / variance).sum(axis=1)
    heights = stats.norm.logpdf(y, mu[:, None], np.sqrt(variance)).sum(axis=1)
    assert found.tau == pytest.approx(fine[heights.argmax()], abs=5e-4)
    assert found.log_likelihood == pytest.approx(heights.max(), abs=1e-6)


def test_other_data_are_refused() -> None:
    data = grouped_binomial(
        {"n": [3, 4], "r": [1, 2]}, group=None, trials="n", events="r"
    )
    with pytest.raises(DataError, match="holds binomial data; legal: normal_groups"):
        empirical_bayes(data)


def test_one_estimate_that_tells_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    y, se = 2 * rng.normal(size=20) + rng.normal(size=20), np.ones(20)
    roles: Any = {"group": None, "estimate": "y", "se": "s"}
    alone = empirical_bayes(group_estimates({"y": y, "s": se}, **roles)).tau
    for error in (1e4, 1e6):
        more = {"y": np.append(y, 1.5 * error), "s": np.append(se, error)}
        found = empirical_bayes(group_estimates(more, **roles)).tau
        assert found == pytest.approx(alone, rel=1e-4)


def test_bundled_data_are_found_by_name() -> None:
    assert empirical_bayes("coagulation").sigma == pytest.approx(2.366, abs=1e-3)
