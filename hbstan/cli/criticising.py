"""Commands that criticise saved fits: check, compare."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hbstan.cli.codes import GATE_FAILED, PASSED
from hbstan.cli.options import (
    Debug,
    Figures,
    Json,
    Out,
    Quiet,
    Screen,
    Seed,
    prints_on_stderr,
)
from hbstan.cli.outputs import make_folder, write_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.cli.sections import Section
    from hbstan.loo import LooResult
    from hbstan.results import Checks

__all__ = ["check", "compare", "files_at_fault"]


class Rung(StrEnum):
    """The values of ``--highest``."""

    psis = "psis"
    psis_group = "psis_group"
    moment_matching = "moment_matching"
    exact = "exact"


Highest = Annotated[
    Rung, typer.Option(help="The dearest means of cross-validation that is allowed.")
]
Budget = Annotated[
    float | None, typer.Option(help="Seconds that a step may be expected to take.")
]
Workers = Annotated[int | None, typer.Option(help="Refits at a time; one per core.")]


def check(
    path: Annotated[Path, typer.Argument(metavar="FIT.nc", help="A saved fit.")],
    draws_only: Annotated[
        bool, typer.Option("--draws-only", help="Diagnose the draws, no more.")
    ] = False,
    refits: Annotated[
        bool,
        typer.Option("--refits", help="Also swap priors and leave out each group."),
    ] = False,
    highest: Highest = Rung.exact,
    budget: Budget = None,
    workers: Workers = None,
    seed: Seed = None,
    out: Out = None,
    figures: Figures = True,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Diagnose a saved fit and criticise its model."""
    from hbstan.cli import sections
    from hbstan.fit import Fit
    from hbstan.report.console import checks_table, fit_heading, verdict_line
    from hbstan.report.progress import progress_bars
    from hbstan.results import Checks, Outcome

    screen = Screen(json, quiet)
    if out:
        make_folder(out)
    result = Fit.load(path)
    found: list[Section] = []
    with files_at_fault(path):
        checks = result.diagnose()
        if not draws_only:
            with (
                progress_bars(screen.notes(), enabled=not quiet) as progress,
                prints_on_stderr(),
            ):
                options = sections.Options(
                    seed, highest.value, budget, workers, refits, progress
                )
                found = sections.criticise(result, options)
    console = screen.text()
    console.print(fit_heading(result))
    console.print("", checks_table(checks))
    for section in found:
        for part in section.shown:
            console.print()
            console.print(part)
    everything = Checks([*checks, *(c for s in found for c in s.checks)])
    console.print()
    console.print(_verdict(everything) if checks.passed else verdict_line(checks))
    record = {"fit": str(path), "diagnostics": checks.record()}
    record |= {section.name: section.record for section in found}
    passed = checks.passed and everything.outcome is not Outcome.FAIL
    record["outcome"] = Outcome.PASS.value if passed else everything.outcome.value
    drawn = {k: f for s in found for k, f in s.figures.items()}
    _write(out, record, drawn, screen, wanted=figures)
    screen.result(record)
    raise typer.Exit(PASSED if passed else GATE_FAILED)


def compare(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FIT.nc...", help="Saved fits.")
    ],
    highest: Highest = Rung.exact,
    budget: Budget = None,
    workers: Workers = None,
    seed: Seed = None,
    out: Out = None,
    figures: Figures = True,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compare models of the same data by cross-validation."""
    from hbstan.cli import sections
    from hbstan.compare import compare as run
    from hbstan.compare.comparable import require_same_data
    from hbstan.fit import Fit
    from hbstan.loo import loo
    from hbstan.report.progress import progress_bars

    screen = Screen(json, quiet)
    if out:
        make_folder(out)
    fits = sections.named({path: Fit.load(path) for path in paths})
    require_same_data(fits)
    results: dict[str, LooResult] = {}
    with (
        files_at_fault(*paths),
        progress_bars(screen.notes(), enabled=not quiet) as progress,
        prints_on_stderr(),
    ):
        for name, fit in fits.items():
            results[name] = loo(
                fit,
                highest=highest.value,
                budget=budget,
                workers=workers,
                progress=progress,
            )
    section = sections.comparison(run(results, seed=seed))
    console = screen.text()
    for part in section.shown:
        console.print()
        console.print(part)
    _write(
        out,
        section.record,
        section.figures,
        screen,
        "comparison.json",
        wanted=figures,
    )
    screen.result(section.record)
    raise typer.Exit(PASSED if section.checks.passed else GATE_FAILED)


@contextmanager
def files_at_fault(*paths: Path) -> Iterator[None]:
    """Blame a failure on files whose content no checksum vouches for, if there are."""
    from hbstan.errors import FitError, HbstanError
    from hbstan.storage import NO_FIT, is_sealed

    try:
        yield
    except HbstanError:
        raise
    except Exception as err:
        unsure = [str(path) for path in paths if not is_sealed(path)]
        if not unsure:
            raise
        raise FitError(
            f"{', '.join(map(repr, unsure))} has no checksum, and what it holds cannot "
            f"be used: {type(err).__name__}: {err}.",
            remedy=NO_FIT,
        ) from err


def _verdict(checks: Checks) -> str:
    """Return what became of the model, once the draws have passed."""
    from hbstan.report.format import STYLES
    from hbstan.results import Outcome

    def named(outcome: Outcome) -> str:
        return ", ".join(c.name for c in checks if c.outcome is outcome)

    text = {
        Outcome.PASS: "All checks passed: draws and model can be used.",
        Outcome.FAIL: "The draws can be used, but the model does not pass: "
        f"{named(Outcome.FAIL)}.",
        Outcome.NOT_RUN: "All checks that were run passed: the draws can be used. "
        f"Nothing vouches for what was not run: {named(Outcome.NOT_RUN)}.",
    }[checks.outcome]
    return f"[{STYLES[checks.outcome]}]{text}[/]"


def _write(
    folder: Path | None,
    record: dict[str, Any],
    figures: Mapping[str, Callable[[], Figure]],
    screen: Screen,
    name: str = "check.json",
    *,
    wanted: bool,
) -> None:
    """Write what was found and, if wanted, its figures."""
    from hbstan.errors import FitError
    from hbstan.files import write_bytes
    from hbstan.text import encode

    if folder is None:
        return
    try:
        files = write_figures(folder, figures, screen, wanted=wanted)
        text = jsonlib.dumps(record, indent=2, ensure_ascii=False)
        write_bytes(folder / name, encode(text))
    except OSError as err:
        raise FitError(f"{str(folder)!r} cannot be written: {err}") from err
    for file in [*files, folder / name]:
        screen.text().print(f"wrote {file}", markup=False, soft_wrap=True)
