"""Compile a program with CmdStan's makefile, through CmdStanPy."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hbstan.errors import BackendError, CompileError, ScratchError, ToolchainError
from hbstan.staging import ABOUT
from hbstan.toolchain.installation import Installation, read_marker
from hbstan.toolchain.requirements import compiler_command

__all__ = ["build", "program_account", "toolchain_identity"]

#: Variables that CmdStan's makefile takes from the environment.
_MAKE_VARIABLES = ("CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LDLIBS", "STANCFLAGS")
#: More of them, and what the compiler and make themselves take: these count only
#: where they are set.
_FURTHER = re.compile(
    r"STAN_(?!NUM_THREADS$)\w+|STANC\w*|O|O_\w+|\w*_OPTIMS|CXX_\w+|CPPFLAGS_\w+|CXXFLAGS_\w+"
    r"|LDFLAGS_\w+|LDLIBS_\w+|LOADLIBES|INC|INC_\w+|OPENCL_\w+|TBB\w*|MPI_\w+"
    r"|USER_HEADER|ALLOW_UNDEFINED|PRECOMPILED_HEADERS|HBSTAN_PCH|CC"
    r"|MATH|STAN|EIGEN|BOOST|SUNDIALS|CPATH|CPLUS_INCLUDE_PATH|LIBRARY_PATH"
)
#: The compiler's words where no space is left, and where it was killed.
_NO_SPACE = re.compile(r"(?:error writing to (?P<file>\S+): )?No space left on device")
_KILLED = re.compile(r"Killed signal terminated program \w+")
#: Those among them that name a file, which counts by content.
_NAMES_FILE = ("USER_HEADER",)
_STANC_ERROR = re.compile(r"^(?:\w+ )*error in '|^Error: |^Fatal error", re.M)
_MAKE_LINE = re.compile(r"^(make(\[\d+\])?: |Command \[|\s*exited with code)")
#: Lines of a C++ compiler's output that a message repeats.
_LAST_LINES = 20


def toolchain_identity(installation: Installation) -> str:
    """Return a text that changes whenever executables would.

    It holds CmdStan's version, its folder (executables refer to libraries in it),
    what it was assembled from, the user's ``make/local``, the compiler's version
    and the variables that make and the compiler take from the environment, such as
    ``CXXFLAGS``, ``STAN_THREADS`` and ``O``.

    Raises
    ------
    ToolchainError
        If the compiler does not run.
    """
    marker = read_marker(installation.path) or {}
    local = installation.path / "make" / "local"
    settings = local.read_bytes() if local.is_file() else b""
    parts = [
        f"cmdstan {installation.version_text}",
        str(installation.path),
        str(marker.get("csrc", "")),
        hashlib.sha256(settings).hexdigest() if settings else "",
        _compiler_version(),
        *(f"{name}={os.environ.get(name, '')}" for name in _MAKE_VARIABLES),
        *_further_settings(),
    ]
    return "\n".join(parts)


def _further_settings() -> list[str]:
    """Return the other settings that the environment makes, in order of their names.

    make takes ``STAN_THREADS``, ``O`` and the like from the environment as it does
    from ``cpp_options``, and makes another executable of the same program.
    """
    settings = []
    for name in sorted(filter(_FURTHER.fullmatch, os.environ)):
        value = os.environ[name]
        settings.append(f"{name}={value}")
        if name in _NAMES_FILE and Path(value).is_file():
            settings.append(hashlib.sha256(Path(value).read_bytes()).hexdigest())
    # Those given on the command line of a make that runs us.
    overrides = os.environ.get("MAKEFLAGS", "").partition("-- ")[2]
    return [*settings, *([f"make {overrides}"] if overrides else [])]


def build(
    stan_file: Path,
    include_paths: Sequence[Path],
    stanc_options: Mapping[str, Any] | None,
    cpp_options: Mapping[str, Any] | None,
) -> Path:
    """Compile ``stan_file`` beside itself with the CmdStan in use.

    Returns
    -------
    pathlib.Path
        The executable.

    Raises
    ------
    CompileError
        With stanc's message, or the last lines of the C++ compiler's.
    ScratchError
        If the compiler has no room for its files.
    ToolchainError
        If the compiler was killed.
    """
    import cmdstanpy

    stanc = dict(stanc_options or {})
    if include_paths:
        stanc["include-paths"] = [str(path) for path in include_paths]
    try:
        with cmdstanpy.disable_logging():
            exe = cmdstanpy.compile_stan_file(
                str(stan_file),
                force=True,
                stanc_options=stanc,
                cpp_options=dict(cpp_options or {}),
            )
            about = program_account(stan_file, stanc)
    except (ValueError, RuntimeError, OSError) as err:
        raise (_outside(str(err)) or CompileError(_telling(str(err)))) from err
    Path(exe).with_name(ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return Path(exe)


def program_account(stan_file: Path, stanc_options: dict[str, Any]) -> dict[str, Any]:
    """Return stanc's account of a program: its parameters, among other things."""
    from cmdstanpy.compilation import CompilerOptions, src_info

    options = CompilerOptions(stanc_options=stanc_options)
    options.validate()
    about: dict[str, Any] = src_info(str(stan_file), options)
    return about


def _telling(console: str) -> str:
    """Return what stanc or the C++ compiler said, without make's remarks."""
    lines = [x.rstrip() for x in console.splitlines() if not _MAKE_LINE.match(x)]
    text = "\n".join(lines).strip()
    stanc = _STANC_ERROR.search(text)
    if stanc:
        return text[stanc.start() :].strip()
    if not re.search(r"\berror\b", text):
        return text
    return "the C++ compiler failed:\n" + "\n".join(text.splitlines()[-_LAST_LINES:])


def _outside(console: str) -> BackendError | None:
    """Return what ended the compiler, if that was not the program."""
    full = _NO_SPACE.search(console)
    if full:
        return ScratchError(
            f"the C++ compiler found no space left on the device, for "
            f"{full['file'] or 'its files'}.",
            remedy="Free space there; set TMPDIR, or HBSTAN_CACHE for the programs, to "
            "another folder.",
        )
    killed = _KILLED.search(console)
    if killed:
        return ToolchainError(
            f"the C++ compiler was killed ({killed[0]}), as happens when memory "
            "runs out.",
            remedy="Compile one program at a time, or on a machine with more memory.",
        )
    return None


def _compiler_version() -> str:
    command = [*compiler_command(), "--version"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as err:
        raise ToolchainError(
            f"the C++ compiler does not run: {' '.join(command)}: {err}.",
            remedy="Install g++ and make, or use backend='stanli'.",
        ) from err
    return done.stdout.splitlines()[0] if done.stdout else " ".join(command)
