"""Tables that fit the screen without breaking a name or leaving out a number.

Rich breaks and cuts what is too wide. Here text is wrapped between words, and where
that is not enough the columns go on below, each part with the rows' names.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import ConsoleOptions, RenderableType, RenderResult

    from hbstan.fit import Fit

__all__ = ["FittingTable", "UncutConsole", "pairs_once"]

#: Between two columns.
_GAP = 2
#: Text is not squeezed into less, if it has more.
_LEAST_TEXT = 12
#: Characters of a name that would break its row.
_BREAKING = str.maketrans({"\n": "\\n", "\r": "\\r", "\t": "\\t"})


class UncutConsole(Console):
    """A console that does not cut lines which must be wider than the screen."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as Rich does, but whole."""
        super().print(*objects, **{"crop": False, **options})


@dataclass(frozen=True)
class _Width:
    """How wide a column may be: from its widest word to its widest line."""

    least: int
    natural: int


class FittingTable(Table):
    """A table whose first column holds names, which are never broken.

    If even a name and one column are wider than the screen, the lines are, too.
    """

    def add_row(self, *cells: RenderableType | None, **options: object) -> None:
        """Add a row; line ends and tabs in its name are shown as escapes."""
        first, *rest = cells
        name = first.translate(_BREAKING) if isinstance(first, str) else first
        super().add_row(name, *rest, **options)  # type: ignore[arg-type]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        if self.title:
            yield Text.from_markup(str(self.title), style="bold")
        widths = [self._width(column) for column in self.columns]
        for block in _blocks(widths, options.max_width):
            given = _share([widths[i] for i in block], options.max_width)
            part = self._part(block, given)
            wide = options.update(width=_wide(given))
            yield from Table.__rich_console__(part, console, wide)
        if self.caption:
            yield Text.from_markup(str(self.caption), style="dim italic")

    def is_whole(self, room: int) -> bool:
        """Whether all columns find room side by side."""
        return _wide([self._width(column).least for column in self.columns]) <= room

    def _width(self, column: Column) -> _Width:
        texts = [str(column.header), *(str(cell) for cell in column.cells)]
        lines = [
            line for text in texts for line in Text.from_markup(text).plain.split("\n")
        ]
        natural = max(map(cell_len, lines), default=0)
        if column.no_wrap:
            return _Width(natural, natural)
        words = [word for line in lines for word in line.split()]
        longest = max(map(cell_len, words), default=0)
        return _Width(max(longest, min(natural, _LEAST_TEXT)), natural)

    def _part(self, block: Sequence[int], widths: Sequence[int]) -> Table:
        part = copy.copy(self)
        part.title = part.caption = part.min_width = None
        part.columns = []
        for place, (index, width) in enumerate(zip(block, widths, strict=True)):
            column = replace(self.columns[index], width=width)
            column._index = place
            part.columns.append(column)
        return part


def _wide(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _blocks(widths: Sequence[_Width], room: int) -> Iterator[list[int]]:
    """Yield the columns of each part: the first, and as many others as there is room.

    Where there is none for the first and any other, all are in one part.

    Parameters
    ----------
    widths : sequence of _Width
    room : int
        The screen's width.
    """
    widest = max((width.least for width in widths[1:]), default=0)
    if _wide([widths[0].least, widest]) > room:
        yield list(range(len(widths)))
        return
    block = [0]
    for index in range(1, len(widths)):
        least = [widths[i].least for i in (*block, index)]
        if _wide(least) > room and len(block) > 1:
            yield block
            block = [0]
        block.append(index)
    yield block


def _share(widths: Sequence[_Width], room: int) -> list[int]:
    """Return widths that use the room, most for the columns that lack most."""
    given = [width.least for width in widths]
    free = room - _wide(given)
    while free > 0:
        lacking = [w.natural - own for w, own in zip(widths, given, strict=True)]
        most = max(lacking)
        if most <= 0:
            break
        given[lacking.index(most)] += 1
        free -= 1
    return given


def pairs_once(fit: Fit, summary: pd.DataFrame) -> pd.DataFrame:
    """Leave out the diagonals of correlation matrices, and each pair's second row."""
    import numpy as np

    second: list[Any] = []
    for name, draws in fit.posterior.data_vars.items():
        values = draws.values
        if values.ndim != 4 or values.shape[2] != values.shape[3]:
            continue
        rows = [row for row in summary.index if str(row).split("[")[0] == name]
        diagonal = np.diagonal(values, axis1=2, axis2=3)
        symmetric = np.allclose(values, values.swapaxes(2, 3), equal_nan=True)
        if len(rows) == values[0, 0].size and symmetric and np.allclose(diagonal, 1):
            lower = np.tril_indices(values.shape[2])
            second += [rows[i] for i in np.ravel_multi_index(lower, values.shape[2:])]
    return summary.drop(index=second)
