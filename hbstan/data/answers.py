"""From tables of answers, long or wide, to a dataset of item responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.data.checks import (
    Column,
    Origin,
    Problem,
    check_lengths,
    collect_cells,
    raise_problems,
)
from hbstan.data.responses import NO_COUNTRY, ItemResponses
from hbstan.data.tables import Table, read_table
from hbstan.data.values import LABELS, Fault, as_count, as_label, show
from hbstan.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["responses", "wide_responses"]

_BINARY = "0 (wrong) or 1 (correct)"
_ABSENT = "Leave out the rows of answers that were not given."
_SCORE = "Score the answers: 1 for a correct one, 0 for a wrong one."


def responses(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    person: str,
    item: str,
    correct: str,
    country: str | None = None,
    name: str | None = None,
) -> ItemResponses:
    """Build a dataset of persons' answers to items from a table in long form.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row an answer; answers that were not given have no row. See
        :func:`hbstan.data.grouped_binomial` for what a table may be.
    person, item : str
        The columns of labels; each pair occurs once at most.
    correct : str
        The column of answers, 1 if correct and 0 if not.
    country : str, optional
        The column of the persons' countries (schools, classes, ...), the same in all
        rows of a person. Without one there is a single country.
    name : str, optional
        The dataset's name; by default the file's without suffix, or ``"data"``.

    Returns
    -------
    ItemResponses
        Rows in the order of the table; persons, items and countries in that of their
        first appearance.

    Raises
    ------
    DataError
        If the table cannot be read, a column is missing or taken twice, a label is
        missing, an answer is neither 0 nor 1 or is missing, a person answers an item
        twice or is of two countries, or there are fewer than two persons or items.

    See Also
    --------
    wide_responses : one row a person, one column an item.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"who": ["A", "A", "B"], "what": [1, 2, 1], "right": [1, 0, 0]}
    >>> data = hbstan.data.responses(
    ...     table, person="who", item="what", correct="right"
    ... )
    >>> data.J, data.items
    (2, ('1', '2'))
    """
    table = read_table(df)
    roles = {"person": person, "item": item, "correct": correct}
    if country is not None:
        roles["country"] = country
    table.check_distinct(roles.items())
    columns = {role: table.column(role, column) for role, column in roles.items()}
    _check_rows(table.origin, list(columns.values()))
    problems: list[Problem] = []
    long = _Long(
        collect_cells(table.origin, columns["person"], as_label, LABELS, problems),
        collect_cells(table.origin, columns["item"], as_label, LABELS, problems),
        collect_cells(table.origin, columns["correct"], _as_answer, _BINARY, problems),
    )
    _check_pairs(table.origin, columns["item"], long, problems)
    home = _homes(table.origin, columns.get("country"), long.persons, problems)
    raise_problems(table.origin, None, problems)
    return _assembled(table, long, home, roles, name)


def wide_responses(
    df: pd.DataFrame | Mapping[str, Any] | str | Path,
    *,
    person: str,
    items: Sequence[str] | None = None,
    country: str | None = None,
    name: str | None = None,
) -> ItemResponses:
    """Build a dataset of persons' answers from a table of persons by items.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        One row a person. An empty cell is an answer that was not given.
    person : str
        The column of labels, each once.
    items : sequence of str, optional
        The columns of answers, 1 if correct and 0 if not; by default all that are
        neither ``person`` nor ``country``. Their names are the items' labels.
    country : str, optional
        The column of the persons' countries.
    name : str, optional
        The dataset's name.

    Returns
    -------
    ItemResponses

    Raises
    ------
    DataError
        As :func:`responses`, and if a person has no answer at all or occurs twice.

    Examples
    --------
    >>> import hbstan.data
    >>> table = {"who": ["A", "B"], "item1": [1, 0], "item2": [0, None]}
    >>> len(hbstan.data.wide_responses(table, person="who").y)
    3
    """
    table = read_table(df)
    given = {"person": person} | ({} if country is None else {"country": country})
    if isinstance(items, str):
        raise DataError(
            f"items is {items!r}; legal: a sequence of names of columns: "
            f"{table.listing()}.",
            remedy=f"Write items=[{items!r}].",
        )
    left = [c for c in table.names if c not in given.values()]
    wanted = left if items is None else list(items)
    numbered = {f"item {i}": column for i, column in enumerate(wanted, 1)}
    table.check_distinct((given | numbered).items())
    own = {role: table.column(role, column) for role, column in given.items()}
    answers = [table.column("item", column) for column in wanted]
    _check_rows(table.origin, [*own.values(), *answers])
    problems: list[Problem] = []
    persons = collect_cells(table.origin, own["person"], as_label, LABELS, problems)
    _check_once(table.origin, own["person"], persons, problems)
    home = _homes(table.origin, own.get("country"), persons, problems)
    long = _melted(table.origin, own["person"], persons, answers, problems)
    raise_problems(table.origin, None, problems)
    return _assembled(table, long, home, given, name)


@dataclass(frozen=True)
class _Long:
    """Answers row by row; None where a cell is bad."""

    persons: list[Any]
    items: list[Any]
    correct: list[Any]


def _check_rows(origin: Origin, columns: list[Column]) -> None:
    check_lengths(origin, columns)
    if not columns[0].cells:
        raise DataError(
            f"{origin.source}: there are no rows; legal: the answers of at least two "
            "persons to at least two items.",
            remedy="Check how the table was made.",
        )


def _as_answer(value: Any, *, text: bool) -> int | Fault:
    number = as_count(value, text=text)
    if isinstance(number, Fault) and _is_missing(number):
        return Fault(number.what, _ABSENT)
    if isinstance(number, Fault):
        return Fault(number.what, _SCORE)
    if number > 1:
        return Fault(f"{show(value)} is neither 0 nor 1", _SCORE)
    return number


def _is_missing(fault: Fault) -> bool:
    return fault.what.startswith("the value is missing")


def _check_pairs(
    origin: Origin, column: Column, long: _Long, problems: list[Problem]
) -> None:
    """Report every second answer of a person to an item."""
    first: dict[tuple[str, str], int] = {}
    for row, pair in enumerate(zip(long.persons, long.items, strict=True)):
        if None in pair:
            continue
        if pair in first:
            what = (
                f"person {pair[0]!r} answers item {pair[1]!r}, as in "
                f"{origin.where(first[pair])}"
            )
            remedy = "Keep one answer, or give the items labels of their own."
            legal = "one row for each person and item"
            problems.append(Problem(row, column.name, what, legal, remedy))
        first.setdefault(pair, row)


def _check_once(
    origin: Origin, column: Column, persons: list[Any], problems: list[Problem]
) -> None:
    """Report every person who has a second row."""
    first: dict[str, int] = {}
    for row, label in enumerate(persons):
        if label in first:
            what = f"person {label!r} is also that of {origin.where(first[label])}"
            remedy = "Give each person one row, or use hb.data.responses."
            legal = "every person once"
            problems.append(Problem(row, column.name, what, legal, remedy))
        elif label is not None:
            first[label] = row


def _homes(
    origin: Origin, column: Column | None, persons: list[Any], problems: list[Problem]
) -> dict[str, str]:
    """Return each person's country; report persons with two."""
    if column is None:
        return dict.fromkeys(persons, NO_COUNTRY)
    home: dict[str, str] = {}
    labels = collect_cells(origin, column, as_label, LABELS, problems)
    for row, (person, country) in enumerate(zip(persons, labels, strict=True)):
        if person is None or country is None:
            continue
        if home.setdefault(person, country) != country:
            what = f"person {person!r} is of {country!r}, but elsewhere of "
            what += repr(home[person])
            legal = "one country a person"
            remedy = "Correct the row, or give the two persons labels of their own."
            problems.append(Problem(row, column.name, what, legal, remedy))
    return home


