"""The command that tells whether a hierarchical model is worth it."""

from __future__ import annotations

import json as jsonlib
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbstan.cli.options import (
    Debug,
    Estimate,
    Events,
    Figures,
    Group,
    Json,
    Out,
    Quiet,
    Screen,
    Se,
    Trials,
)
from hbstan.cli.outputs import make_folder, named_columns, read_data, write_figures

if TYPE_CHECKING:
    from hbstan.assess import Assessment

__all__ = ["assess"]


class Scale(StrEnum):
    """The values of ``--scale``."""

    probability = "probability"
    log_odds = "log-odds"


def assess(
    data: Annotated[str, typer.Argument(help="CSV, Parquet, or a dataset's name.")],
    group: Group = None,
    trials: Trials = None,
    events: Events = None,
    estimate: Estimate = None,
    se: Se = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="Columns of observations: value=NAME, or n=, mean=, sd=; repeatable."
        ),
    ] = None,
    least_gain: Annotated[
        float, typer.Option(help="Share of the mean squared error worth a model.")
    ] = 0.1,
    relevant: Annotated[
        float | None, typer.Option(help="The smallest difference that matters.")
    ] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="Of events: probability unless given.")
    ] = None,
    out: Out = None,
    figures: Figures = True,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Tell whether a hierarchical model is worth it for these data; fits nothing."""
    from hbstan.assess import assess as run
    from hbstan.report.assessment import assessment_lines

    screen = Screen(json, quiet)
    if out:
        make_folder(out)
    columns = named_columns(
        column, group=group, trials=trials, events=events, estimate=estimate, se=se
    )
    result = run(
        read_data(data, columns, own=False, kind="normal_groups" if column else ""),
        least_gain=least_gain,
        relevant=relevant,
        scale=None if scale is None else scale.value,
    )
    console = screen.text()
    for line in assessment_lines(result):
        console.print(line)
    for file in _write(result, out, screen, figures) if out else []:
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
    screen.result(result.record())


def _write(
    result: Assessment, folder: Path, screen: Screen, figures: bool
) -> list[Path]:
    from hbstan import plots
    from hbstan.errors import SettingsError
    from hbstan.files import write_bytes
    from hbstan.text import encode

    text = jsonlib.dumps(result.record(), indent=2, ensure_ascii=False)
    try:
        write_bytes(folder / "assessment.json", encode(text))
        draw = partial(plots.assessment, result)
        drawn = {"assessment.png": draw}
        files = write_figures(folder, drawn, screen, wanted=figures)
    except OSError as err:
        raise SettingsError(f"{str(folder)!r} cannot be written: {err}") from err
    return [folder / "assessment.json", *files]
