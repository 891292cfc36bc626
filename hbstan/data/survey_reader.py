"""From a survey, a census and covariates to the cells of a population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.data.faults import Faults, text_of
from hbstan.data.survey import SurveyCells
from hbstan.data.tables import Table, read_table
from hbstan.data.values import REALS, Fault, as_count, as_real, show
from hbstan.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    Source = pd.DataFrame | Mapping[str, Any] | str | Path

__all__ = ["mrp"]

Cell = tuple[str, ...]

_COUNTED = "a finite number, 0 or more"


def mrp(
    df: Source,
    *,
    factors: Sequence[str],
    outcome: str | None = None,
    trials: str | None = None,
    events: str | None = None,
    census: Source | None = None,
    count: str = "N",
    covariates: Source | Sequence[str] | None = None,
    by: str | None = None,
    name: str | None = None,
) -> SurveyCells:
    """Build the data of multilevel regression and poststratification (MrP).

    Every row of the census becomes a cell, with respondents or without; answers are
    counted by cell.

    Parameters
    ----------
    df : DataFrame, mapping of columns, or path
        The survey: one row a respondent (``outcome``), or counts (``trials`` and
        ``events``), which are added up where a cell has several rows.
    factors : sequence of str
        The columns, of survey and census alike, whose levels make up a cell. Levels
        are ordered as the census has them.
    outcome : str, optional
        The column of answers, 0 or 1.
    trials, events : str, optional
        The columns of respondents and of those with the event, instead of
        ``outcome``.
    census : DataFrame, mapping of columns, or path, optional
        One row for each combination of levels in the population. By default the
        survey's own table, which then has one row a cell.
    count : str
        The census's column of people, counts or shares, 0 or more.
    covariates : sequence of str, or table, optional
        Numeric predictors: names of columns of the census, or a table with one row a
        level of one factor, whose other columns are all taken.
    by : str, optional
        The factor whose levels estimates are made for; by default the first.
    name : str, optional
        The dataset's name; by default the survey file's without suffix, or ``"data"``.

    Returns
    -------
    SurveyCells
        One unit a cell, labelled by its levels, joined by commas.

    Raises
    ------
    DataError
        If a table cannot be read, a value is missing or illegal, the survey has
        levels or cells that the census lacks, a cell occurs twice in the census, a
        factor has one level, a level lacks covariates, or covariates are constant or
        collinear.

    Examples
    --------
    >>> import hbstan.data
    >>> survey = {"state": ["N", "S", "S"], "sex": ["f", "f", "m"], "vote": [1, 0, 1]}
    >>> census = {"state": ["N", "N", "S", "S"], "sex": ["f", "m", "f", "m"]}
    >>> data = hbstan.data.mrp(
    ...     survey,
    ...     outcome="vote",
    ...     factors=["state", "sex"],
    ...     census={**census, "N": [50, 60, 30, 30]},
    ... )
    >>> data.n.tolist(), data.labels[1]
    ([1, 0, 1, 1], 'N, m')
    """
    survey = read_table(df)
    names = _names(factors, by)
    columns = {"count": count, "outcome": outcome, "trials": trials, "events": events}
    given = {role: column for role, column in columns.items() if column is not None}
    own = given if census is None else {**given, "count": None}
    _check_distinct(survey, own, names)
    answers = _answers(survey, names, outcome, trials, events)
    table = survey if census is None else read_table(census)
    people = _census(table, names, count)
    _check_coverage(survey.origin.source, answers, people, names)
    labels, values = _numbered(people, names)
    extra = _covariates(table, covariates, names, people)
    cells = list(people)
    counts = [answers.counts.get(cell, (0, 0)) for cell in cells]
    values |= {
        "n": [trials for trials, _ in counts],
        "y": [events for _, events in counts],
        "N": list(people.values()),
        "by": names.index(names[0] if by is None else by) + 1,
        "X": [[column[cell] for column in extra.values()] for cell in cells],
    }
    return SurveyCells(
        labels=tuple(", ".join(cell) for cell in cells),
        axes={"factor": names, "level": labels, "covariate": tuple(extra)},
        name=survey.stem if name is None else name,
        source=survey.source,
        columns=given,
        **values,
    )


def _check_distinct(
    table: Table, given: Mapping[str, str | None], factors: Sequence[str]
) -> None:
    """Refuse a column of the survey in two roles."""
    taken = dict.fromkeys(factors, "factors")
    for role, column in given.items():
        if column is None:
            continue
        table.check_name(role, column)
        if column in taken:
            raise DataError(
                f"column {column!r} is given for both {taken[column]} and {role}; "
                "legal: a column of its own for each. The columns are "
                f"{table.listing()}.",
                remedy=f"Name another column as {role}.",
            )
        taken[column] = role


def _names(factors: Sequence[str], by: str | None) -> tuple[str, ...]:
    if isinstance(factors, str) or not factors:
        raise DataError(
            f"factors is {factors!r}; legal: a list of one or more columns.",
            remedy='Write e.g. factors=["state", "age"].',
        )
    names = tuple(factors)
    for name in names:
        if not isinstance(name, str):
            raise DataError(f"factors has {name!r}; legal: names of columns.")
        if names.count(name) > 1:
            raise DataError(f"factors has {name!r} twice; legal: each once.")
    if by is not None and by not in names:
        raise DataError(f"by is {by!r}; legal: one of the factors, {text_of(names)}.")
    return names


@dataclass(frozen=True)
class _Answers:
    """Respondents and events by cell, and the first row of each cell."""

    counts: Mapping[Cell, tuple[int, int]]
    rows: Mapping[Cell, str]


def _answers(
    table: Table,
    names: tuple[str, ...],
    outcome: str | None,
    trials: str | None,
    events: str | None,
) -> _Answers:
    both = trials is not None and events is not None
    one = outcome is not None and trials is None and events is None
    if not one and (outcome is not None or not both):
        raise DataError(
            f"outcome is {outcome!r}, trials {trials!r} and events {events!r}; legal: "
            "an outcome alone, or trials and events.",
            remedy="Name the column of answers, or the two columns of counts.",
        )
    faults = Faults(table)
    levels = [faults.labels("factor", name) for name in names]
    if outcome is not None:
        y = faults.column("outcome", outcome, _as_answer, "0 or 1")
        n: list[Any] = [1] * len(y)
    else:
        n, y = (
            faults.counts("trials", str(trials)),
            faults.counts("events", str(events)),
        )
        for row, (most, some) in enumerate(zip(n, y, strict=True)):
            if None not in (most, some) and some > most:
                what = f"{some} events exceed {most} trials"
                legal = f"a whole number from 0 to {most}"
                faults.add(row, str(events), what, legal, "Correct the row.")
    faults.settle()
    counts: dict[Cell, tuple[int, int]] = {}
    rows: dict[Cell, str] = {}
    for row, cell in enumerate(zip(*levels, strict=True)):
        before = counts.get(cell, (0, 0))
        counts[cell] = (before[0] + n[row], before[1] + y[row])
        rows.setdefault(cell, table.origin.where(row))
    return _Answers(counts, rows)


def _as_answer(value: Any, *, text: bool) -> int | Fault:
    count = as_count(value, text=text)
    if isinstance(count, Fault) or count <= 1:
        return count
    return Fault(
        f"{show(value)} is neither", "Code the event as 1 and its absence as 0."
    )


def _as_people(value: Any, *, text: bool) -> float | Fault:
    people = as_real(value, text=text)
    if isinstance(people, Fault) or people >= 0:
        return people
    return Fault(f"{show(value)} is negative", "Correct the census.")


def _census(table: Table, names: tuple[str, ...], count: str) -> dict[Cell, float]:
    """Return the people of each cell, in the order of the census."""
    faults = Faults(table)
    levels = [faults.labels("factor", name) for name in names]
    people = faults.column("census count", count, _as_people, _COUNTED)
    first: dict[Cell, int] = {}
    for row, cell in enumerate(zip(*levels, strict=True)):
        if None in cell:
            continue
        if cell in first:
            what = f"cell {', '.join(cell)!r} is also that of "
            faults.add(
                row,
                names[0],
                what + table.origin.where(first[cell]),
                "every cell once",
                "Add up the rows of a cell, or add the factor that tells them apart.",
            )
        first.setdefault(cell, row)
    faults.settle()
    return {cell: people[row] for cell, row in first.items()}


def _check_coverage(
    source: str, answers: _Answers, people: Mapping[Cell, float], names: tuple[str, ...]
) -> None:
    for f, name in enumerate(names):
        known = {cell[f] for cell in people}
        for cell, row in answers.rows.items():
            if cell[f] not in known:
                raise DataError(
                    f"{source}: {row}, column {name!r}: {cell[f]!r} is no level of "
                    f"the census; legal: {text_of(sorted(known), 12)}.",
                    remedy="Spell levels alike in both tables, or add the level's "
                    "cells to the census.",
                )
    for cell, row in answers.rows.items():
        if cell not in people:
            raise DataError(
                f"{source}: {row}: the census has no cell {', '.join(cell)!r}.",
                remedy="Add it to the census, with a count of 0 if nobody lives there.",
            )


def _numbered(
    people: Mapping[Cell, float], names: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return labels of the levels of all factors, and the cells' numbers of them."""
    labels: list[str] = []
    factor: list[int] = []
    columns = []
    for f, name in enumerate(names):
        own = list(dict.fromkeys(cell[f] for cell in people))
        number = {level: len(labels) + i for i, level in enumerate(own, 1)}
        columns.append([number[cell[f]] for cell in people])
        labels += [f"{name}: {level}" for level in own]
        factor += [f + 1] * len(own)
    values = {"level_of": list(zip(*columns, strict=True)), "factor_of": factor}
    return tuple(labels), values


