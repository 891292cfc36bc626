"""Posterior heterogeneity of fits whose population is known."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from catalogue import GROUPED
from predictive_fits import CHAINS, names, tree_fit
from scipy import stats
from scipy.special import expit

from hbstan import models
from hbstan.errors import FitError, SettingsError
from hbstan.fit import Fit
from hbstan.pooling import heterogeneity
from hbstan.pooling import population as populations
from hbstan.pooling.classical import typical_variance

Y = np.array([1.0, 4.0, -2.0, 0.5, 7.0])
SIGMA = np.array([1.0, 2.0, 1.5, 0.5, 3.0])
EVENTS = np.array([0, 18, 8, 46, 20])
TRIALS = np.array([47, 148, 119, 810, 20])
DRAWS = 1000
SHAPE = (CHAINS, DRAWS)


def fit_of(model: str, posterior: dict[str, Any], **attrs: Any) -> Fit:
    normal = models.get(model).kind == "normal"
    y, size = (Y, {"sigma": SIGMA}) if normal else (EVENTS, {"n": TRIALS})
    groups = {
        "posterior": {k: np.broadcast_to(v, SHAPE) for k, v in posterior.items()},
        "observed_data": {"y": y},
        "constant_data": size,
    }
    return tree_fit(model, names(y.size), groups, **{"seed": 7, **attrs})


def draws(seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"mu": rng.normal(0, 1, SHAPE), "tau": np.abs(rng.normal(0, 2, SHAPE))}


def test_quantities_are_functions_of_tau_draw_by_draw() -> None:
    sample = draws()
    got = heterogeneity(fit_of("eight_schools_centered", sample), 0.9)
    tau2, s2 = sample["tau"] ** 2, typical_variance(SIGMA**2)
    expected = {
        "tau": sample["tau"],
        "tau2": tau2,
        "i2": tau2 / (tau2 + s2),
        "icc": np.mean([tau2 / (tau2 + s**2) for s in SIGMA], axis=0),
    }
    for name, values in expected.items():
        row = got.posterior.loc[name]
        assert row["mean"] == pytest.approx(values.mean())
        assert row["sd"] == pytest.approx(values.std(ddof=1))
        bounds = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        columns = ["lower", "inner_lower", "median", "inner_upper", "upper"]
        assert row[columns].to_list() == pytest.approx(bounds)
        assert row["mcse"] == pytest.approx(
            values.std() / np.sqrt(values.size), rel=0.25
        )
    # What must differ: plugging the mean of tau in.
    plugged = sample["tau"].mean() ** 2 / (sample["tau"].mean() ** 2 + s2)
    assert got.posterior.loc["i2", "mean"] != pytest.approx(plugged, rel=0.05)


@pytest.mark.parametrize("model", ["eight_schools_centered", "logit_noncentered"])
def test_a_new_group_comes_from_the_population(model: str) -> None:
    got = heterogeneity(fit_of(model, {"mu": -2.0, "tau": 0.5}), 0.9)
    size = 16 * CHAINS * DRAWS
    lower, upper = got.new_group["new_theta"]
    for bound, p in ((lower, 0.05), (upper, 0.95)):
        q = stats.norm.ppf(p, -2.0, 0.5)
        error = np.sqrt(p * (1 - p) / size) / stats.norm.pdf(q, -2.0, 0.5)
        assert abs(bound - q) < 4.5 * error
        assert abs(bound - stats.norm.ppf(p, -2.0, 0.4)) > 4.5 * error
    if model == "logit_noncentered":
        # The quantiles of a monotone transform, but for interpolation.
        assert got.new_group["new_p"] == pytest.approx(
            (expit(lower), expit(upper)), rel=1e-3
        )
        assert got.unit == "log-odds"
    else:
        assert "new_p" not in got.new_group


def test_the_interval_is_wider_where_the_population_is_uncertain() -> None:
    sure = heterogeneity(fit_of("eight_schools_centered", {"mu": 0.0, "tau": 1.0}))
    mu = np.random.default_rng(3).normal(0, 1, SHAPE)
    unsure = heterogeneity(fit_of("eight_schools_centered", {"mu": mu, "tau": 1.0}))
    ratio = np.diff(unsure.new_group["new_theta"]) / np.diff(
        sure.new_group["new_theta"]
    )
    assert ratio == pytest.approx(np.sqrt(2), rel=0.05)


def test_icc_on_the_latent_scale() -> None:
    tau = draws()["tau"]
    got = heterogeneity(fit_of("logit_centered", {"mu": -2.0, "tau": tau}))
    expected = (tau**2 / (tau**2 + np.pi**2 / 3)).mean()
    assert got.posterior.loc["icc", "mean"] == pytest.approx(expected)
    assert "pi^2 / 3" in got.formulas["icc"]


def test_the_beta_population() -> None:
    mu, kappa = 0.1, 30.0
    got = heterogeneity(fit_of("beta_binomial", {"mu": mu, "kappa": kappa})).posterior
    p = np.random.default_rng(1).beta(mu * kappa, (1 - mu) * kappa, 400_000)
    log_odds = np.log(p / (1 - p))
    # A standard deviation's own error: sqrt((kurtosis - 1) / n) / 2, relatively.
    kurtosis = stats.kurtosis(log_odds, fisher=False)
    error = log_odds.std() * np.sqrt((kurtosis - 1) / p.size) / 2
    assert abs(got.loc["tau", "mean"] - log_odds.std()) < 4.5 * error
    # The delta method's value is not it.
    delta = np.sqrt(1 / (mu * (1 - mu) * (kappa + 1)))
    assert abs(got.loc["tau", "mean"] - delta) > 4.5 * error
    # Two trials of one group correlate as 1 / (kappa + 1).
    assert got.loc["icc", "mean"] == pytest.approx(1 / (kappa + 1))
    assert p.var() / (p.mean() * (1 - p.mean())) == pytest.approx(
        got.loc["icc", "mean"], rel=0.02
    )
    exact = stats.beta(mu * kappa, (1 - mu) * kappa).ppf([0.03, 0.97])
    assert got.loc["new_p", ["lower", "upper"]].to_list() == pytest.approx(
        exact, rel=0.04
    )


TOP = {
    "logit_mixture": {"mu_low": -3.0, "gap": 1.5, "tau": 0.3, "lambda": 0.25},
    "logit_student_t": {"mu": -2.0, "tau": 0.5, "nu": 3.0},
    "logit": {"mu": -2.0, "tau": 0.5},
}


def test_spreads_are_those_of_their_populations() -> None:
    rng, size = np.random.default_rng(6), 200_000
    top = {f: {k: np.array([v]) for k, v in t.items()} for f, t in TOP.items()}
    spread = {f: populations.FAMILIES[f].spread(t)[0] for f, t in top.items()}
    centre = {f: populations.FAMILIES[f].centre(t)[0] for f, t in top.items()}
    upper = rng.uniform(size=size) < 0.25
    theta = -3.0 + 1.5 * upper + 0.3 * rng.standard_normal(size)
    assert spread["logit_mixture"] == pytest.approx(theta.std(), rel=0.01)
    assert spread["logit_mixture"] != pytest.approx(0.3, rel=0.5)
    assert centre["logit_mixture"] == pytest.approx(theta.mean(), rel=0.01)
    quartiles = stats.t.ppf([0.25, 0.75], 3.0, -2.0, 0.5)
    own = stats.norm.ppf([0.25, 0.75], -2.0, spread["logit_student_t"])
    assert own == pytest.approx(quartiles)
    assert spread["logit_student_t"] > 0.5
    nearly = {**top["logit_student_t"], "nu": np.array([1e9])}
    family = populations.FAMILIES["logit_student_t"]
    assert family.spread(nearly)[0] == pytest.approx(spread["logit"])


@pytest.mark.parametrize("name", GROUPED)
def test_every_model_has_a_population_or_is_refused(name: str) -> None:
    model = models.get(name)
    assert (model.family in populations.FAMILIES) == (model.pooling == "partial")
    if model.pooling == "partial":
        return
    with pytest.raises(FitError, match=repr(model.family)) as caught:
        heterogeneity(fit_of(name, {"mu": 0.0}))
    example = str(caught.value.remedy).split()[-1].removesuffix(".")
    assert models.get(example).kind == model.kind


def test_raw_estimates_of_binomial_data_are_corrected() -> None:
    got = heterogeneity(fit_of("logit_centered", {"mu": -2.0, "tau": 0.5}))
    y, others = EVENTS + 0.5, TRIALS - EVENTS + 0.5
    y_j, v = np.log(y / others), 1 / y + 1 / others
    q = ((y_j - np.average(y_j, weights=1 / v)) ** 2 / v).sum()
    assert got.classical.q == pytest.approx(q)
    assert got.classical.typical_variance == pytest.approx(typical_variance(v))


def test_groups_without_data_do_not_count() -> None:
    posterior = {"mu": np.full(SHAPE, 0.0), "tau": np.full(SHAPE, 1.0)}
    groups = {
        "posterior": posterior,
        "observed_data": {"y": np.array([3, 0, 5, 1])},
        "constant_data": {"n": np.array([10, 0, 12, 9])},
    }
    fit = tree_fit("logit_centered", names(4), groups, ("g3",), seed=1)
    got = heterogeneity(fit)
    assert got.groups == ("g0", "g2")
    assert got.classical.groups == 2
    alone = tree_fit("logit_centered", names(4), groups, ("g2", "g3"), seed=1)
    with pytest.raises(FitError, match="1 of the groups"):
        heterogeneity(alone)


def test_the_seed_is_recorded_and_decides() -> None:
    fit = fit_of("eight_schools_centered", draws())
    first, second = heterogeneity(fit), heterogeneity(fit, seed=8)
    assert (first.seed, second.seed) == (7, 8)
    assert first.new_group == heterogeneity(fit, seed=7).new_group
    assert first.new_group != second.new_group
    assert first.posterior.loc["tau"].equals(second.posterior.loc["tau"])


def test_the_table_sets_estimates_side_by_side() -> None:
    got = heterogeneity(fit_of("eight_schools_centered", draws()))
    table = got.to_frame()
    for method in ("dersimonian_laird", "reml"):
        for name in ("tau", "tau2", "i2"):
            assert table.loc[name, method] == got.classical.table.loc[method, name]
        assert np.isnan(table.loc["icc", method])
    assert set(table["formula"]) == set(got.formulas.values())
    record = json.loads(json.dumps(got.record(), allow_nan=False))
    assert record["posterior"][0]["quantity"] == "tau"
    assert record["classical"]["methods"]["reml"]["tau2"] == pytest.approx(
        table.loc["tau2", "reml"]
    )
    assert record["formulas"].keys() == set(table.index)


def test_models_without_a_population_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fit = fit_of("logit_centered", {"mu": 0.0, "tau": 1.0})
    monkeypatch.setattr(populations, "FAMILIES", {})
    with pytest.raises(FitError, match="'logit'") as caught:
        heterogeneity(fit)
    assert "logit_noncentered" in str(caught.value.remedy)


def test_programs_of_ones_own_are_refused() -> None:
    fit = fit_of("logit_centered", {"mu": 0.0, "tau": 1.0}, program_file="/own.stan")
    with pytest.raises(FitError, match="of your own"):
        heterogeneity(fit)


@pytest.mark.parametrize("ci_prob", [0, 1, 94, float("nan"), "0.9"])
def test_illegal_probabilities(ci_prob: Any) -> None:
    with pytest.raises(SettingsError, match="ci_prob is"):
        heterogeneity(fit_of("eight_schools_centered", draws()), ci_prob)
