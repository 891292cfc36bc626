"""What the figures of a calibration share: the choice of quantities, their panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.plots.style import GRID, label_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

    from hbstan.sbc.result import SBCResult

__all__ = [
    "MOST_PANELS",
    "Choice",
    "Scale",
    "choose",
    "column",
    "grid",
    "headline",
    "note",
    "rescale",
    "scale_of",
]

#: So many quantities are drawn unless others are asked for.
MOST_PANELS = 16
#: So many may be asked for: more would make a picture that no program can show.
_MOST_ASKED = 100
#: A quantity's name and a remark share a line if they have so few characters.
_LONGEST_LINE = 34
#: Characters of the title, per inch.
_DENSITY = 12.5
#: Values are spread too far for a linear axis if the largest is so many medians.
_HEAVY = 20.0
_PANEL_HEIGHT = 2.25
#: The most labels of a logarithmic axis: they need more width than height.
_TICKS = {"x": 7, "y": 9}
#: The same where some are negative, as matplotlib counts them.
_SIGNED_TICKS = {"x": 5, "y": 9}


@dataclass(frozen=True)
class Choice:
    """The quantities of a figure.

    Parameters
    ----------
    labels : tuple of str
        Those that are drawn, in order.
    left_out : int
        How many more there are of the same kind.
    """

    labels: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Scale:
    """The scale of an axis.

    Parameters
    ----------
    name : str
        ``"linear"``, ``"log"`` or ``"symlog"``.
    linthresh : float, optional
        Up to where a ``"symlog"`` axis is linear.
    """

    name: str
    linthresh: float | None = None


def choose(
    result: SBCResult,
    quantities: Sequence[str] | None,
    *,
    parameters: bool = False,
    scalars: bool = False,
) -> Choice:
    """Decide which quantities are drawn.

    Parameters
    ----------
    result : SBCResult
    quantities : sequence of str, optional
        Drawn as they are asked for, in that order.
    parameters : bool
        Whether test quantities are drawn only if they are asked for.
    scalars : bool
        The same for elements of vectors, if there are scalars.

    Returns
    -------
    Choice
        By default scalars before elements of vectors, at most 16. Of elements that
        do not all fit, those with the smallest p-values.

    Raises
    ------
    SettingsError
        If a quantity is unknown, or the list is empty, repeats itself or is too long.
    FitError
        If every simulation failed, or there is nothing to draw.
    """
    if not result.ok.any():
        raise FitError(
            f"all {result.n_sims} simulations of {result.model} failed, so that "
            f"there is nothing to draw; the first said: {_first_error(result)}",
            remedy="Read the variables error and console of the result's dataset.",
        )
    known = [str(q) for q in result.dataset["quantity"].values]
    if quantities is not None:
        return Choice(_asked(quantities, known))
    if parameters:
        roles = result.dataset["role"].values
        known = [q for q, r in zip(known, roles, strict=True) if r == "parameter"]
    single = [q for q in known if "[" not in q]
    if scalars and single:
        known = single
    if not known:
        raise FitError(
            f"the calibration of {result.model} has no parameters to draw.",
            remedy="Name test quantities with quantities=[...].",
        )
    return _fitting(result, known, set(single))


def _asked(quantities: Sequence[str], known: list[str]) -> tuple[str, ...]:
    names = [quantities] if isinstance(quantities, str) else list(quantities)
    unknown = [q for q in names if q not in known]
    if unknown:
        raise SettingsError(
            f"quantities has {', '.join(map(repr, unknown))}, but there are only "
            f"{', '.join(known)}."
        )
    if len(set(names)) != len(names) or not 1 <= len(names) <= _MOST_ASKED:
        raise SettingsError(
            f"quantities is a list of {len(names)} names, {len(set(names))} of them "
            f"distinct, but must have from 1 to {_MOST_ASKED}, each once.",
            remedy="Leave it out for a choice of the most important ones.",
        )
    return tuple(names)


def _fitting(result: SBCResult, known: list[str], single: set[str]) -> Choice:
    """Take what fits into one figure."""
    ordered = sorted(known, key=lambda q: q not in single)
    if len(ordered) > MOST_PANELS:
        p = result.summary()["p_value"].fillna(1.0)
        scalars = [q for q in ordered if q in single]
        first = scalars if len(scalars) <= MOST_PANELS else []
        rest = sorted((q for q in ordered if q not in first), key=lambda q: p[q])
        kept = {*first, *rest[: MOST_PANELS - len(first)]}
        ordered = [q for q in ordered if q in kept]
    return Choice(tuple(ordered), len(known) - len(ordered))


def _first_error(result: SBCResult) -> str:
    return str(result.dataset["error"].values[0]).partition("\n")[0] or "nothing"


def headline(figure: Figure, result: SBCResult, what: str, choice: Choice) -> None:
    """Title a figure: what it shows, of how many simulations, and what is missing.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    result : SBCResult
    what : str
        What is drawn.
    choice : Choice
    """
    import textwrap

    counts = [f"{result.n_sims} simulation{'s' if result.n_sims > 1 else ''}"]
    failed = int((~result.ok).sum())
    if failed:
        counts.append(f"{failed} failed")
    if choice.left_out:
        total = len(choice.labels) + choice.left_out
        counts.append(
            f"{choice.left_out} of {total} quantities left out (largest p-values)"
        )
    second = f"{label_text(result.model)}: {', '.join(counts)}"
    width = int(_DENSITY * figure.get_figwidth())
    lines = [*textwrap.wrap(what, width), *textwrap.wrap(second, width)]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10)


def grid(
    result: SBCResult,
    what: str,
    choice: Choice,
    names: tuple[str, str],
    *,
    height: float = _PANEL_HEIGHT,
) -> tuple[Figure, list[Axes]]:
    """Return a figure with one titled panel per quantity.

    Parameters
    ----------
    result : SBCResult
    what : str
        What is drawn, for the title.
    choice : Choice
    names : tuple of str
        What the horizontal and the vertical axes show.
    height : float
        Height of a panel, inches.

    Returns
    -------
    figure : matplotlib.figure.Figure
    panels : list of matplotlib.axes.Axes
        In the order of ``choice``.
    """
    from matplotlib.figure import Figure

    count = len(choice.labels)
    columns = count if count <= 4 else min((4, 3), key=lambda c: -count % c)
    rows = -(-count // columns)
    width = max(6.0, 2.9 * columns)
    bigger = 1.4 if columns == 1 else 1.0
    figure = Figure((width, 1.3 + height * bigger * rows), layout="constrained")
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in cells[count:]:
        unused.remove()
    panels: list[Axes] = list(cells[:count])
    for place, (axes, label) in enumerate(zip(panels, choice.labels, strict=True)):
        text = label_text(label)
        axes.set_title(text, loc="left", fontsize=9, fontweight="bold")
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.grid(color=GRID, linewidth=0.5)
        axes.set_axisbelow(True)
        if place + columns >= count:
            axes.set_xlabel(names[0], fontsize=9)
        if place % columns == 0:
            axes.set_ylabel(names[1], fontsize=9)
    headline(figure, result, what, choice)
    return figure, panels


def note(axes: Axes, text: str) -> None:
    """Write a remark above a panel, below its name if there is no room beside it."""
    name = axes.get_title(loc="left")
    if len(name) + len(text) > _LONGEST_LINE:
        axes.set_title(f"{name}\n ", loc="left", fontsize=9, fontweight="bold")
    axes.set_title(text, loc="right", fontsize=8)


def column(result: SBCResult, variable: str, label: str) -> NDArray[Any]:
    """Return one quantity's values, shape ``(sim_id,)``, failed simulations too."""
    values: NDArray[Any] = result.dataset[variable].sel(quantity=label).values
    return values


