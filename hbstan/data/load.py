"""From any table to a dataset, with the columns named or found by convention."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.data import bundled
from hbstan.data.checks import Column, check_binomial, check_estimates
from hbstan.data.dataset import Dataset, GroupedBinomial, GroupEstimates
from hbstan.data.files import once
from hbstan.data.systems import kinds, read_kind
from hbstan.data.tables import Table, read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["group_estimates", "grouped_binomial", "load", "load_columns"]

#: Names by which :func:`load` finds a role's column, without regard to case.
CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "trials": ("n", "trials", "total", "size"),
    "events": ("r", "y", "events", "successes", "deaths", "cases"),
    "estimate": ("y", "estimate", "effect", "mean"),
    "se": ("sigma", "se", "std_error", "stderr", "std_err"),
    "group": ("group", "label", "name"),
}


def grouped_binomial(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None,
    trials: str,
    events: str,
    name: str | None = None,
) -> GroupedBinomial:
    """Build a binomial dataset: events among trials in each group.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a group. A path ends in ``.csv``, ``.tsv``, ``.parquet`` or ``.pq``.
        Columns are taken by position; an index is never aligned, but a named one
        can serve as a column.
    group : str or None
        The column of labels; ``None`` labels the groups "1" to "J".
    trials, events : str
        The columns of counts, ``0 <= events <= trials <= 2147483647``. Zero trials
        are legal; numbers such as 47.0 count as whole.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    GroupedBinomial

    Raises
    ------
    DataError
        If the table cannot be read, a column is missing, or a value is illegal.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"ward": ["A", "B"], "n": [10, 20], "r": [1, 0]}
    >>> hbstan.data.grouped_binomial(table, group="ward", trials="n", events="r").J
    2
    """
    table = read_table(df)
    roles = {"group": group, "trials": trials, "events": events}
    return _binomial(table, roles, name)


def group_estimates(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None,
    estimate: str,
    se: str,
    name: str | None = None,
) -> GroupEstimates:
    """Build a dataset of estimates with known standard errors, one for each group.

    Parameters
    ----------
    df, group, name
        As for :func:`grouped_binomial`.
    estimate : str
        The column of estimates, finite numbers.
    se : str
        The column of standard errors, in the unit of the estimates, above 0.

    Returns
    -------
    GroupEstimates

    Raises
    ------
    DataError
        If the table cannot be read, a column is missing, or a value is illegal.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"y": [28, 8], "se": [15, 10]}
    >>> data = hbstan.data.group_estimates(table, group=None, estimate="y", se="se")
    >>> data.labels
    ('1', '2')
    """
    table = read_table(df)
    return _estimates(table, {"group": group, "estimate": estimate, "se": se}, name)


def load(
    source: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    group: str | None = None,
    trials: str | None = None,
    events: str | None = None,
    estimate: str | None = None,
    se: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    **columns: Any,
) -> Dataset:
    """Load a bundled dataset, or any table, finding columns that are not named.

    A column that is not named is found only if there is no doubt: the data are
    binomial (or normal) if that is what the named columns say, or else if each of
    its two values has exactly one column with a conventional name
    (:data:`CONVENTIONS`, without regard to case) and the same does not hold for the
    other kind. The group is then the one column called ``group``, ``label`` or
    ``name``, or else the only column left; if none is left, the groups are numbered.

    Parameters
    ----------
    source : str, Path, DataFrame or mapping
        A bundled dataset's name (see :func:`hbstan.datasets.names`), or whatever
        :func:`grouped_binomial` takes.
    group : str, optional
        The column of labels.
    trials, events : str, optional
        The columns of binomial data.
    estimate, se : str, optional
        The columns of normal data.
    name : str, optional
        The dataset's name.
    kind : str, optional
        A kind of data with a reader of its own (:func:`hbstan.data.systems.kinds`):
        the table is read by it, with the columns given as its arguments.
    **columns
        The columns of such a kind.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the columns are in doubt (the message lists them), and as for
        :func:`grouped_binomial`.
    """
    options = {
        "group": group,
        "trials": trials,
        "events": events,
        "estimate": estimate,
        "se": se,
    }
    return load_columns(source, {**options, **columns}, name=name, kind=kind)


def load_columns(
    source: pd.DataFrame | Mapping[str, Any] | str | Path,
    columns: Mapping[str, Any],
    *,
    name: str | None = None,
    kind: str | None = None,
) -> Dataset:
    """Load data with the columns given by role; see :func:`load`.

    A role, which may be any text, cannot be taken for an argument here.
    """
    given = {role: column for role, column in columns.items() if column is not None}
    if not (isinstance(source, str) and bundled.known(source)):
        source = once(source)  # some readers look twice
    if isinstance(source, str) and bundled.known(source):
        named = [r for r, column in given.items() if column or r in CONVENTIONS]
        if named or name is not None:
            raise DataError(
                f"the bundled dataset {source!r} takes no options; given: "
                f"{', '.join(named) or 'name'}.",
                remedy="Leave the options out.",
            )
        return bundled.load(source)
    if isinstance(source, str | Path) and str(source).lower().endswith(".json"):
        raise DataError(
            f"{source} is a Stan JSON file, which has no groups or columns; legal: a "
            "CSV or Parquet file or a bundled dataset.",
            remedy="Read it with hbstan.data.from_stan_json, for your own program.",
        )
    if kind is not None and kind in kinds():
        return read_kind(kind, source, given, name)
    strange = [role for role in given if role not in CONVENTIONS]
    if strange:
        raise DataError(
            f"{strange[0]} is no column of grouped data; legal: {', '.join(_ROLES)}.",
            remedy="Name columns as ROLE=NAME (--column ROLE=NAME).",
        )
    missing = isinstance(source, str) and not Path(source).is_file()
    table = read_table(source, suggestions=bundled.names() if missing else ())
    for role, column in given.items():
        table.check_name(role, column)
    roles = _find_roles(table, given)
    build = _binomial if "trials" in roles else _estimates
    return build(table, roles, name)


_ROLES = ("group", "trials", "events", "estimate", "se")
_KINDS = {"binomial": ("trials", "events"), "normal": ("estimate", "se")}
_GIVE = (
    "Give the columns: group, trials and events (--group, --trials, --events), "
    "or group, estimate and se (--group, --estimate, --se)."
)


def _find_roles(table: Table, given: Mapping[str, str]) -> dict[str, str | None]:
    """Complete the roles of a table's columns; see :func:`load` for the rule."""
    named = [kind for kind, pair in _KINDS.items() if set(pair) & set(given)]
    if len(named) == 2:
        raise DataError(
            f"columns of two kinds of data are named: {', '.join(given)}; legal: "
            "trials and events, or estimate and se.",
            remedy="Leave one pair out.",
        )
    found = {}
    for kind in named or _KINDS:
        values = {role: _find(table, role, given) for role in _KINDS[kind]}
        if len(set(values.values()) - {None}) == 2:
            found[kind] = values
    if len(found) != 1:
        what = "fit two kinds of data" if found else "cannot be told by their names"
        raise DataError(
            f"{table.origin.source}: the columns {what}; they are {table.listing()}.",
            remedy=_GIVE,
        )
    (values,) = found.values()
    return {"group": _find_group(table, values, given), **values}


