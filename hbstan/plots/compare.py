"""Figures of comparisons: which model predicts better, and in which groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.plots.style import (
    ACCENT,
    BASE,
    CHAINS,
    FAINT,
    GRID,
    MUTED,
    THIRD,
    label_text,
    name_rows,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.compare import Comparison

__all__ = ["comparison", "pointwise_differences"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW = 1.9, 0.42
_GROUP_ROW = 0.33
#: Part of a group's row that its models share.
_SPREAD = 0.5
_VERDICTS = {
    "best": THIRD,
    "indistinguishable": BASE,
    "unproven": BASE,
    "worse": ACCENT,
    "undecided": FAINT,
}


def comparison(found: Comparison) -> Figure:
    """Draw elpd with its standard error, and differences from the best model.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    matplotlib.figure.Figure
        Left: elpd and se. Right: elpd minus that of the best model, with 2 dse (thin)
        and 2 Monte Carlo errors (thick); within the shaded band, 4 nats wide,
        differences are small. The se of elpd is mostly what groups have in common,
        so overlapping bars on the left do not tell whether models differ.
    """
    import numpy as np
    from matplotlib.figure import Figure

    from hbstan.compare import SMALL

    table = found.table
    rows = np.arange(len(table))
    figure = Figure(figsize=(9.5, _MARGIN + _ROW * len(table)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.25])
    colors = [_VERDICTS[verdict] for verdict in table["verdict"]]
    left.hlines(
        rows, table["elpd"] - table["se"], table["elpd"] + table["se"], color=colors
    )
    left.scatter(table["elpd"], rows, s=34, color=colors, zorder=3)
    left.set_xlabel("elpd ± se (nats)")
    right.axvspan(-SMALL, 0, color=GRID, alpha=0.6, linewidth=0)
    right.axvline(0, color=MUTED, linestyle="--", linewidth=1)
    for width, column in ((1.2, "dse"), (4.5, "mcse")):
        low, high = (table["elpd_diff"] + s * 2 * table[column] for s in (-1, 1))
        right.hlines(rows, low, high, color=colors, linewidth=width)
    right.scatter(table["elpd_diff"], rows, s=34, color=colors, zorder=3)
    right.set_xlabel(f"elpd minus that of {label_text(found.best)} (nats)")
    for row, (_, model) in zip(rows, table.iterrows(), strict=True):
        right.annotate(
            f"{model['stacking']:.2f} / {model['pseudo_bma']:.2f}",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
    heading = "weights: stacking /\npseudo-BMA+"
    right.annotate(heading, (1.02, 1.0), xycoords="axes fraction", fontsize=8)
    name_rows(left, [label_text(name) for name in table.index])
    name_rows(right, None)
    figure.suptitle(_title(found), fontsize=11, x=0.01, ha="left")
    figure.legend(
        handles=_verdict_handles(found, SMALL),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=9,
    )
    return figure


def pointwise_differences(found: Comparison) -> Figure:
    """Draw each group's elpd minus that of the best model.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    matplotlib.figure.Figure
        A row a group; bars are 2 Monte Carlo errors. To the left of zero the best
        model predicts the group better.
    """
    import numpy as np
    from matplotlib.figure import Figure

    differences, errors = found.differences(), found.difference_errors()
    others = [name for name in found.pointwise if name != found.best]
    rows = np.arange(found.n)
    height = _MARGIN + _GROUP_ROW * found.n
    figure = Figure(figsize=(7.5, height), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color=MUTED, linestyle="--", linewidth=1)
    shifts = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(others) + 2)[1:-1]
    for i, (name, shift) in enumerate(zip(others, shifts, strict=True)):
        axes.errorbar(
            differences[name],
            rows + shift,
            xerr=2 * errors[name],
            fmt="o",
            markersize=5,
            linewidth=1.4,
            color=CHAINS[i % len(CHAINS)],
            label=label_text(name),
        )
    name_rows(axes, [label_text(group) for group in found.pointwise.index])
    axes.set_xlabel(f"elpd minus that of {label_text(found.best)} (nats)")
    axes.set_title(_title(found), loc="left", fontsize=11)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _title(found: Comparison) -> str:
    return f"{label_text(found.data_name)}: {found.n} groups, {found.target}"


def _verdict_handles(found: Comparison, small: float) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for color in dict.fromkeys(_VERDICTS.values()):
        words = [v for v, c in _VERDICTS.items() if c == color]
        shown = [v for v in words if (found.table["verdict"] == v).any()]
        if shown:
            dot = Line2D([], [], color=color, marker="o", linestyle="")
            dot.set_label(", ".join(shown))
            handles.append(dot)
    handles.append(Patch(color=GRID, label=f"less than {small:g} nats"))
    handles.append(Line2D([], [], color=MUTED, linewidth=1.2, label="2 dse"))
    label = "2 Monte Carlo errors"
    handles.append(Line2D([], [], color=MUTED, linewidth=4.5, label=label))
    return handles
