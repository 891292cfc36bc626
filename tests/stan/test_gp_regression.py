"""Gaussian-process regression in Stan against scikit-learn, and the search by it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import MODELS, build, function, values_at
from scipy import integrate, stats
from shared import Shared
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from systems_helpers import calibration_of

import hbstan as hb
from hbstan.data.surface_examples import forrester_function

J, D, M = 9, 2, 5
NUGGET = 1e-8
#: mu, alpha, rho, sigma.
POINTS = [(0.0, 1.0, (0.5, 0.5), 0.2), (-0.7, 2.1, (0.3, 1.4), 0.05)]


def make_data(**changes: Any) -> dict[str, Any]:
    """Nine points of two inputs, the last two alike, and five candidates."""
    rng = np.random.default_rng(1)
    x = rng.uniform([0.0, -2.0], [4.0, 2.0], (J, D))
    x[-1] = x[-2]
    y = 10 + 3 * np.sin(x[:, 0]) + x[:, 1] + rng.normal(0, 0.3, J)
    return {
        **{"J": J, "D": D, "M": M, "x": x, "y": y},
        "new_x": rng.uniform([0.0, -2.0], [4.0, 2.0], (M, D)),
        **{"low": [0.0, -2.0], "high": [4.0, 2.0], "center": 9.5, "scale": 2.5},
        **{"matern": 0, "paths": 1, "holdout": [0] * J, "predictive": 1},
        **{"prior_mu": 1, "prior_mu_args": [0.0, 1.0, 0.0]},
        **{"prior_alpha": 3, "prior_alpha_args": [2.0, 0.0, 0.0]},
        **{"prior_rho": 8, "prior_rho_args": [4.0, 8.0, 0.0]},
        **{"prior_sigma": 6, "prior_sigma_args": [2.0, 0.0, 0.0]},
        **changes,
    }


def unconstrained(point: tuple[Any, ...]) -> np.ndarray:
    mu, alpha, rho, sigma = point
    return np.array([mu, np.log(alpha), *np.log(rho), np.log(sigma)])


def library(data: dict[str, Any], point: tuple[Any, ...]) -> GaussianProcessRegressor:
    """Scikit-learn's Gaussian process, standardised, with these parameters fixed."""
    mu, alpha, rho, sigma = point
    shape = Matern(rho, nu=2.5) if data["matern"] else RBF(rho)
    kernel = ConstantKernel(alpha**2) * shape + WhiteKernel(sigma**2 + NUGGET)
    keep = np.flatnonzero(np.array(data["holdout"]) == 0)
    outcome = (data["y"] - data["center"]) / data["scale"] - mu
    model = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None)
    return model.fit(scaled(data, "x")[keep], outcome[keep])


def scaled(data: dict[str, Any], name: str) -> np.ndarray:
    low, high = np.array(data["low"]), np.array(data["high"])
    return np.asarray((np.asarray(data[name]) - low) / (high - low))


def log_prior(point: tuple[Any, ...]) -> float:
    """The priors of ``make_data`` and the Jacobian of the logarithms."""
    mu, alpha, rho, sigma = point
    each = stats.norm.logpdf(mu), stats.halfnorm.logpdf(alpha, scale=2.0)
    rest = (
        stats.gamma.logpdf(rho, 4, scale=1 / 8).sum(),
        stats.expon.logpdf(sigma, scale=0.5),
    )
    jacobian = np.log(alpha) + np.log(rho).sum() + np.log(sigma)
    return float(sum(each) + sum(rest) + jacobian)


# --- the density


@pytest.mark.parametrize("holdout", [[0] * J, [0, 1, 0, 0, 1, 0, 0, 0, 0], [1] * J])
@pytest.mark.parametrize("matern", [0, 1])
def test_target_is_scikit_learns_marginal_likelihood(
    matern: int, holdout: list[int]
) -> None:
    data = make_data(matern=matern, holdout=holdout)
    model = build("gp_regression", data)
    for point in POINTS:
        expected = log_prior(point)
        kept = holdout.count(0)
        if kept:
            likelihood = library(data, point).log_marginal_likelihood()
            expected += likelihood - kept * np.log(data["scale"])
        q = unconstrained(point)
        value, slope = model.log_prob_grad(q)
        assert value == pytest.approx(expected, rel=1e-8)
        # The gradient by central differences of the same density.
        for i in range(len(q)):
            step = np.zeros(len(q))
            step[i] = 1e-5
            up, down = (model.log_prob_grad(q + s * step)[0] for s in (1, -1))
            assert slope[i] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-4)


