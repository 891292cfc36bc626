"""How tables and numbers look, shared by all that is shown."""

from __future__ import annotations

import math
from typing import Any

from hbstan.report.tables import FittingTable
from hbstan.results import Outcome

__all__ = [
    "STYLES",
    "WORDS",
    "console_lines",
    "decimals_of",
    "empty_table",
    "fixed",
    "p_text",
]

STYLES = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.NOT_RUN: "yellow"}
WORDS = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_RUN: "not run"}
#: Numbers from here on are printed compactly, as 6.14e+05.
_COMPACT_FROM = 1e5
_MOST_DECIMALS = 6
#: Smaller p-values are printed as powers of ten.
_SMALL_P = 0.0005


def empty_table(title: str, *columns: str, numbers: int = 0) -> FittingTable:
    """Make an empty table whose last ``numbers`` columns are set flush right.

    Names, in the first column, and numbers are never broken or cut; where space is
    short, text wraps between words, and columns go on below.
    """
    table = FittingTable(
        title=title, title_justify="left", title_style="bold", box=None
    )
    table.pad_edge = False
    for position, column in enumerate(columns):
        numeric = position >= len(columns) - numbers
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or position == 0,
            overflow="fold",
        )
    return table


def decimals_of(sd: float) -> int:
    """Decimals that show about three digits of a standard deviation, at least two.

    Draws of 4.04 with sd 3.55 get two decimals, 0.067 with sd 0.016 three.
    """
    if not math.isfinite(sd) or sd <= 0:
        return 3
    places = 1 - math.floor(math.log10(sd))
    return min(max(places + (sd >= 0.1), 0), _MOST_DECIMALS)


def fixed(value: Any, decimals: int) -> str:
    """Format with so many decimals, but compactly what would be too long."""
    number = float(value)
    if math.isnan(number):
        return "-"
    if math.isinf(number):
        return f"{number}"
    tiny = 0 < abs(number) < 0.5 * 10.0**-_MOST_DECIMALS
    if abs(number) >= _COMPACT_FROM or (tiny and decimals >= _MOST_DECIMALS):
        return f"{number:.3g}"
    return f"{number:.{decimals}f}"


def p_text(value: Any) -> str:
    """Format a p-value with three decimals, or compactly where these were zeros."""
    number = float(value)
    return f"{number:.0e}" if 0 < number < _SMALL_P else fixed(number, 3)


def console_lines(said: str, most: int = 8) -> list[str]:
    """Return what engine and program said, the first lines of it.

    Parameters
    ----------
    said : str
        As :attr:`hbstan.fit.Fit.console` has it.
    most : int
        Lines to show.
    """
    lines = said.splitlines()
    if not lines:
        return []
    more = [f"  ... and {len(lines) - most} more lines, in fit.console"]
    return ["Said while fitting:", *(f"  {line}" for line in lines[:most])] + (
        more if len(lines) > most else []
    )
