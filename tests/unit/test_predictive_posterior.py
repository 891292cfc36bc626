"""Posterior predictive checks of exact posteriors, and their verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from predictive_fits import beta_fit, normal_fit, posterior_of_mu, tree_fit
from scipy.stats import betabinom, kstest, norm

from hbstan.errors import FitError, SettingsError
from hbstan.fit import Fit
from hbstan.predictive import accuracy, posterior_predictive, residuals
from hbstan.results import Outcome

N = np.array([20, 50, 100, 200, 80, 40])
Y = np.array([3, 9, 14, 38, 8, 6])
MU, KAPPA = 0.16, 40.0
SIZE = 4000


def close(found: Any, expected: Any, sd: Any, size: int = SIZE) -> None:
    """Within 4.5 standard errors of a mean of independent draws."""
    assert (np.abs(found - expected) < 4.5 * np.asarray(sd) / np.sqrt(size)).all()


# -- replication


def test_the_same_groups_are_predicted_from_their_own_parameters() -> None:
    table = posterior_predictive(beta_fit(N, Y, MU, KAPPA)).groups()
    exact = betabinom(N, MU * KAPPA + Y, (1 - MU) * KAPPA + N - Y)
    close(table["mean"], exact.mean(), exact.std())
    assert (abs(table["sd"] / exact.std() - 1) < 0.06).all()


def test_new_groups_are_predicted_from_the_population() -> None:
    check = posterior_predictive(
        beta_fit(N, Y, MU, KAPPA), replicate="new_groups", seed=2
    )
    table = check.groups()
    exact = betabinom(N, MU * KAPPA, (1 - MU) * KAPPA)
    close(table["mean"], exact.mean(), exact.std())
    assert (abs(table["sd"] / exact.std() - 1) < 0.06).all()
    again = posterior_predictive(
        beta_fit(N, Y, MU, KAPPA), replicate="new_groups", seed=2
    )
    assert np.array_equal(check.replicates.y_rep, again.replicates.y_rep)


def test_the_two_ways_answer_different_questions_and_say_so() -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    same = posterior_predictive(fit)
    new = posterior_predictive(fit, replicate="new_groups", seed=1)
    assert "same groups" in same.question
    assert "population" in new.question
    assert same.question in repr(same)
    assert new.record()["replicate"] == "new_groups"
    # Two predictions of an extreme group: its own, and the population's.
    far = np.array([20, 9, 14, 38, 8, 6])
    own = posterior_predictive(beta_fit(N, far, MU, KAPPA)).groups()
    others = posterior_predictive(
        beta_fit(N, far, MU, KAPPA), replicate="new_groups", seed=1
    ).groups()
    assert own.loc["g0", "mean"] > 2 * others.loc["g0", "mean"]


def test_new_groups_of_estimates() -> None:
    y, sigma = np.array([1.0, 4.0, -2.0]), np.array([1.0, 2.0, 3.0])
    fit = normal_fit(y, sigma, 1.5)
    table = posterior_predictive(fit, replicate="new_groups", seed=1).groups()
    mean, var = posterior_of_mu(y, sigma, 1.5, 10.0)
    sd = np.sqrt(var + 1.5**2 + sigma**2)
    close(table["mean"], mean, sd)
    assert (abs(table["sd"] / sd - 1) < 0.06).all()


# -- tables


def test_the_table_has_p_values_by_counting() -> None:
    check = posterior_predictive(beta_fit(N, Y, MU, KAPPA))
    table = check.table()
    y_rep = check.replicates.flat
    totals = y_rep.sum(axis=1)
    assert table.loc["total", "observed"] == Y.sum()
    assert table.loc["total", "mean"] == pytest.approx(totals.mean())
    assert table.loc["total", "p_upper"] == pytest.approx((totals >= Y.sum()).mean())
    assert table.loc["total", "p_lower"] == pytest.approx((totals <= Y.sum()).mean())
    largest = (y_rep / N).max(axis=1)
    above = (largest >= (Y / N).max() - 1e-12).mean()
    assert table.loc["max", "p_upper"] == pytest.approx(above)
    assert (table["mcse_two_sided"] > 0).all()


def test_coverage_counts_groups_inside_exact_intervals() -> None:
    check = posterior_predictive(beta_fit(N, Y, MU, KAPPA, draws=5000))
    exact = betabinom(N, MU * KAPPA + Y, (1 - MU) * KAPPA + N - Y)
    table = check.coverage()
    for level in (0.5, 0.8, 0.9, 0.95):
        lower, upper = exact.ppf((1 - level) / 2), exact.ppf((1 + level) / 2)
        expected = np.mean(exact.cdf(upper) - exact.cdf(lower - 1))
        inside = int(((lower <= Y) & (upper >= Y)).sum())
        # An interval's end may be off by a count where the levels nearly touch.
        assert abs(int(table.loc[level, "inside"]) - inside) <= 1
        assert table.loc[level, "expected"] == pytest.approx(expected, abs=0.03)
        assert table.loc[level, "expected"] > level - 0.02


def test_groups_without_trials_do_not_count_in_coverage() -> None:
    fit = beta_fit([*N, 0], [*Y, 0], MU, KAPPA)
    assert set(posterior_predictive(fit).coverage()["groups"]) == {6}
    none = posterior_predictive(beta_fit([0, 0], [0, 0], MU, KAPPA), statistics="total")
    assert none.checks()["coverage"].outcome is Outcome.NOT_RUN


def test_own_statistics() -> None:
    def odd(y: Any, design: Any) -> Any:
        assert set(design) == {"n"}
        return (y % 2 == 1).sum(axis=1)

    check = posterior_predictive(beta_fit(N, Y, MU, KAPPA), statistics={"odd": odd})
    assert check.table().loc["odd", "observed"] == 2
    assert check.checks()["odd"].passed
    only = posterior_predictive(beta_fit(N, Y, MU, KAPPA), statistics=["max"])
    assert [c.name for c in only.checks()] == ["max", "coverage"]


# -- verdicts


def test_data_of_the_model_pass() -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    for replicate in ("same_groups", "new_groups"):
        checks = posterior_predictive(fit, replicate=replicate, seed=1).checks()
        assert checks.passed, checks


def test_an_outlying_group_fails_the_largest_rate() -> None:
    far = np.array([20, 9, 14, 38, 8, 6])
    check = posterior_predictive(
        beta_fit(N, far, MU, KAPPA), replicate="new_groups", seed=1
    )
    found = check.checks()["max"]
    assert found.outcome is Outcome.FAIL
    assert "above" in found.detail
    assert "most extreme group" in found.advice
    # A large group's own parameter follows its data: among the same groups it is
    # nothing odd, among new ones it is.
    n, y = np.array([20, 50, 20_000]), np.array([3, 9, 10_000])
    fit = beta_fit(n, y, MU, KAPPA)
    assert posterior_predictive(fit).checks()["max"].passed
    new = posterior_predictive(fit, replicate="new_groups", seed=1).checks()["max"]
    assert new.outcome is Outcome.FAIL


def test_groups_too_far_apart_fail_dispersion_and_coverage() -> None:
    # kappa = 1e7: all groups have the same rate, as if they were pooled.
    spread = np.array([0, 20, 2, 80, 20, 0])
    checks = posterior_predictive(beta_fit(N, spread, MU, 1e7)).checks()
    assert checks["dispersion"].outcome is Outcome.FAIL
    assert checks["coverage"].outcome is Outcome.FAIL
    assert "too narrow" in checks["coverage"].advice
    checks = posterior_predictive(beta_fit(N, spread, MU, 4.0)).checks()
    assert checks["dispersion"].passed
    assert checks["coverage"].passed


def test_the_record_is_json() -> None:
    record = posterior_predictive(beta_fit(N, Y, MU, KAPPA), seed=7).record()
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again["seed"] == 7
    assert len(again["statistics"]) == 7
    assert again["checks"]["outcome"] == "pass"


# -- errors


def test_an_unknown_way_of_replicating_is_refused() -> None:
    with pytest.raises(SettingsError, match="same_groups, new_groups"):
        posterior_predictive(beta_fit(N, Y, MU, KAPPA), replicate="mixed")


@pytest.mark.parametrize("prob", [0, 1, "x", 95])
def test_intervals_need_a_probability(prob: Any) -> None:
    check = posterior_predictive(beta_fit(N, Y, MU, KAPPA))
    with pytest.raises(SettingsError, match="between 0 and 1"):
        check.groups(prob)


def test_an_edited_program_has_an_unknown_population() -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    fit.tree.attrs["program_file"] = "mine.stan"
    with pytest.raises(FitError, match="program of your own"):
        posterior_predictive(fit, replicate="new_groups")
    assert posterior_predictive(fit).checks().passed


def test_a_fit_without_replicates_or_groups_is_refused() -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    bare = {"posterior": {"mu": np.zeros((4, 10))}}
    data = {"observed_data": {"y": Y}, "constant_data": {"n": N}}
    labels = [f"g{i}" for i in range(6)]
    with pytest.raises(FitError, match="no replicates y_rep"):
        posterior_predictive(tree_fit("beta_binomial", labels, bare | data))
    with pytest.raises(FitError, match="not fitted to grouped data"):
        posterior_predictive(tree_fit("beta_binomial", labels, bare))
    assert fit.tree.children


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "x"])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    with pytest.raises(SettingsError, match="seed is"):
        posterior_predictive(fit, seed=seed)
    assert posterior_predictive(fit, seed=np.int64(3)).seed == 3


def test_limits_are_probabilities() -> None:
    fit = beta_fit(N, Y, MU, KAPPA)
    with pytest.raises(SettingsError, match="ci_prob is 2"):
        posterior_predictive(fit, ci_prob=2)
    with pytest.raises(SettingsError, match="alpha is 5"):
        posterior_predictive(fit).checks(5)


def test_a_statistic_cannot_change_the_outcomes_of_others() -> None:
    def sorts(y: Any, design: Any) -> Any:
        y.sort(axis=1)
        return y[:, 0]

    with pytest.raises(ValueError, match="read-only"):
        posterior_predictive(beta_fit(N, Y, MU, KAPPA), statistics={"least": sorts})


def test_a_saved_fit_gives_the_same_check(tmp_path: Path) -> None:
    fit = beta_fit(N, Y, MU, KAPPA, held_out=("g2",))
    whole = {"format": 1, "backend": "fake", "data_hash": "0", "seed": 1}
    records = dict.fromkeys(("priors", "settings", "versions", "timings"), "{}")
    fit.tree.attrs.update({**whole, **records, "sampled": "[]"})
    again = Fit.load(fit.save(tmp_path / "fit.nc"))
    first = posterior_predictive(fit, replicate="new_groups", seed=1).record()
    assert posterior_predictive(again, replicate="new_groups", seed=1).record() == first
    assert first["held_out"] == ["g2"]


# -- residuals and accuracy


def test_residuals_are_those_of_the_exact_prediction() -> None:
    y, sigma = np.array([1.0, 4.0, -2.0]), np.array([1.0, 2.0, 3.0])
    table = residuals(normal_fit(y, sigma, 1.5), replicate="new_groups", seed=1)
    mean, var = posterior_of_mu(y, sigma, 1.5, 10.0)
    sd = np.sqrt(var + 1.5**2 + sigma**2)
    assert table["raw"].to_numpy() == pytest.approx(y - mean, abs=0.3)
    z = (y - mean) / sd
    assert table["standardised"].to_numpy() == pytest.approx(z, abs=0.08)
    # For normal predictions both kinds are the same.
    assert table["quantile"].to_numpy() == pytest.approx(z, abs=0.1)


def test_quantile_residuals_of_counts_are_normal() -> None:
    rng = np.random.default_rng(4)
    n = np.full(400, 6)
    p = rng.beta(MU * 10, (1 - MU) * 10, n.size)
    y = rng.binomial(n, p)
    table = residuals(
        beta_fit(n, y, MU, 10.0, draws=500), replicate="new_groups", seed=1
    )
    u = norm.cdf(table["quantile"])
    assert kstest(u, "uniform").pvalue > 0.01
    # Without the randomness the steps of the counts would show.
    low = betabinom.cdf(y, n, MU * 10, (1 - MU) * 10)
    assert kstest(low, "uniform").pvalue < 1e-6
    other = residuals(
        beta_fit(n, y, MU, 10.0, draws=500), replicate="new_groups", seed=2
    )
    assert not np.allclose(table["quantile"], other["quantile"])


def test_residuals_are_finite_or_mark_what_is_certain() -> None:
    fit = beta_fit([*N, 0], [*Y, 0], MU, KAPPA)
    table = residuals(fit, seed=1)
    assert table.loc["g6", ["standardised", "quantile"]].isna().all()
    far = residuals(beta_fit(N, N, MU, 1e6), seed=1)
    assert np.isfinite(far["quantile"]).all()
    assert (far["quantile"] > 3).all()
    assert table.attrs["seed"] == 1


def test_accuracy_of_known_predictions() -> None:
    y, sigma = np.array([2.0, 5.0, -4.0, 9.0]), np.array([1.0, 1.0, 1.0, 1.0])
    fit = normal_fit(y, sigma, 2.0, held_out=("g3",), draws=4000)
    table = accuracy(fit)
    mean, var = posterior_of_mu(y[:3], sigma[:3], 2.0, 10.0)
    expected = 0.8 * y[:3] + 0.2 * mean
    error = abs(y[:3] - expected)
    assert table.loc["observed", "mae"] == pytest.approx(error.mean(), abs=0.05)
    rmse = np.sqrt((error**2).mean())
    assert table.loc["observed", "rmse"] == pytest.approx(rmse, abs=0.05)
    share = error.mean() / np.mean([2, 5, 4])
    assert table.loc["observed", "mae_share"] == pytest.approx(share, abs=0.02)
    held = table.loc["held_out"]
    sd = np.sqrt(var + 4 + 1)
    assert held["mae"] == pytest.approx(9 - mean, abs=5 * sd / np.sqrt(16000))
    assert held["groups"] == 1
    z = (9 - mean) / sd
    for level, name in ((0.5, "50"), (0.8, "80"), (0.9, "90"), (0.95, "95")):
        inside = float(z < norm.ppf((1 + level) / 2))
        assert held[f"coverage_{name}"] == inside


def test_accuracy_without_held_out_groups() -> None:
    table = accuracy(beta_fit(N, Y, MU, KAPPA))
    assert list(table.index) == ["observed"]
    assert table.loc["observed", "coverage_95"] == 1
