"""Linear and logistic regression by stanli, against SciPy, NumPy and statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import integrate, special, stats
from systems_helpers import calibration_of

import hbstan as hb
from hbstan import models
from hbstan.backends.stanli import StanliBackend
from hbstan.data.regression_examples import monthly_series
from hbstan.data.regressions import logistic, regression
from hbstan.errors import DataError, FitError
from hbstan.fit import Fit
from hbstan.plan import plan
from hbstan.predictive.rows import predict_rows
from hbstan.priors import LKJ, Exponential, HalfNormal, Normal
from hbstan.refit import dataset_of
from hbstan.results import Outcome

LINEAR, LOGISTIC = "linear_regression", "logistic_regression"
PRIORS: dict[str, Any] = {
    "intercept": Normal(0.3, 2.0),
    "slope": Normal(0.0, 1.5),
    "tau": HalfNormal(0.8),
    "Omega": LKJ(1.7),
    "sigma": Exponential(0.9),
}


def priors_of(model: str) -> dict[str, Any]:
    return {k: v for k, v in PRIORS.items() if model == LINEAR or k != "sigma"}


def rows(groups: int = 5, each: int = 7, seed: int = 1) -> dict[str, Any]:
    """Rows of groups of unequal size, the first of one row."""
    rng = np.random.default_rng(seed)
    sizes = [1, *(each + j for j in range(1, groups))]
    group = np.repeat(np.arange(groups), sizes)
    x, w = rng.normal(10, 3, len(group)), rng.normal(-2, 0.5, len(group))
    u = rng.normal(0, 0.7, (2, groups))
    eta = 0.4 + u[0, group] + (0.8 + u[1, group]) * (x - 10) / 3 - 0.5 * (w + 2)
    return {
        "x": x,
        "w": w,
        "y": eta + rng.normal(0, 0.9, len(group)),
        "hit": rng.binomial(1, special.expit(eta)),
        "g": [f"G{j}" for j in group],
    }


def dataset(model: str, effects: int, table: dict[str, Any] | None = None) -> Any:
    """Data with a number of varying effects, 0 to 3."""
    read, outcome = (regression, "y") if model == LINEAR else (logistic, "hit")
    return read(
        rows() if table is None else table,
        outcome=outcome,
        covariates=["x", "w"],
        group="g" if effects else None,
        varying=["x", "w"][: max(effects - 1, 0)],
    )


def log_lkj(factor: np.ndarray, eta: float) -> float:
    """Density of the Cholesky factor, and the Jacobian of Stan's free numbers.

    The normalising constant is that of Lewandowski et al. (2009), equation 16.
    """
    d = len(factor)
    if d < 2:
        return 0.0
    left = np.arange(1, d)
    shape = eta + 0.5 * (d - left - 1)
    constant = np.sum((2 * eta - 2 + d - left) * (d - left)) * np.log(2)
    constant += np.sum((d - left) * special.betaln(shape, shape))
    logs = np.log(np.diag(factor))
    # det(Omega)^(eta - 1), and d Omega / d L.
    density = np.sum((2 * eta - 2 + d - np.arange(1, d + 1)) * logs) - constant
    jacobian = 0.0
    for i in range(1, d):
        for k in range(i):
            rest = 1.0 - np.sum(factor[i, :k] ** 2)
            partial = factor[i, k] / np.sqrt(rest)
            jacobian += 0.5 * np.log(rest) + np.log1p(-(partial**2))
    return float(density + jacobian)


def point(data: Any, model: str, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    effects = len(data.varying)
    out: dict[str, Any] = {
        "intercept": rng.normal(),
        "slope": rng.normal(size=2),
        "tau": rng.uniform(0.1, 2, effects),
        "z": rng.normal(size=(effects, data.J)),
        "L": np.zeros((0, 0)),
    }
    if effects > 1:
        out["L"] = np.linalg.cholesky(LKJ(1.0).draw(rng, 1, effects)[0])
    if model == LINEAR:
        del out["z"]
        out["sigma"] = rng.uniform(0.5, 2)
    return out


def factor_of(at: dict[str, Any]) -> np.ndarray:
    tau = np.asarray(at["tau"])
    correlated = at["L"] if len(tau) > 1 else np.eye(len(tau))
    return tau[:, None] * correlated


def design(data: Any) -> tuple[np.ndarray, np.ndarray]:
    x = np.column_stack([np.ones(len(data.y)), (data.X - data.center) / data.scale])
    return x, x[:, data.varying]


def predictor(data: Any, at: dict[str, Any], *, own: bool = True) -> np.ndarray:
    x, w = design(data)
    eta = x @ np.concatenate([[at["intercept"]], at["slope"]])
    if not own:
        return eta
    u = at["u"] if "u" in at else factor_of(at) @ at["z"]
    return eta + (w * u[:, data.rows()].T).sum(axis=1)


def log_rows(data: Any, at: dict[str, Any]) -> np.ndarray:
    eta = predictor(data, at)
    if "sigma" in at:
        return np.asarray(stats.norm.logpdf(data.y, eta, at["sigma"]))
    return np.asarray(stats.bernoulli.logpmf(data.y, special.expit(eta)))


def log_groups(data: Any, at: dict[str, Any]) -> np.ndarray:
    """Each group's rows as one multivariate normal, its effects integrated out."""
    _, w = design(data)
    mean, spread = predictor(data, at, own=False), w @ factor_of(at)
    out = []
    for j in range(data.J):
        own = data.rows() == j
        cov = spread[own] @ spread[own].T + at["sigma"] ** 2 * np.eye(own.sum())
        out.append(stats.multivariate_normal.logpdf(data.y[own], mean[own], cov))
    return np.array(out)


