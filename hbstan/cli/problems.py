"""The options that say what is calibrated, read and held against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hbstan.cli.outputs import kind_of, read_data, read_priors
from hbstan.errors import HbstanError, SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.sbc.result import SBCResult

__all__ = ["ProblemOptions", "Regions", "read_design"]

_SIZES = "Write e.g. --design 'n=47,148,119' or --design 'sigma=15,10,16'."


@dataclass(frozen=True)
class ProblemOptions:
    """What to calibrate, as the command line has it.

    Parameters
    ----------
    model : str
    data, design, generator, around : str, optional
        See the options.
    columns : mapping
        The options that name columns.
    priors, quantities : tuple of str
        The options that can be repeated.
    """

    model: str
    data: str | None
    design: str | None
    generator: str | None
    around: str | None
    columns: Mapping[str, str | list[str] | None]
    priors: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()

    def read(self) -> dict[str, Any]:
        """Return the arguments of :func:`hbstan.sbc.problem.problem`, but the model.

        Raises
        ------
        HbstanError
            If an option cannot be read, or does not go with another one.
        """
        self._check()
        design: Any = None
        if self.data is not None:
            own = self.generator is not None
            kind = "" if own else kind_of(self.model)
            design = read_data(self.data, self.columns, own=own, kind=kind)
        elif self.design is not None:
            design = read_design(self.design)
        return {
            "design": design,
            "generator": self._generator(),
            "priors": read_priors(list(self.priors)),
            "quantities": _read_quantities(self.quantities),
        }

    def _check(self) -> None:
        """Refuse what does not go together."""
        named = [f"--{k}" for k, column in self.columns.items() if column is not None]
        if named and self.data is None:
            raise SettingsError(
                f"{', '.join(named)} names columns, but no DATA are given.",
                remedy="Give the table after the model.",
            )
        if self.design is not None and self.data is not None:
            raise SettingsError(
                f"--design and DATA ({self.data}) both say what the group sizes are.",
                remedy="Give one of them.",
            )
        if self.design is not None and self.generator is not None:
            raise SettingsError(
                "--design is the group sizes of the catalogue's generators, but "
                f"--generator is {self.generator}.",
                remedy="Give the program's constant data as a Stan JSON file (DATA).",
            )
        if self.around is None:
            return
        if self.data is None or self.generator is not None:
            wrong = "no DATA are given" if self.data is None else "--generator is given"
            raise SettingsError(
                f"--around-data {self.around} fits the model to DATA and replicates "
                f"them, but {wrong}.",
                remedy="Give DATA and no generator, or leave --around-data out.",
            )

    def _generator(self) -> Any:
        from hbstan.sbc.functions import load_function

        if self.generator is None or self.generator.endswith(".stan"):
            return self.generator
        return load_function(self.generator)


def read_design(text: str) -> dict[str, list[int] | list[float]]:
    """Read ``n=47,148`` or ``sigma=15,10``.

    Raises
    ------
    SettingsError
        If the text has another form.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not equals or name not in ("n", "sigma"):
        raise SettingsError(
            f"--design is {text!r}, but must begin with n= (trials by group) or "
            "sigma= (standard errors by group).",
            remedy=_SIZES,
        )
    numbers = [_number(item, "--design", _SIZES) for item in rest.split(",")]
    if name == "sigma":
        return {name: numbers}
    broken = [number for number in numbers if not number.is_integer()]
    if broken:
        raise SettingsError(
            f"--design n has {broken[0]:g}, but trials must be whole numbers.",
            remedy=_SIZES,
        )
    return {name: [int(number) for number in numbers]}


def _number(text: str, option: str, remedy: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(
            f"{option} has {text.strip()!r}, but must have finite numbers, separated "
            "by commas.",
            remedy=remedy,
        )
    return number


def _read_quantities(texts: tuple[str, ...]) -> dict[str, Any]:
    """Read the ``--quantity`` options."""
    from hbstan.sbc.functions import load_function

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, reference = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SettingsError(
                f"--quantity is {text!r}, but must be NAME=FILE.py:FUNCTION.",
                remedy="Write e.g. --quantity range=mine.py:range_of_effects.",
            )
        if name in found:
            raise SettingsError(
                f"--quantity is given twice for {name}.",
                remedy="Give one of them another name.",
            )
        found[name] = load_function(reference.strip())
    return found


@dataclass(frozen=True)
class Regions:
    """By which quantity, and where, the prior is cut into regions.

    Parameters
    ----------
    by : str
    cuts : tuple of float
    asked : bool
        Whether the user named either.
    """

    by: str
    cuts: tuple[float, ...]
    asked: bool

    @classmethod
    def read(cls, by: str | None, cuts: str | None) -> Regions:
        """Read the options; by default 0.3 and 0.5 of tau.

        Raises
        ------
        SettingsError
            If the cuts are no increasing numbers.
        """
        remedy = "Write e.g. --cuts 0.3,0.5."
        text = "0.3,0.5" if cuts is None else cuts
        edges = tuple(_number(item, "--cuts", remedy) for item in text.split(","))
        if any(a >= b for a, b in pairwise(edges)):
            raise SettingsError(
                f"--cuts is {text}, but each number must be above the one before.",
                remedy=remedy,
            )
        asked = by is not None or cuts is not None
        return cls("tau" if by is None else by, edges, asked)

    def require_quantity(self, model: str, arguments: Mapping[str, Any]) -> None:
        """Refuse a quantity that will not be ranked, before the simulations run.

        Parameters
        ----------
        model : str
        arguments : mapping
            Of :func:`hbstan.sbc.problem.problem`.

        Raises
        ------
        SettingsError
            If there is no such quantity.
        """
        if not self.asked:
            return
        import numpy as np

        from hbstan.sbc.problem import problem
        from hbstan.sbc.simulation import labels_of

        decided = problem(model, **arguments)
        try:
            parameters, _ = decided.generator(np.random.default_rng(0))
        except HbstanError:
            raise
        except Exception:  # the run tries more than once, and then says what is wrong
            return
        labels = labels_of(decided, parameters)
        if self.by not in labels:
            raise SettingsError(
                f"--by is {self.by!r}, but must be one of {', '.join(labels)}."
            )

    def table(self, result: SBCResult) -> pd.DataFrame | None:
        """Return the report by regions; None if there is no tau, nor was it asked for.

        Raises
        ------
        SettingsError
            If what was asked for is not there.
        """
        if not self.asked and self.by not in result.dataset["quantity"].values:
            return None
        return result.regimes(self.by, self.cuts)

    def record(self, table: pd.DataFrame) -> dict[str, Any]:
        """Return the report by regions as JSON-ready data."""
        from hbstan.results import json_number

        rows = [
            {
                str(name): json_number(value) if isinstance(value, float) else value
                for name, value in row.items()
            }
            for row in table.reset_index().to_dict("records")
        ]
        return {"by": self.by, "cuts": list(self.cuts), "rows": rows}
