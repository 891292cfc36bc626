"""Columns of real numbers: every cell is finite, faults are reported together."""

from __future__ import annotations

from hbstan.data.checks import Column, Origin, _cells, _Problem, _raise_any
from hbstan.data.values import REALS, as_real
from hbstan.errors import DataError

__all__ = ["check_reals"]


def check_reals(
    origin: Origin, group: Column | None, *columns: Column
) -> tuple[list[float], ...]:
    """Check columns of finite numbers.

    Parameters
    ----------
    origin : Origin
        Where the rows come from.
    group : Column or None
        Labels of the rows, for the messages.
    *columns : Column
        The columns, in any units.

    Returns
    -------
    tuple of list of float
        The numbers, one list a column.

    Raises
    ------
    DataError
        If columns differ in length, or a cell is missing, infinite or no number.
    """
    given = [column for column in (group, *columns) if column is not None]
    sizes = {column.name: len(column.cells) for column in given}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
        raise DataError(
            f"{origin.source}: the columns differ in length: {listed} rows.",
            remedy="Give every column one value a row.",
        )
    problems: list[_Problem] = []
    found = tuple(_cells(origin, c, as_real, REALS, problems) for c in columns)
    _raise_any(origin, group, problems)
    return found
