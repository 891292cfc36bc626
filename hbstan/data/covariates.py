"""Columns of real numbers side by side, and what a regression cannot use of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hbstan.data.checks import Column, Origin, check_lengths, first_shared
from hbstan.data.columns import first_constant, first_dependent
from hbstan.data.reals import check_reals
from hbstan.data.tables import Table
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

#: A range up to this share of a column's size is rounding of its last digits.
_CONSTANT = 1e-10
#: Covariates of which the others leave this share of the spread, sqrt(1 - R^2), count
#: as collinear.
_COLLINEAR = 1e-4


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
    shared = first_shared(roles)
    if shared is not None:
        name, first, second = shared
        raise DataError(
            f"column {name!r} is given for both {first} and {second}; legal: a column "
            f"of its own for each. The columns are {table.listing()}."
        )
    columns = [table.column(role, name) for role, name in roles]
    check_lengths(table.origin, columns)
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

    return np.column_stack(check_reals(origin, None, *columns))


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
    k = first_constant(values, _CONSTANT)
    if k is not None:
        raise DataError(
            f"{where}: the {what} {names[k]!r} is constant, {values[0, k]:g} in every "
            "row; its effect cannot be told from the mean.",
            remedy=f"Leave {names[k]!r} out.",
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
    found = first_dependent(values, _COLLINEAR)
    if found is not None:
        name = names[found.column]
        others = " and ".join(repr(names[k]) for k in found.others)
        raise DataError(
            f"{where}: the covariate {name!r} follows from {others} (R^2 = 1): their "
            "effects cannot be told apart.",
            remedy=f"Leave one of them out, e.g. {name!r}.",
        )
