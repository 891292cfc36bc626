"""Events in groups with covariates: reading, refusing and simulating them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from hbstan import data, datasets
from hbstan.data.group_covariates import BinomialCovariates
from hbstan.errors import DataError
from hbstan.priors import HalfNormal, Normal
from hbstan.simulate.covariates import LOGIT_COVARIATES

TABLE: dict[str, Any] = {
    "ward": ["A", "B", "C", "D", "E"],
    "n": [9, 8, 20, 0, 12],
    "r": [1, 0, 3, 0, 12],
    "age": [61.0, 55.0, 70.0, 58.0, 64.0],
    "beds": [10.0, 20.0, 15.0, 30.0, 12.0],
}


def read(**changes: Any) -> BinomialCovariates:
    options: dict[str, Any] = {
        **{"group": "ward", "trials": "n", "events": "r"},
        "covariates": ["age", "beds"],
    } | changes
    return data.binomial_covariates(options.pop("table", TABLE), **options)


def test_the_program_gets_counts_and_raw_covariates() -> None:
    wards = read()
    stan = wards.to_stan()
    assert (stan["J"], stan["D"]) == (5, 2)
    assert stan["n"].tolist() == TABLE["n"]
    assert stan["y"].tolist() == TABLE["r"]
    np.testing.assert_array_equal(stan["X"][:, 1], TABLE["beds"])
    assert wards.coords == {"group": TABLE["ward"], "covariate": ["age", "beds"]}
    assert read(covariates="age").X.shape == (5, 1)
    assert read(group=None).labels == ("1", "2", "3", "4", "5")


def test_files_and_frames_give_the_same_data(tmp_path: Path) -> None:
    path = tmp_path / "wards.csv"
    pd.DataFrame(TABLE).to_csv(path, index=False)
    assert read(table=path) == read(table=pd.DataFrame(TABLE)) == read()


def test_round_trips() -> None:
    wards = read()
    assert read(table=wards.to_frame()) == wards
    again = BinomialCovariates.restore(wards.to_stan(), wards.coords, "wards")
    assert again == wards


def test_raw_rates_overview_and_the_data_without_covariates() -> None:
    wards = read()
    np.testing.assert_allclose(wards.raw(), [1 / 9, 0, 0.15, np.nan, 1])
    assert dict(wards.overview())["events"] == 16
    plain = wards.without_covariates()
    assert plain.kind == "binomial"
    assert plain.labels == wards.labels
    assert plain.y.tolist() == TABLE["r"]
    assert plain.columns["group"] == "ward"


NAN = float("nan")
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a missing covariate": (
        {"table": {**TABLE, "age": [61.0, NAN, 70.0, 58.0, 64.0]}},
        r"row 2, column 'age': the value is missing; legal: a finite number",
    ),
    "an infinite covariate": (
        {"table": {**TABLE, "beds": [10, 20, 15, float("inf"), 12]}},
        r"row 4, column 'beds': inf is infinite",
    ),
    "a covariate of text": (
        {"table": {**TABLE, "beds": [10, 20, 15, "many", 12]}},
        r"row 4, column 'beds': 'many' is text",
    ),
    "a constant covariate": (
        {"table": {**TABLE, "beds": [12] * 5}},
        r"the covariate 'beds' is constant, 12 in every row",
    ),
    "constant but for rounding": (
        {"table": {**TABLE, "beds": [0.3, 0.1 + 0.2, 0.3, 0.3, 0.3]}},
        r"the covariate 'beds' is constant",
    ),
    "collinear covariates": (
        {"table": {**TABLE, "beds": [2 * a - 7 for a in TABLE["age"]]}},
        r"the covariate 'beds' follows from 'age'",
    ),
    "a covariate that follows from two": (
        {
            "table": {
                **TABLE,
                "sum": [
                    a + b for a, b in zip(TABLE["age"], TABLE["beds"], strict=True)
                ],
            },
            "covariates": ["age", "beds", "sum"],
        },
        r"the covariate 'sum' follows from 'age' and 'beds'",
    ),
    "more covariates than groups": (
        {
            "table": {
                **TABLE,
                **{f"v{i}": [i * j**2 % 7 for j in range(5)] for i in (1, 2, 3)},
            },
            "covariates": ["age", "beds", "v1", "v3"],
        },
        r"there are 4 covariates for 5 groups; legal: at most 3",
    ),
    "no covariates": ({"covariates": []}, r"covariates is empty"),
    "a covariate twice": ({"covariates": ["age", "age"]}, r"'age' more than once"),
    "an unknown covariate": ({"covariates": ["ages"]}, r"Did you mean 'age'"),
    "the trials as covariate": (
        {"covariates": ["n"]},
        r"'n' is given for both trials and covariate 'n'",
    ),
    "more events than trials": (
        {"table": {**TABLE, "r": [10, 0, 3, 0, 12]}},
        r"row 1, group 'A', column 'r': 10 events exceed 9 trials",
    ),
    "a negative count": (
        {"table": {**TABLE, "n": [9, -8, 20, 0, 12]}},
        r"column 'n': -8 is negative",
    ),
    "a label twice": (
        {"table": {**TABLE, "ward": ["A", "B", "A", "D", "E"]}},
        r"label 'A' is also that of row 1",
    ),
    "columns of unequal length": (
        {"table": {**TABLE, "age": [1.0, 2.0]}},
        r"differ in length: 'n' has 5.*'age' has 2",
    ),
    "one group": (
        {"table": {k: v[:1] for k, v in TABLE.items()}},
        r"2 covariates for 1 groups; legal: at most 0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_words(case: str) -> None:
    changes, words = BAD[case]
    with pytest.raises(DataError, match=words):
        read(**changes)


def test_covariates_that_nearly_determine_each_other_are_kept() -> None:
    rng = np.random.default_rng(1)
    close = [a + e for a, e in zip(TABLE["age"], rng.normal(0, 0.1, 5), strict=True)]
    assert read(table={**TABLE, "beds": close}).X.shape == (5, 2)


# --- the bundled data


def test_hospitals_are_what_their_source_says() -> None:
    """Counts fit the truth: a chi-square with the population's variance added."""
    hospitals = datasets.load("hospitals")
    assert isinstance(hospitals, BinomialCovariates)
    truth = datasets.describe("hospitals").truth
    theta = truth["intercept"] + hospitals.X @ np.asarray(truth["beta"])
    p = special.expit(theta)
    variance = (
        hospitals.n * p * (1 - p)
        + (
            hospitals.n * p * (1 - p) * float(truth["tau"])  # type: ignore[arg-type]
        )
        ** 2
    )
    squares = ((hospitals.y - hospitals.n * p) ** 2 / variance).sum()
    assert 0.005 < stats.chi2.cdf(squares, hospitals.J) < 0.995


