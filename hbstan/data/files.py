"""Bytes of files, and what to say when there are none."""

from __future__ import annotations

import difflib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Stream", "near", "once", "read_bytes"]


def near(name: str, choices: Sequence[str]) -> list[str]:
    """Return up to three choices that resemble a name, the closest first."""
    folded = {choice.casefold(): choice for choice in reversed(choices)}
    found = difflib.get_close_matches(name.strip().casefold(), list(folded), n=3)
    return [folded[key] for key in found]


#: Where open files have paths.
_DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


@dataclass(frozen=True)
class Stream:
    """What came through a pipe, which can be read once.

    Parameters
    ----------
    path : pathlib.Path
        Where it was read, such as ``/dev/stdin``.
    content : bytes
    """

    path: Path
    content: bytes

    @property
    def is_json(self) -> bool:
        """Whether it looks like an object of Stan data."""
        return self.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def once(source: Any) -> Any:
    """Return the content of a pipe in place of its path; anything else as it is.

    Raises
    ------
    DataError
        If the pipe is empty, or the path is a device.
    """
    if not isinstance(source, str | Path):
        return source
    path = Path(source).expanduser()
    try:
        mode = path.stat().st_mode
    except (OSError, RuntimeError, ValueError):  # read_bytes says why
        return source
    device = stat.S_ISCHR(mode) or stat.S_ISBLK(mode)
    if device and str(path) != os.devnull:
        raise DataError(
            f"{source} is a device; legal: a file or a pipe.",
            remedy="Name a file, or send the data through a pipe.",
        )
    # A file that a shell redirected into /dev/stdin has lost its name.
    nameless = stat.S_ISREG(mode) and str(path).startswith(_DESCRIPTORS)
    if stat.S_ISFIFO(mode) or nameless:
        return Stream(Path(source), read_bytes(path))
    return source


def read_bytes(path: Path | Stream, suggestions: Sequence[str] = ()) -> bytes:
    """Read a file, or say why that is impossible.

    Raises
    ------
    DataError
        If the path does not exist (with names that resemble it), is a folder,
        cannot be read, or is empty.
    """
    if isinstance(path, Stream):
        return path.content
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
