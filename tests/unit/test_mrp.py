"""Surveys with a census: reading, refusals, the bundled survey and its simulator."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import hbstan as hb
from hbstan.data import SurveyCells
from hbstan.data.systems import restore
from hbstan.errors import DataError
from hbstan.models import get, resolve_priors
from hbstan.simulate.mrp import MRP

FACTORS = ["state", "sex"]
SURVEY: dict[str, list[Any]] = {
    "state": ["N", "S", "S", "E", "S"],
    "sex": ["f", "f", "m", "f", "f"],
    "vote": [1, 0, 1, 1, 1],
}
CENSUS: dict[str, list[Any]] = {
    "state": ["N", "N", "S", "S", "E", "E"],
    "sex": ["f", "m", "f", "m", "f", "m"],
    "N": [50, 60, 30, 30, 10, 0],
}
INCOME: dict[str, list[Any]] = {"state": ["E", "N", "S"], "income": [5.0, 1.0, 3.0]}


def read(survey: Any = None, census: Any = None, **options: Any) -> SurveyCells:
    given = {"outcome": "vote", "factors": FACTORS, "covariates": INCOME, **options}
    survey = SURVEY if survey is None else survey
    return hb.data.mrp(survey, census=CENSUS if census is None else census, **given)


# --- what is read


def test_answers_are_counted_in_every_cell_of_the_census() -> None:
    data = read()
    assert data.labels == ("N, f", "N, m", "S, f", "S, m", "E, f", "E, m")
    assert data.n.tolist() == [1, 0, 2, 1, 1, 0]
    assert data.y.tolist() == [1, 0, 1, 1, 1, 0]
    assert data.N.tolist() == [50, 60, 30, 30, 10, 0]
    assert data.level_of.tolist() == [[1, 4], [1, 5], [2, 4], [2, 5], [3, 4], [3, 5]]
    assert data.factor_of.tolist() == [1, 1, 1, 2, 2]
    assert data.X[:, 0].tolist() == [1, 1, 3, 3, 5, 5]
    assert data.axes["level"] == (
        "state: N",
        "state: S",
        "state: E",
        "sex: f",
        "sex: m",
    )
    assert (data.areas, data.levels("sex")) == (("N", "S", "E"), ("f", "m"))
    assert data.derived() == {"F": 2, "L": 5, "D": 1}
    assert data.coords["area"] == ["N", "S", "E"]
    np.testing.assert_array_equal(data.raw(), [1, np.nan, 0.5, 1, 1, np.nan])
    assert data.rows().tolist() == list(range(6))
    assert ("respondents", 5) in data.overview()


def test_counts_give_the_same_data_as_answers() -> None:
    counts = {
        "state": ["S", "N", "S", "E", "S"],
        "sex": ["f", "f", "m", "f", "f"],
        "n": [1, 1, 1, 1, 1],
        "r": [0, 1, 1, 1, 1],
    }
    assert read(counts, outcome=None, trials="n", events="r") == read()


def test_one_table_can_hold_everything() -> None:
    data = read()
    frame = data.to_frame()
    again = hb.data.mrp(
        frame, trials="trials", events="events", factors=FACTORS, covariates=["income"]
    )
    assert again == data
    assert read(census=frame, covariates=["income"]) == data


def test_tables_in_memory_are_read_by_kind() -> None:
    columns = {"outcome": "vote", "factors": FACTORS}
    census, income = pd.DataFrame(CENSUS), pd.DataFrame(INCOME)
    data = hb.data.load(
        pd.DataFrame(SURVEY), kind="mrp", census=census, covariates=income, **columns
    )
    assert data == read()


def test_files_are_read(tmp_path: Path) -> None:
    for name, table in (("survey", SURVEY), ("census", CENSUS), ("income", INCOME)):
        pd.DataFrame(table).to_csv(tmp_path / f"{name}.csv", index=False)
    data = read(
        tmp_path / "survey.csv",
        tmp_path / "census.csv",
        covariates=tmp_path / "income.csv",
    )
    assert data == read()
    assert (data.name, data.source) == ("survey", "survey.csv")


def test_by_chooses_the_areas_and_is_part_of_the_data() -> None:
    other = read(by="sex")
    assert other.areas == ("f", "m")
    assert other != read()
    assert read(by="state") == read()


def test_without_covariates_and_restored_from_stan_data() -> None:
    for data in (read(), read(covariates=None)):
        stan = {k: v for k, v in data.to_stan().items() if np.size(v)}
        assert restore("mrp", stan, data.coords, "again") == data
        assert pickle.loads(pickle.dumps(data)) == data
        assert copy.deepcopy(data) == data
        with pytest.raises(ValueError, match="read-only"):
            data.y[0] = 3
    assert read(covariates=None).to_stan()["X"].shape == (6, 0)


# --- what is refused


def survey_with(row: int, **changes: Any) -> dict[str, list[Any]]:
    table = copy.deepcopy(SURVEY)
    for name, value in changes.items():
        table[name][row] = value
    return table


def census_with(row: int, **changes: Any) -> dict[str, list[Any]]:
    table = copy.deepcopy(CENSUS)
    for name, value in changes.items():
        table[name][row] = value
    return table


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vote": 2}, "row 2, column 'vote': 2 is neither; legal: 0 or 1"),
        ({"vote": None}, "row 2, column 'vote': the value is missing"),
        ({"vote": "yes"}, "'yes' is text, not a number"),
        ({"vote": -1}, "-1 is negative"),
        ({"vote": 0.5}, "0.5 is fractional"),
        ({"vote": np.inf}, "infinite"),
        ({"state": "W"}, "row 2, column 'state': 'W' is no level of the census"),
        ({"sex": ""}, "row 2, column 'sex': the label is empty"),
    ],
)
def test_bad_answers(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(survey_with(1, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"N": -1}, "row 2, column 'N': -1 is negative; legal: a finite number, 0"),
        ({"N": None}, "row 2, column 'N': the value is missing"),
        ({"N": np.inf}, "infinite"),
        ({"sex": "f"}, "row 2, column 'state': cell 'N, f' is also that of row 1"),
        ({"sex": None}, "the label is missing"),
    ],
)
def test_bad_census(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(census=census_with(1, **changes))


def test_a_cell_that_the_census_lacks() -> None:
    short = {k: v[:-1] for k, v in CENSUS.items()}
    with pytest.raises(DataError, match="row 4: the census has no cell 'E, m'"):
        read(survey_with(3, sex="m"), short)


def test_a_factor_with_one_level() -> None:
    one = {"state": ["N", "S"], "sex": ["f", "f"], "N": [1, 2]}
    survey = {k: v[:2] for k, v in SURVEY.items()}
    with pytest.raises(DataError, match="'sex' has the one level 'f'; legal: at least"):
        read(survey, one)


def test_an_area_without_people() -> None:
    with pytest.raises(DataError, match="counts nobody in state 'E'"):
        read(census=census_with(4, N=0))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {"state": ["N", "S"], "x": [1, 2]},
            "'E' of factor 'state' have no covariates",
        ),
        ({"state": [*"NSEN"], "x": [1, 2, 3, 4]}, "level 'N' is also that of row 1"),
        (
            {"state": [*"NSE"], "x": [1, None, 3]},
            "row 2, column 'x': the value is miss",
        ),
        ({"state": [*"NSE"], "x": [1, "two", 3]}, "'two' is text"),
        ({"state": [*"NSE"], "x": [2, 2, 2]}, "covariate 'x' is constant"),
        (
            {"state": [*"NSE"], "x": [1, 2, 4], "z": [3, 6, 12]},
            "'x', 'z' are collinear",
        ),
        (
            {"state": [*"NSE"], "a": [1, 0, 0], "b": [0, 1, 0], "c": [0, 0, 1]},
            "'a', 'b', 'c' are collinear",
        ),
        ({"region": [*"NSE"], "x": [1, 2, 3]}, "legal: one of 'state', 'sex'"),
        ({"state": [*"NSE"], "sex": [*"fmf"], "x": [1, 2, 3]}, "legal: one of"),
    ],
)
def test_bad_covariates(table: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(covariates=table)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"outcome": None}, "legal: an outcome alone, or trials and events"),
        ({"trials": "n"}, "legal: an outcome alone, or trials and events"),
        ({"outcome": None, "trials": "vote"}, "legal: an outcome alone"),
        ({"factors": "state"}, "legal: a list"),
        ({"factors": []}, "legal: a list"),
        ({"factors": ["state", 3]}, "legal: names of columns"),
        ({"factors": ["state", "state"]}, "legal: each once"),
        ({"factors": ["state", "race"]}, "there is no column 'race' for the factor"),
        ({"by": "race"}, "by is 'race'; legal: one of the factors"),
        ({"count": "people"}, "there is no column 'people' for the census count"),
        ({"covariates": ["age"]}, "there is no column 'age' for the covariate"),
        ({"name": " "}, "name is ' '"),
    ],
)
def test_bad_options(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(**options)


def test_more_events_than_trials_and_unequal_columns() -> None:
    table = {**SURVEY, "n": [1] * 5, "r": [0, 0, 2, 0, 0]}
    with pytest.raises(DataError, match="row 3, column 'r': 2 events exceed 1 trials"):
        read(table, outcome=None, trials="n", events="r")
    with pytest.raises(DataError, match="'state' has 5, 'vote' has 4 rows"):
        read({**SURVEY, "vote": [0, 1, 0, 1]})
    with pytest.raises(DataError, match="there are no rows"):
        read({k: [] for k in SURVEY})
    nobody = {**SURVEY, "n": [0] * 5, "r": [0] * 5}
    with pytest.raises(DataError, match="no cell has a respondent"):
        read(nobody, outcome=None, trials="n", events="r")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n": [1, 2]}, "n has the shape"),
        ({"y": [2, 0, 0, 0, 0, 0]}, "cell 'N, f' has 2 events among 1 respondents"),
        ({"N": [-1, 2, 3, 4, 5, 6]}, "has -1 people in the census"),
        ({"N": [np.nan, 2, 3, 4, 5, 6]}, "missing or infinite"),
        ({"by": 3}, "by is 3; legal: from 1 to 2"),
        ({"factor_of": [1, 1, 2, 1, 2]}, "in order, each once or more"),
        ({"level_of": [[1, 4]] * 6}, "lacks some of them"),
        ({"labels": ("a",) * 6}, "the label 'a' occurs 6 times"),
        ({"axes": {}}, "has the shape"),
    ],
)
def test_bad_arrays(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(read(), **changes)


# --- the bundled survey


@pytest.fixture(scope="module")
def survey() -> SurveyCells:
    data = hb.datasets.load("mrp_survey")
    assert isinstance(data, SurveyCells)
    return data


def test_the_bundled_survey_is_what_its_truth_says(survey: SurveyCells) -> None:
    truth = hb.datasets.describe("mrp_survey").truth
    assert (survey.J, int(survey.n.sum()), len(survey.areas)) == (240, 1000, 20)
    p = np.asarray(truth["p"])
    # Binomial counts: a sum of squares with its expectation and variance.
    seen = survey.n > 0
    n, y, own = survey.n[seen], survey.y[seen], p[seen]
    chi2 = ((y - n * own) ** 2 / (n * own * (1 - own))).sum()
    assert abs(chi2 - seen.sum()) < 4 * np.sqrt(2 * seen.sum())
    area = survey.cells("state")
    shares = np.bincount(area, survey.N * p) / np.bincount(area, survey.N)
    np.testing.assert_allclose(truth["p_area"], shares, rtol=1e-12)
    overall = np.average(p, weights=survey.N)
    assert truth["p_population"] == pytest.approx(overall)
    # The sample is of another composition, and its share five errors too high.
    raw = survey.y.sum() / survey.n.sum()
    assert raw - overall > 5 * np.sqrt(overall * (1 - overall) / survey.n.sum())


def test_the_bundled_survey_is_the_same_everywhere(survey: SurveyCells) -> None:
    assert survey.hash.startswith("9c780c18dccfb2e0")


# --- the simulator


def test_the_log_likelihood_is_that_of_independent_binomials() -> None:
    data = read()
    rng = np.random.default_rng(1)
    draws = {
        "alpha": rng.normal(size=3),
        "beta": rng.normal(size=(3, 1)),
        "tau": rng.gamma(2.0, size=(3, 2)),
        "z": rng.normal(size=(3, 5)),
    }
    found = MRP.log_likelihood(draws, data.to_stan())
    income = (data.X[:, 0] - 3.0) / np.sqrt(16 / 5)
    for s in range(3):
        effects = np.repeat(draws["tau"][s], [3, 2]) * draws["z"][s]
        total = 0.0
        for j in range(6):
            theta = draws["alpha"][s] + draws["beta"][s, 0] * income[j]
            theta += sum(effects[level - 1] for level in data.level_of[j])
            total += stats.binom.logpmf(data.y[j], data.n[j], expit(theta))
        assert found[s] == pytest.approx(total, rel=1e-12)


def test_draws_have_the_moments_of_the_prior_and_of_the_binomial() -> None:
    data = read()
    stan, rng = data.to_stan(), np.random.default_rng(2)
    choices = resolve_priors(get("mrp_logit"), data, None)
    priors = {name: choice.prior for name, choice in choices.items()}
    drawn = [MRP.parameters(priors, stan, rng) for _ in range(4000)]
    z = np.array([d["z"] for d in drawn])
    assert z.shape == (4000, 5)
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.001
    tau = np.array([d["tau"] for d in drawn]).ravel()
    assert stats.kstest(tau, stats.halfnorm().cdf).pvalue > 0.001
    alpha = np.array([d["alpha"] for d in drawn])
    assert stats.kstest(alpha, stats.norm(0, 1.5).cdf).pvalue > 0.001
    one = drawn[0]
    y = np.array([MRP.outcomes(one, stan, rng)["y"] for _ in range(4000)])
    # The census weights the same probabilities that the outcomes come from.
    seen = stan["n"] > 0
    p = np.full(6, np.nan)
    p[seen] = y.mean(axis=0)[seen] / stan["n"][seen]
    assert abs(p[4] - one["p_area"][2]) < 5 * np.sqrt(0.25 / 4000)
    south = (30 * p[2] + 30 * p[3]) / 60
    assert abs(south - one["p_area"][1]) < 5 * np.sqrt(0.25 / 4000)
    weights = np.array([110, 60, 10]) / 180
    assert one["p_population"] == pytest.approx(float(weights @ one["p_area"]))


def test_the_entry_says_what_the_program_has() -> None:
    model = get("mrp_logit")
    assert [p.name for p in model.top_level] == ["alpha", "beta", "tau"]
    assert model.kind == "mrp"
    assert all(reason for _, reason in model.defaults(read()).values())
