"""What repeats a stage by itself: a command, or a line of Python."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hbstan.data.system import SystemData

__all__ = ["Source", "command_of_comparison", "command_of_data", "commands"]


@dataclass(frozen=True)
class Source:
    """A table, and how a dataset is read from it.

    Parameters
    ----------
    table : str
        The file.
    data : Dataset
    """

    table: str
    data: Any

    @property
    def flags(self) -> list[str]:
        """The options of a command that name the columns."""
        if not isinstance(self.data, SystemData):
            return [
                part
                for role, name in self.data.columns.items()
                for part in (f"--{role}", str(name))
            ]
        return [
            part
            for role, names in self.data.reading().items()
            for part in ("--column", f"{role}={_joined(names)}")
        ]

    @property
    def call(self) -> str:
        """The call in Python that reads the dataset."""
        columns: dict[str, Any] = dict(self.data.columns)
        if isinstance(self.data, SystemData):
            columns = {"kind": self.data.kind, **self.data.reading()}
        named = "".join(f", {role}={name!r}" for role, name in columns.items())
        return f"hb.data.load({self.table!r}{named})"


def _joined(names: str | list[str]) -> str:
    return names if isinstance(names, str) else ",".join(names)


def commands(
    model: str,
    source: Source,
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
    model : str
        Name or path.
    source : Source
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
    what = [model, source.table, *source.flags]
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
        "prior": _python("check_prior", prior, source),
        "calibration": line(
            "sbc", *what, *given, *engine, *calibration, *seed("calibration")
        ),
        "fit": line("fit", *what, *given, *engine, *sampler, *seed("fit")),
        "posterior": check,
        "cross_validation": check,
        "sensitivity": check,
        "conclusion": _python("conclude", f"conclude(hb.Fit.load({saved!r}))"),
    }


def command_of_data(source: Source) -> str:
    """Return the command that describes the data again."""
    return _python("describe_data", "describe_data(data)", source)


def command_of_comparison(saved: Sequence[str], seed: int) -> str:
    """Return the command that compares saved fits again."""
    return shlex.join(["hbstan", "compare", *saved, "--seed", str(seed)])


def _python(function: str, call: str, source: Source | None = None) -> str:
    """Return a line of Python that prints the checks, or the tables, of a stage."""
    lines = ["import hbstan as hb", f"from hbstan.workflow import {function}"]
    if source is not None:
        lines.append(f"data = {source.call}")
    shown = "tables" if function == "conclude" else "checks.to_frame()"
    lines.append(f"print({call}.{shown})")
    return shlex.join(["python", "-c", "; ".join(lines)])