def target(data: Any, at: dict[str, Any], seen: np.ndarray) -> float:
    """The log density of the free numbers, by SciPy."""
    total = sum(
        np.sum(PRIORS[name].distribution().logpdf(at[name]))
        for name in ("intercept", "slope", "tau", "sigma")
        if name in at
    )
    total += np.sum(np.log(at["tau"])) + np.log(at.get("sigma", 1.0))
    total += log_lkj(at["L"], 1.7)
    if "sigma" in at:
        return float(total + log_groups(data, at)[np.unique(data.rows()[seen])].sum())
    total += np.sum(stats.norm.logpdf(at["z"]))
    return float(total + log_rows(data, at)[seen].sum())


# --- the target


@pytest.mark.parametrize("effects", [0, 1, 2, 3])
@pytest.mark.parametrize("model", [LINEAR, LOGISTIC])
def test_target_is_that_of_scipy(model: str, effects: int) -> None:
    data = dataset(model, effects)
    out = {"G1", "G3"} if effects else set()
    for holdout in (None, sorted(out)):
        work = plan(model, data, priors_of(model), holdout, predictive=False)
        seen = np.array([data.labels[j] not in (holdout or ()) for j in data.rows()])
        for seed in (1, 2):
            at = point(data, model, seed)
            got, _ = StanliBackend().log_density(work.program, work.stan, at)
            assert got == pytest.approx(target(data, at, seen), rel=1e-8)


@pytest.mark.parametrize("model", [LINEAR, LOGISTIC])
def test_without_covariates_too(model: str) -> None:
    read, outcome = (regression, "y") if model == LINEAR else (logistic, "hit")
    data = read(rows(), outcome=outcome, covariates=[], group="g")
    work = plan(model, data, priors_of(model), None, predictive=False)
    at = point(data, model, 3) | {"slope": np.zeros(0)}
    got, _ = StanliBackend().log_density(work.program, work.stan, at)
    seen = np.ones(len(data.y), dtype=bool)
    assert got == pytest.approx(target(data, at, seen), rel=1e-8)