def _melted(
    origin: Origin,
    column: Column,
    persons: list[Any],
    answers: list[Column],
    problems: list[Problem],
) -> _Long:
    """Turn columns of answers into rows; empty cells have none."""
    long = _Long([], [], [])
    for row, person in enumerate(persons):
        found = 0
        for item in answers:
            value = as_count(item.cells[row], text=origin.text)
            if isinstance(value, Fault) and _is_missing(value):
                continue
            found += 1
            value = _as_answer(item.cells[row], text=origin.text)
            if isinstance(value, Fault):
                legal = f"{_BINARY}, or empty"
                problems.append(
                    Problem(row, item.name, value.what, legal, value.remedy)
                )
            long.persons.append(person)
            long.items.append(item.name)
            long.correct.append(value)
        if not found:
            what = f"person {person!r} has no answers"
            legal = "at least one answer a person"
            remedy = "Leave out persons who answered nothing."
            problems.append(Problem(row, column.name, what, legal, remedy))
    return long


def _assembled(
    table: Table,
    long: _Long,
    home: Mapping[str, str],
    roles: Mapping[str, str],
    name: str | None,
) -> ItemResponses:
    """Build the dataset, with labels numbered in order of appearance."""
    persons = {label: j for j, label in enumerate(dict.fromkeys(long.persons), 1)}
    items = {label: i for i, label in enumerate(dict.fromkeys(long.items), 1)}
    own = [home[label] for label in persons]
    countries = {label: c for c, label in enumerate(dict.fromkeys(own), 1)}
    values: dict[str, Any] = {
        "person": [persons[label] for label in long.persons],
        "item": [items[label] for label in long.items],
        "y": long.correct,
        "country": [countries[label] for label in own],
    }
    return ItemResponses(
        labels=tuple(persons),
        axes={"item": tuple(items), "country": tuple(countries)},
        name=table.stem if name is None else name,
        source=table.source,
        columns=roles,
        **values,
    )
