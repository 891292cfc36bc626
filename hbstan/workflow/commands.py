"""What repeats a stage by itself: a command, or a line of Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["columns", "command_of_comparison", "command_of_data", "commands"]


def columns(data: Any) -> dict[str, str]:
    """Return the options that name the columns of a dataset's table."""
    return {role: str(name) for role, name in data.columns.items()}


def commands(
    model: str,
    table: str,
    options: Mapping[str, str],
    priors: Mapping[str, str],
    *,
    seeds: Mapping[str, int],
    backend: str,
    settings: Mapping[str, Any],
    sims: tuple[int, int, int],
    saved: str,
) -> dict[str, str]:
    """Return the command of each stage of one model.

    Parameters
    ----------
    model, table : str
        Name or path of the model, and of the file with the data.
    options : mapping of str to str
        Role to column.
    priors : mapping of str to str
        Parameter to prior.
    seeds : mapping of str to int
        Stage to seed.
    backend : str
    settings : mapping
        Sampler settings of the fit.
    sims : tuple of int
        Number of simulations, their warmup and their draws.
    saved : str
        The saved fit.
    """
    what = [model, table]
    what += [part for role, name in options.items() for part in (f"--{role}", name)]
    given = [
        p for name, prior in priors.items() for p in ("--prior", f"{name}={prior}")
    ]
    engine = ["--backend", backend]
    sampler = [
        part
        for name, value in settings.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]
    number, warmup, draws = sims
    calibration = [
        *("--sims", str(number), "--iter-warmup", str(warmup)),
        *("--iter-sampling", str(draws)),
    ]

    def line(verb: str, *parts: str) -> str:
        return shlex.join(["hbstan", verb, *parts])

    def seed(stage: str) -> list[str]:
        return ["--seed", str(seeds[stage])]

    check = line("check", saved, "--refits", *seed("posterior"))
    prior = (
        f"check_prior({model!r}, data, priors={dict(priors)}, seed={seeds['prior']})"
    )
    return {
        "prior": _python("check_prior", prior, table, options),
        "calibration": line(
            "sbc", *what, *given, *engine, *calibration, *seed("calibration")
        ),
        "fit": line("fit", *what, *given, *engine, *sampler, *seed("fit")),
        "posterior": check,
        "cross_validation": check,
        "sensitivity": check,
        "conclusion": _python("conclude", f"conclude(hb.Fit.load({saved!r}))"),
    }


def command_of_data(table: str, options: Mapping[str, str]) -> str:
    """Return the command that describes the data again."""
    return _python("describe_data", "describe_data(data)", table, options)


def command_of_comparison(saved: Sequence[str], seed: int) -> str:
    """Return the command that compares saved fits again."""
    return shlex.join(["hbstan", "compare", *saved, "--seed", str(seed)])


def _python(
    function: str, call: str, table: str = "", options: Mapping[str, str] | None = None
) -> str:
    """Return a line of Python that prints the checks, or the tables, of a stage."""
    lines = ["import hbstan as hb", f"from hbstan.workflow import {function}"]
    if table:
        named = "".join(f", {role}={name!r}" for role, name in (options or {}).items())
        lines.append(f"data = hb.data.load({table!r}{named})")
    shown = "tables" if function == "conclude" else "checks.to_frame()"
    lines.append(f"print({call}.{shown})")
    return shlex.join(["python", "-c", "; ".join(lines)])
