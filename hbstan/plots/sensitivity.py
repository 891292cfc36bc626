"""Figures of sensitivity: power-scaling, other priors, groups left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.plots.style import (
    ACCENT,
    BASE,
    CHAINS,
    FAINT,
    MUTED,
    THIRD,
    label_text,
    name_rows,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.sensitivity import Influence, PowerScaling, PriorSwaps

__all__ = ["influence", "power_scaling", "prior_swaps"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW = 1.9, 0.31
_MARKERS = ("o", "s", "^", "v", "P", "X")
_PRIORS, _LIKELIHOOD = "all priors", "likelihood"
_CONFLICT, _STRONG = "prior-data conflict", "strong prior / weak likelihood"
#: Of more cells the numbers could not be read.
_MOST_NUMBERED = 500


def power_scaling(result: PowerScaling) -> Figure:
    """Draw the sensitivity of every quantity to each prior and to the likelihood.

    Parameters
    ----------
    result : PowerScaling

    Returns
    -------
    matplotlib.figure.Figure
        The threshold is a dashed line. Quantities with a prior beyond it are named in
        colour: a conflict of prior and data, or a prior that decides. What is not
        known has no mark.
    """
    from matplotlib.figure import Figure

    table, count = result.table, len(result.table)
    figure = Figure(figsize=(7.5, _MARGIN + _ROW * count), layout="constrained")
    axes = figure.subplots()
    _components(axes, result)
    axes.axvline(
        result.threshold, color=MUTED, linestyle="--", linewidth=1, label="threshold"
    )
    name_rows(axes, [label_text(label) for label in table.index])
    _colour_rows(axes, table["diagnosis"])
    # Few sensitivities are near the largest; near zero the axis must be linear.
    axes.set_xscale("symlog", linthresh=result.threshold, linscale=1.5)
    axes.set_xlim(left=-0.04 * result.threshold)
    _plain_ticks(axes, result)
    axes.set_xlabel(
        "sensitivity: distance per doubling of the power (logarithmic above the "
        "threshold)"
    )
    axes.set_title(
        f"{label_text(result.data_name)}: power-scaling of {result.model}", loc="left"
    )
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def prior_swaps(result: PriorSwaps) -> Figure:
    """Draw how far each quantity moves under each of the other priors.

    Parameters
    ----------
    result : PriorSwaps

    Returns
    -------
    matplotlib.figure.Figure
        The posterior mean, in posterior standard deviations of the fit, with a bar of
        one posterior standard deviation under the swap; the band is the threshold.

    Raises
    ------
    FitError
        If no refit can be used.
    """
    from matplotlib.figure import Figure

    moves = result.moves().dropna(axis="columns", how="all")
    if moves.empty:
        raise FitError("there is no refit with another prior to draw.")
    swaps, count = list(moves.columns), len(moves)
    height = _MARGIN + 0.25 * len(swaps) / 2 + count * (0.16 + 0.075 * len(swaps))
    figure = Figure(figsize=(7.5, height), layout="constrained")
    axes = figure.subplots()
    _band(axes, result.threshold)
    ratios = result.table["sd_ratio"].unstack("swap").loc[moves.index]
    for place, swap in enumerate(swaps):
        offset = 0.72 * ((place + 0.5) / len(swaps) - 0.5)
        axes.errorbar(
            moves[swap],
            [row + offset for row in range(count)],
            xerr=ratios[swap],
            linestyle="",
            marker=_MARKERS[place // len(CHAINS) % len(_MARKERS)],
            markersize=4.5,
            color=CHAINS[place % len(CHAINS)],
            elinewidth=1.0,
            alpha=0.9,
            label=label_text(swap, 36),
        )
    name_rows(axes, [label_text(label) for label in moves.index])
    axes.set_xlabel("posterior mean ± sd under each prior (the fit: 0 ± 1)")
    axes.set_title(
        f"{label_text(result.data_name)}: other priors in {result.model}", loc="left"
    )
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def influence(result: Influence) -> Figure:
    """Draw what moves when each group is left out.

    Parameters
    ----------
    result : Influence

    Returns
    -------
    matplotlib.figure.Figure
        A heat map of quantities and groups left out, the most influential first.
        Numbers are moves in posterior standard deviations of the fit; those that
        reach the threshold are bold. A group's own estimate without it is a
        prediction and is crossed out; refits that cannot be used are empty.
    """
    import numpy as np
    from matplotlib.figure import Figure

    order = [str(group) for group in result.groups().index]
    moves = result.moves()[order]
    own = result.table["own"].unstack("without").loc[moves.index, order]
    values = moves.mask(own).to_numpy(dtype=float)
    count, width = values.shape
    size = (2.2 + max(0.55 * width, 3.4), 1.4 + _ROW * count)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    most = max(result.threshold, float(np.nanmax(np.abs(values), initial=0.0)))
    image = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    if values.size <= _MOST_NUMBERED:
        _numbers(axes, values, result.threshold, 0.6 * most)
    mine, places = np.nonzero(own.to_numpy(dtype=bool))
    axes.scatter(places, mine, marker="x", s=28, color=FAINT, linewidth=1.2)
    longest = max(len(group) for group in order)
    axes.set_xticks(
        range(width),
        [label_text(group, 14) for group in order],
        rotation=60 if longest > 4 else 0,
        ha="right" if longest > 4 else "center",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(count), [label_text(label) for label in moves.index])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("group left out, the most influential first")
    axes.set_title(
        f"{label_text(result.data_name)}: influence in {result.model}", loc="left"
    )
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("move of the posterior mean (sd of the fit)")
    bar.ax.spines["outline"].set_visible(False)
    return figure


def _components(axes: Axes, result: PowerScaling) -> None:
    table, rows = result.table, range(len(result.table))
    alone = [n for n in result.components.index if n not in (_PRIORS, _LIKELIHOOD)]
    for place, name in enumerate(alone):
        axes.scatter(
            table[name],
            rows,
            s=42,
            marker=_MARKERS[place % len(_MARKERS)],
            color=CHAINS[place % len(CHAINS)],
            alpha=0.85,
            zorder=3,
            label=label_text(name),
        )
    axes.scatter(
        table[_PRIORS],
        rows,
        s=60,
        marker="|",
        color="black",
        linewidth=1.6,
        zorder=4,
        label=_PRIORS,
    )
    axes.scatter(
        table[_LIKELIHOOD],
        rows,
        s=30,
        marker="D",
        facecolor="white",
        edgecolor=MUTED,
        zorder=2,
        label=_LIKELIHOOD,
    )


def _colour_rows(axes: Axes, diagnosis: pd.Series[Any]) -> None:
    """Colour the names of quantities with a diagnosis, and say what it means."""
    colours = {_CONFLICT: ACCENT, _STRONG: BASE}
    for tick, word in zip(axes.get_yticklabels(), diagnosis, strict=True):
        tick.set_color(colours.get(str(word), "black"))
    for word, colour in colours.items():
        if (diagnosis == word).any():
            axes.plot([], [], linestyle="", marker="$A$", color=colour, label=word)


def _plain_ticks(axes: Axes, result: PowerScaling) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    largest = float(result.table[list(result.components.index)].max().max())
    t = result.threshold
    steps = [0.0, t / 2, *(t * factor for factor in (1, 2, 4, 10, 20, 40, 100))]
    shown = [step for step in steps if step <= max(1.6 * largest, 2.1 * t)]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlim(right=max(1.25 * largest, 2.2 * t))


def _band(axes: Axes, threshold: float) -> None:
    axes.axvspan(
        -threshold,
        threshold,
        color=THIRD,
        alpha=0.1,
        linewidth=0,
        label=f"means within {threshold:g} sd",
    )
    axes.axvline(0.0, color=MUTED, linewidth=1)


def _numbers(axes: Axes, values: Any, threshold: float, dark: float) -> None:
    import numpy as np

    for (row, column), move in np.ndenumerate(values):
        if np.isnan(move):
            continue
        axes.text(
            column,
            row,
            f"{move:.1f}".replace("-0.0", "0.0"),
            ha="center",
            va="center",
            fontsize=8,
            weight="bold" if abs(move) >= threshold else "normal",
            color="white" if abs(move) > dark else "black",
        )
