"""The command in a process of its own, and what it printed and returned."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """``python -m hbstan`` in a folder, with an environment."""

    folder: Path
    env: Mapping[str, str]

    def __call__(self, *args: str, code: int | None = 0, **env: str) -> Ran:
        """Run the command; ``code`` is the exit code that it must return."""
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