def test_a_covariance_of_the_other_kernel_is_noticed() -> None:
    q = unconstrained(POINTS[0])
    values = [
        build("gp_regression", make_data(matern=m)).log_prob_grad(q)[0] for m in (0, 1)
    ]
    assert abs(values[0] - values[1]) > 0.1


# --- what is generated


@pytest.fixture(scope="module", params=[0, 1], ids=["smooth", "matern"])
def generated(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Any]:
    """Outputs of 4000 draws at each point, one held out."""
    holdout = [0, 0, 1, 0, 0, 0, 0, 0, 0]
    data = make_data(matern=request.param, holdout=holdout)
    model = build("gp_regression", data)
    return data, values_at(model, [unconstrained(p) for p in POINTS], samples=4000)


def test_mean_and_sd_at_candidates_are_scikit_learns(generated: Any) -> None:
    data, out = generated
    for i, point in enumerate(POINTS):
        library_model = library(data, point)
        mean = library_model.predict(scaled(data, "new_x")) + point[0]
        k_self = point[1] ** 2
        # Of the surface without noise, which scikit-learn's prediction includes.
        _, sd = library_model.predict(scaled(data, "new_x"), return_std=True)
        variance = sd**2 - point[3] ** 2 - NUGGET
        assert (variance < k_self).all()
        np.testing.assert_allclose(
            out["mean_new"][i, 0], data["center"] + data["scale"] * mean, rtol=1e-6
        )
        np.testing.assert_allclose(
            out["sd_new"][i, 0], data["scale"] * np.sqrt(variance), rtol=1e-5
        )


def test_expected_improvement_is_the_integral(generated: Any) -> None:
    data, out = generated
    for i, point in enumerate(POINTS):
        seen = scaled(data, "x")[np.array(data["holdout"]) == 0]
        means = library(data, point).predict(seen) + point[0]
        best = data["center"] + data["scale"] * means.min()
        for m in range(M):
            mean, sd = out["mean_new"][i, 0, m], out["sd_new"][i, 0, m]

            def gain(
                f: float, m: float = mean, s: float = sd, b: float = best
            ) -> float:
                return float((b - f) * stats.norm.pdf(f, m, s))

            low = min(mean, best) - 12 * sd
            expected, _ = integrate.quad(gain, low, best, points=[mean], limit=200)
            assert out["ei"][i, 0, m] == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_expected_improvement_far_away_is_never_negative() -> None:
    gain = function("expected_improvement", "gp.stanfunctions")
    means = np.array([0.0, 5.0, 20.0, 1e4, -3.0])
    found = gain(m=means, sd=np.array([1.0, 1.0, 1.0, 1e-6, 1e-6]), best=0.0)
    assert found[0] == pytest.approx(stats.norm.pdf(0.0))
    assert (np.asarray(found) >= 0).all()
    assert found[4] == pytest.approx(3.0)


def test_leave_one_out_densities_are_those_of_refits(generated: Any) -> None:
    data, out = generated
    scale = data["scale"]
    for i, point in enumerate(POINTS):
        for j in range(J):
            mask = list(data["holdout"])
            mask[j] = 1
            model = library({**data, "holdout": mask}, point)
            mean, sd = model.predict(scaled(data, "x")[j : j + 1], return_std=True)
            mean = data["center"] + scale * (mean + point[0])
            expected = stats.norm.logpdf(data["y"][j], mean, scale * sd)[0]
            assert out["log_lik_group"][i, 0, j] == pytest.approx(expected, rel=1e-5)


def test_the_surface_is_drawn_from_its_posterior(generated: Any) -> None:
    """f and f_new together: mean and covariance of scikit-learn's prediction."""
    data, out = generated
    places = np.vstack([scaled(data, "x"), scaled(data, "new_x")])
    for i, point in enumerate(POINTS):
        model = library(data, point)
        mean, covariance = model.predict(places, return_cov=True)
        # scikit-learn adds the noise to the diagonal.
        covariance -= (point[3] ** 2 + NUGGET) * np.eye(J + M)
        draws = np.concatenate([out["f"][i], out["f_new"][i]], axis=1)
        draws = (draws - data["center"]) / data["scale"] - point[0]
        sd = np.sqrt(np.diag(covariance))
        assert (np.abs(draws.mean(axis=0) - mean) < 4.5 * sd / 4000**0.5 + 1e-4).all()
        found = np.corrcoef(draws.T)
        expected = covariance / np.outer(sd, sd)
        assert np.abs(found - expected).max() < 4.5 / 4000**0.5
        np.testing.assert_allclose(draws.std(axis=0), sd, rtol=0.05)


