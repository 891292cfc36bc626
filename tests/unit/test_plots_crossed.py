"""Figures of poststratified shares and of league tables, from results by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from pictures import rendered

import hbstan as hb
from hbstan.pooling import Poststratified
from hbstan.predictive import LeagueTable


@pytest.fixture
def shares() -> Poststratified:
    table = pd.DataFrame(
        {
            "mean": [0.3, 0.6, 0.5],
            "sd": [0.05, 0.1, 0.2],
            "lower": [0.2, 0.4, 0.1],
            "upper": [0.4, 0.8, 0.9],
            "mcse": [0.001] * 3,
            "people": [100.0, 50.0, 10.0],
            "respondents": [40, 5, 0],
            "events": [10, 4, 0],
            "raw": [0.25, 0.8, np.nan],
            "unadjusted": [0.28, 0.7, np.nan],
        },
        index=pd.Index(["North", "So$uth", "Islands"], name="state"),
    )
    return Poststratified("mrp_logit", "survey", ("state",), table, 0.94)


@pytest.fixture
def league() -> LeagueTable:
    teams = pd.Index(["Ashby", "Corfe", "Denton"], name="team")
    places = np.array([[0.7, 0.2, 0.1], [0.297, 0.5, 0.203], [0.003, 0.3, 0.697]])
    table = pd.DataFrame(
        {
            "points": [8.0, 5.0, 2.0],
            "sd": [1.0] * 3,
            "lower": [6.0, 3.0, 0.0],
            "upper": [10.0, 8.0, 5.0],
            "p_champion": places[:, 0],
            "observed": [9, 4, 2],
        },
        index=teams,
    )
    columns = pd.Index([1, 2, 3], name="place")
    matrix = pd.DataFrame(places, index=teams, columns=columns)
    return LeagueTable("football_poisson", "league", False, table, matrix, 0.9)


def drawn(figure: Figure) -> Figure:
    rendered(figure)
    return figure


def test_parts_are_ordered_and_have_their_shares(shares: Poststratified) -> None:
    figure = drawn(hb.plots.poststratified(shares, truth={"North": 0.35}))
    axes = figure.axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == [r"So\$uth (5)", "Islands (0)", "North (40)"]
    estimates, raw, truth = axes.collections[1:]
    assert estimates.get_offsets()[:, 0].tolist() == [0.6, 0.5, 0.3]
    own = np.ma.filled(raw.get_offsets(), np.nan)[:, 0]
    np.testing.assert_allclose(own, [0.8, np.nan, 0.25])
    assert np.diff(raw.get_sizes())[-1] > 0
    known = np.ma.filled(truth.get_offsets(), np.nan)[:, 0]
    np.testing.assert_allclose(known, [np.nan, np.nan, 0.35])
    ends = [segment[:, 0].tolist() for segment in axes.collections[0].get_segments()]
    assert ends == [[0.4, 0.8], [0.1, 0.9], [0.2, 0.4]]
    assert axes.get_title(loc="left") == "survey: shares by state in mrp_logit"
    assert "94 % interval" in figure.legends[0].get_texts()[0].get_text()


def test_without_truth_and_without_parts(shares: Poststratified) -> None:
    one = Poststratified("m", "d", (), shares.table.iloc[:1], 0.5)
    figure = drawn(hb.plots.poststratified(one))
    assert len(figure.axes[0].collections) == 3
    assert figure.axes[0].get_title(loc="left") == "d: shares in m"


def test_the_league_has_points_and_places(league: LeagueTable) -> None:
    figure = drawn(hb.plots.league_table(league))
    points, places = figure.axes
    assert points.collections[1].get_offsets()[:, 0].tolist() == [8.0, 5.0, 2.0]
    assert points.collections[2].get_offsets()[:, 0].tolist() == [9.0, 4.0, 2.0]
    numbers = [text.get_text() for text in places.texts]
    # Less than half a per cent is left blank.
    assert numbers == ["70", "20", "10", "30", "50", "20", "30", "70"]
    assert figure.get_suptitle().startswith("league: season played again")
    rest = LeagueTable("m", "d", True, league.table, league.places, 0.9)
    title = drawn(hb.plots.league_table(rest)).get_suptitle()
    assert title == "d: rest of the season, m"