# --- the simulator

PRIORS = {"mu": Normal(-1.0, 0.5), "b": Normal(0.0, 1.0), "tau": HalfNormal(0.5)}


def test_prior_draws_are_the_regression() -> None:
    stan = read().to_stan()
    drawn = LOGIT_COVARIATES.parameters(PRIORS, stan, np.random.default_rng(4))
    z = stats.zscore(stan["X"], ddof=1)
    expected = drawn["mu"] + z @ drawn["b"] + drawn["tau"] * drawn["z"]
    np.testing.assert_allclose(drawn["theta"], expected)
    assert drawn["b"].shape == (2,)


def test_simulated_counts_have_the_right_moments() -> None:
    stan = read().to_stan()
    theta = np.array([-2.0, 0.0, 1.0, 0.5, -0.5])
    rng = np.random.default_rng(5)
    y = np.array(
        [
            LOGIT_COVARIATES.outcomes({"theta": theta}, stan, rng)["y"]
            for _ in range(4000)
        ]
    )
    expected = stats.binom(stan["n"], special.expit(theta))
    some = stan["n"] > 0
    error = expected.std()[some] / np.sqrt(4000)
    assert np.abs((y.mean(axis=0) - expected.mean())[some] / error).max() < 4
    assert (y[:, ~some] == 0).all()


def test_log_likelihood_is_scipys() -> None:
    stan = read().to_stan()
    theta = np.random.default_rng(6).normal(size=(3, 5))
    expected = [
        sum(
            stats.binom.logpmf(y, n, special.expit(t))
            for y, n, t in zip(stan["y"], stan["n"], row, strict=True)
        )
        for row in theta
    ]
    found = LOGIT_COVARIATES.log_likelihood({"theta": theta}, stan)
    np.testing.assert_allclose(found, expected)
