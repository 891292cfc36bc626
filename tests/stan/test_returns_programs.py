"""Stochastic volatility on stanli: target, outputs, posterior and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp, roots_hermitenorm
from scipy.stats import norm
from systems_helpers import calibration_of

import hbstan as hb
from hbstan import models
from hbstan.backends.stanli import StanliBackend
from hbstan.data import Returns
from hbstan.errors import DataError
from hbstan.fit import Fit
from hbstan.models import resolve_priors
from hbstan.predictive.volatility import volatility_path
from hbstan.priors import Beta, HalfNormal, Normal, stan_data
from hbstan.results import Outcome
from hbstan.sbc.problem import problem

FORMS = ["sv_noncentered", "sv_centered"]
Y = np.array([0.8, -2.5, 0.4, 1.9])
PRIORS: dict[str, Any] = {
    "mu": Normal(0.0, 1.0),
    "phi_star": Beta(12.0, 4.0),
    "sigma_eta": HalfNormal(0.6),
}


def stan(y: Any = Y, holdout: Any = None, predictive: int = 0) -> dict[str, Any]:
    y = np.asarray(y, dtype=float)
    return {
        "J": y.size,
        "y": y,
        "center": 0.1,
        "holdout": [0] * y.size if holdout is None else list(holdout),
        "predictive": predictive,
        **stan_data(PRIORS),
    }


def points(count: int, times: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(11)
    return [
        {
            "mu": rng.normal(),
            "phi_star": rng.uniform(0.05, 0.99),
            "sigma_eta": rng.uniform(0.05, 1.5),
            "z": rng.normal(size=times),
        }
        for _ in range(count)
    ]


def shape_of(point: dict[str, Any]) -> np.ndarray:
    """Return the matrix that leads from shocks to distances from mu."""
    phi, size = 2 * point["phi_star"] - 1, point["z"].size
    lags = np.subtract.outer(np.arange(size), np.arange(size))
    matrix = np.where(lags >= 0, phi ** np.maximum(lags, 0), 0.0)
    matrix[:, 0] /= np.sqrt(1 - phi**2)
    return point["sigma_eta"] * matrix


def parameters(form: str, point: dict[str, Any]) -> dict[str, Any]:
    """Return the program's own parameters."""
    h = point["mu"] + shape_of(point) @ point["z"]
    top = {name: point[name] for name in ("phi_star", "sigma_eta")}
    if form == "sv_centered":
        return {"mu": point["mu"], **top, "h": h}
    return {"h_mean": h.mean(), **top, "z": point["z"]}


def target(form: str, point: dict[str, Any], data: dict[str, Any]) -> float:
    """The log density that the program's header states, with its Jacobian."""
    matrix = shape_of(point)
    h = point["mu"] + matrix @ point["z"]
    top = sum(float(PRIORS[name].distribution().logpdf(point[name])) for name in PRIORS)
    if form == "sv_centered":
        path = stats.multivariate_normal.logpdf(
            h, [point["mu"]] * h.size, matrix @ matrix.T
        )
    else:
        path = norm.logpdf(point["z"]).sum()
    seen = np.array(data["holdout"]) == 0
    y = norm.logpdf(data["y"], data["center"], np.exp(h / 2))[seen].sum()
    jacobian = np.log(point["phi_star"] * (1 - point["phi_star"]) * point["sigma_eta"])
    return float(top + path + y + jacobian)


def density(form: str, data: dict[str, Any], values: dict[str, Any]) -> float:
    program = models.get(form).program
    return float(StanliBackend().log_density(program, data, values)[0])


@pytest.mark.parametrize("holdout", [[0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]])
@pytest.mark.parametrize("form", FORMS)
def test_target_is_scipys(form: str, holdout: list[int]) -> None:
    data = stan(holdout=holdout)
    for point in points(3, Y.size):
        got = density(form, data, parameters(form, point))
        assert got == pytest.approx(target(form, point, data), rel=1e-9, abs=1e-9)


def test_the_forms_differ_by_their_jacobian() -> None:
    data = stan()
    for point in points(3, Y.size):
        a, b = (density(form, data, parameters(form, point)) for form in FORMS)
        _, log_volume = np.linalg.slogdet(shape_of(point))
        assert a - b == pytest.approx(log_volume, rel=1e-9, abs=1e-9)


def test_a_held_out_return_does_not_matter() -> None:
    point = points(1, Y.size)[0]
    for form in FORMS:
        a, b = (
            density(form, stan(y, [0, 1, 0, 0]), parameters(form, point))
            for y in (Y, [Y[0], 99.0, Y[2], Y[3]])
        )
        assert a == b


# --- the path integrated out, by a filter on a grid


