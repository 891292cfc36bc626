"""The logit with covariates of groups against SciPy, logistic regression and itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from programs import MODELS, build, values_at
from scipy import integrate, special, stats
from shared import Shared
from systems_helpers import calibration_of

import hbstan as hb
from hbstan.data.group_covariates import BinomialCovariates

J, D = 6, 2
N = np.array([47, 148, 0, 810, 1, 196])
Y = np.array([0, 18, 0, 46, 1, 13])
X = np.random.default_rng(8).normal([60.0, 0.2], [5.0, 0.1], (J, D))


def make_data(**changes: Any) -> dict[str, Any]:
    return {
        **{"J": J, "D": D, "n": N, "y": Y, "X": X},
        **{"holdout": [0, 0, 0, 1, 0, 0], "predictive": 1},
        **{"prior_mu": 1, "prior_mu_args": [-2.0, 1.5, 0.0]},
        **{"prior_b": 2, "prior_b_args": [4.0, 0.1, 0.7]},
        **{"prior_tau": 3, "prior_tau_args": [1.0, 0.0, 0.0]},
        **changes,
    }


def points(count: int) -> np.ndarray:
    """Unconstrained points: mu, b, log(tau), z."""
    q = np.random.default_rng(9).normal(0.0, 0.8, (count, 2 + D + J))
    q[:, 0] -= 2
    return np.asarray(q)


def parts(q: np.ndarray) -> tuple[float, np.ndarray, float, np.ndarray, np.ndarray]:
    mu, b, tau, z = q[0], q[1 : 1 + D], np.exp(q[1 + D]), q[2 + D :]
    regression = mu + stats.zscore(X, ddof=1) @ b
    return mu, b, tau, z, regression


def expected_target(q: np.ndarray, data: dict[str, Any]) -> float:
    mu, b, tau, z, regression = parts(q)
    theta = regression + tau * z
    seen = np.array(data["holdout"]) == 0
    prior = (
        stats.norm.logpdf(mu, -2.0, 1.5)
        + stats.t.logpdf(b, 4, 0.1, 0.7).sum()
        + stats.halfnorm.logpdf(tau)
        + np.log(tau)
        + stats.norm.logpdf(z).sum()
    )
    # The program leaves the binomial coefficients out.
    kernel = Y * theta - N * np.logaddexp(0.0, theta)
    return float(prior + kernel[seen].sum())


@pytest.mark.parametrize("holdout", [[0] * J, [0, 0, 0, 1, 0, 0], [1] * J])
def test_target_is_scipys(holdout: list[int]) -> None:
    data = make_data(holdout=holdout)
    model = build("logit_covariates", data)
    for q in points(4):
        value, slope = model.log_prob_grad(q)
        assert value == pytest.approx(expected_target(q, data), rel=1e-9)
        for i in range(len(q)):
            step = np.zeros(len(q))
            step[i] = 1e-5
            up, down = (expected_target(q + s * step, data) for s in (1, -1))
            assert slope[i] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-4)


def test_without_effects_it_is_logit_noncentered() -> None:
    """The same density at b = 0, but for the constant prior of b; same outputs."""
    data = make_data(prior_b=1, prior_b_args=[0.0, 1.0, 0.0])
    own = build("logit_covariates", data)
    wanted = {
        k: v for k, v in data.items() if k not in ("X", "D") and "prior_b" not in k
    }
    plain = build("logit_noncentered", wanted)
    for q in points(4):
        q[1 : 1 + D] = 0.0
        short = np.delete(q, slice(1, 1 + D))
        constant = D * stats.norm.logpdf(0.0)
        value = own.log_prob_grad(q)[0] - constant
        assert value == pytest.approx(plain.log_prob_grad(short)[0], rel=1e-10)
        ours, theirs = values_at(own, [q]), values_at(plain, [short])
        for name in ("theta", "p", "log_lik", "log_lik_group"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10)
        assert float(ours["r2"][0, 0]) < 1e-20


def test_outputs_on_the_original_scale() -> None:
    out = values_at(build("logit_covariates", make_data()), points(3))
    for i, q in enumerate(points(3)):
        _, _, tau, z, regression = parts(q)
        found = {name: out[name][i, 0] for name in out}
        # Original-scale coefficients predict the same.
        again = found["intercept"] + X @ found["beta"]
        np.testing.assert_allclose(again, regression, rtol=1e-8)
        np.testing.assert_allclose(found["theta"], regression + tau * z)
        explained = regression.var(ddof=1)
        assert found["explained"] == pytest.approx(explained**0.5)
        assert found["r2"] == pytest.approx(explained / (explained + tau**2))


def test_log_lik_group_is_the_integral() -> None:
    out = values_at(build("logit_covariates", make_data()), points(2))
    for i, q in enumerate(points(2)):
        _, _, tau, _, regression = parts(q)
        for j in range(J):

            def integrand(
                z: float, j: int = j, m: Any = regression, t: Any = tau
            ) -> Any:
                p = special.expit(m[j] + t * z)
                return stats.binom.pmf(Y[j], N[j], p) * stats.norm.pdf(z)

            value, _ = integrate.quad(integrand, -10, 10, limit=400, epsabs=1e-14)
            # Where hardly any group has such an outcome, quad has few digits left.
            if value > 1e-8:
                found = out["log_lik_group"][i, 0, j]
                assert found == pytest.approx(np.log(value), abs=2e-5)


def test_log_lik_and_replicates_are_given_the_groups_own_parameter() -> None:
    out = values_at(build("logit_covariates", make_data()), points(1), samples=4000)
    p = out["p"][0, 0]
    expected = stats.binom.logpmf(Y, N, p)
    np.testing.assert_allclose(out["log_lik"][0, 0], expected, rtol=1e-8, atol=1e-9)
    y_rep = out["y_rep"][0]
    error = np.sqrt(N * p * (1 - p) / len(y_rep))
    assert (np.abs(y_rep.mean(axis=0) - N * p) <= 4.5 * error).all()
    quiet = values_at(build("logit_covariates", make_data(predictive=0)), points(1))
    assert {"y_rep", "log_lik", "log_lik_group"}.isdisjoint(quiet)


# --- fits


@pytest.fixture(scope="module")
def hospitals() -> BinomialCovariates:
    data = hb.datasets.load("hospitals")
    assert isinstance(data, BinomialCovariates)
    return data


@pytest.fixture(scope="module")
def fitted(shared: Shared) -> hb.Fit:
    return shared(hb.fit, "logit_covariates", "hospitals", seed=1, backend="stanli")


def test_the_fit_recovers_the_truth(fitted: hb.Fit) -> None:
    truth = hb.datasets.describe("hospitals").truth
    for name in ("intercept", "beta", "tau"):
        draws = fitted.posterior[name]
        mean, sd = draws.mean(("chain", "draw")), draws.std(("chain", "draw"))
        assert (np.abs((mean - np.asarray(truth[name])) / sd) < 2.5).all()
    assert fitted.posterior["beta"]["covariate"].values.tolist() == [
        "volume",
        "emergency",
    ]


def test_no_residual_spread_is_logistic_regression(
    hospitals: BinomialCovariates,
) -> None:
    fit = hb.fit(
        "logit_covariates",
        hospitals,
        priors={
            "mu": "Normal(0, 100)",
            "b": "Normal(0, 100)",
            "tau": "HalfNormal(1e-4)",
        },
        seed=2,
        backend="stanli",
    )
    outcome = np.column_stack([hospitals.y, hospitals.n - hospitals.y])
    glm = sm.GLM(outcome, sm.add_constant(hospitals.X), family=sm.families.Binomial())
    result = glm.fit()
    names = [fit.posterior["intercept"]]
    names += [fit.posterior["beta"].isel(covariate=d) for d in range(2)]
    for draws, estimate, error in zip(names, result.params, result.bse, strict=True):
        # Posterior mean and sd are the estimate and its error, to Monte Carlo error
        # and the slight skewness of 447 events.
        assert float(draws.mean()) == pytest.approx(estimate, abs=0.1 * error)
        assert float(draws.std()) == pytest.approx(error, rel=0.06)


def test_all_held_out_is_the_prior(hospitals: BinomialCovariates) -> None:
    fit = hb.fit("logit_covariates", hospitals, holdout="all", seed=1, backend="stanli")
    for name, prior in {
        "mu": stats.norm(0, 1.5),
        "b": stats.norm(0, 1),
        "tau": stats.halfnorm(scale=1),
    }.items():
        draws = fit.posterior[name].values.reshape(-1)
        for prob in (0.1, 0.5, 0.9):
            assert np.mean(draws < prior.ppf(prob)) == pytest.approx(prob, abs=0.04)


def test_explained_against_residual(
    fitted: hb.Fit, hospitals: BinomialCovariates
) -> None:
    result = hb.explained(fitted, hospitals, seed=1, backend="stanli")
    plain = hospitals.without_covariates()
    again = hb.fit("logit_noncentered", plain, seed=1, backend="stanli")
    tau = float(again.posterior["tau"].mean())
    table = result.table
    assert table["mean"]["tau_without"] == pytest.approx(tau)
    # Covariates that matter leave less.
    assert table["mean"]["tau"] < table["mean"]["tau_without"]
    assert 0 < table["lower"]["r2"] < table["mean"]["r2"] < table["upper"]["r2"] < 1
    assert table["mean"]["reduction"] == pytest.approx(
        1
        - float((fitted.posterior["tau"] ** 2).mean())
        / float((again.posterior["tau"] ** 2).mean())
    )
    assert result.coefficients["p_positive"]["volume"] < 0.05
    assert result.record()["table"][0]["quantity"] == "explained"
    with pytest.raises(hb.errors.FitError, match="no covariates of groups"):
        hb.explained(again, hospitals)
    other = hb.data.binomial_covariates(
        hospitals.to_frame().head(20),
        group="hospital",
        trials="operations",
        events="deaths",
        covariates=["volume"],
    )
    with pytest.raises(hb.errors.DataError, match="data is Fit; legal: a dataset"):
        hb.explained(fitted, again)
    with pytest.raises(hb.errors.FitError, match="is not of the data"):
        hb.explained(fitted, other)


@calibration_of("logit_covariates")
def test_a_program_that_drops_a_covariate_is_rejected(tmp_path: Path) -> None:
    text = (MODELS / "logit_covariates.stan").read_text(encoding="ascii")
    assert text.count("mu + Z * b;") == 1
    wrong = tmp_path / "logit_covariates.stan"
    wrong.write_text(text.replace("mu + Z * b;", "mu + Z[ : , 1] * b[1];"))
    result = hb.sbc(
        wrong,
        design="hospitals",
        n_sims=40,
        seed=1,
        backend="stanli",
        iter_warmup=300,
        iter_sampling=300,
        workers=1,
    )
    assert result.ok.mean() > 0.9
    table = result.summary()
    assert table["p_adjusted"].min() < 1e-4


def test_the_priors_of_the_other_fit_are_the_same_to_the_last_digit(
    hospitals: BinomialCovariates,
) -> None:
    tau = {"tau": "HalfNormal(0.12345678)"}
    short = {"seed": 1, "backend": "stanli", "iter_sampling": 100}
    fit = hb.fit("logit_covariates", hospitals, priors=tau, **short)
    other = hb.explained(fit, hospitals, **short).without
    assert other.priors["tau"]["args"] == [0.12345678]