def test_collinear_rows_of_a_group_are_rotated_exactly() -> None:
    """A group whose rows are alike has a triangle without full rank."""
    table = rows()
    table["x"][1:9], table["w"][1:9] = 11.0, -2.5
    data = dataset(LINEAR, 2, table)
    work = plan(LINEAR, data, priors_of(LINEAR), None, predictive=False)
    at = point(data, LINEAR, 5)
    got, _ = StanliBackend().log_density(work.program, work.stan, at)
    seen = np.ones(len(data.y), dtype=bool)
    assert got == pytest.approx(target(data, at, seen), rel=1e-9)


# --- what is generated


@pytest.fixture(scope="session")
def short() -> dict[tuple[str, int], tuple[Any, Fit]]:
    """Short fits, whose draws are points at which outputs are compared."""
    out = {}
    for model, effects in ((LINEAR, 0), (LINEAR, 2), (LOGISTIC, 1), (LOGISTIC, 2)):
        data = dataset(model, effects)
        settings: Any = {"chains": 1, "iter_warmup": 200, "iter_sampling": 400}
        chosen = priors_of(model)
        fit = hb.fit(model, data, priors=chosen, seed=3, backend="stanli", **settings)
        out[model, effects] = (data, fit)
    return out


def draw(fit: Fit, index: int) -> dict[str, Any]:
    one = fit.posterior.isel(chain=0, draw=index)
    at = {str(k): v.values for k, v in one.data_vars.items()}
    return {"L": np.zeros((0, 0)), "tau": np.zeros(0), "u": np.zeros((0, 1))} | at


def group_values(fit: Fit, group: str, index: int) -> np.ndarray:
    values = fit.tree[group]["y"].isel(chain=0, draw=index)
    return np.asarray(values.values)


def test_log_lik_is_that_of_the_groups_rows(short: Any) -> None:
    for data, fit in short.values():
        for i in (0, 200, 399):
            each = np.bincount(data.rows(), log_rows(data, draw(fit, i)))
            assert group_values(fit, "log_likelihood", i) == pytest.approx(each)


def test_log_lik_group_is_a_multivariate_normal(short: Any) -> None:
    for effects in (0, 2):
        data, fit = short[LINEAR, effects]
        for i in (0, 300):
            got = group_values(fit, "log_likelihood_group", i)
            assert got == pytest.approx(log_groups(data, draw(fit, i)), rel=1e-8)


def test_effects_are_drawn_from_their_conditional_distribution(short: Any) -> None:
    """Given the rest, normal with the mean and covariance of a conjugate model."""
    data, fit = short[LINEAR, 2]
    _, w = design(data)
    scaled = []
    for i in range(400):
        at = draw(fit, i)
        prior = np.linalg.inv(factor_of(at) @ factor_of(at).T)
        left = data.y - predictor(data, at, own=False)
        for j in range(data.J):
            own = data.rows() == j
            precision = prior + w[own].T @ w[own] / at["sigma"] ** 2
            mean = np.linalg.solve(precision, w[own].T @ left[own]) / at["sigma"] ** 2
            scaled.append(np.linalg.cholesky(precision).T @ (at["u"][:, j] - mean))
    both = np.array(scaled)
    for column in both.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(both.T)[0, 1]) < 4 / np.sqrt(len(both))


def log_integral(y: np.ndarray, eta: np.ndarray, tau: float) -> float:
    """The group's probability by adaptive quadrature, around its highest point."""
    sign = 2 * y - 1

    def log_f(x: float) -> float:
        inside = special.log_expit(sign * (eta + tau * x)).sum()
        return float(inside + stats.norm.logpdf(x))

    grid = np.linspace(-12, 12, 481)
    values = np.array([log_f(x) for x in grid])
    top, at = values.max(), grid[values.argmax()]
    total, _ = integrate.quad(
        lambda x: np.exp(log_f(x) - top), -14, 14, points=[at], epsabs=1e-12, limit=200
    )
    return float(top + np.log(total))


def test_log_lik_group_of_logistic_rows_is_the_integral(short: Any) -> None:
    data, fit = short[LOGISTIC, 1]
    for i in (0, 150, 399):
        at = draw(fit, i)
        eta = predictor(data, at, own=False)
        for j, got in enumerate(group_values(fit, "log_likelihood_group", i)):
            own = data.rows() == j
            want = log_integral(data.y[own], eta[own], float(at["tau"][0]))
            assert got == pytest.approx(want, abs=1e-6)


def test_the_quadrature_at_extremes() -> None:
    """Groups of one outcome, of many rows, of wide populations."""
    import stanli
    from programs import FUNCTIONS

    source = (FUNCTIONS / "logistic_group.stanfunctions").read_text()
    inner = (FUNCTIONS / "regression.stanfunctions").read_text()
    whole = source.replace("#include regression.stanfunctions\n", inner)
    code = "functions {\n" + whole + "}\n"
    rows_logit_normal = stanli.Function("rows_logit_normal", stan_code=code)
    rng = np.random.default_rng(2)
    for size, tau, shift in ((1, 0.0, 0), (3, 20.0, -5), (80, 3.0, 6), (300, 0.01, 1)):
        eta = rng.normal(shift, 1.5, size)
        for y in (np.zeros(size), np.ones(size), rng.integers(0, 2, size) * 1.0):
            where = {"g": [1] * size, "last": [size]}
            got = rows_logit_normal(y=y, eta=eta, tau=tau, **where)[0]
            assert got == pytest.approx(log_integral(y, eta, tau), abs=1e-6)


def test_more_varying_effects_leave_log_lik_group_out(short: Any) -> None:
    _, fit = short[LOGISTIC, 2]
    assert "log_likelihood_group" not in fit.tree.children


def test_replicates_have_the_moments_of_the_model(short: Any) -> None:
    for (model, _), (data, fit) in short.items():
        y_rep = fit.tree["posterior_predictive"]["y"].values[0]
        eta = np.array([predictor(data, draw(fit, i)) for i in range(len(y_rep))])
        if model == LINEAR:
            sigma = fit.posterior["sigma"].values[0][:, None]
            scaled = ((y_rep - eta) / sigma).ravel()
            assert stats.kstest(scaled, "norm").pvalue > 1e-4
        else:
            p = special.expit(eta)
            error = np.sqrt((p * (1 - p)).sum())
            assert abs((y_rep - p).sum()) < 4 * error


def test_coefficients_on_the_covariates_own_scale(short: Any) -> None:
    """On it, the same line comes out of the raw covariates."""
    for (_, effects), (data, fit) in short.items():
        at = draw(fit, 7)
        line = at["alpha"] + data.X @ at["beta"]
        assert line == pytest.approx(predictor(data, at, own=False))
        if not effects:
            continue
        raw = np.column_stack([np.ones(len(data.y)), data.X])
        mean = np.concatenate([[at["alpha"]], at["beta"]])
        mean = np.repeat(mean[:, None], data.J, axis=1)
        mean[data.varying] = at["coef"]
        own = (raw * mean[:, data.rows()].T).sum(axis=1)
        assert own == pytest.approx(predictor(data, at))
        assert at["theta"] == pytest.approx(at["intercept"] + at["u"][0])
        if effects == 2:
            scale, center = data.scale[0], data.center[0]
            turn = np.array([[1, -center / scale], [0, 1 / scale]])
            cov = turn @ factor_of(at) @ factor_of(at).T @ turn.T
            assert at["sd_effect"] == pytest.approx(np.sqrt(np.diag(cov)))
            assert at["rho"] == pytest.approx([at["Omega"][1, 0]])


def test_switch_and_saved_data(short: Any, tmp_path: Any) -> None:
    data, fit = short[LINEAR, 2]
    assert dataset_of(Fit.load(fit.save(tmp_path / "fit.nc"))) == data
    assert list(fit.tree["log_prior"].data_vars) == list(PRIORS)
    bare = hb.fit(
        LINEAR,
        data,
        seed=1,
        backend="stanli",
        predictive=False,
        chains=1,
        iter_warmup=50,
        iter_sampling=5,
    )
    assert "posterior_predictive" not in bare.tree.children
    assert "log_likelihood" not in bare.tree.children


