"""Whole columns: labels are unique, events do not exceed trials, and so on.

Faults are collected over all rows and reported together: the first three with row,
line, group, column, value and legal range, and how many there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.values import (
    COUNTS,
    LABELS,
    REALS,
    SCALES,
    Fault,
    as_count,
    as_label,
    as_real,
    as_scale,
    show,
)
from hbstan.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "Column",
    "Origin",
    "Problem",
    "check_binomial",
    "check_estimates",
    "check_lengths",
    "collect_cells",
    "first_shared",
    "raise_problems",
    "read_cells",
    "read_labels",
]

#: How many bad cells a message spells out.
SHOWN = 3


@dataclass(frozen=True)
class Column:
    """A column's name and its cells, one for each row."""

    name: str
    cells: Sequence[Any]


@dataclass(frozen=True)
class Origin:
    """Where rows come from, for messages.

    Parameters
    ----------
    source : str
        A file's path, or a description such as ``"DataFrame"``.
    lines : sequence of int, optional
        The line of the file, counted from 1, on which each row starts.
    text : bool
        Whether all cells are text, as in a CSV file, so that numbers have to be
        read from their spelling.
    """

    source: str
    lines: Sequence[int] | None = None
    text: bool = False

    def where(self, row: int) -> str:
        """Name a row (given from 0) as people count, from 1."""
        line = f" (line {self.lines[row]})" if self.lines is not None else ""
        return f"row {row + 1}{line}"


@dataclass(frozen=True)
class Problem:
    """A fault in a cell of a table.

    Parameters
    ----------
    row : int
        The row, from 0.
    column : str
        The column's name.
    what : str
        The value and its defect.
    legal : str
        The legal values in words.
    remedy : str
        An imperative sentence.
    """

    row: int
    column: str
    what: str
    legal: str
    remedy: str


def check_binomial(
    origin: Origin, group: Column | None, trials: Column, events: Column
) -> tuple[tuple[str, ...], list[int], list[int]]:
    """Check grouped binomial data: ``0 <= events <= trials``, in whole numbers.

    Parameters
    ----------
    origin : Origin
        Where the rows come from.
    group : Column or None
        The labels; ``None`` numbers the groups from "1".
    trials, events : Column
        The counts.

    Returns
    -------
    labels : tuple of str
    n, y : list of int

    Raises
    ------
    DataError
        If any cell is illegal; see the package's description.
    """
    _check_shape(origin, group, trials, events)
    problems: list[Problem] = []
    labels = read_labels(origin, group, len(trials.cells), _AGGREGATE_COUNTS, problems)
    n = collect_cells(origin, trials, as_count, COUNTS, problems)
    y = collect_cells(origin, events, as_count, COUNTS, problems)
    for row, (most, some) in enumerate(zip(n, y, strict=True)):
        if most is not None and some is not None and some > most:
            problems.append(
                Problem(
                    row,
                    events.name,
                    f"{some} events exceed {most} trials",
                    f"a whole number from 0 to the row's trials "
                    f"({trials.name!r} = {most})",
                    "Correct the row; perhaps the two columns are swapped.",
                )
            )
    raise_problems(origin, group, problems)
    return labels, n, y


def check_estimates(
    origin: Origin, group: Column | None, estimate: Column, se: Column
) -> tuple[tuple[str, ...], list[float], list[float]]:
    """Check estimates with standard errors: all finite, every error above 0.

    Parameters
    ----------
    origin, group
        As for :func:`check_binomial`.
    estimate, se : Column
        The estimates and their standard errors, in the same unit.

    Returns
    -------
    labels : tuple of str
    y, sigma : list of float

    Raises
    ------
    DataError
        If any cell is illegal.
    """
    _check_shape(origin, group, estimate, se)
    problems: list[Problem] = []
    labels = read_labels(origin, group, len(estimate.cells), _COMBINE, problems)
    y = collect_cells(origin, estimate, as_real, REALS, problems)
    sigma = collect_cells(origin, se, as_scale, SCALES, problems)
    raise_problems(origin, group, problems)
    return labels, y, sigma


_AGGREGATE_COUNTS = (
    "Aggregate the data to one row a group (add up its trials and its events), "
    "or give the rows labels of their own."
)
_COMBINE = (
    "Aggregate the data to one row a group (combine its estimates, weighted by "
    "1/se^2), or give the rows labels of their own."
)


def _check_shape(origin: Origin, *columns: Column | None) -> None:
    given = [column for column in columns if column is not None]
    check_lengths(origin, given, "for each group")
    rows = len(given[0].cells)
    if rows == 0:
        raise DataError(
            f"{origin.source}: there are no rows; legal: at least 2, one a group "
            "(or 1 if all priors are given).",
            remedy="Give one row for each group.",
        )


