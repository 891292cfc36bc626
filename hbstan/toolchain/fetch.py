"""Fetch the pinned wheel with pip and check that it is the pinned one."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

from hbstan.errors import ToolchainError
from hbstan.toolchain.recipe import Recipe
from hbstan.types import Progress

__all__ = ["fetch_wheel", "verify_wheel"]

_OTHERWISE = (
    "Fetch {wheel} on a machine that can (write '{pinned}' into {file}, then "
    "'{command}') and pass it with --wheel FILE, or use backend='stanli'."
)
_REQUIREMENTS = "requirements.txt"
_PIP = ("pip", "download")
#: pip's last lines are the ones that say what went wrong.
_LAST_LINES = 6


def fetch_wheel(recipe: Recipe, folder: Path, progress: Progress) -> Path:
    """Download the recipe's wheel into ``folder`` and verify it.

    Parameters
    ----------
    recipe : Recipe
        Names the wheel and its SHA-256.
    folder : pathlib.Path
        An existing folder.
    progress : Progress
        Told before and after.

    Returns
    -------
    pathlib.Path
        The wheel.

    Raises
    ------
    ToolchainError
        If there is no pip, pip fails (offline, proxy, index without the wheel), or
        the file's SHA-256 is another.
    """
    step = f"fetching {recipe.requirement} with pip"
    progress(step, 0, 1)
    if importlib.util.find_spec("pip") is None:
        raise ToolchainError(
            f"this Python ({sys.executable}) has no pip, as is usual in environments "
            "made by uv.",
            remedy="Run 'uv pip install pip' or 'python -m ensurepip', or: "
            + _otherwise(recipe),
        )
    # One version can have several wheels for a platform, of which pip would choose.
    wanted = folder / _REQUIREMENTS
    wanted.write_text(_pinned(recipe) + "\n", encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", *_PIP, *_pip_arguments(recipe, wanted)),
            *("--dest", str(folder)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    wheel = folder / recipe.wheel
    if done.returncode != 0 or not wheel.is_file():
        said = "\n".join(done.stdout.strip().splitlines()[-_LAST_LINES:])
        raise ToolchainError(
            f"pip could not fetch {recipe.wheel} (exit code {done.returncode}):\n"
            f"{said}",
            remedy="Check the network, the proxy and pip's index. "
            + _otherwise(recipe),
        )
    progress(step, 1, 1)
    verify_wheel(wheel, recipe)
    return wheel


def verify_wheel(wheel: Path, recipe: Recipe) -> None:
    """Check a wheel's SHA-256 before anything is taken out of it.

    Raises
    ------
    ToolchainError
        If the file cannot be read or its sum is another; names both sums.
    """
    try:
        with wheel.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as err:
        raise ToolchainError(
            f"the wheel {wheel} cannot be read: {err.strerror}.",
            remedy=f"Pass the path of {recipe.wheel}.",
        ) from err
    if found != recipe.sha256:
        raise ToolchainError(
            f"{wheel} is not the wheel that hbstan knows: its SHA-256 is {found}, but "
            f"must be {recipe.sha256}.",
            remedy="The file is damaged, or something on the way replaced it; do not "
            "use it. " + _otherwise(recipe),
        )


def _pinned(recipe: Recipe) -> str:
    return f"{recipe.requirement} --hash=sha256:{recipe.sha256}"


def _pip_arguments(recipe: Recipe, requirements: Path) -> list[str]:
    return [
        "--no-deps",
        "--only-binary=:all:",
        f"--python-version={recipe.python_version}",
        "--implementation=cp",
        f"--abi={recipe.abi}",
        f"--platform={recipe.platform_tag}",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar=off",
        "--retries=2",
        f"--requirement={requirements}",
    ]


def _otherwise(recipe: Recipe) -> str:
    arguments = _pip_arguments(recipe, Path(_REQUIREMENTS))
    return _OTHERWISE.format(
        wheel=recipe.wheel,
        pinned=_pinned(recipe),
        file=_REQUIREMENTS,
        command=" ".join([*_PIP, *arguments]),
    )
