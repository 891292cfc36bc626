"""Figures of crossed factors: poststratified shares, and league tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, MUTED, THIRD, label_text, name_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from hbstan.pooling import Poststratified
    from hbstan.predictive import LeagueTable

__all__ = ["league_table", "poststratified"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW = 1.5, 0.3
#: Areas of the circles of raw shares, in square points.
_SMALLEST, _LARGEST = 8.0, 160.0


def poststratified(
    result: Poststratified, *, truth: Mapping[str, float] | None = None
) -> Figure:
    """Draw the estimated shares beside those of the respondents.

    Parts are ordered by their estimate. A circle's area grows with the number of
    respondents.

    Parameters
    ----------
    result : Poststratified
    truth : mapping of str to float, optional
        The true shares by part, where they are known.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = result.table.sort_values("mean", ascending=False, kind="stable")
    rows = np.arange(len(table))
    figure = Figure(figsize=(7.0, _MARGIN + _ROW * len(table)), layout="constrained")
    axes = figure.subplots()
    axes.hlines(rows, table["lower"], table["upper"], color=BASE, linewidth=2)
    label = f"poststratified, {100 * result.ci_prob:g} % interval"
    axes.scatter(table["mean"], rows, s=34, color=BASE, zorder=4, label=label)
    most = max(float(table["respondents"].max()), 1.0)
    size = _SMALLEST + (_LARGEST - _SMALLEST) * table["respondents"] / most
    axes.scatter(
        table["raw"],
        rows,
        s=size,
        facecolor="none",
        edgecolor=ACCENT,
        linewidth=1.3,
        zorder=3,
        label="respondents' own share (area: respondents)",
    )
    if truth is not None:
        known = [truth.get(str(part), np.nan) for part in table.index]
        axes.scatter(
            known,
            rows,
            s=46,
            marker="|",
            color=THIRD,
            zorder=5,
            linewidth=2,
            label="truth",
        )
    counts = [
        f"{label_text(part)} ({n})"
        for part, n in zip(table.index, table["respondents"], strict=True)
    ]
    name_rows(axes, counts)
    axes.set_xlabel("share with the event (probability)")
    by = f" by {', '.join(result.by)}" if result.by else ""
    axes.set_title(f"{result.data_name}: shares{by} in {result.model}", loc="left")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def league_table(result: LeagueTable) -> Figure:
    """Draw the points of every team, and its probability of each place.

    Parameters
    ----------
    result : LeagueTable

    Returns
    -------
    matplotlib.figure.Figure
        Left, expected points with intervals and the points in the data; right, the
        probabilities of places, of which those of 0.5 % and more have a number.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table, count = result.table, len(result.table)
    rows = np.arange(count)
    size = (5.0 + 0.42 * count, _MARGIN + 0.36 * count)
    figure = Figure(figsize=size, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[4.0, 0.42 * count])
    left.hlines(rows, table["lower"], table["upper"], color=BASE, linewidth=2)
    label = f"expected, {100 * result.ci_prob:g} % interval"
    left.scatter(table["points"], rows, s=34, color=BASE, zorder=4, label=label)
    left.scatter(
        table["observed"],
        rows,
        s=40,
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.4,
        zorder=3,
        label="in the data",
    )
    name_rows(left, [label_text(team) for team in table.index])
    left.set_xlabel("points")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    values = result.places.to_numpy()
    right.imshow(values, cmap="Blues", vmin=0.0, vmax=values.max(), aspect="auto")
    for (row, place), share in np.ndenumerate(values):
        if share >= 0.005:
            color = "white" if share > 0.55 * values.max() else MUTED
            text = f"{100 * share:.0f}"
            right.text(place, row, text, ha="center", va="center", color=color, size=8)
    right.set_xticks(range(count), [str(place) for place in result.places.columns])
    right.set_yticks([])
    right.set_xlabel("place: probability, per cent")
    season = "rest of the season" if result.kept else "season played again"
    figure.suptitle(f"{result.data_name}: {season}, {result.model}", x=0.02, ha="left")
    return figure
