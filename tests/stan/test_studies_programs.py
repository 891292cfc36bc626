"""Meta-regression on stanli: target, outputs, posterior and calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import multivariate_normal, norm
from systems_helpers import calibration_of

import hbstan as hb
from hbstan import models
from hbstan.backends.stanli import StanliBackend
from hbstan.data import Studies
from hbstan.errors import DataError
from hbstan.plots.data import funnel
from hbstan.plots.meta import meta_forest
from hbstan.pooling.meta import MetaRegression, meta_analysis
from hbstan.pooling.meta_classical import typical_variance
from hbstan.priors import HalfNormal, Normal, stan_data
from hbstan.results import Outcome
from hbstan.sbc.problem import problem
from hbstan.simulate.studies import META_REGRESSION

NAME = "meta_regression"
PRIORS: dict[str, Any] = {
    "mu": Normal(-0.5, 1.0),
    "beta_std": Normal(0.0, 0.8),
    "tau": HalfNormal(0.7),
}


def bcg() -> Studies:
    data: Any = hb.datasets.load("bcg")
    return data


def with_covariates(count: int) -> Studies:
    """The trials with latitude and its square, or fewer."""
    latitude = bcg().X[:, 0]
    X = np.column_stack([latitude, latitude**2])[:, :count]
    return replace(bcg(), X=X, axes={"covariate": ("x1", "x2")[:count]})


def stan(data: Studies, holdout: Any = None) -> dict[str, Any]:
    return {
        **data.to_stan(),
        "holdout": [0] * data.J if holdout is None else list(holdout),
        "predictive": 0,
        **stan_data(PRIORS),
    }


def design(data: Studies) -> np.ndarray:
    Z = (data.X - data.X.mean(axis=0)) / data.X.std(axis=0, ddof=1)
    return np.column_stack([np.ones(data.J), Z])


def points(data: Studies) -> list[dict[str, Any]]:
    rng = np.random.default_rng(4)
    return [
        {
            "mu": rng.normal(),
            "beta_std": rng.normal(size=len(data.covariates)),
            "tau": rng.uniform(0.01, 2),
            "z": rng.normal(size=data.J),
        }
        for _ in range(3)
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("held", [0, 4, 13])
def test_target_is_scipys(count: int, held: int) -> None:
    data = with_covariates(count)
    out = np.arange(13) < held
    given = stan(data, out.astype(int))
    for point in points(data):
        value = StanliBackend().log_density(models.get(NAME).program, given, point)[0]
        coefficients = np.array([point["mu"], *point["beta_std"]])
        theta = design(data) @ coefficients + point["tau"] * point["z"]
        wanted = (
            sum(PRIORS[k].distribution().logpdf(point[k]).sum() for k in PRIORS)
            + norm.logpdf(point["z"]).sum()
            + norm.logpdf(data.y, theta, data.sigma)[~out].sum()
            + np.log(point["tau"])
            # mu is sampled in this unit.
            + 0.5 * np.log(data.y.var(ddof=1) + np.mean(data.sigma**2))
        )
        assert value == pytest.approx(wanted, rel=1e-9)


def test_a_wrong_kind_of_prior_is_refused() -> None:
    given = {**stan(bcg()), "prior_beta_std": 3}
    program = models.get(NAME).program
    with pytest.raises(DataError, match="prior_beta_std is 3"):
        StanliBackend().log_density(program, given, points(bcg())[0])


# --- posterior


@pytest.fixture(scope="module")
def result() -> MetaRegression:
    return meta_analysis(
        "bcg", priors=PRIORS, at={"latitude": 13.0}, seed=1, backend="stanli"
    )


def exact(data: Studies, priors: dict[str, Any]) -> dict[str, float]:
    """Posterior means: coefficients by conjugacy given tau, tau by quadrature."""
    D, v = design(data), np.array(data.sigma) ** 2
    arguments = [priors["mu"].args, *[priors["beta_std"].args] * len(data.covariates)]
    mean, sd = np.array(arguments).T
    s2 = typical_variance(data.sigma, data.X)

    def given(tau: float) -> tuple[float, np.ndarray]:
        cov = np.diag(v + tau**2)
        prior = np.diag(sd**2)
        density = multivariate_normal.pdf(data.y, D @ mean, cov + D @ prior @ D.T)
        weighted = D.T / (v + tau**2)
        precision = weighted @ D + np.diag(sd**-2.0)
        center = np.linalg.solve(precision, weighted @ data.y + mean / sd**2)
        return float(density * priors["tau"].distribution().pdf(tau)), center

    def moment(function: Any) -> float:
        return integrate.quad(
            lambda tau: given(tau)[0] * function(tau),
            0,
            5,
            limit=200,
            points=[0.1, 0.5],
        )[0]

    total = moment(lambda tau: 1.0)
    out = {
        "tau": moment(lambda tau: tau) / total,
        "tau2": moment(lambda tau: tau**2) / total,
        "i2": moment(lambda tau: tau**2 / (tau**2 + s2)) / total,
    }
    for k, name in enumerate(["mu", *(f"beta_std[{c}]" for c in data.covariates)]):
        out[name] = moment(lambda tau, k=k: given(tau)[1][k]) / total
    return out


def test_posterior_is_the_exact_one(result: MetaRegression) -> None:
    wanted = exact(bcg(), PRIORS)
    slope = wanted.pop("beta_std[latitude]")
    spread = float(bcg().X.std(ddof=1))
    wanted["beta[latitude]"] = slope / spread
    wanted["intercept"] = wanted["mu"] - slope / spread * float(bcg().X.mean())
    for name, value in wanted.items():
        row = result.table.loc[name]
        assert abs(row["mean"] - value) < 4.5 * row["mcse"]
    assert result.fit.diagnose().passed


def test_without_covariates_too(result: MetaRegression) -> None:
    assert result.without is not None
    wanted = exact(with_covariates(0), PRIORS)
    for name in ("mu", "tau", "i2"):
        row = result.without.summary([name]).iloc[0]
        assert abs(row["mean"] - wanted[name]) < 4.5 * row["mcse_mean"]
    medians = [
        float(f.posterior["tau2"].median()) for f in (result.fit, result.without)
    ]
    reduction = result.table.loc["tau2_reduction", "median"]
    assert reduction == pytest.approx(1 - medians[0] / medians[1])


def test_with_wide_priors_it_is_the_restricted_likelihood() -> None:
    """The posterior of tau is then its prior times the likelihood REML maximises."""
    data = bcg()
    wide: dict[str, Any] = {
        "mu": Normal(0, 1000),
        "beta_std": Normal(0, 1000),
        "tau": HalfNormal(1000),
    }
    fit = hb.fit(NAME, data, priors=wide, seed=2, backend="stanli", predictive=False)
    D, v = design(data), np.array(data.sigma) ** 2

    def restricted(tau: float) -> float:
        w = 1 / (v + tau**2)
        inner = D.T @ (w[:, None] * D)
        rest = data.y - D @ np.linalg.solve(inner, D.T @ (w * data.y))
        log = np.log(w).sum() - np.linalg.slogdet(inner)[1] - (w * rest**2).sum()
        return float(np.exp(0.5 * log))

    total, first = (
        integrate.quad(lambda t, k=k: restricted(t) * t**k, 0, 10, limit=200)[0]
        for k in (0, 1)
    )
    row = fit.summary(["tau"]).iloc[0]
    assert abs(row["mean"] - first / total) < 4.5 * row["mcse_mean"]
    grid = np.linspace(0.01, 1, 2000)
    mode = grid[np.argmax([restricted(t) for t in grid])]
    assert mode**2 == pytest.approx(0.0764, abs=5e-4)  # REML, as published


# --- outputs


def test_log_likelihoods_and_replicates(result: MetaRegression) -> None:
    data, tree = bcg(), result.fit.tree
    theta, tau = (result.fit.posterior[k].values for k in ("theta", "tau"))
    expected = result.fit.posterior["expected"].values
    own = tree["log_likelihood"].to_dataset()["y"].values
    np.testing.assert_allclose(own, norm.logpdf(data.y, theta, data.sigma), rtol=1e-6)
    group = tree["log_likelihood_group"].to_dataset()["y"].values
    x = np.linspace(-9, 9, 2001)
    for draw in (0, 500):
        for j in (0, 7):
            effects = expected[1, draw, j] + tau[1, draw] * x
            integral = np.trapezoid(
                norm.pdf(data.y[j], effects, data.sigma[j]) * norm.pdf(x), x
            )
            assert group[1, draw, j] == pytest.approx(np.log(integral), abs=1e-5)
    rep = tree["posterior_predictive"].to_dataset()["y"].values
    shocks = (rep - theta) / data.sigma
    count = shocks.shape[0] * shocks.shape[1]
    assert np.abs(shocks.mean((0, 1))).max() < 4 / np.sqrt(count)
    assert np.abs(shocks.std((0, 1)) - 1).max() < 4 / np.sqrt(2 * count)


def test_derived_quantities(result: MetaRegression) -> None:
    post, data = result.fit.posterior, bcg()
    beta = post["beta"].values[..., 0]
    lines = post["intercept"].values[..., None] + beta[..., None] * data.X[:, 0]
    np.testing.assert_allclose(post["expected"], lines, atol=1e-5)
    s2 = typical_variance(data.sigma, data.X)
    np.testing.assert_allclose(
        post["i2"], post["tau2"] / (post["tau2"] + s2), rtol=1e-4
    )
    explained = post["expected"].values.var(axis=2, ddof=1)
    np.testing.assert_allclose(
        post["r2"], explained / (explained + post["tau2"]), atol=1e-5
    )
    shocks = ((post["theta_new"] - post["mu"]) / post["tau"]).values
    assert abs(shocks.mean()) < 4 / np.sqrt(shocks.size)
    assert abs(shocks.std() - 1) < 4 / np.sqrt(2 * shocks.size)
    assert list(result.fit.tree["log_prior"].to_dataset().data_vars) == [*PRIORS]


def test_without_estimates_it_is_the_prior() -> None:
    fit = hb.fit(NAME, bcg(), priors=PRIORS, holdout="all", seed=3, backend="stanli")
    for row, prior in zip(("mu", "beta_std", "tau"), PRIORS.values(), strict=True):
        got = fit.summary([row]).iloc[0]
        assert abs(got["mean"] - prior.distribution().mean()) < 4.5 * got["mcse_mean"]


def test_a_study_left_out_is_predicted_by_its_covariates() -> None:
    left = "Vandiviere et al. 1973"
    fit = hb.fit(NAME, bcg(), priors=PRIORS, holdout=[left], seed=3, backend="stanli")
    at = fit.posterior.sel(group=left)
    gap = float((at["theta"] - at["expected"]).mean())
    assert abs(gap) < 5 * float(at["tau"].mean()) / np.sqrt(1500)


# --- the analysis as a whole


def test_the_table_sets_both_side_by_side(result: MetaRegression) -> None:
    table = result.table
    assert list(table.index) == [
        *("mu", "intercept", "beta[latitude]", "tau", "tau2", "i2", "r2"),
        *("tau2_reduction", "theta_new"),
    ]
    assert table.loc["beta[latitude]", "reml"] == pytest.approx(-0.0291, abs=5e-5)
    # A new trial at 13 degrees, where the vaccine does little.
    low, high = result.prediction
    assert low < table.loc["theta_new", "reml"] < high
    assert -1.3 < low < -0.6
    assert 0.3 < high < 1.0
    center = table.loc["intercept", "mean"] + 13 * table.loc["beta[latitude]", "mean"]
    assert table.loc["theta_new", "mean"] == pytest.approx(center, abs=0.02)
    assert "tau" in repr(result)
    record = json.loads(json.dumps(result.record()))
    assert record["table"][0]["quantity"] == "mu"
    assert record["at"] == {"latitude": 13.0}


@pytest.fixture(scope="module")
def schools() -> MetaRegression:
    """Eight schools with priors in the unit of the estimates."""
    priors = {"mu": Normal(0, 5), "tau": HalfNormal(5)}
    return meta_analysis("eight_schools", priors=priors, seed=6, backend="stanli")


@pytest.mark.parametrize(("shift", "unit"), [(3400.0, 1.0), (0.0, 1e-5), (3.0, 1e6)])
def test_where_and_in_which_unit_estimates_are_does_not_matter(
    schools: MetaRegression, shift: float, unit: float
) -> None:
    data: Any = hb.datasets.load("eight_schools")
    moved = replace(data, y=(data.y + shift) * unit, sigma=data.sigma * unit)
    priors = {
        "mu": Normal(shift * unit, 5 * unit),
        "tau": HalfNormal(5 * unit),
    }
    got = meta_analysis(moved, priors=priors, seed=5, backend="stanli").table
    for name, start in (("mu", shift), ("tau", 0.0)):
        row, other = got.loc[name], schools.table.loc[name]
        error = np.hypot(row["mcse"] / unit, other["mcse"])
        assert abs(row["mean"] / unit - start - other["mean"]) < 4.5 * error


def test_draws_that_cannot_be_used_are_said_to_be_so() -> None:
    short = {"iter_warmup": 20, "iter_sampling": 50, "chains": 2}
    found = meta_analysis("bcg", seed=1, backend="stanli", **short)
    assert set(found.diagnostics) == {"fit", "without"}
    assert not found.diagnostics["fit"].passed
    assert "do not use the draws of fit" in repr(found)
    assert found.record()["diagnostics"]["fit"]["outcome"] == "fail"


def test_equal_estimates_have_no_classical_prediction() -> None:
    table = {"s": list("abcde"), "y": [0.2] * 5, "se": [0.1] * 5}
    data = hb.data.studies(table, study="s", estimate="y", se="se")
    result = meta_analysis(data, seed=1, backend="stanli")
    found = result.table
    for method in ("dersimonian_laird", "reml"):
        ends = found.loc[["mu", "theta_new"], [f"{method}_lower", f"{method}_upper"]]
        assert ends.isna().all().all()
    assert found.loc["theta_new", "lower"] < 0.1
    # A covariate that is not there has no prior that could be too diffuse.
    assert hb.pitfalls(result.fit)["diffuse_priors"].outcome is Outcome.PASS


def test_covariates_that_are_not_there_are_refused() -> None:
    with pytest.raises(DataError, match=r"at names 'altitude', but .* 'latitude'"):
        meta_analysis("bcg", at={"altitude": 3.0}, seed=1, backend="stanli")
    with pytest.raises(DataError, match="value nan; legal: a finite number"):
        meta_analysis("bcg", at={"latitude": float("nan")}, seed=1, backend="stanli")


def test_estimates_of_groups_are_studies() -> None:
    """Eight schools: the program without covariates is the known one."""
    priors = {"mu": "Normal(0, 5)", "tau": "HalfCauchy(5)"}
    got = meta_analysis("eight_schools", priors=priors, seed=5, backend="stanli")
    assert got.without is None
    assert "r2" not in got.table.index
    known = hb.fit(
        "eight_schools_noncentered", "eight_schools", seed=6, backend="stanli"
    )
    for name in ("mu", "tau"):
        row, other = got.table.loc[name], known.summary([name]).iloc[0]
        error = np.hypot(row["mcse"], other["mcse_mean"])
        assert abs(row["mean"] - other["mean"]) < 4.5 * error
    assert got.table.loc["mu", "reml"] == pytest.approx(7.6856, abs=1e-3)


def test_figures(result: MetaRegression) -> None:
    axes = meta_forest(result).axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels[0] == "Aronson 1948"
    assert labels[-5:] == [
        *("mean effect, posterior", "mean effect, REML"),
        *("mean effect, DerSimonian-Laird", "new study, posterior", "new study, REML"),
    ]
    diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert diamonds[1] == pytest.approx(result.table.loc["mu", "reml"])
    assert "latitude 13" in axes.get_xlabel()
    given = result.funnel()
    outside = funnel(**given).axes[0]
    assert outside.get_ylabel() == "estimate, at mean covariates (unit of y)"
    adjusted = result.studies["y"] - result.studies["expected"]
    adjusted += float(result.fit.posterior["mu"].mean())
    np.testing.assert_allclose(given["groups"]["y"], adjusted)


# --- calibration


def calibrate(power: float) -> hb.results.Checks:
    data = bcg()
    constants = dict(problem(NAME, design=data, priors=PRIORS).constants)

    def draw(rng: np.random.Generator) -> tuple[Any, Any]:
        drawn = META_REGRESSION.parameters(PRIORS, constants, rng)
        y = rng.normal(drawn["theta"], np.asarray(constants["sigma"]) ** power)
        return {name: drawn[name] for name in ("mu", "beta_std", "tau", "theta")}, {
            "y": y
        }

    return hb.sbc(
        NAME,
        generator=draw,
        design=constants,
        priors=PRIORS,
        n_sims=50,
        seed=1,
        backend="stanli",
        executor="serial",
        iter_sampling=500,
        iter_warmup=500,
    ).checks()


@calibration_of(NAME)
def test_calibration_finds_errors_taken_for_variances() -> None:
    right = calibrate(1.0)
    assert right["uniformity"].passed, right["uniformity"].detail
    assert calibrate(0.5)["uniformity"].outcome is Outcome.FAIL