def grid_filter(y: Any, center: float, mu: Any, phi: float, sigma: Any) -> Any:
    """Log likelihoods of many mu and sigma, by Kitagawa's recursion.

    The path is standardised, so that its transition depends on phi alone, and the
    integral over each time is the trapezoidal rule.

    Parameters: mu and sigma of shape (point,). Returns (point,).
    """
    x = np.linspace(-6.0, 6.0, 101)
    step = x[1] - x[0]
    moves = norm.pdf(x[:, None], phi * x, np.sqrt(1 - phi**2)) * step
    h = mu[:, None] + sigma[:, None] / np.sqrt(1 - phi**2) * x
    state = np.broadcast_to(norm.pdf(x) * step, h.shape)
    total = np.zeros(mu.size)
    for value in y:
        state = state * norm.pdf(value, center, np.exp(h / 2))
        seen = state.sum(axis=1)
        total += np.log(seen)
        state = state / seen[:, None] @ moves.T
    return total


@pytest.mark.parametrize("form", FORMS)
def test_likelihood_with_the_path_integrated_out(form: str) -> None:
    """Three times: Gauss-Hermite over Stan's target against the filter."""
    data = stan(Y[:3])
    nodes, weights = roots_hermitenorm(15)
    for point in points(2, 3):
        point["sigma_eta"] *= 0.5
        grid = np.stack(np.meshgrid(nodes, nodes, nodes), axis=-1).reshape(-1, 3)
        w = np.log(weights / np.sqrt(2 * np.pi))
        weight = sum(np.meshgrid(w, w, w)).reshape(-1)
        matrix = shape_of(point)
        known = norm.logpdf(grid).sum(axis=1)
        if form == "sv_centered":  # a density of h: per volume of z
            known = known - np.linalg.slogdet(matrix)[1]
        run = StanliBackend().densities(models.get(form).program, data)
        first = run.unconstrain(parameters(form, point))
        paths = point["mu"] + grid @ matrix.T
        q = np.tile(first, (len(grid), 1))
        if form == "sv_centered":
            q[:, 3:] = paths
        else:
            q[:, 0], q[:, 3:] = paths.mean(axis=1), grid
        integral = logsumexp(run(q) - known + weight)
        rest = target("sv_noncentered", point, stan(Y[:3], [1, 1, 1]))
        rest -= norm.logpdf(point["z"]).sum()
        phi = 2 * point["phi_star"] - 1
        mu, sigma = np.array([point["mu"]]), np.array([point["sigma_eta"]])
        wanted = grid_filter(Y[:3], 0.1, mu, phi, sigma)[0]
        assert integral - rest == pytest.approx(wanted, abs=2e-4)


def series(times: int = 40) -> np.ndarray:
    rng = np.random.default_rng(9)
    h = np.zeros(times)
    for t in range(1, times):
        h[t] = 0.85 * h[t - 1] + 0.5 * rng.normal()
    return 0.1 + np.exp(h / 2) * rng.normal(size=times)


def returns_of(y: Any) -> Returns:
    labels = tuple(str(t + 1) for t in range(len(y)))
    return Returns(labels=labels, y=y, name="made")


@pytest.fixture(scope="module")
def fitted() -> Fit:
    return hb.fit(
        "sv_noncentered",
        returns_of(series()),
        priors=PRIORS,
        seed=1,
        backend="stanli",
        adapt_delta=0.98,
    )


def mean_and_error(draws: Any) -> tuple[float, float]:
    from arviz_stats.base import array_stats

    values = draws.transpose("chain", "draw").values
    error = array_stats.mcse(values, chain_axis=0, draw_axis=1)
    return float(values.mean()), float(error)


def test_posterior_is_that_of_the_filter(fitted: Fit) -> None:
    """Means of all parameters by quadrature over the prior, weighted by the filter."""
    y = series()
    u, w = np.polynomial.legendre.leggauss(14)
    u, w = (u + 1) / 2, w / 2
    axes = {name: prior.distribution().ppf(u) for name, prior in PRIORS.items()}
    mu, sigma = (
        g.reshape(-1) for g in np.meshgrid(axes["mu"], axes["sigma_eta"], indexing="ij")
    )
    pair = np.outer(w, w).reshape(-1)
    loglik = np.array(
        [grid_filter(y, y.mean(), mu, 2 * p - 1, sigma) for p in axes["phi_star"]]
    )
    weight = np.exp(loglik - loglik.max()) * w[:, None] * pair
    weight /= weight.sum()
    wanted = {
        "mu": (weight * mu).sum(),
        "sigma_eta": (weight * sigma).sum(),
        "phi_star": (weight.sum(axis=1) * axes["phi_star"]).sum(),
    }
    for name, value in wanted.items():
        got, error = mean_and_error(fitted.posterior[name])
        assert abs(got - value) < 4 * error + 1e-3
    assert fitted.diagnose()["rhat"].passed


# --- outputs


