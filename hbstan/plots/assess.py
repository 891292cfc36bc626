"""The figure of an assessment: the errors expected of three ways of pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, FAINT, GRID, MUTED, label_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from hbstan.assess import Assessment

__all__ = ["assessment"]

#: Room for title, axes and legend, and a row's height, in inches.
_MARGIN, _ROW = 2.4, 0.28
_UNITS = {
    "estimate": "unit of y",
    "probability": "probability",
    "log-odds": "log-odds",
}
#: Column, name in the legend, colour and marker of each strategy.
_STRATEGIES = (
    ("none", "each group alone", ACCENT, "o"),
    ("complete", "one estimate for all", FAINT, "s"),
    ("partial", "partial pooling", BASE, "o"),
)


def assessment(result: Assessment) -> Figure:
    """Draw the expected errors by group, and overall as tau goes through its interval.

    Left: root mean squared errors at the estimated tau, the smallest or least precise
    group on top, with the gain of partial pooling over the group alone as numbers.
    Right: the same averaged over groups at the bounds of tau's interval and between.
    Both scales are logarithmic.

    Parameters
    ----------
    result : Assessment

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    table = result.groups.sort_values("size", ascending=False, kind="stable")
    height = max(4.2, _MARGIN + _ROW * len(table))
    figure = Figure(figsize=(10.5, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _groups(left, table)
    left.set_xlabel(f"expected root mean squared error ({_UNITS[result.scale]})")
    _overall(right, result.spread)
    right.set_xlabel("tau, the standard deviation between groups")
    right.set_ylabel(f"the same over all groups ({_UNITS[result.scale]})")
    figure.suptitle(
        f"{label_text(result.data_name)}: a hierarchical model is {result.verdict}",
        x=0.01,
        ha="left",
    )
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def _groups(axes: Axes, table: pd.DataFrame) -> None:
    rows = list(range(len(table)))
    axes.hlines(
        rows, table["partial"] ** 0.5, table["none"] ** 0.5, color=GRID, linewidth=2
    )
    for column, name, colour, marker in _STRATEGIES:
        axes.scatter(
            table[column] ** 0.5,
            rows,
            s=30,
            color=colour,
            marker=marker,
            zorder=3,
            label=name,
        )
    axes.set_xscale("log")
    _numbered(axes.xaxis)
    axes.set_yticks(rows, [label_text(g) for g in table.index])
    axes.set_ylim(-0.8, len(table) - 0.2)
    for row, gain in zip(rows, table["gain"], strict=True):
        axes.text(
            1.01,
            row,
            f"{round(gain, 2) + 0.0:.0%}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=8,
            color=MUTED,
        )
    axes.set_title("By group; gain on the right", loc="left", fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _overall(axes: Axes, spread: pd.DataFrame) -> None:
    for column, name, colour, marker in _STRATEGIES:
        axes.plot(
            spread["tau"],
            spread[column] ** 0.5,
            color=colour,
            marker=marker,
            label=name,
        )
    axes.set_yscale("log")
    _numbered(axes.yaxis)
    axes.locator_params(axis="x", nbins=4)
    axes.set_title("Overall, over the interval of tau", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _numbered(axis: Axis) -> None:
    """Put numbers on a logarithmic axis that may span less than a decade."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
    axis.set_minor_formatter(NullFormatter())
