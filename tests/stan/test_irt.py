"""The item response programs against SciPy, the truth, and maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from programs import FUNCTIONS, altered, build, function, values_at
from scipy import integrate, optimize, stats
from scipy.special import expit, log_expit
from systems_helpers import assert_means_and_sds, calibration_of

import hbstan as hb
from hbstan.data import ItemResponses
from hbstan.fit import Fit
from hbstan.priors import Gamma, HalfNormal, Normal, stan_data
from hbstan.results import Outcome
from hbstan.simulate.responses import IRT_1PL, IRT_2PL, marginal

NAMES = ("irt_1pl", "irt_2pl")
PRIORS: dict[str, Any] = {
    "mu_b": Normal(0.2, 1.1),
    "sigma_b": Gamma(3.0, 2.5),
    "mu_a": Normal(0.1, 0.4),
    "sigma_a": HalfNormal(0.6),
    "tau": HalfNormal(0.7),
}
J, ITEMS, C = 6, 4, 3


def priors_of(name: str) -> dict[str, Any]:
    return {k: v for k, v in PRIORS.items() if k != "sigma_a" or name == "irt_2pl"}


def small(name: str, **changes: Any) -> dict[str, Any]:
    """Six persons of three countries; one answered one item, one is held out."""
    person = np.repeat(np.arange(1, J + 1), ITEMS)[: 1 - ITEMS]
    item = np.tile(np.arange(1, ITEMS + 1), J)[: 1 - ITEMS]
    data = {
        "J": J,
        "I": ITEMS,
        "C": C,
        "N": len(person),
        "person": person,
        "item": item,
        "y": np.random.default_rng(8).integers(0, 2, len(person)),
        "country": np.array([1, 1, 2, 2, 3, 3]),
        "holdout": [0, 0, 1, 0, 0, 0],
        "predictive": 1,
    }
    return {**data, **stan_data(priors_of(name)), **changes}


def sizes(name: str, data: dict[str, Any]) -> dict[str, int]:
    """Unconstrained parameters of a program, in order."""
    top = dict.fromkeys(priors_of(name), 1)
    slopes = {"z_a": data["I"]} if name == "irt_2pl" else {}
    rest = {"theta_scaled": data["J"], "z_country": data["C"] - 1}
    return {**top, "b_scaled": data["I"], **slopes, **rest}


def split(name: str, data: dict[str, Any], q: Any) -> dict[str, Any]:
    """Turn an unconstrained point into parameters and what follows from them."""
    parts = sizes(name, data)
    ends = np.cumsum(list(parts.values()))
    values = dict(zip(parts, np.split(np.asarray(q), ends[:-1]), strict=True))
    one: dict[str, Any] = {
        k: float(v[0]) if k in PRIORS else v for k, v in values.items()
    }
    for scale in ("sigma_b", "sigma_a", "tau"):
        if scale in one:
            one[scale] = np.exp(one[scale])
    unit = np.exp(one["mu_a"])
    relative = np.exp(one["sigma_a"] * one["z_a"]) if name == "irt_2pl" else 1.0
    one["a"] = unit * relative * np.ones(data["I"])
    one["b"], one["theta"] = one["b_scaled"] / unit, one["theta_scaled"] / unit
    # Helmert's contrasts, from a textbook's definition rather than the program's.
    count = data["C"]
    columns = [
        np.r_[np.ones(k), -k, np.zeros(count - k - 1)] / np.sqrt(k * (k + 1))
        for k in range(1, count)
    ]
    basis = np.array(columns).reshape(count - 1, count).T
    one["mu_country"] = one["tau"] * basis @ one["z_country"]
    return one


def target(name: str, data: dict[str, Any], q: Any) -> float:
    """Log density of the unconstrained parameters, by SciPy."""
    one = split(name, data, q)
    total = sum(
        float(prior.distribution().logpdf(one[k]))
        for k, prior in priors_of(name).items()
    )
    total += sum(np.log(one[k]) for k in ("sigma_b", "sigma_a", "tau") if k in one)
    country = np.asarray(data["country"]) - 1
    total += stats.norm(one["mu_b"], one["sigma_b"]).logpdf(one["b"]).sum()
    total += stats.norm(one["mu_country"][country], 1).logpdf(one["theta"]).sum()
    # From b and theta to what is sampled: the same times exp(mu_a).
    total -= (data["I"] + data["J"]) * one["mu_a"]
    total += stats.norm.logpdf(one["z_country"]).sum()
    if name == "irt_2pl":
        total += stats.norm.logpdf(one["z_a"]).sum()
    who = np.asarray(data["person"]) - 1
    kept = np.asarray(data["holdout"])[who] == 0
    return float(total + answer_logs(one, data)[kept].sum())


def answer_logs(one: dict[str, Any], data: dict[str, Any]) -> Any:
    j, i = np.asarray(data["person"]) - 1, np.asarray(data["item"]) - 1
    sign = np.where(np.asarray(data["y"]) == 1, 1.0, -1.0)
    return log_expit(sign * one["a"][i] * (one["theta"][j] - one["b"][i]))


def points(name: str, data: dict[str, Any], count: int, seed: int = 1) -> Any:
    size = sum(sizes(name, data).values())
    return np.random.default_rng(seed).normal(0.0, 0.8, (count, size))


# --- densities and quantities


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "change",
    [{}, {"holdout": [1] * J}, {"C": 1, "country": np.ones(J, dtype=int)}],
    ids=["some held out", "all held out", "one country"],
)
def test_target_is_that_of_scipy(name: str, change: dict[str, Any]) -> None:
    data = small(name, **change)
    model = build(name, data)
    for q in points(name, data, 10):
        expected = target(name, data, q)
        value, slope = model.log_prob_grad(q)
        assert value == pytest.approx(expected, rel=1e-9)
        numeric = optimize.approx_fprime(q, lambda x: target(name, data, x), 1e-6)
        np.testing.assert_allclose(slope, numeric, atol=1e-4 * np.abs(numeric).max())


def test_target_without_the_jacobian_is_noticed(tmp_path: Path) -> None:
    root = altered(
        tmp_path,
        "models/irt_2pl.stan",
        "unit * mu_country[country], unit)",
        "unit * mu_country[country], 1)",
    )
    data = small("irt_2pl")
    (q,) = points("irt_2pl", data, 1)
    value, _ = build("irt_2pl", data, root).log_prob_grad(q)
    assert abs(value - target("irt_2pl", data, q)) > 0.1


@pytest.mark.parametrize("name", NAMES)
def test_backend_gives_the_density_at_parameters(name: str) -> None:
    from hbstan.backends import choose

    data = small(name, predictive=0)
    (q,) = points(name, data, 1)
    one = split(name, data, q)
    own = {key: one[key] for key in sizes(name, data)}
    value, _ = choose("stanli").log_density(hb.models.get(name).program, data, own)
    assert value == pytest.approx(target(name, data, q), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_quantities_are_those_of_scipy(name: str) -> None:
    data = small(name)
    grid = points(name, data, 8)
    out = values_at(build(name, data), grid)
    priors = priors_of(name)
    for k, q in enumerate(grid):
        one = split(name, data, q)
        for key in ("b", "theta", "mu_country"):
            np.testing.assert_allclose(out[key][k, 0], one[key], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(out["a"][k, 0], one["a"][: out["a"][k, 0].size])
        logs = [float(p.distribution().logpdf(one[key])) for key, p in priors.items()]
        np.testing.assert_allclose(out["lprior"][k, 0], logs, rtol=1e-9)
        by_person = np.bincount(data["person"] - 1, weights=answer_logs(one, data))
        np.testing.assert_allclose(out["log_lik"][k, 0], by_person, rtol=1e-9)
        group = [one_person(one, data, j) for j in range(J)]
        np.testing.assert_allclose(out["log_lik_group"][k, 0], group, atol=1e-6)


def one_person(one: dict[str, Any], data: dict[str, Any], j: int) -> float:
    own = data["person"] == j + 1
    item = data["item"][own] - 1
    y, given = data["y"][own], np.ones(own.sum())
    mu = one["mu_country"][data["country"][j] - 1]
    return exact(y, given, mu, one["a"][item], one["b"][item])


@pytest.mark.parametrize("name", NAMES)
def test_switch_leaves_predictions_empty(name: str) -> None:
    data = small(name, predictive=0)
    out = values_at(build(name, data), points(name, data, 1))
    for key in ("y_rep", "log_lik", "log_lik_group"):
        assert out.get(key, np.empty(0)).size == 0


@pytest.mark.parametrize("name", NAMES)
def test_replicates_have_the_answers_probabilities(name: str) -> None:
    data = small(name)
    q = points(name, data, 1, seed=5)
    draws = values_at(build(name, data), q, samples=4000)["y_rep"][0]
    one = split(name, data, q[0])
    j, i = data["person"] - 1, data["item"] - 1
    p = expit(one["a"][i] * (one["theta"][j] - one["b"][i]))
    error = np.sqrt(p * (1 - p) / 4000)
    assert (np.abs(draws.mean(axis=0) - p) < 5 * error).all()


# --- functions


def exact(y: Any, answered: Any, mu: float, a: Any, b: Any) -> float:
    """Integrate one person's likelihood by adaptive quadrature."""

    def value(t: float) -> float:
        eta = a * (t - b)
        logs = np.where(y == 1, log_expit(eta), log_expit(-eta))
        return float((answered * logs).sum() + stats.norm.logpdf(t, mu, 1))

    found = optimize.minimize_scalar(
        lambda t: -value(t),
        bounds=(mu - a.sum() - 1, mu + a.sum() + 1),
        method="bounded",
    )
    mode, peak = found.x, -found.fun
    edges = np.clip(b, mode - 8, mode + 8)
    total = integrate.quad(
        lambda t: np.exp(value(t) - peak),
        mode - 8,
        mode + 8,
        points=np.unique([mode, *edges[:20]]),
        epsabs=1e-13,
        epsrel=1e-10,
        limit=500,
    )[0]
    return float(peak + np.log(total))


