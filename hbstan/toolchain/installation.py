"""Which CmdStan is used: CmdStanPy's own choice, else the one hbstan assembled."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hbstan.errors import ToolchainError
from hbstan.toolchain.cache import cache_dir
from hbstan.toolchain.recipe import PINNED, Recipe

__all__ = [
    "MARKER",
    "Installation",
    "complete",
    "find_cmdstan",
    "read_marker",
    "remember",
    "use",
]

#: Written into an assembled installation last of all: it says "complete".
MARKER = "hbstan.json"
#: In the cache, names the installation that was last put elsewhere.
_ELSEWHERE = "cmdstan.path"


@dataclass(frozen=True)
class Installation:
    """A CmdStan on disk.

    Parameters
    ----------
    path : pathlib.Path
        Its root folder.
    version : tuple of int
        Major, minor and patch version.
    origin : {"cmdstanpy", "hbstan"}
        Who put it there: CmdStanPy (or the user), or hbstan's assembly.
    """

    path: Path
    version: tuple[int, int, int]
    origin: str

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


def at(path: Path) -> Installation:
    """Describe the installation in ``path``.

    Raises
    ------
    ToolchainError
        If its makefile cannot be read or names no version.
    """
    makefile = path / "makefile"
    try:
        text = makefile.read_text(encoding="utf-8", errors="replace")
    except OSError as err:
        raise ToolchainError(
            f"{path} is no CmdStan: its makefile cannot be read ({err.strerror}).",
            remedy="Run 'hbstan install-cmdstan', or correct or unset CMDSTAN.",
        ) from err
    found = re.search(r"^CMDSTAN_VERSION\s*:?=\s*(\d+)\.(\d+)\.(\d+)", text, re.M)
    if found is None:
        raise ToolchainError(
            f"{makefile} has no line 'CMDSTAN_VERSION := major.minor.patch'.",
            remedy="Reinstall this CmdStan, or correct or unset CMDSTAN.",
        )
    major, minor, patch = (int(part) for part in found.groups())
    origin = "cmdstanpy" if read_marker(path) is None else "hbstan"
    return Installation(path, (major, minor, patch), origin)


def read_marker(path: Path) -> dict[str, Any] | None:
    """Return what the installation was assembled from; None if it is not ours."""
    try:
        marker = json.loads((path / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return marker if isinstance(marker, dict) else None


def complete(path: Path, recipe: Recipe) -> bool:
    """Tell whether ``path`` holds a finished assembly of this very recipe."""
    marker = read_marker(path)
    return (
        marker is not None
        and marker.get("sha256") == recipe.sha256
        and marker.get("csrc") == recipe.csrc_hash()
    )


def find_cmdstan(*, recipe: Recipe = PINNED) -> Installation | None:
    """Return the CmdStan that hbstan uses, or None where there is none.

    It is the one that CmdStanPy would find (the environment variable ``CMDSTAN``,
    else the newest in ``~/.cmdstan``); else the one in hbstan's cache, or the one
    that ``install_cmdstan`` put elsewhere last. One that hbstan assembled counts
    only if it is complete and made from the sources of this version of hbstan.

    Raises
    ------
    ToolchainError
        If ``CMDSTAN`` is set to a folder that holds no CmdStan.
    """
    theirs = _cmdstanpy_finds()
    if theirs is not None:
        return at(theirs)
    ours = cache_dir() / recipe.folder
    if complete(ours, recipe):
        return at(ours)
    elsewhere = _put_elsewhere()
    if elsewhere is not None and _usable(elsewhere, recipe):
        return at(elsewhere)
    return None


def use(installation: Installation) -> None:
    """Make CmdStanPy work with ``installation``."""
    import cmdstanpy

    cmdstanpy.set_cmdstan_path(str(installation.path))


def remember(path: Path) -> None:
    """Let :func:`find_cmdstan` find an installation outside the cache."""
    if path.parent == cache_dir():
        return
    from hbstan.files import atomic_path

    pointer = cache_dir() / _ELSEWHERE
    try:
        with atomic_path(pointer) as partial:
            partial.write_text(f"{path}\n", encoding="utf-8")
    except OSError as err:
        raise ToolchainError(
            f"CmdStan is ready in {path}, but {pointer} cannot be written: "
            f"{err.strerror}.",
            remedy=f"Set HBSTAN_CACHE to a folder of yours, or CMDSTAN to {path}.",
        ) from err


def _cmdstanpy_finds() -> Path | None:
    # CmdStanPy takes half a second to import, so it is asked only where it has
    # something to choose from; the rule for CMDSTAN is its own.
    named = os.environ.get("CMDSTAN")
    if named:
        return Path(os.path.normpath(named))
    if not Path("~/.cmdstan").expanduser().is_dir():
        return None
    import cmdstanpy

    try:
        return Path(cmdstanpy.cmdstan_path())
    except ValueError:
        return None
    finally:
        # The question must not change the answer to later ones.
        os.environ.pop("CMDSTAN", None)


def _put_elsewhere() -> Path | None:
    try:
        return Path((cache_dir() / _ELSEWHERE).read_text(encoding="utf-8").strip())
    except OSError:
        return None


def _usable(path: Path, recipe: Recipe) -> bool:
    """Tell whether ``path`` is a CmdStan of another maker or complete."""
    if read_marker(path) is None:
        return (path / "makefile").is_file()
    return complete(path, recipe)