def check_lengths(
    origin: Origin, columns: Iterable[Column], each: str = "for each row"
) -> None:
    """Raise :class:`~hbstan.errors.DataError` if columns differ in length.

    Parameters
    ----------
    origin : Origin
    columns : iterable of Column
    each : str
        What has one value a column, in the remedy's words.
    """
    sizes = {column.name: len(column.cells) for column in columns}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
        raise DataError(
            f"{origin.source}: the columns differ in length: {listed} rows.",
            remedy=f"Give every column one value {each}.",
        )


def first_shared(roles: Iterable[tuple[str, str]]) -> tuple[str, str, str] | None:
    """Return the first column that is given for two roles, and these two.

    Parameters
    ----------
    roles : iterable of (role, column)

    Returns
    -------
    tuple of (column, first role, second role) or None
    """
    taken: dict[str, str] = {}
    for role, column in roles:
        if column in taken:
            return column, taken[column], role
        taken[column] = role
    return None


def read_labels(
    origin: Origin,
    group: Column | None,
    rows: int,
    remedy: str,
    problems: list[Problem],
) -> tuple[str, ...]:
    """Read labels that occur once each; without a column number the rows from "1".

    Parameters
    ----------
    origin : Origin
    group : Column or None
    rows : int
        How many rows there are.
    remedy : str
        What to do about a label that occurs twice.
    problems : list of Problem
        Takes what is wrong; a bad cell's label is None.
    """
    if group is None:
        return tuple(str(row + 1) for row in range(rows))
    labels = collect_cells(origin, group, as_label, LABELS, problems)
    first: dict[str, int] = {}
    for row, label in enumerate(labels):
        if label is None:
            continue
        if label in first:
            what = f"label {show(label)} is also that of {origin.where(first[label])}"
            legal = "every label once"
            problems.append(Problem(row, group.name, what, legal, remedy))
        first.setdefault(label, row)
    return tuple(labels)


def collect_cells(
    origin: Origin,
    column: Column,
    read: Callable[..., Any],
    legal: str,
    problems: list[Problem],
) -> list[Any]:
    """Read a column; a bad cell becomes None and a problem.

    Parameters
    ----------
    origin : Origin
    column : Column
    read : callable
        (cell, text=...) -> the value, or a Fault; see :mod:`hbstan.data.values`.
    legal : str
        The legal values in words.
    problems : list of Problem
        Takes what is wrong.
    """
    out: list[Any] = []
    for row, cell in enumerate(column.cells):
        value = read(cell, text=origin.text)
        if isinstance(value, Fault):
            problems.append(Problem(row, column.name, value.what, legal, value.remedy))
            value = None
        out.append(value)
    return out


def read_cells(
    origin: Origin,
    group: Column | None,
    column: Column,
    read: Callable[..., Any],
    legal: str,
) -> list[Any]:
    """Read all cells of a column, or say which are illegal.

    Parameters
    ----------
    origin : Origin
    group : Column or None
        The labels of the groups, for messages.
    column, read, legal
        As for :func:`collect_cells`.

    Raises
    ------
    DataError
    """
    problems: list[Problem] = []
    values = collect_cells(origin, column, read, legal, problems)
    raise_problems(origin, group, problems)
    return values


def raise_problems(
    origin: Origin, group: Column | None, problems: list[Problem]
) -> None:
    """Raise one :class:`~hbstan.errors.DataError` for all problems, if there are any.

    Parameters
    ----------
    origin : Origin
    group : Column or None
        The labels of the rows, to be named with them.
    problems : list of Problem
        The first three by row are spelt out.
    """
    if not problems:
        return
    worst = sorted(problems, key=lambda problem: problem.row)[:SHOWN]
    lines = [_sentence(origin, group, problem) for problem in worst]
    if len(problems) == 1:
        message = f"{origin.source}: {lines[0]}"
    else:
        message = f"{origin.source}: {len(problems)} bad values"
        if len(problems) > len(worst):
            message += f", the first {len(worst)} of them"
        message += ":\n" + "\n".join(f"  {line}" for line in lines)
    remedies = dict.fromkeys(problem.remedy for problem in worst)
    raise DataError(message, remedy="\n".join(remedies))


def _sentence(origin: Origin, group: Column | None, problem: Problem) -> str:
    place = origin.where(problem.row)
    label = as_label(group.cells[problem.row]) if group is not None else None
    if isinstance(label, str):
        place += f", group {show(label)}"
    return (
        f"{place}, column {problem.column!r}: {problem.what}; legal: {problem.legal}."
    )
