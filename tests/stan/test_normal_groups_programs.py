"""Programs for normal observations in groups, against NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import arviz_stats
import numpy as np
import pytest
from normal_groups_exact import (
    OBSERVATIONS,
    TOP,
    given_others,
    householder,
    posterior,
    stan_data,
    target,
    together,
    top,
)
from programs import altered, build, values_at
from reference import ARGUMENTS, gradient, log_prior
from scipy import stats
from shared import Shared
from systems_helpers import calibration_of

import hbstan as hb
from hbstan.backends import choose
from hbstan.data import NormalGroups
from hbstan.fit import fit_plan
from hbstan.plan import plan
from hbstan.pooling import conditional_posterior, empirical_bayes
from hbstan.priors import HalfCauchy, HalfNormal, Normal
from hbstan.results import Outcome
from hbstan.simulate.systems import system_of
from hbstan.types import SamplerSettings

FORMS = ("marginal", "centered", "noncentered", "adaptive", "sum_to_zero")
#: How many numbers of its own each form has for six groups.
OWN = {"marginal": 0, "sum_to_zero": 5}
SCALES = (3, 4, 5, 6)
OVER = ("chain", "draw")


def points(form: str, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, 1.0, (count, 3 + OWN.get(form, 6)))


def program(form: str, **changes: Any) -> Any:
    data = stan_data(**changes)
    if form != "adaptive":
        del data["w_centered"]
    return build(f"normal_groups_{form}", data), data


# --- targets


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scale", SCALES)
def test_target_and_gradient_are_those_of_the_observations(
    form: str, scale: int
) -> None:
    sigma = SCALES[-1 - SCALES.index(scale)]
    location = 1 + scale % 2
    changes: dict[str, Any] = {}
    for name, code in (("mu", location), ("tau", scale), ("sigma", sigma)):
        changes |= {f"prior_{name}": code, f"prior_{name}_args": ARGUMENTS[code][0]}
    model, _ = program(form, **changes)
    data = stan_data(**changes)
    for q in points(form, 3, scale):
        value, slope = model.log_prob_grad(q)
        assert value == pytest.approx(target(form, q, data), rel=1e-9)
        wanted = gradient(lambda x, d: target(form, x, d), q, data)
        np.testing.assert_allclose(slope, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("holdout", [[0] * 6, [1] * 6, [1, 0, 0, 1, 0, 1]])
def test_any_mask(form: str, holdout: list[int]) -> None:
    model, _ = program(form, holdout=holdout)
    data = stan_data(holdout=holdout)
    for q in points(form, 3, 7):
        assert model.log_prob_grad(q)[0] == pytest.approx(target(form, q, data))


@pytest.mark.parametrize("form", FORMS)
def test_held_out_outcomes_are_not_seen(form: str) -> None:
    data = stan_data()
    moved = {name: [*data[name][:3], 99.0, *data[name][4:]] for name in ("y", "ss")}
    for q in points(form, 3, 8):
        ours, theirs = (program(form, **x)[0].log_prob_grad(q)[0] for x in ({}, moved))
        assert ours == theirs


@pytest.mark.parametrize("form", FORMS)
def test_extremes_are_finite(form: str) -> None:
    """Scales from e^-30 to e^30, and groups without any spread."""
    model, _ = program(form, ss=[0.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    for log_tau in (-30.0, 30.0):
        q = np.zeros(3 + OWN.get(form, 6))
        q[1] = log_tau
        value, slope = model.log_prob_grad(q)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sum(n) - size(n)", "sum(n)"),
        ("0.5 * sum(ss)", "sum(ss)"),
        ("sigma ./ sqrt(n)", "sigma ./ n"),
        ("- 0.5 * sum(log(n))", ""),
    ],
)
def test_a_mistake_is_found(tmp_path: Any, old: str, new: str) -> None:
    file = "functions/normal_groups.stanfunctions"
    root = altered(tmp_path, file, old, new)
    data = stan_data()
    del data["w_centered"]
    model = build("normal_groups_centered", data, root)
    q = points("centered", 1, 1)[0]
    value = model.log_prob_grad(q)[0]
    assert value != pytest.approx(target("centered", q, stan_data()), rel=1e-6)


def test_the_sum_to_zero_coordinates_keep_lengths() -> None:
    basis = householder(6)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=0), 0.0, atol=1e-14)
    model, _ = program("sum_to_zero")
    q = points("sum_to_zero", 4, 3)
    z = values_at(model, q)["z"][:, 0]
    np.testing.assert_allclose(z, q[:, 3:] @ basis.T, atol=1e-13)


# --- outputs


@pytest.mark.parametrize("form", FORMS)
def test_outputs_at_a_point(form: str) -> None:
    model, data = program(form, predictive=1)
    q = points(form, 3, 4)
    out = {name: v[:, 0] for name, v in values_at(model, q).items()}
    for i, point in enumerate(q):
        mu, tau, sigma = top(point)
        wanted = [log_prior(data, k, x) for k, x in zip(TOP, top(point), strict=True)]
        np.testing.assert_allclose(out["lprior"][i], wanted, rtol=1e-10)
        given = [
            stats.norm.logpdf(v, t, sigma).sum()
            for v, t in zip(OBSERVATIONS, out["theta"][i], strict=True)
        ]
        np.testing.assert_allclose(out["log_lik"][i], given, rtol=1e-9)
        integrated = [together(v, mu, tau, sigma) for v in OBSERVATIONS]
        if form == "sum_to_zero":
            integrated = [given_others(j, data, mu, tau, sigma) for j in range(6)]
        np.testing.assert_allclose(out["log_lik_group"][i], integrated, rtol=1e-9)
        assert out["icc"][i] == pytest.approx(tau**2 / (tau**2 + sigma**2))
        if "w" in out:
            n = np.array(data["n"])
            np.testing.assert_allclose(out["w"][i], n / (n + sigma**2 / tau**2))


def test_groups_that_sum_to_zero_are_left_out_given_those_that_were_seen() -> None:
    holdout = [0, 1, 0, 0, 1, 0]
    model, data = program("sum_to_zero", predictive=1, holdout=holdout)
    q = points("sum_to_zero", 3, 4)
    found = values_at(model, q)["log_lik_group"][:, 0]
    for i, point in enumerate(q):
        wanted = [given_others(j, data, *top(point)) for j in range(6)]
        np.testing.assert_allclose(found[i], wanted, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_the_switch_empties_the_predictions(form: str) -> None:
    q = points(form, 1, 4)
    full, lean = (
        values_at(program(form, predictive=switch)[0], q) for switch in (1, 0)
    )
    for name in ("y_rep", "ss_rep", "log_lik", "log_lik_group"):
        assert full[name].shape[-1] == 6
        assert name not in lean
    assert lean["theta"].shape == full["theta"].shape


@pytest.mark.parametrize("form", ["centered", "marginal"])
def test_replicates_have_the_outcomes_distribution(form: str) -> None:
    model, data = program(form, predictive=1)
    q = points(form, 1, 5)
    out = {k: v[0] for k, v in values_at(model, q, samples=4000).items()}
    _, _, sigma = top(q[0])
    for j, n in enumerate(data["n"]):
        # The marginal form draws effects afresh: distances from them.
        away = (out["y_rep"][:, j] - out["theta"][:, j]) * np.sqrt(n) / sigma
        assert stats.kstest(away, "norm").pvalue > 1e-3
        squares = out["ss_rep"][:, j] / sigma**2
        if n == 1:
            assert not squares.any()
        else:
            assert stats.kstest(squares, stats.chi2(n - 1).cdf).pvalue > 1e-3


def test_effects_are_drawn_from_their_exact_distribution() -> None:
    """Those held out from the population."""
    model, data = program("marginal")
    q = points("marginal", 1, 6)
    theta = values_at(model, q, samples=4000)["theta"][0]
    mu, tau, sigma = top(q[0])
    given = conditional_posterior(
        data["y"], sigma / np.sqrt(data["n"]), np.float64(mu), np.float64(tau)
    )
    mean = np.where(data["holdout"], mu, given.mean)
    sd = np.where(data["holdout"], tau, np.sqrt(given.variance))
    for j in range(6):
        law = stats.norm(mean[j], sd[j])
        assert stats.kstest(theta[:, j], law.cdf).pvalue > 1e-3
    correlations = np.corrcoef(theta.T)[np.triu_indices(6, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)


# --- fits

PRIORS = {"mu": Normal(0, 3), "tau": HalfNormal(2), "sigma": HalfCauchy(1)}
OTHER = {"mu": Normal(1, 1), "tau": HalfCauchy(0.5), "sigma": HalfNormal(1)}


@pytest.fixture(scope="session")
def middle() -> NormalGroups:
    """Groups on which every form can be sampled: spread like their errors."""
    state = np.random.RandomState(11)
    sizes = np.array([3, 4, 4, 5, 6, 6, 8, 10])
    theta = state.normal(0.5, 1.0, 8)
    y = state.normal(theta, 1.0 / np.sqrt(sizes))
    ss = state.chisquare(sizes - 1)
    labels = tuple("abcdefgh")
    values: dict[str, Any] = {"n": sizes, "y": y, "ss": ss}
    return NormalGroups(labels=labels, name="middle", **values)


@pytest.fixture(scope="session")
def fits(middle: NormalGroups) -> dict[str, hb.Fit]:
    return {form: fitted(f"normal_groups_{form}", middle) for form in FORMS}


def fitted(model: str, data: NormalGroups) -> hb.Fit:
    """Fit with weights of centering that suit the data, where a program has some."""
    weights = None
    if model.endswith("adaptive"):
        weights = empirical_bayes(data).table["weight"].to_numpy()
    decided = plan(model, data, PRIORS, None, True, weights)
    return fit_plan(decided, SamplerSettings(seed=3), choose("stanli"))


def assert_moments(fit: hb.Fit, exact: dict[str, Any], names: tuple[str, ...]) -> None:
    """Hold means and standard deviations against exact ones, to 4.5 errors.

    The error of a standard deviation is taken from the squares: effects that are
    sampled antithetically have better means than standard deviations.
    """
    for name in names:
        draws = fit.posterior[name]
        squares = (draws - draws.mean(OVER)) ** 2
        mean, sd = exact[name]
        gap = draws.mean(OVER).values - mean
        assert (np.abs(gap) < 4.5 * mcse(draws)).all(), name
        error = mcse(squares) / (2 * sd)
        assert (np.abs(draws.std(OVER).values - sd) < 4.5 * error).all(), name


def mcse(draws: Any) -> Any:
    """Return the Monte Carlo error of means over draws."""
    ess = arviz_stats.ess(draws, method="mean")
    return draws.std(OVER).values / np.sqrt(ess.values)


@pytest.mark.parametrize("form", FORMS[:4])
def test_the_posterior_is_that_of_quadrature(
    fits: dict[str, hb.Fit], middle: NormalGroups, form: str
) -> None:
    exact = posterior(middle.n, middle.y, middle.ss, PRIORS)
    assert_moments(fits[form], exact, (*TOP, "theta"))


def test_another_pair_of_priors(middle: NormalGroups) -> None:
    """Half-Cauchy between groups, half-normal within."""
    fit = hb.fit(
        "normal_groups_marginal", middle, priors=OTHER, seed=4, backend="stanli"
    )
    exact = posterior(middle.n, middle.y, middle.ss, OTHER)
    assert_moments(fit, exact, (*TOP, "theta"))
    first = posterior(middle.n, middle.y, middle.ss, PRIORS)
    with pytest.raises(AssertionError):
        assert_moments(fit, first, TOP)


def test_theta_is_the_average_of_its_closed_form(
    fits: dict[str, hb.Fit], middle: NormalGroups
) -> None:
    draws = fits["centered"].posterior
    se = draws["sigma"].values[..., None] / np.sqrt(middle.n)
    given = conditional_posterior(middle.y, se, draws["mu"].values, draws["tau"].values)
    np.testing.assert_allclose(given.weight, draws["w"].values, rtol=1e-10)
    error = fits["centered"].summary(["theta"])["mcse_mean"].to_numpy()
    gap = given.mean.mean(axis=(0, 1)) - draws["theta"].mean(("chain", "draw")).values
    assert (np.abs(gap) < 4.5 * error).all()
    # The variance of a mixture: of means, and the mean of variances.
    total = given.mean.var(axis=(0, 1)) + given.variance.mean(axis=(0, 1))
    sd = draws["theta"].std(("chain", "draw")).values
    slack = 4.5 * fits["centered"].summary(["theta"])["mcse_sd"].to_numpy()
    assert (np.abs(np.sqrt(total) - sd) < slack).all()


def test_what_summing_to_zero_changes(
    fits: dict[str, hb.Fit], middle: NormalGroups
) -> None:
    """mu is the mean of these groups: that of theta, and known much better."""
    zero, other = (fits[form].posterior for form in ("sum_to_zero", "marginal"))
    np.testing.assert_allclose(zero["theta"].mean("group"), zero["mu"], atol=1e-10)
    of_groups = other["theta"].mean("group")
    assert float(zero["mu"].std(OVER)) == pytest.approx(
        float(of_groups.std(OVER)), rel=0.1
    )
    assert float(zero["mu"].std(OVER)) < 0.6 * float(other["mu"].std(OVER))
    slack = 0.15 * other["theta"].std(OVER).values
    gap = zero["theta"].mean(OVER).values - other["theta"].mean(OVER).values
    assert (np.abs(gap) < slack).all()


def test_complete_and_no_pooling_are_limits() -> None:
    data = hb.datasets.load("coagulation")
    alike = hb.fit(
        "normal_groups_marginal",
        data,
        priors={"tau": HalfNormal(1e-4)},
        seed=1,
        backend="stanli",
    ).posterior
    assert float((alike["theta"] - alike["mu"]).std()) < 1e-3
    grand = (data.n * data.y).sum() / data.n.sum()
    assert float(alike["mu"].mean(OVER)) == pytest.approx(grand, abs=0.2)
    rows = hb.data.normal_groups(
        {"g": [*"aabbcc"], "y": [0.0, 0.1, 1e4, 1e4 + 0.1, -1e4, 0.1 - 1e4]},
        group="g",
        value="y",
    )
    apart = hb.fit("normal_groups_marginal", rows, seed=1, backend="stanli").posterior
    error = apart["sigma"].mean().item() / np.sqrt(2)
    gap = apart["theta"].mean(OVER).values - rows.y
    assert (np.abs(gap) < 0.2 * error).all()


def test_all_held_out_is_the_prior(middle: NormalGroups) -> None:
    laws = {name: prior.distribution() for name, prior in OTHER.items()}
    for form in ("marginal", "noncentered", "sum_to_zero"):
        fit = hb.fit(
            f"normal_groups_{form}",
            middle,
            priors={**OTHER, "tau": HalfNormal(2)},
            holdout="all",
            seed=5,
            backend="stanli",
        )
        laws["tau"] = HalfNormal(2).distribution()
        exact = {k: (law.mean(), law.std()) for k, law in laws.items()}
        # theta = mu + tau z: var = var(mu) + E(tau^2), of J - 1 / J of it if summed.
        share = 7 / 8 if form == "sum_to_zero" else 1.0
        exact["theta"] = (
            np.full(8, 1.0),
            np.full(8, np.sqrt(1.0 + share * 4.0)),
        )
        assert_moments(fit, exact, (*TOP, "theta"))


def test_the_truth_is_recovered(shared: Shared) -> None:
    data, info = hb.datasets.load("omega_small"), hb.datasets.describe("omega_small")
    model = "normal_groups_marginal"
    fit = shared(hb.fit, model, "omega_small", seed=1, backend="stanli")
    mean, sd = fit.posterior.mean(OVER), fit.posterior.std(OVER)
    for name in TOP:
        assert abs(float(mean[name]) - info.truth[name]) < 3 * float(sd[name])
    score = ((mean["theta"] - info.truth["theta"]) / sd["theta"]).values
    assert 1e-3 < stats.chi2(50).cdf((score**2).sum()) < 1 - 1e-3
    # Full and empirical Bayes agree where there are many groups.
    found = empirical_bayes(data)
    gap = mean["theta"].values - found.table["mean"].to_numpy()
    assert np.abs(gap).max() < 0.02
    ratio = sd["theta"].values / found.table["sd"].to_numpy()
    assert 0.9 < ratio.min() < ratio.max() < 1.1


# --- calibration


def calibrate(form: str, generator: Any, **design: Any) -> hb.results.Checks:
    return hb.sbc(
        hb.models.get(f"normal_groups_{form}").program.file,
        generator=generator,
        design={"J": 6, "n": [2, 2, 3, 3, 4, 4], "holdout": [0] * 6, **design},
        priors=PRIORS,
        n_sims=60,
        seed=1,
        backend="stanli",
        executor="serial",
    ).checks()


def generate(rng: np.random.Generator, *, lost: int = 1) -> tuple[Any, Any]:
    system = system_of(hb.models.get("normal_groups_centered"))
    assert system is not None
    design = {"J": 6, "n": np.array([2, 2, 3, 3, 4, 4])}
    drawn = system.parameters(PRIORS, design, rng)
    outcomes = system.outcomes(drawn, design, rng)
    if lost == 0:
        squares = rng.chisquare(design["n"])
        outcomes["ss"] = drawn["sigma"] ** 2 * squares
    return {name: drawn[name] for name in (*TOP, "theta")}, outcomes


@calibration_of("normal_groups_adaptive")
def test_half_centered_groups_are_calibrated() -> None:
    checks = calibrate("adaptive", generate, w_centered=[0.5] * 6)
    assert checks["uniformity"].passed, checks["uniformity"].detail


def test_a_lost_degree_of_freedom_is_found() -> None:
    """A generator whose sums of squares have n degrees of freedom, not n - 1."""
    right = calibrate("marginal", generate)
    assert right["uniformity"].passed, right["uniformity"].detail
    wrong = calibrate("marginal", lambda rng: generate(rng, lost=0))
    assert wrong["uniformity"].outcome is Outcome.FAIL
