"""Figures as they come out, at little cost."""

from __future__ import annotations

import io

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def rendered(figure: Figure) -> bytes:
    """Return a figure as a small PNG: layouts and scales warn where they are made.

    ``savefig`` would draw it twice.
    """
    figure.set_dpi(40)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file)
    return file.getvalue()
