"""The pooling laboratory and the pitfalls on fits, beside the closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import hbstan as hb
from hbstan.pooling.laboratory import MODELS, PoolingLab, pooling_lab
from hbstan.results import Outcome

SETTINGS = {"backend": "stanli", "seed": 1}


@pytest.fixture(scope="module")
def pharma() -> PoolingLab:
    return pooling_lab("pharma", method="bayes", **SETTINGS)


@pytest.fixture(scope="module")
def surgical() -> PoolingLab:
    return pooling_lab("surgical", method="bayes", **SETTINGS)


def test_models_are_those_of_the_catalogue() -> None:
    for kind, chosen in MODELS.items():
        pooling = {s: hb.models.get(m).pooling for s, m in chosen.items()}
        assert pooling == {"none": "none", "complete": "complete", "partial": "partial"}
        assert hb.models.get(chosen["partial"]).kind == kind
        simple = {hb.models.get(chosen[s]).kind for s in ("none", "complete")}
        assert simple == {"normal" if kind == "normal_groups" else kind}


def test_wide_priors_make_simple_strategies_the_closed_forms(
    pharma: PoolingLab,
) -> None:
    closed = pooling_lab("pharma")
    sigma = hb.datasets.load("pharma").sigma
    for strategy in ("none", "complete"):
        ours, theirs = pharma.of(strategy), closed.of(strategy)
        # theta ~ normal(0, 20) shrinks by sigma^2 / 400; 4000 draws have an error of
        # a sixtieth of a standard deviation.
        slack = 5 * sigma / 60 + sigma**2 / 400 * 13
        assert np.all(np.abs(ours["estimate"] - theirs["estimate"]) < slack)


def test_observations_with_unknown_sigma() -> None:
    lab = pooling_lab("omega_small", method="bayes", **SETTINGS)
    closed = pooling_lab("omega_small")
    assert lab.known
    for strategy in ("none", "complete", "partial"):
        ours, theirs = lab.of(strategy), closed.of(strategy)
        width = (theirs["upper"] - theirs["lower"]).to_numpy()
        assert np.all(np.abs(ours["estimate"] - theirs["estimate"]) < 0.1 * width)
    assert lab.models["partial"] == "normal_groups_marginal"
    assert lab.fits["none"].data_kind == "normal"
    assert lab.diagnostics["partial"].passed
    assert hb.plots.pooling_lab(lab).axes


def test_full_bayes_is_near_empirical_bayes(pharma: PoolingLab) -> None:
    closed = pooling_lab("pharma").of("partial")
    ours = pharma.of("partial")
    width = (closed["upper"] - closed["lower"]).to_numpy()
    assert np.all(np.abs(ours["estimate"] - closed["estimate"]) < 0.1 * width)
    assert (ours["upper"] - ours["lower"]).to_numpy() == pytest.approx(width, rel=0.15)


def test_partial_lies_between(surgical: PoolingLab) -> None:
    none, partial = (surgical.of(s)["estimate"] for s in ("none", "partial"))
    everyone = surgical.of("complete")["estimate"]
    assert partial.std() < none.std()
    assert everyone.std() < 1e-12
    assert everyone.iloc[0] == pytest.approx(208 / 2814, abs=0.002)


def test_scores_of_fits(pharma: PoolingLab) -> None:
    scores = pharma.scores().loc["all"]
    assert scores.loc["partial", "mse"] < scores.loc["none", "mse"]
    assert scores.loc["complete", "mse"] > scores.loc["none", "mse"]
    assert pharma.diagnostics["partial"].passed
    assert "do not use" not in repr(pharma)
    assert pharma.models["partial"] == "eight_schools_noncentered"
    assert hb.plots.pooling_lab(pharma).axes


def test_models_and_priors_can_be_chosen() -> None:
    lab = pooling_lab(
        "streamrec",
        method="bayes",
        models={"partial": "beta_binomial"},
        priors={"complete": {"mu": "Normal(-1, 0.5)"}},
        **SETTINGS,
    )
    assert lab.fits["partial"].model == "beta_binomial"
    assert lab.fits["complete"].priors["mu"]["prior"] == "Normal(-1, 0.5)"
    closed = pooling_lab("streamrec").of("partial")["estimate"]
    assert lab.of("partial")["estimate"].to_numpy() == pytest.approx(closed, abs=0.006)


def test_assessment_agrees_with_shrinkage_of_a_fit(pharma: PoolingLab) -> None:
    """The expected shrinkage at REML's tau, and the fit's average over its own."""
    expected = hb.assess("pharma").groups["shrinkage"]
    found = hb.shrinkage(pharma.fits["partial"]).table["closed_form"]
    assert np.all(np.abs(expected - found) < 0.06)


def test_pitfalls_of_fits(surgical: PoolingLab) -> None:
    outcome = {
        strategy: hb.pitfalls(fit, reported=fit.groups())["hierarchy"].outcome
        for strategy, fit in surgical.fits.items()
    }
    assert outcome == {
        "none": Outcome.FAIL,
        "complete": Outcome.FAIL,
        "partial": Outcome.PASS,
    }
    checked = hb.prior_predictive("logit_noncentered", "surgical", seed=1)
    fit = surgical.fits["partial"]
    found = hb.pitfalls(fit, prior_checked=checked, reported=fit.summary())
    assert found.passed


def test_a_diffuse_prior_is_found_in_a_fit() -> None:
    fit = hb.fit(
        "eight_schools_noncentered",
        "eight_schools",
        priors={"mu": "Normal(0, 1e6)", "tau": "HalfCauchy(5)"},
        **SETTINGS,
    )
    check = hb.pitfalls(fit)["diffuse_priors"]
    assert check.outcome is Outcome.FAIL
    assert check.subjects[0] == "mu"


def test_draws_that_fail_are_named() -> None:
    lab = pooling_lab(
        "surgical", method="bayes", backend="stanli", seed=1, iter_sampling=20
    )
    assert not lab.diagnostics["partial"].passed
    assert "do not use the draws of" in repr(lab)
    assert lab.record()["diagnostics"]["partial"]["outcome"] == "fail"
