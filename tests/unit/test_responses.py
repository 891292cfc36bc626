"""Item responses without Stan: data, bad input, simulator, tables, figures."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats
from scipy.special import expit

import hbstan as hb
from hbstan.data import ItemResponses, responses, wide_responses
from hbstan.data import systems as data_systems
from hbstan.errors import DataError, FitError, SettingsError
from hbstan.fit import Fit
from hbstan.models import get, resolve_priors
from hbstan.pooling import ability_table, item_curves, item_table
from hbstan.simulate.responses import (
    IRT_1PL,
    IRT_2PL,
    country_means,
    log_likelihood,
    marginal,
)

LONG = {
    "who": ["Ann", "Ann", "Bob", "Bob", "Cid"],
    "what": ["q1", "q2", "q1", "q3", "q3"],
    "right": [1, 0, 1, 1, 0],
    "land": ["X", "X", "Y", "Y", "X"],
}
ROLES = {"person": "who", "item": "what", "correct": "right", "country": "land"}


def read(**changes: Any) -> ItemResponses:
    return responses({**LONG, **changes}, **ROLES)


# --- data


def test_long_table_is_numbered_in_order_of_appearance() -> None:
    data = read()
    assert (data.labels, data.items) == (("Ann", "Bob", "Cid"), ("q1", "q2", "q3"))
    assert data.countries == ("X", "Y")
    stan = data.to_stan()
    assert {k: stan[k] for k in ("J", "I", "C", "N")} == {
        "J": 3,
        "I": 3,
        "C": 2,
        "N": 5,
    }
    assert stan["person"].tolist() == [1, 1, 2, 2, 3]
    assert stan["item"].tolist() == [1, 2, 1, 3, 3]
    assert stan["y"].tolist() == [1, 0, 1, 1, 0]
    assert stan["country"].tolist() == [1, 2, 1]
    assert data.rows().tolist() == [0, 0, 1, 1, 2]
    assert data.name == "data"
    assert "5 answers to 3 items, 60% correct" in repr(data)


def test_without_countries_there_is_one() -> None:
    data = responses(LONG, person="who", item="what", correct="right")
    assert data.countries == ("all",)
    assert list(data.to_frame()) == ["who", "what", "right"]


@pytest.mark.parametrize("name", ["read", "pisa_like"])
def test_dataset_comes_back_from_its_table_and_from_its_arrays(name: str) -> None:
    data = read() if name == "read" else hb.datasets.load("pisa_like")
    assert isinstance(data, ItemResponses)
    roles = {r: data.columns[r] for r in ("person", "item", "correct", "country")}
    assert responses(data.to_frame(), **roles) == data
    again = data_systems.restore("responses", data.to_stan(), data.coords, "again")
    assert again == data
    assert pickle.loads(pickle.dumps(data)) == data == copy.deepcopy(data)


def test_values_count_and_names_do_not() -> None:
    assert read(right=[1, 0, 1, 1, 1]) != read()
    assert read(what=["q1", "q2", "q1", "Q3", "Q3"]) != read()
    assert responses(LONG, **ROLES, name="other") == read()


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        read().y[0] = 0


def test_csv_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    rows = zip(*LONG.values(), strict=True)
    lines = [",".join(LONG), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    data = responses(path, **ROLES)
    assert data == read()
    assert (data.name, data.source) == ("test", "test.csv")


def test_wide_table_is_the_long_one() -> None:
    wide = {
        "who": ["Ann", "Bob", "Cid"],
        "land": ["X", "Y", "X"],
        "q1": [1, 1, None],
        "q2": [0, None, float("nan")],
        "q3": [None, 1, 0],
    }
    data = wide_responses(wide, person="who", country="land")
    assert data == read()
    some = wide_responses(wide, person="who", items=["q1", "q3"], country="land")
    assert some.items == ("q1", "q3")


def test_overview_tells_what_the_prior_decides() -> None:
    figures = dict(read().overview())
    assert figures["items that everybody solves"] == "q1"
    assert figures["items that nobody solves"] == "q2"
    assert figures["persons who solve all"] == 1
    assert figures["persons who solve nothing"] == 1
    assert figures["share of all pairs"] == pytest.approx(5 / 9)
    assert figures["parts without common answers"] == 1
    assert read(what=["q1", "q2", "q3", "q4", "q4"]).parts() == 2


# --- bad input

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "score": (
        {"right": [1, 0, 2, 1, 0]},
        "row 3, column 'right': 2 is neither 0 nor 1",
    ),
    "fraction": ({"right": [1, 0.5, 1, 1, 0]}, "row 2.*0.5 is fractional"),
    "text": ({"right": [1, "no", 1, 1, 0]}, "row 2.*'no' is text"),
    "boolean": ({"right": [True, 0, 1, 1, 0]}, "row 1.*boolean"),
    "missing": ({"right": [1, None, 1, 1, 0]}, "row 2.*missing"),
    "infinite": ({"right": [1, np.inf, 1, 1, 0]}, "row 2.*infinite"),
    "twice": (
        {"what": ["q1", "q1", "q1", "q3", "q3"]},
        "row 2, column 'what': person 'Ann' answers item 'q1', as in row 1",
    ),
    "two countries": (
        {"land": ["X", "Y", "Y", "Y", "X"]},
        "row 2, column 'land': person 'Ann' is of 'Y', but elsewhere of 'X'",
    ),
    "no person": ({"who": ["Ann", "", "Bob", "Bob", "Cid"]}, "row 2, column 'who'"),
    "no item": ({"what": ["q1", None, "q1", "q3", "q3"]}, "row 2, column 'what'"),
    "no country": ({"land": ["X", None, "Y", "Y", "X"]}, "row 2, column 'land'"),
    "length": ({"right": [1, 0]}, "differ in length"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case: str) -> None:
    changes, message = BAD[case]
    with pytest.raises(DataError, match=message) as caught:
        read(**changes)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("who", "what", "word"),
    [(["A", "B"], ["q", "q"], "1 item"), (["A", "A"], ["q", "r"], "1 person")],
)
def test_one_item_or_person_is_too_few(who: Any, what: Any, word: str) -> None:
    with pytest.raises(DataError, match=f"there is {word}; legal: at least 2"):
        responses({"p": who, "i": what, "y": [0, 1]}, person="p", item="i", correct="y")


def test_empty_table_and_column_taken_twice() -> None:
    with pytest.raises(DataError, match="there are no rows"):
        responses({k: [] for k in LONG}, **ROLES)
    with pytest.raises(DataError, match="'who' is given for both person and item"):
        responses(LONG, person="who", item="who", correct="right")
    with pytest.raises(DataError, match=r"no column 'rihgt'.*") as caught:
        responses(LONG, person="who", item="what", correct="rihgt")
    assert "'right'" in str(caught.value.remedy)


WIDE: dict[str, tuple[dict[str, Any], str]] = {
    "score": ({"q1": [1, 3]}, "row 2, column 'q1': 3 is neither 0 nor 1"),
    "nothing answered": ({"q1": [1, None], "q2": [0, None]}, "person 'Bob' has no"),
    "person twice": ({"who": ["Ann", "Ann"]}, "person 'Ann' is also that of row 1"),
    "text": ({"q2": [0, "x"]}, "row 2, column 'q2': 'x' is text"),
}


@pytest.mark.parametrize("case", WIDE)
def test_bad_wide_input_is_named(case: str) -> None:
    changes, message = WIDE[case]
    table = {"who": ["Ann", "Bob"], "q1": [1, 0], "q2": [0, 1]} | changes
    with pytest.raises(DataError, match=message):
        wide_responses(table, person="who")


def test_items_are_a_sequence_of_names() -> None:
    table = {"who": ["Ann", "Bob"], "q1": [1, 0], "q2": [0, 1]}
    with pytest.raises(DataError, match="items is 'q1'"):
        wide_responses(table, person="who", items="q1")
    with pytest.raises(DataError, match="no column 'q9'"):
        wide_responses(table, person="who", items=["q1", "q9"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"person": [1, 4, 2]}, "person is 4; legal: a whole number from 1 to 2"),
        ({"item": [0, 2, 1]}, "item is 0"),
        ({"y": [1, 0, 2]}, "other than 0 and 1"),
        ({"item": [1, 1, 1]}, "the item 'r' has no answers"),
        ({"person": [1, 1, 1]}, "the person 'B' has no answers"),
        ({"country": [1, 1]}, "the country 'Y' has no persons"),
        ({"person": [1, 1, 2], "item": [2, 2, 1]}, "more than once"),
        ({"person": [1, 2]}, r"person has the shape \(2,\)"),
        ({"labels": ("A", "A")}, "occurs 2 times"),
    ],
)
def test_arrays_that_contradict_each_other(changes: Any, message: str) -> None:
    whole: dict[str, Any] = {
        "labels": ("A", "B"),
        "axes": {"item": ("q", "r"), "country": ("X", "Y")},
        "person": [1, 1, 2],
        "item": [1, 2, 1],
        "y": [1, 0, 1],
        "country": [1, 2],
    }
    assert ItemResponses(**whole).J == 2
    with pytest.raises(DataError, match=message):
        ItemResponses(**{**whole, **changes})


# --- bundled data

#: The first student's answers, and the first abilities.
FIRST = [1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1, 1, 0, 1, 0]
THETA = (0.32, 1.18, 2.75)


def test_bundled_data_never_change() -> None:
    data = hb.datasets.load("pisa_like")
    assert isinstance(data, ItemResponses)
    assert (data.J, len(data.items), len(data.y)) == (100, 24, 1600)
    assert data.hash == hb.datasets.load("pisa_like").hash
    truth = hb.datasets.describe("pisa_like").truth
    assert len(truth["theta"]) == 100
    assert sum(truth["mu_country"]) == pytest.approx(0.0)
    assert data.y[:16].tolist() == FIRST
    assert truth["theta"][:3] == THETA
    rate = np.corrcoef(data.item_shares()["share"], truth["b"])[0, 1]
    assert rate < -0.9


# --- simulator


def drawn(name: str, count: int, seed: int, data: ItemResponses) -> dict[str, Any]:
    """Prior draws, stacked."""
    system = IRT_1PL if name == "irt_1pl" else IRT_2PL
    chosen = resolve_priors(get(name), data)
    priors = {key: choice.prior for key, choice in chosen.items()}
    rng = np.random.default_rng(seed)
    draws = [system.parameters(priors, data.to_stan(), rng) for _ in range(count)]
    return {key: np.array([d[key] for d in draws]) for key in draws[0]}


def test_country_means_are_deviations() -> None:
    rng = np.random.default_rng(5)
    means = np.array([country_means(2.0, 4, rng) for _ in range(4000)])
    np.testing.assert_allclose(means.sum(axis=1), 0.0, atol=1e-12)
    cov = np.cov(means.T)
    np.testing.assert_allclose(cov, 4.0 * (np.eye(4) - 0.25), atol=4 * 4 / 4000**0.5)
    assert country_means(2.0, 1, rng).tolist() == [0.0]


@pytest.mark.parametrize("name", ["irt_1pl", "irt_2pl"])
def test_prior_draws_have_the_moments_of_the_model(name: str) -> None:
    data = read()
    draws = drawn(name, 3000, 1, data)
    error = 5 / 3000**0.5
    standard = (draws["b"] - draws["mu_b"][:, None]) / draws["sigma_b"][:, None]
    assert abs(standard.mean()) < error
    assert standard.std() == pytest.approx(1.0, abs=error)
    home = draws["mu_country"][:, data.country - 1]
    residual = draws["theta"] - home
    assert residual.std() == pytest.approx(1.0, abs=error)
    log_a = np.log(draws["a"])
    if name == "irt_1pl":
        np.testing.assert_allclose(log_a, draws["mu_a"])
    else:
        scaled = (log_a - draws["mu_a"][:, None]) / draws["sigma_a"][:, None]
        assert scaled.std() == pytest.approx(1.0, abs=error)


def test_outcomes_have_their_probabilities() -> None:
    data = read()
    stan = data.to_stan()
    one = {
        "a": np.array([0.5, 1.0, 2.0]),
        "b": np.array([-1.0, 0.0, 1.0]),
        "theta": np.array([0.5, -0.5, 2.0]),
    }
    rng = np.random.default_rng(3)
    y = np.array([IRT_2PL.outcomes(one, stan, rng)["y"] for _ in range(4000)])
    i, j = data.item - 1, data.person - 1
    p = expit(one["a"][i] * (one["theta"][j] - one["b"][i]))
    np.testing.assert_allclose(y.mean(axis=0), p, atol=5 * 0.5 / 4000**0.5)


@pytest.mark.parametrize("name", ["irt_1pl", "irt_2pl"])
def test_log_likelihood_is_that_of_scipy(name: str) -> None:
    data = read()
    draws = drawn(name, 20, 2, data)
    a = draws["a"] if name == "irt_2pl" else np.repeat(draws["a"][:, None], 3, axis=1)
    i, j = data.item - 1, data.person - 1
    p = expit(a[:, i] * (draws["theta"][:, j] - draws["b"][:, i]))
    expected = stats.bernoulli(p).logpmf(data.y).sum(axis=1)
    np.testing.assert_allclose(log_likelihood(draws, data.to_stan() | {}), expected)


@pytest.mark.parametrize("name", ["irt_1pl", "irt_2pl"])
def test_ranked_parameters_suffice_for_the_likelihood(name: str) -> None:
    data = hb.datasets.load("pisa_like")
    assert isinstance(data, ItemResponses)
    draws = drawn(name, 5, 4, data)
    ranked = {key: draws[key] for key in get(name).ranked}
    found = log_likelihood(ranked, data.to_stan())
    np.testing.assert_allclose(found, marginal(draws, data.to_stan()).sum(axis=1))


def test_integrated_likelihood_is_that_of_adaptive_quadrature() -> None:
    data = hb.datasets.load("pisa_like")
    assert isinstance(data, ItemResponses)
    truth = hb.datasets.describe("pisa_like").truth
    one = {k: np.array(truth[k]) for k in ("a", "b", "mu_country")}
    found = marginal({k: v[None] for k, v in one.items()}, data.to_stan())[0]
    assert found.shape == (100,)
    for j in (0, 17, 99):
        own = data.person - 1 == j
        expected = integrated(one, data.item[own] - 1, data.y[own], data.country[j] - 1)
        assert found[j] == pytest.approx(expected, abs=1e-7)
    total = log_likelihood({k: v[None] for k, v in one.items()}, data.to_stan())
    assert total == pytest.approx(found.sum())


def integrated(one: dict[str, Any], item: Any, y: Any, country: int) -> float:
    a, b, mu = one["a"][item], one["b"][item], one["mu_country"][country]

    def integrand(t: float) -> float:
        p = expit(a * (t - b))
        return float(np.prod(np.where(y == 1, p, 1 - p)) * stats.norm.pdf(t, mu, 1))

    value = integrate.quad(integrand, -9, 9, points=[-2, 0, 2], epsabs=0, limit=200)[0]
    return float(np.log(value))


# --- tables and figures


def made_fit(data: ItemResponses, *, model: str = "irt_2pl") -> Fit:
    """A fit of made-up draws around known values."""
    rng = np.random.default_rng(4)
    shape = (4, 200)
    b = rng.normal(np.linspace(-1, 1, len(data.items)), 0.1, (*shape, len(data.items)))
    theta = rng.normal(np.linspace(-1, 1, data.J), 0.3, (*shape, data.J))
    a = np.exp(rng.normal(0.2, 0.1, b.shape if model == "irt_2pl" else shape))
    over = ["chain", "draw"]
    stan = data.to_stan()
    posterior = xr.Dataset(
        {
            "b": ([*over, "item"], b),
            "theta": ([*over, "group"], theta),
            "a": ([*over, *(["item"] if model == "irt_2pl" else [])], a),
            "mu_country": (
                [*over, "country"],
                rng.normal(size=(*shape, len(data.countries))),
            ),
        },
        coords=data.coords,
    )
    constant = xr.Dataset(
        {
            "person": ("response", stan["person"]),
            "item": ("response", stan["item"]),
            "country": ("group", stan["country"]),
        },
        coords={"group": list(data.labels)},
    )
    observed = xr.Dataset({"y": ("response", stan["y"])})
    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "constant_data": constant, "observed_data": observed}
    )
    tree.attrs.update(model=model, like=model, data_name="made", data_kind="responses")
    tree.attrs.update(data_hash=data.hash, holdout=json.dumps([]))
    return Fit(tree)


@pytest.mark.parametrize("model", ["irt_1pl", "irt_2pl"])
def test_tables_hold_shares_and_moments(model: str) -> None:
    data = read()
    fit = made_fit(data, model=model)
    items, persons = item_table(fit, 0.5), ability_table(fit, 0.5)
    assert items["share"].tolist() == [1.0, 0.0, 0.5]
    assert items["answers"].tolist() == [2, 1, 2]
    b = fit.posterior["b"]
    np.testing.assert_allclose(items["b_mean"], b.mean(("chain", "draw")))
    np.testing.assert_allclose(
        items["b_lower"], np.quantile(b.values, 0.25, axis=(0, 1))
    )
    a = fit.posterior["a"].values.reshape(800, -1)
    np.testing.assert_allclose(items["a_sd"], np.resize(a.std(axis=0, ddof=1), 3))
    assert persons["country"].tolist() == ["X", "Y", "X"]
    assert persons["share"].tolist() == [0.5, 1.0, 0.0]
    theta = fit.posterior["theta"]
    np.testing.assert_allclose(persons["mean"], theta.mean(("chain", "draw")))


@pytest.mark.parametrize("model", ["irt_1pl", "irt_2pl"])
def test_curves_are_those_of_the_draws(model: str) -> None:
    fit = made_fit(read(), model=model)
    curves = item_curves(fit, ["q3", "q1"], ci_prob=0.8)
    assert curves.items == ("q3", "q1")
    b = fit.posterior["b"].sel(item="q3").values.ravel()
    a = fit.posterior["a"]
    a = (a.sel(item="q3") if model == "irt_2pl" else a).values.ravel()
    p = expit(a * (curves.ability[20] - b))
    assert curves.mean[0, 20] == pytest.approx(p.mean())
    assert curves.lower[0, 20] == pytest.approx(np.quantile(p, 0.1))
    assert (curves.lower <= curves.upper).all()
    assert (np.diff(curves.mean, axis=1) > 0).all()
    observed = curves.observed
    assert set(observed["item"]) == {"q1", "q3"}
    assert observed["answers"].sum() == 4
    only = observed[(observed["item"] == "q1")]
    assert (only["share"] == 1.0).all()


def test_what_has_no_items_is_refused() -> None:
    fit = made_fit(read())
    with pytest.raises(FitError, match="no item 'q9'"):
        item_curves(fit, ["q9"])
    with pytest.raises(SettingsError, match="ci_prob is 2"):
        item_table(fit, 2)
    fit.tree.attrs["like"] = "logit_centered"
    with pytest.raises(FitError, match="no item response model"):
        ability_table(fit)


@pytest.mark.parametrize("model", ["irt_1pl", "irt_2pl"])
def test_figures_show_every_item_and_country(model: str) -> None:
    fit = made_fit(read(), model=model)
    figure = hb.plots.item_curves(fit)
    assert [axes.get_title() for axes in figure.axes] == ["q1", "q2", "q3"]
    figure.canvas.draw()
    some = hb.plots.item_curves(fit, ["q2"])
    assert [axes.get_title() for axes in some.axes if axes.axison] == ["q2"]
    place = hb.plots.person_item_map(fit)
    place.canvas.draw()
    ticks = [tick.get_text() for tick in place.axes[1].get_xticklabels()]
    assert ticks == ["q1", "q2", "q3"]
    legend = place.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["X", "Y"]


def test_too_many_items_are_refused() -> None:
    with pytest.raises(FitError, match="31 items are asked for; legal: at most 30"):
        hb.plots.item_curves(made_fit(read()), ["q1"] * 31)
