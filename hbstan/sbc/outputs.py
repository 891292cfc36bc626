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

#: Comments and texts, in which nothing is code; then the block's name.
_TOKENS = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|(?P<block>\bgenerated\s+quantities\s*\{)",
    re.DOTALL,
)
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"", re.DOTALL)


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
        itself if it has no such block of its own, or a name occurs nowhere before.

    Raises
    ------
    OSError
        If the program cannot be written.
    """
    text = program.source()
    start = _block(text)
    if start is None:
        return program
    kept = text[:start]
    words = set(re.findall(r"\w+", _NOT_CODE.sub(" ", kept)))
    if not set(needed) <= words:
        return program
    raw = kept.encode()
    path = folder / hashlib.sha256(raw).hexdigest()[:16] / program.file.name
    if not path.is_file():
        write_bytes(path, raw)
    paths = (*program.include_paths, program.file.parent)
    return StanProgram(path, tuple(dict.fromkeys(paths)))


def _block(text: str) -> int | None:
    """Return where the generated quantities block begins, outside comments."""
    for token in _TOKENS.finditer(text):
        if token["block"] is not None:
            return token.start("block")
    return None
