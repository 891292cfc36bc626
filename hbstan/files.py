"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import functools
import os
import platform
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbstan.errors import ScratchError, StoreError

__all__ = [
    "alone_in",
    "atomic_path",
    "require_writable",
    "scratch_folder",
    "temporary_error",
    "write_bytes",
]

#: The name of every temporary folder starts with it.
_PREFIX = "hbstan-"
#: Seconds since the last change after which a folder that nobody holds may be removed:
#: of a process of this machine, and of another one that shares the file system.
_OLD = 600.0
_OLD_ELSEWHERE = 7 * 86400.0
#: In each temporary folder, followed by the machine's name: locked by its owner as
#: long as that lives.
_OWNER = ".owner-"
#: Bytes; with less than this left, a file system is full.
_FULL = 1 << 20


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
        # What killed writers had begun: nobody else is at work here.
        for partial in folder.rglob(".*.partial*"):
            partial.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


class scratch_folder(tempfile.TemporaryDirectory[str]):  # noqa: N801 - as its base
    """Make a temporary folder, and remove those that killed runs have left.

    It is removed when its ``with`` block ends, by ``cleanup``, or with the process. A
    process that is killed leaves it behind; the next process of the same user removes
    it, once it is some minutes old and nobody holds the lock in it.

    Parameters
    ----------
    purpose : str
        A word for its name.

    Raises
    ------
    ScratchError
        If none can be made.
    """

    def __init__(self, purpose: str = "") -> None:
        from filelock import FileLock

        try:
            super().__init__(prefix=_PREFIX + purpose, ignore_cleanup_errors=True)
            lock = Path(self.name, f"{_OWNER}{platform.node()}")
            self._lock = FileLock(lock, thread_local=False)
            self._lock.acquire()
        except OSError as err:
            raise _no_scratch(err) from err
        _sweep(Path(self.name).parent)

    def cleanup(self) -> None:
        """Remove the folder and what is in it."""
        self._lock.release()
        super().cleanup()


def temporary_error(folder: str | Path, err: BaseException) -> ScratchError | None:
    """Return what is wrong with a temporary folder if that is why ``err`` came about.

    Parameters
    ----------
    folder : str or pathlib.Path
        Where files were written. A program that ran out of space may have said
        nothing, and left files that are cut off: then the file system tells.
    err : BaseException
        What went wrong.
    """
    if isinstance(err, ScratchError):
        return err
    number = getattr(err, "errno", None)
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    if not full:
        try:
            full = shutil.disk_usage(folder).free < _FULL
        except OSError:
            full = not Path(folder).is_dir()
    return _no_scratch(err, Path(folder).parent) if full else None


def _no_scratch(err: BaseException, where: Path | None = None) -> ScratchError:
    try:
        place = repr(str(where or tempfile.gettempdir()))
    except OSError:  # there is none that can be written
        place = repr(os.environ.get("TMPDIR", "/tmp"))
    reason = getattr(err, "strerror", None) or "no space is left on it"
    return ScratchError(
        f"the folder for temporary files, {place}, is full or cannot be written: "
        f"{reason}.",
        remedy="Free space there, or set TMPDIR to another folder.",
    )


@functools.cache
def _sweep(where: Path) -> None:
    """Remove this user's temporary folders whose processes are gone; once is enough."""
    for folder in where.glob(f"{_PREFIX}*"):
        try:
            if _left_behind(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _left_behind(folder: Path) -> bool:
    """Tell whether a folder is old, this user's, and nobody's any more."""
    from filelock import FileLock, Timeout

    about = folder.lstat()
    mine = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    if not mine or not stat.S_ISDIR(about.st_mode):
        return False
    age = time.time() - about.st_mtime
    own = folder / f"{_OWNER}{platform.node()}"
    # Whether a process of another machine lives cannot be told for certain.
    if age < (_OLD if own.is_file() else _OLD_ELSEWHERE):
        return False
    locks = list(folder.glob(f"{_OWNER}*"))
    try:
        for lock in locks:
            with FileLock(lock, timeout=0):
                pass
    except Timeout:
        return False
    return bool(locks)  # others are none of ours, or of an earlier version
