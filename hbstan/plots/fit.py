"""Figures of a fit: its groups, its chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.diagnostics import is_constant
from hbstan.errors import FitError
from hbstan.plots.many import MOST_ROWS, many_groups
from hbstan.plots.style import ACCENT, BASE, CHAINS, MUTED, label_text, name_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hbstan.fit import Fit

__all__ = ["forest", "ranks", "trace"]

_BAND_SIMULATIONS = 200
#: Panels side by side in the rank plot, and groups of a variable in any plot.
_MOST_COLUMNS, _MOST_GROUPS = 4, 12
#: Ranks are drawn of at most so many draws per chain.
_MOST_RANKED = 500
#: Shorter moves, as a share of the picture's width, are drawn without an arrow.
_SHORTEST_ARROW = 0.03


def forest(fit: Fit, *, ci_prob: float = 0.94) -> Figure:
    """Draw each group's posterior against its raw estimate.

    An arrow leads from the raw estimate to the posterior mean: how far the group
    was shrunk towards the population. Point areas grow with the group's data. Groups
    without a raw estimate have none drawn; more than 60 stand side by side, unnamed.

    Parameters
    ----------
    fit : Fit
        A fit of a catalogue model.
    ci_prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    FitError
        If the fit has no group estimates.
    """
    import numpy as np
    from matplotlib.figure import Figure

    table = fit.groups(ci_prob)
    count = len(table)
    title = f"{fit.tree.attrs['data_name']}: {fit.model}"
    if count > MOST_ROWS:
        figure, axes = many_groups(table, ci_prob)
        axes.set_ylabel(_estimate_label(fit))
        axes.set_title(title, loc="left")
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
        return figure
    rows = np.arange(count)
    figure = Figure(figsize=(7.5, 1.9 + 0.33 * count), layout="constrained")
    axes = figure.subplots()
    axes.hlines(
        rows,
        table["lower"],
        table["upper"],
        color=BASE,
        linewidth=2.2,
        alpha=0.55,
        label=f"posterior {ci_prob:.0%} interval",
    )
    if "raw" in table:
        _raw_estimates(axes, table)
    axes.scatter(
        table["mean"], rows, s=30, color=BASE, zorder=4, label="posterior mean"
    )
    name = _population(fit)
    if name is not None:  # groups without pooling have no population
        _mark_population(axes, float(fit.posterior[name].mean()), name)
    name_rows(axes, [_row_label(label, row) for label, row in table.iterrows()])
    axes.set_xlabel(_estimate_label(fit))
    axes.set_title(title, loc="left")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def _raw_estimates(axes: Axes, table: Any) -> None:
    """Mark raw estimates, with arrows to the posterior means far from them."""
    import numpy as np

    span = np.nanmax(table[["upper", "raw"]]) - np.nanmin(table[["lower", "raw"]])
    rows = range(len(table))
    for row, raw, mean in zip(rows, table["raw"], table["mean"], strict=True):
        # An arrow shorter than its own head would point the wrong way.
        if np.isfinite(raw) and abs(mean - raw) > _SHORTEST_ARROW * span:
            _arrow(axes, row, raw, mean)
    axes.scatter(
        table["raw"],
        rows,
        s=_areas(table),
        facecolor="white",
        edgecolor=ACCENT,
        linewidth=1.4,
        zorder=3,
        label="raw estimate",
    )


def ranks(fit: Fit, var_names: list[str] | None = None, *, seed: int = 0) -> Figure:
    """Draw rank distributions per chain, which are uniform if the chains mix.

    Parameters
    ----------
    fit : Fit
    var_names : list of str, optional
        Scalars, or variables that are one a group, of which the first 12 groups
        are drawn; by default the top-level parameters.
    seed : int
        For the simulated ranks that the band is computed from, so that the picture
        of a fit can be made again.

    Returns
    -------
    matplotlib.figure.Figure
        ArviZ's rank plot: the ECDF of the ranks minus that of the uniform, with a
        simultaneous band (Säilynoja et al. 2022, doi:10.1007/s11222-022-10090-6).
        The band is that of independent draws, so chains of more than 500 draws are
        thinned. ArviZ 1.x gives the p-value of a test of uniformity in place of the
        band, and marks in black the ranks that contradict it.

    Raises
    ------
    FitError
        If there is only one chain.
    """
    if fit.posterior.sizes["chain"] < 2:
        raise FitError(
            "the rank plot compares chains, but the fit has 1; legal: at least 2.",
            remedy="Run at least 2 chains, better 4.",
        )
    import numpy as np
    import xarray as xr
    from arviz_plots import plot_rank
    from matplotlib.lines import Line2D

    scalars = xr.Dataset(_scalars(fit, var_names or _top_level(fit)))
    every = -(-fit.posterior.sizes["draw"] // _MOST_RANKED)
    thinned = scalars.isel(draw=slice(None, None, every))
    columns = min(len(thinned), _MOST_COLUMNS)
    rows = -(-len(thinned) // _MOST_COLUMNS)
    colors = [CHAINS[i % len(CHAINS)] for i in range(thinned.sizes["chain"])]
    # The band comes from simulated uniform ranks: few make the picture quick.
    band = {"n_simulations": _BAND_SIMULATIONS, "rng": np.random.default_rng(seed)}
    with _figures_unregistered():
        collection = plot_rank(
            xr.DataTree.from_dict({"posterior": thinned}),
            var_names=[str(name) for name in thinned.data_vars],
            backend="matplotlib",
            stats={"ecdf_pit": band},
            color=colors,
            col_wrap=_MOST_COLUMNS,
            figure_kwargs={"figsize": (3.6 * columns + 1.2, 3.0 * rows)},
        )
        figure: Figure = collection.viz["figure"].item()
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{fit.model}: ECDF of the ranks by chain, minus uniform")
    handles = [Line2D([], [], color=color, linewidth=2.5) for color in colors]
    chains = [str(chain) for chain in thinned["chain"].values]
    figure.legend(
        handles, chains, loc="outside right upper", title="chain", frameon=False
    )
    return figure


def trace(fit: Fit, var_names: list[str] | None = None) -> Figure:
    """Draw the draws of each chain in order, divergent ones marked.

    Parameters
    ----------
    fit : Fit
    var_names : list of str, optional
        Scalars, or variables that are one a group, of which the first 12 groups
        are drawn; by default the top-level parameters.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    names = var_names or _top_level(fit)
    scalars = _scalars(fit, names)
    figure = Figure(figsize=(7.5, 0.8 + 1.7 * len(scalars)), layout="constrained")
    panels = figure.subplots(len(scalars), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, draws) in zip(panels, scalars.items(), strict=True):
        values = draws.transpose("chain", "draw").values
        for chain, line in enumerate(values):
            color = CHAINS[chain % len(CHAINS)]
            axes.plot(line, color=color, linewidth=0.5, alpha=0.8, label=f"{chain}")
        _mark_divergences(axes, fit, values)
        axes.set_ylabel(name)
    panels[0].set_title(f"{fit.model}: draws by chain", loc="left")
    panels[-1].set_xlabel("draw")
    handles, labels = panels[0].get_legend_handles_labels()
    legend = figure.legend(
        handles, labels, loc="outside right upper", title="chain", frameon=False
    )
    for line in legend.get_lines():
        line.set_linewidth(2.5)
    return figure


