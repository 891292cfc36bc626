"""All forms of a family have the same posterior: proved at points, seen in draws.

Where a form changes variables, log densities differ by the log Jacobian alone. Where
one integrates the groups out, the other's density integrates to it: by quadrature for
one group, and for many because the density of the groups given the rest, which has a
closed form, is what the two differ by (Chib 1995, doi:10.1080/01621459.1995.10476635).
"""

from __future__ import annotations

import math
from typing import Any

import arviz_stats
import numpy as np
import pytest
from cases import EFFECT, HOLDOUT, SIGMA, N, Y
from normal_groups_exact import WEIGHTS, stan_data
from programs import build, values_at
from reference import ARGUMENTS
from scipy import integrate, special, stats

import hbstan as hb
from hbstan import models
from hbstan.backends import choose
from hbstan.data import GroupedBinomial
from hbstan.fit import fit_plan
from hbstan.plan import plan
from hbstan.pooling import conditional_posterior, empirical_bayes, shrinkage_weights
from hbstan.types import SamplerSettings

OVER = ("chain", "draw")
#: Centered form, and how many parameters come before those of the groups.
FAMILIES = {"normal_groups": 3, "eight_schools": 2, "logit": 2}


def data_for(name: str, **changes: Any) -> dict[str, Any]:
    """Return six groups, one held out, as Stan data for a program."""
    if name.startswith("normal_groups"):
        data = stan_data()
    else:
        beta = name.startswith("beta")
        codes = {"mu": 7, "kappa": 8} if beta else {"mu": 1, "tau": 3}
        data = {"J": 6, "holdout": HOLDOUT, "predictive": 0, "w_centered": WEIGHTS}
        normal = name.startswith("eight_schools")
        data |= {"y": EFFECT, "sigma": SIGMA} if normal else {"n": N, "y": Y}
        for parameter, code in codes.items():
            data[f"prior_{parameter}"] = code
            data[f"prior_{parameter}_args"] = ARGUMENTS[code][0]
    if not models.get(name).weighted:
        del data["w_centered"]
    return data | changes


def densities(name: str, points: np.ndarray, **changes: Any) -> np.ndarray:
    """Return log densities at unconstrained points."""
    model = build(name, data_for(name, **changes))
    return np.array([model.log_prob_grad(q)[0] for q in points])


