"""Leave-one-out PIT values in closed form, and the test of their uniformity."""

from __future__ import annotations

import json
from typing import Any

import arviz_stats
import numpy as np
import pytest
from predictive_fits import beta_fit, normal_fit, posterior_of_mu
from scipy.stats import beta, betabinom, kstest, norm

from hbstan.errors import FitError, SettingsError
from hbstan.predictive import loo_pit
from hbstan.predictive.uniformity import pot_c
from hbstan.results import Outcome
from hbstan.workflow import cross_validate

# -- the test of uniformity


def test_the_pointwise_p_values_are_those_of_order_statistics() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(size=7)
    _, pointwise = pot_c(values)
    order = np.argsort(values)
    for rank, index in enumerate(order, start=1):
        below = beta(rank, 8 - rank).cdf(values[index])
        assert pointwise[index] == pytest.approx(2 * min(below, 1 - below))


def test_it_is_the_library_s_where_the_library_has_it() -> None:
    rng = np.random.default_rng(2)
    library = getattr(arviz_stats.base.array_stats, "uniformity_test", None)
    for size in (1, 5, 40):
        values = rng.beta(0.8, 1.3, size)
        mine = pot_c(values)[0]
        # The definition, written out.
        i = np.arange(1, size + 1)
        below = beta.cdf(np.sort(values), i, size + 1 - i)
        p = 2 * np.minimum(below, 1 - below)
        terms = np.where(p < 0.5, np.tan(np.pi * (0.5 - p)), 0)
        assert mine == pytest.approx(0.5 - np.arctan(terms.mean()) / np.pi)
        if library is not None:
            assert mine == pytest.approx(float(library(values)[0]), rel=1e-6)


def test_independent_uniform_values_are_seldom_rejected() -> None:
    rng = np.random.default_rng(3)
    rejected = [pot_c(rng.uniform(size=12))[0] < 0.05 for _ in range(1000)]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_dependent_values_of_one_posterior_are_seldom_rejected() -> None:
    # A common normal mean, known only from the data: leave-one-out in closed form.
    rng = np.random.default_rng(4)
    count, runs = 10, 1000
    y = rng.normal(0, 1, (runs, count))
    others = (y.sum(axis=1, keepdims=True) - y) / (count - 1)
    pit = norm.cdf((y - others) / np.sqrt(1 + 1 / (count - 1)))
    assert abs(np.corrcoef(pit[:, 0], pit[:, 1])[0, 1] + 1 / 9) < 0.1
    rejected = [pot_c(row)[0] < 0.05 for row in pit]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(("a", "b"), [(0.25, 0.25), (6, 6), (3, 1), (1, 3)])
def test_values_that_are_not_uniform_are_rejected(a: float, b: float) -> None:
    rng = np.random.default_rng(5)
    assert np.mean([pot_c(rng.beta(a, b, 40))[0] < 0.05 for _ in range(50)]) > 0.9


@pytest.mark.parametrize("values", [[0.0], [1.0], [0.0, 1.0], [0.5]])
def test_the_ends_are_legal(values: Any) -> None:
    p, pointwise = pot_c(values)
    assert 0 < p <= 0.5
    assert np.isfinite(pointwise).all()


@pytest.mark.parametrize("values", [[], [0.5, 1.5], [np.nan], [[0.5]]])
def test_other_values_are_refused(values: Any) -> None:
    with pytest.raises(SettingsError, match="from 0 to 1"):
        pot_c(values)


# -- leave-one-out values


Y = np.array([1.0, 4.0, -2.0, 0.5, 2.5, 6.0, -1.0, 3.0])
SIGMA = np.array([1.0, 2.0, 1.5, 1.0, 3.0, 2.0, 1.0, 2.5])
TAU = 2.0


def exact_pit(y: Any, sigma: Any, tau: float) -> Any:
    out = []
    for j in range(len(y)):
        others = np.arange(len(y)) != j
        mean, var = posterior_of_mu(y[others], sigma[others], tau, 10.0)
        out.append(norm.cdf(y[j], mean, np.sqrt(var + tau**2 + sigma[j] ** 2)))
    return np.array(out)


def test_values_of_normal_groups_are_those_of_the_closed_form() -> None:
    found = loo_pit(normal_fit(Y, SIGMA, TAU), seed=1)
    assert found.method == "psis_group"
    exact = exact_pit(Y, SIGMA, TAU)
    error = np.sqrt(exact * (1 - exact) / 4000)
    # The weights cost some of the draws.
    assert (abs(found.table["pit"] - exact) < 6 * error).all()
    assert not found.doubtful
    assert found.checks().passed
    # The posterior that saw the group would be another one.
    mean, var = posterior_of_mu(Y, SIGMA, TAU, 10.0)
    seen = norm.cdf(Y, mean, np.sqrt(var + TAU**2 + SIGMA**2))
    assert (abs(found.table["pit"] - seen) > 6 * error).any()


