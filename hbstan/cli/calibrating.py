"""The command that calibrates by simulation: sbc."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
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
    Figures,
    FitTimeout,
    Group,
    IterSampling,
    IterWarmup,
    Json,
    MaxTreedepth,
    Out,
    Priors,
    Quiet,
    Replicate,
    Screen,
    Se,
    Seed,
    Trials,
    prints_on_stderr,
)
from hbstan.cli.outputs import named_columns, write_figures
from hbstan.cli.problems import ProblemOptions, Regions
from hbstan.cli.workforce import Workforce

if TYPE_CHECKING:
    from hbstan.results import Checks
    from hbstan.sbc.result import SBCResult

__all__ = ["sbc"]


def sbc(
    model: Annotated[str, typer.Argument(help="A model's name or a .stan file.")],
    data: Annotated[
        str | None,
        typer.Argument(
            help="Dataset or table whose group sizes are the design; with "
            "--generator: constant data, e.g. Stan JSON."
        ),
    ] = None,
    sims: Annotated[int, typer.Option(help="Number of simulations.")] = 1000,
    seed: Seed = None,
    out: Out = None,
    figures: Figures = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the simulations in --out.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="How many; by default one per core.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address or file of a Dask scheduler that does the work."),
    ] = None,
    executor: Annotated[
        ExecutorName | None, typer.Option(help="Who works; by default processes.")
    ] = None,
    design: Annotated[
        str | None,
        typer.Option(help="Group sizes: 'n=47,148,119' or 'sigma=15,10,16'."),
    ] = None,
    group: Group = None,
    trials: Trials = None,
    events: Events = None,
    estimate: Estimate = None,
    se: Se = None,
    column: Column = None,
    prior: Priors = None,
    generator: Annotated[
        str | None,
        typer.Option(help="FILE.py:FUNCTION or FILE.stan that simulates data."),
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option("--quantity", help="Also rank NAME=FILE.py:FUNCTION; repeatable."),
    ] = None,
    around_data: Annotated[
        Replicate | None,
        typer.Option(help="Posterior SBC around DATA, replicating these."),
    ] = None,
    backend: BackendOption = BackendName.auto,
    chains: Chains = 1,
    iter_warmup: IterWarmup = 500,
    iter_sampling: IterSampling = 500,
    adapt_delta: AdaptDelta = 0.95,
    max_treedepth: MaxTreedepth = 10,
    max_rank: Annotated[int, typer.Option(help="Ranks go from 0 to this.")] = 119,
    fit_timeout: FitTimeout = None,
    by: Annotated[
        str | None, typer.Option(help="Report by regions of this; by default tau.")
    ] = None,
    cuts: Annotated[
        str | None, typer.Option(help="Where regions end; by default 0.3,0.5.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Calibrate a model by simulation: tell whether its posteriors are right."""
    screen = Screen(json, quiet)
    columns = named_columns(
        column, group=group, trials=trials, events=events, estimate=estimate, se=se
    )
    what = ProblemOptions(
        model=model,
        data=data,
        design=design,
        generator=generator,
        around=None if around_data is None else around_data.value,
        columns=columns,
        priors=tuple(prior or ()),
        quantities=tuple(quantity or ()),
    )
    how = {
        "n_sims": sims,
        "seed": seed,
        "backend": backend.value,
        "chains": chains,
        "iter_warmup": iter_warmup,
        "iter_sampling": iter_sampling,
        "adapt_delta": adapt_delta,
        "max_treedepth": max_treedepth,
        "max_rank": max_rank,
        "fit_timeout": fit_timeout,
    }
    kind = None if executor is None else executor.value
    work = Workforce(kind, workers, scheduler, out, resume)
    regions = Regions.read(by, cuts)
    finished = _run(what, how, work, regions, screen)
    checks = finished.result.checks()
    files = _write(finished.result, out, screen, figures) if out else []
    _show(screen, finished, checks, regions, files)
    raise typer.Exit(PASSED if checks.passed else GATE_FAILED)


@dataclass(frozen=True)
class _Finished:
    """A result, and what is worth telling about how it came about."""

    result: SBCResult
    workers: str
    speed: str


