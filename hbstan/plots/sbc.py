"""Figures of a calibration's ranks: histograms, ECDFs, coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.plots.sbc_panels import choose, column, grid, headline, note
from hbstan.plots.style import ACCENT, BASE, GRID, MUTED, label_text
from hbstan.sbc import uniformity

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from hbstan.sbc.result import SBCResult

__all__ = ["rank_bins", "sbc_coverage", "sbc_ecdf", "sbc_ranks"]

_BINS = 20
_FEWEST_BINS = 4
#: Ranks that a bin should hold, or it would say nothing.
_PER_BIN = 5
#: Bins of different sizes are a smaller evil than so many fewer or more bins.
_FARTHEST = 2.0
#: Pointwise probability of the bands of a histogram, widest first.
_BANDS = ((0.99, "#ececec"), (0.95, "#cfcfcf"))


def rank_bins(n_sims: int, max_rank: int) -> NDArray[Any]:
    """Return how many of the possible ranks each bin of a histogram holds.

    Parameters
    ----------
    n_sims : int
        Number of ranks.
    max_rank : int
        Ranks go from 0 to this.

    Returns
    -------
    ndarray of int, shape (bins,)
        They sum to ``max_rank + 1``. About 20 bins, fewer where they would hold less
        than 5 ranks each; all of the same size if a number of bins between half and
        twice as many allows it, otherwise of sizes that differ by 1.
    """
    import numpy as np

    possible = max_rank + 1
    target = min(possible, max(_FEWEST_BINS, min(_BINS, n_sims // _PER_BIN)))
    near = [
        b
        for b in range(1, possible + 1)
        if possible % b == 0 and target / _FARTHEST <= b <= target * _FARTHEST
    ]
    bins = min(near, key=lambda b: abs(np.log(b / target)), default=target)
    ends = np.arange(bins + 1) * possible // bins
    sizes: NDArray[Any] = np.diff(ends)
    return sizes


def sbc_ranks(result: SBCResult, quantities: Sequence[str] | None = None) -> Figure:
    r"""Draw histograms of the ranks, which are level if the program is calibrated.

    A slope tells of bias, a valley of posteriors that are too narrow, a hill of
    posteriors that are too wide (Talts et al. 2018, arXiv:1804.06788).

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        By default at most 16, scalars first.

    Returns
    -------
    matplotlib.figure.Figure
        Counts of all simulations that did not fail, with pointwise bands: a bin of
        ``s`` of the ``max_rank + 1`` possible ranks holds
        :math:`\mathrm{Binomial}(N, s / (\mathrm{max\_rank} + 1))` of them.

    Raises
    ------
    SettingsError
        If a quantity is unknown.
    FitError
        If every simulation failed.
    """
    import numpy as np
    from scipy.stats import binom

    choice = choose(result, quantities)
    n = int(result.ok.sum())
    sizes = rank_bins(n, result.max_rank)
    edges = np.concatenate([[0], np.cumsum(sizes)]) - 0.5
    share = sizes / sizes.sum()
    limits = [binom.interval(prob, n, share) for prob, _ in _BANDS]
    figure, panels = grid(
        result,
        "Ranks of the simulated values",
        choice,
        ("rank", "simulations"),
    )
    for axes, label in zip(panels, choice.labels, strict=True):
        ranks = column(result, "rank", label)[result.ok]
        counts = np.histogram(ranks, edges)[0]
        for (lower, upper), (prob, shade) in zip(limits, _BANDS, strict=True):
            axes.stairs(
                upper,
                edges,
                baseline=lower,
                fill=True,
                color=shade,
                label=f"{prob:.0%} of the bins, if uniform",
            )
        outside = (counts < limits[0][0]) | (counts > limits[0][1])
        _bars(axes, counts, edges, outside)
        axes.stairs(n * share, edges, baseline=None, color=MUTED, label="expected")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, max(1.25 * np.max(limits[0][1]), 1.05 * counts.max()))
        axes.grid(visible=False)
    _legend(figure, panels)
    return figure


def _bars(axes: Axes, counts: Any, edges: Any, outside: Any) -> None:
    """Draw the bins, those outside the widest band in another colour."""
    import numpy as np

    axes.bar(
        edges[:-1],
        counts,
        width=np.diff(edges),
        align="edge",
        color=[f"{ACCENT}99" if out else f"{BASE}80" for out in outside],
        edgecolor=[ACCENT if out else BASE for out in outside],
        linewidth=0.8,
    )


def sbc_ecdf(result: SBCResult, quantities: Sequence[str] | None = None) -> Figure:
    """Draw the ECDF of the ranks minus that of the uniform, with a simultaneous band.

    The line of a calibrated quantity stays inside with a probability of 95 %
    (Säilynoja et al. 2022, doi:10.1007/s11222-022-10090-6). Above zero on the left
    there are too many low ranks.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        By default at most 16, scalars first.

    Returns
    -------
    matplotlib.figure.Figure
        Of all simulations that did not fail, with each quantity's p-value. Where the
        line leaves the band, the p-value that is adjusted for the number of
        quantities (Holm) is added, unless it is below 1e-4.

    Raises
    ------
    SettingsError
        If a quantity is unknown.
    FitError
        If every simulation failed.
    """
    import numpy as np

    choice = choose(result, quantities)
    table = result.summary()
    band = uniformity.band(int(result.ok.sum()), result.max_rank)
    lower, upper = band.difference()
    widest = 1.3 * max(np.abs(lower).max(), np.abs(upper).max())
    figure, panels = grid(
        result,
        "ECDF of the ranks, minus that of the uniform",
        choice,
        ("rank / possible ranks", "difference"),
    )
    for axes, label in zip(panels, choice.labels, strict=True):
        ranks = column(result, "rank", label)[result.ok]
        line = uniformity.ecdf_difference(ranks, result.max_rank)
        outside = bool(table.loc[label, "outside_band"])
        axes.fill_between(
            band.z, lower, upper, color=_BANDS[1][1], linewidth=0, label="95% band"
        )
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.plot(band.z, line, color=ACCENT if outside else BASE, linewidth=1.4)
        note(axes, _p_text(table.loc[label], adjusted=outside))
        most = max(widest, 1.08 * float(np.abs(line).max()))
        axes.set_ylim(-most, most)
        axes.set_xlim(0, 1)
    keys = [("inside the band", BASE), ("leaves the band", ACCENT)]
    _legend(figure, panels, keys)
    return figure


#: Adjusted p-values below this need no mention.
_CLEAR = 1e-4


def _p_text(row: Any, *, adjusted: bool) -> str:
    text = f"p = {row['p_value']:.2g}"
    if adjusted and row["p_adjusted"] >= _CLEAR:
        text += f", adjusted {row['p_adjusted']:.2g}"
    return text


def sbc_coverage(result: SBCResult, quantities: Sequence[str] | None = None) -> Figure:
    """Draw how often central intervals hold the simulated value, minus how often due.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        By default at most 16, scalars first.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each nominal probability, a row for each quantity, with 95 %
        Clopper-Pearson intervals of the observed coverage.

    Raises
    ------
    SettingsError
        If a quantity is unknown.
    FitError
        If every simulation failed.
    """
    from matplotlib.figure import Figure

    choice = choose(result, quantities)
    table = result.coverage().reset_index()
    probs = sorted(table["prob"].unique())
    count = len(choice.labels)
    figure = Figure((2.6 * len(probs) + 1.2, 1.7 + 0.27 * count), layout="constrained")
    cells = figure.subplots(1, len(probs), sharex=True, sharey=True, squeeze=False)
    panels: list[Axes] = list(cells[0])
    for axes, prob in zip(panels, probs, strict=True):
        rows = table[table["prob"] == prob].set_index("quantity")
        _coverage_rows(axes, rows.loc[list(choice.labels)])
        axes.set_title(f"{prob:.0%} intervals", loc="left", fontsize=9)
    names = [label_text(label) for label in choice.labels]
    panels[0].set_yticks(range(count), names)
    panels[0].set_ylim(count - 0.4, -0.6)
    what = "Coverage of central intervals: observed minus nominal"
    headline(figure, result, what, choice)
    keys = [("95% interval holds 0", BASE), ("does not hold 0", ACCENT)]
    _legend(figure, panels, keys)
    return figure


def _coverage_rows(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw one nominal probability's rows."""
    nominal = rows["nominal"]
    lower, middle, upper = (100 * (rows[c] - nominal) for c in _COVERAGE)
    outside = (lower > 0) | (upper < 0)
    colors = [ACCENT if out else BASE for out in outside]
    places = range(len(rows))
    axes.axvline(0.0, color=MUTED, linewidth=0.8)
    axes.set_xlabel("percentage points", fontsize=9)
    axes.hlines(places, lower, upper, color=colors, linewidth=2, alpha=0.55)
    axes.scatter(middle, places, s=22, color=colors, zorder=3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.tick_params(axis="y", length=0, labelsize=9)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)


_COVERAGE = ("lower", "covered", "upper")


def _legend(
    figure: Figure, panels: list[Axes], keys: Sequence[tuple[str, str]] = ()
) -> None:
    """Explain below the panels what the first one shows, and the colours."""
    from matplotlib.lines import Line2D

    handles, labels = panels[0].get_legend_handles_labels()
    for text, color in keys:
        handles.append(Line2D([], [], color=color, linewidth=2.5))
        labels.append(text)
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(labels),
        frameon=False,
        fontsize=9,
    )
