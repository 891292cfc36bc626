"""Figure of a meta-analysis: the studies, and what they say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.plots.style import ACCENT, BASE, GRID, MUTED, THIRD, label_text, name_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.pooling.meta import MetaRegression

__all__ = ["meta_forest"]

#: Rows below the studies: heading, columns of the table, colour.
_SUMMARIES = (
    ("mean effect, posterior", "mu", ("mean", "lower", "upper"), BASE),
    ("mean effect, REML", "mu", ("reml", "reml_lower", "reml_upper"), THIRD),
    (
        "mean effect, DerSimonian-Laird",
        "mu",
        ("dersimonian_laird", "dersimonian_laird_lower", "dersimonian_laird_upper"),
        ACCENT,
    ),
    ("new study, posterior", "theta_new", ("mean", "lower", "upper"), BASE),
    ("new study, REML", "theta_new", ("reml", "reml_lower", "reml_upper"), THIRD),
)
#: Areas of the squares, in points squared: the most precise study's, and the least.
_LARGEST, _SMALLEST = 130.0, 12.0


def meta_forest(result: MetaRegression) -> Figure:
    """Draw each study's estimate and its posterior, and below what they say together.

    Parameters
    ----------
    result : MetaRegression
        What :func:`hbstan.pooling.meta.meta_analysis` returns.

    Returns
    -------
    matplotlib.figure.Figure
        A row a study: the estimate with its own interval, a square whose area grows
        with its precision; the posterior of the study's effect; and, with covariates, a
        mark where they predict it. Below a line the mean effect and a new study.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = result.studies
    rows = np.arange(len(table))
    height = 2.0 + 0.36 * (len(table) + len(_SUMMARIES))
    figure = Figure(figsize=(8.0, height), layout="constrained")
    axes = figure.subplots()
    axes.hlines(rows - 0.13, table["y_lower"], table["y_upper"], color=MUTED)
    share = (table["sigma"].min() / table["sigma"]) ** 2
    axes.scatter(
        table["y"],
        rows - 0.13,
        s=np.maximum(_LARGEST * share, _SMALLEST),
        marker="s",
        color=MUTED,
        zorder=3,
        label="estimate",
    )
    axes.hlines(
        rows + 0.17,
        table["lower"],
        table["upper"],
        color=BASE,
        linewidth=2.2,
        alpha=0.6,
    )
    axes.scatter(
        table["mean"], rows + 0.17, s=26, color=BASE, zorder=4, label="posterior"
    )
    if result.at:
        axes.scatter(
            table["expected"],
            rows + 0.17,
            marker="|",
            s=90,
            color=ACCENT,
            zorder=5,
            label="predicted by covariates",
        )
    _summaries(axes, result, len(table))
    _name_rows(axes, [label_text(label) for label in table.index])
    axes.set_xlabel(f"effect (unit of y), {result.ci_prob:.0%} intervals{_at(result)}")
    axes.set_title(f"{label_text(result.name)}: meta-analysis", loc="left")
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _summaries(axes: Axes, result: MetaRegression, studies: int) -> None:
    figures = result.table.to_dict(orient="index")
    for place, (_, quantity, columns, color) in enumerate(_SUMMARIES):
        middle, lower, upper = (figures[quantity][name] for name in columns)
        row = studies + 0.2 + place
        # A mean is a diamond, a prediction an open one on a dashed line.
        new = quantity == "theta_new"
        style = "dashed" if new else "solid"
        axes.hlines(row, lower, upper, color=color, linestyle=style, linewidth=2)
        face = "white" if new else color
        axes.plot(middle, row, "D", color=color, markerfacecolor=face, markersize=7)


def _name_rows(axes: Axes, studies: list[str]) -> None:
    count = len(studies)
    names = [*studies, *(row[0] for row in _SUMMARIES)]
    below = [count + 0.2 + place for place in range(len(_SUMMARIES))]
    axes.set_yticks([*range(count), *below], names)
    axes.axhline(count - 0.4, color=GRID, linewidth=1)
    axes.set_ylim(len(names) + 0.2, -0.7)
    name_rows(axes, None)


def _at(result: MetaRegression) -> str:
    """Say which covariates the new study has."""
    if not result.at:
        return ""
    values = ", ".join(f"{label_text(k)} {v:.4g}" for k, v in result.at.items())
    return f"\nmean effect at mean covariates, new study at {values}"
