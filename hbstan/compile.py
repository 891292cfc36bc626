"""Compiled programs, kept by content: each is compiled once, whoever asks.

The key of a program is the SHA-256 of all that the executable depends on: its text,
the text of every file it includes, the options, and the identity of the toolchain.
Times of files play no part: touching a program does not recompile it, editing an
included file does.

The cache has one folder a key, ``programs/<key>``, with the executable, the program
and ``ok.json``. A program is built in a folder beside it, which takes the final name
as a whole: an executable that can be seen is finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hbstan.errors import CompileError
from hbstan.includes import digest, find_includes, read_source, source_hash
from hbstan.staging import ABOUT, Builder, Job, run
from hbstan.text import read_bytes
from hbstan.toolchain.cache import cache_dir as default_cache_dir
from hbstan.toolchain.cache import locked, silent
from hbstan.types import Progress

__all__ = [
    "Builder",
    "Compilation",
    "CompiledProgram",
    "compile",
    "compiled_exe",
    "program_key",
    "source_hash",
]

_MARKER = "ok.json"

Options = Mapping[str, Any] | None


@dataclass(frozen=True)
class CompiledProgram:
    """An executable in the cache.

    Parameters
    ----------
    exe : pathlib.Path
        The executable.
    key : str
        SHA-256 of all it depends on.
    stan_file : pathlib.Path
        The program it was asked for.
    cached : bool
        Whether it was there already.
    seconds : float
        Wall time of this request.
    """

    exe: Path
    key: str
    stan_file: Path
    cached: bool
    seconds: float

    def parameters(self) -> tuple[str, ...]:
        """Return the names in the program's parameters block.

        Empty where the builder left no account of the program.
        """
        about = self.exe.with_name(ABOUT)
        if not about.is_file():
            return ()
        return tuple(json.loads(about.read_text(encoding="utf-8"))["parameters"])


@dataclass(frozen=True)
class Compilation:
    """What compiling a program with some backend came to.

    Parameters
    ----------
    program : pathlib.Path
        The ``.stan`` file.
    backend : str
        The backend's name.
    exe : pathlib.Path or None
        The executable; None where the backend needs none.
    cached : bool
        Whether it was there already.
    seconds : float
        Wall time.
    """

    program: Path
    backend: str
    exe: Path | None
    cached: bool
    seconds: float

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        if self.exe is None:
            return f"{self.program} is valid; {self.backend} needs no executable."
        if self.cached:
            return f"{self.program} is compiled already: {self.exe}"
        return f"{self.program} compiled in {self.seconds:.0f} s: {self.exe}"

    def record(self) -> dict[str, Any]:
        """Return the outcome as plain data."""
        return {
            "program": str(self.program),
            "backend": self.backend,
            "exe": None if self.exe is None else str(self.exe),
            "cached": self.cached,
            "seconds": self.seconds,
        }


def compile(
    program: str | os.PathLike[str],
    *,
    backend: str = "auto",
    progress: Progress | None = None,
) -> Compilation:
    """Compile a Stan program, unless its content is in the cache.

    Parameters
    ----------
    program : str or path
        A ``.stan`` file or a model's name. What a file includes is looked up beside
        it, then in ``functions`` beside its folder, then among hbstan's functions.
    backend : {"auto", "cmdstan", "stanli"}
        Who compiles it. stanli interprets programs: there is no executable then, but
        errors in the program are found all the same.
    progress : Progress, optional
        Told what happens.

    Returns
    -------
    Compilation

    Raises
    ------
    ModelError
        If there is no such file or model.
    ToolchainError
        If there is no CmdStan and ``backend`` is ``"cmdstan"``.
    CompileError
        With the compiler's message, the file and the line.
    """
    from hbstan import models
    from hbstan.backends import choose

    is_file = os.fspath(program).endswith(".stan")
    if is_file:
        found = models.program_from_file(os.fspath(program))
    else:
        found = models.get(os.fspath(program)).program
    engine = choose(backend)
    started = time.perf_counter()
    done = engine.compile(found, progress=progress)
    seconds = time.perf_counter() - started
    if isinstance(done, CompiledProgram):
        return Compilation(found.file, engine.name, done.exe, done.cached, seconds)
    return Compilation(found.file, engine.name, None, False, seconds)


def program_key(
    stan_file: str | os.PathLike[str],
    *,
    include_paths: Sequence[Path] = (),
    stanc_options: Options = None,
    cpp_options: Options = None,
    toolchain: str = "",
) -> str:
    """Return the key of a program: a SHA-256 of all the executable depends on.

    Parameters
    ----------
    stan_file : path
        The program. Its name without the suffix counts, as it becomes the model's
        name; its folder does not.
    include_paths : sequence of pathlib.Path
        Folders searched for included files, before the program's own. What is found
        counts, not where.
    stanc_options, cpp_options : mapping, optional
        Their order does not matter. A file named by ``USER_HEADER`` counts by
        content.
    toolchain : str
        Identity of CmdStan and compiler.

    Raises
    ------
    CompileError
        If the program or an included file cannot be read.
    """
    file = Path(stan_file)
    source = digest(read_source(file), find_includes(file, include_paths))
    return _key(file, source, stanc_options, cpp_options, toolchain)


def compiled_exe(
    stan_file: str | os.PathLike[str],
    *,
    include_paths: Sequence[Path] = (),
    stanc_options: Options = None,
    cpp_options: Options = None,
    builder: Builder,
    toolchain: str = "",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> CompiledProgram:
    """Return the executable of a program from the cache, building it if need be.

    Processes that ask for the same program at the same time build it once. The
    builder sees copies of the program and its includes under plain names, so that
    no path is too odd for make; messages name the user's own files.

    Parameters
    ----------
    stan_file, include_paths, stanc_options, cpp_options, toolchain
        See :func:`program_key`.
    builder : Builder
        Compiles where the cache has nothing.
    cache_dir : pathlib.Path, optional
        By default hbstan's cache.
    progress : Progress, optional
        Told about compiling and waiting.

    Returns
    -------
    CompiledProgram

    Raises
    ------
    CompileError
        From reading the sources or from the builder.
    ToolchainError
        If the cache cannot be written.
    """
    started = time.perf_counter()
    report = progress or silent
    file = Path(stan_file)
    text, includes = read_source(file), find_includes(file, include_paths)
    source = digest(text, includes)
    key = _key(file, source, stanc_options, cpp_options, toolchain)
    programs = (cache_dir or default_cache_dir()) / "programs"
    home = programs / key
    exe = _ready(home)
    cached = exe is not None
    if exe is None:
        lock = programs / ".locks" / key
        with locked(lock, f"compiling {file.name}", report):
            exe = _ready(home)
            cached = exe is not None
            if exe is None:
                report(f"compiling {file.name}", 0, 1)
                job = Job(file, text, includes, stanc_options, cpp_options)
                exe = _build(job, home, builder)
                report(f"compiling {file.name}", 1, 1)
    return CompiledProgram(exe, key, file, cached, time.perf_counter() - started)


def _key(file: Path, source: str, stanc: Options, cpp: Options, toolchain: str) -> str:
    options = {"stanc": dict(stanc or {}), "cpp": dict(cpp or {})}
    header = options["cpp"].get("USER_HEADER")
    facts = {
        "name": file.stem,
        "source": source,
        "options": options,
        "user_header": digest(_user_header(header), ()) if header else None,
        "toolchain": toolchain,
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _user_header(header: str) -> bytes:
    # Of C++, in whatever encoding its compiler takes.
    return read_bytes(header, "the file USER_HEADER", CompileError)


def _ready(home: Path) -> Path | None:
    """Return the finished executable in ``home``, if it is whole."""
    try:
        marker = json.loads((home / _MARKER).read_text(encoding="utf-8"))
        exe = home / marker["exe"]
        whole = exe.stat().st_size == marker["bytes"] and os.access(exe, os.X_OK)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return exe if whole else None


def _build(job: Job, home: Path, builder: Builder) -> Path:
    """Build ``job`` beside ``home`` and move it there; the caller holds the lock."""
    for leftover in home.parent.glob(f".{home.name}.*"):
        # Ours alone: the lock's former holders are finished or dead.
        shutil.rmtree(leftover, ignore_errors=True)
    partial = home.with_name(f".{home.name}.partial-{secrets.token_hex(4)}")
    started = time.perf_counter()
    try:
        partial.mkdir(parents=True)
        exe = run(job, builder, partial)
        (partial / "program.stan").write_bytes(job.text)
        _write_marker(partial, exe, time.perf_counter() - started)
        if home.exists():
            # Damaged, or it would have been taken.
            home.rename(home.with_name(f".{home.name}.old-{secrets.token_hex(4)}"))
        partial.rename(home)
    except OSError as err:
        raise CompileError(
            f"the compiled program cannot be stored in {home.parent}: "
            f"{err.strerror or err}.",
            remedy="Check free space and permissions, or set HBSTAN_CACHE.",
        ) from err
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return home / job.name


def _write_marker(folder: Path, exe: Path, seconds: float) -> None:
    facts = {
        "exe": exe.name,
        "bytes": exe.stat().st_size,
        "seconds": round(seconds, 1),
        "built_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (folder / _MARKER).write_text(json.dumps(facts) + "\n", encoding="utf-8")
