"""The Stan programs' priors, targets and gradients against SciPy."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stanli
from cases import LEGAL, Y, make_data, prior_choices, random_points, top_count
from programs import FUNCTIONS, PROGRAMS, altered, build, function
from reference import (
    ARGUMENTS,
    PRIORS,
    TARGETS,
    gradient,
    log_choose,
    minimum,
)
from scipy import integrate, special

from hbstan import models
from hbstan.priors import FAMILIES, Prior
from hbstan.sbc.outputs import without_generated_quantities
from hbstan.simulate import log_likelihood, log_prior
from hbstan.simulate.alternatives import mixture_moments


def assert_agrees(
    model: stanli.Model, name: str, data: dict[str, Any], points: np.ndarray
) -> None:
    """Hold target (relative 1e-8) and gradient (1e-6) against the reference."""
    for q in points:
        value, slope = model.log_prob_grad(q)
        expected = TARGETS[name](q, data)
        assert abs(value - expected) <= 1e-8 * max(1.0, abs(expected))
        wanted = gradient(TARGETS[name], q, data)
        np.testing.assert_allclose(
            slope, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max()
        )


# --- the reference itself


@pytest.mark.parametrize("code", sorted(PRIORS))
def test_reference_priors_integrate_to_one(code: int) -> None:
    args, (low, high) = ARGUMENTS[code]
    middle = args[0] if not np.isfinite(low) else low + 0.5 * min(1.0, high - low)
    total = sum(
        integrate.quad(lambda x: np.exp(PRIORS[code](x, args)), a, b)[0]
        for a, b in ((low, middle), (middle, high))
    )
    assert total == pytest.approx(1.0, abs=1e-7)


# --- priors


def inside(code: int) -> np.ndarray:
    low, high = ARGUMENTS[code][1]
    u = np.array([0.03, 0.2, 0.5, 0.8, 0.97])
    if np.isfinite(high):
        return low + (high - low) * u
    return low + 5 * u if np.isfinite(low) else special.logit(u) - 2.0


@pytest.mark.parametrize("code", sorted(PRIORS))
def test_prior_lpdf_matches_scipy(code: int) -> None:
    prior_lpdf = function("prior_lpdf", "priors.stanfunctions")
    args = ARGUMENTS[code][0]
    for x in inside(code):
        value = prior_lpdf(x=x, family=code, args=args)
        assert value == pytest.approx(PRIORS[code](x, args), rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"LKJ"}))
def test_codes_and_densities_are_those_of_the_python_priors(family: str) -> None:
    prior_lpdf = function("prior_lpdf", "priors.stanfunctions")
    cls = FAMILIES[family]
    arity = len(fields(cls))
    args = ARGUMENTS[cls.code][0]
    distribution = cls(*args[:arity]).distribution()
    for x in inside(cls.code):
        value = prior_lpdf(x=x, family=cls.code, args=args)
        assert value == pytest.approx(float(distribution.logpdf(x)), rel=1e-12)


@pytest.mark.parametrize("eta", [0.6, 1.0, 2.5])
def test_code_and_density_of_a_correlation_are_those_of_the_python_prior(
    eta: float,
) -> None:
    lpdf = function("prior_correlation_lpdf", "priors.stanfunctions")
    prior = FAMILIES["LKJ"](eta)
    for rho in (-0.9, -0.2, 0.4, 0.97):
        factor = np.linalg.cholesky(np.array([[1.0, rho], [rho, 1.0]]))
        value = lpdf(L=factor, family=prior.code, args=[eta, 0.0, 0.0])
        expected = float(prior.distribution().logpdf(rho))
        assert value == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_unknown_family_is_rejected_by_name() -> None:
    prior_lpdf = function("prior_lpdf", "priors.stanfunctions")
    with pytest.raises(RuntimeError, match="prior family code is 10"):
        prior_lpdf(x=0.0, family=10, args=[0.0, 1.0, 0.0])


@pytest.mark.parametrize("name", PROGRAMS)
def test_family_of_the_wrong_kind_is_refused(name: str) -> None:
    parameter, legal = list(LEGAL[name].items())[-1]
    for wrong in {1, 3} - set(legal):
        with pytest.raises(RuntimeError, match=f"prior_{parameter} is {wrong}"):
            build(name, make_data(name, **{f"prior_{parameter}": wrong}))


@pytest.mark.parametrize("name", ["logit_centered", "beta_binomial"])
def test_more_events_than_trials_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match="y is 48"):
        build(name, make_data(name, y=[48, *Y[1:]]))


# --- targets


def test_every_program_has_a_reference() -> None:
    assert sorted(TARGETS) == PROGRAMS


CASES = [(name, codes) for name in PROGRAMS for codes in prior_choices(name)]


@pytest.mark.parametrize(("name", "codes"), CASES)
def test_target_and_gradient_match_scipy(name: str, codes: tuple[int, ...]) -> None:
    data = make_data(name, *codes)
    assert_agrees(build(name, data), name, data, random_points(name, 10, seed=7))


WRONG = {
    "variance for standard deviation": (
        "logit_centered",
        "models/logit_centered.stan",
        "normal_lpdf(theta | mu, tau)",
        "normal_lpdf(theta | mu, square(tau))",
    ),
    "no likelihood": (
        "logit_noncentered",
        "models/logit_noncentered.stan",
        "if (N > 0)",
        "if (N < 0)",
    ),
    "no density of z": (
        "logit_noncentered",
        "models/logit_noncentered.stan",
        "target += std_normal_lpdf(z);",
        "",
    ),
    "binomial with its coefficients": (
        "logit_centered",
        "models/logit_centered.stan",
        "target += binomial_logit_lupmf(",
        "target += binomial_logit_lpmf(",
    ),
    "half-normal without its factor 2": (
        "eight_schools_noncentered",
        "functions/priors.stanfunctions",
        "log2() + normal_lpdf",
        "normal_lpdf",
    ),
    "only the first prior counted": (
        "eight_schools_centered",
        "models/eight_schools_centered.stan",
        "target += sum(lprior)",
        "target += lprior[1]",
    ),
    "standard errors squared": (
        "eight_schools_noncentered",
        "models/eight_schools_noncentered.stan",
        "theta[observed], sigma[observed])",
        "theta[observed], square(sigma[observed]))",
    ),
    "concentration off by one": (
        "beta_binomial",
        "models/beta_binomial.stan",
        "beta_logit_lpdf(theta | mu, kappa)",
        "beta_logit_lpdf(theta | mu, kappa + 1)",
    ),
    "degrees of freedom of a normal": (
        "logit_student_t",
        "models/logit_student_t.stan",
        "student_t_lpdf(z | nu, 0, 1)",
        "student_t_lpdf(z | nu + 1, 0, 1)",
    ),
    "prior of nu not normalised above its minimum": (
        "logit_student_t",
        "models/logit_student_t.stan",
        "prior_nu_args) - log_above",
        "prior_nu_args)",
    ),
    "populations exchanged": (
        "logit_mixture",
        "models/logit_mixture.stan",
        "log_mix(lambda, normal_lpdf(z[j] | high",
        "log_mix(1 - lambda, normal_lpdf(z[j] | high",
    ),
    "one prior for all groups counted once": (
        "binomial_unpooled",
        "models/binomial_unpooled.stan",
        "lprior[1] += prior_lpdf",
        "lprior[1] = prior_lpdf",
    ),
    "no prior under complete pooling": (
        "normal_pooled",
        "models/normal_pooled.stan",
        "target += sum(lprior);",
        "",
    ),
    "mask ignored": (
        "beta_binomial",
        "functions/priors.stanfunctions",
        "sort_asc(sort_indices_asc(holdout)[1 : N])",
        "sort_asc(sort_indices_desc(holdout)[1 : N])",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_program_is_caught(fault: str, tmp_path: Path) -> None:
    name, file, old, new = WRONG[fault]
    root = altered(tmp_path / "stan", file, old, new)
    data = make_data(name)
    points = random_points(name, 10, seed=7)
    with pytest.raises(AssertionError):
        assert_agrees(build(name, data, root), name, data, points)


# --- the simulators' densities


def prior_of(data: dict[str, Any], parameter: str) -> Prior:
    cls = next(c for c in FAMILIES.values() if c.code == data[f"prior_{parameter}"])
    return cls(*data[f"prior_{parameter}_args"][: len(fields(cls))])


def unconstrained(
    name: str, q: np.ndarray, data: dict[str, Any]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the top-level parameters at points q, and the log Jacobian."""
    top, jacobian = {}, np.zeros(len(q))
    for i, parameter in enumerate(models.get(name).top_level[: top_count(name)]):
        x, role = q[:, i], parameter.role
        if role == "probability":
            x = special.expit(x)
            jacobian += np.log(x * (1 - x))
        elif role != "location":
            jacobian += x
            bounded = role == "concentration"
            x = np.exp(x) + (minimum(data, parameter.name) if bounded else 0.0)
        top[parameter.name] = x
    return top, jacobian


