"""The kinds of data beyond one outcome a group: classes, readers, examples."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.data.kind import Example, Kind
from hbstan.errors import DataError

if TYPE_CHECKING:
    from hbstan.data.system import SystemData

__all__ = ["examples", "kinds", "read_kind", "restore"]


def kinds() -> Mapping[str, Kind]:
    """Return the kinds of data by name."""
    from hbstan.data import normal_groups_examples
    from hbstan.data.normal_groups import NormalGroups, normal_groups

    found: tuple[Kind, ...] = (
        Kind(
            NormalGroups,
            normal_groups,
            (
                Example(*normal_groups_examples.coagulation()),
                Example(*normal_groups_examples.omega_small()),
                Example(*normal_groups_examples.small_groups()),
            ),
        ),
    )
    return {kind.data.kind: kind for kind in found}


def examples() -> Mapping[str, Example]:
    """Return the bundled datasets of these kinds by name."""
    return {e.info.name: e for kind in kinds().values() for e in kind.examples}


def read_kind(
    kind: str, source: Any, columns: Mapping[str, Any], name: str | None = None
) -> SystemData:
    """Build a dataset of a kind from a table.

    Parameters
    ----------
    kind : str
    source : DataFrame, mapping of columns or path
    columns : mapping of str to str or list of str
        Role to column, or columns.
    name : str, optional

    Raises
    ------
    DataError
        If a role is unknown or missing, and what the reader raises.
    """
    read = kinds()[kind].read
    roles = {
        role: parameter
        for role, parameter in list(inspect.signature(read).parameters.items())[1:]
        if role != "name"
    }
    needed = [r for r, p in roles.items() if p.default is inspect.Parameter.empty]
    legal = ", ".join(r if r in needed else f"{r} (optional)" for r in roles)
    given = {role: column for role, column in columns.items() if column is not None}
    for role in given:
        if role not in roles:
            raise DataError(
                f"{role!r} is no role of a column of {kind} data; legal: {legal}.",
                remedy="Name columns as ROLE=NAME (--column ROLE=NAME).",
            )
    for role in needed:
        if role not in given:
            raise DataError(
                f"no column is named for the role {role!r} of {kind} data; the roles "
                f"are {legal}.",
                remedy=f"Name it: {role}=NAME (--column {role}=NAME).",
            )
    several = {r for r, p in roles.items() if "Sequence" in str(p.annotation)}
    values = {
        role: [column] if role in several and isinstance(column, str) else column
        for role, column in given.items()
    }
    return read(source, **values, name=name)


def restore(
    kind: str, stan: Mapping[str, Any], coords: Mapping[str, Any], name: str
) -> SystemData:
    """Build a dataset again from its Stan data and labels."""
    return kinds()[kind].data.restore(stan, coords, name)
