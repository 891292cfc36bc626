"""Columns of real numbers: every cell is finite, faults are reported together."""

from __future__ import annotations

from hbstan.data.checks import (
    Column,
    Origin,
    Problem,
    check_lengths,
    collect_cells,
    raise_problems,
)
from hbstan.data.values import REALS, as_real

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
    check_lengths(origin, given, "a row")
    problems: list[Problem] = []
    found = tuple(collect_cells(origin, c, as_real, REALS, problems) for c in columns)
    raise_problems(origin, group, problems)
    return found
