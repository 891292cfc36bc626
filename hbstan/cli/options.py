"""Options that several commands share, and where commands print."""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbstan.errors import EngineWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = [
    "AdaptDelta",
    "BackendName",
    "BackendOption",
    "Chains",
    "Column",
    "Debug",
    "Estimate",
    "Events",
    "ExecutorName",
    "Figures",
    "FitTimeout",
    "Group",
    "IterSampling",
    "IterWarmup",
    "Json",
    "MaxTreedepth",
    "Out",
    "Priors",
    "Quiet",
    "Replicate",
    "Screen",
    "Se",
    "Seed",
    "Source",
    "Timeout",
    "Trials",
    "prints_on_stderr",
]


class BackendName(StrEnum):
    """The values of ``--backend``."""

    auto = "auto"
    cmdstan = "cmdstan"
    stanli = "stanli"


class ExecutorName(StrEnum):
    """The values of ``sbc --executor``."""

    processes = "processes"
    threads = "threads"
    serial = "serial"


class Replicate(StrEnum):
    """The values of ``sbc --around-data``."""

    groups = "groups"
    trials = "trials"


class Source(StrEnum):
    """The values of ``install-cmdstan --from``."""

    pypi = "pypi"
    github = "github"


Json = Annotated[bool, typer.Option("--json", help="Machine-readable results.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what is asked.")]
Figures = Annotated[
    bool, typer.Option("--figures/--no-figures", help="Draw figures into --out.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
BackendOption = Annotated[
    BackendName,
    typer.Option("--backend", help="auto: CmdStan if installed, else stanli."),
]
Out = Annotated[
    Path | None, typer.Option("--out", help="Write results to this folder.")
]
Seed = Annotated[int | None, typer.Option(help="By default a fresh one.")]
Group = Annotated[str | None, typer.Option(help="Column of group labels.")]
Trials = Annotated[str | None, typer.Option(help="Column of trials.")]
Events = Annotated[str | None, typer.Option(help="Column of events.")]
Estimate = Annotated[str | None, typer.Option(help="Column of estimates.")]
Se = Annotated[str | None, typer.Option(help="Column of standard errors.")]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="Columns of other kinds of data: ROLE=NAME or ROLE=NAME,NAME (a name with "
        "a comma in double quotes), ROLE= for none; repeatable.",
    ),
]
Priors = Annotated[
    list[str] | None,
    typer.Option("--prior", help="E.g. 'tau=HalfCauchy(1)'; repeatable."),
]
Chains = Annotated[int, typer.Option(help="Number of chains.")]
IterWarmup = Annotated[int, typer.Option(help="Warmup per chain.")]
IterSampling = Annotated[int, typer.Option(help="Draws per chain.")]
AdaptDelta = Annotated[float, typer.Option(help="Target acceptance.")]
Timeout = Annotated[
    float | None,
    typer.Option(help="Seconds that the fit may take; by default no limit."),
]
FitTimeout = Annotated[
    float | None,
    typer.Option(
        help="Seconds that each simulation may take; by default 100 times the median "
        "of those that have finished, a minute at least, half an hour at first."
    ),
]
MaxTreedepth = Annotated[int, typer.Option(help="Cap on tree depth.")]


@dataclass(frozen=True)
class Screen:
    """Where to print: people's text, JSON, progress."""

    json: bool
    quiet: bool

    def text(self) -> Console:
        """For people; on standard error when standard output carries JSON."""
        from hbstan.report.tables import UncutConsole

        return UncutConsole(stderr=self.json, quiet=self.quiet, highlight=False)

    def notes(self) -> Console:
        """For progress and passing remarks."""
        from rich.console import Console

        return Console(stderr=True, quiet=self.quiet, highlight=False)

    def result(self, record: Any) -> None:
        """Print ``record`` as JSON if asked for."""
        if self.json:
            typer.echo(json.dumps(record, indent=2))  # ASCII: right on any terminal


@contextmanager
def prints_on_stderr() -> Iterator[None]:
    """Send what a Stan program prints to standard error while the body runs.

    It is no result, and must not get among the JSON. An engine in process writes
    to the file descriptor itself, past ``sys.stdout``.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr), warnings.catch_warnings():
            # Commands show what engines say by themselves.
            warnings.simplefilter("ignore", EngineWarning)
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
