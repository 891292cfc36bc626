"""Estimates of more groups than a picture has rows for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MOST_ROWS", "many_groups"]

#: More groups have no rows, and no names, of their own.
MOST_ROWS = 60


def many_groups(table: pd.DataFrame, ci_prob: float) -> tuple[Figure, Axes]:
    """Draw estimates with intervals side by side, in the order of the estimates.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by group: ``mean``, ``lower``, ``upper``, and ``raw`` if there is one.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    matplotlib.figure.Figure
    matplotlib.axes.Axes
        The axes, whose y-axis has the estimates.
    """
    import numpy as np
    from matplotlib.figure import Figure

    ordered = table.sort_values("mean", kind="stable")
    place = np.arange(len(ordered))
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.vlines(
        place,
        ordered["lower"],
        ordered["upper"],
        color=BASE,
        linewidth=1.0,
        alpha=0.45,
        label=f"posterior {ci_prob:.0%} interval",
    )
    axes.plot(place, ordered["mean"], ".", ms=4, color=BASE, label="posterior mean")
    if "raw" in ordered:
        axes.plot(
            place,
            ordered["raw"],
            linestyle="",
            marker="o",
            ms=3,
            markerfacecolor="none",
            color=ACCENT,
            label="raw estimate",
        )
    axes.set_xlabel("rank of the estimate")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
