"""The sources of a Stan program: its text and all that it includes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hbstan.errors import CompileError
from hbstan.text import encode, read_text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

__all__ = [
    "Expanded",
    "Include",
    "digest",
    "expanded",
    "find_includes",
    "read_source",
    "source_hash",
]

#: Comments and strings come first, so that an #include inside them is not seen.
_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"[^"\n]*"|"""
    r"""\#include\s+(?:"(?P<quoted>[^"\n]*)"|<(?P<angled>[^>\n]*)>|(?P<bare>\S+))""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Include:
    """A file that a program includes.

    Parameters
    ----------
    name : str
        As it is written after ``#include``.
    path : pathlib.Path
        The file found.
    content : bytes
        What it held when the program's key was computed.
    """

    name: str
    path: Path
    content: bytes


def source_hash(
    stan_file: str | os.PathLike[str], include_paths: Sequence[Path] = ()
) -> str:
    """Return the SHA-256 of a program and of everything it includes.

    Raises
    ------
    CompileError
        If the program or an included file cannot be read.
    """
    file = Path(stan_file)
    return digest(read_source(file), find_includes(file, include_paths))


def find_includes(
    stan_file: str | os.PathLike[str], include_paths: Sequence[Path] = ()
) -> tuple[Include, ...]:
    """Return every file that a program includes, directly or not, in order.

    Parameters
    ----------
    stan_file : path
        The program.
    include_paths : sequence of pathlib.Path
        Folders searched in order; the program's own folder comes last.

    Raises
    ------
    CompileError
        If a file is missing, cannot be read or includes itself; names file and line.
    """
    file = Path(stan_file)
    folders = [*map(Path, include_paths), file.parent]
    found: dict[str, Include] = {}
    _collect(file, read_source(file), folders, found, ())
    return tuple(found.values())


@dataclass(frozen=True)
class Expanded:
    """A program's text with the included files in their places.

    Parameters
    ----------
    text : str
    pieces : tuple of (int, str, int)
        Where each piece begins in the text, its file, and the line of that file.
    """

    text: str
    pieces: tuple[tuple[int, str, int], ...]

    def place(self, position: int) -> tuple[str, int]:
        """Return the file and the line, counted from 1, of a position in the text."""
        start, file, line = next(p for p in reversed(self.pieces) if p[0] <= position)
        return file, line + self.text.count("\n", start, position)


def expanded(
    stan_file: str | os.PathLike[str], include_paths: Sequence[Path] = ()
) -> Expanded:
    """Return a program's text with the included files in their places.

    Raises
    ------
    CompileError
        As :func:`find_includes`.
    """
    file = Path(stan_file)
    found = {include.name: include for include in find_includes(file, include_paths)}
    texts: list[str] = []
    pieces: list[tuple[int, str, int]] = []

    def add(path: Path, text: str, line: int) -> None:
        pieces.append((sum(map(len, texts)), str(path), line))
        texts.append(text)

    def put(path: Path, text: str) -> None:
        end = 0
        for token in _TOKEN.finditer(text):
            name = _named(token)
            if name:
                add(path, text[end : token.start()], text.count("\n", 0, end) + 1)
                put(found[name].path, found[name].content.decode())
                end = token.end()
        add(path, text[end:], text.count("\n", 0, end) + 1)

    put(file, read_source(file).decode())
    return Expanded("".join(texts), tuple(pieces))


def _collect(
    file: Path,
    text: bytes,
    folders: Sequence[Path],
    found: dict[str, Include],
    above: tuple[str, ...],
) -> None:
    for name, line in _directives(text):
        if name in above:
            raise CompileError(
                f"'{file}', line {line}: '{name}' includes itself.",
                remedy="Remove the circular #include.",
                file=str(file),
                line=line,
            )
        if name not in found:
            path = _look_up(name, folders, file, line)
            found[name] = Include(name, path, read_source(path))
        _collect(found[name].path, found[name].content, folders, found, (*above, name))


def _directives(text: bytes) -> Iterator[tuple[str, int]]:
    program = text.decode()
    for token in _TOKEN.finditer(program):
        name = _named(token)
        if name:
            yield name, program.count("\n", 0, token.start()) + 1


def _named(token: re.Match[str]) -> str | None:
    return token["quoted"] or token["angled"] or token["bare"]


def _look_up(name: str, folders: Sequence[Path], file: Path, line: int) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    searched = ", ".join(f"'{folder}'" for folder in folders)
    raise CompileError(
        f"'{file}', line {line}: there is no file '{name}' to include in {searched}.",
        remedy="Correct the name, or add its folder to the include paths.",
        file=str(file),
        line=line,
    )


def read_source(file: Path) -> bytes:
    """Read a source file: its bytes, without a byte order mark.

    Raises
    ------
    CompileError
        If it cannot be read or is not UTF-8; names file, line and reason.
    """
    return read_text(file, "the Stan program", CompileError).encode()


def digest(text: bytes, includes: Sequence[Include]) -> str:
    """Return the SHA-256 of a program's text and of its included files."""
    total = hashlib.sha256(_framed(text))
    for include in includes:
        total.update(_framed(encode(include.name)))
        total.update(_framed(include.content))
    return total.hexdigest()


def _framed(part: bytes) -> bytes:
    # The length keeps two different sequences of parts from reading the same.
    return b"%d\0" % len(part) + part
