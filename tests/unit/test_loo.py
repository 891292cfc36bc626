"""Cross-validation against closed forms, on draws that are exact.

Two conjugate models. Normal groups: ``y_j ~ normal(theta_j, 1)`` with ``theta_j ~
normal(mu, tau)``, tau known, ``mu ~ normal(0, s)``. A normal sample: ``y_j ~ normal(mu,
1)``. All leave-one-out densities are normal with known moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from hbstan.convert import Labels, to_tree
from hbstan.errors import FitError, SettingsError
from hbstan.fit import Fit
from hbstan.loo import (
    LooResult,
    Step,
    Values,
    good_k,
    kfold,
    loo,
    moment_match,
    psis,
    waic,
)
from hbstan.loo.result import METHODS
from hbstan.results import Outcome
from hbstan.types import RawDraws

CHAINS, DRAWS = 4, 1000
Y = np.array([0.3, -0.8, 1.9, 0.1, -1.2, 0.6])
TAU, S = 0.7, 2.0
LABELS = tuple("abcdef")


def tree_of(variables: dict[str, np.ndarray], y: np.ndarray = Y, **attrs: Any) -> Fit:
    """Return a fit that holds these draws."""
    shaped = {k: v.reshape(CHAINS, DRAWS, *v.shape[1:]) for k, v in variables.items()}
    labels = Labels(
        {"group": list(LABELS[: len(y)])},
        {
            n: ["group"]
            for n in ("theta", "y", "log_lik", "log_lik_group")
            if n in {*shaped, "y"}
        },
    )
    raw = RawDraws(variables=shaped, stats={"lp__": np.zeros((CHAINS, DRAWS))})
    origin = {
        "model": "hand made",
        "backend": "fake",
        "priors": "{}",
        "data_name": "six",
        "data_hash": "0",
        "seed": 1,
        "holdout": "[]",
        "timings": '{"total": 1.0}',
        "settings": '{"chains": 4, "parallel_chains": 4}',
        **attrs,
    }
    return Fit(to_tree(raw, {"y": y}, labels=labels, attrs=origin))


def conditional_moments(y: np.ndarray) -> tuple[float, float]:
    """Return mean and variance of mu given data, groups integrated out."""
    precision = 1 / S**2 + y.size / (1 + TAU**2)
    return float(y.sum() / (1 + TAU**2) / precision), 1 / precision


def groups_fit(seed: int = 1) -> Fit:
    rng = np.random.default_rng(seed)
    mean, variance = conditional_moments(Y)
    mu = rng.normal(mean, np.sqrt(variance), CHAINS * DRAWS)
    weight = TAU**2 / (1 + TAU**2)
    centre = mu[:, None] + weight * (Y - mu[:, None])
    theta = rng.normal(centre, np.sqrt(weight))
    return tree_of(
        {
            "mu": mu,
            "theta": theta,
            "log_lik": stats.norm.logpdf(Y, theta, 1.0),
            "log_lik_group": stats.norm.logpdf(Y, mu[:, None], np.sqrt(1 + TAU**2)),
        }
    )


def exact_groups() -> np.ndarray:
    """Return log p(y_j | y_-j) in closed form."""
    values = []
    for j in range(Y.size):
        mean, variance = conditional_moments(np.delete(Y, j))
        values.append(stats.norm.logpdf(Y[j], mean, np.sqrt(variance + 1 + TAU**2)))
    return np.array(values)


def test_integrated_importance_sampling_equals_the_closed_form() -> None:
    table = psis(groups_fit(), "psis_group").table
    errors = (table["elpd"] - exact_groups()) / table["mcse"]
    assert (table["k"] < 0.5).all()
    assert (table["mcse"] > 0).all()
    assert (errors.abs() < 3.5).all(), errors
    assert (table["mcse"] < 0.02).all()


def test_monte_carlo_errors_are_those_of_repetitions() -> None:
    found = [psis(groups_fit(seed), "psis_group") for seed in range(30)]
    tables = [values.table for values in found]
    spread = np.std([t["elpd"] for t in tables], axis=0, ddof=1)
    claimed = np.mean([t["mcse"] for t in tables], axis=0)
    # 30 repetitions know a standard deviation to 13 %.
    assert (abs(spread / claimed - 1) < 0.5).all(), spread / claimed
    # The errors of the groups are not independent, and their sum's is known too.
    sums = [values.totals() for values in found]
    spread_of_sum = np.std([t["elpd"] for t in sums], ddof=1)
    assert abs(spread_of_sum / np.mean([t["mcse"] for t in sums]) - 1) < 0.5


def test_conditional_weights_have_more_to_bridge() -> None:
    fit = groups_fit()
    conditional, integrated = psis(fit).table, psis(fit, "psis_group").table
    assert (conditional["k"] > integrated["k"]).all()
    assert (conditional["lpd"] == integrated["lpd"]).all()


def test_p_falls_by_what_elpd_rises() -> None:
    fit = groups_fit()
    before, after = psis(fit), psis(fit, "psis_group")
    change = after.totals()["elpd"] - before.totals()["elpd"]
    assert after.totals()["p"] - before.totals()["p"] == pytest.approx(-change)


def test_waic_is_the_density_less_the_variance() -> None:
    fit = groups_fit()
    values = fit.tree["log_likelihood"]["y"].values.reshape(-1, Y.size)
    found = waic(fit)
    lpd = np.log(np.exp(values).mean(axis=0))
    assert found.elpd == pytest.approx((lpd - values.var(axis=0, ddof=1)).sum())
    assert found.p == pytest.approx(values.var(axis=0, ddof=1).sum())


def test_waic_warns_where_a_group_weighs_too_much() -> None:
    fit = groups_fit()
    assert waic(fit).ok == (waic(fit).table["p"] <= 0.4).all()
    far = fit.tree["log_likelihood"].to_dataset() * 3.0
    found = waic(Fit(_with(fit, "log_likelihood", far)))
    assert not found.ok
    assert "too optimistic" in found.warning


def _with(fit: Fit, name: str, dataset: xr.Dataset) -> xr.DataTree:
    tree = fit.tree.copy()
    tree[name] = xr.DataTree(dataset)
    return tree


@dataclass
class SampleDensities:
    """Densities of a normal sample with a flat prior on its mean, by SciPy."""

    fit: Fit
    y: np.ndarray

    def points(self) -> xr.DataArray:
        mu = self.fit.posterior["mu"].values[..., None]
        dims = ("chain", "draw", "unconstrained")
        coords = {"chain": np.arange(CHAINS), "draw": np.arange(DRAWS)}
        return xr.DataArray(mu, dims=dims, coords={**coords, "unconstrained": [0]})

    def log_density(self, points: xr.DataArray) -> xr.DataArray:
        mu = points.isel(unconstrained=0, drop=True)
        return (
            sum(self.log_likelihood(points, g) for g in LABELS[: self.y.size]) + 0 * mu
        )

    def log_likelihood(self, points: xr.DataArray, group: str) -> xr.DataArray:
        mu = points.isel(unconstrained=0, drop=True)
        value = self.y[LABELS.index(group)]
        return mu.copy(data=stats.norm.logpdf(value, mu.values, 1.0))


def sample_fit(y: np.ndarray) -> Fit:
    rng = np.random.default_rng(3)
    mu = rng.normal(y.mean(), 1 / np.sqrt(y.size), CHAINS * DRAWS)
    return tree_of({"mu": mu, "log_lik": stats.norm.logpdf(y, mu[:, None], 1.0)}, y)


def test_moment_matching_reaches_the_closed_form_of_an_outlier() -> None:
    y = np.array([0.1, -0.4, 0.3, 9.0])
    fit = sample_fit(y)
    start = psis(fit)
    before = start.table
    rest = np.delete(y, 3)
    exact = stats.norm.logpdf(9.0, rest.mean(), np.sqrt(1 + 1 / rest.size))
    assert before.loc["d", "k"] > 0.7
    assert abs(before.loc["d", "elpd"] - exact) > 1.0
    after = moment_match(
        fit, start, ["d"], k_threshold=0.5, densities=SampleDensities(fit, y)
    ).table
    assert after.loc["d", "k"] < 0.7
    assert abs(after.loc["d", "elpd"] - exact) < 4 * after.loc["d", "mcse"] + 0.02
    # The invariant of p, and groups that were not asked for.
    moved = after.loc["d", "elpd"] - before.loc["d", "elpd"]
    assert after.loc["d", "p"] - before.loc["d", "p"] == pytest.approx(-moved)
    assert after.drop("d").equals(before.drop("d"))


def test_the_ladder_stops_where_every_group_can_be_believed() -> None:
    result = loo(groups_fit())
    taken = [step.name for step in result.steps if step.taken]
    assert taken == (["psis"] if not result.steps[0].bad else ["psis", "psis_group"])
    assert result.checks().passed
    assert [step.name for step in result.steps] == [
        "psis",
        "psis_group",
        "moment_matching",
        "exact",
    ]
    assert result.steps[-1].reason.startswith("not needed")
    assert result.record()["outcome"] == "pass"
    assert all(s.record()["what"] == METHODS[s.name] for s in result.steps)


def test_a_rung_that_is_too_dear_or_not_allowed_is_not_taken() -> None:
    y = np.array([0.1, -0.4, 0.3, 9.0])
    cheap = loo(sample_fit(y), budget=0.5)
    reasons = {step.name: step.reason for step in cheap.steps}
    assert "log_lik_group" in reasons["psis_group"]
    assert "more than 0.5 s" in reasons["exact"]
    assert cheap.bad == ("d",)
    check = cheap.checks()["pareto_k"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects == ("d",)
    low = loo(sample_fit(y), highest="psis")
    assert {s.reason for s in low.steps[1:]} == {"not asked for"}


def test_a_program_that_cannot_be_fitted_again_is_said_to_be_so() -> None:
    result = loo(sample_fit(np.array([0.1, -0.4, 0.3, 9.0])))
    last = result.steps[-1]
    assert (last.name, last.taken) == ("exact", False)
    assert "not like any model" in last.reason
    assert result.checks()["refits"].outcome is Outcome.NOT_RUN


def test_wrong_requests_name_what_is_legal() -> None:
    fit = groups_fit()
    with pytest.raises(SettingsError, match=r"highest is 'waic'.*psis, psis_group"):
        loo(fit, highest="waic")
    with pytest.raises(SettingsError, match="lies above"):
        loo(fit, lowest="exact", highest="psis")
    with pytest.raises(FitError, match="no group log_likelihood_group"):
        psis(sample_fit(Y), "psis_group")
    with pytest.raises(FitError, match="no rung"):
        loo(sample_fit(Y), lowest="psis_group", highest="psis_group")


def test_held_out_groups_are_not_part_of_the_result() -> None:
    fit = groups_fit()
    tree = fit.tree.copy()
    tree.attrs["holdout"] = '["b", "d"]'
    assert list(psis(Fit(tree)).table.index) == ["a", "c", "e", "f"]
    tree.attrs["holdout"] = '["a", "b", "c", "d", "e", "f"]'
    with pytest.raises(FitError, match="sees none"):
        psis(Fit(tree))


def test_a_certain_outcome_has_no_error() -> None:
    fit = groups_fit()
    dataset = fit.tree["log_likelihood"].to_dataset()
    dataset["y"][:, :, 0] = 0.0
    table = psis(Fit(_with(fit, "log_likelihood", dataset))).table
    row = table.iloc[0]
    assert (row["elpd"], row["k"], row["mcse"], row["p"]) == (0.0, 0.0, 0.0, 0.0)


def test_totals_are_sums_with_the_error_of_a_sum() -> None:
    table = pd.DataFrame(
        {"elpd": [-1.0, -2.0, -4.0], "p": [0.1, 0.2, 0.3], "mcse": [0.3, 0.4, 0.0]}
    )
    result = LooResult("m", "d", "0", "exact", "leave one group out", table, 0.7)
    assert result.elpd == -7.0
    assert result.se == pytest.approx(np.sqrt(3 * np.var([-1, -2, -4], ddof=1)))
    assert result.p == pytest.approx(0.6)
    assert result.mcse == pytest.approx(0.5)
    shared = pd.DataFrame(np.diag([0.09, 0.16, 0.0]))
    shared.iloc[0, 1] = shared.iloc[1, 0] = 0.12
    assert Values(table, shared).totals()["mcse"] == pytest.approx(0.7)


def test_a_refit_that_fails_fails_the_check() -> None:
    table = psis(groups_fit(), "psis_group").table
    refits = pd.DataFrame(
        {"divergences": [0, 3], "fault": ["", "R-hat: 1.4"]},
        index=pd.Index(["without a", "without b"], name="label"),
    )
    result = LooResult(
        "m", "d", "0", "exact", "leave one group out", table, 0.7, (), None, refits
    )
    check = result.checks()["refits"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects == ("without b",)
    assert "1 had divergent" in check.detail


def test_good_k_depends_on_the_number_of_draws() -> None:
    assert good_k(4000) == 0.7
    assert good_k(100) == pytest.approx(0.5)


def test_a_step_not_taken_is_recorded_without_figures() -> None:
    record = Step("exact", ("a",), 2.0, 0.0, False, "not asked for").record()
    assert record["elpd"] == "nan"
    assert record["taken"] is False


def test_a_group_that_is_alone_cannot_be_left_out() -> None:
    tree = groups_fit().tree.copy()
    tree.attrs["holdout"] = '["a", "b", "c", "d", "e"]'
    for method in (loo, kfold):
        with pytest.raises(FitError, match="has one group, 'f'"):
            method(Fit(tree))


def test_refits_whose_densities_have_no_mean_are_not_believed() -> None:
    found = psis(groups_fit())
    table = found.table.assign(method="exact", k=0.9)
    assert Values(table, found.covariance).bad(0.7) == ()
    table.loc["b", "k"] = 1.2
    assert Values(table, found.covariance).bad(0.7) == ("b",)


def test_moment_matching_is_a_rung_only_if_asked_for() -> None:
    y = np.array([0.1, -0.4, 0.3, 9.0])
    reasons = {s.name: s.reason for s in loo(sample_fit(y)).steps}
    assert reasons["moment_matching"] == "not asked for"
    asked = loo(sample_fit(y), highest="moment_matching")
    assert {s.name: s.reason for s in asked.steps}["moment_matching"] != "not asked for"
