"""Bytes and text of files, and what to say when there is none."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hbstan.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["decode", "near", "read_bytes"]

_SAVE_UTF8 = "Save the file as UTF-8."


def near(name: str, choices: Sequence[str]) -> list[str]:
    """Return up to three choices that resemble a name, the closest first."""
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    found = difflib.get_close_matches(name.strip().casefold(), list(folded), n=3)
    return [folded[key] for key in found]


def read_bytes(path: Path, suggestions: Sequence[str] = ()) -> bytes:
    """Read a file, or say why that is impossible.

    Raises
    ------
    DataError
        If the path does not exist (with names that resemble it), is a folder,
        cannot be read, or is empty.
    """
    try:
        data = path.expanduser().read_bytes()
    except FileNotFoundError:
        raise _not_found(path, suggestions) from None
    except IsADirectoryError:
        raise DataError(
            f"{path} is a folder; legal: a file.", remedy="Name a file in it."
        ) from None
    except (OSError, RuntimeError, ValueError) as err:
        reason = getattr(err, "strerror", None) or err
        raise DataError(f"{path} cannot be read: {reason}.") from None
    if not data.strip():
        raise DataError(
            f"{path} is empty; legal: a table with a header and rows.",
            remedy="Check how the file was written.",
        )
    return data


def decode(path: Path, data: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark.

    Raises
    ------
    DataError
        If the bytes are UTF-16 or UTF-32, or no UTF-8.
    """
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))
    # Latin text in UTF-16 without a mark has a zero in every other byte.
    if wide or data[:400].count(0) > len(data[:400]) // 4:
        raise DataError(
            f"{path} is encoded as UTF-16 or UTF-32; legal: UTF-8.", remedy=_SAVE_UTF8
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        bom = 3 if data.startswith(b"\xef\xbb\xbf") else 0
        offset = err.start + bom
        line = data.count(b"\n", 0, offset) + 1
        raise DataError(
            f"{path}: byte 0x{data[offset]:02x} at offset {offset} (line {line}) is "
            "not UTF-8.",
            remedy=f"{_SAVE_UTF8[:-1]}; it looks like Latin-1 or Windows-1252.",
        ) from None


def _not_found(path: Path, suggestions: Sequence[str]) -> DataError:
    try:
        siblings = [p.name for p in path.absolute().parent.iterdir()]
    except OSError:
        siblings = []
    close = near(path.name, [*suggestions, *sorted(siblings)])
    known = f" or a bundled dataset ({', '.join(suggestions)})" if suggestions else ""
    return DataError(
        f"{path} does not exist; legal: an existing file{known}.",
        remedy=f"Did you mean {' or '.join(map(repr, close))}?"
        if close
        else "Check the spelling and the folder.",
    )
