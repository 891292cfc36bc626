"""Programs without what calibration does not need.

Generated quantities are computed for every draw, written by CmdStan as text and read
again. Ranks need them only if a ranked quantity is among them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from hbstan.files import write_bytes
from hbstan.types import StanProgram

__all__ = ["without_generated_quantities"]

#: Comments, texts and #include lines: no words in them are code of this file.
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|#[^\n]*", re.DOTALL)
_QUANTITIES = re.compile(r"\bgenerated\s+quantities\s*\{")
#: The blocks whose variables are drawn: parameters and transformed parameters.
_PARAMETERS = re.compile(r"\bparameters\s*\{")
_WORDS = re.compile(r"\w+|[{}]")


def without_generated_quantities(
    program: StanProgram, needed: Iterable[str], folder: Path
) -> StanProgram:
    """Return the program without its generated quantities, if they are not needed.

    Parameters
    ----------
    program : StanProgram
        The program; its last block, by Stan's grammar, are the generated quantities.
    needed : iterable of str
        Names of the variables that are wanted.
    folder : pathlib.Path
        Where to write the shorter program, by content: whoever writes it writes the
        same.

    Returns
    -------
    StanProgram
        A program in ``folder``, with the same text up to the block; or ``program``
        itself if it has no such block of its own, if a name is not seen in its blocks
        of parameters and transformed parameters, or if ``folder`` cannot be written.

    Raises
    ------
    CompileError
        If the program cannot be read.
    """
    text = program.source()
    code = _NOT_CODE.sub(lambda skipped: " " * len(skipped[0]), text)
    block = _QUANTITIES.search(code)
    if block is None or not set(needed) <= _drawn(code[: block.start()]):
        return program
    raw = text[: block.start()].encode()
    path = folder / hashlib.sha256(raw).hexdigest()[:16] / program.file.name
    # Its name is its content's: a file of other content is a damaged one.
    if not path.is_file() or path.read_bytes() != raw:
        try:
            write_bytes(path, raw)
        except OSError:  # without a cache it takes longer, no more
            return program
    paths = (*program.include_paths, program.file.parent)
    return StanProgram(path, tuple(dict.fromkeys(paths)))


def _drawn(code: str) -> set[str]:
    """Return the words of the parameter blocks, except those of inner blocks.

    A generated quantity may share its name with a function's argument or a local
    variable, but with none of the variables declared here.
    """
    words = set()
    for block in _PARAMETERS.finditer(code):
        depth = 1
        for word in _WORDS.finditer(code, block.end()):
            depth += {"{": 1, "}": -1}.get(word[0], 0)
            if depth == 0:
                break
            if depth == 1:
                words.add(word[0])
    return words