def test_replicates_and_log_lik_are_given_the_surface(generated: Any) -> None:
    data, out = generated
    for i, point in enumerate(POINTS):
        noise = data["scale"] * np.sqrt(point[3] ** 2 + NUGGET)
        expected = stats.norm.logpdf(data["y"], out["f"][i], noise)
        np.testing.assert_allclose(out["log_lik"][i], expected, rtol=1e-6, atol=1e-6)
        errors = (out["y_rep"][i] - out["f"][i]) / noise
        assert np.abs(errors.mean(axis=0)).max() < 4.5 / 4000**0.5
        np.testing.assert_allclose(errors.std(axis=0), 1.0, atol=0.05)
        assert out["noise"][i, 0] == pytest.approx(data["scale"] * point[3])
        np.testing.assert_allclose(out["lengthscale"][i, 0], 4 * np.array(point[2]))


def test_the_switches_leave_outputs_out() -> None:
    quiet = values_at(
        build("gp_regression", make_data(predictive=0)), [unconstrained(POINTS[0])]
    )
    assert {"f", "ei", "y_rep", "log_lik"}.isdisjoint(quiet)
    single = values_at(
        build("gp_regression", make_data(paths=0)), [unconstrained(POINTS[0])]
    )
    assert "f_new" not in single
    assert single["ei"].shape == (1, 1, M)


def test_no_noise_and_points_that_coincide_are_survived() -> None:
    model = build("gp_regression", make_data())
    # With sigma at 1e-8 two outcomes at one place are all but impossible.
    q = unconstrained((0.0, 1.0, (0.5, 0.5), 1e-8))
    value, slope = model.log_prob_grad(q)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert np.isfinite(values_at(model, [q])["f_new"]).all()


# --- fits

SHORT: dict[str, Any] = {"chains": 2, "iter_warmup": 500, "iter_sampling": 500}
SHORT["backend"] = "stanli"


def test_all_held_out_is_the_prior() -> None:
    fit = hb.fit("gp_regression", "forrester", holdout="all", seed=1, backend="stanli")
    posterior = fit.posterior
    assert float(np.abs(posterior["ei"]).max()) == 0.0
    for name, prior in {
        "mu": stats.norm(0, 1),
        "alpha": stats.halfnorm(scale=2),
        "rho": stats.gamma(4, scale=1 / 8),
        "sigma": stats.halfnorm(scale=0.5),
    }.items():
        draws = posterior[name].values.reshape(-1)
        for prob in (0.1, 0.5, 0.9):
            # Some 2000 effective draws: a standard error of 0.011 at most.
            assert np.mean(draws < prior.ppf(prob)) == pytest.approx(prob, abs=0.05)


@pytest.fixture(scope="module")
def forrester(shared: Shared) -> hb.Fit:
    """The bundled data, fitted."""
    return shared(hb.fit, "gp_regression", "forrester", seed=1, backend="stanli")


def test_the_fit_recovers_surface_and_noise(forrester: hb.Fit) -> None:
    truth = hb.datasets.describe("forrester").truth
    noise = forrester.posterior["noise"].values
    assert np.quantile(noise, 0.02) < truth["noise"] < np.quantile(noise, 0.98)
    f = forrester.posterior["f"]
    z = (f.mean(("chain", "draw")) - np.asarray(truth["f"])) / f.std(("chain", "draw"))
    assert np.sqrt((z**2).mean()) < 1.5


def test_the_prediction_shows_where_the_minimum_may_be(forrester: hb.Fit) -> None:
    prediction = hb.predict_surface(forrester)
    table = prediction.candidates
    truth = np.array([forrester_function(x) for x in table["x"]])
    inside = (table["lower"] <= truth) & (truth <= table["upper"])
    assert inside.mean() > 0.8
    assert 0.70 < prediction.best["x"] < 0.82
    assert table["p_lowest"].sum() == pytest.approx(1.0)
    near = table[(table["x"] > 0.70) & (table["x"] < 0.82)]
    assert near["p_lowest"].sum() > 0.95
    f_new = forrester.posterior["f_new"].values.reshape(-1, len(table))
    se = f_new.std(axis=0) / np.sqrt(4000)
    assert (np.abs(f_new.mean(axis=0) - table["mean"]) < 5 * se).all()
    assert prediction.record()["candidates"][0]["candidate"] == "1"
    figure = hb.plots.surrogate(prediction)
    assert figure.axes[1].get_ylabel() == "expected improvement"


def test_held_out_points_are_predicted() -> None:
    fit = hb.fit("gp_regression", "forrester", holdout=["5", "12"], seed=1, **SHORT)
    points = hb.predict_surface(fit).points
    assert points.index[points["holdout"]].tolist() == [4, 11]
    f = fit.posterior["f"].std(("chain", "draw")).values
    assert f[11] > 1.2 * np.delete(f, [4, 11]).min()


