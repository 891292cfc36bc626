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
    from collections.abc import Callable, Sequence

__all__ = ["Column", "Origin", "check_binomial", "check_estimates"]

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
class _Problem:
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
    problems: list[_Problem] = []
    labels = _labels(origin, group, len(trials.cells), _AGGREGATE_COUNTS, problems)
    n = _cells(origin, trials, as_count, COUNTS, problems)
    y = _cells(origin, events, as_count, COUNTS, problems)
    for row, (most, some) in enumerate(zip(n, y, strict=True)):
        if most is not None and some is not None and some > most:
            problems.append(
                _Problem(
                    row,
                    events.name,
                    f"{some} events exceed {most} trials",
                    f"a whole number from 0 to the row's trials "
                    f"({trials.name!r} = {most})",
                    "Correct the row; perhaps the two columns are swapped.",
                )
            )
    _raise_any(origin, group, problems)
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
    problems: list[_Problem] = []
    labels = _labels(origin, group, len(estimate.cells), _COMBINE, problems)
    y = _cells(origin, estimate, as_real, REALS, problems)
    sigma = _cells(origin, se, as_scale, SCALES, problems)
    _raise_any(origin, group, problems)
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
    sizes = {column.name: len(column.cells) for column in given}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
        raise DataError(
            f"{origin.source}: the columns differ in length: {listed} rows.",
            remedy="Give every column one value for each group.",
        )
    rows = len(given[0].cells)
    if rows == 0:
        raise DataError(
            f"{origin.source}: there are no rows; legal: at least 2, one a group.",
            remedy="Give one row for each group.",
        )
    if rows == 1:
        raise DataError(
            f"{origin.source}: there is 1 group; legal: at least 2. The spread "
            "between groups, which a hierarchical model estimates, does not show "
            "in a single group.",
            remedy="Give at least two groups, or analyse the one group by itself.",
        )


def _labels(
    origin: Origin,
    group: Column | None,
    rows: int,
    remedy: str,
    problems: list[_Problem],
) -> tuple[str, ...]:
    if group is None:
        return tuple(str(row + 1) for row in range(rows))
    labels = _cells(origin, group, _label, LABELS, problems)
    first: dict[str, int] = {}
    for row, label in enumerate(labels):
        if label is None:
            continue
        if label in first:
            what = f"label {show(label)} is also that of {origin.where(first[label])}"
            legal = "every label once"
            problems.append(_Problem(row, group.name, what, legal, remedy))
        first.setdefault(label, row)
    return tuple(labels)


def _label(value: Any, *, text: bool) -> str | Fault:
    # A label is read alike from text and from objects.
    return as_label(value)


def _cells(
    origin: Origin,
    column: Column,
    read: Callable[..., Any],
    legal: str,
    problems: list[_Problem],
) -> list[Any]:
    """Read a column; a bad cell becomes None and a problem."""
    out: list[Any] = []
    for row, cell in enumerate(column.cells):
        value = read(cell, text=origin.text)
        if isinstance(value, Fault):
            problems.append(_Problem(row, column.name, value.what, legal, value.remedy))
            value = None
        out.append(value)
    return out


def _raise_any(origin: Origin, group: Column | None, problems: list[_Problem]) -> None:
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


def _sentence(origin: Origin, group: Column | None, problem: _Problem) -> str:
    place = origin.where(problem.row)
    label = as_label(group.cells[problem.row]) if group is not None else None
    if isinstance(label, str):
        place += f", group {show(label)}"
    return (
        f"{place}, column {problem.column!r}: {problem.what}; legal: {problem.legal}."
    )