def test_the_conditional_likelihood_has_the_same_target() -> None:
    # Groups that say little of themselves, so that its weights are good.
    sigma = np.full(8, 6.0)
    found = loo_pit(normal_fit(Y, sigma, TAU), method="psis", seed=1)
    exact = exact_pit(Y, sigma, TAU)
    assert not found.doubtful
    assert (abs(found.table["pit"] - exact) < 0.06).all()


def test_held_out_groups_need_no_weights() -> None:
    fit = normal_fit(Y, SIGMA, TAU, held_out=("g5",))
    table = loo_pit(fit, seed=1).table
    exact = exact_pit(Y, SIGMA, TAU)[5]
    assert table.loc["g5", "pit"] == pytest.approx(exact, abs=0.02)
    assert table.loc["g5", "k"] == 0
    assert table.loc["g5", "held_out"]
    every = loo_pit(normal_fit(Y, SIGMA, TAU, held_out=tuple(table.index)), seed=1)
    expected = norm.cdf(Y, 0, np.sqrt(100 + TAU**2 + SIGMA**2))
    assert every.table["pit"].to_numpy() == pytest.approx(expected, abs=0.04)


def test_values_of_counts_are_uniform() -> None:
    rng = np.random.default_rng(6)
    n = np.full(300, 5)
    y = rng.binomial(n, rng.beta(1.6, 8.4, n.size))
    found = loo_pit(beta_fit(n, y, 0.16, 10.0, draws=500), seed=1)
    assert kstest(found.table["pit"], "uniform").pvalue > 0.01
    assert found.checks().passed
    steps = betabinom.cdf(y, n, 1.6, 8.4)
    assert kstest(steps, "uniform").pvalue < 1e-6


@pytest.mark.parametrize("kappa", [1.5, 1000.0])
def test_a_population_of_the_wrong_width_fails(kappa: float) -> None:
    rng = np.random.default_rng(7)
    n = np.full(60, 100)
    y = rng.binomial(n, rng.beta(1.6, 8.4, n.size))
    found = loo_pit(beta_fit(n, y, 0.16, kappa), seed=1)
    check = found.checks()["loo_pit"]
    assert check.outcome is Outcome.FAIL
    assert check.advice
    assert check.subjects


def test_weights_that_cannot_be_believed_leave_the_check_not_run() -> None:
    sigma = np.full(8, 0.05)
    found = loo_pit(normal_fit(Y, sigma, TAU), method="psis", seed=1)
    assert found.doubtful
    check = found.checks()["loo_pit"]
    assert check.outcome is Outcome.NOT_RUN
    assert set(check.subjects) == set(found.doubtful)
    assert "psis_group" in check.advice


def test_groups_without_trials_have_no_value() -> None:
    found = loo_pit(beta_fit([5, 0, 9, 7], [1, 0, 3, 1], 0.2, 10.0), seed=1)
    assert list(found.table.index) == ["g0", "g2", "g3"]
    with pytest.raises(FitError, match="no group has trials"):
        loo_pit(beta_fit([0, 0], [0, 0], 0.2, 10.0), seed=1)


def test_the_ecdf_ends_where_the_values_do() -> None:
    found = loo_pit(normal_fit(Y, SIGMA, TAU), seed=1)
    table, pit = found.ecdf(), found.table["pit"].to_numpy()
    for z, difference in zip(table["z"], table["difference"], strict=True):
        assert difference == pytest.approx((pit < z).mean() - z, abs=1e-9)
    assert (table["lower"] <= 0).all()
    assert (table["upper"] >= 0).all()


def test_an_unknown_method_is_refused_and_an_edited_program_falls_back() -> None:
    fit = normal_fit(Y, SIGMA, TAU)
    with pytest.raises(SettingsError, match="psis_group, psis"):
        loo_pit(fit, method="exact")
    fit.tree.attrs["program_file"] = "mine.stan"
    assert loo_pit(fit, seed=1).method == "psis"
    with pytest.raises(FitError, match="program of your own"):
        loo_pit(fit, method="psis_group", seed=1)


def test_the_record_is_json_and_a_seed_repeats_it() -> None:
    fit = beta_fit([20, 50, 100], [3, 9, 14], 0.16, 40.0)
    first, again = (loo_pit(fit, seed=3).record() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert "psis_group" in repr(loo_pit(fit, seed=3))


def test_one_group_alone_has_nothing_that_predicts_it() -> None:
    fit = normal_fit(Y[:1], SIGMA[:1], TAU)
    check = loo_pit(fit, seed=1).checks()["loo_pit"]
    assert check.outcome is Outcome.NOT_RUN
    assert "there is one group" in check.detail
    stage = cross_validate(fit)
    assert stage.gates == ()
    assert stage.checks["loo"].outcome is Outcome.NOT_RUN
    assert stage.limitations
