"""Figures of predictive checks: what they show is what the results hold."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from pictures import rendered
from predictive_fits import beta_fit, normal_fit

from hbstan import plots
from hbstan.errors import FitError
from hbstan.predictive import (
    loo_pit,
    posterior_predictive,
    prior_predictive,
    residuals,
)

N = np.array([20, 50, 100, 200, 80, 40])
Y = np.array([3, 9, 14, 38, 8, 6])


def fit(**options: Any) -> Any:
    return beta_fit(N, Y, 0.16, 40.0, draws=200, **options)


def estimates() -> Any:
    return normal_fit([1.0, 4.0, -2.0], [1.0, 2.0, 3.0], 1.5, draws=200)


def figures() -> list[tuple[str, Figure]]:
    prior = prior_predictive("logit_centered", "surgical", draws=500, seed=1)
    design = prior_predictive("logit_centered", {"n": [5, 9]}, draws=500, seed=1)
    schools = prior_predictive(
        "eight_schools_centered", "eight_schools", draws=500, seed=1
    )
    new = posterior_predictive(fit(), replicate="new_groups", seed=1)
    same = posterior_predictive(fit(held_out=("g1",)))
    normal = posterior_predictive(estimates())
    return [
        ("prior", plots.prior_predictive(prior)),
        ("design", plots.prior_predictive(design)),
        ("schools", plots.prior_predictive(schools)),
        ("statistics", plots.predictive_statistics(new)),
        ("statistics of a design", plots.predictive_statistics(design)),
        ("intervals", plots.predictive_intervals(same)),
        ("normal intervals", plots.predictive_intervals(normal)),
        ("residuals", plots.residuals(residuals(fit(), seed=1))),
        ("pit", plots.loo_pit(loo_pit(fit(), seed=1))),
    ]


def test_all_figures_can_be_drawn_and_leave_no_trace() -> None:
    before = plt.get_fignums()
    for _, figure in figures():
        rendered(figure)
    assert plt.get_fignums() == before


def test_the_prior_figure_marks_every_observed_rate() -> None:
    result = prior_predictive("logit_centered", "surgical", draws=500, seed=1)
    axes = plots.prior_predictive(result).axes[0]
    (marks,) = axes.collections
    drawn = sorted(path.vertices[0, 0] for path in marks.get_paths())
    replicates = result.replicates
    assert drawn == pytest.approx(sorted(replicates.y / replicates.design["n"]))
    low, high = axes.get_xlim()
    assert low <= min(drawn)
    assert high >= max(drawn)


def test_each_statistic_has_a_panel_with_its_observed_value() -> None:
    check = posterior_predictive(fit(), statistics={"first": lambda y, d: y[:, 0]})
    figure = plots.predictive_statistics(check)
    panels = [axes for axes in figure.axes if axes.axison]
    assert len(panels) == len(check.statistics) == 8
    for axes, s in zip(panels, check.statistics, strict=True):
        (line,) = axes.lines
        assert line.get_xdata()[0] == check.observed[s.name]
        assert s.label in axes.get_title(loc="left")


def test_outcomes_outside_their_intervals_are_filled() -> None:
    far = np.array([20, 9, 14, 38, 8, 6])
    check = posterior_predictive(
        beta_fit(N, far, 0.16, 400.0, draws=200), replicate="new_groups", seed=1
    )
    axes = plots.predictive_intervals(check).axes[0]
    outside = axes.collections[-1]
    assert outside.get_label() == "observed, outside 95 %"
    rows = np.flatnonzero(~check.groups(0.95)["inside"])
    assert outside.get_offsets()[:, 1].tolist() == rows.tolist()
    assert outside.get_offsets()[0, 0] == 1.0  # 20 of 20
    none = plots.predictive_intervals(posterior_predictive(fit())).axes[0]
    assert none.collections[-1].get_label() == "observed"


def test_held_out_groups_are_starred() -> None:
    check = posterior_predictive(fit(held_out=("g1",)))
    axes = plots.predictive_intervals(check).axes[0]
    starred = [t.get_text() for t in axes.get_yticklabels() if "*" in t.get_text()]
    assert starred == ["g1 *"]
    assert "not seen" in axes.get_xlabel()


def test_residuals_are_where_the_table_has_them() -> None:
    table = residuals(beta_fit([*N, 0], [*Y, 0], 0.16, 40.0, draws=200), seed=1)
    left, right = plots.residuals(table).axes
    points = np.asarray(left.collections[0].get_offsets())
    assert points[:, 0] == pytest.approx(table["expected"].to_numpy()[:6])
    assert points[:, 1] == pytest.approx(table["standardised"].to_numpy()[:6])
    assert [t.get_text() for t in right.get_yticklabels()] == list(table.index[:6])


def test_doubtful_weights_are_marked() -> None:
    y = np.array([1.0, 4.0, -2.0, 0.5, 2.5, 6.0])
    doubtful = loo_pit(normal_fit(y, np.full(6, 0.05), 2.0), method="psis", seed=1)
    axes = plots.loo_pit(doubtful).axes[0]
    marks = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert len(marks["groups with doubtful weights"]) == len(doubtful.doubtful) > 0
    sound = plots.loo_pit(loo_pit(fit(), seed=1)).axes[0]
    assert "groups with doubtful weights" not in [x.get_label() for x in sound.lines]
    assert (
        len(next(x for x in sound.lines if x.get_label() == "groups").get_xdata()) == 6
    )


def test_without_trials_there_is_nothing_to_draw() -> None:
    empty = prior_predictive("logit_centered", {"n": [0, 0]}, draws=100, seed=1)
    with pytest.raises(FitError, match="no group has trials"):
        plots.prior_predictive(empty)
    check = posterior_predictive(
        beta_fit([0, 0], [0, 0], 0.2, 10.0, draws=50), statistics=["total"]
    )
    with pytest.raises(FitError, match="no group has trials"):
        plots.predictive_intervals(check)