# --- sampling


def assert_means(fit: Fit, wanted: dict[str, Any], errors: float = 4.5) -> None:
    table = fit.summary(list(dict.fromkeys(k.split("[")[0] for k in wanted)))
    for name, want in wanted.items():
        assert (
            abs(table.loc[name, "mean"] - want) < errors * table.loc[name, "mcse_mean"]
        )


def test_all_held_out_is_the_prior() -> None:
    data = dataset(LINEAR, 2)
    fit = hb.fit(
        LINEAR, data, priors=PRIORS, holdout="all", seed=5, backend="stanli", chains=2
    )
    assert_means(
        fit,
        {
            "intercept": 0.3,
            "slope[x]": 0.0,
            "tau[x]": 0.8 * np.sqrt(2 / np.pi),
            "sigma": 1 / 0.9,
            "rho[0]": 0.0,
        },
    )
    rho = fit.posterior["rho"].values.ravel()
    want = PRIORS["Omega"].distribution().std()
    assert rho.std() == pytest.approx(want, rel=0.1)


def test_conjugate_normal_regression_integrated_over_sigma() -> None:
    """Given sigma the coefficients are normal; sigma is left to a sum."""
    data = dataset(LINEAR, 0)
    fit = hb.fit(LINEAR, data, priors=PRIORS, seed=6, backend="stanli", chains=2)
    x, _ = design(data)
    prior_mean = np.array([0.3, 0.0, 0.0])
    prior_precision = np.diag(1 / np.array([2.0, 1.5, 1.5]) ** 2)
    sigmas = np.linspace(0.2, 4.0, 2000)
    logs, means, squares = [], [], []
    prior_cov = np.linalg.inv(prior_precision)
    for sigma in sigmas:
        cov = np.linalg.inv(prior_precision + x.T @ x / sigma**2)
        mean = cov @ (prior_precision @ prior_mean + x.T @ data.y / sigma**2)
        marginal = sigma**2 * np.eye(len(x)) + x @ prior_cov @ x.T
        log = stats.multivariate_normal.logpdf(data.y, x @ prior_mean, marginal)
        logs.append(log + PRIORS["sigma"].distribution().logpdf(sigma))
        means.append(mean)
        squares.append(mean**2 + np.diag(cov))
    weight = np.exp(np.array(logs) - max(logs))
    mean = np.average(means, axis=0, weights=weight)
    sd = np.sqrt(np.average(squares, axis=0, weights=weight) - mean**2)
    wanted = dict(zip(("intercept", "slope[x]", "slope[w]"), mean, strict=True))
    assert_means(fit, wanted | {"sigma": np.average(sigmas, weights=weight)})
    got = fit.summary(["intercept", "slope"])["sd"]
    assert got.to_numpy() == pytest.approx(sd, rel=0.1)


WIDE: dict[str, Any] = {
    "intercept": Normal(0, 100),
    "slope": Normal(0, 100),
    "sigma": HalfNormal(100),
}


def test_wide_priors_are_least_squares() -> None:
    """The source's linear example: y = 2.5 + 1.8 x, printed 2.488, 1.822, 0.802.

    Its code gives other data than those of its table.
    """
    rng = np.random.default_rng(42)
    x = rng.normal(0, 1, size=100)
    y = 2.5 + 1.8 * x + rng.normal(0, 0.8, size=100)
    data = regression({"x": x, "y": y}, outcome="y", covariates="x", group=None)
    fit = hb.fit(LINEAR, data, priors=WIDE, seed=7, backend="stanli", chains=2)
    ols = sm.OLS(y, sm.add_constant(x)).fit()
    assert_means(fit, {"alpha": ols.params[0], "beta[x]": ols.params[1]})
    sd = fit.summary(["alpha", "beta"])["sd"].to_numpy()
    # A t distribution on 98 degrees of freedom is a little wider.
    assert sd == pytest.approx(ols.bse * np.sqrt(98 / 96), rel=0.08)
    assert ols.params == pytest.approx([2.500, 1.864], abs=0.2)


