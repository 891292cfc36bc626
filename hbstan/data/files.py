"""Bytes of files, and what to say when there are none."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hbstan.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["near", "read_bytes"]


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
