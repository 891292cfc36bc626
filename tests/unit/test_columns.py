"""Constant and dependent covariates, and the summaries that tables are made of."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hbstan.data.columns import (
    Dependence,
    first_constant,
    first_dependent,
    standardised,
)
from hbstan.predictive.summaries import error_of_mean, interval, summarise


@pytest.fixture
def X() -> np.ndarray:
    return np.random.default_rng(1).normal([3.0, -2.0, 0.0], [5.0, 0.1, 1.0], (20, 3))


def test_standardised_columns(X: np.ndarray) -> None:
    np.testing.assert_allclose(standardised(X), stats.zscore(X, ddof=1), rtol=1e-12)
    assert standardised(X[:, :0]).shape == (20, 0)


def test_first_constant(X: np.ndarray) -> None:
    assert first_constant(X) is None
    assert first_constant(X[:, :0]) is None
    X[:, 1:] = 0.1
    assert first_constant(X) == 1
    X[3, 1] += 1e-12
    assert first_constant(X) == 2
    assert first_constant(X, 1e-10) == 1


def test_first_dependent(X: np.ndarray) -> None:
    assert first_dependent(X, 1e-4) is None
    X = np.column_stack([X, 7.0 - 2.0 * X[:, 0] + 1e6 * X[:, 2]])
    assert first_dependent(X, 1e-6) == Dependence(3, (0, 2))
    X[:, 3] = X[:, 1]
    assert first_dependent(X, 1e-6) == Dependence(3, (1,))


def test_the_tolerance_is_that_of_the_residual(X: np.ndarray) -> None:
    a, b = (stats.zscore(column) for column in X[:, :2].T)
    b -= (a @ b) / (a @ a) * a
    pair = np.column_stack([a, a + 1e-3 * stats.zscore(b)])
    assert first_dependent(pair, 1.01e-3) == Dependence(1, (0,))
    assert first_dependent(pair, 0.99e-3) is None


def test_summaries_are_those_of_all_draws() -> None:
    draws = np.random.default_rng(2).normal(size=(4, 500, 3))
    flat = draws.reshape(-1, 3)
    found = summarise(draws, 0.9)
    assert list(found) == ["mean", "sd", "lower", "upper"]
    np.testing.assert_allclose(found["mean"], flat.mean(axis=0))
    np.testing.assert_allclose(found["sd"], flat.std(axis=0, ddof=1))
    ends = stats.mstats.mquantiles(flat, [0.05, 0.95], alphap=1, betap=1, axis=0)
    np.testing.assert_allclose([found["lower"], found["upper"]], ends)
    np.testing.assert_allclose(interval(flat, 0.9, axis=0), ends)
    # Of independent draws it is sd / sqrt(2000), which ArviZ knows to some 5 %.
    assert error_of_mean(draws[..., 0]) == pytest.approx(2000**-0.5, rel=0.2)
