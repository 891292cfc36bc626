"""Data and the declarations that they are for: names, shapes and types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, HbstanError

if TYPE_CHECKING:
    from hbstan.program.declarations import Declared
    from hbstan.program.types import Shape, Type

__all__ = ["fitted", "matched"]

_COMPARE = "Compare the data with the program's data block."


def matched(
    program: str, declared: Declared, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return data in the types that a program declares.

    Parameters
    ----------
    program : str
        Its name, for messages.
    declared : Declared
    data : mapping
        In Python's own numbers, lists and mappings (tuples). What the program does
        not declare is handed on.

    Returns
    -------
    dict
        Whole numbers that are written as reals become integers where the program
        declares ``int``.

    Raises
    ------
    DataError
        If a datum is missing or has another shape than the program declares, or a
        number is not whole. A size that only the program can compute is left to it.
    """
    lacking = [
        name
        for name, kind in declared.inputs.items()
        if name not in data and _has_elements(kind, data)
    ]
    if lacking:
        raise DataError(
            f"{program}: the data lack {', '.join(map(repr, lacking))}, which the "
            "program declares.",
            remedy=_COMPARE,
        )
    found = dict(data)
    for name, kind in declared.inputs.items():
        if name in found:
            where = f"{program}: the datum {name!r}"
            found[name] = fitted(where, found[name], kind, found)
    return found


def _has_elements(kind: Type, data: Mapping[str, Any]) -> bool:
    """Whether a datum surely has elements, so that it must be given."""
    shape = kind.shape(data)
    return all(size is not None and size > 0 for size in shape)


def fitted(
    where: str,
    value: Any,
    kind: Type,
    data: Mapping[str, Any],
    error: type[HbstanError] = DataError,
) -> Any:
    """Return a value of the declared type, or raise ``error``.

    Parameters
    ----------
    where : str
        What the value is, for messages.
    value : object
        In plain types.
    kind : Type
    data : mapping
        The data that sizes may speak of.
    error : type
        The class of the error.
    """
    if kind.name == "tuple":
        return _fitted_tuples(where, value, kind, data, error, len(kind.array))
    shape: Shape = kind.shape(data) + ((2,) if kind.complex else ())
    given = _shape(value)
    empty = 0 in given and (0 in shape or None in shape)
    same = len(given) == len(shape) and all(
        wanted is None or wanted == got
        for wanted, got in zip(shape, given, strict=True)
    )
    if not same and not empty:
        raise error(
            f"{where} has {_in_words(given)}, but the program declares {kind}, "
            f"which has {_in_words(shape)}.",
            remedy=_remedy(given, shape),
        )
    return _whole(where, value, error) if kind.whole else value


def _fitted_tuples(
    where: str,
    value: Any,
    kind: Type,
    data: Mapping[str, Any],
    error: type[HbstanError],
    depth: int,
) -> Any:
    if depth and isinstance(value, list):
        return [
            _fitted_tuples(f"{where}[{i}]", item, kind, data, error, depth - 1)
            for i, item in enumerate(value, 1)
        ]
    if depth or not isinstance(value, Mapping) or len(value) != len(kind.parts):
        raise error(
            f"{where} is no tuple of {len(kind.parts)} parts, but the program declares "
            f"{kind}.",
            remedy='Write a tuple as a mapping with the keys "1", "2", ....',
        )
    return {
        key: fitted(f"{where}.{key}", item, part, data, error)
        for (key, item), part in zip(value.items(), kind.parts, strict=True)
    }


def _shape(value: Any) -> tuple[int, ...]:
    sizes = []
    while isinstance(value, list):
        sizes.append(len(value))
        if not value:
            break
        value = value[0]
    return tuple(sizes)


def _whole(where: str, value: Any, error: type[HbstanError]) -> Any:
    """Return whole numbers as integers; refuse others, naming the first."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind != "f":
        return value
    with np.errstate(invalid="ignore"):
        broken = np.argwhere(~np.isfinite(array) | (array != np.round(array)))
    if len(broken):
        place = ", ".join(str(i + 1) for i in broken[0])
        at = f"{where}[{place}]" if place else where
        raise error(
            f"{at} is {array[tuple(broken[0])]}; legal: a whole number, as the program "
            "declares int.",
            remedy="Correct the value, or declare it real in the program's data block.",
        )
    largest = np.abs(array).max(initial=0.0)
    if largest >= 2.0**31:
        raise error(
            f"{where} holds {largest:.0f}, which does not fit into Stan's 32-bit "
            "integers.",
            remedy="Declare it real in the program, or rescale it.",
        )
    return array.astype(int).tolist()


def _in_words(shape: Shape) -> str:
    if not shape:
        return "no dimensions (a single number)"
    sizes = ["any" if size is None else str(size) for size in shape]
    return f"shape ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _remedy(given: tuple[int, ...], shape: Shape) -> str:
    if len(shape) > 1 and given == tuple(reversed(shape)):
        return "Transpose it: rows come first."
    if shape == (1,) and not given:
        return "Write a single element as a list, e.g. [3]."
    return _COMPARE
