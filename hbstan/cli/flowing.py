"""The command that leads from data to a verdict: workflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbstan.cli.codes import GATE_FAILED, INTERRUPTED, PASSED
from hbstan.cli.options import (
    AdaptDelta,
    BackendName,
    BackendOption,
    Chains,
    Column,
    Debug,
    Estimate,
    Events,
    ExecutorName,
    Group,
    IterSampling,
    IterWarmup,
    Json,
    MaxTreedepth,
    Quiet,
    Screen,
    Se,
    Seed,
    Trials,
    prints_on_stderr,
)
from hbstan.cli.outputs import (
    kind_of,
    make_folder,
    named_columns,
    read_data,
    read_priors,
)

if TYPE_CHECKING:
    from hbstan.workflow import Workflow

__all__ = ["workflow"]

#: Columns of the answers that a terminal has room for, and their headings.
_SHOWN = {
    "raw rate": "raw",
    "raw value": "raw",
    "estimate": "estimate",
    "94 % from": "94 % from",
    "to": "to",
    "P(lowest)": "P(lowest)",
    "P(highest)": "P(highest)",
}


def workflow(
    data: Annotated[
        str, typer.Argument(help="CSV, Parquet or Stan JSON file, or a dataset's name.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model or a .stan file; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; by default NAME-workflow."),
    ] = None,
    criteria: Annotated[
        Path | None, typer.Option(help="TOML file of criteria that differ.")
    ] = None,
    amend: Annotated[
        bool,
        typer.Option("--amend", help="Judge by changed criteria, and show the change."),
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option("--keep-going", help="Go on after a gate that did not pass."),
    ] = False,
    group: Group = None,
    trials: Trials = None,
    events: Events = None,
    estimate: Estimate = None,
    se: Se = None,
    column: Column = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            help="E.g. 'tau=HalfCauchy(1)', or 'MODEL:tau=...'; repeatable.",
        ),
    ] = None,
    seed: Seed = None,
    backend: BackendOption = BackendName.auto,
    executor: Annotated[
        ExecutorName | None, typer.Option(help="Who works; by default processes.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="How many; by default one per core.")
    ] = None,
    chains: Chains = 4,
    iter_warmup: IterWarmup = 1000,
    iter_sampling: IterSampling = 1000,
    adapt_delta: AdaptDelta = 0.95,
    max_treedepth: MaxTreedepth = 10,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Lead data to a verdict: every check, every gate, one report.

    Repeat a command that was interrupted: it goes on where it was.
    """
    from hbstan.cli.watching import watching
    from hbstan.workflow import workflow as run

    screen = Screen(json, quiet)
    columns = named_columns(
        column, group=group, trials=trials, events=events, estimate=estimate, se=se
    )
    known: Any = read_data(
        data, columns, own=False, kind=kind_of(model[0]) if model else ""
    )
    folder = out or Path(f"{known.name}-workflow")
    make_folder(folder)
    try:
        with (
            watching(screen.notes(), enabled=not quiet) as progress,
            prints_on_stderr(),
        ):
            found = run(
                known,
                model,
                criteria=criteria,
                priors=_priors(prior or []),
                seed=seed,
                out=folder,
                keep_going=keep_going,
                amend=amend,
                backend=backend.value,
                executor=None if executor is None else executor.value,
                workers=workers,
                progress=progress,
                chains=chains,
                iter_warmup=iter_warmup,
                iter_sampling=iter_sampling,
                adapt_delta=adapt_delta,
                max_treedepth=max_treedepth,
            )
    except KeyboardInterrupt:
        typer.echo(
            f"Interrupted: what is finished is in {folder}. Repeat the command to go "
            "on with the rest.",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    _show(screen, found)
    raise typer.Exit(PASSED if found.verdict.usable else GATE_FAILED)


def _priors(texts: list[str]) -> dict[str, Any]:
    """Read priors for all models, and those of one model by its name."""
    by_owner: dict[str, list[str]] = {}
    for text in texts:
        before, colon, rest = text.partition(":")
        # A colon after the equals sign is none of ours.
        owner = before.strip() if colon and "=" not in before else ""
        by_owner.setdefault(owner, []).append(rest if owner else text)
    common = read_priors(by_owner.pop("", []))
    return {**common, **{owner: read_priors(own) for owner, own in by_owner.items()}}


def _show(screen: Screen, found: Workflow) -> None:
    """Print verdict, answers and files."""
    screen.result({**found.document, "folder": str(found.folder)})
    if screen.quiet:
        return
    from rich.text import Text

    from hbstan.cli.watching import VERDICTS
    from hbstan.report.criticism import frame_table

    console = screen.text()
    document = found.document
    line = Text(f"{document['title']}: ", style="bold")
    line.append(found.verdict.words, VERDICTS[found.verdict])
    console.print()
    console.print(line)
    console.print(found.headline, markup=False)
    if document["answers"] is not None:
        table = found.answers()
        title = f"Answers of {found.preferred}"
        index = str(table.index.name)
        console.print()
        console.print(frame_table(title, table, _SHOWN, index=index))
        for sentence in document["answers"]["summary"]:
            console.print(f"- {sentence}", markup=False)
    if document["cautions"]:
        console.print()
        console.print("What could be wrong", style="bold")
        for text in document["cautions"]:
            console.print(f"- {text}", markup=False)
    console.print()
    for name in ("report.html", "verdict.json"):
        console.print(f"wrote {found.folder / name}", markup=False, soft_wrap=True)
