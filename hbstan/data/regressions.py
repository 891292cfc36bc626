"""Readers of rows in groups with covariates, for linear and logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hbstan.data.checks import check_lengths, read_cells
from hbstan.data.regression_columns import covariate_columns
from hbstan.data.regression_rows import LinearRows, LogisticRows, RegressionRows
from hbstan.data.tables import read_table
from hbstan.data.values import LABELS, REALS, Fault, as_count, as_label, as_real, show
from hbstan.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.data.tables import Table

__all__ = ["logistic", "regression"]

#: Label of the one group of a regression without groups.
ALL = "all"
INTERCEPT = "intercept"


def regression(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    outcome: str,
    covariates: Sequence[str] | str,
    group: str | None,
    varying: Sequence[str] | str | None = None,
    name: str | None = None,
) -> LinearRows:
    """Build the data of a linear regression whose effects vary by group.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row an observation; see :func:`hbstan.data.grouped_binomial`.
    outcome : str
        The column of outcomes, finite numbers, not all the same.
    covariates : sequence of str
        Columns of numbers, or of text, whose first level in alphabetical order is
        the reference of the others. None at all is legal.
    group : str or None
        The column of group labels, two or more different ones; ``None`` for a
        regression without groups.
    varying : sequence of str, optional
        Covariates whose slopes vary by group. With groups the intercept always does.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    LinearRows

    Raises
    ------
    DataError
        If a column is missing or a value illegal, if a covariate is constant or
        follows from others, or if there are fewer rows than coefficients.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"y": [1.0, 2.5, 3.0, 4.5], "x": [0, 1, 2, 3], "w": list("AABB")}
    >>> rows = hbstan.data.regression(table, outcome="y", covariates=["x"], group="w")
    >>> rows.J, rows.coords["effect"]
    (2, ['intercept'])
    """
    given = _Given(outcome, covariates, group, varying, name)
    return _build(LinearRows, read_table(df), given, as_real, REALS)


def logistic(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    outcome: str,
    covariates: Sequence[str] | str,
    group: str | None,
    varying: Sequence[str] | str | None = None,
    name: str | None = None,
) -> LogisticRows:
    """Build the data of a logistic regression whose effects vary by group.

    Parameters
    ----------
    df, covariates, group, varying, name
        As for :func:`regression`.
    outcome : str
        The column of outcomes, 0 or 1 (or booleans), both of them.

    Returns
    -------
    LogisticRows
        Its ``separation`` says whether covariates separate the outcomes, which is no
        error: the priors keep the posterior proper.

    Raises
    ------
    DataError
        As for :func:`regression`.
    """
    given = _Given(outcome, covariates, group, varying, name)
    return _build(LogisticRows, read_table(df), given, _binary, "0 or 1")


@dataclass(frozen=True)
class _Given:
    outcome: str
    covariates: Sequence[str] | str
    group: str | None
    varying: Sequence[str] | str | None
    name: str | None


_Rows = TypeVar("_Rows", bound=RegressionRows)


def _build(
    cls: type[_Rows], table: Table, given: _Given, read: Any, legal: str
) -> _Rows:
    import numpy as np

    names = _names("covariates", given.covariates)
    _check_roles(table, given, names)
    group = None if given.group is None else table.column("group", given.group)
    target = table.column("outcome", given.outcome)
    others = [table.column("column", name) for name in names]
    check_lengths(table.origin, [target, *others, *([group] if group else [])])
    y = read_cells(table.origin, group, target, read, legal)
    _check_outcome(table, given.outcome, y)
    columns = covariate_columns(table, names, group)
    labels, g = _groups(table, group, len(y))
    effects = _effects(given, names, columns)
    X: Any = np.array([values for *_, values in columns], dtype=float)
    axes = {
        "covariate": tuple(label for label, *_ in columns),
        "effect": tuple((INTERCEPT, *_labels_of(columns))[k] for k in effects),
    }
    about = {"outcome": given.outcome}
    values: dict[str, Any] = {
        "y": y,
        "X": X.reshape(len(columns), len(y)).T,
        "g": g,
        "varying": effects,
    }
    return cls(
        labels=labels,
        axes=axes,
        name=table.stem if given.name is None else given.name,
        source=table.source,
        columns=about if given.group is None else {**about, "group": given.group},
        **values,
    )


def _labels_of(columns: Sequence[tuple[str, str, list[float]]]) -> tuple[str, ...]:
    """Return the covariates' labels."""
    return tuple(label for label, *_ in columns)


def _binary(value: Any, *, text: bool) -> int | Fault:
    if type(value).__name__ in ("bool", "bool_"):
        return int(value)
    number = as_count(value, text=text)
    if isinstance(number, Fault) or number in (0, 1):
        return number
    return Fault(
        f"{show(value)} is neither 0 nor 1",
        "Code the outcome as 0 and 1; for events among trials use "
        "hb.data.grouped_binomial.",
    )


def _names(role: str, given: Any) -> list[str]:
    if given is None:
        return []
    names = [given] if isinstance(given, str) else list(given)
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"{role} names {name!r} {names.count(name)} times; legal: once.",
                remedy="Leave the others out.",
            )
    return names


def _check_roles(table: Table, given: _Given, names: list[str]) -> None:
    """Refuse a column in two roles, and an effect that varies without groups."""
    roles = [("outcome", given.outcome), *(("covariates", name) for name in names)]
    roles += [] if given.group is None else [("group", given.group)]
    table.check_distinct(roles)
    varying = _names("varying", given.varying)
    if varying and given.group is None:
        raise DataError(
            f"varying names {', '.join(map(repr, varying))}, but there is no group by "
            "which a slope could vary.",
            remedy="Name the column of groups: group.",
        )
    for name in varying:
        if name not in names:
            raise DataError(
                f"varying names {name!r}, which is not among the covariates; legal: "
                f"{', '.join(map(repr, names)) or '(none)'}.",
                remedy="Add it to the covariates: a slope that varies also has a mean.",
            )


def _check_outcome(table: Table, name: str, y: list[Any]) -> None:
    if not y:
        raise DataError(
            f"{table.origin.source}: there are no rows; legal: at least 2.",
            remedy="Give one row for each observation.",
        )
    if min(y) == max(y):
        raise DataError(
            f"{table.origin.source}: the outcome {name!r} is {y[0]:g} in all "
            f"{len(y)} rows; legal: two values or more. There is nothing to explain.",
            remedy="Check the column, or collect rows with other outcomes.",
        )


def _groups(table: Table, group: Any, rows: int) -> tuple[tuple[str, ...], list[int]]:
    """Return labels in order of appearance, and each row's group from 1."""
    if group is None:
        return (ALL,), [1] * rows

    found = read_cells(table.origin, group, group, as_label, LABELS)
    labels = tuple(dict.fromkeys(found))
    if len(labels) == 1:
        raise DataError(
            f"{table.origin.source}: all rows are of one group, {labels[0]!r}; legal: "
            "at least 2. The spread between groups does not show in a single one.",
            remedy="Give group=None for a regression without groups.",
        )
    number = {label: j for j, label in enumerate(labels, 1)}
    return labels, [number[label] for label in found]


def _effects(
    given: _Given, names: list[str], columns: Sequence[tuple[str, str, list[float]]]
) -> list[int]:
    """Return the effects that vary: 0, and the numbers of covariates from 1."""
    if given.group is None:
        return []
    wanted = _names("varying", given.varying)
    order = [name for name in names if name in wanted]
    return [0] + [
        k
        for name in order
        for k, (_, column, _) in enumerate(columns, 1)
        if column == name
    ]