def _mark_divergences(axes: Axes, fit: Fit, values: Any) -> None:
    if "diverging" not in fit.tree["sample_stats"]:
        return
    diverging = fit.tree["sample_stats"].to_dataset()["diverging"].values
    for line, marks in zip(values, diverging, strict=True):
        where = marks.nonzero()[0]
        axes.plot(where, line[where], linestyle="", marker="|", color="black", ms=7)


def _arrow(axes: Axes, row: float, raw: float, mean: float) -> None:
    axes.annotate(
        "",
        xy=(mean, row),
        xytext=(raw, row),
        arrowprops={
            "arrowstyle": "->",
            "color": ACCENT,
            "linewidth": 1.1,
            "shrinkA": 4,
            "shrinkB": 2,
        },
        zorder=2,
    )


def _areas(table: Any) -> Any:
    """Point areas proportional to the groups' information, within limits."""
    import numpy as np

    if not {"trials", "sigma"} & set(table):
        return 40.0
    size = table["trials"] if "trials" in table else 1.0 / table["sigma"] ** 2
    return np.clip(120.0 * size / max(size.max(), 1e-300), 14.0, 120.0)


def _row_label(label: Any, row: Any) -> str:
    text = label_text(label)
    if "trials" in row:
        return f"{text}  {int(row['events'])}/{int(row['trials'])}"
    return text


def _mark_population(axes: Axes, mean: float, name: str) -> None:
    """Mark the posterior mean of the population's average, on the estimates' scale."""
    label = f"population mean ({name})"
    axes.axvline(mean, color=MUTED, linestyle="--", linewidth=1, label=label)


def _population(fit: Fit) -> str | None:
    """Return the variable that is the population's average on the estimates' scale."""
    assert fit.like is not None  # or there would be no estimate
    units = {p.name: p.unit for p in fit.like.parameters}
    if "p_pop_mean" in fit.posterior:
        return "p_pop_mean"
    same = units.get("mu") == units.get(str(fit.estimate))
    return "mu" if same and "mu" in fit.posterior else None


def _estimate_label(fit: Fit) -> str:
    assert fit.like is not None  # or there would be no estimate
    parameter = next(p for p in fit.like.parameters if p.name == fit.estimate)
    return f"{parameter.meaning} ({parameter.unit})"


def _scalars(fit: Fit, names: list[str]) -> dict[str, Any]:
    """Draws by name; variables of several elements by name and label.

    Of many elements the first are taken: more panels than that nobody looks at. What
    is constant by construction, as the diagonal of a correlation matrix, has no chains
    to compare.
    """
    out: dict[str, Any] = {}
    for name in names:
        draws = fit.posterior[name]
        inner = [d for d in draws.dims if d not in ("chain", "draw")]
        if not inner:
            out[name] = draws
            continue
        flat = draws.stack(element=inner)
        places = range(flat.sizes["element"])
        still = [is_constant(flat.isel(element=i).values) for i in places]
        moving = flat.isel(element=[i for i in places if not still[i]])
        for i in range(min(moving.sizes["element"], _MOST_GROUPS)):
            one = moving.isel(element=i)
            place = one["element"].item()
            keys = place if isinstance(place, tuple) else (place,)
            label = ", ".join(label_text(k) for k in keys)
            out[f"{name}[{label}]"] = one.drop_vars(["element", *inner])
    return out


def _top_level(fit: Fit) -> list[str]:
    if fit.like is not None:
        # A correlation matrix of one effect, for example, is not among the draws.
        names = [p.name for p in fit.like.top_level if p.name in fit.posterior]
        if names:
            return names
    scalars = [str(k) for k, v in fit.posterior.data_vars.items() if v.ndim == 2]
    names = scalars or [str(k) for k in fit.posterior.data_vars]
    if not names:
        raise FitError(f"{fit.model} has no variables to draw.")
    return names[:4]


def _figures_unregistered() -> Any:
    """Keep pyplot from opening windows or holding on to the figures."""
    from contextlib import contextmanager

    @contextmanager
    def held() -> Any:
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        interactive = plt.isinteractive()
        plt.ioff()
        try:
            yield
        finally:
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
            if interactive:
                plt.ion()

    return held()
