"""Figures written as savefig writes them, at less cost."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from hbstan.plots.save import save


class Counted(Figure):
    """Counts how often it is drawn."""

    times = 0

    def draw(self, renderer: object) -> None:
        self.times += 1
        super().draw(renderer)


def figure() -> Counted:
    own = Counted(figsize=(6, 3), layout="constrained")
    left, right = own.subplots(1, 2)
    left.plot([0, 1], [1e-3, 1], label="a line")
    left.set(yscale="log", title="a title\nin two lines", ylabel="log-odds")
    points = np.random.default_rng(1).standard_normal((2, 50))
    right.scatter(*points, c=points[0], rasterized=True)
    own.legend(loc="outside lower center")
    return own


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_bytes_are_those_of_savefig(ending: str, tmp_path: Path) -> None:
    ours, theirs = tmp_path / f"ours.{ending}", tmp_path / f"theirs.{ending}"
    once, twice = figure(), figure()
    with mpl.rc_context({"svg.hashsalt": "hbstan"}):
        save(once, ours, dpi=160)
        metadata = {"Date": None} if ending == "svg" else None
        twice.savefig(theirs, dpi=160, metadata=metadata)
    assert ours.read_bytes() == theirs.read_bytes()
    assert (once.times, twice.times) == (1, 2)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"figure\.pdf must end in \.png or \.svg"):
        save(figure(), tmp_path / "figure.pdf", dpi=100)
