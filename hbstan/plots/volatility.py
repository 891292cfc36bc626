"""Figure of stochastic volatility: the returns, and the path behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, FAINT, GRID, MUTED, label_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.predictive.volatility import VolatilityPath

__all__ = ["volatility"]

#: Labels of times on the axis, at most.
_MOST_TICKS = 9


def volatility(path: VolatilityPath) -> Figure:
    """Draw returns with the bands of their volatility, and the volatility itself.

    Parameters
    ----------
    path : VolatilityPath
        What :func:`hbstan.predictive.volatility.volatility_path` returns.

    Returns
    -------
    matplotlib.figure.Figure
        Above the returns, within two standard deviations of their mean: the line is
        the posterior median, the shade its uncertainty. Below the standard deviation
        with its band, and the true path if it is known.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = path.table
    x = np.arange(len(table))
    figure = Figure(figsize=(8.5, 6.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    band = f"{path.ci_prob:.0%} band"
    for side in (-2.0, 2.0):
        label = None if side > 0 else f"mean ± 2 sd, {band}"
        lower, middle, upper = (
            path.center + side * table[name] for name in ("sd_lower", "sd", "sd_upper")
        )
        above.fill_between(x, lower, upper, color=BASE, alpha=0.22, linewidth=0)
        above.plot(x, middle, color=BASE, linewidth=1.3, label=label)
        if "sd_true" in table:
            true = path.center + side * table["sd_true"]
            above.plot(x, true, color=ACCENT, linewidth=1, linestyle="--")
    seen = table["seen"].to_numpy(dtype=bool)
    above.vlines(x, path.center, table["y"], color=FAINT, linewidth=0.7)
    above.plot(
        x[seen], table["y"][seen], ".", color=MUTED, markersize=4, label="return"
    )
    if not seen.all():
        held = table["y"][~seen]
        above.plot(x[~seen], held, "x", color=MUTED, markersize=5, label="held out")
    above.set_ylabel("return (unit of y)")
    above.set_title(f"{label_text(path.data_name)}: {path.model}", loc="left")
    below.fill_between(
        x, table["sd_lower"], table["sd_upper"], color=BASE, alpha=0.22, linewidth=0
    )
    below.plot(x, table["sd"], color=BASE, linewidth=1.3)
    if "sd_true" in table:
        below.plot(
            x, table["sd_true"], color=ACCENT, linewidth=1, linestyle="--", label="true"
        )
    below.set_ylabel("standard deviation")
    below.set_ylim(bottom=0.0)
    _name_times(below, [str(label) for label in table.index])
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.margins(x=0.01)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _name_times(axes: Axes, labels: list[str]) -> None:
    step = -(-len(labels) // _MOST_TICKS)
    places = range(0, len(labels), step)
    axes.set_xticks(places, [label_text(labels[i], 12) for i in places])
    axes.set_xlabel("time")