@pytest.mark.parametrize("count", [1, 5, 40, 200])
@pytest.mark.parametrize("slope", [0.05, 1.0, 4.0, 20.0])
def test_integrated_likelihood_is_accurate(count: int, slope: float) -> None:
    rng = np.random.default_rng(count)
    a = slope * np.exp(0.3 * rng.normal(size=count))
    b = rng.normal(0.0, 3.0, count)
    able = rng.normal(size=4)
    correct = (rng.random((4, count)) < expit(a * (able[:, None] - b))).astype(float)
    answered = (rng.random((4, count)) < 0.8).astype(float)
    # Answers that no population explains are the hardest: all right, all wrong.
    correct[0], correct[1] = 1.0, 0.0
    answered[:2] = 1.0
    correct *= answered
    group = function("answers_log_lik_group", "item_response.stanfunctions")
    mu = np.array([0.0, 0.5, -1.0, 1.0])
    found = group(answered=answered, correct=correct, population=mu, a=a, b=b)
    for j in range(4):
        wanted = exact(correct[j], answered[j], mu[j], a, b)
        assert found[j] == pytest.approx(wanted, abs=1e-6)


def test_deviations_are_those_of_independent_values() -> None:
    deviations = function("deviations", "item_response.stanfunctions")
    columns = np.array([deviations(K=5, z=row) for row in np.eye(4)]).T
    np.testing.assert_allclose(columns.T @ columns, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(columns.sum(axis=0), 0.0, atol=1e-12)
    assert list(deviations(K=1, z=[])) == [0.0]


# --- fits


@pytest.fixture(scope="session")
def pisa() -> ItemResponses:
    data = hb.datasets.load("pisa_like")
    assert isinstance(data, ItemResponses)
    return data


@pytest.fixture(scope="session")
def fitted(pisa: ItemResponses) -> dict[str, Fit]:
    short = {"seed": 2, "backend": "stanli", "chains": 2, "iter_warmup": 400}
    return {
        "irt_1pl": hb.fit(
            "irt_1pl", pisa, iter_sampling=500, predictive=False, **short
        ),
        "irt_2pl": hb.fit("irt_2pl", pisa, iter_sampling=300, **short),
    }


def means(fit: Fit, name: str) -> Any:
    return fit.posterior[name].mean(("chain", "draw")).values


def covered(fit: Fit, name: str, truth: Any, prob: float) -> int:
    tail = (1 - prob) / 2
    bounds = fit.posterior[name].quantile([tail, 1 - tail], ("chain", "draw")).values
    return int(((bounds[0] <= truth) & (truth <= bounds[1])).sum())


def test_fit_recovers_the_truth(fitted: dict[str, Fit]) -> None:
    fit, truth = fitted["irt_2pl"], hb.datasets.describe("pisa_like").truth
    checks = fit.diagnose()
    assert checks["divergences"].outcome is Outcome.PASS
    for name, least in (("theta", 0.8), ("b", 0.95), ("mu_country", 0.9)):
        true = np.array(truth[name])
        assert np.corrcoef(means(fit, name), true)[0, 1] > least, name
        # Coverage of intervals of probability 0.9, within 3.5 standard errors.
        count = len(true)
        slack = 3.5 * np.sqrt(count * 0.09)
        assert abs(covered(fit, name, true, 0.9) - 0.9 * count) < slack, name
    a = np.array(truth["a"])
    assert covered(fit, "a", a, 0.9) >= 0.9 * 24 - 3.5 * np.sqrt(24 * 0.09)
    # Far better than the share of correct answers would say by chance.
    order = stats.kendalltau(means(fit, "theta"), truth["theta"]).statistic
    assert order > 0.55


def test_labels_and_units_are_the_persons(
    fitted: dict[str, Fit], pisa: ItemResponses
) -> None:
    from hbstan.refit import dataset_of

    for fit in fitted.values():
        assert fit.posterior["b"].coords["item"].values.tolist() == list(pisa.items)
        assert dataset_of(fit) == pisa
    tree = fitted["irt_2pl"].tree
    likelihood = tree["log_likelihood"]["y"]
    assert likelihood.dims == ("chain", "draw", "group")
    assert likelihood.coords["group"].values.tolist() == list(pisa.labels)
    assert tree["posterior_predictive"]["y"].shape[2:] == (1600,)


def negative_marginal(q: Any, pisa: ItemResponses) -> float:
    """Minus the Rasch model's log likelihood, abilities integrated out.

    The parameters: log of the common slope, 24 difficulties, and the countries'
    means, of which the last is minus the sum of the others.
    """
    free = q[25:]
    parameters = {
        "a": np.exp(q[:1]),
        "b": q[None, 1:25],
        "mu_country": np.r_[free, -free.sum()][None],
    }
    return -float(marginal(parameters, pisa.to_stan()).sum())


def test_rasch_agrees_with_marginal_maximum_likelihood(
    fitted: dict[str, Fit], pisa: ItemResponses
) -> None:
    """Posterior means of difficulties lie by the estimates of Bock and Aitkin.

    Flat priors in the place of normal ones move them by less than the priors shrink
    an estimate with its standard error: se^2 / (se^2 + sigma_b^2) of its distance.
    """
    fit = fitted["irt_1pl"]
    # It ends at the maximum from wherever it starts, and sooner from nearby.
    names = ("b", "mu_country")
    start = np.r_[0.0, np.concatenate([means(fit, n) for n in names])[:-1]]
    found = optimize.minimize(
        negative_marginal, start, args=(pisa,), method="BFGS", tol=1e-4
    )
    b, sd = means(fit, "b"), fit.posterior["b"].std(("chain", "draw")).values
    estimate = found.x[1:25]
    shrunk = sd**2 / (sd**2 + 1.3**2) * np.abs(estimate) + 0.25 * sd
    assert (np.abs(b - estimate) < shrunk).all()
    assert np.corrcoef(b, estimate)[0, 1] > 0.999
    a = float(means(fit, "a"))
    assert a == pytest.approx(np.exp(found.x[0]), rel=0.1)
    sums = found.x[25:]
    # The countries' means are shrunk towards each other, by tau, which is uncertain.
    country = means(fit, "mu_country")
    assert np.corrcoef(country[:4], sums)[0, 1] > 0.99
    assert (np.abs(country[:4]) < np.abs(sums)).all()
    assert (country[:4] / sums > 0.6).all()


def test_rasch_orders_items_by_their_sums(pisa: ItemResponses) -> None:
    """With all persons answering all items, easier items have more correct answers.

    The sum of correct answers is sufficient in the 1PL, for items and for persons.
    """
    rng = np.random.default_rng(4)
    b = np.linspace(-1.5, 1.5, 6)
    y = rng.random((60, 6)) < expit(1.2 * (rng.normal(size=(60, 1)) - b))
    table = {f"q{i}": y[:, i].astype(int) for i in range(6)}
    table["who"] = np.arange(60)
    data = hb.data.wide_responses(table, person="who")
    fit = hb.fit("irt_1pl", data, seed=1, backend="stanli", chains=2, predictive=False)
    total = y.sum(axis=0)
    order = np.argsort(means(fit, "b"))
    assert (np.diff(total[order]) <= 0).all()
    theta = means(fit, "theta")
    for score in range(7):
        alike = theta[y.sum(axis=1) == score]
        if len(alike) > 1:
            assert np.ptp(alike) < 0.15


@pytest.mark.parametrize("name", NAMES)
def test_all_held_out_is_the_prior(name: str) -> None:
    table = {
        "who": np.repeat(np.arange(8), 3),
        "what": np.tile(np.arange(3), 8),
        "right": np.tile([1, 0, 1, 0], 6),
        "land": np.repeat([1, 2], 12),
    }
    data = hb.data.responses(
        table, person="who", item="what", correct="right", country="land"
    )
    priors = priors_of(name)
    fit = hb.fit(
        name,
        data,
        priors=priors,
        holdout="all",
        seed=3,
        backend="stanli",
        chains=2,
        iter_sampling=800,
        adapt_delta=0.97,
        predictive=False,
    )
    laws = {key: prior.distribution() for key, prior in priors.items()}
    assert_means_and_sds(fit, {k: (law.mean(), law.std()) for k, law in laws.items()})
    # Var(theta) = 1 + Var(tau) (1 - 1/2), with E(tau^2) = 0.7^2.
    theta = fit.summary(["theta"]).loc["theta[0]"]
    assert abs(theta["mean"]) < 5 * theta["mcse_mean"]
    assert theta["sd"] == pytest.approx(np.sqrt(1 + 0.49 / 2), abs=5 * theta["mcse_sd"])


def test_held_out_person_tells_nothing(pisa: ItemResponses) -> None:
    frame = pisa.to_frame()
    frame = frame[frame["student"].isin([*pisa.labels[:8], *pisa.labels[20:28]])]
    roles = {"person": "student", "item": "item", "correct": "correct"}
    changed = frame.copy()
    mine = changed["student"] == "A01"
    changed.loc[mine, "correct"] = 1 - changed.loc[mine, "correct"]
    fits = [
        hb.fit(
            "irt_1pl",
            hb.data.responses(f, **roles),
            holdout="A01",
            seed=1,
            backend="stanli",
            chains=1,
            iter_warmup=200,
            iter_sampling=100,
        )
        for f in (frame, changed)
    ]
    np.testing.assert_array_equal(fits[0].posterior["b"], fits[1].posterior["b"])


# --- calibration

FEW: dict[str, Any] = {
    "n_sims": 60,
    "seed": 2,
    "backend": "stanli",
    "workers": 1,
    "max_rank": 59,
    "ess_fraction": 0.4,
    "iter_warmup": 300,
    "iter_sampling": 300,
}


@pytest.fixture(scope="session")
def design() -> ItemResponses:
    """Eight persons of two countries answer four items."""
    table = {
        "who": np.repeat(np.arange(8), 4),
        "what": np.tile(np.arange(4), 8),
        "right": np.resize([1, 0, 1, 0, 0], 32),
        "land": np.repeat([1, 2], 16),
    }
    return hb.data.responses(
        table, person="who", item="what", correct="right", country="land"
    )


def generator(
    system: Any, design: ItemResponses, sd: float = 1.0
) -> Callable[[np.random.Generator], tuple[dict[str, Any], dict[str, Any]]]:
    """Draw abilities too, with a standard deviation within countries of ``sd``."""
    stan = design.to_stan()

    def draw(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
        one = system.parameters(PRIORS, stan, rng)
        home = one["mu_country"][stan["country"] - 1]
        one["theta"] = home + sd * (one["theta"] - home)
        keys = ("mu_b", "mu_a", "tau", "theta", "b")
        return {k: one[k] for k in keys}, system.outcomes(one, stan, rng)

    return draw


@calibration_of("irt_2pl")
def test_abilities_are_calibrated_and_a_wrong_scale_is_found(
    design: ItemResponses,
) -> None:
    stan = {k: v for k, v in design.to_stan().items() if k != "y"}
    given = {**stan, "holdout": [0] * 8, "predictive": 0}
    outcomes = {}
    for sd in (1.0, 2.5):
        result = hb.sbc(
            "irt_2pl",
            generator=generator(IRT_2PL, design, sd),
            design=given,
            priors=PRIORS,
            **FEW,
        )
        outcomes[sd] = result.checks()["uniformity"]
    assert outcomes[1.0].outcome is Outcome.PASS, outcomes[1.0].detail
    assert outcomes[2.5].outcome is Outcome.FAIL
    assert any("theta" in s for s in outcomes[2.5].subjects)


def test_every_file_has_its_functions() -> None:
    """The two programs differ in the discriminations alone."""
    texts = [hb.models.get(name).program.source() for name in NAMES]
    assert all("#include item_response.stanfunctions" in text for text in texts)
    assert (FUNCTIONS / "item_response.stanfunctions").is_file()
    assert IRT_1PL.outcomes is IRT_2PL.outcomes
