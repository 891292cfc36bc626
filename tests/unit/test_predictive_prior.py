"""Prior predictive checks: closed forms, verdicts on good and absurd priors."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

import hbstan as hb
from hbstan.errors import DataError, ModelError, PriorError, SettingsError
from hbstan.predictive import prior_predictive
from hbstan.results import Outcome

PASS, FAIL, NOT_RUN = Outcome.PASS, Outcome.FAIL, Outcome.NOT_RUN
SURGICAL = hb.datasets.load("surgical")
LOGIT = "logit_noncentered"


def outcomes(result: Any) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in result.checks()}


# -- the draws


def test_moments_of_beta_binomial_outcomes() -> None:
    n, draws = np.array([1, 20, 300]), 40_000
    priors = {"mu": hb.Beta(2, 18), "kappa": hb.Gamma(1.5, 0.5)}
    found = prior_predictive(
        "beta_binomial", {"n": n}, priors=priors, draws=draws, seed=1
    )
    y = found.replicates.flat
    mean, between = 0.1, 0.1 * 0.9 / 21
    trial = mean - (between + mean**2)  # E[mu (1 - mu)]
    kappa = gamma(1.5, scale=2.0)
    shared = quad(lambda k: kappa.pdf(k) / (k + 1), 0, np.inf)[0]
    variance = n * trial * (1 + (n - 1) * shared) + n**2 * between
    error = np.sqrt(variance / draws)
    assert (abs(y.mean(axis=0) - n * mean) < 4 * error).all()
    fourth = ((y - y.mean(axis=0)) ** 4).mean(axis=0)
    error = np.sqrt((fourth - variance**2) / draws)
    assert (abs(y.var(axis=0) - variance) < 4 * error).all()
    # A binomial without variation between groups would not do.
    assert (abs(y.var(axis=0) - n * 0.1 * 0.9) > 4 * error)[1:].all()


def test_moments_of_normal_outcomes() -> None:
    sigma, draws = np.array([1.0, 5.0]), 40_000
    priors = {"mu": "Normal(3, 2)", "tau": "HalfNormal(4)"}
    found = prior_predictive(
        "eight_schools_centered", {"sigma": sigma}, priors=priors, draws=draws, seed=2
    )
    y = found.replicates.flat
    variance = 2.0**2 + 4.0**2 + sigma**2
    assert (abs(y.mean(axis=0) - 3) < 4 * np.sqrt(variance / draws)).all()
    fourth = ((y - 3) ** 4).mean(axis=0)
    error = np.sqrt((fourth - variance**2) / draws)
    assert (abs(y.var(axis=0) - variance) < 4 * error).all()


def test_summary_counts_what_it_says() -> None:
    found = prior_predictive(LOGIT, "surgical", seed=3)
    table, y = found.summary(), found.replicates.flat
    rates, own = y / SURGICAL.n, SURGICAL.y / SURGICAL.n
    low, high = np.sort(rates.ravel())[[int(0.05 * rates.size), int(0.95 * rates.size)]]
    assert table.loc["rate", "lower"] == pytest.approx(low, abs=1e-4)
    assert table.loc["rate", "upper"] == pytest.approx(high, abs=1e-4)
    assert table.loc["p_zero_group", "value"] == pytest.approx((y == 0).mean())
    any_zero = np.mean([(row == 0).any() for row in y])
    assert table.loc["p_zero_any", "value"] == pytest.approx(any_zero)
    spread = np.mean([np.var(row) >= np.var(own) for row in rates])
    assert table.loc["p_variance", "value"] == pytest.approx(spread)
    assert table.loc["observed_range_inside", "value"] == 1
    assert table.loc["observed_range", "upper"] == pytest.approx(31 / 215)
    error = np.sqrt(spread * (1 - spread) / len(y))
    assert table.loc["p_variance", "mcse"] == pytest.approx(error)


def test_a_seed_gives_the_same_draws_again() -> None:
    first, again = (prior_predictive(LOGIT, "surgical", seed=5) for _ in range(2))
    other = prior_predictive(LOGIT, "surgical", seed=6)
    assert np.array_equal(first.replicates.y_rep, again.replicates.y_rep)
    assert not np.array_equal(first.replicates.y_rep, other.replicates.y_rep)
    fresh = prior_predictive(LOGIT, "surgical", draws=100)
    repeated = prior_predictive(LOGIT, "surgical", draws=100, seed=fresh.seed)
    assert np.array_equal(fresh.replicates.y_rep, repeated.replicates.y_rep)


def test_ten_thousand_draws_take_less_than_a_second() -> None:
    def once() -> float:
        started = time.perf_counter()
        prior_predictive(LOGIT, "surgical", seed=1).checks()
        return time.perf_counter() - started

    assert min(once() for _ in range(3)) < 1


# -- verdicts


@pytest.mark.parametrize("model", [LOGIT, "beta_binomial"])
def test_the_priors_of_the_surgical_data_pass(model: str) -> None:
    assert prior_predictive(model, "surgical", seed=1).checks().passed


@pytest.mark.parametrize(
    ("priors", "failing"),
    [
        ({"mu": "Normal(-2.5, 0.01)", "tau": "HalfNormal(0.01)"}, "not_too_narrow"),
        ({"mu": "Normal(3, 0.5)"}, "not_too_narrow"),
        ({"mu": "Normal(-8, 0.3)", "tau": "HalfNormal(0.1)"}, "range_covered"),
        ({"mu": "Normal(0, 100)"}, "not_too_wide"),
        ({"tau": "HalfNormal(30)"}, "not_too_wide"),
    ],
)
def test_absurd_priors_fail(priors: dict[str, str], failing: str) -> None:
    found = prior_predictive(LOGIT, "surgical", priors=priors, seed=1)
    assert outcomes(found)[failing] is FAIL
    assert found.checks()[failing].advice


def test_priors_of_estimates() -> None:
    model = "eight_schools_noncentered"
    assert prior_predictive(model, "eight_schools", seed=1).checks().passed
    wide = prior_predictive(
        model, "eight_schools", priors={"mu": "Normal(0, 2000)"}, seed=1
    )
    assert outcomes(wide)["not_too_wide"] is FAIL
    narrow = prior_predictive(
        model,
        "eight_schools",
        priors={"mu": "Normal(60, 1)", "tau": "HalfNormal(1)"},
        seed=1,
    )
    assert outcomes(narrow)["not_too_narrow"] is FAIL
    assert "p_zero_any" not in wide.summary().index


def test_default_priors_of_both_families_are_not_absurd() -> None:
    for model in (LOGIT, "beta_binomial"):
        found = prior_predictive(model, {"n": [5, 50, 500]}, seed=1)
        assert outcomes(found)["not_too_wide"] is PASS


def test_without_outcomes_the_comparisons_are_not_run() -> None:
    found = prior_predictive(LOGIT, {"n": [10, 20], "group": ["x", "y"]}, seed=1)
    assert found.replicates.labels == ("x", "y")
    assert outcomes(found) == {
        "range_covered": NOT_RUN,
        "not_too_narrow": NOT_RUN,
        "not_too_wide": PASS,
    }
    assert found.checks().outcome is NOT_RUN
    assert "p_upper" not in found.table()
    assert set(found.summary().index) == {
        "rate", "range", "p_zero_group", "p_zero_any"
    }  # fmt: skip


def test_without_trials_nothing_is_run() -> None:
    found = prior_predictive(LOGIT, {"n": [0, 0]}, seed=1, statistics=["total"])
    assert set(outcomes(found).values()) == {NOT_RUN}


def test_a_single_group_is_a_design() -> None:
    found = prior_predictive(LOGIT, {"n": [40], "group": ["new"]}, seed=1)
    assert found.replicates.labels == ("new",)
    assert found.replicates.y_rep.shape == (1, 10_000, 1)


def test_the_record_is_json() -> None:
    found = prior_predictive(LOGIT, "surgical", seed=1)
    text = json.dumps(found.record(), allow_nan=False)
    assert json.loads(text)["checks"]["outcome"] == "pass"
    assert "10000 data sets of 12 groups" in repr(found)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ((LOGIT, "eight_schools"), ModelError, "normal"),
        ((LOGIT, {"sigma": [1.0, 2.0]}), DataError, "legal for logit_noncentered: n"),
        ((LOGIT, {}), DataError, "nothing"),
        ((LOGIT, {"n": [-1, 3]}), DataError, "-1"),
        (("eight_schools_centered", {"sigma": [1, 2]}), PriorError, "no prior for mu"),
    ],
)
def test_errors_name_what_is_wrong(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        prior_predictive(*call, seed=1)


@pytest.mark.parametrize("draws", [0, 99, 2.5, True])
def test_draws_must_be_a_number_of_draws(draws: Any) -> None:
    with pytest.raises(SettingsError, match="draws is"):
        prior_predictive(LOGIT, "surgical", draws=draws)