def patients() -> dict[str, Any]:
    """The source's logistic example."""
    rng = np.random.default_rng(42)
    age, dosage = rng.normal(55, 12, size=200), rng.normal(100, 30, size=200)
    p = special.expit(-3.0 + 0.04 * age + 0.015 * dosage)
    return {"age": age, "dosage": dosage, "y": rng.binomial(1, p, size=200)}


def test_logistic_regression_beside_maximum_likelihood() -> None:
    table = patients()
    covariates = ["age", "dosage"]
    data = logistic(table, outcome="y", covariates=covariates, group=None)
    chosen = {"intercept": Normal(0, 2), "slope": Normal(0, 2)}
    fit = hb.fit(LOGISTIC, data, priors=chosen, seed=8, backend="stanli", chains=2)
    x, _ = design(data)
    mle = sm.Logit(data.y, x).fit(disp=0)
    got = fit.summary(["intercept", "slope"])
    # The posterior is skewed away from 0 by a fraction of its width.
    assert np.abs((got["mean"] - mle.params) / mle.bse).max() < 0.25
    assert got["sd"].to_numpy() == pytest.approx(mle.bse, rel=0.12)
    beta = fit.posterior["beta"].mean(("chain", "draw")).values
    assert beta == pytest.approx(mle.params[1:] / data.scale, rel=0.15)


def test_separated_outcomes_have_a_proper_posterior() -> None:
    table = patients()
    table["y"] = (table["age"] > 55).astype(int)
    data = logistic(table, outcome="y", covariates=["age"], group=None)
    assert data.separation.kind == "complete"
    fit = hb.fit(LOGISTIC, data, seed=9, backend="stanli", chains=2)
    assert fit.diagnose().passed
    # As large as the prior of scale 2.5 lets it be.
    assert 4 < float(fit.posterior["slope"].mean()) < 15


@pytest.fixture(scope="session")
def many() -> tuple[Any, dict[str, Any], Fit]:
    """Forty groups whose effects are correlated, and their fit."""
    rng = np.random.default_rng(11)
    group = np.repeat(np.arange(40), 12)
    x = rng.normal(5, 2, len(group))
    cov = np.array([[0.64, -0.24], [-0.24, 0.25]])
    u = rng.multivariate_normal([0, 0], cov, size=40)
    standard = (x - x.mean()) / x.std()
    eta = 1.0 + u[group, 0] + (0.7 + u[group, 1]) * standard
    table = {
        "x": x,
        "y": eta + rng.normal(0, 0.6, len(group)),
        "g": [f"G{j}" for j in group],
    }
    data = regression(table, outcome="y", covariates="x", group="g", varying="x")
    fit = hb.fit(LINEAR, data, seed=10, backend="stanli", chains=2, predictive=False)
    return data, table, fit


def test_varying_slopes_beside_mixedlm(many: Any) -> None:
    data, _, fit = many
    x, w = design(data)
    reml = sm.MixedLM(data.y, x, groups=data.rows(), exog_re=w).fit(reml=True)
    got = fit.summary(["intercept", "slope", "tau", "rho", "sigma"])
    fixed = got.loc[["intercept", "slope[x]"]]
    assert np.abs((fixed["mean"] - reml.fe_params) / reml.bse_fe).max() < 0.2
    assert fixed["sd"].to_numpy() == pytest.approx(reml.bse_fe, rel=0.15)
    covariance = np.asarray(reml.cov_re)
    tau = np.sqrt(np.diag(covariance))
    rho = covariance[0, 1] / tau.prod()
    wanted = [*tau, rho, np.sqrt(reml.scale)]
    rest = got.loc[["tau[intercept]", "tau[x]", "rho[0]", "sigma"]]
    # REML is near the mode; the posterior of a scale is skewed.
    assert np.abs((rest["mean"] - wanted) / rest["sd"]).max() < 0.5


