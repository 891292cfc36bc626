"""Files that carry a SHA-256 of their whole content, for what is read again.

One checksum, in two places. Bytes of any kind (a simulation's record, a netCDF file)
have it as their last line; netCDF readers do not mind what follows the end of the
data. A JSON document has it as its last member, ``checksum``, so that it stays JSON;
it covers the text without that member, byte by byte.

What is only shown and never read again has none: ``report.html``, figures, tables and
records beside them that the command line writes. Pictures, fits and cross-validations
of a workflow are bound to their stage as well: its record holds their digests, so
that an intact file of another run is found too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from hbstan.errors import StoreError
from hbstan.files import write_bytes

__all__ = [
    "AGAIN",
    "FileWarning",
    "Seal",
    "damaged",
    "digest_of",
    "file_seal",
    "read_document",
    "read_file",
    "seal",
    "unseal",
    "write_document",
]

#: What helps, wherever a file is damaged.
AGAIN = "Remove it and repeat the command: what it held is then computed anew."
_LINE = re.compile(rb"\n([0-9a-f]{64})\n?\Z")
_LENGTH = 66
_MEMBER = re.compile(rb',\n  "checksum": "([0-9a-f]{64})"\n}\n\Z')
_CHUNK = 1 << 20


class FileWarning(UserWarning):
    """A file is read without a checksum, or made anew because it is damaged."""


class Seal(Enum):
    """What a file's checksum says of it."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    ABSENT = "absent"


def damaged(where: object, why: str, remedy: str = AGAIN) -> StoreError:
    """Return the error that names a damaged file."""
    return StoreError(f"{str(where)!r} is damaged: {why}.", remedy=remedy)


def seal(body: bytes) -> bytes:
    """Return ``body`` and, as a last line, its checksum."""
    return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"


def unseal(raw: bytes, where: object, remedy: str = AGAIN) -> bytes:
    """Return what :func:`seal` was given.

    Raises
    ------
    StoreError
        If ``raw`` is not what :func:`seal` returned.
    """
    line = _LINE.search(raw, max(0, len(raw) - _LENGTH))
    if line is None:
        raise damaged(where, "its checksum is missing", remedy)
    body = raw[: line.start()]
    if hashlib.sha256(body).hexdigest().encode() != line[1]:
        raise damaged(where, "its checksum does not belong to its content", remedy)
    return body


def file_seal(path: Path) -> Seal:
    """Return what the last line of a file says of the bytes before it.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LENGTH))
        line = _LINE.search(file.read())
        if line is None:
            return Seal.ABSENT
        file.seek(0)
        left, digest = size - len(line[0]), hashlib.sha256()
        while left and (part := file.read(min(left, _CHUNK))):
            digest.update(part)
            left -= len(part)
    return Seal.WHOLE if digest.hexdigest().encode() == line[1] else Seal.DAMAGED


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, by which a record can name it.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path, remedy: str = AGAIN) -> bytes | None:
    """Return a file's bytes; None if there is nothing of that name.

    Raises
    ------
    StoreError
        If there is something that cannot be read, such as a folder.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as err:
        raise damaged(path, f"it cannot be read ({err.strerror})", remedy) from err


def write_document(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON with a checksum, atomically.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    plain = {name: value for name, value in record.items() if name != "checksum"}
    text = json.dumps(plain, indent=2, ensure_ascii=False, default=str)
    body = text.encode("utf-8", "backslashreplace")
    digest = hashlib.sha256(body).hexdigest()
    write_bytes(path, body[:-2] + f',\n  "checksum": "{digest}"\n}}\n'.encode())


def read_document(path: Path, remedy: str = AGAIN) -> dict[str, Any] | None:
    """Return the record that :func:`write_document` wrote; None if there is no file.

    It has the member ``checksum``.

    Raises
    ------
    StoreError
        If the bytes are not those that were written.
    """
    raw = read_file(path, remedy)
    if raw is None:
        return None
    member = _MEMBER.search(raw, max(0, len(raw) - 2 * _LENGTH))
    if member is None:
        raise damaged(path, "its checksum is missing", remedy)
    body = raw[: member.start()] + b"\n}"
    if hashlib.sha256(body).hexdigest().encode() != member[1]:
        raise damaged(path, "its checksum does not belong to its content", remedy)
    record: dict[str, Any] = json.loads(raw)
    return record
