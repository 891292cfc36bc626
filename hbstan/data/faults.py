"""Reading several columns of a table while collecting everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hbstan.data.checks import Column, Origin, Problem, collect_cells, raise_problems
from hbstan.data.tables import Table
from hbstan.data.values import COUNTS, LABELS, as_count, as_label
from hbstan.errors import DataError

__all__ = ["Faults", "text_of"]


class Faults:
    """The faults of a table, collected over its columns and reported together.

    Parameters
    ----------
    table : Table
    """

    def __init__(self, table: Table) -> None:
        self.origin: Origin = table.origin
        self._table = table
        self._found: list[Problem] = []
        self._rows: tuple[str, int] | None = None

    def column(
        self, role: str, name: str, read: Callable[..., Any], legal: str
    ) -> list[Any]:
        """Return a column's values; what is illegal is noted and becomes None.

        Parameters
        ----------
        role, name : str
            What the column is for, and its name.
        read : callable
            One of :mod:`hbstan.data.values`.
        legal : str
            The legal values in words.

        Raises
        ------
        DataError
            If there is no such column, or its length is not that of the others.
        """
        column = self._table.column(role, name)
        self._same_length(column)
        return collect_cells(self.origin, column, read, legal, self._found)

    def labels(self, role: str, name: str) -> list[Any]:
        """Return a column of labels; see :meth:`column`."""
        return self.column(role, name, as_label, LABELS)

    def counts(self, role: str, name: str) -> list[Any]:
        """Return a column of counts; see :meth:`column`."""
        return self.column(role, name, as_count, COUNTS)

    def add(self, row: int, column: str, what: str, legal: str, remedy: str) -> None:
        """Note a fault in a row, counted from 0."""
        self._found.append(Problem(row, column, what, legal, remedy))

    def settle(self) -> None:
        """Raise :class:`~hbstan.errors.DataError` if anything was noted."""
        raise_problems(self.origin, None, self._found)

    def _same_length(self, column: Column) -> None:
        rows = len(column.cells)
        if rows == 0:
            raise DataError(
                f"{self.origin.source}: there are no rows in column {column.name!r}."
            )
        first = self._rows or (column.name, rows)
        self._rows = first
        if rows != first[1]:
            raise DataError(
                f"{self.origin.source}: the columns differ in length: {first[0]!r} "
                f"has {first[1]}, {column.name!r} has {rows} rows.",
                remedy="Give every column one value a row.",
            )


def text_of(values: Sequence[Any], longest: int = 5) -> str:
    """Return the first few of some values, quoted and joined by commas."""
    shown = ", ".join(map(repr, values[:longest]))
    return shown if len(values) <= longest else f"{shown}, ..."
