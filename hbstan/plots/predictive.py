"""Figures of predictive checks: what a model expects, beside what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.plots.style import ACCENT, BASE, FAINT, MUTED, label_text, name_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from hbstan.predictive import PredictiveCheck, PriorPredictive

__all__ = [
    "predictive_intervals",
    "predictive_statistics",
    "prior_predictive",
    "residuals",
]

_BINS = 50
#: A statistic with so few values gets a bar for each.
_FEW = 25
_COLUMNS = 4
#: More outcomes have no rows of their own.
_MOST_ROWS = 60
#: Heavy tails would leave the picture empty but for one bar: an axis ends at the first
#: and last of these quantiles, or so many interquartile ranges from the median.
_SHOWN = (0.005, 0.25, 0.5, 0.75, 0.995)
_REACH = 6.0
#: Room for the legend and axis labels, and a row's height, in inches.
_MARGIN, _ROW = 1.9, 0.33


def prior_predictive(result: PriorPredictive) -> Figure:
    """Draw the rates or estimates that the priors expect, the observed ones marked.

    Parameters
    ----------
    result : PriorPredictive

    Returns
    -------
    matplotlib.figure.Figure
        A histogram of all simulated groups, the central 90 % shaded darker, with a
        mark for each observed group. The axis leaves out the ends of the tails, but
        nothing that was observed.

    Raises
    ------
    FitError
        If no group has trials.
    """
    from matplotlib.figure import Figure

    r = result.replicates
    there = r.informative
    if not there.any():
        raise FitError("no group has trials, so there are no rates to draw.")
    size = r.design["n"][there] if r.kind == "binomial" else 1
    values = (r.flat[:, there] / size).ravel()
    own = None if r.y is None else r.y[there] / size
    name = r.word
    bounds = result.summary().loc[name, ["lower", "upper"]].to_numpy(dtype=float)
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    _two_shades(axes, values, own, bounds)
    axes.set_yticks([])
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel(f"{name} of a group" + " (events per trial)" * (name == "rate"))
    axes.set_title(
        f"{result.data_name}: what the priors of {result.model} expect", loc="left"
    )
    handles = [
        _patch(
            BASE, 0.6, f"simulated, central 90 %: {bounds[0]:.3g} to {bounds[1]:.3g}"
        ),
        _patch(FAINT, 0.6, "simulated, the rest"),
    ]
    if own is not None:
        top = axes.get_ylim()[1]
        axes.vlines(own, 0, 0.14 * top, color=ACCENT, linewidth=1.6, zorder=4)
        handles.append(_line(ACCENT, "observed groups"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def predictive_statistics(check: PredictiveCheck | PriorPredictive) -> Figure:
    """Draw each statistic's predictive distribution, with the observed value.

    Parameters
    ----------
    check : PredictiveCheck or PriorPredictive

    Returns
    -------
    matplotlib.figure.Figure
        One panel a statistic; the title has the mid-p value.
    """
    from matplotlib.figure import Figure

    mid = check.table()["p_mid"].to_dict() if check.observed else {}
    count = len(check.statistics)
    columns = min(_COLUMNS, count)
    rows = -(-count // columns)
    figure = Figure(
        figsize=(2.7 * columns + 0.4, 2.15 * rows + 0.9), layout="constrained"
    )
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[count:]:
        axes.set_axis_off()
    for axes, s in zip(panels, check.statistics, strict=False):
        observed = check.observed.get(s.name)
        _histogram(axes, check.replicated[s.name].ravel(), observed)
        p = "" if observed is None else f"\nmid-p {mid[s.name]:.2g}"
        axes.set_title(label_text(s.label) + p, fontsize=9, loc="left")
    replicate = getattr(check, "replicate", "prior")
    title = f"{check.data_name}: {check.model}, replicates of {_REPLICATES[replicate]}"
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    handles = [_patch(BASE, 0.6, "replicates")]
    if check.observed:
        handles.append(_line(ACCENT, "observed"))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
    return figure


def predictive_intervals(check: PredictiveCheck) -> Figure:
    """Draw each group's predictive intervals with its outcome.

    Parameters
    ----------
    check : PredictiveCheck

    Returns
    -------
    matplotlib.figure.Figure
        50 % and 95 % intervals, rates for binomial data; outcomes outside the wider
        one are filled, groups that the likelihood did not see are starred.

    Raises
    ------
    FitError
        If no group has trials.
    """
    import numpy as np
    from matplotlib.figure import Figure

    narrow, wide = check.groups(0.5), check.groups(0.95)
    there = check.replicates.informative
    if not there.any():
        raise FitError("no group has trials, so there are no rates to draw.")
    narrow, wide = narrow[there], wide[there]
    if len(wide) > _MOST_ROWS:
        return _many_intervals(check, narrow, wide)
    word = check.replicates.word
    scale = 1.0 / wide["trials"] if "trials" in wide else 1.0
    rows = np.arange(len(wide))
    figure = Figure(figsize=(7.5, _MARGIN + _ROW * len(wide)), layout="constrained")
    axes = figure.subplots()
    for table, width, alpha, name in (
        (wide, 2.0, 0.45, "95 % interval"),
        (narrow, 5.5, 0.6, "50 % interval"),
    ):
        axes.hlines(
            rows,
            table["lower"] * scale,
            table["upper"] * scale,
            color=BASE,
            linewidth=width,
            alpha=alpha,
            label=name,
        )
    _outcomes(axes, (wide["observed"] * scale).to_numpy(dtype=float), wide["inside"])
    starred = zip(wide.index, wide["held_out"], strict=True)
    name_rows(axes, [label_text(g) + (" *" if out else "") for g, out in starred])
    unit = "events per trial" if "trials" in wide else f"unit of the {word}s"
    axes.set_xlabel(
        unit + "; * not seen by the likelihood" * bool(wide["held_out"].any())
    )
    axes.set_title(
        f"{check.data_name}: {check.model}, replicates of "
        f"{_REPLICATES[check.replicate]}",
        loc="left",
        fontsize=11,
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def residuals(table: pd.DataFrame, *, title: str = "Residuals") -> Figure:
    """Draw standardised residuals against predictions, and quantile residuals.

    Parameters
    ----------
    table : pandas.DataFrame
        As :func:`hbstan.predictive.residual` returns it.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        On the left a pattern along the prediction would show; on the right the groups
        are named, or, where there are many, counted. Lines are at 0 and at two standard
        deviations.
    """
    import numpy as np
    from matplotlib.figure import Figure

    shown = table[table["standardised"].notna()]
    many = len(shown) > _MOST_ROWS
    rows = np.arange(len(shown))
    height = 4.2 if many else max(3.4, _MARGIN + 0.24 * len(shown))
    figure = Figure(figsize=(8.5, height), layout="constrained")
    left, right = figure.subplots(1, 2)
    size = 8 if many else 30
    left.scatter(shown["expected"], shown["standardised"], color=BASE, s=size, zorder=3)
    limit = 1.15 * max(
        2.2, float(shown[["standardised", "quantile"]].abs().max().max())
    )
    left.set_ylim(-limit, limit)
    binomial = table.attrs.get("kind") == "binomial"
    left.set_xlabel("predictive mean" + " (events)" * binomial)
    left.set_ylabel("standardised residual (sd)")
    if many:
        right.hist(shown["quantile"], bins=_BINS // 2, color=BASE, alpha=0.6)
        right.set_yticks([])
        right.spines[["top", "right", "left"]].set_visible(False)
    else:
        right.hlines(rows, 0, shown["quantile"], color=BASE, alpha=0.5, linewidth=1.5)
        right.scatter(shown["quantile"], rows, color=BASE, s=30, zorder=3)
        name_rows(right, [label_text(g) for g in shown.index])
    right.set_xlim(-limit, limit)
    right.set_xlabel("randomized quantile residual (sd)")
    for value in (-2.0, 0.0, 2.0):
        style: dict[str, Any] = {"color": MUTED, "linewidth": 0.9}
        style["linestyle"] = "-" if value == 0 else "--"
        left.axhline(value, **style)
        right.axvline(value, **style)
    left.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _many_intervals(
    check: PredictiveCheck, narrow: pd.DataFrame, wide: pd.DataFrame
) -> Figure:
    """Draw intervals of many outcomes, in the order of their predictions."""
    import numpy as np
    from matplotlib.figure import Figure

    scale: Any = 1.0 / wide["trials"] if "trials" in wide else 1.0
    middle = (wide["mean"] * scale).to_numpy()
    order = np.argsort(middle, kind="stable")
    place = np.arange(len(order))
    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for table, alpha, name in (
        (wide, 0.3, "95 % interval"),
        (narrow, 0.5, "50 % interval"),
    ):
        low = (table["lower"] * scale).to_numpy()[order]
        high = (table["upper"] * scale).to_numpy()[order]
        axes.fill_between(
            place, low, high, step="mid", color=BASE, alpha=alpha, lw=0, label=name
        )
    seen = (wide["observed"] * scale).to_numpy(dtype=float)[order]
    inside = wide["inside"].to_numpy(dtype=bool)[order]
    for where, color, name in (
        (inside, MUTED, "observed"),
        (~inside, ACCENT, "observed, outside 95 %"),
    ):
        if where.any():
            axes.plot(place[where], seen[where], ".", ms=3, color=color, label=name)
    word = check.replicates.word
    axes.set_xlabel(f"{word}s in the order of their predictions")
    axes.set_ylabel(word)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"{check.data_name}: {check.model}, replicates of "
        f"{_REPLICATES[check.replicate]}",
        loc="left",
        fontsize=11,
    )
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


_REPLICATES = {
    "same_groups": "the same groups",
    "new_groups": "new groups",
    "prior": "the prior",
}


def _histogram(axes: Axes, values: NDArray[Any], observed: float | None) -> None:
    import numpy as np

    distinct = np.unique(values)
    whole = bool((distinct == np.round(distinct)).all())
    if len(distinct) <= _FEW and whole:
        counts = [(values == d).mean() for d in distinct]
        axes.bar(distinct, counts, width=0.8, color=BASE, alpha=0.6)
    else:
        ends = _ends(values, observed)
        axes.hist(values, bins=_BINS // 2, range=ends, color=BASE, alpha=0.6)
    if observed is not None:
        axes.axvline(observed, color=ACCENT, linewidth=2.0)
    axes.set_yticks([])
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _two_shades(axes: Axes, values: NDArray[Any], own: Any, bounds: Any) -> None:
    """Draw a histogram, what lies within the bounds in another colour."""
    low, high = _ends(values, own)
    step = (high - low) / _BINS
    inside = (values >= bounds[0]) & (values <= bounds[1])
    axes.hist(
        [values[inside], values[~inside]],
        bins=[low + i * step for i in range(_BINS + 1)],
        stacked=True,
        color=[BASE, FAINT],
        alpha=0.6,
    )


def _outcomes(axes: Axes, y: NDArray[Any], inside: Any) -> None:
    """Mark what was observed, filled where it lies outside its interval."""
    import numpy as np

    rows, inside = np.arange(len(y)), np.asarray(inside, dtype=bool)
    axes.scatter(
        y[inside],
        rows[inside],
        s=34,
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.5,
        zorder=3,
        label="observed",
    )
    if not inside.all():
        axes.scatter(
            y[~inside],
            rows[~inside],
            s=44,
            color=ACCENT,
            zorder=4,
            label="observed, outside 95 %",
        )


def _ends(values: NDArray[Any], observed: Any) -> tuple[float, float]:
    """Return the ends of an axis that shows what matters, and what was observed."""
    import numpy as np

    low, first, middle, third, high = np.quantile(values, _SHOWN)
    reach = _REACH * (third - first)
    if reach > 0:
        low, high = max(low, middle - reach), min(high, middle + reach)
    if observed is not None:
        low, high = min(low, np.min(observed)), max(high, np.max(observed))
    return float(low), float(high)


def _patch(color: str, alpha: float, label: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=color, alpha=alpha, label=label)


def _line(color: str, label: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=color, linewidth=2.0, label=label)
