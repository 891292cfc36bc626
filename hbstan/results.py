"""Frozen records of outcomes: a check passes, fails or was not run.

A gate accepts only a pass. ``not_run`` is an outcome of its own, so that missing
input is never mistaken for success.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = [
    "Check",
    "Checks",
    "Outcome",
    "Picture",
    "StageResult",
    "Table",
    "json_number",
]


class Outcome(StrEnum):
    """The three outcomes of a check."""

    PASS = "pass"
    FAIL = "fail"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Check:
    """One question about a result, with its answer.

    Parameters
    ----------
    name : str
        Stable identifier, e.g. ``"rhat"``.
    label : str
        The check in words, for tables.
    outcome : Outcome
        Pass, fail or not run.
    value : float, optional
        The worst measured value; None where nothing could be measured.
    threshold : float, optional
        The legal limit.
    rule : str
        The rule in words, e.g. ``"< 1.01"``.
    subjects : tuple of str
        The parameters or chains concerned, worst first.
    detail : str
        What was found.
    advice : str
        What to do about it; empty on a pass.
    """

    name: str
    label: str
    outcome: Outcome
    value: float | None = None
    threshold: float | None = None
    rule: str = ""
    subjects: tuple[str, ...] = ()
    detail: str = ""
    advice: str = ""

    @property
    def passed(self) -> bool:
        """Whether the check was run and passed."""
        return self.outcome is Outcome.PASS

    def record(self) -> dict[str, Any]:
        """Return the check as JSON-ready data."""
        return {
            "name": self.name,
            "label": self.label,
            "outcome": self.outcome.value,
            "value": json_number(self.value),
            "threshold": json_number(self.threshold),
            "rule": self.rule,
            "subjects": list(self.subjects),
            "detail": self.detail,
            "advice": self.advice,
        }


class Checks(Sequence[Check]):
    """An immutable sequence of checks with a joint outcome.

    Parameters
    ----------
    checks : iterable of Check
    """

    def __init__(self, checks: Iterable[Check]) -> None:
        self._checks = tuple(checks)

    def __getitem__(self, index: Any) -> Any:
        """Return a check by position or by name."""
        if isinstance(index, str):
            for check in self._checks:
                if check.name == index:
                    return check
            known = ", ".join(c.name for c in self._checks)
            raise KeyError(f"no check named {index!r}; there are: {known}")
        return self._checks[index]

    def __len__(self) -> int:
        return len(self._checks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checks) and self._checks == other._checks

    def __hash__(self) -> int:
        return hash(self._checks)

    def __repr__(self) -> str:
        inner = ", ".join(f"{c.name}: {c.outcome.value}" for c in self._checks)
        return f"<Checks {self.outcome.value}: {inner}>"

    @property
    def outcome(self) -> Outcome:
        """Fail if any check failed; else not run if any was not; else pass.

        No checks at all count as not run.
        """
        outcomes = {c.outcome for c in self._checks}
        if Outcome.FAIL in outcomes:
            return Outcome.FAIL
        if Outcome.NOT_RUN in outcomes or not outcomes:
            return Outcome.NOT_RUN
        return Outcome.PASS

    @property
    def passed(self) -> bool:
        """Whether every check was run and passed: what a gate accepts."""
        return self.outcome is Outcome.PASS

    def failed(self) -> tuple[Check, ...]:
        """Return the checks that a gate does not accept, in order."""
        return tuple(c for c in self._checks if not c.passed)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of the checks, one row each, indexed by name."""
        import pandas as pd

        rows = [
            (c.name, c.label, c.rule, c.value, c.outcome.value, c.detail, c.advice)
            for c in self._checks
        ]
        columns = ["name", "check", "rule", "value", "outcome", "detail", "advice"]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    def record(self) -> dict[str, Any]:
        """Return the checks as JSON-ready data."""
        return {
            "outcome": self.outcome.value,
            "checks": [c.record() for c in self._checks],
        }


