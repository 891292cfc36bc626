"""Functions in files of the user's, loaded by path so that workers get them too."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from hbstan.errors import ModelError
from hbstan.text import decode, read_bytes

__all__ = ["load_function"]

#: How a Python file says that it is not UTF-8.
_CODING = re.compile(rb"[ \t\f]*#.*?coding[:=]")


def load_function(reference: str) -> Callable[..., Any]:
    """Return the function that ``FILE.py:FUNCTION`` names.

    The file is run as a module of its own. Its functions travel to workers by value,
    so a worker on another machine does not need the file; what the file imports
    must be installed there.

    Parameters
    ----------
    reference : str
        Path of a Python file, a colon, and the name of a function in it.

    Returns
    -------
    callable

    Raises
    ------
    ModelError
        If the text has another form, the file does not exist or cannot be run, or
        there is no such function in it.
    """
    file, colon, name = reference.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ModelError(
            f"{reference!r} does not name a function; legal: FILE.py:FUNCTION.",
            remedy="Write e.g. generator.py:simulate.",
        )
    module = _load(Path(file).expanduser())
    function = getattr(module, name, None)
    if not callable(function):
        there = ", ".join(_functions(module)) or "none"
        what = "is no function" if hasattr(module, name) else "is not there"
        raise ModelError(
            f"{name!r} {what} in {file!r}; functions there: {there}.",
            remedy="Name one of them, or define it.",
        )
    found: Callable[..., Any] = function
    return found


def _load(path: Path) -> ModuleType:
    """Run a file as a module that pickles by value."""
    import cloudpickle

    content = read_bytes(path, "the file", ModelError)
    if not any(_CODING.match(line) for line in content.splitlines()[:2]):
        decode(content, f"the file '{path}'", ModelError)
    # The same file has the same name in every process; two files never share one.
    key = hashlib.sha256(os.fsencode(path.resolve()) + b"\0" + content).hexdigest()
    name = f"hbstan_file_{path.stem}_{key[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    # Where pickle and dataclasses look a module up.
    sys.modules[name] = module
    try:
        # Not by the loader: it takes the bytecode of a text of the same size that was
        # there within the same second.
        exec(compile(content, path, "exec"), module.__dict__)
    except Exception as err:
        del sys.modules[name]
        raise ModelError(
            f"the file {str(path)!r} cannot be run: {_where(err, path)}"
            f"{type(err).__name__}: {err}",
            remedy="Correct it; what it imports must be installed, for files next to "
            "it do not travel to workers.",
        ) from err
    cloudpickle.register_pickle_by_value(module)
    return module


def _where(err: BaseException, path: Path) -> str:
    """Name the line of the user's file in which an error came up."""
    if isinstance(err, SyntaxError):
        return f"line {err.lineno}: " if err.filename == str(path) else ""
    lines = [
        frame.lineno
        for frame in inspect.getinnerframes(err.__traceback__)  # type: ignore[arg-type]
        if frame.filename == str(path)
    ]
    return f"line {lines[-1]}: " if lines else ""


def _functions(module: ModuleType) -> list[str]:
    """Return the names of the functions and callable objects of a file, its own."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]
