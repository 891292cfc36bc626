"""Figures of assessments and of the pooling laboratory: what their parts say."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import rendered

from hbstan import plots
from hbstan.assess import assess
from hbstan.data import GroupedBinomial
from hbstan.pooling.laboratory import pooling_lab


def offsets(axes: object, label: str) -> np.ndarray:
    (found,) = [c for c in axes.collections if c.get_label() == label]  # type: ignore[attr-defined]
    return np.asarray(found.get_offsets())


@pytest.fixture(scope="module")
def odd() -> GroupedBinomial:
    """Labels that matplotlib would take for mathematics, and a group without trials."""
    return GroupedBinomial(
        labels=("$x$", "مستشفى", "long" * 20, "none"),
        y=np.array([0, 18, 8, 0]),
        n=np.array([47, 148, 119, 0]),
        name="$odd$",
    )


def test_assessment_shows_the_roots_of_the_errors() -> None:
    result = assess("pharma")
    figure = plots.assessment(result)
    left, right = figure.axes
    table = result.groups.sort_values("size", ascending=False)
    for label, column in (("each group alone", "none"), ("partial pooling", "partial")):
        points = offsets(left, label)
        assert points[:, 0] == pytest.approx(np.sqrt(table[column].to_numpy()))
    assert [t.get_text() for t in left.get_yticklabels()] == list(table.index)
    numbers = [t.get_text() for t in left.texts]
    assert numbers == [f"{g:.0%}" for g in table["gain"]]
    lines = {line.get_label(): line for line in right.get_lines()}
    expected = np.sqrt(result.spread["partial"].to_numpy())
    assert np.asarray(lines["partial pooling"].get_ydata()) == pytest.approx(expected)
    assert result.verdict in figure.get_suptitle()
    assert rendered(figure)


def test_laboratory_shows_estimates_intervals_and_truth() -> None:
    result = pooling_lab("pharma")
    figure = plots.pooling_lab(result)
    (axes,) = figure.axes
    order = result.of("none").sort_values("size", ascending=False).index
    for label, strategy in (("no pooling", "none"), ("partial pooling", "partial")):
        points = offsets(axes, label)
        expected = result.of(strategy).loc[order, "estimate"]
        assert points[:, 0] == pytest.approx(expected.to_numpy())
    truth = offsets(axes, "truth")
    assert truth[:, 0] == pytest.approx(
        result.of("none").loc[order, "truth"].to_numpy()
    )
    assert rendered(figure)


def test_without_truth_there_are_no_crosses() -> None:
    (axes,) = plots.pooling_lab(pooling_lab("surgical")).axes
    assert "truth" not in {c.get_label() for c in axes.collections}


@pytest.mark.filterwarnings("ignore:Glyph")
def test_odd_labels_are_drawn(odd: GroupedBinomial) -> None:
    for figure in (plots.assessment(assess(odd)), plots.pooling_lab(pooling_lab(odd))):
        assert rendered(figure)
        assert any(r"\$x\$" in t.get_text() for t in figure.axes[0].get_yticklabels())
