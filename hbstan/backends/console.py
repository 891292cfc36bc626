"""Stan's console lines as progress.

Both engines print ``Chain [1] Iteration:  100 / 2000 [  5%]  (Warmup)`` to
standard output. While progress is wanted, standard output is caught and such
lines become calls of the progress callback; nothing reaches the terminal.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from threading import Lock

from hbstan.types import Progress

__all__ = ["StepsOnly", "iterations_as_progress"]

_ITERATION = re.compile(r"(?:Chain \[(\d+)\] )?Iteration:\s*(\d+) / (\d+)")


@dataclass(frozen=True)
class StepsOnly:
    """A progress callback that wants to hear of steps, but not of iterations.

    For logs, where minutes of compiling or waiting want a word, but thousands of
    iterations do not. The engines then print no iterations, and nothing is caught.

    Parameters
    ----------
    begin : callable
        Receives the name of each step when it begins.
    """

    begin: Callable[[str], None]

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report the step if nothing of it is done yet."""
        if done == 0:
            self.begin(step)


class _IterationReader(io.TextIOBase):
    """A text stream that reports the iterations summed over the chains."""

    def __init__(self, progress: Progress, step: str, chains: int) -> None:
        self._progress = progress
        self._step = step
        self._chains = chains
        self._done: dict[str, int] = {}
        # Chains print from threads of their own.
        self._lock = Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for match in _ITERATION.finditer(text):
            chain, done, total = match.groups()
            everything = int(total) * self._chains
            with self._lock:
                self._done[chain or "1"] = int(done)
                self._progress(self._step, sum(self._done.values()), everything)
        return len(text)


@contextmanager
def iterations_as_progress(
    progress: Progress | None, chains: int, step: str = "sampling"
) -> Iterator[bool]:
    """Catch standard output and report the iterations found in it.

    Parameters
    ----------
    progress : Progress or None
        With None, or with :class:`StepsOnly`, nothing is caught.
    chains : int
        Number of chains, for the total.
    step : str
        Name of the step that is reported.

    Yields
    ------
    bool
        Whether the engine should print its progress.
    """
    if progress is None or isinstance(progress, StepsOnly):
        yield False
        return
    with redirect_stdout(_IterationReader(progress, step, chains)):
        yield True
