"""The program of surveys with a census: its density, its outputs, what it recovers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from programs import values_at
from scipy import optimize, stats
from scipy.special import expit
from shared import Shared
from systems_helpers import assert_means_and_sds, at, calibration_of, prepared

import hbstan as hb
from hbstan.data import SurveyCells
from hbstan.plan import plan
from hbstan.pooling import Poststratified
from hbstan.refit import dataset_of
from hbstan.results import Outcome
from hbstan.simulate.mrp import MRP

NAME = "mrp_logit"
OVER = ("chain", "draw")


def small(covariates: bool = True, by: str = "state", size: int = 8) -> SurveyCells:
    """Four states by three ages, up to 2 ``size`` respondents a cell, one without."""
    rng = np.random.default_rng(4)
    cells = [(s, a) for s in "ABCD" for a in ("young", "middle", "old")]
    n = rng.integers(1, 2 * size, 12)
    n[4] = 0
    table = {
        "state": [s for s, _ in cells],
        "age": [a for _, a in cells],
        "n": n,
        "r": rng.binomial(n, rng.uniform(0.2, 0.7, 12)),
        "N": rng.integers(50, 500, 12),
        "rain": np.repeat([3.0, 1.0, 4.0, 1.5], 3),
    }
    return hb.data.mrp(
        table,
        trials="n",
        events="r",
        factors=["state", "age"],
        covariates=["rain"] if covariates else None,
        by=by,
    )


def target(q: NDArray[np.float64], data: SurveyCells, seen: NDArray[Any]) -> float:
    """Return the log density at (centre, beta, log tau, z) without coefficients."""
    count = len(data.covariates)
    centre, beta, log_tau, z = np.split(q, [1, 1 + count, 3 + count])
    effect = np.repeat(np.exp(log_tau), [4, 3]) * z
    everybody = np.concatenate(
        [np.bincount(data.cells(f), data.n) / data.n.sum() for f in data.factors]
    )
    alpha = centre[0] - everybody @ effect
    theta = np.full(12, alpha)
    for j in range(12):
        theta[j] += effect[data.cells("state")[j]] + effect[4 + data.cells("age")[j]]
        for k in range(count):
            own = data.X[:, k]
            theta[j] += beta[k] * (own[j] - own.mean()) / own.std(ddof=1)
    total = stats.norm(0, 1.5).logpdf(alpha) + stats.norm(0, 1).logpdf(beta).sum()
    total += (stats.halfnorm().logpdf(np.exp(log_tau)) + log_tau).sum()
    total += stats.norm().logpdf(z).sum()
    terms = data.y * theta - data.n * np.logaddexp(0, theta)
    return float(total + terms[seen].sum())


@pytest.mark.parametrize("covariates", [True, False])
@pytest.mark.parametrize("holdout", [None, ["A, young", "C, old"], "all"])
def test_target_and_gradient(covariates: bool, holdout: Any) -> None:
    data = small(covariates)
    model, stan = prepared(NAME, data, holdout=holdout)
    seen = np.array(stan["holdout"]) == 0
    points = np.random.default_rng(5).normal(0, 1, (5, 10 + covariates))
    for q in points:
        value, slope = at(model, q)
        assert value == pytest.approx(target(q, data, seen), rel=1e-10)
        wanted = optimize.approx_fprime(q, target, 1e-6, data, seen)
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-3)


def test_target_differs_by_the_simulators_log_likelihood() -> None:
    data = small()
    (fitted, stan), (prior, _) = (
        prepared(NAME, data, holdout=h) for h in (None, "all")
    )
    choose = stats.binom.logpmf(data.y, data.n, 0.5) + data.n * np.log(2)
    points = np.random.default_rng(6).normal(0, 1, (4, 11))
    found = values_at(fitted, points)
    draws = {k: found[k][:, 0] for k in ("alpha", "beta", "tau", "z")}
    wanted = MRP.log_likelihood(draws, stan) - choose.sum()
    gained = [at(fitted, q)[0] - at(prior, q)[0] for q in points]
    np.testing.assert_allclose(gained, wanted, rtol=1e-9)


def test_outputs_at_a_point() -> None:
    data = small(by="age")
    model, stan = prepared(NAME, data, predictive=True, holdout=["B, old"])
    points = np.random.default_rng(7).normal(0, 1, (3, 11))
    out = values_at(model, points, samples=1500)
    one = {k: v[:, 0] for k, v in out.items()}
    p = expit(one["theta"])
    np.testing.assert_allclose(one["p"], p, rtol=1e-12)
    log_lik = stats.binom.logpmf(data.y, data.n, p)
    np.testing.assert_allclose(one["log_lik"], log_lik, rtol=1e-8, atol=1e-10)
    drawn = {k: one[k] for k in ("alpha", "beta", "tau", "z")}
    np.testing.assert_allclose(
        one["log_lik"].sum(axis=1), MRP.log_likelihood(drawn, stan), rtol=1e-9
    )
    np.testing.assert_allclose(one["p_population"], p @ data.N / data.N.sum())
    for a in range(3):
        own = data.cells("age") == a
        share = p[:, own] @ data.N[own] / data.N[own].sum()
        np.testing.assert_allclose(one["p_area"][:, a], share, rtol=1e-12)
    slope = one["beta"] / data.X.std(axis=0, ddof=1)
    np.testing.assert_allclose(one["slope"], slope, rtol=1e-12)
    # Means of 1500 binomial numbers, 12 cells at 3 points: 5 standard errors.
    error = np.sqrt(data.n * p * (1 - p) / 1500) + 1e-12
    assert np.all(np.abs(out["y_rep"].mean(axis=1) - data.n * p) < 5 * error)
    empty = values_at(prepared(NAME, data)[0], points)
    assert not {"y_rep", "log_lik"} & {k for k, v in empty.items() if v.size}


def test_lprior_has_an_element_a_parameter() -> None:
    data = small()
    model, _ = prepared(NAME, data, priors={"tau": "HalfCauchy(2)"})
    out = {k: v[0, 0] for k, v in values_at(model, [[0.3] * 11]).items()}
    wanted = [
        stats.norm(0, 1.5).logpdf(out["alpha"]),
        stats.norm(0, 1).logpdf(out["beta"]).sum(),
        stats.halfcauchy(0, 2).logpdf(out["tau"]).sum(),
    ]
    np.testing.assert_allclose(out["lprior"], wanted, rtol=1e-10)


def test_the_likelihood_peaks_where_the_classical_regression_does() -> None:
    """At the maximum-likelihood estimate of statsmodels its gradient is zero."""
    data = small(covariates=False, size=60)
    state, age = data.cells("state"), data.cells("age")
    columns = [
        np.ones(12),
        *(state == s for s in (1, 2, 3)),
        *(age == a for a in (1, 2)),
    ]
    design = np.column_stack(columns).astype(float)
    some = data.n > 0  # a proportion of nobody is none
    y = np.column_stack([data.y, data.n - data.y])[some]
    classical = sm.GLM(y, design[some], family=sm.families.Binomial()).fit(tol=1e-12)
    alpha, *effects = classical.params
    z = np.array([0.0, *effects[:3], 0.0, *effects[3:]])
    everybody = [np.bincount(c, data.n) / data.n.sum() for c in (state, age)]
    centre = alpha + np.concatenate(everybody) @ z
    point = np.array([centre, 0.0, 0.0, *z])
    (fitted, _), (prior, _) = (prepared(NAME, data, holdout=h) for h in (None, "all"))
    (value, slope), (without, other) = at(fitted, point), at(prior, point)
    np.testing.assert_allclose(slope - other, 0.0, atol=1e-6)
    choose = stats.binom.logpmf(data.y, data.n, 0.5) + data.n * np.log(2)
    assert value - without == pytest.approx(classical.llf - choose.sum(), rel=1e-10)


def test_with_all_cells_held_out_the_posterior_is_the_prior() -> None:
    fit = hb.fit(NAME, small(), seed=1, backend="stanli", holdout="all")
    wanted = {"alpha": (0.0, 1.5), "beta": (0.0, 1.0), "z": (0.0, 1.0)}
    wanted["tau"] = (np.sqrt(2 / np.pi), np.sqrt(1 - 2 / np.pi))
    assert_means_and_sds(fit, wanted)


# --- the bundled survey


@pytest.fixture(scope="session")
def survey() -> SurveyCells:
    data = hb.datasets.load("mrp_survey")
    assert isinstance(data, SurveyCells)
    return data


@pytest.fixture(scope="session")
def fit(shared: Shared) -> hb.Fit:
    short = {"chains": 2, "iter_warmup": 500}
    return shared(hb.fit, NAME, "mrp_survey", seed=1, backend="stanli", **short)


@pytest.fixture(scope="session")
def by_state(fit: hb.Fit) -> Poststratified:
    return hb.poststratify(fit, by="state")


def errors(table: pd.DataFrame, truth: NDArray[Any]) -> dict[str, float]:
    """Return root mean squared errors; states without respondents are left out."""
    columns = ("mean", "raw", "unadjusted")
    return {c: float(np.sqrt(((table[c] - truth) ** 2).mean())) for c in columns}


def test_the_fit_comes_back_with_its_data(fit: hb.Fit, survey: SurveyCells) -> None:
    assert dataset_of(fit) == survey
    assert fit.posterior["p_area"].dims == ("chain", "draw", "area")
    assert fit.posterior["area"].values.tolist() == list(survey.areas)


def test_states_are_recovered_better_than_raw_and_unadjusted(
    fit: hb.Fit, by_state: Poststratified
) -> None:
    truth = hb.datasets.describe("mrp_survey").truth
    found = errors(by_state.table, np.asarray(truth["p_area"]))
    assert found["mean"] < 0.6 * found["unadjusted"] < 0.6 * found["raw"]
    z = (by_state.table["mean"] - np.asarray(truth["p_area"])) / by_state.table["sd"]
    assert abs(z).max() < 3.5
    everybody = hb.poststratify(fit).table.iloc[0]
    assert abs(everybody["mean"] - truth["p_population"]) < 3 * everybody["sd"]
    # The respondents' share is far off: poststratification is what mends it.
    assert everybody["raw"] - truth["p_population"] > 5 * everybody["sd"]


def test_poststratified_shares_are_those_of_the_program(
    fit: hb.Fit, by_state: Poststratified
) -> None:
    own = fit.posterior["p_area"]
    np.testing.assert_allclose(by_state.table["mean"], own.mean(OVER), rtol=1e-10)
    np.testing.assert_allclose(by_state.table["sd"], own.std(OVER, ddof=1), rtol=1e-9)
    everybody = hb.poststratify(fit).table
    overall = fit.posterior["p_population"]
    assert everybody["mean"].iloc[0] == pytest.approx(float(overall.mean()))
    assert everybody.index.tolist() == ["population"]


def test_shares_by_two_factors_are_weighted_means_of_cells(
    fit: hb.Fit, survey: SurveyCells
) -> None:
    found = hb.poststratify(fit, by=["age", "education"], ci_prob=0.5)
    assert len(found.table) == 12
    frame = survey.to_frame().assign(p=fit.posterior["p"].mean(OVER).values)
    part = frame[(frame["age"] == "65+") & (frame["education"] == "degree")]
    row = found.table.loc["65+, degree"]
    assert row["mean"] == pytest.approx(np.average(part["p"], weights=part["people"]))
    n = part["respondents"]
    assert row["unadjusted"] == pytest.approx(np.average(part["p"], weights=n))
    assert row["raw"] == pytest.approx(part["in_favour"].sum() / n.sum())
    assert (row["people"], row["respondents"]) == (part["people"].sum(), n.sum())
    # A normal posterior's half lies within 0.674 standard deviations.
    width = (found.table["upper"] - found.table["lower"]) / found.table["sd"]
    np.testing.assert_allclose(width, 2 * stats.norm.ppf(0.75), rtol=0.12)
    record = found.record()
    assert record["parts"][0]["age, education"] == "18-29, school"


def test_a_part_without_respondents_has_an_estimate_and_no_raw_share() -> None:
    data = small()
    empty = data.labels[int(np.flatnonzero(data.n == 0)[0])]
    fit = hb.fit(NAME, data, seed=2, backend="stanli", iter_sampling=300)
    row = hb.poststratify(fit, by=["state", "age"]).table.loc[empty]
    assert 0 < row["mean"] < 1
    assert np.isnan(row["raw"])
    assert np.isnan(row["unadjusted"])


def test_what_cannot_be_poststratified_is_refused(fit: hb.Fit) -> None:
    with pytest.raises(
        hb.errors.SettingsError, match="by has 'race'; legal: each once"
    ):
        hb.poststratify(fit, by="race")
    with pytest.raises(hb.errors.SettingsError, match="by has 'age'"):
        hb.poststratify(fit, by=["age", "age"])
    with pytest.raises(hb.errors.SettingsError, match="ci_prob"):
        hb.poststratify(fit, ci_prob=1.0)
    other = hb.fit("logit_noncentered", "surgical", seed=1, backend="stanli", chains=1)
    with pytest.raises(hb.errors.FitError, match="not fitted to a survey"):
        hb.poststratify(other)


@calibration_of(NAME)
def test_intervals_cover_the_truth_over_surveys(survey: SurveyCells) -> None:
    """Ten surveys of the same states: 94 % intervals, and errors in each survey."""
    truth = hb.datasets.describe("mrp_survey").truth
    p, states = np.asarray(truth["p"]), np.asarray(truth["p_area"])
    frame, rng = survey.to_frame(), np.random.default_rng(8)
    covered = []
    for seed in range(10):
        n = rng.multinomial(1000, survey.n / 1000)
        frame = frame.assign(respondents=n, in_favour=rng.binomial(n, p))
        data = hb.data.mrp(
            frame,
            trials="respondents",
            events="in_favour",
            factors=survey.factors,
            count="people",
            covariates=["urban"],
        )
        settings: dict[str, Any] = {"chains": 1, "iter_warmup": 400}
        again = hb.fit(
            NAME, data, seed=seed, backend="stanli", iter_sampling=400, **settings
        )
        table = hb.poststratify(again, by="state").table
        found = errors(table, states)
        assert found["mean"] < found["unadjusted"] < found["raw"]
        covered.append(((table["lower"] < states) & (states < table["upper"])).mean())
    # 200 intervals; those of one survey share the intercept, so count surveys.
    error = max(np.std(covered, ddof=1), 0.02) / np.sqrt(10)
    assert abs(np.mean(covered) - 0.94) < 4 * error


# --- calibration


@calibration_of(NAME)
def test_calibration_finds_a_generator_that_forgets_a_factor() -> None:
    """The right generator passes 60 simulations; without ages it is found out."""
    data = small()
    stan = plan(NAME, data, None, None, predictive=False).stan
    constants = {k: v for k, v in stan.items() if k != "y" and "prior" not in k}
    priors = {
        "alpha": hb.Normal(0, 1.5),
        "beta": hb.Normal(0, 1),
        "tau": hb.HalfNormal(1),
    }

    def right(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn = MRP.parameters(priors, constants, rng)
        return drawn, MRP.outcomes(drawn, constants, rng)

    def wrong(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn = MRP.parameters(priors, constants, rng)
        ageless = {**drawn, "tau": drawn["tau"] * np.array([1.0, 0.0])}
        return drawn, MRP.outcomes(ageless, constants, rng)

    outcomes = {}
    for generator in (right, wrong):
        result = hb.sbc(
            NAME,
            generator=generator,
            design=constants,
            priors=priors,
            n_sims=60,
            seed=1,
            backend="stanli",
            executor="serial",
        )
        outcomes[generator.__name__] = result.checks()["uniformity"].outcome
    assert outcomes == {"right": Outcome.PASS, "wrong": Outcome.FAIL}