def draws_of(family: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return top-level points, and standardised and plain effects, 20 of each."""
    rng = np.random.default_rng(seed)
    top = rng.normal(0.0, 1.0, (20, FAMILIES[family]))
    z = rng.normal(0.0, 1.5, (20, 6))
    return top, z, top[:, :1] + np.exp(top[:, 1:2]) * z


# --- changes of variables


@pytest.mark.parametrize("family", FAMILIES)
def test_the_noncentered_form_differs_by_its_jacobian(family: str) -> None:
    top, z, theta = draws_of(family)
    centered = densities(f"{family}_centered", np.hstack([top, theta]))
    other = densities(f"{family}_noncentered", np.hstack([top, z]))
    np.testing.assert_allclose(other, centered + 6 * top[:, 1], rtol=1e-10)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("weights", [WEIGHTS, [0.0] * 6, [1.0] * 6])
def test_the_adaptive_form_differs_by_its_jacobian(
    family: str, weights: list[float]
) -> None:
    top, _, theta = draws_of(family)
    w, mu, log_tau = np.array(weights), top[:, :1], top[:, 1:2]
    xi = w * mu + np.exp((w - 1) * log_tau) * (theta - mu)
    centered = densities(f"{family}_centered", np.hstack([top, theta]))
    other = densities(f"{family}_adaptive", np.hstack([top, xi]), w_centered=weights)
    jacobian = ((1 - w) * log_tau).sum(axis=1)
    np.testing.assert_allclose(other, centered + jacobian, rtol=1e-10)
    model = build(
        f"{family}_adaptive", data_for(f"{family}_adaptive", w_centered=weights)
    )
    found = values_at(model, np.hstack([top, xi]))["theta"][:, 0]
    np.testing.assert_allclose(found, theta, rtol=1e-9, atol=1e-9)


# --- groups integrated out


def normal_gap(family: str, top: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return the log density of the groups given the rest."""
    data = data_for(f"{family}_centered")
    mu, tau = top[:, 0], np.exp(top[:, 1])
    if family == "eight_schools":
        se = np.array(data["sigma"])
    else:
        se = np.exp(top[:, 2:3]) / np.sqrt(data["n"])
    given = conditional_posterior(data["y"], se, mu, tau)
    seen = np.asarray(data["holdout"]) == 0
    mean = np.where(seen, given.mean, mu[:, None])
    sd = np.where(seen, np.sqrt(given.variance), tau[:, None])
    return np.asarray(stats.norm.logpdf(theta, mean, sd).sum(axis=1))


@pytest.mark.parametrize("family", ["normal_groups", "eight_schools"])
def test_the_marginal_form_lacks_the_groups_given_the_rest(family: str) -> None:
    top, _, theta = draws_of(family)
    centered = densities(f"{family}_centered", np.hstack([top, theta]))
    marginal = densities(f"{family}_marginal", top)
    gap = normal_gap(family, top, theta)
    np.testing.assert_allclose(marginal, centered - gap, rtol=1e-9)
    # That of other effects would not do.
    assert np.abs(normal_gap(family, top, theta + 0.1) - gap).min() > 1e-4


def test_so_does_that_of_the_beta_binomial() -> None:
    rng = np.random.default_rng(2)
    top, theta = rng.normal(size=(20, 2)), rng.normal(size=(20, 6))
    joint = densities("beta_binomial", np.hstack([top, theta]))
    marginal = densities("beta_binomial_marginal", top)
    mu, kappa = special.expit(top[:, :1]), np.exp(top[:, 1:])
    seen = 1 - np.array(HOLDOUT)
    a = mu * kappa + seen * Y
    b = (1 - mu) * kappa + seen * (np.array(N) - Y)
    # The density of theta = logit(p): that of p times p (1 - p).
    p = special.expit(theta)
    gap = stats.beta.logpdf(p, a, b) + np.log(p) + np.log1p(-p)
    np.testing.assert_allclose(marginal, joint - gap.sum(axis=1), rtol=1e-9)


@pytest.mark.parametrize("log10_kappa", [0, 4, 8, 9.9, 10.1, 12, 15, 21])
def test_the_marginal_beta_binomial_keeps_its_digits(log10_kappa: float) -> None:
    """Beside products of rising factorials, in which nothing cancels."""
    q = np.array([[-1.3, log10_kappa * np.log(10)]])
    mu, kappa = special.expit(q[0, 0]), 1.0 + 10.0**log10_kappa
    # The prior with a long tail, which bounds kappa by 1.
    prior = {"prior_kappa": 9, "prior_kappa_args": [1.0, 1.5, 0.0]}
    seen, unseen = (
        densities("beta_binomial_marginal", q, holdout=[out] * 6, **prior)
        for out in (0, 1)
    )

    def rising(start: float, count: int) -> list[float]:
        return [math.log(start + i / kappa) for i in range(count)]

    terms = []
    for n, y in zip(N, Y, strict=True):
        terms += [*rising(mu, y), *rising(1 - mu, n - y)]
        terms += [-math.log1p(i / kappa) for i in range(n)]
    assert (seen - unseen)[0] == pytest.approx(math.fsum(terms), rel=1e-8)


def test_a_chain_that_strays_to_large_kappa_finds_back() -> None:
    fit = hb.fit(
        "beta_binomial_marginal",
        "surgical",
        priors={"mu": "Beta(2, 2)", "kappa": "Pareto(1, 1.5)"},
        inits={"mu": 0.1, "kappa": 1e20},
        chains=2,
        iter_warmup=400,
        iter_sampling=300,
        seed=1,
        backend="stanli",
    )
    assert float(fit.posterior["kappa"].max()) < 1e6
    assert float(arviz_stats.rhat(fit.posterior["kappa"])) < 1.1


ONE_GROUP: dict[str, dict[str, Any]] = {
    "normal_groups": {"n": [3], "y": [1.3], "ss": [2.0]},
    "eight_schools": {"y": [1.3], "sigma": [0.7]},
    "beta_binomial": {"n": [10], "y": [3]},
}


@pytest.mark.parametrize("family", ONE_GROUP)
def test_the_marginal_form_is_an_integral(family: str) -> None:
    """Of one group's effect, by adaptive quadrature."""
    one = {**ONE_GROUP[family], "J": 1, "holdout": [0]}
    joint = family if family == "beta_binomial" else f"{family}_centered"
    model = build(joint, data_for(joint, **one))
    rng = np.random.default_rng(3)
    top = rng.normal(0, 0.7, (6, FAMILIES.get(family, 2)))
    marginal = densities(f"{family}_marginal", top, **one)
    for q, height in zip(top, marginal, strict=True):

        def ratio(theta: float, q: Any = q, height: float = height) -> float:
            return float(np.exp(model.log_prob_grad([*q, theta])[0] - height))

        parts = [integrate.quad(ratio, a, a + 5)[0] for a in range(-40, 40, 5)]
        assert sum(parts) == pytest.approx(1.0, abs=1e-7)


# --- moments


def fitted(name: str, data: Any, weights: Any = None) -> hb.Fit:
    decided = plan(name, data, None, None, False, weights)
    return fit_plan(decided, SamplerSettings(seed=3), choose("stanli"))


def assert_alike(fits: dict[str, hb.Fit], names: tuple[str, ...]) -> None:
    """Hold means and standard deviations of all forms against the first one's."""
    first, *others = fits.values()
    for name in names:
        a = first.posterior[name]
        for other in others:
            b = other.posterior[name]
            middle = a.mean(OVER)
            pairs = ((a, b), ((a - middle) ** 2, (b - middle) ** 2))
            for gap, error in (apart(*pair) for pair in pairs):
                assert (gap < 4.5 * error).all(), (name, other.model)


def apart(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the distance of two means, and its Monte Carlo error."""
    gap = np.abs(a.mean(OVER).values - b.mean(OVER).values)
    errors = [
        x.std(OVER).values / np.sqrt(arviz_stats.ess(x, method="mean").values)
        for x in (a, b)
    ]
    return gap, np.hypot(*errors)


def test_eight_schools_moments() -> None:
    data = hb.data.load("pharma")
    weights = empirical_bayes(data).table["weight"].tolist()
    forms = ("marginal", "centered", "noncentered")
    fits = {form: fitted(f"eight_schools_{form}", data) for form in forms}
    fits["adaptive"] = fitted("eight_schools_adaptive", data, weights)
    assert_alike(fits, ("mu", "tau", "theta", "w"))
    # An estimate that is moved by a standard error is noticed.
    table = data.to_frame()
    table.loc[0, "effect"] += table.loc[0, "se"]
    moved = hb.data.group_estimates(table, group="hospital", estimate="effect", se="se")
    fits["moved"] = fitted("eight_schools_marginal", moved)
    with pytest.raises(AssertionError):
        assert_alike(fits, ("theta",))


def logit_weights(data: GroupedBinomial, tau: float) -> np.ndarray:
    p = (data.y + 0.5) / (data.n + 1.0)
    return shrinkage_weights(1 / np.sqrt(data.n * p * (1 - p)), tau)


def test_logit_moments() -> None:
    data = hb.data.load("surgical")
    assert isinstance(data, GroupedBinomial)
    fits = {
        "noncentered": fitted("logit_noncentered", data),
        "adaptive": fitted("logit_adaptive", data, logit_weights(data, 0.4)),
    }
    assert_alike(fits, ("mu", "tau", "theta", "p_pop_mean"))


def test_beta_binomial_moments() -> None:
    data = hb.data.load("surgical")
    forms = ("beta_binomial", "beta_binomial_marginal")
    fits = {form: fitted(form, data) for form in forms}
    assert_alike(fits, ("mu", "kappa", "p"))


def test_weights_make_the_difference_on_informative_data() -> None:
    """Groups of 200 to 500,000 trials: not centered, chains hardly move."""
    data = hb.data.load("streamrec")
    assert isinstance(data, GroupedBinomial)
    fit = fitted("logit_adaptive", data, logit_weights(data, 0.6))
    assert fit.diagnose().passed
    assert fit.summary(["mu", "tau"])["ess_bulk"].min() > 2000


# --- outputs of the new programs


@pytest.mark.parametrize(
    ("name", "sibling"),
    [
        ("eight_schools_marginal", "eight_schools_centered"),
        ("eight_schools_adaptive", "eight_schools_centered"),
        ("logit_adaptive", "logit_centered"),
        ("beta_binomial_marginal", "beta_binomial"),
    ],
)
def test_outputs_are_those_of_the_sibling(name: str, sibling: str) -> None:
    """At the effects that the new program has: drawn, or made from xi."""
    rng = np.random.default_rng(5)
    new = build(name, data_for(name, predictive=1))
    size = 2 if name.endswith("marginal") else 8
    point = rng.normal(size=(1, size))
    ours = {k: v[0, 0] for k, v in values_at(new, point).items()}
    at = np.array([[*point[0, :2], *ours["theta"]]])
    old = build(sibling, data_for(sibling, predictive=1))
    theirs = {k: v[0, 0] for k, v in values_at(old, at).items()}
    random = {"y_rep", "xi"}
    assert set(theirs) == set(ours) - {"xi"}
    for key in set(theirs) - random:
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-9, atol=1e-12)


def test_log_odds_are_drawn_from_their_exact_distribution() -> None:
    name = "beta_binomial_marginal"
    model = build(name, data_for(name, predictive=1))
    out = values_at(model, [[-2.0, 1.0]], samples=4000)
    p, y_rep = out["p"][0], out["y_rep"][0]
    mu, kappa = special.expit(-2.0), np.exp(1.0)
    for j, (n, y, held) in enumerate(zip(N, Y, HOLDOUT, strict=True)):
        a = mu * kappa + (0 if held else y)
        b = (1 - mu) * kappa + (0 if held else n - y)
        law = stats.beta(a, b)
        # By distribution functions, as p rounds to 0 where theta is very low.
        assert stats.kstest(law.cdf(p[:, j]), "uniform").pvalue > 1e-3
        expected = n * law.mean()
        error = np.sqrt(stats.betabinom(n, a, b).var() / 4000) if n else 0.0
        assert abs(y_rep[:, j].mean() - expected) <= 4.5 * error
    extreme = values_at(model, [[-40.0, -20.0]], samples=100)["theta"]
    assert np.isfinite(extreme).all()
