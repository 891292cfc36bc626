"""Figures of comparison and cross-validation show what the results hold."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from pictures import rendered

from hbstan.compare import Comparison, compare
from hbstan.errors import FitError
from hbstan.loo import LEAVE_ONE_OUT, LooResult, Step, Waic
from hbstan.plots.compare import comparison, pointwise_differences
from hbstan.plots.loo import loo_groups, loo_ladder, pareto_k

GROUPS = ["a", "b$^$", "c", "d"]
ELPD = np.array([-2.0, -3.0, -2.5, -4.0])


def result(shift: float = 0.0, k: Any = 0.3, **changes: Any) -> LooResult:
    columns = {"elpd": ELPD + shift, "lpd": ELPD + 0.5, "p": 0.5 - shift, "k": k}
    table = pd.DataFrame(columns, index=pd.Index(GROUPS, name="group"))
    table["mcse"] = 0.02
    table["method"] = ["psis", "psis", "moment_matching", "exact"]
    waic = Waic(pd.DataFrame({"elpd": ELPD - 0.6, "lpd": ELPD, "p": 0.6}, index=GROUPS))
    totals = {"elpd": -11.5, "se": 1.7, "p": 2.0, "mcse": 0.04}
    every, last = tuple(GROUPS), ("c", "d")
    steps = (
        Step("psis", every, 0.3, 0.1, True, "the first rung", **totals, bad=last),
        Step("psis_group", every, 0.3, 0.0, False, "the program lacks it"),
        Step("moment_matching", last, 1, 1.1, True, "left", **totals, bad=("d",)),
        Step("exact", ("d",), 3.0, 2.0, True, "left", **totals),
    )
    values: dict[str, Any] = {
        "model": "made",
        "data_name": "four",
        "data_hash": "abc",
        "method": "exact",
        "target": LEAVE_ONE_OUT,
        "table": table,
        "good_k": 0.7,
        "steps": steps,
        "waic": waic,
        **changes,
    }
    return LooResult(**values)


def found() -> Comparison:
    tilt = np.array([0.3, -1.0, 0.2, 0.1])
    made = {"plain": result(), "tilted": result(tilt), "far": result(-3.0)}
    return compare(made, seed=1)


FIGURES = {
    "comparison": lambda: comparison(found()),
    "pointwise": lambda: pointwise_differences(found()),
    "pareto_k": lambda: pareto_k(result()),
    "groups": lambda: loo_groups(result()),
    "ladder": lambda: loo_ladder(result()),
}


def texts(figure: Figure) -> list[str]:
    axes = figure.axes
    labels = [t.get_text() for a in axes for t in (*a.get_yticklabels(), *a.texts)]
    legend = [t.get_text() for box in figure.legends for t in box.get_texts()]
    return [*labels, *legend, *(a.get_xlabel() for a in axes)]


def dots(axes: Any) -> np.ndarray:
    """Return the points of all scatters of a panel, in order of rows."""
    points = np.concatenate([np.asarray(c.get_offsets()) for c in _scatters(axes)])
    return points[np.argsort(points[:, 1], kind="stable")]


def _scatters(axes: Any) -> list[Any]:
    from matplotlib.collections import PathCollection

    return [c for c in axes.collections if isinstance(c, PathCollection)]


@pytest.mark.parametrize("name", list(FIGURES))
def test_figures_can_be_drawn_and_leave_no_trace(name: str) -> None:
    before = plt.get_fignums()
    rendered(FIGURES[name]())
    assert plt.get_fignums() == before


def test_the_comparison_shows_the_table() -> None:
    made = found()
    figure = comparison(made)
    left, right = figure.axes
    assert dots(left)[:, 0] == pytest.approx(made.table["elpd"].to_numpy())
    assert dots(right)[:, 0] == pytest.approx(made.table["elpd_diff"].to_numpy())
    shown = texts(figure)
    assert shown[:3] == list(made.table.index)
    weights = made.table[["stacking", "pseudo_bma"]]
    assert [t for t in shown if " / " in t] == [
        f"{row['stacking']:.2f} / {row['pseudo_bma']:.2f}"
        for _, row in weights.iterrows()
    ]
    bars = [c for c in right.collections if hasattr(c, "get_segments")]
    ends = np.array([segment[:, 0] for segment in bars[0].get_segments()])
    expected = made.table["elpd_diff"] - 2 * made.table["dse"]
    assert ends[:, 0] == pytest.approx(expected.to_numpy())


def test_pointwise_differences_are_shown_for_all_but_the_best() -> None:
    made = found()
    axes = pointwise_differences(made).axes[0]
    shown = {c.get_label(): c.lines[0].get_xdata() for c in axes.containers}
    assert set(shown) == set(made.table.index[1:])
    for name, values in shown.items():
        assert np.asarray(values) == pytest.approx(made.differences()[name].to_numpy())
    assert axes.get_yticklabels()[1].get_text() == r"b\$^\$"


def test_pareto_k_shows_where_the_ladder_climbed() -> None:
    k = [0.1, 0.2, 0.6, -0.1]
    left, right = pareto_k(result(k=k)).axes
    assert dots(left)[:, 0] == pytest.approx(k)
    # Three rungs were taken, for four, two and one groups.
    columns = np.concatenate([np.asarray(c.get_offsets()) for c in _scatters(right)])
    assert np.unique(columns[:, 0], return_counts=True)[1].tolist() == [4, 2, 1]
    names = [t.get_text().replace("\n", " ") for t in right.get_xticklabels()]
    assert names == ["PSIS", "moment matching", "exact refit"]
    assert "limit 0.70" in left.get_xlabel()


def test_refits_alone_have_no_limit() -> None:
    folded = result()
    folded.table["method"] = "kfold"
    left, _ = pareto_k(result(table=folded.table, good_k=0.0)).axes
    assert left.get_xlabel() == "Pareto k"
    assert not left.lines


def test_groups_show_both_densities() -> None:
    axes = loo_groups(result(k=0.1)).axes[0]
    lpd, elpd = (np.asarray(c.get_offsets())[:, 0] for c in _scatters(axes))
    assert elpd == pytest.approx(ELPD)
    assert lpd == pytest.approx(ELPD + 0.5)


def test_the_ladder_names_what_was_not_taken() -> None:
    figure = loo_ladder(result())
    shown = texts(figure)
    assert "the program lacks it" in shown
    assert "PSIS\n0.1 s, 2 bad" in shown
    assert "WAIC\n4 bad" in shown
    assert dots(figure.axes[0])[:, 0] == pytest.approx([-11.5, -11.5, -11.5, -13.9])
    with pytest.raises(FitError, match="no steps"):
        loo_ladder(result(steps=()))
