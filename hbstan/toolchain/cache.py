"""Where hbstan keeps what can be made again: the CmdStan and compiled programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hbstan.errors import ToolchainError
from hbstan.types import Progress

__all__ = ["cache_dir", "locked", "silent"]


def cache_dir() -> Path:
    """Return the cache folder: ``HBSTAN_CACHE``, else the user's cache folder.

    The folder need not exist yet.
    """
    named = os.environ.get("HBSTAN_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("hbstan"))


def silent(step: str, done: int, total: int) -> None:
    """Ignore progress; stands in where no callback was given."""


@contextmanager
def locked(path: Path, waiting_for: str, progress: Progress) -> Iterator[None]:
    """Hold the lock ``path``, which one process at a time can have.

    The operating system frees the lock when its holder dies, however it dies.

    Parameters
    ----------
    path : pathlib.Path
        The lock file; its folder is created.
    waiting_for : str
        What the lock's holder does; reported once if there is a wait.
    progress : Progress
        Receives that report.

    Raises
    ------
    ToolchainError
        If the folder cannot be written.
    """
    import filelock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress(f"waiting for another process: {waiting_for}", 0, 1)
            lock.acquire()
    except OSError as err:
        raise ToolchainError(
            f"the folder {path.parent} cannot be written: {err.strerror or err}.",
            remedy=_another_folder(path),
        ) from err
    try:
        yield
    finally:
        lock.release()


def _another_folder(path: Path) -> str:
    """Say how to choose another folder than the one of ``path``."""
    if path.is_relative_to(cache_dir()):
        return "Set HBSTAN_CACHE to a folder of yours with enough space."
    return "Name a folder of yours with enough space (--dir)."
