"""One compilation: copies of the sources where make can take them, and the builder.

make and CmdStanPy cannot take every path, and stanc wants include folders without
commas. So a program and what it includes are copied under plain names, which has a
second use: what is compiled is what the key was computed from, even if the user
saves a file meanwhile.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hbstan.errors import CompileError
from hbstan.files import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hbstan.includes import Include

__all__ = ["ABOUT", "Builder", "Job", "copy_includes", "run"]

#: What a builder may leave beside the executable: stanc's account of the program.
ABOUT = "stanc-info.json"
#: Paths that make and CmdStanPy take as they are.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
#: How stanc says where an error is.
_LOCATION = re.compile(r"in '(?P<file>[^'\n]+)', line (?P<line>\d+)")


class Builder(Protocol):
    """Turns a program into an executable; where it is built is the caller's choice."""

    def __call__(
        self,
        stan_file: Path,
        include_paths: Sequence[Path],
        stanc_options: Mapping[str, Any] | None,
        cpp_options: Mapping[str, Any] | None,
    ) -> Path:
        """Compile ``stan_file`` and return the executable; raise CompileError."""


@dataclass(frozen=True)
class Job:
    """What is to be compiled: a program as it was read, and the options.

    Parameters
    ----------
    file : pathlib.Path
        The user's file, for messages.
    text : bytes
        Its content.
    includes : tuple of Include
        What it includes.
    stanc_options, cpp_options : mapping, optional
        Passed to the builder as they are.
    """

    file: Path
    text: bytes
    includes: tuple[Include, ...]
    stanc_options: Mapping[str, Any] | None
    cpp_options: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The program's name, fit for a file name and a C++ identifier."""
        plain = re.sub(r"[^A-Za-z0-9_]", "_", self.file.stem)
        return plain if plain[:1].isalpha() else f"model_{plain}"


def run(job: Job, builder: Builder, folder: Path) -> Path:
    """Build ``job`` and put the executable into ``folder``, under the job's name.

    Parameters
    ----------
    job : Job
        What to build.
    builder : Builder
        Gets copies of the sources; make's and stanc's work files go with them.
    folder : pathlib.Path
        An existing folder.

    Returns
    -------
    pathlib.Path
        The executable.

    Raises
    ------
    CompileError
        From the builder, with the user's files in the message.
    """
    exe = folder / job.name
    with _workshop(folder) as workshop:
        built = _build_copies(job, workshop, builder)
        shutil.copy2(built, exe)
        about = built.with_name(ABOUT)
        if about.is_file():
            shutil.copy2(about, folder / ABOUT)
    exe.chmod(0o755)
    return exe


@contextmanager
def _workshop(partial: Path) -> Iterator[Path]:
    """Yield an empty folder whose path make can take."""
    if _PLAIN.fullmatch(os.path.realpath(partial)):
        workshop = partial / ".build"  # no program can have this name
        workshop.mkdir()
        yield workshop
        shutil.rmtree(workshop)
    else:
        with scratch_folder("build-") as folder:
            yield Path(folder)


def _build_copies(job: Job, workshop: Path, builder: Builder) -> Path:
    copy = workshop / f"{job.name}.stan"
    copy.write_bytes(job.text)
    root, names = copy_includes(job.includes, workshop)
    names |= {str(copy): str(job.file), copy.name: str(job.file)}
    try:
        return builder(copy, (root,), job.stanc_options, job.cpp_options)
    except CompileError as err:
        raise _explained(err, names, workshop, job.file) from err


def copy_includes(
    includes: Sequence[Include], workshop: Path
) -> tuple[Path, dict[str, str]]:
    """Write what a program includes into a folder.

    Parameters
    ----------
    includes : sequence of Include
    workshop : pathlib.Path
        An existing folder.

    Returns
    -------
    root : pathlib.Path
        Where the compiler is to look for them.
    names : dict of str to str
        Each copy, and the user's file.
    """
    names = {}
    # Deep enough for the dots of names such as ../functions/f.stan.
    ups = max((i.name.split("/").count("..") for i in includes), default=0)
    root = workshop.joinpath("include", *["d"] * ups)
    root.mkdir(parents=True)
    for include in includes:
        place = Path(f"{root}/{include.name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(include.content)
        names[str(place)] = str(include.path)
    return root, names


def _explained(
    error: CompileError, names: Mapping[str, str], workshop: Path, file: Path
) -> CompileError:
    """Put the user's files into a message and take the location out of it."""
    message = error.message
    for inner, outer in names.items():
        message = message.replace(f"'{inner}'", f"'{outer}'")
    message = message.replace(f"{workshop}/", "")
    where = _LOCATION.search(message)
    return CompileError(
        message,
        remedy=error.remedy,
        file=where["file"] if where else (error.file or str(file)),
        line=int(where["line"]) if where else error.line,
    )
