"""How far the chains are, as progress.

CmdStan writes ``Iteration:  100 / 2000 [  5%]  (Warmup)`` to a file of each chain,
stanli calls a function. Neither goes through ``sys.stdout``, which belongs to the
user and to all threads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from hbstan.types import Progress

__all__ = ["Iterations", "StepsOnly", "iterations", "program_lines"]

_ITERATION = re.compile(r"Iteration:\s*(\d+) / (\d+)")
#: What CmdStan writes in every run: settings, timings, progress.
_USUAL = re.compile(
    r"\s*$|\s*[\w ]+ = |\s*(?:method|data|random|output|sample|algorithm|engine|metric|"
    r"adapt|generate_quantities|hmc|nuts|fixed_param|fitted_params)\b[^:]*$|"
    r"Gradient evaluation took|1000 transitions using|Adjust your expectations|"
    r"\s*Iteration:|\s*Elapsed Time:|\s*[\d.e+-]+ seconds \(|"
    r"Informational Message: The current Metropolis proposal|"
    r"If this warning occurs sporadically|but if this warning occurs often"
)
_NUMBER = re.compile(r"(?<!\w)[-+]?\d[\d.]*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class StepsOnly:
    """A progress callback that wants to hear of steps, but not of iterations.

    For logs, where minutes of compiling or waiting want a word, but thousands of
    iterations do not. The engines are then not asked for iterations.

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


class Iterations:
    """Reports the iterations of all chains together.

    Parameters
    ----------
    progress : Progress
    chains : int
        Number of chains, for the total.
    step : str
        Name of the step that is reported.
    """

    def __init__(self, progress: Progress, chains: int, step: str = "sampling") -> None:
        self._progress = progress
        self._step = step
        self._chains = chains
        self._done: dict[int, int] = {}
        # Chains run in threads of their own.
        self._lock = Lock()

    def at(self, chain: int, done: int, total: int) -> None:
        """Note that a chain has done so many of its iterations."""
        with self._lock:
            self._done[chain] = done
            everything = total * self._chains
            self._progress(self._step, sum(self._done.values()), everything)

    def read(self, chain: int, text: str) -> None:
        """Note the iterations that a chain has written of."""
        for match in _ITERATION.finditer(text):
            self.at(chain, int(match[1]), int(match[2]))


def iterations(progress: Progress | None, chains: int) -> Iterations | None:
    """Return who is to be told of iterations; None if nobody wants to hear of them."""
    if progress is None or isinstance(progress, StepsOnly):
        return None
    return Iterations(progress, chains)


def program_lines(console: str, most: int = 200) -> list[str]:
    """Return what the program and the engine said beside what CmdStan always writes.

    Parameters
    ----------
    console : str
        The chains' consoles, one after the other.
    most : int
        Lines to return.

    Returns
    -------
    list of str
        The first of lines that differ in their numbers only, and how many there are.
    """
    first: dict[str, str] = {}
    count: Counter[str] = Counter()
    for line in console.splitlines():
        if not _USUAL.match(line):
            alike = _NUMBER.sub("0", line.rstrip())
            first.setdefault(alike, line.rstrip())
            count[alike] += 1
    lines = [
        line if count[alike] == 1 else f"{line} ({count[alike]} times like this)"
        for alike, line in first.items()
    ]
    return lines[:most]
