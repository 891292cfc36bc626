"""Matches between teams: reading, refusals, the bundled league and its simulator."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hbstan as hb
from hbstan.data import Matches
from hbstan.data.systems import restore
from hbstan.errors import DataError
from hbstan.models import get, resolve_priors
from hbstan.simulate.matches import FOOTBALL

COLUMNS = {"home": "h", "away": "a", "home_goals": "x", "away_goals": "y"}
TABLE: dict[str, list[Any]] = {
    "h": ["B", "A", "C", "A"],
    "a": ["A", "C", "B", "C"],
    "x": [2, 0, 1, 3],
    "y": [1, 0, 4, 0],
}


def read(table: Any = None, **options: Any) -> Matches:
    return hb.data.matches(TABLE if table is None else table, **{**COLUMNS, **options})


def test_teams_are_numbered_and_matches_labelled() -> None:
    data = read()
    assert data.teams == ("A", "B", "C")
    assert data.labels == ("B v A", "A v C", "C v B", "A v C (2)")
    assert (data.home.tolist(), data.away.tolist()) == ([2, 1, 3, 1], [1, 3, 2, 3])
    assert data.y.tolist() == [[2, 1], [0, 0], [1, 4], [3, 0]]
    assert data.raw().tolist() == [1, 0, -3, 3]
    assert data.rows().tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert data.derived()["T"] == 3
    assert data.derived()["games"].tolist() == [3, 2, 3]
    assert dict(data.overview())["matches drawn"] == 1


def test_data_come_back_from_frames_stan_and_pickles() -> None:
    data = read(name="ours")
    frame = data.to_frame()
    assert list(frame) == ["h", "a", "x", "y"]
    assert hb.data.matches(frame, **COLUMNS) == data
    assert restore("matches", data.to_stan(), data.coords, "again") == data
    assert pickle.loads(pickle.dumps(data)) == data
    with pytest.raises(ValueError, match="read-only"):
        data.y[0, 0] = 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"a": "B"}, "row 1, column 'a': 'B' plays itself; legal: another team"),
        ({"x": -1}, "row 1, column 'x': -1 is negative"),
        ({"x": None}, "row 1, column 'x': the value is missing"),
        ({"y": 1.5}, "1.5 is fractional"),
        ({"y": "two"}, "'two' is text"),
        ({"y": np.inf}, "infinite"),
        ({"h": None}, "row 1, column 'h': the label is missing"),
        ({"h": " "}, "the label is empty"),
    ],
)
def test_bad_rows(changes: dict[str, Any], words: str) -> None:
    table = copy.deepcopy(TABLE)
    for name, value in changes.items():
        table[name][0] = value
    with pytest.raises(DataError, match=words):
        read(table)


def test_columns_that_are_missing_shared_or_unequal() -> None:
    with pytest.raises(DataError, match="no column 'z' for the home_goals"):
        read(home_goals="z")
    with pytest.raises(DataError, match="'x' is given for both home_goals and away_g"):
        read(away_goals="x")
    with pytest.raises(DataError, match="home is 3; legal: the name of a column"):
        read(home=3)
    with pytest.raises(DataError, match="'h' has 4, 'x' has 3 rows"):
        read({**TABLE, "x": [1, 2, 3]})
    with pytest.raises(DataError, match="there are no rows"):
        read({name: [] for name in TABLE})


def test_too_few_teams_and_parts_that_never_meet() -> None:
    with pytest.raises(DataError, match="there are 2 teams; legal: at least 3"):
        read({k: v[:1] for k, v in TABLE.items()})
    apart = pd.DataFrame(
        {"h": [*"ABCX"], "a": [*"BCAY"], "x": [1, 2, 0, 0], "y": [0, 1, 1, 2]}
    )
    with pytest.raises(
        DataError, match=r"2 parts that never meet.* 'X', 'Y' meet none"
    ):
        read(apart)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"axes": {"team": (*"ABCD",)}}, "'D' never play; legal: every team"),
        ({"axes": {"team": (*"ABA",)}}, "a team's label occurs twice"),
        ({"axes": {}}, "there are 0 teams"),
        ({"home": [2, 1, 4, 1]}, "home has values from 1 to 4; legal: from 1 to 3"),
        ({"home": [1, 1, 3, 1]}, "match 'B v A' a team plays itself"),
        (
            {"y": [[2, 1], [0, -1], [1, 4], [3, 0]]},
            r"match 'A v C' has goals \[0, -1\]",
        ),
        ({"y": [1, 2, 3, 4]}, "y has the shape"),
        ({"labels": ("a", "b", "c", "a")}, "the label 'a' occurs 2 times"),
    ],
)
def test_bad_arrays(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        replace(read(), **changes)


# --- the bundled league


@pytest.fixture(scope="module")
def league() -> Matches:
    data = hb.datasets.load("league")
    assert isinstance(data, Matches)
    return data


def test_the_bundled_league_is_what_its_truth_says(league: Matches) -> None:
    truth = hb.datasets.describe("league").truth
    assert (league.J, len(league.teams)) == (182, 14)
    assert set(league.derived()["games"]) == {26}
    attack, defence = np.asarray(truth["attack"]), np.asarray(truth["defence"])
    assert abs(attack.sum()) < 1e-5
    assert abs(defence.sum()) < 1e-5
    home, away = league.home - 1, league.away - 1
    mu, advantage = truth["mu"], truth["advantage"]
    goals = np.exp(
        np.stack(
            [
                mu + advantage + attack[home] - defence[away],
                mu + attack[away] - defence[home],
            ],
            axis=1,
        )
    )
    chi2 = ((league.y - goals) ** 2 / goals).sum()
    # Variance of a Poisson number's squared standardised residual: 2 + 1 / mean.
    assert abs(chi2 - 364) < 4 * np.sqrt((2 + 1 / goals).sum())


def test_the_bundled_league_is_the_same_everywhere(league: Matches) -> None:
    assert league.hash.startswith("49284beb3ede2751")


# --- the simulator


def test_the_log_likelihood_is_that_of_independent_poisson_numbers() -> None:
    data = read()
    rng = np.random.default_rng(1)
    draws = {
        "mu": rng.normal(size=3),
        "advantage": rng.normal(size=3),
        "attack": rng.normal(size=(3, 3)),
        "defence": rng.normal(size=(3, 3)),
    }
    found = FOOTBALL.log_likelihood(draws, data.to_stan())
    for s in range(3):
        mu, plus, attack, defence = (draws[k][s] for k in draws)
        total = 0.0
        for (x, y), h, a in zip(data.y, data.home - 1, data.away - 1, strict=True):
            total += stats.poisson.logpmf(x, np.exp(mu + plus + attack[h] - defence[a]))
            total += stats.poisson.logpmf(y, np.exp(mu + attack[a] - defence[h]))
        assert found[s] == pytest.approx(total, rel=1e-12)


def test_effects_sum_to_zero_and_have_the_spread_of_the_prior() -> None:
    data = read()
    stan, rng = data.to_stan(), np.random.default_rng(2)
    choices = resolve_priors(get("football_poisson"), data, None)
    priors = {name: choice.prior for name, choice in choices.items()}
    drawn = [FOOTBALL.parameters(priors, stan, rng) for _ in range(4000)]
    for name in ("attack", "defence"):
        effect = np.array([d[name] for d in drawn])
        np.testing.assert_allclose(effect.sum(axis=1), 0.0, atol=1e-12)
        z = effect / np.array([d[f"sd_{name}"] for d in drawn])[:, None]
        for t in range(3):
            assert stats.kstest(z[:, t], "norm").pvalue > 0.001
        # Exchangeable and summing to zero: every correlation is -1/2.
        error = (1 - 0.25) / np.sqrt(4000)
        np.testing.assert_allclose(np.corrcoef(z.T)[0, 1:], -0.5, atol=4 * error)


def test_outcomes_have_the_means_of_the_model() -> None:
    data = read()
    stan, rng = data.to_stan(), np.random.default_rng(3)
    one = {
        "mu": 0.2,
        "advantage": 0.3,
        "attack": np.array([0.5, 0.0, -0.5]),
        "defence": np.array([0.1, 0.3, -0.4]),
    }
    y = np.array([FOOTBALL.outcomes(one, stan, rng)["y"] for _ in range(4000)])
    assert y.shape == (4000, 4, 2)
    # B at home to A: 0.2 + 0.3 + 0 - 0.1, and 0.2 + 0.5 - 0.3.
    wanted = np.exp([0.4, 0.4])
    error = np.sqrt(wanted / 4000)
    assert np.all(np.abs(y.mean(axis=0)[0] - wanted) < 5 * error)


def test_default_priors_are_scaled_by_the_goals() -> None:
    model = get("football_poisson")
    few = model.defaults(read())["mu"][0]
    many = model.defaults(read({**TABLE, "y": [70, 90, 80, 85]}))["mu"][0]
    assert few.record()["args"][0] == pytest.approx(0.3)
    assert many.record()["args"][0] == pytest.approx(4.4)
    none = model.defaults(read({**TABLE, "x": [0] * 4, "y": [0] * 4}))
    assert np.isfinite(none["mu"][0].record()["args"]).all()
    assert all(reason for _, reason in none.values())