def _covariates(
    census: Table, given: Any, names: tuple[str, ...], people: Mapping[Cell, float]
) -> dict[str, dict[Cell, float]]:
    """Return each covariate's value by cell."""
    if given is None:
        return {}
    if isinstance(given, Sequence) and not isinstance(given, str):
        twice = [column for column in given if list(given).count(column) > 1]
        if twice:
            raise DataError(
                f"covariates names the column {twice[0]!r} more than once; legal: "
                "each once.",
                remedy="Leave the others out.",
            )
        return _by_cell(census, list(given), names)
    table = read_table(given)
    present = [name for name in names if name in table.names]
    if len(present) != 1:
        raise DataError(
            f"{table.origin.source}: the covariates have the factors "
            f"{text_of(present) or '(none)'} among their columns; legal: one of "
            f"{text_of(names)}, whose levels they belong to.",
            remedy="Give one row a level of one factor, or put covariates of cells "
            "into the census and name its columns.",
        )
    return _by_level(table, present[0], names, people)


def _by_cell(
    census: Table, columns: list[str], names: tuple[str, ...]
) -> dict[str, dict[Cell, float]]:
    faults = Faults(census)
    levels = [faults.labels("factor", name) for name in names]
    values = {c: faults.column("covariate", c, as_real, REALS) for c in columns}
    faults.settle()
    cells = list(zip(*levels, strict=True))
    return {c: dict(zip(cells, own, strict=True)) for c, own in values.items()}


def _by_level(
    table: Table, factor: str, names: tuple[str, ...], people: Mapping[Cell, float]
) -> dict[str, dict[Cell, float]]:
    faults = Faults(table)
    levels = faults.labels("factor", factor)
    columns = [column for column in table.names if column != factor]
    values = {c: faults.column("covariate", c, as_real, REALS) for c in columns}
    first: dict[str, int] = {}
    for row, level in enumerate(levels):
        if level is not None and level in first:
            what = f"level {level!r} is also that of "
            what += table.origin.where(first[level])
            faults.add(row, factor, what, "every level once", "Leave one row.")
        first.setdefault(level, row)
    faults.settle()
    position = names.index(factor)
    needed = dict.fromkeys(cell[position] for cell in people)
    lacking = [level for level in needed if level not in first]
    if lacking:
        raise DataError(
            f"{table.origin.source}: {text_of(lacking)} of factor {factor!r} have no "
            "covariates; legal: a row for each level of the census.",
            remedy="Add the rows.",
        )
    return {
        column: {cell: own[first[cell[position]]] for cell in people}
        for column, own in values.items()
    }