def simulators_target(name: str, q: np.ndarray, data: dict[str, Any]) -> np.ndarray:
    """The target at unconstrained points, one a row, by hbstan.simulate."""
    model, (top, jacobian) = models.get(name), unconstrained(name, q, data)
    group = q[:, top_count(name) :]
    if name == "logit_mixture":
        center, unit = mixture_moments(top)
    elif "z" in {p.name for p in model.parameters}:
        center, unit = top["mu"], top["tau"]
    else:
        center, unit = np.zeros(len(q)), np.ones(len(q))
    group = center[:, None] + unit[:, None] * group
    jacobian += group.shape[1] * np.log(unit)
    parameters = {**top, "theta": group} if group.size else top
    priors = {k: prior_of(data, k) for k in LEGAL[name]}
    y = np.asarray(data["y"])
    total = log_prior(model, priors, parameters) + jacobian
    total += log_likelihood(model, parameters, data, y)
    if model.kind == "binomial":
        total -= sum(map(log_choose, data["n"], y))
    return total


def gap_to_simulators(model: stanli.Model, name: str, data: dict[str, Any]) -> float:
    """Largest relative difference of a program's target from the simulator's."""
    points = random_points(name, 50, seed=11)
    values = np.array([model.log_prob_grad(q)[0] for q in points])
    wanted = simulators_target(name, points, data)
    return float(np.max(np.abs(values - wanted) / np.maximum(1.0, np.abs(wanted))))