@dataclass(frozen=True)
class Table:
    """A table for people: labelled columns, one tuple of cells a row.

    Parameters
    ----------
    name : str
        Stable identifier, unique in its stage.
    caption : str
        What the table shows, in a sentence.
    columns : tuple of str
        The columns' headings, with units where there are any.
    rows : tuple of tuple
        Cells: text, numbers, truth values, or None where there is nothing to say.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(
        cls,
        name: str,
        caption: str,
        frame: pd.DataFrame,
        *,
        index: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Table:
        """Return a table of a frame's columns, those of ``labels`` if it is given.

        Parameters
        ----------
        name, caption : str
        frame : pandas.DataFrame
        index : str, optional
            Heading of the index, which becomes the first column.
        labels : mapping of str to str, optional
            Column to heading; other columns are left out.
        """
        shown = dict(labels) if labels else {str(c): str(c) for c in frame.columns}
        cells = [frame[column].tolist() for column in shown]
        heads = tuple(shown.values())
        if index is not None:
            cells, heads = [frame.index.tolist(), *cells], (index, *heads)
        return cls(name, caption, heads, tuple(zip(*cells, strict=True)))

    def record(self) -> dict[str, Any]:
        """Return the table as JSON-ready data."""
        return {
            "name": self.name,
            "caption": self.caption,
            "columns": list(self.columns),
            "rows": [[_json_cell(cell) for cell in row] for row in self.rows],
        }


@dataclass(frozen=True)
class Picture:
    """A figure with the words that stand for it.

    Parameters
    ----------
    name : str
        Stable identifier, unique in its stage.
    caption : str
        What to look for in it.
    alt : str
        What it shows, for those who cannot see it.
    draw : callable
        Returns the matplotlib figure.
    """

    name: str
    caption: str
    alt: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class StageResult:
    """The outcome of one ordered step of an analysis.

    Parameters
    ----------
    stage : str
        The step's name, e.g. ``"calibration"``.
    question : str
        What the step asks.
    checks : Checks
        The answers.
    gates : tuple of str, optional
        Names of the checks that must pass for the analysis to go on, by default all
        of them; of the others, those that do not pass are limitations to be named.
    answer : str
        What was found, in a sentence or two.
    tables : tuple of Table
    pictures : tuple of Picture
    notes : tuple of str
        What a reader should know besides.
    retries : tuple of str
        What was tried again, with what change and why, in order.
    command : str
        What repeats the step alone; empty where nothing does.
    result : object
        What the step computed, e.g. a fit; no part of the record.
    """

    stage: str
    question: str
    checks: Checks
    gates: tuple[str, ...] | None = None
    answer: str = ""
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    retries: tuple[str, ...] = ()
    command: str = ""
    result: Any = field(default=None, compare=False, repr=False)

    @property
    def gate(self) -> Checks:
        """The checks that must pass for the analysis to go on."""
        return Checks(c for c in self.checks if self._is_gate(c))

    @property
    def outcome(self) -> Outcome:
        """Pass if every gate passed; else fail if one failed; else not run.

        A stage with ``gates=()`` passes: nothing in it can stop an analysis.
        """
        return Outcome.PASS if self.gates == () else self.gate.outcome

    @property
    def limitations(self) -> tuple[Check, ...]:
        """The checks beside the gates that did not pass."""
        return tuple(c for c in self.checks.failed() if not self._is_gate(c))

    def _is_gate(self, check: Check) -> bool:
        return self.gates is None or check.name in self.gates

    def record(self) -> dict[str, Any]:
        """Return the stage as JSON-ready data; pictures by name, without figures."""
        return {
            "stage": self.stage,
            "question": self.question,
            "outcome": self.outcome.value,
            "answer": self.answer,
            "checks": [{**c.record(), "gate": self._is_gate(c)} for c in self.checks],
            "tables": [table.record() for table in self.tables],
            "pictures": [
                {"name": p.name, "caption": p.caption, "alt": p.alt}
                for p in self.pictures
            ],
            "notes": list(self.notes),
            "retries": list(self.retries),
            "command": self.command,
        }


def _json_cell(cell: Any) -> Any:
    """Return a table's cell as data that JSON can hold."""
    if cell is None or isinstance(cell, (bool, str)):
        return cell
    if isinstance(cell, Integral):
        return int(cell)
    return json_number(float(cell)) if isinstance(cell, Real) else str(cell)


def json_number(value: float | None) -> float | int | str | None:
    """Return ``value`` as a number that JSON can hold.

    NaN and infinities, which JSON lacks, become the strings ``"nan"``, ``"inf"``
    and ``"-inf"``.
    """
    if value is None or isinstance(value, int):
        return value
    number = float(value)
    if math.isnan(number):
        return "nan"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    return number
