"""The command that integrates a posterior instead of sampling from it."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbstan.cli.options import (
    Column,
    Debug,
    Estimate,
    Events,
    Group,
    Json,
    Out,
    Priors,
    Quiet,
    Screen,
    Se,
    Seed,
    Trials,
)
from hbstan.cli.outputs import (
    kind_of,
    make_folder,
    named_columns,
    read_data,
    read_priors,
)

if TYPE_CHECKING:
    from hbstan.exact import ExactPosterior

__all__ = ["exact"]

#: Groups that are shown one by one.
_MOST_ROWS = 60


def exact(
    model: Annotated[str, typer.Argument(help="A model's or a family's name.")],
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
    tolerance: Annotated[
        float,
        typer.Option(help="Accuracy of log evidence, means and sds, in units of sd."),
    ] = 1e-5,
    draws: Annotated[
        int, typer.Option(min=0, help="Independent draws to write to exact.nc.")
    ] = 0,
    seed: Seed = None,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compute a posterior exactly, by quadrature: no chains, no R-hat."""
    from hbstan.errors import SettingsError
    from hbstan.exact import exact as run

    screen = Screen(json, quiet)
    if draws and out is None:
        raise SettingsError(
            f"--draws {draws} needs a folder to write them to.", remedy="Give --out."
        )
    if out:
        make_folder(out)
    columns = named_columns(
        column, group=group, trials=trials, events=events, estimate=estimate, se=se
    )
    given = read_data(data, columns, own=False, kind=kind_of(model))
    found = run(model, given, priors=read_priors(prior or []), tolerance=tolerance)
    files = _write(found, out, draws, 1 if seed is None else seed) if out else []
    _show(screen, found, files)
    if screen.json:
        screen.result({**found.record(), "files": [str(file) for file in files]})


def _show(screen: Screen, found: ExactPosterior, files: list[Path]) -> None:
    from hbstan.report import console as report
    from hbstan.report.criticism import frame_table

    console = screen.text()
    console.print(
        f"{found.model} on {found.plan.data_name}: exact posterior by quadrature, "
        f"{found.seconds:.2f} s; no chains, no R-hat.",
        markup=False,
    )
    console.print("", report.priors_table(found.priors))
    every = found.summary()
    title = "Posterior (error: of mean and sd, in sd)"
    console.print("", frame_table(title, every.head(_MOST_ROWS), decimals=None))
    if len(every) > _MOST_ROWS:
        console.print(f"... and {len(every) - _MOST_ROWS} more; --json gives all.")
    left = found.loo()
    console.print(
        "",
        f"Log evidence {found.log_evidence:.4f}; leaving out one group after the other "
        f"{left['elpd'].sum():.4f}; estimated error {found.error:.1g}.",
    )
    for file in files:
        console.print(f"wrote {file}", markup=False, soft_wrap=True)


def _write(found: ExactPosterior, folder: Path, draws: int, seed: int) -> list[Path]:
    """Write what was found and, if wanted, draws."""
    from hbstan.files import write_bytes

    file = folder / "exact.json"
    text = jsonlib.dumps(found.record(), indent=2, ensure_ascii=False)
    write_bytes(file, text.encode())
    files = [file]
    if draws:
        files.append(found.draws(draws, seed).save(folder / "exact.nc"))
    return files