@pytest.mark.parametrize(("name", "codes"), CASES)
def test_target_matches_the_simulators_densities(
    name: str, codes: tuple[int, ...]
) -> None:
    data = make_data(name, *codes, holdout=[0] * 6)
    assert gap_to_simulators(build(name, data), name, data) < 1e-10


@pytest.mark.parametrize("fault", [f for f in WRONG if f != "mask ignored"])
def test_wrong_program_differs_from_the_simulators(fault: str, tmp_path: Path) -> None:
    name, file, old, new = WRONG[fault]
    root = altered(tmp_path / "stan", file, old, new)
    data = make_data(name, holdout=[0] * 6)
    assert gap_to_simulators(build(name, data, root), name, data) > 1e-4


# --- without generated quantities


@pytest.mark.parametrize("name", PROGRAMS)
def test_target_is_the_same_without_generated_quantities(
    name: str, tmp_path: Path
) -> None:
    data = make_data(name)
    whole = models.get(name).program
    needed = [*LEGAL[name], "theta", "lprior"]
    lean = without_generated_quantities(whole, needed, tmp_path)
    assert lean.file.parent.parent == tmp_path
    short = stanli.Model(
        stan_file=str(lean.file), data=data, include_paths=[str(FUNCTIONS)]
    )
    for q in random_points(name, 5, seed=2):
        value, slope = short.log_prob_grad(q)
        wanted, wanted_slope = build(name, data).log_prob_grad(q)
        assert value == wanted
        np.testing.assert_array_equal(slope, wanted_slope)


# --- the mask


@pytest.mark.parametrize("name", PROGRAMS)
def test_target_ignores_held_out_outcomes_only(name: str) -> None:
    q = random_points(name, 1, seed=3)[0]
    data = make_data(name)
    y = list(data["y"])
    held_out = [*y[:3], 5, *y[4:]]
    seen = [y[0], 5, *y[2:]]
    value, slope = build(name, data).log_prob_grad(q)
    same, same_slope = build(name, data | {"y": held_out}).log_prob_grad(q)
    other, _ = build(name, data | {"y": seen}).log_prob_grad(q)
    assert same == value
    np.testing.assert_array_equal(same_slope, slope)
    assert abs(other - value) > 0.01


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("holdout", [[0] * 6, [1] * 6, [1, 0, 0, 1, 0, 1]])
def test_any_mask_matches_scipy(name: str, holdout: list[int]) -> None:
    data = make_data(name, holdout=holdout)
    assert_agrees(build(name, data), name, data, random_points(name, 3, seed=5))


@pytest.mark.parametrize("theta", [-800.0, -40.0, 40.0, 800.0])
def test_probabilities_that_round_to_zero_or_one_stay_in_reach(theta: float) -> None:
    """With small kappa the beta population has mass there; its log-odds have not."""
    data = make_data("beta_binomial", holdout=[1] * 6)
    mu, kappa = 0.12, 0.05
    q = np.array([special.logit(mu), np.log(kappa), theta, 0, 0, 0, 0, 0])
    model = build("beta_binomial", data)
    value, slope = model.log_prob_grad(q)
    middle, _ = model.log_prob_grad(np.r_[q[:2], np.zeros(6)])
    a, b = mu * kappa, (1 - mu) * kappa
    far = a * theta - kappa * np.logaddexp(0.0, theta)
    assert value - middle == pytest.approx(far + kappa * np.log(2.0), rel=1e-9)
    limit = a if theta < 0 else -b
    assert slope[2] == pytest.approx(limit, rel=1e-9)


@pytest.mark.parametrize("name", PROGRAMS)
def test_one_group_is_enough(name: str) -> None:
    data = make_data(name, J=1, holdout=[0])
    for key in {"y", "n", "sigma"} & set(data):
        data[key] = data[key][1:2]
    points = random_points(name, 3, seed=5, groups=1)
    assert_agrees(build(name, data), name, data, points)
