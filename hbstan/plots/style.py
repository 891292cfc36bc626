"""Colours, and how labels are written, in all figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ACCENT",
    "BASE",
    "CHAINS",
    "FAINT",
    "GRID",
    "MUTED",
    "THIRD",
    "label_text",
    "name_rows",
]

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BASE = "#0072B2"
ACCENT = "#D55E00"
THIRD = "#009E73"
CHAINS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
#: Reference lines and text of lesser importance.
MUTED = "#555555"
#: Points that are there to be compared with.
FAINT = "#b3b3b3"
GRID = "#dddddd"
#: Longer labels are cut, so that they leave room for the picture.
_LONGEST = 32


def label_text(label: object, longest: int = _LONGEST) -> str:
    """Return a label as matplotlib will show it, cut where it is too long.

    Parameters
    ----------
    label : object
        What is written is its ``str``.
    longest : int
        The most characters, the mark of omission included.

    Returns
    -------
    str
        Without anything that starts matplotlib's own mathematics.
    """
    text = str(label)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text.replace("$", r"\$")


def name_rows(axes: Axes, labels: Sequence[str] | None) -> None:
    """Write the names of rows, the first on top, over a grid for reading values.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Row k is at height k.
    labels : sequence of str or None
        As they shall be shown; ``None`` where rows are named already, here or at the
        neighbour.
    """
    if labels is not None:
        axes.set_yticks(range(len(labels)), list(labels))
        axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
