"""The pitfalls: each with a fit that must fail and one that passes; no Stan."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import hbstan as hb
from hbstan.errors import SettingsError
from hbstan.fit import Fit
from hbstan.pitfalls import pitfalls
from hbstan.predictive import prior_predictive
from hbstan.results import Outcome

SURGICAL = hb.datasets.load("surgical")
PRIORS = {"mu": "Normal(-2.5, 1)", "tau": "HalfNormal(1)"}
SHAPE = (4, 250)


def surgical_fit(
    priors: dict[str, str] | None = None,
    *,
    model: str = "logit_centered",
    like: str | None = None,
    diverging: int | None = 0,
) -> Fit:
    """A fit as hb.fit labels it; the draws are about those of the posterior."""
    import xarray as xr

    from hbstan.plan import plan

    decided = plan("logit_centered", SURGICAL, priors or PRIORS, None, True)
    rng = np.random.default_rng(1)
    log_odds = np.log((SURGICAL.y + 1) / (SURGICAL.n - SURGICAL.y + 9))
    theta = rng.normal(log_odds, 0.2, (*SHAPE, SURGICAL.J))
    posterior = {
        "mu": (("chain", "draw"), rng.normal(-2.56, 0.16, SHAPE)),
        "tau": (("chain", "draw"), np.abs(rng.normal(0.45, 0.16, SHAPE))),
        "theta": (("chain", "draw", "group"), theta),
        "p": (("chain", "draw", "group"), expit(theta)),
    }
    groups = {
        "posterior": xr.Dataset(posterior, coords={"group": list(SURGICAL.labels)}),
        "observed_data": xr.Dataset({"y": ("group", SURGICAL.y)}),
        "constant_data": xr.Dataset({"n": ("group", SURGICAL.n)}),
    }
    for name in ("observed_data", "constant_data"):
        groups[name] = groups[name].assign_coords(group=list(SURGICAL.labels))
    if diverging is not None:
        flags = np.zeros(SHAPE, dtype=bool)
        flags[0, :diverging] = True
        groups["sample_stats"] = xr.Dataset({"diverging": (("chain", "draw"), flags)})
    tree = xr.DataTree.from_dict(groups)
    record = {
        name: {"prior": str(c.prior), **c.prior.record()}
        for name, c in decided.priors.items()
    }
    tree.attrs.update(
        model=model,
        like=model if like is None else like,
        data_name="surgical",
        data_kind="binomial",
        data_hash=SURGICAL.hash,
        backend="fake",
        priors=json.dumps(record),
        holdout="[]",
        seed=1,
    )
    return Fit(tree)


@pytest.fixture(scope="module")
def good() -> Fit:
    return surgical_fit()


@pytest.fixture(scope="module")
def checked() -> Any:
    return prior_predictive("logit_centered", SURGICAL, priors=PRIORS, seed=1)


def test_all_pass(good: Fit, checked: Any) -> None:
    found = pitfalls(good, prior_checked=checked, reported=good.groups())
    assert [c.name for c in found] == [
        *("diffuse_priors", "prior_predictive", "divergences"),
        *("point_estimate", "hierarchy"),
    ]
    assert found.passed
    assert all(c.advice == "" for c in found)


def test_what_was_not_given_is_not_run(good: Fit) -> None:
    found = pitfalls(good)
    outcome = {c.name: c.outcome for c in found}
    assert outcome["prior_predictive"] is Outcome.NOT_RUN
    assert outcome["point_estimate"] is Outcome.NOT_RUN
    assert outcome["diffuse_priors"] is Outcome.PASS
    assert not found.passed
    assert all(c.advice for c in found.failed())


# Diffuse priors


def test_a_diffuse_prior_fails_however_much_it_contracts() -> None:
    """The source's normal(0, 10^6) on what becomes a probability."""
    priors = {"mu": "Normal(0, 1e6)", "tau": "HalfNormal(1)"}
    check = pitfalls(surgical_fit(priors))["diffuse_priors"]
    assert check.outcome is Outcome.FAIL
    assert check.value == pytest.approx(0.5, abs=0.05)
    assert check.subjects[0] == "mu"
    # sd 10^6 over 0.16: told, and no excuse.
    ratio = float(check.detail.split("posteriors: mu ")[1].split(",")[0])
    assert ratio == pytest.approx(1e6 / 0.16, rel=0.1)
    assert check.advice


