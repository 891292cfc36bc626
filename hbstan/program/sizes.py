"""The values of sizes that stand in declarations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

__all__ = ["size_of"]


class _UnknownError(Exception):
    """A size that only the program itself can compute."""


def size_of(text: str, values: Mapping[str, Any]) -> int | None:
    """Return the value of an expression of whole numbers.

    Parameters
    ----------
    text : str
        As it stands in the program.
    values : mapping
        The data by name.

    Returns
    -------
    int or None
        None if it calls a function that is not known here, or speaks of something
        that is no datum.
    """
    if text.isdecimal():
        return int(text)
    from lark.exceptions import UnexpectedInput

    try:
        value = _value(_parser().parse(text), values)
    except (_UnknownError, UnexpectedInput, ArithmeticError):
        return None
    except (TypeError, ValueError, IndexError):  # data of another shape
        return None
    return value if isinstance(value, int) else None


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark.open("expression.lark", rel_to=__file__, parser="lalr")


def _value(node: Any, values: Mapping[str, Any]) -> Any:
    rule, items = node.data, node.children
    if rule == "number":
        return int(items[0])
    if rule == "name":
        return _datum(str(items[0]), values)
    if rule == "call":
        function = _FUNCTIONS.get(str(items[0]))
        if function is None:
            raise _UnknownError(items[0])
        return function(*(_value(item, values) for item in items[1:] if item))
    numbers = [_value(item, values) for item in items]
    if rule == "element":
        found, *indices = numbers
        for index in indices:
            if index < 1:
                raise IndexError(index)
            found = _whole(found[index - 1])
        return found
    return _OPERATORS[rule](*numbers)


def _datum(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise _UnknownError(name)
    return _whole(values[name])


def _whole(value: Any) -> Any:
    """Return a number that is whole as Python's own; others as they are."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [x for item in value for x in _flat(item)]


def _rows(value: Any) -> int:
    return len(value) if isinstance(value, list) else 1


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "size": _rows,
    "num_elements": lambda x: len(_flat(x)),
    "rows": _rows,
    "cols": lambda x: _rows(x[0]),
    "max": lambda *x: _whole(max(_flat([*x]))),
    "min": lambda *x: _whole(min(_flat([*x]))),
    "sum": lambda x: _whole(sum(_flat(x))),
    "choose": math.comb,
    "abs": abs,
}
_OPERATORS: Mapping[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    # Stan's whole numbers are divided towards zero.
    "div": lambda a, b: int(math.copysign(abs(a) // abs(b), a * b)),
    "mod": lambda a, b: int(math.fmod(a, b)),
    "neg": lambda a: -a,
}
