"""Figures of pooling: shrinkage, ranks, heterogeneity and exceedance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.plots.style import (
    ACCENT,
    BASE,
    FAINT,
    GRID,
    MUTED,
    THIRD,
    label_text,
    name_rows,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.pooling import Exceedance, Heterogeneity, Ranks, Shrinkage

__all__ = ["exceedance", "heterogeneity", "rank_probabilities", "shrinkage"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW = 1.9, 0.33
#: Shorter moves, as a share of the picture's width, are drawn without an arrow.
_SHORTEST_ARROW = 0.02
#: Of more groups the numbers in the cells could not be read.
_MOST_NUMBERED = 20
#: Smaller probabilities are left blank, so that the others stand out.
_LEAST_NUMBERED = 0.005
#: The darkest colour stands for this probability at least.
_DARKEST = 0.5
#: Marks of expected ranks stand below the numbers, in rows.
_BELOW = 0.36
_CLASSICAL = {
    "dersimonian_laird": ("DerSimonian-Laird", ACCENT, "D"),
    "reml": ("restricted maximum likelihood", THIRD, "s"),
}


def shrinkage(result: Shrinkage) -> Figure:
    """Draw how each group moves from its raw estimate to its posterior mean.

    Groups are ordered by size, the smallest (or least precise) on top. The numbers on
    the right are the shrinkage factors; those of groups too close to the population's
    mean for their factor to tell anything stand in parentheses.

    Parameters
    ----------
    result : Shrinkage

    Returns
    -------
    matplotlib.figure.Figure
    """
    import numpy as np
    from matplotlib.figure import Figure

    binomial = result.kind == "binomial"
    by = "trials" if binomial else "sigma"
    table = result.table.sort_values(by, ascending=binomial, kind="stable")
    figure = Figure(figsize=(7.5, _MARGIN + _ROW * len(table)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(table))
    width = float(np.ptp(table[["raw", "posterior"]].stack()))
    moves = zip(rows, table["raw"], table["posterior"], strict=True)
    for row, raw, posterior in moves:
        if abs(posterior - raw) > _SHORTEST_ARROW * width:
            _arrow(axes, float(row), raw, posterior)
    axes.axvline(
        table["population"].iloc[0],
        color=MUTED,
        linestyle="--",
        linewidth=1,
        label="population mean",
    )
    axes.scatter(
        table["raw"],
        rows,
        s=40,
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.4,
        zorder=3,
        label="raw estimate",
    )
    axes.scatter(
        table["posterior"], rows, s=34, color=BASE, zorder=4, label="posterior mean"
    )
    name_rows(axes, [_with_size(g, row, binomial) for g, row in table.iterrows()])
    _factors(axes, table)
    axes.set_xlabel("probability" if binomial else "effect (unit of y)")
    axes.set_title(f"{result.data_name}: shrinkage in {result.model}", loc="left")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def rank_probabilities(result: Ranks) -> Figure:
    """Draw the probability of each rank for each group.

    Parameters
    ----------
    result : Ranks

    Returns
    -------
    matplotlib.figure.Figure
        A heat map, groups ordered by expected rank, which a dot marks. Probabilities
        below 0.5 % have no number; nor has any where there are more than 20 groups.
    """
    from matplotlib.figure import Figure

    order = result.table["expected"].sort_values(kind="stable").index
    matrix = result.probabilities.loc[order]
    values, count = matrix.to_numpy(), len(matrix)
    side = max(2.4, min(0.48 * count, 9.0))
    figure = Figure(figsize=(side + 3.2, 0.8 * side + 1.4), layout="constrained")
    axes = figure.subplots()
    most = max(_DARKEST, float(values.max()))
    image = axes.imshow(values, cmap="Blues", vmin=0.0, vmax=most, aspect="auto")
    numbered = count <= _MOST_NUMBERED
    if numbered:
        _numbers(axes, values, 0.55 * most)
        axes.set_xticks(range(count), [str(rank) for rank in matrix.columns])
    axes.set_yticks(range(count), [label_text(g) for g in matrix.index])
    axes.plot(
        result.table.loc[order, "expected"] - 1,
        [row + _BELOW for row in range(count)],
        linestyle="",
        marker="o",
        markersize=5,
        markerfacecolor=ACCENT,
        markeredgecolor="white",
        label="expected rank",
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"rank, 1 = best ({result.best})")
    axes.set_title(f"{result.data_name}: ranks in {result.model}", loc="left")
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("probability (numbers: per cent)" if numbered else "probability")
    bar.ax.spines["outline"].set_visible(False)
    figure.legend(loc="outside lower center", frameon=False, fontsize=9)
    return figure


def heterogeneity(result: Heterogeneity) -> Figure:
    """Draw the posterior of tau and I^2 beside the classical estimates.

    Parameters
    ----------
    result : Heterogeneity

    Returns
    -------
    matplotlib.figure.Figure
        Panels for tau, for I^2 and for a new group, whose parameter has no classical
        estimate.
    """
    from matplotlib.figure import Figure

    new = "new_p" if result.kind == "binomial" else "new_theta"
    labels = {
        "tau": f"standard deviation between groups, tau ({result.unit})",
        "i2": "share of the variance that is between groups, I²",
        new: "a new group: "
        + ("probability" if new == "new_p" else f"effect ({result.unit})"),
    }
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    panels = figure.subplots(3, 1, height_ratios=(3, 3, 1.6))
    for axes, (name, label) in zip(panels, labels.items(), strict=True):
        _posterior(axes, result.posterior.loc[name], result.ci_prob)
        for row, (method, look) in enumerate(_CLASSICAL.items(), start=1):
            if name in result.classical.table:
                _classical(axes, row, result.classical.table.loc[method], name, look)
        axes.set_xlabel(label)
        last = 2 if name in result.classical.table else 0
        axes.set_ylim(last + 0.7, -0.7)
        axes.set_yticks([])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.grid(axis="x", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        if name in ("tau", "new_p"):
            axes.set_xlim(left=0.0)
        if name == "i2":
            axes.set_xlim(0.0, 1.0)
    panels[0].set_title(
        f"{result.data_name}: heterogeneity in {result.model}", loc="left"
    )
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    return figure


def exceedance(result: Exceedance) -> Figure:
    """Draw each group's probability of lying above the threshold.

    Parameters
    ----------
    result : Exceedance

    Returns
    -------
    matplotlib.figure.Figure
        Bars, the largest on top, each with two Monte Carlo errors either way.

    Raises
    ------
    FitError
        If there is no group.
    """
    from matplotlib.figure import Figure

    table = result.table.sort_values("probability", ascending=False, kind="stable")
    if table.empty:
        raise FitError("there is no group to draw.")
    figure = Figure(
        figsize=(7.0, _MARGIN - 0.4 + _ROW * len(table)), layout="constrained"
    )
    axes = figure.subplots()
    rows = range(len(table))
    axes.barh(
        rows,
        table["probability"],
        xerr=2.0 * table["mcse"],
        color=BASE,
        alpha=0.85,
        height=0.65,
        error_kw={"ecolor": MUTED, "elinewidth": 1.2},
    )
    for row, p, error in zip(rows, table["probability"], table["mcse"], strict=True):
        axes.text(p + 2.0 * error + 0.012, row, _rounded(p), va="center", fontsize=9)
    name_rows(axes, [label_text(group) for group in table.index])
    axes.set_xlim(0.0, 1.1)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    scale = "" if result.scale == "probability" else f", {result.scale}"
    axes.set_xlabel(f"P(above {result.threshold:g}{scale})")
    axes.set_title(f"{result.data_name}: exceedance in {result.model}", loc="left")
    return figure


def _rounded(p: float) -> str:
    """Return a probability with two digits, and none that looks certain."""
    if p >= 0.995:
        return ">0.99"
    return "<0.01" if p < 0.005 else f"{p:.2f}"


def _with_size(group: Any, row: Any, binomial: bool) -> str:
    text = label_text(group)
    if binomial:
        return f"{text}  {int(row['events'])}/{int(row['trials'])}"
    return f"{text}  ± {row['sigma']:.3g}"


def _factors(axes: Axes, table: pd.DataFrame) -> None:
    """Write the factors into a column on the right."""
    place = axes.get_yaxis_transform()
    axes.text(1.02, -0.75, "factor", transform=place, fontsize=9, color=MUTED)
    for row, (factor, distinct) in enumerate(
        zip(table["factor"], table["distinct"], strict=True)
    ):
        known = factor == factor
        text = f"{factor:.2f}" if known else "–"
        text = text if distinct or not known else f"({text})"
        color = "black" if distinct else MUTED
        axes.text(1.02, row, text, transform=place, va="center", fontsize=9, c=color)


def _arrow(axes: Axes, row: float, start: float, end: float) -> None:
    axes.annotate(
        "",
        xy=(end, row),
        xytext=(start, row),
        arrowprops={
            "arrowstyle": "->",
            "color": FAINT,
            "linewidth": 1.3,
            "shrinkA": 4,
            "shrinkB": 3,
        },
        zorder=2,
    )


def _numbers(axes: Axes, values: Any, dark: float) -> None:
    import numpy as np

    for (row, column), p in np.ndenumerate(values):
        if p >= _LEAST_NUMBERED:
            color = "white" if p > dark else "black"
            text = f"{100 * p:.0f}"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=8, color=color
            )


def _posterior(axes: Axes, row: Any, ci_prob: float) -> None:
    axes.plot(
        [row["lower"], row["upper"]],
        [0, 0],
        color=BASE,
        linewidth=2.2,
        alpha=0.55,
        label=f"posterior {ci_prob:.0%} and 50% intervals, median",
    )
    axes.plot(
        [row["inner_lower"], row["inner_upper"]],
        [0, 0],
        color=BASE,
        linewidth=6,
        solid_capstyle="butt",
    )
    axes.plot(
        row["median"],
        0,
        marker="o",
        markersize=8,
        markerfacecolor="white",
        markeredgecolor=BASE,
    )


def _classical(
    axes: Axes, row: int, estimates: Any, name: str, look: tuple[str, str, str]
) -> None:
    label, color, marker = look
    axes.plot(
        [estimates[f"{name}_lower"], estimates[f"{name}_upper"]],
        [row, row],
        color=color,
        linewidth=1.4,
        alpha=0.7,
    )
    axes.plot(
        estimates[name],
        row,
        linestyle="",
        marker=marker,
        markersize=7,
        color=color,
        label=f"{label}, Q-profile interval",
        clip_on=False,
    )