def _find(table: Table, role: str, given: Mapping[str, str]) -> str | None:
    if role in given:
        return given[role]
    free = [column for column in table.names if column not in given.values()]
    known = CONVENTIONS[role]
    match = [column for column in free if column.casefold() in known]
    return match[0] if len(match) == 1 else None


def _find_group(
    table: Table, values: Mapping[str, str | None], given: Mapping[str, str]
) -> str | None:
    if "group" in given:
        return given["group"]
    left = [column for column in table.names if column not in values.values()]
    called = [name for name in left if name.casefold() in CONVENTIONS["group"]]
    if len(called) == 1:
        return called[0]
    if len(left) > 1:
        raise DataError(
            f"{table.origin.source}: the column of group labels is in doubt; the "
            f"columns left are {', '.join(map(repr, left))}.",
            remedy="Give the column: group (--group).",
        )
    return left[0] if left else None


def _binomial(
    table: Table, roles: Mapping[str, str | None], name: str | None
) -> GroupedBinomial:
    group, trials, events = _columns(table, roles)
    labels, n, y = check_binomial(table.origin, group, trials, events)
    values: dict[str, Any] = {"n": n, "y": y}  # the dataset makes arrays of them
    return GroupedBinomial(labels=labels, **values, **_about(table, roles, name))


def _estimates(
    table: Table, roles: Mapping[str, str | None], name: str | None
) -> GroupEstimates:
    group, estimate, se = _columns(table, roles)
    labels, y, sigma = check_estimates(table.origin, group, estimate, se)
    values: dict[str, Any] = {"y": y, "sigma": sigma}
    return GroupEstimates(labels=labels, **values, **_about(table, roles, name))


def _columns(
    table: Table, roles: Mapping[str, str | None]
) -> tuple[Column | None, Column, Column]:
    """Return the columns in the order group, first value, second value."""
    taken: dict[str, str] = {}
    for role, name in roles.items():
        if name is None:
            continue
        table.check_name(role, name)
        if name in taken:
            raise DataError(
                f"column {name!r} is given for both {taken[name]} and {role}; "
                f"legal: a column of its own for each. The columns are "
                f"{table.listing()}.",
                remedy=f"Name another column as {role}.",
            )
        taken[name] = role
    group = roles["group"]
    labels = None if group is None else table.column("group", group)
    first, second = (
        # None here is an error of type, which column() reports.
        table.column(role, name)  # type: ignore[arg-type]
        for role, name in roles.items()
        if role != "group"
    )
    return labels, first, second


def _about(
    table: Table, roles: Mapping[str, str | None], name: str | None
) -> dict[str, Any]:
    columns = {role: column for role, column in roles.items() if column is not None}
    stem = table.stem if name is None else name
    return {"name": stem, "source": table.source, "columns": columns}
