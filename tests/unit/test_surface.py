"""Surfaces: reading, refusing and simulating them, and the search for a minimum."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hbstan as hb
from hbstan import data, datasets
from hbstan.data.surface_examples import forrester_function
from hbstan.data.surfaces import Surface
from hbstan.errors import DataError, FitError, SettingsError
from hbstan.priors import Gamma, HalfNormal, Normal
from hbstan.simulate.surface import SURFACE, covariance
from hbstan.surrogate.prediction import _quantile
from hbstan.surrogate.search import _spread

TABLE: dict[str, Any] = {
    "a": [0.0, 1.0, 2.0, 4.0],
    "b": [5.0, 5.0, 7.0, 6.0],
    "loss": [3.0, 1.0, 2.0, 5.0],
}


def read(**changes: Any) -> Surface:
    options: dict[str, Any] = {"outcome": "loss", "inputs": ["a", "b"]} | changes
    return data.surface(options.pop("table", TABLE), **options)


# --- reading


def test_the_program_gets_points_ranges_and_scale() -> None:
    surface = read(candidates={"b": [4.0], "a": [3.0]})
    stan = surface.to_stan()
    assert (stan["J"], stan["D"], stan["M"]) == (4, 2, 1)
    np.testing.assert_array_equal(stan["x"], np.column_stack([TABLE["a"], TABLE["b"]]))
    np.testing.assert_array_equal(stan["new_x"], [[3.0, 4.0]])
    # The candidate widens the range of b.
    assert stan["low"].tolist() == [0.0, 4.0]
    assert stan["high"].tolist() == [4.0, 7.0]
    assert float(stan["center"]) == np.mean(TABLE["loss"])
    assert float(stan["scale"]) == pytest.approx(np.std(TABLE["loss"], ddof=1))
    assert surface.coords["input"] == ["a", "b"]
    assert (int(stan["matern"]), int(stan["paths"])) == (0, 1)
    assert int(read(kernel="matern52").matern) == 1


def test_files_and_frames_give_the_same_data(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    pd.DataFrame(TABLE).to_csv(path, index=False)
    assert read(table=path) == read(table=pd.DataFrame(TABLE)) == read()
    assert read(table=path).name == "losses"


def test_round_trips() -> None:
    surface = read(candidates=8)
    frame, candidates = surface.to_frame(), surface.candidates_frame()
    again = data.surface(
        frame, outcome="loss", inputs=["a", "b"], candidates=candidates
    )
    assert again == surface
    for one in (surface, read()):
        stan = {k: v for k, v in one.to_stan().items() if np.size(v)}
        assert Surface.restore(stan, one.coords, one.name) == one


def test_candidates_by_number_fill_the_range() -> None:
    line = read(inputs="a", candidates=5)
    assert line.new_x[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    plane = read(candidates=100)
    assert plane.new_x.shape == (100, 2)
    for d, (low, high) in enumerate(zip(plane.low, plane.high, strict=True)):
        uniform = (plane.new_x[:, d] - low) / (high - low)
        # A tenth of the points in each tenth of the range, to one or two.
        counts = np.histogram(uniform, np.linspace(0, 1, 11))[0]
        assert counts.min() >= 8
        assert counts.max() <= 12
    assert read().new_x.shape == (0, 2)


def test_overview_and_raw() -> None:
    surface = read(candidates=3, bounds=[(-1, 5), (0, 10)])
    overview = dict(surface.overview())
    assert overview["points"] == 4
    assert overview["range of b"] == "0 to 10"
    assert overview["kernel"] == "squared_exponential"
    np.testing.assert_array_equal(surface.raw(), TABLE["loss"])


def test_points_may_coincide() -> None:
    table = {"a": [0.0, 0.0, 1.0, 2.0], "y": [1.0, 1.5, 2.0, 0.0]}
    assert data.surface(table, outcome="y", inputs="a").J == 4


# --- bad input

NAN, INF = float("nan"), float("inf")
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a missing value": (
        {"table": {**TABLE, "b": [5.0, NAN, 7.0, 6.0]}},
        r"row 2, column 'b': the value is missing; legal: a finite number",
    ),
    "an infinite outcome": (
        {"table": {**TABLE, "loss": [3.0, 1.0, INF, 5.0]}},
        r"row 3, column 'loss': inf is infinite",
    ),
    "text": (
        {"table": {**TABLE, "a": [0.0, 1.0, 2.0, "four"]}},
        r"row 4, column 'a': 'four' is text",
    ),
    "many bad values": (
        {"table": {**TABLE, "a": [NAN] * 4}},
        r"4 bad values, the first 3 of them",
    ),
    "a constant input": (
        {"table": {**TABLE, "b": [5.0] * 4}},
        r"the input 'b' is constant, 5 in every row",
    ),
    "a constant outcome": (
        {"table": {**TABLE, "loss": [1.0] * 4}},
        r"the outcome 'loss' is constant",
    ),
    "two points": (
        {"table": {k: v[:2] for k, v in TABLE.items()}},
        r"there are 2 points; legal: at least 3",
    ),
    "no column": ({"inputs": ["a", "bb"]}, r"no column 'bb' for the input"),
    "a column twice": ({"inputs": ["a", "a"]}, r"names the column 'a' more than once"),
    "the outcome among the inputs": (
        {"inputs": ["a", "loss"]},
        r"'loss' is given for both outcome and input 'loss'",
    ),
    "no inputs": ({"inputs": []}, r"inputs is empty"),
    "a number as input": ({"inputs": 3}, r"inputs is 3; legal: the name"),
    "columns of unequal length": (
        {"table": {**TABLE, "a": [1.0, 2.0]}},
        r"differ in length: 'loss' has 4, 'a' has 2",
    ),
    "an unknown kernel": ({"kernel": "linear"}, r"kernel is 'linear'; legal: squared"),
    "bounds of another size": ({"bounds": [(0, 4)]}, r"bounds is .*; legal: a pair"),
    "bounds upside down": ({"bounds": [(4, 0), (0, 9)]}, r"low below high"),
    "a point out of bounds": (
        {"bounds": [(0, 3), (0, 9)]},
        r"row 4, column 'a': 4 is outside the bounds; legal: 0 to 3",
    ),
    "no candidates in the table": (
        {"candidates": {"a": [], "b": []}},
        r"there are no candidates",
    ),
    "candidates without an input": ({"candidates": {"a": [1.0]}}, r"no column 'b'"),
    "a negative number of candidates": ({"candidates": -1}, r"candidates is -1"),
    "a missing candidate": (
        {"candidates": {"a": [1.0], "b": [None]}},
        r"row 1, column 'b': the value is missing",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_words(case: str) -> None:
    changes, words = BAD[case]
    with pytest.raises(DataError, match=words):
        read(**changes)


def test_arrays_that_do_not_fit_are_refused() -> None:
    surface = read()
    stan = surface.to_stan()
    for name, value in {
        "low": stan["high"],
        "scale": 0.0,
        "matern": 2,
        "y": stan["y"][:2],
        "x": stan["x"][:, :1],
    }.items():
        with pytest.raises(DataError):
            Surface.restore({**stan, name: value}, surface.coords, "bad")


# --- the bundled data


def test_forrester_is_what_its_source_says() -> None:
    surface = datasets.load("forrester")
    assert isinstance(surface, Surface)
    truth = datasets.describe("forrester").truth["f"]
    assert isinstance(truth, tuple)
    np.testing.assert_allclose(truth, [forrester_function(v) for v in surface.x[:, 0]])
    noise = surface.y - np.asarray(truth)
    # 16 values of Normal(0, 0.5): their sum of squares is that of a chi-square.
    assert 0.005 < stats.chi2.cdf((noise**2).sum() / 0.25, 16) < 0.995
    assert forrester_function(0.75725) == pytest.approx(-6.02074, abs=1e-5)
    assert forrester_function(0.14259) == pytest.approx(-0.98633, abs=1e-5)


# --- the simulator


def test_covariance_is_that_of_scikit_learn() -> None:
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    rng = np.random.default_rng(1)
    a, b, rho = rng.random((7, 3)), rng.random((4, 3)), np.array([0.2, 0.5, 1.3])
    for matern, kernel in (
        (False, kernels.RBF(rho)),
        (True, kernels.Matern(rho, nu=2.5)),
    ):
        expected = 1.7**2 * kernel(a, b)
        found = covariance(a, b, 1.7, rho, matern=matern)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_simulated_outcomes_have_the_models_moments() -> None:
    stan = read().to_stan()
    parameters = {"mu": 0.5, "alpha": 1.2, "rho": np.array([0.4, 0.8]), "sigma": 0.3}
    rng = np.random.default_rng(3)
    y = np.array([SURFACE.outcomes(parameters, stan, rng)["y"] for _ in range(20_000)])
    scale = float(stan["scale"])
    unit = (stan["x"] - stan["low"]) / (stan["high"] - stan["low"])
    k = covariance(unit, unit, 1.2, parameters["rho"], matern=False)
    expected = scale**2 * (k + (0.09 + 1e-8) * np.eye(4))
    mean = float(stan["center"]) + 0.5 * scale
    error = np.sqrt(np.diag(expected) / len(y))
    assert np.abs((y.mean(axis=0) - mean) / error).max() < 4
    spread = np.sqrt(
        (np.outer(np.diag(expected), np.diag(expected)) + expected**2) / len(y)
    )
    assert np.abs((np.cov(y.T) - expected) / spread).max() < 4


def test_log_likelihood_is_scipys() -> None:
    stan = read(kernel="matern52").to_stan()
    draws = {
        "mu": np.array([0.0, 0.7]),
        "alpha": np.array([1.0, 2.0]),
        "rho": np.array([[0.5, 0.2], [1.0, 0.4]]),
        "sigma": np.array([0.3, 1.0]),
    }
    unit = (stan["x"] - stan["low"]) / (stan["high"] - stan["low"])
    expected = []
    for mu, alpha, rho, sigma in zip(*draws.values(), strict=True):
        k = covariance(unit, unit, alpha, rho, matern=True) + sigma**2 * np.eye(4)
        mean = np.full(4, stan["center"] + stan["scale"] * mu)
        cov = stan["scale"] ** 2 * k
        expected.append(stats.multivariate_normal.logpdf(stan["y"], mean, cov))
    np.testing.assert_allclose(SURFACE.log_likelihood(draws, stan), expected, rtol=1e-6)


def test_prior_draws_have_a_length_scale_each() -> None:
    priors = {
        "mu": Normal(0, 1),
        "alpha": HalfNormal(2),
        "rho": Gamma(4, 8),
        "sigma": HalfNormal(0.5),
    }
    drawn = SURFACE.parameters(priors, read().to_stan(), np.random.default_rng(1))
    assert drawn["rho"].shape == (2,)
    assert isinstance(drawn["alpha"], float)


# --- averaging over draws


def test_quantiles_of_mixtures() -> None:
    rng = np.random.default_rng(2)
    means, sds = rng.normal(size=(50, 3)), rng.gamma(2.0, size=(50, 3))
    for prob in (0.03, 0.5, 0.97):
        found = _quantile(means, sds, prob)
        reached = stats.norm.cdf(found, means, sds).mean(axis=0)
        np.testing.assert_allclose(reached, prob, atol=1e-9)


# --- the search's parts that need no Stan


def test_points_of_the_search_fill_the_cube() -> None:
    points = _spread(64, 3, np.random.default_rng(0))
    assert points.shape == (64, 3)
    for d in range(3):
        counts = np.histogram(points[:, d], np.linspace(0, 1, 9))[0]
        assert counts.tolist() == pytest.approx([8] * 8, abs=1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bounds": []}, "bounds is"),
        ({"bounds": {"x": (1.0, 0.0)}}, "low below high"),
        ({"bounds": {"x": (0.0, float("inf"))}}, "finite"),
        ({"bounds": {"x": 3}}, "bounds is"),
        ({"bounds": {"x": (0, 1), "y": (0, 1)}}, "an input 'y', which is a column"),
        ({"n_initial": 2}, "n_initial is 2, but must be a whole number of 3"),
        ({"n_iter": -1}, "n_iter is -1"),
        ({"n_iter": True}, "n_iter is True"),
        ({"n_candidates": 0}, "n_candidates is 0"),
        ({"tol": -1.0}, "tol is -1.0"),
        ({"kernel": "rough"}, "kernel is 'rough'"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_illegal_settings_of_the_search(changes: dict[str, Any], words: str) -> None:
    options: dict[str, Any] = {"bounds": {"x": (0.0, 1.0)}} | changes
    with pytest.raises(SettingsError, match=words):
        hb.minimize(lambda x: float(x[0]), **options)


def test_a_function_that_always_fails_is_quoted() -> None:
    def broken(x: np.ndarray) -> float:
        raise ZeroDivisionError("no such oven")

    with pytest.raises(DataError, match=r"failed at 6 of 6 points: Zero.*no such oven"):
        hb.minimize(broken, [(0, 1)], n_iter=2, seed=1)
    with pytest.raises(DataError, match="returned 2 at all 6 points"):
        hb.minimize(lambda x: 2.0, [(0, 1)], n_iter=2, seed=1)
    with pytest.raises(DataError, match="returned nan; returned 'far', not a number"):
        hb.minimize(lambda x: "far" if x[0] > 0.5 else NAN, [(0, 1)], n_iter=2, seed=2)


def test_a_fit_without_candidates_predicts_nothing() -> None:
    import xarray as xr

    posterior = xr.Dataset({"mu": (("chain", "draw"), np.zeros((2, 5)))})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    tree.attrs.update(model="gp_regression", data_name="none")
    with pytest.raises(FitError, match="no surface at candidates"):
        hb.predict_surface(hb.Fit(tree))
