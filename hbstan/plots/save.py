"""Figures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["save"]


def save(figure: Figure, file: Path, *, dpi: float) -> None:
    """Write a figure, as its ``savefig`` would, but drawn only once.

    ``savefig`` draws every figure a first time without output, to find a layout that
    the second time finds again: a fourth of its time. The same figure gives the same
    bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Its resolution is changed.
    file : pathlib.Path
        Ends in ``.png`` or ``.svg``.
    dpi : float
        Pixels per inch; in an SVG, of what is drawn as pixels.

    Raises
    ------
    ValueError
        If the file's ending is another.
    OSError
        If it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if file.suffix not in (".png", ".svg"):
        raise ValueError(f"{file.name} must end in .png or .svg")
    figure.set_dpi(dpi)
    canvas: Any
    if file.suffix == ".svg":
        canvas = FigureCanvasSVG(figure)
        canvas.print_svg(file, metadata={"Date": None})
    else:
        canvas = FigureCanvasAgg(figure)
        canvas.print_png(file)
