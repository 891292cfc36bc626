"""The figure of the pooling laboratory: three estimates of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, MUTED, THIRD, label_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.pooling import PoolingLab

__all__ = ["pooling_lab"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW = 1.9, 0.36
_OFFSET = 0.16


def pooling_lab(result: PoolingLab) -> Figure:
    """Draw each group's estimates without, with complete and with partial pooling.

    Parameters
    ----------
    result : PoolingLab

    Returns
    -------
    matplotlib.figure.Figure
        Groups ordered by size, the smallest (or least precise) on top, with the
        intervals; complete pooling is a line with a band, the truth a cross.
    """
    import numpy as np
    from matplotlib.figure import Figure

    order = result.of("none").sort_values("size", ascending=False, kind="stable").index
    rows = np.arange(len(order))
    figure = Figure(figsize=(7.5, _MARGIN + _ROW * len(order)), layout="constrained")
    axes = figure.subplots()
    everyone = result.of("complete").iloc[0]
    axes.axvspan(everyone["lower"], everyone["upper"], color=MUTED, alpha=0.15)
    axes.axvline(
        everyone["estimate"],
        color=MUTED,
        linestyle="--",
        linewidth=1,
        label="complete pooling",
    )
    for strategy, name, colour, offset in (
        ("none", "no pooling", ACCENT, _OFFSET),
        ("partial", "partial pooling", BASE, -_OFFSET),
    ):
        table = result.of(strategy).loc[order]
        at = rows + offset
        axes.hlines(at, table["lower"], table["upper"], color=colour, linewidth=1.3)
        axes.scatter(table["estimate"], at, s=22, color=colour, zorder=3, label=name)
    if result.known:
        truth = result.of("none").loc[order, "truth"]
        axes.scatter(
            truth, rows, s=36, color=THIRD, marker="x", zorder=4, label="truth"
        )
    axes.set_yticks(rows, [label_text(g) for g in order])
    axes.set_ylim(-0.8, len(order) - 0.2)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("probability" if result.kind == "binomial" else "unit of y")
    title = f"{label_text(result.data_name)}: three ways of pooling ({result.method})"
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure
