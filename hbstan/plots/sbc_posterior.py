"""Figures of a calibration's fits: recovery, contraction, and where fits fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.plots.sbc_panels import (
    choose,
    column,
    grid,
    note,
    rescale,
    scale_of,
)
from hbstan.plots.style import ACCENT, BASE, MUTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from hbstan.sbc.result import SBCResult

__all__ = ["sbc_contraction", "sbc_recovery"]

#: A z-score beyond these is rare where the posterior is right.
_USUAL_Z = 2.0
#: What lies farther out is drawn at the edge, and counted.
_FARTHEST_Z = 6.0
#: The axis reaches at least so far.
_NEAREST_Z = 3.2
_LEAST_CONTRACTION = -0.5
#: Quantiles of the bars of recovery.
_BAR = (0.1, 0.9)
#: Free space at the ends of an axis, as a share of it.
_MARGIN = 0.05


def sbc_contraction(
    result: SBCResult, quantities: Sequence[str] | None = None
) -> Figure:
    r"""Draw each simulation's posterior z-score against its contraction.

    The z-score is :math:`(\bar\theta - \theta^*) / s`, with the posterior's mean and
    standard deviation and the simulated value; the contraction is :math:`1 -
    (\mathrm{IQR}_{post} / \mathrm{IQR}_{prior})^2`, with the interquartile range of
    the simulated values as the prior's: 1 where the data say all, 0 where they say
    nothing. Betancourt (2018, arXiv:1803.08393) has variances in their place, which
    heavy-tailed priors lack.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        By default the scalar parameters, at most 16.

    Returns
    -------
    matplotlib.figure.Figure
        Points beyond the axes are drawn as triangles at their edges, and counted.

    Raises
    ------
    SettingsError
        If a quantity is unknown.
    FitError
        If every simulation failed.
    """
    choice = choose(result, quantities, parameters=True, scalars=True)
    converged = result.converged()
    figure, panels = grid(
        result,
        "Posterior z-score against contraction",
        choice,
        ("contraction", "posterior z-score"),
    )
    for axes, label in zip(panels, choice.labels, strict=True):
        z, contraction = _z_and_contraction(result, label)
        _contraction(axes, z, contraction, result.ok, converged)
        for height in (-_USUAL_Z, _USUAL_Z):
            axes.axhline(height, color=MUTED, linestyle="--", linewidth=0.9)
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
    _legend(figure, result, converged)
    return figure


def _z_and_contraction(
    result: SBCResult, label: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both for each simulation, NaN where it failed, shape ``(sim_id,)``."""
    import numpy as np

    value = column(result, "simulated_value", label)
    quartiles = column(result, "posterior_quantile", label)
    probs = result.dataset["prob"].values
    low, high = (quartiles[:, np.isclose(probs, q)][:, 0] for q in (0.25, 0.75))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        sd = column(result, "posterior_sd", label)
        z = (column(result, "posterior_mean", label) - value) / sd
        prior = np.subtract(*np.nanquantile(value, [0.75, 0.25]))
        contraction = 1 - ((high - low) / prior) ** 2
    return z, contraction


def _contraction(
    axes: Axes, z: Any, contraction: Any, ok: NDArray[Any], converged: NDArray[Any]
) -> None:
    """Draw one quantity's points, and say what is not in the picture."""
    import numpy as np

    drawn = np.isfinite(z) & np.isfinite(contraction)
    left = max(_LEAST_CONTRACTION, float(np.min(contraction[drawn], initial=0.0)))
    most = min(_FARTHEST_Z, float(np.max(np.abs(z[drawn]), initial=_NEAREST_Z)))
    x, y = np.clip(contraction, left, 1.0), np.clip(z, -most, most)
    kinds = {
        "o": (contraction >= left) & (np.abs(z) <= most),
        "^": (contraction >= left) & (z > most),
        "v": (contraction >= left) & (z < -most),
        "<": contraction < left,
    }
    size = _size(len(z))
    for marker, which in kinds.items():
        for good, color in ((True, BASE), (False, ACCENT)):
            here = drawn & which & (converged == good)
            grow = 1.0 if marker == "o" else 3.0
            axes.scatter(
                x[here],
                y[here],
                s=grow * size,
                marker=marker,
                color=color,
                alpha=0.5,
                linewidth=0,
                clip_on=False,
            )
    axes.set_xlim(left - 0.03 * (1 - left), 1.03)
    axes.set_ylim(-1.06 * most, 1.06 * most)
    beyond, missing = int((drawn & ~kinds["o"]).sum()), int((ok & ~drawn).sum())
    remarks = [f"{beyond} beyond the edges"] if beyond else []
    remarks += [f"{missing} not finite"] if missing else []
    note(axes, ", ".join(remarks))


