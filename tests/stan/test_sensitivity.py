"""Sensitivity of real fits: priors that matter, priors that do not, groups."""

from __future__ import annotations

import numpy as np
import pytest
from shared import Shared

import hbstan as hb
from hbstan.fit import Fit
from hbstan.results import Outcome
from hbstan.sensitivity import influence, power_scaling, swap_priors
from hbstan.sensitivity.scaling_result import CONFLICT

#: A run of 100,000 draws elsewhere: mean of tau, and of mu with its sd.
TAU, MU, MU_SD = 0.446, -2.559, 0.161


def fitted(model: str = "logit_noncentered", data: str = "surgical", **given) -> Fit:
    return hb.fit(model, data, seed=1, backend="stanli", **given)


@pytest.fixture(scope="module")
def surgical(shared: Shared) -> Fit:
    return shared(hb.fit, "logit_noncentered", "surgical", seed=1, backend="stanli")


@pytest.fixture(scope="module")
def narrow() -> Fit:
    """Groups said to be nearly alike, which they are not."""
    return fitted(priors={"tau": "HalfNormal(0.05)"})


def test_weak_priors_do_not_matter(surgical: Fit) -> None:
    got = power_scaling(surgical)
    assert got.checks().passed
    assert (got.table["diagnosis"] == "none").all()
    assert got.table.loc["tau", "likelihood"] > 0.05
    assert got.components["method"].eq("weights").all()


def test_a_prior_in_conflict_is_caught(narrow: Fit) -> None:
    got = power_scaling(narrow)
    row = got.table.loc["tau"]
    assert row["diagnosis"] == CONFLICT
    assert row["sensitive_to"] == "prior of tau"
    # It is tau's prior that objects, and not that of mu.
    assert row["prior of tau"] > 0.2 > 0.05 > row["prior of mu"]
    assert got.checks()[0].outcome is Outcome.FAIL


def test_refits_agree_with_weights(narrow: Fit) -> None:
    weights = power_scaling(narrow, alphas=(2 / 3, 3 / 2))
    refits = power_scaling(narrow, alphas=(0.2, 5.0), refit_alphas=(2 / 3, 3 / 2))
    assert weights.components.loc["prior of tau", "method"] == "weights"
    row = refits.components.loc["prior of tau"]
    assert row["method"] == "refits"
    assert row["k"] > 0.7
    assert refits.components.loc["likelihood", "method"] == "not_run"
    assert (refits.refits["fault"] == "").all()
    both = [got.table["prior of tau"] for got in (weights, refits)]
    assert np.abs(both[0] - both[1]).max() < 3 * row["noise"]
    assert both[1]["tau"] > 0.2


def test_the_half_cauchy_moves_little(surgical: Fit) -> None:
    got = swap_priors(surgical, {"tau": ["HalfCauchy(1)", "HalfNormal(0.05)"]})
    mild, harsh = (got.table.loc[f"tau ~ {p}"] for p in got.table["prior"].unique())
    assert mild["move"].abs().max() < 0.25
    assert harsh.loc["tau", "move"] < -1.5
    assert harsh.loc["tau", "sd_ratio"] < 0.5
    check = got.checks()[0]
    assert check.outcome is Outcome.FAIL
    assert "tau ~ HalfNormal(0.05)" in check.detail
    assert got.base.loc["tau", "mean"] == pytest.approx(TAU, abs=0.02)


def test_default_swaps_of_a_weak_prior_pass(surgical: Fit) -> None:
    got = swap_priors(surgical)
    assert len(got.refits) == 5
    assert got.checks().passed
    assert (got.refits["fault"] == "").all()


def test_the_beta_binomials_swaps_are_fitted() -> None:
    got = swap_priors(fitted("beta_binomial"), var_names=["mu", "kappa"])
    assert (got.refits["fault"] == "").all()
    assert got.table["move"].notna().all()
    assert list(got.base.index) == ["mu", "log(kappa)"]


def test_hospital_h_is_what_moves_tau(surgical: Fit) -> None:
    chosen = influence(surgical, ["A", "H", "L"])
    assert chosen.most_influential == "H"
    row = chosen.table.loc[("H", "tau")]
    assert row["move"] + 4 * row["move_mcse"] < -0.3
    assert abs(chosen.table.loc[("L", "tau"), "move"]) < 0.4
    # A fit of the other eleven hospitals, by itself, is the same posterior.
    alone = fitted(holdout=["H"], priors=PRIORS, chains=4)
    tau, se = float(alone.posterior["tau"].mean()), row["move_mcse"] * row["sd"]
    assert abs(row["mean"] - tau) < 5 * (
        se + alone.summary(["tau"])["mcse_mean"].iloc[0]
    )


#: The bundled data's own priors.
PRIORS = {"mu": "Normal(-2.512306, 1)", "tau": "HalfNormal(1)"}
