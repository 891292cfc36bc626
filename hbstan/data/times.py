"""Columns of times: read as labels, and strictly increasing."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hbstan.data.checks import Column, Origin
from hbstan.data.values import Fault, as_label, as_real, show
from hbstan.errors import DataError

__all__ = ["check_times"]

_SORT = "Sort the table by time, the earliest first, and keep one row a time."


def check_times(origin: Origin, times: Column | None, rows: int) -> tuple[str, ...]:
    """Check that times increase from row to row.

    Parameters
    ----------
    origin : Origin
        Where the rows come from.
    times : Column or None
        Numbers, dates, or ISO 8601 text; ``None`` numbers the times from "1".
    rows : int
        How many rows there are.

    Returns
    -------
    tuple of str
        The times as labels.

    Raises
    ------
    DataError
        If a time is missing, is neither number nor date, occurs twice or is earlier
        than the one before.
    """
    if times is None:
        return tuple(str(row + 1) for row in range(rows))
    labels = [_label(origin, times, row) for row in range(rows)]
    keys = _keys(origin, times, labels)
    for row in range(1, rows):
        if keys[row] > keys[row - 1]:
            continue
        where = f"{origin.source}: {origin.where(row)}, column {times.name!r}: "
        what = "is also that of the row before"
        if keys[row] < keys[row - 1]:
            what = f"is earlier than {show(labels[row - 1])} in the row before"
        raise DataError(
            f"{where}the time {show(labels[row])} {what}; legal: times that increase "
            "from row to row.",
            remedy=_SORT,
        )
    return tuple(labels)


def _label(origin: Origin, times: Column, row: int) -> str:
    label = as_label(times.cells[row])
    if isinstance(label, Fault):
        raise DataError(
            f"{origin.source}: {origin.where(row)}, column {times.name!r}: "
            f"{label.what}; legal: a number or a date.",
            remedy=label.remedy,
        )
    return label


def _keys(origin: Origin, times: Column, labels: list[str]) -> list[Any]:
    """Return what the times are ordered by: numbers if all are, else dates."""
    numbers = [as_real(cell, text=True) for cell in times.cells]
    if not any(isinstance(number, Fault) for number in numbers):
        return numbers
    keys = []
    for row, label in enumerate(labels):
        try:
            moment = dt.datetime.fromisoformat(label)
        except ValueError:
            raise DataError(
                f"{origin.source}: {origin.where(row)}, column {times.name!r}: "
                f"{show(label)} is neither a number nor a date, so its order is not "
                "known; legal: numbers only, or dates only, in text as ISO 8601 "
                "(2024-01-31).",
                remedy="Convert the column, or sort the rows and leave time out.",
            ) from None
        # Of two clocks none is earlier: those without a zone are read as UTC.
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        keys.append(zoned)
    return keys
