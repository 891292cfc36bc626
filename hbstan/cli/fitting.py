"""Commands that fit and check: fit, check."""

from __future__ import annotations

import json as jsonlib
import re
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbstan.cli.codes import GATE_FAILED, PASSED
from hbstan.cli.options import (
    BackendName,
    BackendOption,
    Debug,
    Json,
    Out,
    Quiet,
    Screen,
    prints_on_stderr,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from hbstan.data import Dataset
    from hbstan.fit import Fit
    from hbstan.priors import Prior
    from hbstan.results import Checks

__all__ = ["check", "fit"]

#: matplotlib's warning of a character that its font cannot draw.
_GLYPH = re.compile(r"Glyph (?P<code>\d+) .*missing from (?:current )?font")


def fit(
    model: Annotated[str, typer.Argument(help="A model's name or a .stan file.")],
    data: Annotated[
        str, typer.Argument(help="CSV, Parquet or Stan JSON file, or a dataset's name.")
    ],
    group: Annotated[str | None, typer.Option(help="Column of group labels.")] = None,
    trials: Annotated[str | None, typer.Option(help="Column of trials.")] = None,
    events: Annotated[str | None, typer.Option(help="Column of events.")] = None,
    estimate: Annotated[str | None, typer.Option(help="Column of estimates.")] = None,
    se: Annotated[str | None, typer.Option(help="Column of standard errors.")] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option("--prior", help="E.g. 'tau=HalfCauchy(1)'; repeatable."),
    ] = None,
    backend: BackendOption = BackendName.auto,
    seed: Annotated[int | None, typer.Option(help="By default a fresh one.")] = None,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    iter_warmup: Annotated[int, typer.Option(help="Warmup per chain.")] = 1000,
    iter_sampling: Annotated[int, typer.Option(help="Draws per chain.")] = 1000,
    adapt_delta: Annotated[float, typer.Option(help="Target acceptance.")] = 0.95,
    max_treedepth: Annotated[int, typer.Option(help="Cap on tree depth.")] = 10,
    out: Out = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fit a model, diagnose the draws and show the estimates."""
    from hbstan.fit import fit as run
    from hbstan.report.console import progress_bars

    screen = Screen(json, quiet)
    if out:
        _make_folder(out)
    columns = {
        "group": group,
        "trials": trials,
        "events": events,
        "estimate": estimate,
        "se": se,
    }
    with (
        progress_bars(screen.notes(), enabled=not quiet) as progress,
        prints_on_stderr(),
    ):
        result = run(
            model,
            _read_data(model, data, columns),
            priors=_priors(prior or []),
            seed=seed,
            chains=chains,
            iter_warmup=iter_warmup,
            iter_sampling=iter_sampling,
            adapt_delta=adapt_delta,
            max_treedepth=max_treedepth,
            backend=backend.value,
            progress=progress,
        )
    checks = result.diagnose()
    files = _write(result, checks, out, screen) if out else []
    _show_fit(screen, result, checks, files)
    raise typer.Exit(PASSED if checks.passed else GATE_FAILED)


def _priors(texts: list[str]) -> dict[str, Prior]:
    """Read the ``--prior`` options; each parameter may have one."""
    from hbstan.errors import PriorError
    from hbstan.priors import parse_assignment

    chosen: dict[str, Prior] = {}
    for text in texts:
        name, prior = parse_assignment(text)
        if name in chosen:
            raise PriorError(
                f"--prior is given twice for {name}: {chosen[name]} and {prior}; "
                "legal: once for each parameter.",
                remedy="Remove one of the two.",
            )
        chosen[name] = prior
    return chosen


def _make_folder(folder: Path) -> None:
    """Make the folder for results, before minutes go into what could not be kept."""
    from hbstan.errors import SettingsError
    from hbstan.files import require_writable

    try:
        require_writable(folder)
    except OSError as err:
        raise SettingsError(
            f"--out is {str(folder)!r}, but must be a folder that can be written: "
            f"{err.strerror or err}.",
            remedy="Name another folder; it is created where there is none.",
        ) from err


def _read_data(
    model: str, source: str, columns: dict[str, str | None]
) -> Dataset | dict[str, Any]:
    """Read a table, or for a program of the user's its Stan data from JSON."""
    from hbstan import data as reader
    from hbstan.errors import SettingsError

    if not (source.lower().endswith(".json") and model.endswith(".stan")):
        return reader.load(source, **columns)
    given = [f"--{name}" for name, column in columns.items() if column is not None]
    if given:
        raise SettingsError(
            f"{', '.join(given)} cannot be used with {source}, which has no columns.",
            remedy="Leave the options out, or give a CSV or Parquet file.",
        )
    return reader.from_stan_json(source)


def check(
    path: Annotated[Path, typer.Argument(metavar="FIT.nc", help="A saved fit.")],
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Diagnose a saved fit again."""
    from hbstan.fit import Fit
    from hbstan.report.console import checks_table, fit_heading, verdict_line

    screen = Screen(json, quiet)
    result = Fit.load(path)
    checks = result.diagnose()
    console = screen.text()
    console.print(fit_heading(result))
    console.print("", checks_table(checks))
    console.print()
    console.print(verdict_line(checks))
    screen.result({"fit": str(path), "diagnostics": checks.record()})
    raise typer.Exit(PASSED if checks.passed else GATE_FAILED)


def _show_fit(screen: Screen, fit: Fit, checks: Checks, files: list[Path]) -> None:
    from hbstan.report import console as report

    console = screen.text()
    console.print(report.fit_heading(fit))
    if fit.priors:
        console.print("", report.priors_table(fit.priors))
    scalars = [str(k) for k, v in fit.posterior.data_vars.items() if v.ndim == 2]
    whole = fit.summary()
    shown = whole.loc[[n for n in whole.index if n in scalars]] if scalars else whole
    console.print("", report.posterior_table(shown))
    groups = None if fit.estimate is None else fit.groups()
    if groups is not None:
        title = f"Groups: {fit.estimate}"
        console.print("", report.groups_table(groups, title))
    console.print("", report.checks_table(checks))
    console.print()
    console.print(report.verdict_line(checks))
    for file in files:
        console.print(f"wrote {file}", markup=False, soft_wrap=True)
    if screen.json:
        screen.result(_fit_record(fit, whole, groups, checks, files))


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


def _write(fit: Fit, checks: Checks, folder: Path, screen: Screen) -> list[Path]:
    """Write the fit, its diagnostics and its figures."""
    from hbstan import plots
    from hbstan.errors import FitError
    from hbstan.files import atomic_path, write_bytes

    files = [fit.save(folder / "fit.nc")]
    figures: dict[str, Callable[[Fit], Figure]] = {
        "trace.png": plots.trace,
    }
    if fit.posterior.sizes["chain"] > 1:  # ranks compare chains
        figures["ranks.png"] = plots.ranks
    if fit.estimate is not None:
        figures["forest.png"] = plots.forest
    try:
        with _glyphs_noted(screen):
            for name, draw in figures.items():
                with atomic_path(folder / name) as partial:
                    draw(fit).savefig(partial, dpi=150)
                files.append(folder / name)
        text = jsonlib.dumps(checks.record(), indent=2, ensure_ascii=False)
        write_bytes(folder / "diagnostics.json", text.encode())
    except OSError as err:
        raise FitError(f"{str(folder)!r} cannot be written: {err}") from err
    return [*files, folder / "diagnostics.json"]


@contextmanager
def _glyphs_noted(screen: Screen) -> Iterator[None]:
    """Say once which characters the figures' font lacks; they are drawn as boxes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    lacking: dict[str, None] = {}
    for warning in caught:
        glyph = _GLYPH.match(str(warning.message))
        if glyph:
            lacking[chr(int(glyph["code"]))] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if lacking:
        screen.notes().print(
            f"The figures' font lacks {' '.join(lacking)}: drawn as boxes.",
            markup=False,
            emoji=False,
            soft_wrap=True,
        )
