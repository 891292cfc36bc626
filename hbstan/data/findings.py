"""Findings about groups: one that is the total of others, or that is alone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ALONE", "Total", "alone", "no_pooled_row", "no_total_row"]

#: What a single group leaves open.
ALONE = (
    "one group says nothing about the spread between groups: tau (or kappa) is its "
    "prior"
)

#: What people call a total; a name alone makes none.
_NAMES = re.compile(
    r"\b(?:(?:sub|grand|zwischen|gesamt)?[- ]?(?:totals?|totale?|totaal|sum(?:me|a)?)"
    r"|all|alle|overall|gesamt|insgesamt|pooled|combined|together|somme|ensemble"
    r"|итого|всего|合計|总计|小計|小计)\b",
    re.IGNORECASE,
)
#: Among fewer groups chance makes one the sum of the others too easily to be
#: mentioned, unless its name says so.
_FEWEST = 4
#: How likely chance may at most make the events fit, given the trials.
_CHANCE = 0.25
#: Sums of estimates are published with few digits: how far a pooled estimate may be
#: off, in its standard errors, and its standard error, as a share.
_OFF, _WIDER = 0.05, 0.01
_LABEL = "No row is the total of others"
_ADVICE = (
    "Remove it if it is: it is no group, and its data count twice. A group that only "
    "happens to be so large can stay."
)


@dataclass(frozen=True)
class Total:
    """A row that is the sum of others.

    Parameters
    ----------
    row : int
        Which one, from 0.
    others : tuple of int
        The rows that it is the sum of.
    """

    row: int
    others: tuple[int, ...]


def no_total_row(
    labels: Sequence[str], trials: Iterable[int], events: Iterable[int]
) -> Check:
    """Check that no row has the trials and the events of other rows together.

    Parameters
    ----------
    labels : sequence of str
    trials, events : iterable of int
        By row.

    Returns
    -------
    Check
        It fails for a row that is the sum of all others, if there are three others
        or more and chance is no likely reason; and for a row with a total's name that
        is the sum of all others or of a block of rows before it.

    Examples
    --------
    >>> no_total_row(["a", "b", "Total"], [10, 20, 30], [1, 4, 5]).outcome.value
    'fail'
    """
    n, y = [int(x) for x in trials], [int(x) for x in events]
    found = _subtotals(labels, n, y)
    rest = [row for row in range(len(n)) if row not in {t.row for t in found}]
    whole = _whole(labels, n, y, rest)
    found += [whole] if whole else []
    details = [
        f"{labels[t.row]!r} has the trials ({n[t.row]}) and the events ({y[t.row]}) of "
        + _of(labels, t.others)
        for t in found
    ]
    return _check(labels, found, details)


def _subtotals(labels: Sequence[str], n: list[int], y: list[int]) -> list[Total]:
    """Find rows with a total's name that are the sum of a block right before them."""
    found: list[Total] = []
    before: list[int] = []
    for row, label in enumerate(labels):
        block = _block(n, y, row, before) if _NAMES.search(label) else ()
        if block:
            found.append(Total(row, block))
        else:
            before.append(row)
    return found


def _block(n: list[int], y: list[int], row: int, before: list[int]) -> tuple[int, ...]:
    trials = events = 0
    for count, other in enumerate(reversed(before), 1):
        trials, events = trials + n[other], events + y[other]
        if (trials, events) == (n[row], y[row]) and (count > 1 or len(before) == 1):
            return tuple(before[-count:])
    return ()


def _whole(
    labels: Sequence[str], n: list[int], y: list[int], rest: list[int]
) -> Total | None:
    """Find the row that is the sum of all others, leaving out subtotals."""
    trials, events = sum(n[row] for row in rest), sum(y[row] for row in rest)
    for row in rest:
        if n[row] == 0 or (2 * n[row], 2 * y[row]) != (trials, events):
            continue
        named = len(rest) > 1 and _NAMES.search(labels[row])
        likely = len(rest) >= _FEWEST and _by_chance(n[row], y[row]) <= _CHANCE
        if named or likely:
            return Total(row, tuple(other for other in rest if other != row))
    return None


def _by_chance(trials: int, events: int) -> float:
    """Return how likely two binomial counts of so many trials are equal, about."""
    rate = events / trials
    variance = 2 * trials * rate * (1 - rate)
    return 1.0 if variance < 1 else 1 / math.sqrt(2 * math.pi * variance)


def alone(labels: Sequence[str]) -> tuple[Check, ...]:
    """Return the check that there are several groups, if there is one alone."""
    if len(labels) != 1:
        return ()
    check = Check(
        "several_groups",
        "There are several groups",
        Outcome.FAIL,
        1.0,
        2.0,
        ">= 2 groups",
        detail=ALONE,
        advice="Report how the result moves with that prior, or bring more groups.",
    )
    return (check,)


def no_pooled_row(
    labels: Sequence[str], estimates: Iterable[float], errors: Iterable[float]
) -> Check:
    """Check that no row is the others' common estimate, weighted by 1 / error^2.

    Parameters
    ----------
    labels : sequence of str
    estimates, errors : iterable of float
        By row.

    Returns
    -------
    Check
        It fails for a row whose estimate and standard error are those of all others
        pooled, if there are three others or more or it has a total's name.
    """
    y, se = [float(x) for x in estimates], [float(x) for x in errors]
    found = []
    row = min(range(len(se)), key=se.__getitem__)  # the pooled error is the smallest
    weights = [0.0 if j == row else (se[row] / s) ** 2 for j, s in enumerate(se)]
    total = sum(weights)
    if total > 0 and (len(y) >= _FEWEST or _NAMES.search(labels[row])):
        pooled = sum(w * value for w, value in zip(weights, y, strict=True)) / total
        close = abs(y[row] - pooled) <= _OFF * se[row]
        if close and abs(math.sqrt(total) - 1) <= _WIDER:
            found = [Total(row, tuple(j for j in range(len(y)) if j != row))]
    details = [
        f"{labels[t.row]!r} is the common estimate ({y[t.row]:.4g}, standard error "
        f"{se[t.row]:.4g}) of " + _of(labels, t.others)
        for t in found
    ]
    return _check(labels, found, details)


def _of(labels: Sequence[str], others: tuple[int, ...]) -> str:
    """Say which rows, as they are few or all that stand before."""
    if len(others) + 1 == len(labels):
        return f"all {len(others)} other rows together"
    return f"{labels[others[0]]!r} to {labels[others[-1]]!r} together"


def _check(labels: Sequence[str], found: list[Total], details: list[str]) -> Check:
    return Check(
        "total",
        _LABEL,
        Outcome.FAIL if found else Outcome.PASS,
        subjects=tuple(labels[t.row] for t in found),
        detail="; ".join(details),
        advice=_ADVICE if found else "",
    )