def test_leaving_points_out_exactly_agrees_with_the_closed_form(
    forrester: hb.Fit,
) -> None:
    """Importance sampling on log_lik_group against a refit, at an inner point."""
    refit = hb.fit("gp_regression", "forrester", holdout=["8"], seed=2, **SHORT)
    held = refit.tree["log_likelihood_group"].to_dataset()["y"].values[..., 7]
    exact = np.log(np.mean(np.exp(held)))
    own = forrester.tree["log_likelihood_group"].to_dataset()["y"].values[..., 7]
    weighted = -np.log(np.mean(np.exp(-own)))
    assert weighted == pytest.approx(exact, abs=0.3)


# --- the search


@pytest.fixture(scope="module")
def found() -> hb.Minimum:
    """Forrester's function, 6 points and then 7 more; it fails beyond 0.9."""

    def oven(x: np.ndarray) -> float:
        if x[0] > 0.9:
            raise RuntimeError("too hot")
        return forrester_function(float(x[0]))

    return hb.minimize(
        oven,
        {"x": (0.0, 1.0)},
        n_initial=6,
        n_iter=7,
        n_candidates=64,
        seed=3,
        backend="stanli",
    )


def test_the_search_finds_the_minimum_before_chance_does(found: hb.Minimum) -> None:
    assert found.best_y < -6.0
    assert found.best_x["x"] == pytest.approx(0.75725, abs=0.01)
    # As many evaluations at random come as near once in a while.
    rng = np.random.default_rng(0)
    values = np.vectorize(forrester_function)(rng.random((2000, 13)))
    assert np.mean(values.min(axis=1) <= found.best_y) < 0.5


def test_failures_are_recorded_and_shown(found: hb.Minimum) -> None:
    failures = found.failures
    assert len(failures) >= 1
    assert (failures["x"] > 0.9).all()
    assert set(failures["error"]) == {"RuntimeError: too hot"}
    assert failures["y"].isna().all()
    assert f"{len(failures)} failed" in repr(found)
    # The surface takes them to be as high as anything seen.
    assert found.data.y.max() == found.history["y"].max()


def test_the_history_is_complete(found: hb.Minimum) -> None:
    history = found.history
    assert len(history) == 13
    assert history["stage"].tolist() == ["initial"] * 6 + ["search"] * 7
    assert (history["best"].diff().dropna() <= 0).all()
    assert (history["ei"].notna() == (history["stage"] == "search")).all()
    assert found.recommended["f"] == pytest.approx(-6.0, abs=0.3)
    assert found.record()["history"][0]["evaluation"] == 1
    figure = hb.plots.minimization(found)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "outcome",
        "expected improvement",
    ]


def test_the_search_stops_when_nothing_is_promised() -> None:
    found = hb.minimize(
        lambda x: (x[0] - 2) ** 2,
        [(0, 5)],
        n_iter=9,
        tol=10.0,
        n_candidates=32,
        seed=1,
        backend="stanli",
    )
    assert len(found.history) == 4
    assert found.stopped == "no candidate promises more than 10"


# --- calibration


@calibration_of("gp_regression")
def test_a_program_that_sees_less_noise_than_there_is_is_rejected(
    tmp_path: Path,
) -> None:
    text = (MODELS / "gp_regression.stan").read_text(encoding="ascii")
    old = "noisy_factor(gp_cov(seen, alpha, rho, matern), variance)"
    assert text.count(old) == 1
    wrong = tmp_path / "gp_regression.stan"
    wrong.write_text(text.replace(old, old.replace("variance", "variance / 9")))
    result = hb.sbc(
        wrong,
        design="forrester",
        n_sims=60,
        seed=1,
        backend="stanli",
        iter_warmup=300,
        iter_sampling=300,
        workers=1,
    )
    assert result.ok.mean() > 0.9
    table = result.summary()
    assert table["p_adjusted"]["sigma"] < 1e-3
    assert table["p_adjusted"]["mu"] > 1e-3


def test_refits_make_the_surface_that_is_watched() -> None:
    """Only fits with predictions have the surface, so refits need them too."""
    table = {"x": [0.0, 0.2, 0.4, 0.7, 1.0], "y": [1.0, 1.9, 2.2, 1.1, 0.2]}
    fitted = hb.fit(
        "gp_regression",
        hb.data.surface(table, outcome="y", inputs="x"),
        backend="stanli",
        seed=1,
        adapt_delta=0.99,
        **{"chains": 2, "iter_warmup": 500, "iter_sampling": 500},
    )
    moved = hb.swap_priors(fitted, {"mu": hb.priors.Normal(0, 2)}, workers=1)
    assert "f[3]" in moved.table.index.get_level_values("quantity")
