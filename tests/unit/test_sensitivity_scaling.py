"""Power-scaling against closed forms, its diagnosis, and refits in its place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sensitivity_exact import Exact, posterior, sensitivity
from sensitivity_exact import exact_fit as long_fit

from hbstan.errors import FitError, SettingsError
from hbstan.fit import Fit
from hbstan.results import Outcome
from hbstan.sensitivity import power_scaling
from hbstan.sensitivity.scaling_result import CONFLICT, NONE, STRONG

RNG = np.random.default_rng(11)
SIGMA = np.full(8, np.sqrt(1.6))
Y = RNG.normal(0.0, 1.3, 8)
Y -= Y.mean()
WIDE = (2 / 3, 3 / 2)


def exact_fit(*args, **given) -> Fit:
    """Return a shorter fit, where no number is held against a closed form."""
    return long_fit(*args, **{"iter_sampling": 1000, **given})


def scaled(loc: float, scale: float = 1.0, **given):
    return power_scaling(exact_fit(Y, SIGMA, loc, scale), **given)


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (2.0, 1.0), (0.5, 0.1)])
@pytest.mark.parametrize("alphas", [(0.99, 1.01), (0.8, 1.25)])
def test_weights_give_the_closed_form(loc: float, scale: float, alphas) -> None:
    fit = long_fit(Y, SIGMA, loc, scale)
    got = power_scaling(fit, alphas=alphas)
    draws = fit.posterior["mu"].values
    for component, part in (("prior of mu", "prior"), ("likelihood", "likelihood")):
        exact = sensitivity(Y, SIGMA, loc, scale, alphas, draws, part)
        value = got.table.loc["mu", component]
        # Of 16,000 draws the derivative is known to about 2 %.
        assert value == pytest.approx(exact, rel=0.06, abs=0.002)
        assert got.components.loc[component, "method"] == "weights"
    assert got.table.loc["mu", "all priors"] == got.table.loc["mu", "prior of mu"]
    # The other component's value would have been noticed.
    assert got.table.loc["mu", "likelihood"] != pytest.approx(
        got.table.loc["mu", "prior of mu"], rel=0.06
    )


def test_a_matched_prior_is_below_the_threshold_and_conflicts_grow() -> None:
    values = []
    for loc in (0.0, 2.0, 4.0, 8.0):
        got = scaled(loc)
        values.append(got.table.loc["mu", "prior of mu"])
        word = NONE if loc == 0.0 else CONFLICT
        assert got.table.loc["mu", "diagnosis"] == word
        check = got.checks()[0]
        assert check.passed == (loc == 0.0)
        assert check.value == pytest.approx(got.table["prior of mu"].max())
    assert values[0] < 0.05 < values[1]
    assert np.all(np.diff(values) > 0.05)


def test_a_prior_that_decides_is_no_conflict() -> None:
    got = scaled(0.0, scale=0.05)
    row = got.table.loc["mu"]
    assert row["diagnosis"] == STRONG
    assert row["prior of mu"] > 0.05 > row["likelihood"]
    assert row["sensitive_to"] == "prior of mu"
    assert got.checks()[0].outcome is Outcome.FAIL
    assert "the prior decides" in got.checks()[0].advice


def test_the_likelihood_is_of_the_groups_that_were_seen() -> None:
    out = [f"g{i}" for i in range(2, 8)]
    fit = long_fit(Y, SIGMA, 1.0, 0.5, holdout=out)
    draws = fit.posterior["mu"].values
    got = power_scaling(fit).table.loc["mu", "likelihood"]
    exact, all_groups = (
        sensitivity(Y[:n], SIGMA[:n], 1.0, 0.5, (0.99, 1.01), draws, "likelihood")
        for n in (2, 8)
    )
    assert got == pytest.approx(exact, rel=0.06)
    assert got != pytest.approx(all_groups, rel=0.06)


def test_refits_take_over_where_weights_fail() -> None:
    # A prior that decides, taken away almost wholly: no draws are where it leads.
    fit = exact_fit(Y, SIGMA, 3.0, 0.1)
    given = {"alphas": (0.01, 1.5), "backend": Exact(), "executor": "serial"}
    got = power_scaling(fit, **given)
    row = got.components.loc["prior of mu"]
    assert row["method"] == "refits"
    assert row["k"] > 0.7
    assert "k is" in row["reason"]
    draws = fit.posterior["mu"].values
    exact = sensitivity(Y, SIGMA, 3.0, 0.1, WIDE, draws, "prior")
    value = got.table.loc["mu", "prior of mu"]
    assert value == pytest.approx(exact, abs=2 * row["noise"])
    assert value > 0.05
    assert len(got.refits) == 4
    assert (got.refits["fault"] == "").all()
    # Without refits the prior's sensitivity is not known, and the check not run.
    without = power_scaling(fit, alphas=(0.01, 1.5), refit_when_unreliable=False)
    assert np.isnan(without.table.loc["mu", "prior of mu"])
    assert without.table.loc["mu", "diagnosis"] == "unknown"
    assert without.refits is None
    assert without.checks()[0].outcome is Outcome.NOT_RUN


def test_refits_scale_the_prior_and_nothing_else() -> None:
    fit, engine = exact_fit(Y, SIGMA, 3.0, 0.1), Exact()
    power_scaling(fit, alphas=(0.01, 1.5), backend=engine, executor="serial")
    scales = [data["prior_mu_args"][1] for data in engine.seen]
    assert scales == pytest.approx([0.1 / np.sqrt(a) for a in WIDE] * 2)
    assert {data["prior_mu_args"][0] for data in engine.seen} == {3.0}
    assert not any(any(data["holdout"]) for data in engine.seen)


def test_refits_that_are_too_few_draws_tell_nothing() -> None:
    fit = exact_fit(Y, SIGMA, 3.0, 0.1, iter_sampling=150)
    given = {"alphas": (0.01, 1.5), "backend": Exact(), "executor": "serial"}
    got = power_scaling(fit, threshold=0.02, **given)
    assert got.components.loc["prior of mu", "noise"] > 0.02
    assert "raise iter_sampling" in got.components.loc["prior of mu", "reason"]
    assert np.isnan(got.table.loc["mu", "prior of mu"])
    assert not got.checks().passed


def test_refits_that_fail_are_named() -> None:
    fit = exact_fit(Y, SIGMA, 3.0, 0.1)
    broken = Exact(short=True)
    got = power_scaling(fit, alphas=(0.01, 1.5), backend=broken, executor="serial")
    assert "refits failed: prior of mu" in got.components.loc["prior of mu", "reason"]
    assert got.checks()[0].outcome is Outcome.NOT_RUN


def test_the_likelihood_is_not_scaled_by_refits() -> None:
    # A wide prior: without the likelihood the posterior is far away.
    fit = exact_fit(Y, SIGMA, 0.0, 50.0)
    got = power_scaling(fit, alphas=(0.001, 1.01))
    row = got.components.loc["likelihood"]
    assert row["method"] == "not_run"
    assert "no power of the likelihood" in row["reason"]
    assert got.refits is None


def test_without_a_likelihood_the_prior_is_told_all_the_same() -> None:
    fit = exact_fit(Y, SIGMA, 4.0, 0.5, predictive=False)
    got = power_scaling(fit)
    assert got.components.loc["likelihood", "method"] == "not_run"
    assert "predictive=False" in got.components.loc["likelihood", "reason"]
    assert got.table.loc["mu", "diagnosis"] == "prior matters, likelihood unknown"
    assert got.checks()[0].outcome is Outcome.FAIL


def test_a_flat_prior_has_no_influence() -> None:
    fit = exact_fit(Y, SIGMA, 0.0, 1.0)
    flat = fit.tree["log_prior"].to_dataset() * 0.0
    tree = fit.tree.copy()
    tree["log_prior"] = type(tree)(flat)
    got = power_scaling(Fit(tree))
    assert (got.table["prior of mu"] == 0.0).all()
    assert got.checks().passed


def test_a_fit_that_did_not_converge_is_no_pass() -> None:
    fit = exact_fit(Y, SIGMA, 0.0, 1.0)
    tree = fit.tree.copy()
    apart = fit.posterior.copy()
    apart["mu"] = apart["mu"] + 10.0 * apart["chain"]
    tree["posterior"] = type(tree)(apart)
    check = power_scaling(Fit(tree)).checks()[0]
    assert check.outcome is Outcome.NOT_RUN
    assert "R-hat" in check.detail


def test_what_cannot_be_scaled_is_refused() -> None:
    fit = exact_fit(Y, SIGMA, 0.0, 1.0)
    without = fit.tree.copy()
    del without["log_prior"]
    with pytest.raises(FitError, match="lprior"):
        power_scaling(Fit(without))
    with pytest.raises(FitError, match="at least 100"):
        power_scaling(exact_fit(Y, SIGMA, 0.0, 1.0, iter_sampling=20))
    with pytest.raises(FitError, match=r"no variable 'nu'.*mu, theta"):
        power_scaling(fit, var_names=["nu"])
    for bad in (0.0, -1, np.nan, "much", True):
        with pytest.raises(SettingsError, match="threshold"):
            power_scaling(fit, threshold=bad)
    for pair in ((1.0, 1.01), (0.5, 0.9), (0.0, 2.0), (0.5, np.nan), 1.0, ("a", 2)):
        with pytest.raises(SettingsError, match="powers"):
            power_scaling(fit, alphas=pair)
        with pytest.raises(SettingsError, match="powers"):
            power_scaling(fit, refit_alphas=pair)


def test_the_record_is_json() -> None:
    got = scaled(4.0, var_names="mu")
    record = json.loads(json.dumps(got.record()))
    assert record["outcome"] == "fail"
    assert [row["quantity"] for row in record["quantities"]] == ["mu"]
    assert record["quantities"][0]["diagnosis"] == CONFLICT
    assert {row["component"] for row in record["components"]} == {
        *("prior of mu", "all priors", "likelihood")
    }
    assert "fail" in repr(got)
    frame = got.to_frame()
    frame.loc[:, "likelihood"] = 0.0
    assert (got.table["likelihood"] > 0).all()


def test_the_closed_form_is_that_of_the_posterior() -> None:
    mean, sd = posterior(Y, SIGMA, 4.0, 1.0)
    draws = long_fit(Y, SIGMA, 4.0, 1.0).posterior["mu"].values
    assert draws.mean() == pytest.approx(mean, abs=4 * sd / 126)
    # By conjugacy: precision 8 / 1.6 = 5 of the data and 1 of the prior.
    assert mean == pytest.approx(4.0 / 6.0)
    assert sd == pytest.approx(6**-0.5)