def test_the_fit_finds_what_was_simulated(many: Any) -> None:
    _, _, fit = many
    assert fit.diagnose().passed
    got = fit.summary(["intercept", "slope", "tau", "rho", "sigma"])
    truth = [1.0, 0.7, 0.8, 0.5, -0.6, 0.6]
    assert np.abs((got["mean"] - truth) / got["sd"]).max() < 3.5


# --- the climate's two roads


def test_raw_months_and_slopes_with_errors_agree() -> None:
    """One regression of all months, or least squares first and pooling second."""
    from hbstan.data import group_estimates

    table, trends = monthly_series(np.random.default_rng(42))
    months = regression(
        table, outcome="anomaly", covariates="decade", group="region", varying="decade"
    )
    common: dict[str, Any] = {"backend": "stanli", "predictive": False, "chains": 2}
    priors = hb.datasets.load("climate_monthly").family_priors[LINEAR]
    one = hb.fit(LINEAR, months, priors=priors, seed=1, **common)
    lines = [
        stats.linregress(months.X[months.rows() == j, 0], months.y[months.rows() == j])
        for j in range(months.J)
    ]
    slopes = group_estimates(
        {
            "region": months.labels,
            "slope": [line.slope for line in lines],
            "se": [line.stderr for line in lines],
        },
        group="region",
        estimate="slope",
        se="se",
    )
    chosen = {"mu": "Normal(0, 1)", "tau": "HalfNormal(0.5)"}
    model = "eight_schools_noncentered"
    two = hb.fit(model, slopes, priors=chosen, seed=1, **common)
    coef = one.posterior["coef"].sel(effect="decade")
    theta = two.posterior["theta"]
    over = ("chain", "draw")
    sd = np.hypot(coef.std(over).values, theta.std(over).values) / np.sqrt(2)
    gap = coef.mean(over).values - theta.mean(over).values
    # Half a posterior standard deviation: the roads share neither the intercepts,
    # which only the first one pools, nor the noise.
    assert np.abs(gap / sd).max() < 0.5
    assert np.abs((coef.mean(over).values - trends) / sd).max() < 3.5
    assert abs(float(one.posterior["beta"].mean() - two.posterior["mu"].mean())) < 0.02


# --- new rows


def test_predictions_of_rows_of_the_fit_are_its_own_line(short: Any) -> None:
    data, fit = short[LINEAR, 2]
    table = rows()
    new = {k: table[k] for k in ("x", "w", "g")}
    got = predict_rows(fit, new, group="g", seed=1)
    want = [predictor(data, draw(fit, i)) for i in range(400)]
    assert got.expected[0] == pytest.approx(np.array(want))
    scaled = (got.y - got.expected) / fit.posterior["sigma"].values[..., None]
    assert stats.kstest(scaled.ravel(), "norm").pvalue > 1e-4
    again = predict_rows(fit, new, group="g", seed=1)
    assert (again.y == got.y).all()
    summary = got.table(0.9)
    assert list(summary["group"]) == table["g"]
    assert (summary["lower"] < summary["expected_lower"]).all()


def test_new_rows_have_a_value_in_every_column(short: Any) -> None:
    fit = short[LINEAR, 2][1]
    for new in ({"x": [1.0, 2.0], "w": [1.0]}, {"x": [1.0], "w": [1.0]}):
        with pytest.raises(DataError, match="the columns differ in length: 'x' has"):
            predict_rows(fit, {**new, "g": rows()["g"][:2]}, group="g")