def test_a_diffuse_scale_fails() -> None:
    priors = {"mu": "Normal(-2.5, 1)", "tau": "HalfCauchy(1000)"}
    check = pitfalls(surgical_fit(priors))["diffuse_priors"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects[0] == "tau"


def test_a_wide_prior_that_expects_reasonable_data_passes() -> None:
    priors = {"mu": "Normal(0, 1.5)", "tau": "HalfNormal(0.5)"}
    check = pitfalls(surgical_fit(priors))["diffuse_priors"]
    assert check.outcome is Outcome.PASS
    assert "mu 9" in check.detail or "mu 1" in check.detail


def test_an_unknown_program_cannot_be_simulated() -> None:
    check = pitfalls(surgical_fit(model="mine", like=""))["diffuse_priors"]
    assert check.outcome is Outcome.NOT_RUN
    assert "mine is no model of the catalogue" in check.detail


# The prior predictive check


@pytest.mark.parametrize(
    ("model", "priors", "reason"),
    [
        ("logit_centered", {**PRIORS, "tau": "HalfNormal(2)"}, "tau ~ HalfNormal(2)"),
        (
            "beta_binomial",
            {"mu": "Beta(2, 18)", "kappa": "Gamma(1.5, 0.5)"},
            "it is of beta_binomial",
        ),
    ],
)
def test_a_check_of_something_else_fails(
    good: Fit, model: str, priors: dict[str, str], reason: str
) -> None:
    other = prior_predictive(model, SURGICAL, priors=priors, draws=200, seed=1)
    check = pitfalls(good, prior_checked=other)["prior_predictive"]
    assert check.outcome is Outcome.FAIL
    assert reason in check.detail


def test_a_check_of_other_groups_fails(good: Fit) -> None:
    design = {"n": [10, 20], "group": ["x", "y"]}
    other = prior_predictive("logit_centered", design, priors=PRIORS, seed=1)
    check = pitfalls(good, prior_checked=other)["prior_predictive"]
    assert check.outcome is Outcome.FAIL
    assert "other groups" in check.detail


def test_a_check_that_failed_fails() -> None:
    """Priors far too narrow, checked, and the failure ignored."""
    priors = {"mu": "Normal(3, 0.1)", "tau": "HalfNormal(0.1)"}
    own = prior_predictive("logit_centered", SURGICAL, priors=priors, seed=1)
    check = pitfalls(surgical_fit(priors), prior_checked=own)["prior_predictive"]
    assert check.outcome is Outcome.FAIL
    assert "range_covered" in check.subjects
    assert check.advice


@pytest.mark.parametrize("claim", [True, "yes", 1])
def test_a_claim_is_no_check(good: Fit, claim: object) -> None:
    with pytest.raises(SettingsError, match="prior_checked is"):
        pitfalls(good, prior_checked=claim)  # type: ignore[arg-type]


# Divergences


def test_divergences_fail() -> None:
    check = pitfalls(surgical_fit(diverging=3))["divergences"]
    assert check.outcome is Outcome.FAIL
    assert check.value == 3
    assert "adapt_delta" in check.advice


def test_without_statistics_divergences_are_not_run() -> None:
    check = pitfalls(surgical_fit(diverging=None))["divergences"]
    assert check.outcome is Outcome.NOT_RUN


# Hierarchy


@pytest.mark.parametrize(
    ("like", "outcome"),
    [
        ("logit_centered", Outcome.PASS),
        ("binomial_unpooled", Outcome.FAIL),
        ("binomial_pooled", Outcome.FAIL),
        ("", Outcome.NOT_RUN),
    ],
)
def test_hierarchy(like: str, outcome: Outcome) -> None:
    check = pitfalls(surgical_fit(model="mine", like=like))["hierarchy"]
    assert check.outcome is outcome
    assert bool(check.advice) is (outcome is not Outcome.PASS)


# Point estimates

MEANS = [0.1, 0.2]
PASSING: dict[str, Any] = {
    "sd": pd.DataFrame({"mean": MEANS, "sd": [0.01, 0.02]}),
    "posterior_sd": pd.DataFrame({"mean": MEANS, "posterior_sd": [0.01, 0.02]}),
    "se": pd.DataFrame({"estimate": MEANS, "Std. Error": [0.01, 0.02]}),
    "bounds": pd.DataFrame({"mean": MEANS, "lower": [0.0, 0.1], "upper": [0.3, 0.3]}),
    "percent": pd.DataFrame({"mean": MEANS, "2.5%": [0.0, 0.1], "97.5%": [0.3, 0.3]}),
    "quantiles": pd.DataFrame({"mean": MEANS, "q5": [0.0, 0.1], "q95": [0.3, 0.3]}),
    "hdi": pd.DataFrame({"mean": MEANS, "hdi_3%": [0, 0.1], "hdi_97%": [0.3, 0.3]}),
    "cells": pd.DataFrame({"mean": MEANS, "95% CI": ["0.0 to 0.3", "[0.1, 0.3]"]}),
    "mapping": {"mean": MEANS, "sd": [0.01, 0.02]},
    "row": {"mu": -2.56, "sd": 0.16},
    "sentence": "tau is 0.45 (95% interval 0.2 to 0.8).",
    "brackets": "mu = -2.56 [-2.9, -2.2]",
    "plus_minus": "The effect was 8.7 ± 0.9 mmHg.",
    "words": "mu has mean -2.56 (sd 0.16)",
    "between": "The rate is likely between 5% and 10%.",
}
FAILING: dict[str, Any] = {
    "means": pd.DataFrame({"mean": MEANS}),
    "monte_carlo": pd.DataFrame({"mean": MEANS, "mcse_mean": [0.1, 0.1], "mcse_sd": 1}),
    "one_bound": pd.DataFrame({"mean": MEANS, "upper": [0.3, 0.3]}),
    "diagnostics": pd.DataFrame({"mean": MEANS, "r_hat": [1.0, 1.0], "ess_bulk": 900}),
    "zero_sd": pd.DataFrame({"mean": MEANS, "sd": [0.0, 0.0]}),
    "empty_interval": pd.DataFrame({"m": MEANS, "lower": MEANS, "upper": MEANS}),
    "missing": pd.DataFrame({"mean": MEANS, "sd": [np.nan, np.nan]}),
    "groups": pd.DataFrame({"mean": MEANS, "trials": [40, 50], "events": [4, 5]}),
    "row": {"mu": -2.56, "tau": 0.45},
    "sentence": "The mean effect is 8.67 in 12 hospitals.",
    "percentage": "Mortality is 7.4% and falling.",
}


@pytest.mark.parametrize("name", PASSING)
def test_uncertainty_is_found(good: Fit, name: str) -> None:
    check = pitfalls(good, reported=PASSING[name])["point_estimate"]
    assert check.outcome is Outcome.PASS, check
    assert check.detail


@pytest.mark.parametrize("name", FAILING)
def test_point_estimates_alone_fail(good: Fit, name: str) -> None:
    check = pitfalls(good, reported=FAILING[name])["point_estimate"]
    assert check.outcome is Outcome.FAIL, check
    assert check.subjects
    assert check.advice


def test_rows_without_uncertainty_are_named(good: Fit) -> None:
    table = pd.DataFrame({"mean": MEANS, "sd": [0.1, np.nan]}, index=["A", "B"])
    check = pitfalls(good, reported=table)["point_estimate"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects == ("B",)


@pytest.mark.parametrize("nothing", ["Nothing to see.", "", pd.DataFrame({"mean": []})])
def test_nothing_reported_is_not_run(good: Fit, nothing: Any) -> None:
    assert pitfalls(good, reported=nothing)["point_estimate"].outcome is Outcome.NOT_RUN


def test_reported_of_another_type(good: Fit) -> None:
    with pytest.raises(SettingsError, match="reported is ndarray"):
        pitfalls(good, reported=np.zeros(3))  # type: ignore[arg-type]


def test_tables_of_a_fit_pass(good: Fit) -> None:
    for table in (good.summary(), good.groups()):
        check = pitfalls(good, reported=table)["point_estimate"]
        assert check.outcome is Outcome.PASS
        means = table[["mean"]]
        check = pitfalls(good, reported=means)["point_estimate"]
        assert check.outcome is Outcome.FAIL


def test_the_public_face() -> None:
    assert hb.pitfalls is pitfalls
