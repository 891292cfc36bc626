"""Columns of a table as covariates: numbers as they are, levels as contrasts.

A covariate of text becomes one column of 0 and 1 for each of its levels but the
first, its reference, in alphabetical order. The column's label says all that is needed
to make it again from another table: ``"ward: B vs A"``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.checks import Column, Origin, check_lengths, read_cells
from hbstan.data.values import LABELS, REALS, Fault, as_label, as_real, show
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.data.tables import Table

__all__ = ["Contrast", "contrast_of", "covariate_columns", "encode"]

#: What the readers of cells say of no value.
_MISSING = "is missing"
_CONTRAST = re.compile(r"(?P<column>.+?): (?P<level>.+) vs (?P<reference>.+)")


@dataclass(frozen=True)
class Contrast:
    """A level of a covariate of text, against the reference level.

    Parameters
    ----------
    column : str
        The table's column.
    level, reference : str
        The level that the contrast is 1 for, and the one that all contrasts of the
        column are 0 for.
    """

    column: str
    level: str
    reference: str

    @property
    def label(self) -> str:
        """The covariate's label, from which :func:`contrast_of` reads it back."""
        return f"{self.column}: {self.level} vs {self.reference}"


def contrast_of(label: str) -> Contrast | None:
    """Return the contrast that a covariate's label names, None for numbers."""
    match = _CONTRAST.fullmatch(label)
    return Contrast(**match.groupdict()) if match else None


def covariate_columns(
    table: Table, names: Sequence[str], group: Column | None
) -> list[tuple[str, str, list[float]]]:
    """Turn columns of a table into covariates.

    Parameters
    ----------
    table : Table
    names : sequence of str
        The columns.
    group : Column or None
        The column of group labels, for messages.

    Returns
    -------
    list of (label, column, values)
        One or more for each column; see the module's description.

    Raises
    ------
    DataError
        If a cell is missing, infinite, or text among numbers; if a column has one
        level; if names or levels look like a contrast's label.
    """
    out: list[tuple[str, str, list[float]]] = []
    for name in names:
        column = table.column("covariate", name)
        if _is_text(column):
            out += _contrasts(column, table.origin, group)
            continue
        if contrast_of(name) is not None:
            raise _ambiguous(table.origin, name)
        values = read_cells(table.origin, group, column, as_real, REALS)
        out.append((name, name, values))
    return out


def _is_text(column: Column) -> bool:
    """Whether a column holds levels: words, and nowhere a number, even as text."""
    read = [(cell, as_real(cell, text=True)) for cell in column.cells]
    words = (
        isinstance(cell, str)
        and isinstance(value, Fault)
        and _MISSING not in value.what
        for cell, value in read
    )
    return any(words) and all(isinstance(value, Fault) for _, value in read)


def _contrasts(
    column: Column, origin: Origin, group: Column | None
) -> list[tuple[str, str, list[float]]]:
    labels = read_cells(origin, group, column, as_label, LABELS)
    levels = sorted(set(labels))
    if len(levels) == 1:
        raise DataError(
            f"{origin.source}: the covariate {column.name!r} has one level, "
            f"{levels[0]!r}, in all rows; legal: two or more.",
            remedy="Leave it out: nothing varies with it.",
        )
    out = []
    for level in levels[1:]:
        contrast = Contrast(column.name, level, levels[0])
        if contrast_of(contrast.label) != contrast:
            raise _ambiguous(origin, contrast.label)
        values = [float(label == level) for label in labels]
        out.append((contrast.label, column.name, values))
    return out


def _ambiguous(origin: Origin, label: str) -> DataError:
    return DataError(
        f"{origin.source}: {label!r} cannot be told from the label of a contrast, "
        "which is 'COLUMN: LEVEL vs REFERENCE'.",
        remedy="Rename the column or its levels, without ': ' and ' vs '.",
    )


def encode(table: Table, labels: Sequence[str]) -> NDArray[np.float64]:
    """Make the covariates of other rows, under the labels of those of a fit.

    Parameters
    ----------
    table : Table
    labels : sequence of str
        The covariates, in order.

    Returns
    -------
    ndarray of shape (rows, covariates)
        In the covariates' own units.

    Raises
    ------
    DataError
        If a column is missing, a value is illegal, or a level is one that the fit
        did not see.
    """
    import numpy as np

    contrasts = [contrast_of(label) for label in labels]
    by_column: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        if contrast is not None:
            by_column.setdefault(contrast.column, []).append(contrast)
    levels = {name: _known_levels(table, known) for name, known in by_column.items()}
    out = []
    for label, contrast in zip(labels, contrasts, strict=True):
        if contrast is None:
            column = table.column("covariate", label)
            out.append(read_cells(table.origin, None, column, as_real, REALS))
        else:
            out.append([float(x == contrast.level) for x in levels[contrast.column]])
    if not out:
        return np.zeros((len(table.cells[0]) if table.cells else 0, 0))
    made = [Column(label, own) for label, own in zip(labels, out, strict=True)]
    check_lengths(table.origin, made)
    return np.array(out, dtype=float).T


def _known_levels(table: Table, contrasts: list[Contrast]) -> list[str]:
    column = table.column("covariate", contrasts[0].column)
    legal = [contrasts[0].reference, *(c.level for c in contrasts)]

    def read(value: Any, *, text: bool) -> str | Fault:
        label = as_label(value)
        if isinstance(label, str) and label not in legal:
            what = f"the level {show(label)} was not among the rows of the fit"
            return Fault(what, "Fit again with rows of that level.")
        return label

    return read_cells(table.origin, None, column, read, ", ".join(map(repr, legal)))
