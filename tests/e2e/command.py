"""The command, and what it printed and returned: in this process or in one of its own.

Starting Python and importing what a command needs takes seconds, so most tests call
the command here. What belongs to the process itself (signals, kills, closed pipes, the
interpreter's end) is tested in one: :meth:`Command.process`, :meth:`Command.argv`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SECONDS = 300


def interruptible() -> None:
    """Let a child be interrupted even if this process, as a job in the background,
    was told to ignore it; for ``preexec_fn``.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass(frozen=True)
class Ran:
    """What a finished command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document, which is all it may hold."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """``hbstan`` in a folder, with an environment."""

    folder: Path
    env: Mapping[str, str]

    def __call__(self, *args: str, code: int | None = 0, **env: str) -> Ran:
        """Run the command here; ``code`` is the exit code that it must return."""
        with inside(self.folder, {**self.env, **env}) as said:
            returned = _main(list(args))
            ran = Ran(returned, *said())
        assert code is None or ran.code == code, (args, ran)
        return ran

    def process(self, *args: str, code: int | None = 0, **env: str) -> Ran:
        """Run the command in a process of its own."""
        done = subprocess.run(
            self.argv(*args),
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert code is None or ran.code == code, (args, ran)
        return ran

    def argv(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "hbstan", *args]

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


def _main(args: list[str]) -> int:
    """Call the command's entry point; return what the process would return."""
    from hbstan.cli import main

    try:
        main(args)
    except SystemExit as end:
        return int(end.code or 0)
    raise AssertionError("the command did not exit")


@contextmanager
def inside(
    folder: Path, env: Mapping[str, str]
) -> Iterator[Callable[[], tuple[str, str]]]:
    """Do what is in the body as a new process would that is started in a folder.

    Yields a function that returns what was written to standard output and error.
    """
    with _environment(folder, env), _streams() as said, _fresh_warnings():
        yield said
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


@contextmanager
def _environment(folder: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Stand in a folder, with these variables and no others."""
    there, kept = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    _replace(env)
    try:
        yield
    finally:
        _replace(kept)
        os.chdir(there)


def _replace(env: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(env):
        del os.environ[name]
    os.environ.update(env)


@contextmanager
def _streams() -> Iterator[Callable[[], tuple[str, str]]]:
    """Catch standard output and error at the descriptors, where engines write."""
    with ExitStack() as stack:
        files = []
        for number, name, errors in (
            (1, "stdout", "strict"),
            (2, "stderr", "backslashreplace"),
        ):
            before = getattr(sys, name)
            before.flush()
            file = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(number)
            os.dup2(file.fileno(), number)
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, number)
            stack.callback(setattr, sys, name, before)
            text = open(number, "w", encoding="utf-8", errors=errors, closefd=False)  # noqa: SIM115
            stack.callback(text.close)
            setattr(sys, name, text)
            files.append(file)

        def said() -> tuple[str, str]:
            sys.stdout.flush()
            sys.stderr.flush()
            return _whole(files[0]), _whole(files[1])

        yield said


def _whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8")


@contextmanager
def _fresh_warnings() -> Iterator[None]:
    """Treat warnings as a new Python does, which prints those meant for users."""

    def show(message, category, filename, lineno, file=None, line=None) -> None:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)

    with warnings.catch_warnings():
        warnings.resetwarnings()
        for hidden in (
            *(DeprecationWarning, PendingDeprecationWarning),
            *(ImportWarning, ResourceWarning),
        ):
            warnings.simplefilter("ignore", hidden)
        warnings.filterwarnings(
            "default", category=DeprecationWarning, module="__main__"
        )
        warnings.showwarning = show
        yield
