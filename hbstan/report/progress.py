"""Progress as bars on a terminal, and as a few lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from hbstan.backends.console import StepsOnly

if TYPE_CHECKING:
    from hbstan.types import Progress

__all__ = ["pace", "progress_bars"]

#: The step of a calibration, whose speed is worth knowing.
_SIMULATIONS = "simulations"
#: A log gets a line at every such share of the simulations, or after such a time.
_SHARE = 0.1
_SECONDS = 300.0

Clock = Callable[[], float]


@contextmanager
def progress_bars(
    console: Console, *, enabled: bool, clock: Clock = time.monotonic
) -> Iterator[Progress | None]:
    """Show a bar per step while the body runs; yield the callback, or None.

    What follows a comma in a step's name is a remark on the step, not another one.
    Simulations also show how many are done in a second and how long the rest takes.

    Where the console is no terminal, steps that take minutes (to compile, to wait
    for another process) are named in a line each, simulations get a line now and
    then, and iterations are not counted.
    """
    if not enabled:
        yield None
        return
    if not console.is_terminal:
        yield _LogLines(_lines_once(console), _lines_now_and_then(console, clock))
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    tasks: dict[str, Any] = {}
    clocks: dict[str, _Pace] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
        console=console,
    ) as bars:

        def report(step: str, done: int, total: int) -> None:
            name, text = step.partition(", ")[0], escape(step)
            if name not in tasks:
                clocks[name] = _Pace(clock, done)
                tasks[name] = bars.add_task(text, total=total, pace="")
            fields: dict[str, Any] = {
                "description": text,
                "completed": done,
                "total": total,
            }
            if name == _SIMULATIONS:
                fields["pace"] = clocks[name](done, total)
            bars.update(tasks[name], **fields)

        yield report


@dataclass(frozen=True)
class _LogLines(StepsOnly):
    """Names steps when they begin; simulations are told of on the way, too."""

    simulations: Callable[[str, int, int], None]

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report the step."""
        if step.partition(", ")[0] == _SIMULATIONS:
            self.simulations(step, done, total)
        else:
            super().__call__(step, done, total)


@dataclass
class _Pace:
    """How fast a step goes on, counted from where it began."""

    clock: Clock
    begun: int

    def __post_init__(self) -> None:
        self._started = self.clock()

    def __call__(self, done: int, total: int) -> str:
        return pace(done - self.begun, total - done, self.clock() - self._started)


def pace(done: int, left: int, seconds: float) -> str:
    """Return how fast work is done and how long the rest takes, e.g. 52/s, 17 s left.

    Parameters
    ----------
    done, left : int
        Pieces of work.
    seconds : float
        What the pieces that are done took.

    Returns
    -------
    str
        Empty as long as nothing is done.
    """
    if done <= 0 or seconds <= 0:
        return ""
    rate = done / seconds
    text = f"{rate:.0f}/s" if rate >= 9.95 else f"{rate:.2g}/s"
    return f"{text}, {_duration(left / rate)} left" if left else text


def _duration(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _lines_once(console: Console) -> Callable[[str], None]:
    """Return a function that prints each step when it is named first."""
    seen: set[str] = set()

    def name(step: str) -> None:
        if step not in seen:
            seen.add(step)
            console.print(step, markup=False, soft_wrap=True)

    return name


def _lines_now_and_then(
    console: Console, clock: Clock
) -> Callable[[str, int, int], None]:
    """Return a function that tells how far a step is, but not each time."""
    paces: dict[str, _Pace] = {}
    last: dict[str, tuple[int, float]] = {}

    def tell(step: str, done: int, total: int) -> None:
        name, _, remark = step.partition(", ")
        own = paces.setdefault(name, _Pace(clock, done))
        tenth, now = int(done / total / _SHARE + 1e-9) if total else 0, clock()
        if name in last:
            before, then = last[name]
            if tenth == before and now - then < _SECONDS:
                return
        last[name] = tenth, now
        parts = (f"{done} of {total}", own(done, total), remark or "0 failed")
        text = ", ".join(part for part in parts if part)
        console.print(f"{name}: {text}", markup=False, soft_wrap=True)

    return tell
