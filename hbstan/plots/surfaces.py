"""Figures of surfaces: what is known of one, and the way to its minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.plots.style import ACCENT, BASE, FAINT, GRID, MUTED, THIRD, label_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.surrogate import Minimum, SurfacePrediction

__all__ = ["minimization", "surrogate"]

#: Contours of a surface of two inputs.
_LEVELS = 12


def surrogate(result: SurfacePrediction) -> Figure:
    """Draw a surface with its uncertainty, and the expected improvement.

    For one input the mean with its interval and, below, the expected improvement; for
    two inputs both as contours; for more, the candidates' means and expected
    improvements against each input.

    Parameters
    ----------
    result : SurfacePrediction

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = len(result.inputs)
    if count == 1:
        figure = _line(result)
    elif count == 2:
        figure = _contours(result)
    else:
        figure = _scatter(result)
    name = label_text(result.data_name)
    figure.suptitle(f"{name}: the surface and where it may be lower", x=0.02, ha="left")
    return figure


def minimization(result: Minimum) -> Figure:
    """Draw the outcomes of a search and what it still promised.

    Above, each outcome and the least so far; crosses on the axis are evaluations that
    failed. Below, the expected improvement that each point was chosen for.

    Parameters
    ----------
    result : Minimum

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    history = result.history
    worked = history["error"] == ""
    first = history["stage"] == "initial"
    for rows, colour, text in (
        (first & worked, MUTED, "outcome, initial points"),
        (~first & worked, BASE, "outcome, search"),
    ):
        some = history[rows]
        top.scatter(some.index, some["y"], s=28, color=colour, label=text, zorder=3)
    failed = history[~worked]
    if len(failed):
        top.plot(
            failed.index,
            [0.02] * len(failed),
            "x",
            color=ACCENT,
            transform=top.get_xaxis_transform(),
            label="failed",
        )
    top.step(
        history.index, history["best"], where="post", color=ACCENT, label="least so far"
    )
    top.set_ylabel("outcome")
    promised = history[history["ei"] > 0]
    bottom.plot(promised.index, promised["ei"], "o-", color=THIRD, ms=4)
    if len(promised):
        bottom.set_yscale("log")
    bottom.set_ylabel("expected improvement")
    bottom.set_xlabel("evaluation")
    bottom.xaxis.get_major_locator().set_params(integer=True)
    top.set_title("the search for a minimum", loc="left")
    _clean(top, bottom)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _line(result: SurfacePrediction) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5.4), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    (name,) = result.inputs
    table = result.candidates.sort_values(name)
    x = table[name]
    percent = f"{100 * result.ci_prob:g} % interval"
    top.fill_between(
        x, table["lower"], table["upper"], color=BASE, alpha=0.2, lw=0, label=percent
    )
    top.plot(x, table["mean"], color=BASE, label="surface, mean")
    for held, colour, text in ((False, MUTED, "outcome"), (True, FAINT, "held out")):
        some = result.points[result.points["holdout"] == held]
        if len(some):
            top.scatter(some[name], some["y"], s=28, color=colour, label=text, zorder=3)
    top.set_ylabel("outcome")
    bottom.fill_between(x, 0, table["ei"], color=THIRD, alpha=0.3, lw=0)
    bottom.plot(x, table["ei"], color=THIRD, label="expected improvement")
    place = result.best[name]
    for axes in (top, bottom):
        axes.axvline(place, color=ACCENT, ls="--", lw=1)
    bottom.plot([], [], color=ACCENT, ls="--", lw=1, label="where it is largest")
    bottom.set_ylim(bottom=0)
    bottom.set_ylabel("expected improvement")
    bottom.set_xlabel(label_text(name))
    _clean(top, bottom)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _contours(result: SurfacePrediction) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    first, second = result.inputs
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    table = result.candidates
    for axes, column, text, colours in (
        (panels[0], "mean", "surface, mean", "viridis"),
        (panels[1], "ei", "expected improvement", "Greens"),
    ):
        filled = axes.tricontourf(
            table[first], table[second], table[column], levels=_LEVELS, cmap=colours
        )
        figure.colorbar(filled, ax=axes)
        axes.set_title(text, loc="left", fontsize=10)
        axes.scatter(
            result.points[first],
            result.points[second],
            s=18,
            color="white",
            edgecolor="black",
            label="points" if column == "mean" else None,
        )
        axes.scatter(
            [result.best[first]],
            [result.best[second]],
            s=90,
            marker="*",
            color=ACCENT,
            edgecolor="black",
            zorder=4,
            label="largest expected improvement" if column == "mean" else None,
        )
        axes.set_xlabel(label_text(first))
    panels[0].set_ylabel(label_text(second))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _scatter(result: SurfacePrediction) -> Figure:
    from matplotlib.figure import Figure

    count = len(result.inputs)
    figure = Figure(figsize=(2.6 * count + 1, 5.4), layout="constrained")
    grid: Any = figure.subplots(2, count, sharex="col", sharey="row")
    table = result.candidates
    for k, name in enumerate(result.inputs):
        top, bottom = grid[0, k], grid[1, k]
        top.scatter(table[name], table["mean"], s=8, color=BASE)
        top.scatter(result.points[name], result.points["y"], s=22, color=MUTED)
        bottom.scatter(table[name], table["ei"], s=8, color=THIRD)
        bottom.axvline(result.best[name], color=ACCENT, ls="--", lw=1)
        bottom.set_xlabel(label_text(name))
        _clean(top, bottom)
    grid[0, 0].scatter([], [], s=22, color=MUTED, label="outcome")
    grid[0, 0].scatter([], [], s=8, color=BASE, label="surface at candidates, mean")
    grid[1, 0].plot([], [], color=ACCENT, ls="--", lw=1, label="largest improvement")
    grid[0, 0].set_ylabel("outcome")
    grid[1, 0].set_ylabel("expected improvement")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _clean(*panels: Axes) -> None:
    for axes in panels:
        axes.grid(color=GRID, lw=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
