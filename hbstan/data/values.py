"""Single cells of a table: counts, numbers and labels.

The functions take one Python object and return either the clean value or a
:class:`Fault` that says what is wrong with it. They know nothing of rows, columns
or files; :mod:`hbstan.data.checks` adds those.
"""

from __future__ import annotations

import datetime as dt
import math
import numbers
import re
import uuid
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from hbstan.text import unfit_character

__all__ = [
    "COUNTS",
    "LABELS",
    "REALS",
    "SCALES",
    "STAN_INT_MAX",
    "Fault",
    "as_count",
    "as_label",
    "as_real",
    "as_scale",
    "is_missing",
    "show",
]

#: The largest integer that a Stan program can hold (32 bits, signed).
STAN_INT_MAX = 2**31 - 1

#: Legal ranges in words, for messages.
COUNTS = f"a whole number from 0 to {STAN_INT_MAX}"
REALS = "a finite number"
SCALES = "a finite number greater than 0"
LABELS = "a text, number or date that is not blank"

#: Spellings of "no value" in a text file; a label may well be called NA.
_MISSING_TEXT = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "nil", "."}
)
_INFINITE_TEXT = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GROUPED = re.compile(
    r"[+-]?[0-9]{1,3}([, '\u2019\u00a0\u202f._][0-9]{3})+([.,][0-9]+)?"
)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")

#: Types that stand for "no value", by name so that neither pandas nor NumPy is
#: imported for this.
_MISSING_TYPES = frozenset({"NAType", "NaTType", "MaskedConstant"})

