"""What stanli says, in words that name the user's file, line and variable."""

from __future__ import annotations

import re

from hbstan.errors import CompileError, NotSupportedError
from hbstan.program import declared
from hbstan.types import StanProgram

__all__ = ["compile_error", "located", "not_supported"]

_WHERE = re.compile(r"in '(?P<file>[^']*)', line (?P<line>\d+)")


def compile_error(program: StanProgram, text: str) -> CompileError:
    """Turn stanc's text into a CompileError that names the user's file."""
    text = text.replace("in 'string'", f"in '{program.file.name}'")
    match = _WHERE.search(text)
    file = match["file"] if match else program.file.name
    if file == program.file.name:
        file = str(program.file)
    return CompileError(
        f"{program.file} does not compile:\n{text.strip()}",
        file=file,
        line=int(match["line"]) if match else None,
        remedy="Correct the program at that line and compile again.",
    )


def located(program: StanProgram, text: str) -> str:
    """Put the user's file where stanli speaks of a string, or does not say where."""
    if "in 'string'" in text:
        return text.replace("in 'string'", f"in '{program.file}'")
    where = declared(program).where(text)
    return text if where is None else f"{text} (in '{where[0]}', line {where[1]})"


def _lacking(program: StanProgram) -> str:
    """Name the first variable of a type that stanli does not have."""
    known = declared(program)
    for name, kind in (known.inputs | known.outputs).items():
        if kind.name == "tuple" or kind.complex:
            what = "tuples" if kind.name == "tuple" else "complex numbers"
            return f"it declares {kind} {name}, and stanli has no {what}"
    return ""


def not_supported(program: StanProgram, reason: str) -> NotSupportedError:
    """Say what stanli lacks: by the variable that needs it, else in stanli's words."""
    return NotSupportedError(
        f"{program.name}: stanli cannot run all of this program: "
        f"{_lacking(program) or reason}",
        remedy="Use backend='cmdstan' (hbstan install-cmdstan provides it), or leave "
        "out what stanli does not know.",
    )
