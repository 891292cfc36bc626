"""The figure that tells where in the prior fits fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.plots.sbc_panels import (
    Choice,
    choose,
    column,
    headline,
    rescale,
    scale_of,
)
from hbstan.plots.style import ACCENT, BASE, FAINT, GRID, MUTED, THIRD, label_text
from hbstan.sbc.limits import Limits, problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from hbstan.sbc.result import SBCResult

__all__ = ["sbc_failures"]

#: The kinds of trouble: title, how it is drawn. A fit in several has all the marks.
_KINDS: dict[str, dict[str, Any]] = {
    "divergences": {"marker": "o", "s": 16, "color": ACCENT, "linewidth": 0},
    "R-hat or ESS": {
        "marker": "o",
        "s": 60,
        "facecolor": "none",
        "edgecolor": BASE,
        "linewidth": 1.3,
    },
    "tree depth": {
        "marker": "s",
        "s": 95,
        "facecolor": "none",
        "edgecolor": THIRD,
        "linewidth": 1.1,
    },
    "failed": {"marker": "x", "s": 45, "color": "black", "linewidth": 1.5},
}
#: Which of the problems that the verdict knows belong to which kind.
_MEMBERS = {
    "divergences": ("divergences",),
    "R-hat or ESS": ("rhat", "ess"),
    "tree depth": ("treedepth",),
    "failed": ("failed",),
}
_GOOD: dict[str, Any] = {"marker": "o", "s": 14, "color": FAINT, "linewidth": 0}
#: Height, as a share of the axis, of fits that have no R-hat.
_TOP = 0.96
#: Free space for them, as a share of what the others take up.
_ROOM = 0.12


def sbc_failures(result: SBCResult, quantities: Sequence[str] | None = None) -> Figure:
    """Draw where in the prior fits fail, do not converge or diverge.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        One or two; by default the first two top-level parameters. One is drawn
        against its R-hat.

    Returns
    -------
    matplotlib.figure.Figure
        Simulated values, logarithmic where a heavy-tailed prior spreads them far.
        The legend counts each kind of trouble; a fit can be of several kinds.

    Raises
    ------
    SettingsError
        If a quantity is unknown, or there are more than two.
    FitError
        If every simulation failed.
    """
    import numpy as np
    from matplotlib.figure import Figure

    choice = _axes(result, quantities)
    x = column(result, "simulated_value", choice.labels[0])
    second = len(choice.labels) == 2
    y = column(
        result, "simulated_value" if second else "rhat", choice.labels[int(second)]
    )
    unknown = np.isnan(y) & np.isfinite(x) & (not second)
    figure = Figure((7.5, 5.4), layout="constrained")
    axes = figure.subplots()
    rescale(axes, "x", scale_of(x))
    rescale(axes, "y", scale_of(y))
    for style, which, name in _groups(result):
        drawn = which & np.isfinite(x) & np.isfinite(y)
        top = which & unknown
        absent = int((which & ~drawn & ~top).sum())
        count = f"{name}: {int(which.sum())}"
        count += f" ({absent} without a value)" if absent else ""
        axes.scatter(x[drawn], y[drawn], label=count, **style)
        if top.any():
            edge = axes.get_xaxis_transform()
            height = np.full(int(top.sum()), _TOP)
            axes.scatter(x[top], height, transform=edge, **style)
    _name_axes(axes, choice, beyond=bool(unknown.any()))
    what = "Where in the prior fits fail, do not converge, or diverge"
    headline(figure, result, what, choice)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _axes(result: SBCResult, quantities: Sequence[str] | None) -> Choice:
    """Return what is drawn: two quantities, or one."""
    if quantities is not None:
        chosen = choose(result, quantities)
        if len(chosen.labels) > 2:
            raise SettingsError(
                f"quantities has {len(chosen.labels)} names, but this figure has two "
                "axes: legal are one or two.",
                remedy="Draw one figure for each pair.",
            )
        return chosen
    candidates = choose(result, None, parameters=True, scalars=True).labels
    first = [q for q in result.identity["top_level"] if q in candidates]
    rest = [q for q in candidates if q not in first]
    return Choice(tuple([*first, *rest][:2]))


def _groups(
    result: SBCResult,
) -> list[tuple[dict[str, Any], NDArray[Any], str]]:
    """Return style, members and name of each kind of fits, good ones first."""
    import numpy as np

    found = problems(result.dataset, Limits())
    troubles = {
        name: np.any([np.asarray(found[key], dtype=bool) for key in keys], axis=0)
        for name, keys in _MEMBERS.items()
    }
    good = ~np.any(list(troubles.values()), axis=0)
    groups = [(_GOOD, good, "none of these")]
    groups += [(_KINDS[n], which, n) for n, which in troubles.items() if which.any()]
    return groups


def _name_axes(axes: Axes, choice: Choice, *, beyond: bool) -> None:
    """Write at the axes what they show."""
    first = label_text(choice.labels[0])
    axes.set_xlabel(f"simulated value of {first}")
    if len(choice.labels) == 2:
        axes.set_ylabel(f"simulated value of {label_text(choice.labels[1])}")
    else:
        remark = " (above the dots: none)" if beyond else ""
        axes.set_ylabel(f"R-hat of {first}{remark}")
    if beyond:
        axes.margins(y=_ROOM)
        between = [2 * _TOP - 1] * 2
        axes.plot([0, 1], between, ":", color=MUTED, transform=axes.transAxes)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
