"""Figures of pooling: what their parts say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.figure import Figure
from predictive_fits import CHAINS, names, tree_fit
from scipy.special import expit

from hbstan.errors import FitError
from hbstan.fit import Fit
from hbstan.plots import pooling as figures
from hbstan.pooling import exceedance, group_ranks, heterogeneity, shrinkage

EVENTS, TRIALS = np.array([0, 18, 8, 46]), np.array([47, 148, 119, 810])
SHAPE = (CHAINS, 100)


def binomial_fit(label: str = "A $1") -> Fit:
    rng = np.random.default_rng(1)
    mean = np.log((EVENTS + 1) / (TRIALS - EVENTS + 9))
    theta = rng.normal(mean, 0.2, (*SHAPE, 4))
    mu = rng.normal(-2.5, 0.1, SHAPE)
    posterior = {
        "mu": mu,
        "tau": np.abs(rng.normal(0.5, 0.1, SHAPE)),
        "theta": theta,
        "p": expit(theta),
        "p_pop_mean": expit(mu),
    }
    groups = {
        "posterior": posterior,
        "observed_data": {"y": EVENTS},
        "constant_data": {"n": TRIALS},
    }
    labels = [label, "B", "C", "D"]
    return tree_fit("logit_centered", labels, groups, seed=1)


def normal_fit() -> Fit:
    rng = np.random.default_rng(2)
    groups = {
        "posterior": {
            "mu": rng.normal(0, 1, SHAPE),
            "tau": np.abs(rng.normal(0, 1, SHAPE)),
            "theta": rng.normal([1.0, 2.0, 3.0], 1.0, (*SHAPE, 3)),
        },
        "observed_data": {"y": np.array([1.0, 2.5, 4.0])},
        "constant_data": {"sigma": np.array([3.0, 1.0, 2.0])},
    }
    return tree_fit("eight_schools_centered", names(3), groups, seed=1)


def texts(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def rows(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_shrinkage_is_ordered_by_size() -> None:
    result = shrinkage(binomial_fit())
    figure = figures.shrinkage(result)
    figure.draw_without_rendering()
    assert rows(figure) == ["A \\$1  0/47", "C  8/119", "B  18/148", "D  46/810"]
    raw, posterior = (np.asarray(c.get_offsets()) for c in figure.axes[0].collections)
    order = ["A $1", "C", "B", "D"]
    assert raw[:, 0] == pytest.approx(result.table.loc[order, "raw"].to_numpy())
    assert posterior[:, 0] == pytest.approx(
        result.table.loc[order, "posterior"].to_numpy()
    )
    assert legend(figure) == ["population mean", "raw estimate", "posterior mean"]
    assert figure.axes[0].get_xlabel() == "probability"
    by_error = figures.shrinkage(shrinkage(normal_fit()))
    assert [row.split()[0] for row in rows(by_error)] == ["g0", "g2", "g1"]


def test_factors_that_tell_nothing_stand_in_parentheses() -> None:
    result = shrinkage(binomial_fit())
    table = result.table.copy()
    table["factor"] = [0.5, 0.25, np.nan, 0.1]
    table["distinct"] = [True, False, False, True]
    figure = figures.shrinkage(dataclasses.replace(result, table=table))
    found = [text for text in texts(figure) if text]
    assert found == ["factor", "0.50", "–", "(0.25)", "0.10"]


def test_rank_probabilities_are_written_into_the_cells() -> None:
    result = group_ranks(binomial_fit())
    figure = figures.rank_probabilities(result)
    figure.draw_without_rendering()
    order = list(result.table["expected"].sort_values().index)
    assert rows(figure) == [name.replace("$", "\\$") for name in order]
    image = figure.axes[0].images[0].get_array()
    assert np.asarray(image) == pytest.approx(
        result.probabilities.loc[order].to_numpy()
    )
    shown = [p for p in np.ravel(image) if p >= 0.005]
    assert texts(figure) == [f"{100 * p:.0f}" for p in shown]
    assert "best (lowest)" in figure.axes[0].get_xlabel()


def test_many_groups_get_no_numbers() -> None:
    theta = np.random.default_rng(1).normal(size=(*SHAPE, 25))
    groups = {
        "posterior": {"theta": theta},
        "observed_data": {"y": np.zeros(25)},
        "constant_data": {"sigma": np.ones(25)},
    }
    fit = tree_fit("eight_schools_centered", names(25), groups)
    figure = figures.rank_probabilities(group_ranks(fit))
    assert texts(figure) == []
    assert "per cent" not in figure.axes[1].get_ylabel()


@pytest.mark.parametrize("make", [binomial_fit, normal_fit])
def test_heterogeneity_shows_three_estimates(make) -> None:
    result = heterogeneity(make(), 0.9)
    figure = figures.heterogeneity(result)
    figure.draw_without_rendering()
    assert len(figure.axes) == 3
    assert any("90% and 50%" in text for text in legend(figure))
    for panel, name in enumerate(("tau", "i2")):
        lines = [line.get_xdata() for line in figure.axes[panel].get_lines()]
        ends = result.posterior.loc[name, ["lower", "upper"]].to_list()
        assert list(lines[0]) == pytest.approx(ends)
        points = [float(line[0]) for line in lines if len(line) == 1]
        table = result.classical.table
        expected = [
            result.posterior.loc[name, "median"],
            table.loc["dersimonian_laird", name],
            table.loc["reml", name],
        ]
        assert points == pytest.approx(expected)
    assert len(figure.axes[2].get_lines()) == 3
    unit = "probability" if result.kind == "binomial" else "unit of y"
    assert unit in figure.axes[2].get_xlabel()


def test_exceedance_bars_fall_from_top_to_bottom() -> None:
    result = exceedance(binomial_fit(), 0.07)
    figure = figures.exceedance(result)
    figure.draw_without_rendering()
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == sorted(result.table["probability"], reverse=True)
    assert len(texts(figure)) == 4
    assert not {"0.00", "1.00"} & set(texts(figure))
    assert figure.axes[0].get_xlabel() == "P(above 0.07)"
    odds = figures.exceedance(exceedance(binomial_fit(), -2.0, scale="log-odds"))
    assert odds.axes[0].get_xlabel() == "P(above -2, log-odds)"
    empty = dataclasses.replace(result, table=result.table.iloc[:0])
    with pytest.raises(FitError, match="no group"):
        figures.exceedance(empty)
