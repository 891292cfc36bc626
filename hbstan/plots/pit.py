"""The figure of leave-one-out PIT values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, FAINT, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.predictive import LooPit

__all__ = ["loo_pit"]


def loo_pit(result: LooPit) -> Figure:
    """Draw the ECDF of leave-one-out PIT values minus that of the uniform.

    Parameters
    ----------
    result : LooPit

    Returns
    -------
    matplotlib.figure.Figure
        With the 95 % band of independent values, and a mark for each group; groups
        whose weights cannot be believed are marked in another colour. The title has
        the p-value of the test that allows for dependence.
    """
    from matplotlib.figure import Figure

    ecdf = result.ecdf()
    figure = Figure(figsize=(7.0, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(
        ecdf["z"],
        ecdf["lower"],
        ecdf["upper"],
        step="mid",
        color=FAINT,
        alpha=0.45,
        linewidth=0,
        label="95 % band (independent values)",
    )
    axes.axhline(0.0, color=MUTED, linewidth=0.9)
    axes.step(
        ecdf["z"],
        ecdf["difference"],
        where="mid",
        color=BASE,
        linewidth=1.8,
        label="ECDF minus uniform",
    )
    _pit_marks(axes, result, 1.12 * float(ecdf[["lower", "difference"]].min().min()))
    axes.set_xlim(0, 1)
    axes.set_xlabel("leave-one-out PIT")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{result.data_name}: {result.model}, p of uniformity {result.p_value:.2g}",
        loc="left",
        fontsize=11,
    )
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _pit_marks(axes: Axes, result: LooPit, height: float) -> None:
    doubtful = result.table.index.isin(result.doubtful)
    pit = result.table["pit"].to_numpy()
    kinds = (
        (~doubtful, BASE, "groups"),
        (doubtful, ACCENT, "groups with doubtful weights"),
    )
    for where, color, name in kinds:
        if where.any():
            axes.plot(
                pit[where],
                [height] * int(where.sum()),
                linestyle="",
                marker="|",
                markersize=10,
                color=color,
                label=name,
            )
