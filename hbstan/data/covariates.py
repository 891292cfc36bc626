"""Columns of real numbers side by side, and what a regression cannot use of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hbstan.data.checks import Column, Origin
from hbstan.data.tables import Table
from hbstan.data.values import REALS, Fault, as_real
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "column_names",
    "named_columns",
    "real_columns",
    "refuse_collinear",
    "refuse_constant",
]

#: How many bad cells a message spells out.
_SHOWN = 3
#: Covariates of which one is predicted this well by the others count as collinear.
_MOST_EXPLAINED = 1 - 1e-8


def column_names(role: str, names: Any) -> tuple[str, ...]:
    """Return the names of columns, given as one text or as a sequence of texts.

    Raises
    ------
    DataError
        If there is none, one that is not a text, or one twice.
    """
    listed = (names,) if isinstance(names, str) else names
    if not isinstance(listed, Sequence) or not all(isinstance(n, str) for n in listed):
        raise DataError(
            f"{role} is {names!r}; legal: the name of a column, or a list of names."
        )
    if not listed:
        raise DataError(
            f"{role} is empty; legal: the names of one column or more.",
            remedy="Name the columns, or choose a model without them.",
        )
    twice = [name for name in dict.fromkeys(listed) if list(listed).count(name) > 1]
    if twice:
        raise DataError(f"{role} names the column {twice[0]!r} more than once.")
    return tuple(listed)


def named_columns(table: Table, roles: Sequence[tuple[str, str]]) -> list[Column]:
    """Return the columns of a table that take roles, one of equal length each.

    Parameters
    ----------
    table : Table
    roles : sequence of (role, name)

    Raises
    ------
    DataError
        If a column is missing, takes two roles, or differs in length.
    """
    taken: dict[str, str] = {}
    for role, name in roles:
        if name in taken:
            raise DataError(
                f"column {name!r} is given for both {taken[name]} and {role}; legal: "
                f"a column of its own for each. The columns are {table.listing()}."
            )
        taken[name] = role
    columns = [table.column(role, name) for role, name in roles]
    if len({len(column.cells) for column in columns}) > 1:
        sizes = ", ".join(f"{c.name!r} has {len(c.cells)}" for c in columns)
        raise DataError(
            f"{table.origin.source}: the columns differ in length: {sizes} rows.",
            remedy="Give every column one value for each row.",
        )
    return columns


def real_columns(origin: Origin, columns: Sequence[Column]) -> NDArray[np.float64]:
    """Read columns of finite numbers.

    Returns
    -------
    ndarray of float64, shape (rows, columns)

    Raises
    ------
    DataError
        If a cell is missing, infinite or no number: the first three are named.
    """
    import numpy as np

    values = np.zeros((len(columns[0].cells), len(columns)))
    bad: list[tuple[int, str, Fault]] = []
    for k, column in enumerate(columns):
        for row, cell in enumerate(column.cells):
            value = as_real(cell, text=origin.text)
            if isinstance(value, Fault):
                bad.append((row, column.name, value))
            else:
                values[row, k] = value
    if not bad:
        return values
    bad.sort(key=lambda item: item[0])
    lines = [
        f"{origin.where(row)}, column {name!r}: {fault.what}; legal: {REALS}."
        for row, name, fault in bad[:_SHOWN]
    ]
    if len(bad) > 1:
        first = f", the first {_SHOWN} of them" if len(bad) > _SHOWN else ""
        lines = [f"{len(bad)} bad values{first}:", *(f"  {line}" for line in lines)]
    remedies = dict.fromkeys(fault.remedy for _, _, fault in bad[:_SHOWN])
    raise DataError(f"{origin.source}: " + "\n".join(lines), remedy="\n".join(remedies))


def refuse_constant(
    where: str, names: Sequence[str], values: NDArray[np.float64], what: str
) -> None:
    """Raise :class:`~hbstan.errors.DataError` if a column does not vary.

    Parameters
    ----------
    where : str
        Where the values come from.
    names : sequence of str
    values : ndarray, shape (rows, columns)
    what : str
        What a column is: ``"covariate"`` or ``"input"``.
    """
    import numpy as np

    spread = np.ptp(values, axis=0)
    # Rounding may leave the last digits of a constant different.
    negligible = 1e-10 * np.abs(values).max(axis=0)
    for name, width, least, first in zip(
        names, spread, negligible, values[0], strict=True
    ):
        if width <= least:
            raise DataError(
                f"{where}: the {what} {name!r} is constant, {first:g} in every row; "
                "its effect cannot be told from the mean.",
                remedy=f"Leave {name!r} out.",
            )


def refuse_collinear(
    where: str, names: Sequence[str], values: NDArray[np.float64]
) -> None:
    """Raise :class:`~hbstan.errors.DataError` if columns determine one another.

    Each column is regressed on those before it (least squares, with intercept); one
    whose R^2 exceeds 1 - 1e-8 is named, with the columns that make it up.

    Parameters
    ----------
    where : str
        Where the values come from.
    names : sequence of str
    values : ndarray, shape (rows, columns)
        None constant.
    """
    import numpy as np

    z = (values - values.mean(axis=0)) / values.std(axis=0)
    for k in range(1, z.shape[1]):
        weights, *_ = np.linalg.lstsq(z[:, :k], z[:, k], rcond=None)
        left = z[:, k] - z[:, :k] @ weights
        if np.mean(left**2) <= 1 - _MOST_EXPLAINED:
            others = [repr(names[i]) for i in range(k) if abs(weights[i]) > 1e-6]
            raise DataError(
                f"{where}: the covariate {names[k]!r} follows from "
                f"{' and '.join(others)} (R^2 = 1): their effects cannot be told "
                "apart.",
                remedy=f"Leave one of them out, e.g. {names[k]!r}.",
            )
