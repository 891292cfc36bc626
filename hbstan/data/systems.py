"""The kinds of data beyond one outcome a group: classes, readers, examples."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hbstan.data.kind import Example, Kind
from hbstan.data.tables import read_table
from hbstan.errors import DataError

if TYPE_CHECKING:
    from hbstan.data.system import SystemData

__all__ = ["examples", "kinds", "read_kind", "restore", "roles_of"]


def kinds() -> Mapping[str, Kind]:
    """Return the kinds of data by name."""
    found = (*_of_groups(), *_of_rows(), *_of_sequences())
    return {kind.data.kind: kind for kind in found}


def _of_groups() -> tuple[Kind, ...]:
    """Return the kinds with one outcome, or one summary, a group."""
    from hbstan.data import (
        covariates_examples,
        group_covariates,
        normal_groups_examples,
        study_estimates,
        study_examples,
        survey,
        survey_example,
        survey_reader,
    )
    from hbstan.data.normal_groups import NormalGroups, normal_groups

    return (
        Kind(
            NormalGroups,
            normal_groups,
            lambda: (
                Example(*normal_groups_examples.coagulation()),
                Example(*normal_groups_examples.omega_small()),
                Example(*normal_groups_examples.small_groups()),
            ),
        ),
        Kind(
            group_covariates.BinomialCovariates,
            group_covariates.binomial_covariates,
            lambda: (Example(*covariates_examples.hospitals()),),
        ),
        Kind(
            study_estimates.Studies,
            study_estimates.studies,
            lambda: tuple(Example(*e) for e in study_examples.examples()),
        ),
        Kind(
            survey.SurveyCells,
            survey_reader.mrp,
            lambda: (
                Example(survey_example.survey_info(), survey_example.survey_data),
            ),
        ),
    )


def _of_rows() -> tuple[Kind, ...]:
    """Return the kinds with several outcomes a group."""
    from hbstan.data import (
        answers,
        pisa_like,
        regression_examples,
        regression_rows,
        regressions,
    )
    from hbstan.data.responses import ItemResponses

    own = regression_examples
    return (
        Kind(
            regression_rows.LinearRows,
            regressions.regression,
            lambda: (Example(own.climate_info(), own.climate_monthly),),
        ),
        Kind(
            regression_rows.LogisticRows,
            regressions.logistic,
            lambda: (Example(own.dosage_info(), own.dosage),),
        ),
        Kind(
            ItemResponses,
            answers.responses,
            lambda: (Example(pisa_like.info(), pisa_like.build),),
        ),
    )


def _of_sequences() -> tuple[Kind, ...]:
    """Return the kinds whose units are points in time, matches or places."""
    from hbstan.data import (
        goals,
        goals_example,
        return_examples,
        return_series,
        surface_examples,
        surfaces,
    )

    return (
        Kind(
            return_series.Returns,
            return_series.returns,
            lambda: tuple(Example(*e) for e in return_examples.examples()),
        ),
        Kind(
            goals.Matches,
            goals.matches,
            lambda: (Example(goals_example.league_info(), goals_example.league_data),),
        ),
        Kind(
            surfaces.Surface,
            surfaces.surface,
            lambda: (Example(*surface_examples.forrester()),),
        ),
    )


def examples() -> Mapping[str, Example]:
    """Return the bundled datasets of these kinds by name."""
    return {e.info.name: e for kind in kinds().values() for e in kind.examples()}


def roles_of(kind: str) -> dict[str, bool]:
    """Return the roles of a table's columns in data of a kind: whether one is needed.

    Among them are the reader's further arguments, such as switches.
    """
    return {
        role: p.default is inspect.Parameter.empty
        for role, p in _parameters(kind).items()
    }


def _parameters(kind: str) -> dict[str, inspect.Parameter]:
    listed = list(inspect.signature(kinds()[kind].read).parameters.items())
    return {role: parameter for role, parameter in listed[1:] if role != "name"}


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
    roles = _parameters(kind)
    needed = [role for role, need in roles_of(kind).items() if need]
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
            table = read_table(source, suggestions=tuple(examples()))
            raise DataError(
                f"no column is named for the role {role!r} of {kind} data; the roles "
                f"are {legal}; the columns of {table.origin.source} are "
                f"{table.listing()}.",
                remedy=f"Name it: {role}=NAME (--column {role}=NAME).",
            )
    values = {
        role: _argument(role, str(roles[role].annotation), column)
        for role, column in given.items()
    }
    return read(source, **values, name=name)


_SWITCH: Mapping[str, bool] = {
    **dict.fromkeys(("yes", "true", "1"), True),
    **dict.fromkeys(("no", "false", "0"), False),
}


def _argument(role: str, annotation: str, given: Any) -> Any:
    """Return an argument of a reader from text, as the command line has it.

    Most are names of columns; some are switches, numbers or pairs of numbers. What is
    no text, from Python, is as it should be.
    """
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(
        isinstance(t, str) for t in texts
    ):
        return given
    if not texts and "None" in annotation and "Sequence" not in annotation:
        return None  # the command line's ROLE=
    if annotation == "bool":
        word = ",".join(texts).strip().casefold()
        if word not in _SWITCH:
            raise DataError(
                f"{role} is {','.join(texts)!r}; legal: {', '.join(_SWITCH)}.",
                remedy=f"It is a switch, not a column: write {role}=yes or {role}=no.",
            )
        return _SWITCH[word]
    if "tuple[float" in annotation:
        return _pairs(role, texts)
    if "Source" in annotation and isinstance(given, str) and _is_file(given):
        return given
    if "int" in annotation and isinstance(given, str) and given.strip().isdecimal():
        return int(given)
    return [given] if "Sequence" in annotation and isinstance(given, str) else given


def _is_file(text: str) -> bool:
    return text.lower().endswith((".csv", ".tsv", ".parquet", ".pq"))


def _pairs(role: str, texts: Sequence[str]) -> list[tuple[float, float]]:
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) % 2:
        raise DataError(
            f"{role} is {','.join(texts)!r}; legal: two numbers, low and high, for "
            "each input.",
            remedy=f"Write e.g. {role}=0,1 or, for two inputs, {role}=0,1,-5,5.",
        )
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def restore(
    kind: str, stan: Mapping[str, Any], coords: Mapping[str, Any], name: str
) -> SystemData:
    """Build a dataset again from its Stan data and labels."""
    return kinds()[kind].data.restore(stan, coords, name)
