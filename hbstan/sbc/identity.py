"""What makes two runs the same: digests of functions and values."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["digest"]


def digest(value: Any) -> str:
    """Return a SHA-256 of a value that is the same in every process.

    Numbers, texts, arrays and collections of them count by value, functions by their
    code, defaults and what they close over, other objects by their type and state.
    A global that a function looks up counts by its name only, unless it is a
    function of the same module.

    Examples
    --------
    >>> from hbstan.sbc.identity import digest
    >>> digest({"a": 1, "b": 2.0}) == digest({"b": 2.0, "a": 1})
    True
    >>> digest(lambda x: x + 1) == digest(lambda x: x + 2)
    False
    """
    sha = hashlib.sha256()
    _feed(sha, value, ())
    return sha.hexdigest()


def _feed(sha: Any, value: Any, seen: tuple[int, ...]) -> None:
    if id(value) in seen:  # a function that calls itself
        return
    seen = (*seen, id(value))
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        _text(sha, f"array {value.dtype.str} {getattr(value, 'shape', ())}")
        sha.update(value.tobytes())
    elif isinstance(value, types.FunctionType):
        _feed_function(sha, value, seen)
    elif isinstance(value, types.CodeType):
        _feed_code(sha, value, seen)
    elif isinstance(value, Mapping):
        _text(sha, f"mapping {len(value)}")
        for key in sorted(value, key=repr):
            _feed(sha, key, seen)
            _feed(sha, value[key], seen)
    elif isinstance(value, set | frozenset):
        _feed_all(sha, "set", sorted(value, key=repr), seen)
    elif isinstance(value, list | tuple):
        _feed_all(sha, "sequence", value, seen)
    elif isinstance(value, types.ModuleType):
        _text(sha, f"module {value.__name__}")
    elif value is None or isinstance(value, bool | int | float | complex | str | bytes):
        _text(sha, f"{type(value).__name__} {value!r}")
    else:
        _feed_object(sha, value, seen)


def _feed_function(sha: Any, function: Any, seen: tuple[int, ...]) -> None:
    _text(sha, "function")
    _feed(sha, function.__code__, seen)
    _feed(sha, function.__defaults__, seen)
    _feed(sha, function.__kwdefaults__, seen)
    cells = function.__closure__ or ()
    _feed_all(sha, "closure", [cell.cell_contents for cell in cells], seen)
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        same = getattr(helper, "__module__", None) == function.__module__
        plain = isinstance(helper, bool | int | float | str | bytes | tuple)
        if plain or (same and isinstance(helper, types.FunctionType)):
            _text(sha, name)
            _feed(sha, helper, seen)


def _feed_code(sha: Any, code: types.CodeType, seen: tuple[int, ...]) -> None:
    # Neither file name nor line numbers: moving a function does not change it.
    _text(sha, "code")
    sha.update(code.co_code)
    _feed_all(sha, "names", (*code.co_names, *code.co_varnames), seen)
    _feed_all(sha, "constants", code.co_consts, seen)


def _feed_object(sha: Any, value: Any, seen: tuple[int, ...]) -> None:
    kind = type(value)
    _text(sha, f"object {kind.__module__}.{kind.__qualname__}")
    record = getattr(value, "record", None)
    if callable(record):
        _feed(sha, record(), seen)
        return
    _feed(sha, getattr(value, "__dict__", None) or {}, seen)
    call = kind.__dict__.get("__call__")
    if isinstance(call, types.FunctionType):
        _feed(sha, call, seen)


def _feed_all(
    sha: Any, what: str, values: Iterable[Any], seen: tuple[int, ...]
) -> None:
    items = list(values)
    _text(sha, f"{what} {len(items)}")
    for item in items:
        _feed(sha, item, seen)


def _text(sha: Any, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    sha.update(f"{len(raw)}:".encode() + raw)
