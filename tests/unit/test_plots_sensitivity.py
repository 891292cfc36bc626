"""Figures of sensitivity: what their parts say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from sensitivity_exact import Exact, exact_fit

from hbstan.errors import FitError
from hbstan.plots import sensitivity as figures
from hbstan.plots.style import ACCENT, BASE
from hbstan.sensitivity import influence, power_scaling, swap_priors

Y = np.array([0.0, 1.0, 2.0, 8.0])
SIGMA = np.array([1.0, 2.0, 1.0, 1.5])
SERIAL = {"backend": Exact(), "executor": "serial"}


def fit_of(loc: float = 1.0, scale: float = 2.0, **given):
    return exact_fit(Y, SIGMA, loc, scale, iter_sampling=500, **given)


def rows(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_power_scaling_has_a_mark_for_every_component() -> None:
    result = power_scaling(fit_of(8.0, 1.0))
    figure = figures.power_scaling(result)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert rows(figure) == ["mu", *(f"theta[g{i}]" for i in range(4))]
    for marks, name in zip(
        axes.collections, ["prior of mu", "all priors", "likelihood"], strict=True
    ):
        drawn = np.asarray(marks.get_offsets())
        assert drawn[:, 0] == pytest.approx(result.table[name].to_numpy())
        assert marks.get_label() == name
    assert axes.lines[0].get_xdata()[0] == 0.05
    assert {to_hex(t.get_color()).upper() for t in axes.get_yticklabels()} == {ACCENT}
    assert "prior-data conflict" in legend(figure)
    right = axes.get_xlim()[1]
    assert right > result.table[["prior of mu", "likelihood"]].max().max()


def test_a_prior_that_decides_has_a_colour_of_its_own() -> None:
    figure = figures.power_scaling(power_scaling(fit_of(2.0, 0.02), var_names="mu"))
    figure.draw_without_rendering()
    assert to_hex(figure.axes[0].get_yticklabels()[0].get_color()).upper() == BASE
    assert "strong prior / weak likelihood" in legend(figure)
    assert "prior-data conflict" not in legend(figure)


def test_power_scaling_without_a_likelihood_is_drawn() -> None:
    figure = figures.power_scaling(power_scaling(fit_of(predictive=False)))
    figure.draw_without_rendering()
    assert np.isnan(np.asarray(figure.axes[0].collections[-1].get_offsets())).any()


def test_swaps_are_drawn_where_they_moved_to() -> None:
    swaps = {"mu": ["Normal(1, 1)", "Normal(5, 1)"]}
    result = swap_priors(fit_of(), swaps, **SERIAL)
    figure = figures.prior_swaps(result)
    figure.draw_without_rendering()
    assert rows(figure) == list(result.base.index)
    for place, swap in enumerate(result.refits.index):
        drawn = figure.axes[0].containers[place]
        moves, ratios = (result.table.loc[swap, c] for c in ("move", "sd_ratio"))
        assert drawn[0].get_xdata() == pytest.approx(moves.to_numpy())
        bars = np.array([s[:, 0] for s in drawn[2][0].get_segments()])
        assert np.ptp(bars, axis=1) / 2 == pytest.approx(ratios.to_numpy())
    assert set(legend(figure)) == {"means within 0.5 sd", *result.refits.index}


def test_swaps_that_failed_are_not_drawn() -> None:
    result = swap_priors(
        fit_of(),
        {"mu": "Normal(1, 1)"},
        backend=Exact(short=True),
        executor="serial",
    )
    with pytest.raises(FitError, match="no refit"):
        figures.prior_swaps(result)


def test_influence_is_a_map_of_moves() -> None:
    result = influence(fit_of(), **SERIAL)
    figure = figures.influence(result)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    order = [tick.get_text() for tick in axes.get_xticklabels()]
    assert order == list(result.groups().index)
    image = np.ma.filled(axes.images[0].get_array(), np.nan)
    own = result.table["own"].unstack("without").loc[result.base.index, order]
    assert np.isnan(image).sum() == 4
    expected = result.moves()[order].mask(own).to_numpy(dtype=float)
    assert image == pytest.approx(expected, nan_ok=True)
    crosses = np.asarray(axes.collections[0].get_offsets())
    assert {(int(y), int(x)) for x, y in crosses} == {
        (row, column) for row, column in np.argwhere(own.to_numpy()).tolist()
    }
    bold = [t for t in axes.texts if t.get_weight() == "bold"]
    assert len(bold) == int((np.abs(expected) >= 1.0).sum()) > 0
    assert len(axes.texts) == 16


def test_influence_without_any_refit_is_empty() -> None:
    result = influence(fit_of(), backend=Exact(broken=(0, 1, 2, 3)), executor="serial")
    figure = figures.influence(result)
    figure.draw_without_rendering()
    assert not figure.axes[0].texts


def test_names_are_no_mathematics() -> None:
    result = power_scaling(fit_of())
    odd = dataclasses.replace(result, data_name="$x_", model="m")
    figures.power_scaling(odd).draw_without_rendering()
