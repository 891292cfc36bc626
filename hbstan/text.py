"""Text and bytes: one way to read files that people wrote, and to write ours.

Files are UTF-8, with or without a byte order mark. Whatever else is found is refused
with file, line and remedy, whichever part of the package reads it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from hbstan.errors import DataError

if TYPE_CHECKING:
    from hbstan.errors import HbstanError

__all__ = [
    "decode",
    "encode",
    "escaped",
    "printable",
    "read_bytes",
    "read_text",
    "unescaped",
    "unfit_character",
]

_BOM = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LINE_END = re.compile("\r\n?")
#: What files of fits, figures and pages cannot hold: control characters, but not tabs
#: and line ends, halves of surrogate pairs, and the two that are none.
_UNFIT = re.compile(r"[^\t\n\r -~\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE = re.compile(r"\\u(dc[89a-f][0-9a-f])")
_SAVE_UTF8 = "Save the file as UTF-8."


def decode(
    data: bytes, where: str | os.PathLike[str], error: type[HbstanError] = DataError
) -> str:
    """Decode UTF-8 with or without a byte order mark.

    Parameters
    ----------
    data : bytes
        What a file holds.
    where : str or path
        The file, for messages.
    error : type
        What is raised.

    Raises
    ------
    HbstanError
        Of the type given, if the bytes are UTF-16 or UTF-32, or no UTF-8.
    """
    # Latin text in UTF-16 without a mark has a zero in every other byte.
    if data.startswith(_WIDE) or data[:400].count(0) > len(data[:400]) // 4:
        raise error(
            f"{where} is encoded as UTF-16 or UTF-32; legal: UTF-8.", remedy=_SAVE_UTF8
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        offset = err.start + (len(_BOM) if data.startswith(_BOM) else 0)
        line = data.count(b"\n", 0, offset) + 1
        raise error(
            f"{where}: byte 0x{data[offset]:02x} at offset {offset} (line {line}) is "
            "not UTF-8.",
            remedy=f"{_SAVE_UTF8[:-1]}; it looks like Latin-1 or Windows-1252.",
        ) from None


def read_text(path: str | os.PathLike[str], what: str, error: type[HbstanError]) -> str:
    """Read a text file, with line ends as newlines; see :func:`decode`.

    Parameters
    ----------
    path : str or path
    what : str
        What the file is, for messages: ``"the criteria"``.
    error : type
        What is raised.

    Raises
    ------
    HbstanError
        Of the type given, naming the file and the reason.
    """
    data = read_bytes(path, what, error)
    return _LINE_END.sub("\n", decode(data, f"{what} '{path}'", error))


def read_bytes(
    path: str | os.PathLike[str], what: str, error: type[HbstanError]
) -> bytes:
    """Read a file; see :func:`read_text`."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        raise error(
            f"{what} '{path}' cannot be read: {reason}.",
            remedy="Check the path and the permissions.",
        ) from err


def encode(text: str) -> bytes:
    r"""Return text as UTF-8.

    A byte of a file's name that is no text, half of a surrogate pair in Python, is
    written as ``\udcXX``, which in JSON stands for the same.
    """
    return text.encode("utf-8", "backslashreplace")


def escaped(path: str | os.PathLike[str]) -> str:
    r"""Return a path as text that can be kept, with ``\udcXX`` as in :func:`encode`."""
    return encode(os.fspath(path)).decode()


def unescaped(text: str) -> str:
    """Return the path that :func:`escaped` made text of."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def printable(name: str) -> str:
    """Return a file's name as text that can be shown and kept.

    What is no text in it becomes the replacement character.
    """
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", name)


def unfit_character(text: str) -> str | None:
    """Return the first character that no file of ours can hold, as U+XXXX, if any."""
    found = _UNFIT.search(text)
    return None if found is None else f"U+{ord(found[0]):04X}"