def _run(
    what: ProblemOptions,
    how: dict[str, Any],
    work: Workforce,
    regions: Regions,
    screen: Screen,
) -> _Finished:
    """Run the simulations, or the rest of them."""
    from hbstan.report.progress import progress_bars

    arguments = what.read()
    work.prepare()
    regions.require_quantity(what.model, arguments)
    before, began = work.stored(), time.perf_counter()
    try:
        with (
            work.force() as (executor, workers, words),
            progress_bars(screen.notes(), enabled=not screen.quiet) as progress,
            prints_on_stderr(),
        ):
            where = {
                "executor": executor,
                "workers": workers,
                "store": work.store,
                "resume": work.resume,
                "progress": progress,
            }
            result = _calibrate(what, arguments, {**how, **where})
    except KeyboardInterrupt:
        typer.echo(work.interrupted(how["n_sims"]), err=True)
        raise typer.Exit(INTERRUPTED) from None
    seconds = time.perf_counter() - began
    speed = _speed(how["n_sims"], before, seconds)
    each = float(result.dataset["seconds"].mean())
    return _Finished(result, words, f"{speed}; {each:.2g} s each in a worker")


def _calibrate(
    what: ProblemOptions, arguments: dict[str, Any], how: dict[str, Any]
) -> SBCResult:
    """Calibrate over the prior, or around the data at hand."""
    from hbstan.sbc.posterior import posterior_sbc
    from hbstan.sbc.run import sbc as prior_sbc

    if what.around is None:
        return prior_sbc(what.model, **arguments, **how)
    return posterior_sbc(
        what.model,
        arguments["design"],
        replicate=what.around,
        priors=arguments["priors"],
        quantities=arguments["quantities"],
        **how,
    )


def _speed(total: int, before: int, seconds: float) -> str:
    """Say how many simulations took how long, in words."""
    from hbstan.report.progress import pace

    text = f"{total} simulation" + ("s" if total != 1 else "")
    old = min(before, total)
    if old == total:
        return f"{text}, all of them from before"
    if old:
        text += f", {old} of them from before,"
    rate = pace(total - old, 0, seconds)
    return f"{text} in {seconds:.1f} s ({rate}), start included"


def _write(
    result: SBCResult, folder: Path, screen: Screen, figures: bool
) -> list[Path]:
    """Write the result, its summary and its figures if they are wanted."""
    from hbstan.errors import FitError
    from hbstan.plots import SBC_FIGURES

    files = [result.save(folder / "sbc.nc")]
    try:
        files.append(result.save_summary(folder / "summary.json"))
        if not result.ok.any():
            screen.notes().print("All simulations failed: there is nothing to draw.")
            return files
        drawn = {f"{k}.png": partial(draw, result) for k, draw in SBC_FIGURES.items()}
        return [*files, *write_figures(folder, drawn, screen, wanted=figures)]
    except OSError as err:
        raise FitError(f"{str(folder)!r} cannot be written: {err}") from err


def _show(
    screen: Screen,
    finished: _Finished,
    checks: Checks,
    regions: Regions,
    files: list[Path],
) -> None:
    if screen.quiet and not screen.json:
        return
    from hbstan.report import calibration as report
    from hbstan.report.console import checks_table
    from hbstan.sbc.limits import Limits

    result, limits = finished.result, Limits()
    record = result.record(limits)
    regimes = regions.table(result)
    if regions.asked and regimes is not None:
        record["regimes"] = regions.record(regimes)
    parts = [
        report.quantities_table(result.summary(limits), limits.alpha),
        report.coverage_table(result.coverage()),
        None if regimes is None else report.regimes_table(regimes, regions.by),
        report.problems_line(record["problems"], result.n_sims),
        report.failures_table(result.failures(limits)),
        checks_table(checks, "Checks"),
        report.calibration_verdict(record),
    ]
    console = screen.text()
    console.print(report.calibration_heading(result, finished.workers, finished.speed))
    for part in parts:
        if part:
            console.print()
            console.print(part)
    for file in files:
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
    screen.result({**record, "files": [str(file) for file in files]})
