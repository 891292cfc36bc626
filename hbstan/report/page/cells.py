"""Numbers and times as people read them; the exact value stands beside them."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["Cell", "Column", "breakable", "columns_of", "duration", "figure", "prose"]

_DIGITS = 3
#: Sizes from here on, and below the other, are written as powers of ten.
_LARGE, _SMALL = 1e6, 1e-4
#: A column whose sizes differ by more shares no number of decimals.
_SPAN = 100.0
#: Unless the largest is at most 1, as of probabilities: these have three.
_SHARES = (0.05, 1.0)
_SHARE_DECIMALS = 3
_BREAKS = re.compile(r"(?<=[_/])")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_NAMES = {"nan": "–", "inf": "∞", "-inf": "−∞"}
_EMPTY = "–"
#: Cells with more characters are not made narrow.
_LONG_TEXT = 40


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text : str
        What is shown.
    value : str
        The exact value, to sort by and to look up; empty where there is none.
    """

    text: str
    value: str

    @property
    def wordy(self) -> bool:
        """Whether it holds a sentence, which wants some width."""
        return len(self.text) > _LONG_TEXT


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    heading : str
    numeric : bool
        Whether its cells are numbers, to be set flush right and sorted by size.
    cells : tuple of Cell
    """

    heading: str
    numeric: bool
    cells: tuple[Cell, ...]


def figure(value: Any, decimals: int | None = None) -> str:
    """Return a number as text with at most three significant digits.

    Parameters
    ----------
    value : int, float, str or None
        JSON's number: ``"nan"``, ``"inf"`` and ``"-inf"`` are numbers as well.
        Integers are shown in full, and so are truth values and other text.
    decimals : int, optional
        So many decimals instead.

    Returns
    -------
    str

    Examples
    --------
    >>> [figure(v) for v in (0.0512345, 1234.4, 208, 6.3e-5, "nan")]
    ['0.0512', '1234', '208', '6.3 × 10⁻⁵', '–']
    >>> figure(0.0004, decimals=3)
    '< 0.001'
    """
    if value is None or value == "":
        return _EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return _NAMES.get(value, value)
    if isinstance(value, int):
        return str(value).replace("-", "−")
    if not math.isfinite(value):
        return _NAMES[str(float(value))]
    return _float_text(value, decimals)


def _float_text(value: float, decimals: int | None) -> str:
    size = abs(value)
    if decimals is not None and 0 < size < 0.5 * 10.0**-decimals:
        least = f"{10.0**-decimals:.{decimals}f}"
        return f"< {least}" if value > 0 else f"> −{least}"
    if size >= _LARGE or 0 < size < _SMALL:
        mantissa, exponent = f"{value:.{_DIGITS - 1}e}".split("e")
        mantissa = _shortest(mantissa)
        power = str(int(exponent)).translate(_SUPERSCRIPTS)
        return f"{mantissa} × 10{power}".replace("-", "−")
    if decimals is None:
        text = _shortest(f"{value:.{_decimals(size)}f}")
    else:
        text = f"{value:.{decimals}f}"
    return text.replace("-", "−")


def _shortest(text: str) -> str:
    """Return a number without zeros at its end that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def _decimals(size: float) -> int:
    """Return the decimals that leave three significant digits."""
    if size == 0:
        return 0
    places = _DIGITS - 1 - math.floor(math.log10(size))
    # 9.996 has three digits only after it was rounded to 10.0.
    if round(size, max(places, 0)) >= 10.0 ** (_DIGITS - places):
        places -= 1
    return max(places, 0)


def columns_of(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Column]:
    """Return a table's columns with their cells as text.

    Numbers of similar size in one column have the same number of decimals: three
    significant digits for the middle one. Probabilities have three decimals.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequence
        Cells as JSON holds them.
    """
    return [
        _column(heading, [row[place] for row in rows])
        for place, heading in enumerate(headings)
    ]


def _column(heading: str, values: list[Any]) -> Column:
    numeric = _is_numeric(values)
    decimals = _shared_decimals(values) if numeric else None
    cells = tuple(_cell(value, decimals, numeric=numeric) for value in values)
    return Column(heading, numeric, cells)


def _cell(value: Any, decimals: int | None, *, numeric: bool) -> Cell:
    if not numeric and isinstance(value, str):
        return Cell(value or _EMPTY, value)
    exact = "" if value is None else str(value)
    return Cell(figure(value, decimals), exact)


def _is_numeric(values: Sequence[Any]) -> bool:
    """Tell whether all are numbers, at least one of them an ordinary one."""
    real = [v for v in values if isinstance(v, (int, float)) and v is not True]
    real = [v for v in real if v is not False]
    rest = [v for v in values if v is not None and v not in _NAMES]
    return bool(real) and len(real) == len(rest)


def _shared_decimals(values: Sequence[Any]) -> int | None:
    """Return the decimals that fit a whole column, or None where none do."""
    floats = [abs(v) for v in values if isinstance(v, float) and math.isfinite(v)]
    sizes = [size for size in floats if size]
    if len(sizes) < 2:
        return None
    if max(sizes) > _SPAN * min(sizes):
        return _SHARE_DECIMALS if _SHARES[0] <= max(sizes) <= _SHARES[1] else None
    if all(size == int(size) for size in sizes):
        return 0
    return _decimals(statistics.median(sizes))


def duration(seconds: float) -> str:
    """Return a time span as text, e.g. ``"3 min 33 s"``.

    Parameters
    ----------
    seconds : float
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{n} {unit}" for n, unit in parts if n) or "0 s"


def prose(text: str) -> str:
    """Return text whose per cent signs stay on the line of their numbers.

    Parameters
    ----------
    text : str
    """
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", str(text))


def breakable(name: str) -> Markup:
    """Return an identifier that may be broken after its underscores and brackets.

    Parameters
    ----------
    name : str
    """
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in _BREAKS.split(name))
