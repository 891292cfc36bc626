"""How a workflow gets on: one calm display on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.progress import Progress

    from hbstan.workflow import ModelVerdict, Stage, Watcher

__all__ = ["VERDICTS", "watching"]

#: Styles by verdict.
VERDICTS = {
    "accepted": "bold green",
    "accepted_with_limitations": "bold green",
    "rejected": "bold red",
    "inconclusive": "bold yellow",
}
_MARKS = {"pass": "✓", "fail": "✗", "not_run": "?"}


@contextmanager
def watching(console: Console, *, enabled: bool) -> Iterator[Watcher | None]:
    """Show a workflow while the body runs; yield who is to be told, or None."""
    if not enabled:
        yield None
        return
    if not console.is_terminal:
        yield _Lines(console)
        return
    from rich.live import Live

    board = _Board(console)
    with Live(get_renderable=board.render, console=console, refresh_per_second=8):
        yield board


class _Lines:
    """A line when a stage ends, and one for each verdict."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def started(self, stage: Stage, model: str | None) -> None:
        """Remember when."""
        self._began = time.monotonic()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say nothing: a log wants results."""

    def finished(self, record: Mapping[str, Any], again: bool) -> None:
        """Print the stage's outcome."""
        from hbstan.report.format import WORDS

        word = WORDS[record["outcome"]]
        seconds = time.monotonic() - self._began
        took = "from before" if again else f"{seconds:.1f} s"
        who = f"{record['model']}: " if record["model"] else ""
        self._say(f"[{record['number']}/7] {who}{record['title']}: {word} ({took})")
        for text in record["retries"]:
            self._say(f"      {text}")
        if record["outcome"] != "pass":
            self._say(f"      {record['answer']}")

    def judged(self, verdict: ModelVerdict) -> None:
        """Print the verdict."""
        self._say(f"{verdict.name}: {verdict.verdict.words}. {verdict.reason}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


class _Board:
    """A table of stages and models, the step at hand below it, verdicts above."""

    def __init__(self, console: Console) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = console
        self._cells: dict[tuple[str, str | None], tuple[str, str]] = {}
        self._models: list[str] = []
        self._now: tuple[str, str | None] | None = None
        self._steps: Progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        self._tasks: dict[str, Any] = {}

    def started(self, stage: Stage, model: str | None) -> None:
        """Mark the cell that is worked on."""
        if model is not None and model not in self._models:
            self._models.append(model)
        self._now = (stage.name, model)
        for task in self._tasks.values():
            self._steps.remove_task(task)
        self._tasks = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Move the bar of the step."""
        from rich.markup import escape

        name = step.partition(", ")[0]
        if name not in self._tasks:
            for task in self._tasks.values():
                self._steps.remove_task(task)
            self._tasks = {name: self._steps.add_task(escape(step), total=total)}
        self._steps.update(
            self._tasks[name], completed=done, total=total, description=escape(step)
        )

    def finished(self, record: Mapping[str, Any], again: bool) -> None:
        """Fill the stage's cell."""
        from hbstan.report.format import STYLES

        mark, style = _MARKS[record["outcome"]], STYLES[record["outcome"]]
        took = "before" if again else f"{record['seconds']:.0f} s"
        self._cells[record["stage"], record["model"]] = (f"{mark} {took}", style)
        self._now = None

    def judged(self, verdict: ModelVerdict) -> None:
        """Print the verdict above the table."""
        from rich.text import Text

        line = Text(verdict.name, style="bold")
        line.append(f": {verdict.verdict.words}", VERDICTS[verdict.verdict])
        line.append(f". {verdict.reason}", "default")
        self._console.print(line)

    def render(self) -> Group:
        """Return the table and the bars."""
        from rich.console import Group

        return Group(self._table(), self._steps)

    def _table(self) -> Any:
        from rich.table import Table

        from hbstan.workflow import STAGES

        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("")
        table.add_column("stage")
        for model in self._models or [""]:
            table.add_column(model)
        for stage in STAGES:
            row = [self._cell(stage.name, model) for model in self._models or [""]]
            table.add_row(str(stage.number), stage.title, *row)
        return table

    def _cell(self, stage: str, model: str) -> Any:
        from rich.spinner import Spinner
        from rich.text import Text

        for who in (model, None):
            if (stage, who) in self._cells:
                text, style = self._cells[stage, who]
                return Text(text, style=style)
            if self._now == (stage, who):
                return Spinner("dots")
        return Text("")