def scale_of(values: ArrayLike) -> Scale:
    """Return the scale on which values can be told apart.

    Parameters
    ----------
    values : array_like
        NaN and infinities do not count.

    Returns
    -------
    Scale
        Linear, unless the largest magnitude is more than 20 times the median one, as
        under a heavy-tailed prior; then logarithmic, on both sides of zero if need
        be.
    """
    import numpy as np

    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    sizes = np.abs(finite)
    middle = float(np.median(sizes)) if sizes.size else 0.0
    if middle <= 0 or sizes.max() <= _HEAVY * middle:
        return Scale("linear")
    if (finite > 0).all():
        return Scale("log")
    return Scale("symlog", 10.0 ** float(np.ceil(np.log10(middle))))


def rescale(axes: Axes, which: str, scale: Scale) -> None:
    """Give an axis its scale.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    which : str
        ``"x"`` or ``"y"``.
    scale : Scale
    """
    from matplotlib.ticker import LogLocator, SymmetricalLogLocator

    change = axes.set_xscale if which == "x" else axes.set_yscale
    axis = axes.xaxis if which == "x" else axes.yaxis
    if scale.linthresh is not None:
        change(scale.name, linthresh=scale.linthresh)
        locator = SymmetricalLogLocator(base=10, linthresh=scale.linthresh)
        locator.set_params(numticks=_SIGNED_TICKS[which])
        axis.set_major_locator(locator)
        return
    change(scale.name)
    if scale.name == "log":
        axis.set_major_locator(LogLocator(base=10, numticks=_TICKS[which]))
