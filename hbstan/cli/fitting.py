"""The command that fits."""

from __future__ import annotations

import json as jsonlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbstan.cli.codes import GATE_FAILED, PASSED
from hbstan.cli.options import (
    AdaptDelta,
    BackendName,
    BackendOption,
    Chains,
    Column,
    Debug,
    Estimate,
    Events,
    Figures,
    Group,
    IterSampling,
    IterWarmup,
    Json,
    MaxTreedepth,
    Out,
    Priors,
    Quiet,
    Screen,
    Se,
    Seed,
    Timeout,
    Trials,
    prints_on_stderr,
)
from hbstan.cli.outputs import (
    kind_of,
    make_folder,
    named_columns,
    read_data,
    read_priors,
    write_figures,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from hbstan.fit import Fit
    from hbstan.results import Check, Checks

__all__ = ["fit"]


def fit(
    model: Annotated[
        str, typer.Argument(help="A model's or a family's name, or a .stan file.")
    ],
    data: Annotated[
        str, typer.Argument(help="CSV, Parquet or Stan JSON file, or a dataset's name.")
    ],
    group: Group = None,
    trials: Trials = None,
    events: Events = None,
    estimate: Estimate = None,
    se: Se = None,
    column: Column = None,
    prior: Priors = None,
    parameterization: Annotated[
        str | None,
        typer.Option(
            help="auto, centered, noncentered, partial or marginal; by default auto "
            "for a family such as logit."
        ),
    ] = None,
    backend: BackendOption = BackendName.auto,
    seed: Seed = None,
    chains: Chains = 4,
    iter_warmup: IterWarmup = 1000,
    iter_sampling: IterSampling = 1000,
    adapt_delta: AdaptDelta = 0.95,
    max_treedepth: MaxTreedepth = 10,
    timeout: Timeout = None,
    out: Out = None,
    figures: Figures = True,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fit a model, diagnose the draws and show the estimates."""
    from hbstan.data import Dataset
    from hbstan.fit import fit as run
    from hbstan.report.console import progress_bars

    screen = Screen(json, quiet)
    if out:
        make_folder(out)
    columns = named_columns(
        column, group=group, trials=trials, events=events, estimate=estimate, se=se
    )
    with (
        progress_bars(screen.notes(), enabled=not quiet) as progress,
        prints_on_stderr(),
    ):
        given = read_data(
            data, columns, own=model.endswith(".stan"), kind=kind_of(model)
        )
        result = run(
            model,
            given,
            priors=read_priors(prior or []),
            parameterization=parameterization,
            seed=seed,
            chains=chains,
            iter_warmup=iter_warmup,
            iter_sampling=iter_sampling,
            adapt_delta=adapt_delta,
            max_treedepth=max_treedepth,
            timeout=timeout,
            backend=backend.value,
            progress=progress,
        )
    checks = result.diagnose()
    files = _write(result, checks, out, screen, figures) if out else []
    findings = given.findings() if isinstance(given, Dataset) else ()
    _show_fit(screen, result, checks, files, findings)
    raise typer.Exit(PASSED if checks.passed else GATE_FAILED)


def _show_fit(
    screen: Screen,
    fit: Fit,
    checks: Checks,
    files: list[Path],
    findings: tuple[Check, ...] = (),
) -> None:
    from hbstan.report import console as report
    from hbstan.report.format import console_lines

    console = screen.text()
    console.print(report.fit_heading(fit))
    for line in console_lines(fit.console):
        console.print(line, markup=False, style="yellow")
    if fit.priors:
        console.print("", report.priors_table(fit.priors))
    whole = fit.summary()
    console.print("", *report.posterior_lines(fit, whole))
    groups = None if fit.estimate is None else fit.groups()
    if groups is not None:
        title = f"Groups: {fit.estimate}"
        console.print("", report.groups_table(groups, title))
    console.print("", report.checks_table(checks), *report.findings_lines(findings))
    console.print()
    console.print(report.verdict_line(checks))
    for file in files:
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
    if screen.json:
        record = _fit_record(fit, whole, groups, checks, files)
        if findings:
            record["findings"] = [check.record() for check in findings]
        screen.result(record)


def _fit_record(
    fit: Fit, summary: Any, groups: Any, checks: Checks, files: list[Path]
) -> dict[str, Any]:
    from hbstan.results import json_number

    posterior = {
        str(name): {str(k): json_number(v) for k, v in row.items()}
        for name, row in summary.iterrows()
    }
    record: dict[str, Any] = {
        **fit.provenance,
        "posterior": posterior,
        "diagnostics": checks.record(),
        "files": [str(file) for file in files],
    }
    if groups is not None:
        record["groups"] = [
            {"group": str(label), **{str(k): json_number(v) for k, v in row.items()}}
            for label, row in groups.iterrows()
        ]
    return record


def _write(
    fit: Fit, checks: Checks, folder: Path, screen: Screen, wanted: bool
) -> list[Path]:
    """Write the fit, its diagnostics and, if wanted, its figures."""
    from hbstan import plots
    from hbstan.errors import FitError
    from hbstan.files import write_bytes
    from hbstan.text import encode

    files = [fit.save(folder / "fit.nc")]
    figures: dict[str, Callable[[Fit], Figure]] = {
        "trace.png": plots.trace,
    }
    if fit.posterior.sizes["chain"] > 1:  # ranks compare chains
        figures["ranks.png"] = plots.ranks
    if fit.estimate is not None:
        figures["forest.png"] = plots.forest
    try:
        drawn = {name: partial(draw, fit) for name, draw in figures.items()}
        files += write_figures(folder, drawn, screen, wanted=wanted)
        text = jsonlib.dumps(checks.record(), indent=2, ensure_ascii=False)
        write_bytes(folder / "diagnostics.json", encode(text))
    except OSError as err:
        raise FitError(f"{str(folder)!r} cannot be written: {err}") from err
    return [*files, folder / "diagnostics.json"]