_FILL = "Fill in the value, or remove the row."
_PLAIN = "Write plain digits with a point as decimal mark, e.g. 1234.5."
_CONVERT = "Correct the cell, or turn the column into numbers first."
_LABEL_TYPES = (
    numbers.Real,
    Decimal,
    dt.date,
    dt.time,
    dt.timedelta,
    uuid.UUID,
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with one cell, and what to do about it.

    Parameters
    ----------
    what : str
        The value and its defect, e.g. ``"-3 is negative"``.
    remedy : str
        An imperative sentence.
    """

    what: str
    remedy: str


def show(value: Any) -> str:
    """Return a value's ``repr`` on one line, cut to at most 60 characters."""
    try:
        plain = isinstance(value, numbers.Number) or _is_numpy(value, "bool", "bool_")
        # str() turns NumPy's text into Python's, whose repr is just the text.
        text = str(value) if plain else repr(_plain(value))
    except ValueError:  # Python refuses to spell integers of over 4300 digits
        text = f"a number of {value.bit_length()} bits"
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def is_missing(value: Any) -> bool:
    """Whether a value is ``None``, NaN, NumPy's ``masked``, or pandas' ``NA``."""
    if value is None or type(value).__name__ in _MISSING_TYPES:
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    if _is_numpy(value, "datetime64", "timedelta64"):
        return str(value) == "NaT"
    return isinstance(value, numbers.Number) and bool(value != value)


def as_count(value: Any, *, text: bool = False) -> int | Fault:
    """Read a count.

    Parameters
    ----------
    value : object
        An integer, or a real or decimal number with an integral value.
    text : bool
        Whether a string may spell the number, as in a CSV file.

    Returns
    -------
    int or Fault
        A whole number from 0 to 2147483647, or what is wrong.
    """
    number = _number(value, text=text)
    if isinstance(number, Fault):
        return number
    if number < 0:
        return Fault(f"{show(value)} is negative", "Correct the value.")
    if number > STAN_INT_MAX:
        return Fault(
            f"{show(value)} does not fit into Stan's 32-bit integers",
            "Split the group, or use a model of the group's estimate and its "
            "standard error.",
        )
    if number != int(number):
        return Fault(
            f"{show(value)} is fractional",
            "Give counts; a rate is a count divided by the trials.",
        )
    return int(number)


def as_real(value: Any, *, text: bool = False) -> float | Fault:
    """Read a finite real number; see :func:`as_count` for the parameters."""
    number = _number(value, text=text)
    if isinstance(number, Fault):
        return number
    try:
        real = float(number)
    except OverflowError:
        real = math.inf
    if math.isinf(real):
        return Fault(f"{show(value)} is beyond double precision", "Rescale the data.")
    return real + 0.0  # -0.0 becomes 0.0, so that equal data have equal hashes


def as_scale(value: Any, *, text: bool = False) -> float | Fault:
    """Read a finite number greater than 0; see :func:`as_count`."""
    real = as_real(value, text=text)
    if isinstance(real, Fault) or real > 0:
        return real
    what = "is zero" if real == 0 else "is negative"
    return Fault(
        f"{show(value)} {what}",
        "Give the standard error of the estimate; one that is known exactly "
        "cannot be modelled this way.",
    )


def as_label(value: Any, *, text: bool = False) -> str | Fault:
    """Read a group's label as plain text, without surrounding white space.

    Numbers lose a trailing ``.0``, dates and times become ISO 8601 text.

    Parameters
    ----------
    value : object
    text : bool
        As the other readers have it; a label is read alike from text and objects.
    """
    if is_missing(value):
        return Fault("the label is missing", "Name the group, or remove the row.")
    label = _label_text(value)
    if label is None:
        return Fault(
            f"{show(value)} is a {type(value).__name__}, not a label",
            "Turn the labels into text first.",
        )
    if not label.strip():
        return Fault("the label is empty", "Name the group, or remove the row.")
    unfit = unfit_character(label)
    if unfit is not None:
        return Fault(
            f"{show(label)} has the character {unfit}, which is no text",
            "Remove it, or read the data with the right encoding.",
        )
    return label.strip()


def _number(value: Any, *, text: bool) -> Any:
    """Return a finite int, float, Decimal or Fraction, or a fault."""
    if isinstance(value, str) and text:
        return _from_text(value.strip())
    if is_missing(value):
        return Fault("the value is missing", _FILL)
    if isinstance(value, bool) or _is_numpy(value, "bool", "bool_"):
        return Fault(f"{show(value)} is a boolean, not a number", _CONVERT)
    if isinstance(value, str):
        return _text_fault(value)
    if not isinstance(value, numbers.Real | Decimal):
        kind = type(value).__name__
        return Fault(f"{show(value)} is a {kind}, not a real number", _CONVERT)
    if isinstance(value, numbers.Integral):
        return int(value)
    infinite = value.is_infinite() if isinstance(value, Decimal) else _isinf(value)
    if infinite:
        return Fault(f"{show(value)} is infinite", _FILL)
    return value


def _from_text(text: str) -> Any:
    if text.lower() in _MISSING_TEXT:
        written = f" (written {text!r})" if text else ""
        return Fault(f"the value is missing{written}", _FILL)
    if _INFINITE_TEXT.fullmatch(text):
        return Fault(f"{text!r} is infinite", _FILL)
    if not _NUMBER.fullmatch(text):
        return _text_fault(text)
    # Decimal keeps every digit: 47.0000000000000000001 is not a whole number.
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more than 18 digits
        return Fault(f"{text!r} is beyond double precision", _CONVERT)


def _text_fault(text: str) -> Fault:
    stripped = text.strip()
    if _DECIMAL_COMMA.fullmatch(stripped) or _GROUPED.fullmatch(stripped):
        return Fault(
            f"{show(text)} is text (a thousands separator or a decimal comma?)", _PLAIN
        )
    return Fault(f"{show(text)} is text, not a number", _CONVERT)


def _label_text(value: Any) -> str | None:
    """Return the value's text, or None where it has no plain text."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dt.datetime):
        return _datetime_text(value)
    if _is_numpy(value, "datetime64"):
        import numpy as np

        return str(np.datetime_as_string(value, unit="auto"))
    if isinstance(value, numbers.Real) and not isinstance(value, numbers.Rational):
        return str(value).removesuffix(".0")
    if isinstance(value, _LABEL_TYPES) or _is_numpy(value, "timedelta64", "bool"):
        return str(value)
    if type(value).__module__.split(".")[0] == "pandas":  # Period, Interval
        return str(value)
    return None


def _datetime_text(value: dt.datetime) -> str:
    midnight = value.time() == dt.time() and not getattr(value, "nanosecond", 0)
    if value.tzinfo is None and midnight:
        return value.date().isoformat()
    return value.isoformat(sep=" ")


def _isinf(value: Any) -> bool:
    try:
        # A wider float may be finite and still overflow on conversion: as_real
        # and as_count then find it out of range.
        return bool(abs(value) == math.inf)
    except OverflowError:
        return False


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _is_numpy(value: Any, *names: str) -> bool:
    cls = type(value)
    return cls.__module__ == "numpy" and cls.__name__ in names
