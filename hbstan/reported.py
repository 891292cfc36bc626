"""Does what is reported say how uncertain it is? Tables and texts, read for that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_reported"]

_CHECK = Check(
    "point_estimate",
    "What is reported says how uncertain it is",
    Outcome.PASS,
    rule="every row has a standard deviation above 0 or an interval",
)
_ADVICE = (
    "Report an interval or the posterior's standard deviation beside every estimate; "
    "fit.summary() and fit.groups() have both."
)
#: Monte Carlo errors say how well the mean was computed, not how uncertain it is.
_NOT_SPREAD = re.compile(r"mcse|monte carlo", re.IGNORECASE)
_SPREAD = re.compile(
    r"(^|[_\s.])(sd|std|stdev|std[_. ]*dev|se|std[_. ]*err(or)?|stderr|"
    r"standard[_ ](error|deviation))$",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"(^|[_\s.])(lower|upper|low|high|lo|hi|lb|ub|min|max)([_\s.]|\d|$)|"
    r"\d\s?%|^[qp]_?\d|quantile|percentile",
    re.IGNORECASE,
)
_INTERVAL = re.compile(
    r"(^|[_\s])(ci|hdi|eti|cri)([_\s]|\d|$)|interval|credible", re.IGNORECASE
)
_NUMBER = r"[-+−]?\d[\d,]*\.?\d*(?:e[-+]?\d+)?\s?%?"
_TWO_NUMBERS = re.compile(
    rf"{_NUMBER}\s*(?:,|;|to|-|–|—|\.\.)\s*{_NUMBER}", re.IGNORECASE
)
#: What a text must contain: an interval in brackets, "a to b", a standard deviation,
#: plus or minus.
_IN_WORDS = re.compile(
    rf"[\[(]\s*{_NUMBER}\s*(?:,|;|to|–|—)\s*{_NUMBER}\s*[\])]|"
    rf"{_NUMBER}\s+to\s+{_NUMBER}|"
    rf"\b(?:sd|s\.d\.|se|s\.e\.|standard (?:deviation|error))\b[^.;]{{0,20}}?{_NUMBER}|"
    rf"(?:±|\+/-|\+-)\s*{_NUMBER}|"
    rf"\bbetween\s+{_NUMBER}\s+and\s+{_NUMBER}",
    re.IGNORECASE,
)


def check_reported(reported: Any) -> Check:
    """Check that estimates are reported with their uncertainty.

    Parameters
    ----------
    reported : pandas.DataFrame, mapping, str or None
        See :func:`hbstan.pitfalls.pitfalls`.

    Returns
    -------
    Check
        ``point_estimate``; not run where nothing was given, or no number in it.

    Raises
    ------
    SettingsError
        If it is of another type.
    """
    import pandas as pd

    if reported is None:
        return _not_run("nothing was given that is reported")
    if isinstance(reported, str):
        return _check_text(reported)
    if isinstance(reported, Mapping):
        nested = any(isinstance(v, list | tuple) for v in reported.values())
        reported = pd.DataFrame(reported if nested else [reported])
    if not isinstance(reported, pd.DataFrame):
        raise SettingsError(
            f"reported is {type(reported).__name__}; legal: a DataFrame, a mapping of "
            "columns or a text.",
            remedy="Give the table, or the sentences, that others will read.",
        )
    return _check_table(reported)


def _not_run(why: str) -> Check:
    return Check(
        _CHECK.name,
        _CHECK.label,
        Outcome.NOT_RUN,
        rule=_CHECK.rule,
        detail=why,
        advice="Give reported=, the table or text that others will read.",
    )


def _outcome(bad: list[str], detail: str) -> Check:
    return Check(
        _CHECK.name,
        _CHECK.label,
        Outcome.FAIL if bad else Outcome.PASS,
        rule=_CHECK.rule,
        subjects=tuple(bad),
        detail=detail,
        advice=_ADVICE if bad else "",
    )


def _check_text(text: str) -> Check:
    if not re.search(r"\d", text):
        return _not_run("the text has no number")
    found = _IN_WORDS.search(text)
    if found:
        return _outcome([], f"the text has {found.group(0).strip()!r}")
    return _outcome(["the text"], "numbers without an interval or standard deviation")


def _check_table(table: pd.DataFrame) -> Check:
    import numpy as np

    if not len(table) or not len(table.columns):
        return _not_run("the table is empty")
    names = [str(c) for c in table.columns]
    kept = [i for i, n in enumerate(names) if not _NOT_SPREAD.search(n)]
    spread = [i for i in kept if _SPREAD.search(names[i])]
    bounds = [i for i in kept if i not in spread and _BOUND.search(names[i])]
    known = np.zeros(len(table), dtype=bool)
    for i in spread:
        known |= _numbers(table, i) > 0
    if len(bounds) > 1:
        ends = np.column_stack([_numbers(table, i) for i in bounds])
        known |= np.isfinite(ends).all(axis=1) & (np.ptp(ends, axis=1) > 0)
    for i in kept:
        if _INTERVAL.search(names[i]):
            cells = table.iloc[:, i].astype(str)
            known |= cells.map(lambda c: bool(_TWO_NUMBERS.search(c))).to_numpy()
    used = sorted({*spread, *(bounds if len(bounds) > 1 else [])})
    if not known.any():
        listing = ", ".join(names)
        return _outcome(["the table"], f"no column of spread or bounds among {listing}")
    bad = [str(label) for label, ok in zip(table.index, known, strict=True) if not ok]
    columns = ", ".join(names[i] for i in used) or "intervals as text"
    return _outcome(bad, f"{int(known.sum())} of {len(table)} rows have {columns}")


def _numbers(table: pd.DataFrame, position: int) -> Any:
    import pandas as pd

    values = pd.to_numeric(table.iloc[:, position], errors="coerce")
    return values.to_numpy(dtype=float)
