"""Frozen records of outcomes: a check passes, fails or was not run.

A gate accepts only a pass. ``not_run`` is an outcome of its own, so that missing
input is never mistaken for success.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Check", "Checks", "Outcome", "StageResult", "json_number"]


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
class StageResult:
    """The outcome of one ordered step of an analysis.

    Parameters
    ----------
    stage : str
        The step's name.
    question : str
        What the step asks.
    checks : Checks
        The answers.
    """

    stage: str
    question: str
    checks: Checks

    @property
    def outcome(self) -> Outcome:
        """The joint outcome of the stage's checks."""
        return self.checks.outcome


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
