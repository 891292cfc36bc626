"""Figures of data, before any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.plots.style import ACCENT, BASE, GRID, MUTED, label_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["funnel", "outcomes"]

#: Of more groups only those outside the limits are named.
_MOST_NAMED = 15
#: Sizes further apart than this factor are drawn on a logarithmic axis.
_WIDE = 20.0
#: More distinct outcomes share bars, of which there are so many.
_MOST_BARS, _BINS = 20, 40


def funnel(
    groups: pd.DataFrame,
    limits: pd.DataFrame,
    centre: float,
    *,
    name: str,
    axes: tuple[str, str],
) -> Figure:
    """Draw each group's raw value against its size, with the limits of chance.

    Parameters
    ----------
    groups : pandas.DataFrame
        Indexed by label: ``x``, the size (trials, or a standard error), and ``y``,
        the raw rate or estimate.
    limits : pandas.DataFrame
        ``x``, ``lower`` and ``upper``: where groups of one true value would lie.
    centre : float
        That value.
    name : str
        The data's name.
    axes : tuple of str
        Labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    plot = figure.subplots()
    plot.fill_between(
        limits["x"],
        limits["lower"],
        limits["upper"],
        color=GRID,
        alpha=0.7,
        linewidth=0,
        label="95 % of groups, if all were alike",
    )
    plot.axhline(centre, color=MUTED, linestyle="--", linewidth=1, label="all groups")
    low = np.interp(groups["x"], limits["x"], limits["lower"])
    high = np.interp(groups["x"], limits["x"], limits["upper"])
    outside = (groups["y"] < low - 1e-12) | (groups["y"] > high + 1e-12)
    for inside, colour, word in ((~outside, BASE, "inside"), (outside, ACCENT, "out")):
        some = groups[inside]
        if len(some):
            text = "group" if word == "inside" else "group outside"
            plot.scatter(some["x"], some["y"], s=34, color=colour, zorder=3, label=text)
    named = groups if len(groups) <= _MOST_NAMED else groups[outside]
    for label, row in named.head(2 * _MOST_NAMED).iterrows():
        plot.annotate(
            label_text(label, 18),
            (row["x"], row["y"]),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=8,
            color=MUTED,
        )
    x = groups["x"][groups["x"] > 0]
    if len(x) and x.max() > _WIDE * x.min():
        plot.set_xscale("log")
    plot.set_xlabel(axes[0])
    plot.set_ylabel(axes[1])
    plot.set_title(f"{label_text(name)}: the data", loc="left")
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def outcomes(values: NDArray[Any], *, name: str, whole: bool) -> Figure:
    """Draw how outcomes are distributed.

    Parameters
    ----------
    values : ndarray of shape (N,)
    name : str
        The data's name.
    whole : bool
        Whether they are whole numbers, each of which gets a bar.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    plot = figure.subplots()
    distinct, counts = np.unique(values, return_counts=True)
    if whole and len(distinct) <= _MOST_BARS:
        plot.bar(distinct, counts, width=0.8, color=BASE, alpha=0.7)
        plot.set_xticks(distinct)
    else:
        plot.hist(values, bins=_BINS, color=BASE, alpha=0.7)
    plot.set_xlabel("outcome")
    plot.set_ylabel("how often")
    plot.set_title(f"{label_text(name)}: the data", loc="left")
    for side in ("top", "right"):
        plot.spines[side].set_visible(False)
    return figure