def test_new_groups_come_from_the_population(short: Any) -> None:
    data, fit = short[LINEAR, 2]
    new = {"x": [10.0] * 300, "w": [-2.0] * 300, "g": [f"N{i}" for i in range(300)]}
    got = predict_rows(fit, new, group="g", groups="new", seed=2).expected[0]
    x = np.array([1.0, *((np.array([10.0, -2.0]) - data.center) / data.scale)])
    for i in (0, 200):
        at = draw(fit, i)
        mean = x @ np.concatenate([[at["intercept"]], at["slope"]])
        sd = np.linalg.norm(x[:2] @ factor_of(at))
        assert stats.kstest((got[i] - mean) / sd, "norm").pvalue > 1e-4
    twice = {"x": [10.0, 10.0], "w": [-2.0, -2.0], "g": ["N", "N"]}
    same = predict_rows(fit, twice, group="g", groups="new", seed=3).expected
    assert (same[..., 0] == same[..., 1]).all()


def test_logistic_rows_are_predicted_as_probabilities(short: Any) -> None:
    data, fit = short[LOGISTIC, 1]
    table = rows()
    new = {k: table[k] for k in ("x", "w", "g")}
    got = predict_rows(fit, new, group="g", seed=1)
    want = special.expit([predictor(data, draw(fit, i)) for i in range(400)])
    assert got.expected[0] == pytest.approx(want)
    assert set(np.unique(got.y)) == {0, 1}
    new["g"] = [f"N {g}" for g in new["g"]]
    assert predict_rows(fit, new, group="g", groups="new").y.shape == (1, 400, 39)


def test_rows_that_cannot_be_predicted_are_refused(short: Any) -> None:
    _, fit = short[LINEAR, 2]
    new = {"x": [10.0], "w": [-2.0], "g": ["G9"]}
    with pytest.raises(DataError, match="row 1: 'G9' is no group of the fit"):
        predict_rows(fit, new, group="g")
    with pytest.raises(DataError, match="'G1' is a group of the fit"):
        predict_rows(fit, new | {"g": ["G1"]}, group="g", groups="new")
    with pytest.raises(DataError, match="no column of groups is named"):
        predict_rows(fit, new)
    with pytest.raises(DataError, match="no column 'w' for the covariate"):
        predict_rows(fit, {"x": [1.0], "g": ["G1"]}, group="g")
    with pytest.raises(DataError, match="'w': the value is missing"):
        predict_rows(fit, new | {"w": [None]}, group="g")
    with pytest.raises(hb.errors.SettingsError, match="must be same or new"):
        predict_rows(fit, new, group="g", groups="other")
    fit.tree.attrs["data_kind"], kept = "normal", fit.tree.attrs["data_kind"]
    with pytest.raises(FitError, match="no regression of rows"):
        predict_rows(fit, new, group="g")
    fit.tree.attrs["data_kind"] = kept


# --- calibration


@calibration_of(LINEAR)
def test_a_wrong_generator_is_found_out() -> None:
    """Rows with three times the noise that the program has been told."""
    from hbstan.simulate.systems import system_of

    data = dataset(LINEAR, 2)
    work = plan(LINEAR, data, priors_of(LINEAR), None, predictive=False)
    stan = {k: v for k, v in work.stan.items() if k != "y"}
    system = system_of(models.get(LINEAR))
    assert system is not None

    def checks(noise: float) -> Any:
        def generate(rng: np.random.Generator) -> tuple[Any, Any]:
            drawn = system.parameters(PRIORS, stan, rng)
            used = drawn | {"sigma": noise * drawn["sigma"]}
            names = ("intercept", "slope", "tau", "rho", "sigma")
            return {k: drawn[k] for k in names}, system.outcomes(used, stan, rng)

        return hb.sbc(
            models.get(LINEAR).program.file,
            generator=generate,
            design=stan,
            n_sims=40,
            seed=1,
            backend="stanli",
            executor="serial",
            iter_warmup=250,
            iter_sampling=250,
        ).checks()

    assert checks(3.0)["uniformity"].outcome is Outcome.FAIL
    assert checks(1.0)["uniformity"].outcome is not Outcome.FAIL