def test_pointwise_log_likelihood_and_replicates(fitted: Fit) -> None:
    h = fitted.posterior["h"].values
    y = series()
    got = fitted.tree["log_likelihood"].to_dataset()["y"].values
    np.testing.assert_allclose(got, norm.logpdf(y, y.mean(), np.exp(h / 2)), rtol=1e-6)
    assert "log_likelihood_group" not in fitted.tree.children
    rep = fitted.tree["posterior_predictive"].to_dataset()["y"].values
    shocks = (rep - y.mean()) * np.exp(-h / 2)
    count = shocks.shape[0] * shocks.shape[1]
    assert np.abs(shocks.mean((0, 1))).max() < 4.5 / np.sqrt(count)
    assert np.abs((shocks**2).mean((0, 1)) - 1).max() < 4.5 * np.sqrt(2 / count)


def test_derived_quantities(fitted: Fit) -> None:
    post = fitted.posterior
    phi = 2 * post["phi_star"] - 1
    np.testing.assert_allclose(post["phi"], phi, atol=1e-9)
    np.testing.assert_allclose(post["h"].mean("group"), post["h_mean"], atol=1e-6)
    np.testing.assert_allclose(
        post["sd_last"], np.exp(post["h"].isel(group=-1) / 2), rtol=1e-6
    )
    variance = post["sigma_eta"] ** 2 / (1 - phi**2)
    np.testing.assert_allclose(
        post["sd_y"], np.exp(0.5 * post["mu"] + 0.25 * variance), rtol=1e-5
    )
    assert list(fitted.tree["log_prior"].to_dataset().data_vars) == [*PRIORS]


def test_without_returns_it_is_the_prior() -> None:
    fit = hb.fit(
        "sv_noncentered",
        returns_of(series()),
        priors=PRIORS,
        holdout="all",
        seed=3,
        backend="stanli",
        predictive=False,
    )
    for name, prior in PRIORS.items():
        got, error = mean_and_error(fit.posterior[name])
        assert abs(got - prior.distribution().mean()) < 4.5 * error


def test_a_gap_is_bridged(fitted: Fit) -> None:
    """Returns that are held out leave their h to its neighbours, less certain."""
    gap = [str(t) for t in range(15, 21)]
    fit = hb.fit(
        "sv_noncentered",
        returns_of(series()),
        priors=PRIORS,
        holdout=gap,
        seed=4,
        backend="stanli",
    )
    before, after = (volatility_path(f).table["h_sd"][gap] for f in (fitted, fit))
    assert (after > before).all()
    assert not volatility_path(fit).table["seen"][gap].any()


def test_the_bundled_truth_is_recovered() -> None:
    short = {"seed": 1, "chains": 2, "predictive": False, "backend": "stanli"}
    fit = hb.fit("sv_noncentered", "volatility", **short)
    assert fit.diagnose()["rhat"].passed
    truth = hb.datasets.describe("volatility").truth
    for name in ("mu", "phi", "sigma_eta"):
        draws = fit.posterior[name]
        assert abs(float(draws.mean()) - truth[name]) < 2.5 * float(draws.std())
    path = volatility_path(fit)
    assert path.coverage is not None
    # Neighbouring times are correlated: 250 of them tell about as much as 30.
    assert 0.9 - 3 * np.sqrt(0.09 / 30) < path.coverage <= 1.0
    flat = np.full(250, np.log(np.var(fit.tree["observed_data"]["y"].values)))
    h = np.array(truth["h"])
    error = np.mean((path.table["h_mean"] - h) ** 2)
    assert error < 0.6 * np.mean((flat - h) ** 2)


# --- calibration


def calibrate(generator: Any) -> hb.results.Checks:
    data = returns_of(series(20))
    constants = problem("sv_noncentered", design=data, priors=PRIORS).constants
    return hb.sbc(
        "sv_noncentered",
        generator=generator,
        design=dict(constants),
        priors=PRIORS,
        n_sims=60,
        seed=1,
        backend="stanli",
        executor="serial",
        iter_sampling=500,
        iter_warmup=500,
    ).checks()


def draw(rng: np.random.Generator, power: float) -> tuple[Any, Any]:
    from hbstan.simulate.returns import VOLATILITY

    center = float(series(20).mean())
    drawn = VOLATILITY.parameters(PRIORS, {"J": 20, "center": center}, rng)
    y = rng.normal(center, np.exp(power * drawn["h"]))
    names = ("mu", "phi_star", "sigma_eta", "h_mean")
    return {name: drawn[name] for name in names}, {"y": y}


@calibration_of("sv_noncentered")
def test_calibration_finds_log_variance_taken_for_log_sd() -> None:
    right = calibrate(lambda rng: draw(rng, 0.5))
    assert right["uniformity"].passed, right["uniformity"].detail
    wrong = calibrate(lambda rng: draw(rng, 1.0))
    assert wrong["uniformity"].outcome is Outcome.FAIL


def test_priors_of_the_catalogue_are_legal() -> None:
    for form in FORMS:
        chosen = resolve_priors(models.get(form), returns_of(series()))
        assert list(chosen) == ["mu", "phi_star", "sigma_eta"]
        bad = {**stan(), "prior_phi_star": 1}
        values = parameters(form, points(1, Y.size)[0])
        with pytest.raises(DataError, match="prior_phi_star is 1"):
            density(form, bad, values)