def sbc_recovery(result: SBCResult, quantities: Sequence[str] | None = None) -> Figure:
    """Draw posterior means and 80 % intervals against the simulated values.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        By default the parameters, at most 16, scalars first.

    Returns
    -------
    matplotlib.figure.Figure
        On logarithmic axes where a heavy-tailed prior spreads the values too far
        (with a linear part around zero where there are values of both signs).

    Raises
    ------
    SettingsError
        If a quantity is unknown.
    FitError
        If every simulation failed.
    """
    choice = choose(result, quantities, parameters=True)
    converged = result.converged()
    figure, panels = grid(
        result,
        "Posterior mean and 80% interval against the simulated value",
        choice,
        ("simulated value", "posterior"),
        height=2.6,
    )
    for axes, label in zip(panels, choice.labels, strict=True):
        _recovery(axes, result, label, converged)
    _legend(figure, result, converged)
    return figure


def _recovery(
    axes: Axes, result: SBCResult, label: str, converged: NDArray[Any]
) -> None:
    """Draw one quantity's points and the line that perfect estimates would be on."""
    import numpy as np

    value = column(result, "simulated_value", label)
    mean = column(result, "posterior_mean", label)
    probs = result.dataset["prob"].values
    quantiles = column(result, "posterior_quantile", label)
    lower, upper = (quantiles[:, np.isclose(probs, q)][:, 0] for q in _BAR)
    drawn = result.ok & np.isfinite([value, mean, lower, upper]).all(axis=0)
    shown = np.concatenate([a[drawn] for a in (value, mean, lower, upper)])
    scale = scale_of(shown)
    for which in ("x", "y"):
        rescale(axes, which, scale)
    many = int(drawn.sum())
    for good, color in ((True, BASE), (False, ACCENT)):
        here = drawn & (converged == good)
        axes.vlines(
            value[here],
            lower[here],
            upper[here],
            color=color,
            linewidth=0.8,
            alpha=max(0.12, min(0.5, 60 / max(many, 1))),
        )
        axes.scatter(value[here], mean[here], s=_size(many), color=color, linewidth=0)
    ends = _ends(axes, shown)
    axes.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle="--", zorder=3)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    missing = int((result.ok & ~drawn).sum())
    remarks = [f"{missing} not finite"] if missing else []
    remarks += [f"{scale.name} axes"] if scale.name != "linear" else []
    note(axes, ", ".join(remarks))


def _ends(axes: Axes, values: NDArray[Any]) -> list[float]:
    """Return limits with a margin; matplotlib misses vertical bars on log axes."""
    import numpy as np

    if not values.size:
        return [0.0, 1.0]
    to_screen = axes.yaxis.get_transform()
    low, high = to_screen.transform(np.array([values.min(), values.max()]))
    margin = _MARGIN * (high - low) or 1.0
    ends = to_screen.inverted().transform(np.array([low - margin, high + margin]))
    return [float(end) for end in ends]


def _size(count: int) -> float:
    """Return the area of a point: smaller, the more there are."""
    return float(min(24.0, max(5.0, 2500.0 / max(count, 1))))


def _legend(figure: Figure, result: SBCResult, converged: NDArray[Any]) -> None:
    """Tell fits that can be trusted from others, with their numbers."""
    from matplotlib.lines import Line2D

    counts = {
        "R-hat, ESS and divergences within limits": (BASE, converged),
        "beyond them": (ACCENT, result.ok & ~converged),
    }
    handles = [
        Line2D([], [], linestyle="", marker="o", color=c, label=f"{name}: {int(n)}")
        for name, (c, which) in counts.items()
        if (n := which.sum())
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9
    )
