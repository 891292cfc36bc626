"""Files that are either whole or not there."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbstan.errors import StoreError

__all__ = ["alone_in", "atomic_path", "require_writable", "write_bytes"]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that replaces it on success.

    If the body raises, or the process dies, ``path`` is what it was before.

    Parameters
    ----------
    path : pathlib.Path
        The file to write; its folder is created.

    Yields
    ------
    pathlib.Path
        Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(8)}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, atomically and down to the disk.

    Raises
    ------
    OSError
        If it cannot be written; ``path`` is what it was before.
    """
    with atomic_path(path) as partial, partial.open("xb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def require_writable(folder: Path) -> None:
    """Make ``folder`` where there is none, and a file in it that vanishes.

    Raises
    ------
    OSError
        If either cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


@contextmanager
def alone_in(folder: Path, what: str) -> Iterator[None]:
    """Keep other processes out of a folder while the body runs.

    Parameters
    ----------
    folder : pathlib.Path
        Created where there is none; a file ``lock`` in it is held.
    what : str
        What the folder is, for messages: ``"store"``.

    Raises
    ------
    StoreError
        If another process holds it, or it cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        require_writable(folder)
        lock = FileLock(folder / "lock", timeout=0)
    except OSError as err:
        raise StoreError(
            f"the {what} is {str(folder)!r}, but must be a folder that can be written: "
            f"{err.strerror or err}.",
            remedy="Name another folder; it is created where there is none.",
        ) from err
    try:
        lock.acquire()
    except Timeout as err:
        raise StoreError(
            f"another process is working on the {what} {str(folder)!r}.",
            remedy="Wait until it has finished, or use another folder.",
        ) from err
    try:
        yield
    finally:
        lock.release()
