"""Figures of item response models: the items' curves, and persons beside items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.plots.style import ACCENT, BASE, CHAINS, GRID, MUTED, label_text
from hbstan.pooling.items import ability_table, item_table
from hbstan.pooling.items import item_curves as curves_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.fit import Fit
    from hbstan.pooling import ItemCurves

__all__ = ["item_curves", "person_item_map"]

#: Of more items the panels would be too small; they are to be chosen.
_MOST_ITEMS = 30
_COLUMNS = 6
#: More countries than colours are drawn together.
_MOST_COUNTRIES = len(CHAINS)
_WIDTH = 0.25


def item_curves(
    fit: Fit, items: Sequence[str] | None = None, *, ci_prob: float = 0.94
) -> Figure:
    """Draw the probability of a correct answer to each item by ability.

    Parameters
    ----------
    fit : Fit
        A fit of ``irt_1pl`` or ``irt_2pl``.
    items : sequence of str, optional
        Labels of at most 30 items, in order; by default all if they are not more, or
        else the first 30.
    ci_prob : float
        Probability of the band at each ability.

    Returns
    -------
    matplotlib.figure.Figure
        A panel an item. Points are shares of correct answers in fifths of the
        persons by posterior mean ability, larger where more of them answered.

    Raises
    ------
    FitError
        If the fit is not of an item response model, an item is unknown, or they are
        too many.
    """
    from matplotlib.figure import Figure

    if items is not None and not isinstance(items, str) and len(items) > _MOST_ITEMS:
        raise FitError(
            f"{len(items)} items are asked for; legal: at most {_MOST_ITEMS} in one "
            "figure.",
            remedy="Draw several figures.",
        )
    result = curves_of(fit, items, ci_prob)
    shown = result.items[:_MOST_ITEMS]
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(
        figsize=(max(1.75 * columns, 4.5), 1.1 + 1.55 * rows), layout="constrained"
    )
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for k, axes in enumerate(panels.flat):
        if k < len(shown):
            _curve(axes, result, k)
        else:
            axes.set_axis_off()
    panels[-1, columns // 2].set_xlabel("ability (sd within a country)", fontsize=9)
    figure.supylabel("probability of a correct answer", fontsize=10)
    left = len(result.items) - len(shown)
    more = f"; {left} items more" if left else ""
    figure.suptitle(f"{result.data_name}: items in {result.model}{more}", fontsize=11)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    return figure


def person_item_map(fit: Fit, *, ci_prob: float = 0.94) -> Figure:
    """Draw persons and items along one scale: who is able, what is difficult.

    Parameters
    ----------
    fit : Fit
        A fit of ``irt_1pl`` or ``irt_2pl``.
    ci_prob : float
        Probability of the items' intervals.

    Returns
    -------
    matplotlib.figure.Figure
        On the left the persons' posterior mean abilities, stacked by country; on the
        right the items by difficulty. A person as able as an item is difficult
        solves it with probability one half.

    Raises
    ------
    FitError
        If the fit is not of an item response model.
    """
    from matplotlib.figure import Figure

    persons, items = ability_table(fit, ci_prob), item_table(fit, ci_prob)
    items = items.sort_values("b_mean", kind="stable")
    width = 3.2 + max(3.0, 0.26 * len(items))
    figure = Figure(figsize=(min(width, 16.0), 5.2), layout="constrained")
    left, right = figure.subplots(
        1, 2, sharey=True, width_ratios=(3.0, min(width, 16.0) - 3.2)
    )
    _persons(left, persons)
    _items(right, items, ci_prob)
    left.set_ylabel("ability, difficulty (sd of ability within a country)")
    title = f"{fit.tree.attrs['data_name']}: persons and items in {fit.model}"
    figure.suptitle(title, fontsize=11)
    return figure


def _curve(axes: Axes, result: ItemCurves, k: int) -> None:
    axes.fill_between(
        result.ability,
        result.lower[k],
        result.upper[k],
        color=BASE,
        alpha=0.25,
        linewidth=0,
        label=f"{result.ci_prob:.0%} band",
    )
    axes.plot(
        result.ability,
        result.mean[k],
        color=BASE,
        linewidth=1.5,
        label="posterior mean",
    )
    own = result.observed[result.observed["item"] == result.items[k]]
    axes.scatter(
        own["ability"],
        own["share"],
        s=own["answers"].clip(upper=60),
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.1,
        zorder=3,
        clip_on=False,
        label="share correct, by fifths of persons",
    )
    axes.set_title(label_text(result.items[k], 18), fontsize=9)
    axes.set_ylim(0.0, 1.0)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.tick_params(labelsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


def _persons(axes: Axes, table: pd.DataFrame) -> None:
    """Stack a histogram of abilities, a colour a country."""
    import numpy as np

    countries = list(dict.fromkeys(table["country"]))
    split = 1 < len(countries) <= _MOST_COUNTRIES
    parts: list[Any] = (
        [table["mean"][table["country"] == c] for c in countries]
        if split
        else [table["mean"]]
    )
    ends = np.floor(table["mean"].min() / _WIDTH), np.ceil(table["mean"].max() / _WIDTH)
    bins = np.arange(ends[0], ends[1] + 1.5) * _WIDTH
    axes.hist(
        parts,
        bins=bins.tolist(),
        stacked=True,
        orientation="horizontal",
        color=CHAINS[: len(parts)],
        edgecolor="white",
        linewidth=0.5,
        label=[label_text(c, 16) for c in countries] if split else None,
    )
    axes.invert_xaxis()
    axes.set_xlabel("persons (posterior mean ability)")
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    if split:
        axes.legend(frameon=False, fontsize=8, loc="upper left")


def _items(axes: Axes, table: pd.DataFrame, ci_prob: float) -> None:
    """Draw difficulties with intervals."""
    places = range(len(table))
    axes.vlines(
        places,
        table["b_lower"],
        table["b_upper"],
        color=ACCENT,
        linewidth=2.0,
        alpha=0.55,
        label=f"{ci_prob:.0%} interval",
    )
    axes.scatter(
        places, table["b_mean"], color=ACCENT, s=22, zorder=3, label="posterior mean"
    )
    axes.set_xticks(
        places,
        [label_text(label, 14) for label in table.index],
        rotation=90,
        fontsize=8,
    )
    axes.set_xlabel("items, by difficulty", color=MUTED)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
