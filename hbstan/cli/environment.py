"""What a command makes of the terminal and the folders that it is started with."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

__all__ = ["give_matplotlib_a_folder", "replace_what_cannot_be_shown"]


def replace_what_cannot_be_shown() -> None:
    """Let a terminal that is not UTF-8 show "?" for what it has no character for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # neither closed nor a stand-in
            stream.reconfigure(errors="replace")


def give_matplotlib_a_folder() -> None:
    """Name a passing folder for matplotlib's files where it has none of its own.

    It would take one all the same, with warnings, and one more for each worker.
    """
    if os.environ.get("MPLCONFIGDIR") or all(map(_can_be_made, _matplotlib_folders())):
        return
    folder = tempfile.mkdtemp(prefix="hbstan-matplotlib-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder


def _matplotlib_folders() -> list[Path]:
    try:
        home = Path.home()
    except RuntimeError:
        return [Path(os.devnull, "no home")]
    if not sys.platform.startswith(("linux", "freebsd")):
        return [home / ".matplotlib"]
    asked = (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    return [
        Path(os.environ.get(name) or home / own) / "matplotlib" for name, own in asked
    ]


def _can_be_made(folder: Path) -> bool:
    """Whether a folder is there and can be written, or could be made."""
    there = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
    return there.is_dir() and os.access(there, os.W_OK)
