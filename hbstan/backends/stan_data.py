"""Values on their way to an engine: numbers and nothing else.

Both engines take data and initial values as JSON, and each says in words of its own
what it cannot read. What no Stan program can take is refused here, with the
variable's name, and what the program's declarations refuse (a missing variable, a
shape, a number that is not whole). What only a running program can tell (a bound, a
size that it computes) is left to the engine, whose words :func:`in_plain_words` makes
readable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.data.stanjson import LEGAL, rectangular, within_32_bits
from hbstan.data.values import show
from hbstan.errors import DataError, HbstanError
from hbstan.program import declared, matched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.program import Declared
    from hbstan.types import StanData, StanProgram

__all__ = ["in_plain_words", "matched_data", "plain_data", "plain_values"]

#: How the engines begin to complain of a variable, missing or not.
_COMPLAINTS = (
    re.compile(r"stanli prepare_data: unknown data variable (?P<name>\w+)"),
    re.compile(
        r"[^\s:;][^\n:;]*; processing stage=data initialization; "
        r"variable name=(?P<name>\w+)[^\n]*"
    ),
)


def matched_data(
    program: StanProgram, data: StanData, known: Declared | None = None
) -> dict[str, Any]:
    """Return Stan data in plain types, of the shapes that ``program`` declares.

    Parameters
    ----------
    program : StanProgram
        One that compiles.
    data : mapping
        As for :func:`plain_data`.
    known : Declared, optional
        What the program declares, where that has been read already.

    Raises
    ------
    DataError
        As :func:`plain_data` and :func:`hbstan.program.matched`.
    """
    plain = plain_data(program.name, data)
    return matched(program.name, known or declared(program), plain)


def plain_data(program: str, data: StanData) -> dict[str, Any]:
    """Return Stan data as Python's own numbers, lists and dicts (tuples).

    Parameters
    ----------
    program : str
        The program's name, for messages.
    data : mapping
        Names to numbers, lists, NumPy arrays or what has ``tolist``. A tuple of
        Python's counts as a list; one of Stan's is a mapping with the keys "1",
        "2", ....

    Returns
    -------
    dict
        Equal values: booleans as 0 and 1, complex numbers as pairs.

    Raises
    ------
    DataError
        If a value is missing or text, an array is ragged, or an integer does not fit
        into 32 bits.
    """
    return plain_values(f"{program}: the datum", data, DataError)


def plain_values(
    what: str, values: Mapping[str, Any], error: type[HbstanError]
) -> dict[str, Any]:
    """Return ``values`` in plain types, or raise ``error`` naming the first bad one.

    Parameters
    ----------
    what : str
        What a value is; its name follows.
    values : mapping
        Names to values.
    error : type
        The class of the error.
    """
    if not isinstance(values, Mapping):
        raise error(f"{what}s are {show(values)}, but must map names to values.")
    for name in values:
        if not isinstance(name, str):
            raise error(f"{what} has the name {name!r}, but a name must be text.")
    return {
        name: _plain(f"{what} {name!r}", value, error) for name, value in values.items()
    }


def in_plain_words(text: str, data: StanData) -> str:
    """Rewrite what an engine says of a variable that the data lack.

    Of such a variable stanli says that it is unknown, and CmdStan that its dimensions
    do not match or that it does not exist.

    Parameters
    ----------
    text : str
        What the engine said.
    data : mapping
        What it was given.
    """

    def rewritten(match: re.Match[str]) -> str:
        name = match["name"]
        if name in data:
            return match[0]
        return f"the data lack {name!r}, which the program declares"

    for pattern in _COMPLAINTS:
        text = pattern.sub(rewritten, text)
    return text


def _plain(where: str, value: Any, error: type[HbstanError]) -> Any:
    _refuse_missing(where, value, error)
    if hasattr(value, "iloc") and not hasattr(value, "tolist"):  # a table of numbers
        value = value.to_numpy()
    if hasattr(value, "dtype") and _is_numeric(value.dtype):
        return _plain_array(where, value, error)
    if not isinstance(value, list | tuple | Mapping) and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return _plain_tuple(where, value, error)
    if isinstance(value, list | tuple):
        items = [
            _plain(f"{where}[{i}]", item, error) for i, item in enumerate(value, 1)
        ]
        return rectangular(where, items, error)
    return _plain_number(where, value, error)


def _refuse_missing(where: str, value: Any, error: type[HbstanError]) -> None:
    """Refuse arrays that mark values as missing; their numbers say nothing of it."""
    import numpy as np

    missing = _marks(value)
    if missing is None or not missing.any():
        return
    places = np.argwhere(missing)
    place = ", ".join(str(i + 1) for i in places[0])
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    raise error(
        f"{where}{f'[{place}]' if place else ''} is missing{more}; legal: {LEGAL}.",
        remedy="Leave missing values out of the data, or model them as parameters.",
    )


def _marks(value: Any) -> NDArray[Any] | None:
    """Return where an array has no value: a mask, or what pandas and others say."""
    import numpy as np

    if isinstance(value, np.ma.MaskedArray):
        return np.ma.getmaskarray(value)
    for name in ("isna", "isnull", "is_null"):
        told = getattr(value, name, None)
        if callable(told):
            return np.asarray(told(), dtype=bool)
    return None


def _is_numeric(dtype: Any) -> bool:
    """Tell NumPy's types of numbers from others; pandas' own can hold gaps."""
    import numpy as np

    return isinstance(dtype, np.dtype) and dtype.kind in "iufb"


def _plain_array(where: str, value: Any, error: type[HbstanError]) -> Any:
    """Return a numeric array as lists; looking at its extremes is enough."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind in "bf":
        array = array.astype(int if array.dtype.kind == "b" else float)
    if array.dtype.kind in "iu" and array.size:
        for extreme in (array.min(), array.max()):
            _plain_number(where, int(extreme), error)
    return array.tolist()


def _plain_tuple(
    where: str, value: Mapping[Any, Any], error: type[HbstanError]
) -> dict[str, Any]:
    keys = [str(key) for key in value]
    if not keys or keys != [str(i + 1) for i in range(len(keys))]:
        raise error(
            f"{where} is a mapping with the keys {show(keys)}; legal: a tuple, with "
            'the keys "1", "2", ... in order.'
        )
    return {
        key: _plain(f"{where}.{key}", item, error)
        for key, item in zip(keys, value.values(), strict=True)
    }


def _plain_number(where: str, value: Any, error: type[HbstanError]) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, complex):
        return [value.real, value.imag]
    if not isinstance(value, int | float):
        raise error(
            f"{where} is {show(value)}; legal: {LEGAL}.",
            remedy="Leave missing values out, and give text as numbers.",
        )
    return within_32_bits(where, value, error)
