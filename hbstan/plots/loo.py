"""Figures of cross-validation: which groups can be believed, by which means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.plots.style import ACCENT, BASE, CHAINS, FAINT, MUTED, label_text, name_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.loo import LooResult

__all__ = ["loo_groups", "loo_ladder", "pareto_k"]

#: Room for title, axis and legend, and a row's height, in inches.
_MARGIN, _ROW, _STEP_ROW = 1.9, 0.33, 0.5
_NAMES = {
    "psis": "PSIS",
    "psis_group": "PSIS, integrated",
    "moment_matching": "moment matching",
    "exact": "exact refit",
    "kfold": "K-fold refits",
}
_COLORS = dict(zip(_NAMES, CHAINS, strict=False))
_REFITTED = ("exact", "kfold")
_LONGEST_REASON = 60


def pareto_k(result: LooResult) -> Figure:
    """Draw each group's Pareto k, and at which rung it could be believed.

    Parameters
    ----------
    result : LooResult

    Returns
    -------
    matplotlib.figure.Figure
        Left: k of the value that was kept, by its method; hollow for refits, whose k
        is that of averaged densities and has no limit here. Right: what each rung
        that was taken left of the groups.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = result.table
    taken = [step for step in result.steps if step.taken]
    figure = Figure(
        figsize=(6.2 + 0.9 * len(taken), _MARGIN + 0.5 + _ROW * len(table)),
        layout="constrained",
    )
    widths = [4.5, max(1.0, 0.9 * len(taken))]
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=widths)
    rows = dict(zip(table.index, np.arange(len(table)), strict=True))
    label = "Pareto k"
    if not table["method"].isin(_REFITTED).all():
        left.axvline(result.good_k, color=MUTED, linestyle="--", linewidth=1)
        label += f" (limit {result.good_k:.2f})"
    for method in dict.fromkeys(table["method"]):
        part = table[table["method"] == method]
        color = _COLORS.get(method, MUTED)
        left.scatter(
            part["k"],
            [rows[group] for group in part.index],
            s=36,
            facecolor="white" if method in _REFITTED else color,
            edgecolor=color,
            zorder=3,
            label=_NAMES.get(method, method),
        )
    name_rows(left, [label_text(group) for group in table.index])
    left.set_xlabel(label)
    _rungs(right, taken, rows)
    figure.suptitle(_title(result), fontsize=11, x=0.01, ha="left")
    handles, labels = left.get_legend_handles_labels()
    handles += [_dot(BASE, "o"), _dot(ACCENT, "X")]
    labels += ["can be believed after it", "cannot"]
    figure.legend(
        handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def loo_groups(result: LooResult) -> Figure:
    """Draw each group's log predictive density, with and without its own data.

    Parameters
    ----------
    result : LooResult

    Returns
    -------
    matplotlib.figure.Figure
        The line from lpd to elpd is as long as the group's share of the effective
        number of parameters; thick bars are 2 Monte Carlo errors.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = result.table
    rows = np.arange(len(table))
    figure = Figure(figsize=(7.5, _MARGIN + _ROW * len(table)), layout="constrained")
    axes = figure.subplots()
    axes.hlines(rows, table["elpd"], table["lpd"], color=FAINT, linewidth=1.2)
    axes.hlines(
        rows,
        table["elpd"] - 2 * table["mcse"],
        table["elpd"] + 2 * table["mcse"],
        color=BASE,
        linewidth=4.5,
        alpha=0.55,
        label="2 Monte Carlo errors",
    )
    axes.scatter(
        table["lpd"],
        rows,
        s=34,
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.4,
        zorder=3,
        label="lpd: given all groups",
    )
    axes.scatter(
        table["elpd"],
        rows,
        s=30,
        color=BASE,
        zorder=4,
        label="elpd: given the others",
    )
    name_rows(axes, [label_text(group) for group in table.index])
    axes.set_xlabel("log predictive density of the group (nats)")
    axes.set_title(_title(result), loc="left", fontsize=11)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def loo_ladder(result: LooResult) -> Figure:
    """Draw what each rung of the ladder found, and what it cost.

    Parameters
    ----------
    result : LooResult

    Returns
    -------
    matplotlib.figure.Figure
        elpd after each rung, with its standard error over groups (thin) and 2 Monte
        Carlo errors (thick); hollow where groups could not be believed. WAIC stands
        beside it. Rungs that were not taken have their reason.

    Raises
    ------
    FitError
        If the result has no steps.
    """
    from matplotlib.figure import Figure

    steps = result.steps
    if not steps:
        raise FitError("the result has no steps, so there is no ladder to draw.")
    waic = result.waic
    count = len(steps) + (waic is not None)
    height = _MARGIN + 0.3 + _STEP_ROW * count
    figure = Figure(figsize=(7.5, height), layout="constrained")
    axes = figure.subplots()
    labels = []
    for row, step in enumerate(steps):
        labels.append(_NAMES.get(step.name, step.name))
        if step.taken:
            labels[-1] += f"\n{step.seconds:.1f} s, {len(step.bad)} bad"
            _value(axes, row, step.elpd, step.se, step.mcse, bool(step.bad))
        else:
            _reason(axes, row, step.reason)
    if waic is not None:
        labels.append(f"WAIC\n{len(waic.bad)} bad")
        _value(axes, len(steps), waic.elpd, waic.se, None, not waic.ok)
    name_rows(axes, labels)
    axes.set_xlabel("elpd (nats)")
    axes.set_title(_title(result), loc="left", fontsize=11)
    figure.legend(
        handles=_value_handles(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    return figure


def _rungs(axes: Axes, taken: list[Any], rows: dict[Any, Any]) -> None:
    """Mark, for each rung, the groups that it was for."""
    for column, step in enumerate(taken):
        bad = [g for g in step.groups if g in step.bad]
        good = [g for g in step.groups if g not in step.bad]
        for groups, color, marker in ((good, BASE, "o"), (bad, ACCENT, "X")):
            y = [rows[group] for group in groups]
            axes.scatter([column] * len(y), y, s=34, color=color, marker=marker)
    names = [_NAMES.get(s.name, s.name).replace(" ", "\n", 1) for s in taken]
    axes.set_xticks(range(len(taken)), names, fontsize=8)
    axes.set_xlim(-0.6, max(len(taken), 1) - 0.4)
    name_rows(axes, None)


def _value(
    axes: Axes, row: int, elpd: float, se: float, mcse: float | None, bad: bool
) -> None:
    color = ACCENT if bad else BASE
    axes.hlines(row, elpd - se, elpd + se, color=color, linewidth=1.2)
    if mcse is not None:
        low, high = elpd - 2 * mcse, elpd + 2 * mcse
        axes.hlines(row, low, high, color=color, linewidth=4.5, alpha=0.55)
    face = "white" if bad else color
    axes.scatter([elpd], [row], s=36, facecolor=face, edgecolor=color, zorder=3)


def _reason(axes: Axes, row: int, reason: str) -> None:
    axes.annotate(
        label_text(reason, _LONGEST_REASON),
        (0.01, row),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=9,
        color=MUTED,
    )


def _value_handles() -> list[Any]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=BASE, marker="o", linestyle="", label="can be believed"),
        Line2D(
            [],
            [],
            markeredgecolor=ACCENT,
            markerfacecolor="white",
            marker="o",
            linestyle="",
            label="some groups cannot",
        ),
        Line2D([], [], color=MUTED, linewidth=1.2, label="standard error"),
        Line2D([], [], color=MUTED, linewidth=4.5, label="2 Monte Carlo errors"),
    ]


def _dot(color: str, marker: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, marker=marker, linestyle="")


def _title(result: LooResult) -> str:
    name = label_text(result.data_name)
    return f"{name}: {label_text(result.model)}, {result.target}"
