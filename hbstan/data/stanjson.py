"""Stan JSON data files, for programs that are not in the catalogue."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from hbstan.data.files import Stream, once, read_bytes
from hbstan.data.values import STAN_INT_MAX, show
from hbstan.errors import DataError, HbstanError
from hbstan.text import decode

__all__ = ["LEGAL", "from_stan_json", "rectangular", "within_32_bits"]

#: The strings that Stan reads as numbers.
_SPECIAL = {
    "Inf": math.inf,
    "Infinity": math.inf,
    "-Inf": -math.inf,
    "-Infinity": -math.inf,
    "NaN": math.nan,
}
_STAN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: What a value in Stan data may be.
LEGAL = "a number, or rectangular arrays or tuples of numbers"


class _DuplicateError(Exception):
    """A key that occurs twice in one object."""


def from_stan_json(
    path: str | Path | Stream, *, allow_nan: bool = False
) -> dict[str, Any]:
    """Read the data of a Stan program from a JSON file.

    The format is that of CmdStan: one object of variables; numbers, rectangular
    arrays, and tuples as objects with the keys "1", "2", ...; infinite values as
    ``Infinity`` or as the strings "Inf", "Infinity" and their negatives. Entries
    whose key is no Stan name (such as "_comment") are no data and left out, as Stan
    does.

    Parameters
    ----------
    path : str or Path
        The file, in UTF-8.
    allow_nan : bool
        Whether NaN is legal. Stan would accept it, but the log density then usually
        is NaN everywhere.

    Returns
    -------
    dict
        Variable to int, float, nested lists of them, or dict (a tuple).

    Raises
    ------
    DataError
        If the file cannot be read, is not JSON, repeats a key, or holds a value that
        a Stan program cannot take: null, a boolean, other text, a ragged array, an
        integer beyond 32 bits, or NaN.
    """
    given = once(path)
    file = given.path if isinstance(given, Stream) else Path(given)
    content = read_bytes(given if isinstance(given, Stream) else file)
    try:
        data = json.loads(
            decode(content, file),
            object_pairs_hook=_object,
            parse_int=_integer,
        )
    except json.JSONDecodeError as err:
        raise DataError(
            f"{file}: line {err.lineno}, column {err.colno}: {err.msg}; legal: JSON.",
            remedy="If the text ends there, the file seems to be cut short.",
        ) from None
    except _DuplicateError as err:
        raise DataError(
            f"{file}: the key {err.args[0]!r} occurs twice; legal: every key once.",
            remedy="Remove one of the two.",
        ) from None
    except RecursionError:
        raise DataError(
            f"{file}: the arrays are nested too deeply; legal: {LEGAL}."
        ) from None
    if not isinstance(data, dict):
        raise DataError(
            f"{file}: the file holds a {type(data).__name__}; legal: an object of "
            "variables.",
            remedy='Write {"J": 8, "y": [...]}.',
        )
    named = {key: value for key, value in data.items() if _STAN_NAME.fullmatch(key)}
    return {
        key: _value(f"{file}: variable {key!r}", value, allow_nan)
        for key, value in named.items()
    }


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateError(next(key for key in keys if keys.count(key) > 1))
    return out


def _integer(digits: str) -> int:
    # A number too long for Python to read is beyond 32 bits in any case.
    return int(digits[:40])


def _value(where: str, value: Any, allow_nan: bool) -> Any:
    """Return a value with special strings as numbers, or raise."""
    if isinstance(value, list):
        items = [
            _value(f"{where}[{i}]", item, allow_nan)
            for i, item in enumerate(value, start=1)
        ]
        return rectangular(where, items)
    if isinstance(value, dict):
        if list(value) != [str(i + 1) for i in range(len(value))] or not value:
            raise DataError(
                f"{where} is an object with the keys {show(list(value))}; legal: a "
                'tuple, with the keys "1", "2", ... in order.'
            )
        return {
            key: _value(f"{where}.{key}", item, allow_nan)
            for key, item in value.items()
        }
    return _scalar(where, value, allow_nan)


def _scalar(where: str, value: Any, allow_nan: bool) -> int | float:
    if isinstance(value, str) and value in _SPECIAL:
        value = _SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = {None: "null", True: "true", False: "false"}.get(value, show(value))
        raise DataError(
            f"{where} is {shown}; legal: {LEGAL}.",
            remedy="Write true and false as 1 and 0, and leave out missing values.",
        )
    if isinstance(value, float) and math.isnan(value) and not allow_nan:
        raise DataError(
            f"{where} is NaN; legal: a number.",
            remedy="Leave missing values out of the data, or pass allow_nan=True.",
        )
    return within_32_bits(where, value)


def rectangular(
    where: str, items: list[Any], error: type[HbstanError] = DataError
) -> list[Any]:
    """Return ``items``, or raise ``error`` if they differ in shape."""
    if len({_shape(item) for item in items}) > 1:
        raise error(
            f"{where} is ragged: its elements differ in shape; legal: {LEGAL}.",
            remedy="Pad the rows, or pass them as one vector and their lengths.",
        )
    return items


def within_32_bits(
    where: str, value: int | float, error: type[HbstanError] = DataError
) -> int | float:
    """Return ``value``, or raise ``error`` for an integer beyond Stan's range."""
    if isinstance(value, int) and not -STAN_INT_MAX - 1 <= value <= STAN_INT_MAX:
        raise error(
            f"{where} holds {show(value)}; legal: integers from {-STAN_INT_MAX - 1} to "
            f"{STAN_INT_MAX}.",
            remedy="If the program declares it real, write it with a decimal point.",
        )
    return value


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return (len(value), _shape(value[0]) if value else ())
    if isinstance(value, dict):
        return tuple(_shape(item) for item in value.values())
    return ()
