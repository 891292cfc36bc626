"""Where simulated parameters and data come from.

A generator is called with the random numbers of one simulation and returns the
parameters that it drew and the data that it simulated from them. The catalogue's
generators draw from the prior exactly and independently, in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hbstan import models
from hbstan.errors import ModelError
from hbstan.sbc.identity import digest
from hbstan.simulate import draw_data, draw_prior, log_likelihood, log_prior
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior
    from hbstan.types import StanProgram

__all__ = [
    "CatalogueGenerator",
    "FunctionGenerator",
    "Generator",
    "JointLogLikelihood",
    "JointLogPrior",
    "StanGenerator",
    "TestQuantity",
]

#: (parameters, data) -> one number per draw. Each parameter comes with a leading
#: dimension of draws; the data are the Stan data of one simulation.
TestQuantity = Callable[[Mapping[str, Any], Mapping[str, Any]], "NDArray[Any]"]


class Generator(Protocol):
    """Draws parameters and simulates data from them."""

    def __call__(
        self, rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return parameters (name to value) and the data simulated from them."""

    def record(self) -> dict[str, Any]:
        """Return what identifies the generator, as JSON-ready data."""


@dataclass(frozen=True)
class CatalogueGenerator:
    """Prior draws and data of a model of the catalogue.

    Parameters
    ----------
    model : str
        The model's name.
    priors : mapping of str to Prior
        A prior for each top-level parameter.
    design : mapping
        The Stan data without the outcomes: ``J`` and ``n`` (trials) or ``sigma``
        (standard errors), or those of a system.
    names : tuple of str
        The parameters to return.
    """

    model: str
    priors: Mapping[str, Prior]
    design: Mapping[str, Any]
    names: tuple[str, ...]

    def __call__(
        self, rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Draw once from the prior, and data given the draw."""
        model = models.get(self.model)
        system = system_of(model)
        if system is not None:
            one = system.parameters(self.priors, self.design, rng)
            outcomes = system.outcomes(one, self.design, rng)
            return {name: one[name] for name in self.names}, outcomes
        drawn = draw_prior(model, self.priors, int(self.design["J"]), rng)
        y = draw_data(model, drawn, self.design, rng)[0]
        return {name: drawn[name][0] for name in self.names}, {"y": y}

    def record(self) -> dict[str, Any]:
        """Return the model's name; priors and design are recorded with the run."""
        return {"kind": "catalogue", "model": self.model, "names": list(self.names)}


@dataclass(frozen=True)
class FunctionGenerator:
    """A Python function ``(rng) -> (parameters, data)`` of the user's.

    Parameters
    ----------
    function : callable
        Called with a :class:`numpy.random.Generator`.
    """

    function: Callable[..., Any]

    def __call__(
        self, rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Call the function and check the form of what it returns."""
        drawn = self.function(rng)
        ok = isinstance(drawn, tuple) and len(drawn) == 2
        if not ok or not all(isinstance(part, Mapping) for part in drawn):
            raise ModelError(
                f"the generator returned {type(drawn).__name__}, but must return two "
                "mappings: (parameters, data).",
                remedy="End it with e.g. return {'mu': mu}, {'y': y}.",
            )
        parameters, data = drawn
        if not parameters:
            raise ModelError(
                "the generator returned no parameters, so there is nothing to rank.",
                remedy="Return at least one parameter of the program.",
            )
        return parameters, data

    def record(self) -> dict[str, Any]:
        """Return the function's name and a digest of its code."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {"kind": "function", "name": name, "code": digest(self.function)}


@dataclass(frozen=True)
class StanGenerator:
    """A Stan program without parameters, run with ``fixed_param``.

    What its generated quantities are called decides what they are: the names of the
    fitted program's data are data, those of its parameters and derived quantities
    are simulated values, others are left aside.

    Parameters
    ----------
    program : StanProgram
        The generator.
    data : mapping
        Its data.
    inputs : mapping of str to str
        The fitted program's data and their types, ``"int"`` or ``"real"``.
    outputs : frozenset of str
        The fitted program's parameters and derived quantities.
    source : str
        SHA-256 of the generator's source, its includes included.
    timeout : float, optional
        Seconds that a run may take.
    """

    program: StanProgram
    data: Mapping[str, Any]
    inputs: Mapping[str, str]
    outputs: frozenset[str]
    source: str
    timeout: float | None = None

    def __call__(
        self, rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Run the program once with a seed of its own."""
        import numpy as np

        from hbstan.backends.cmdstan_fixed import run_fixed

        seed = int(rng.integers(1, 2**31 - 1))
        drawn = run_fixed(self.program, self.data, seed=seed, timeout=self.timeout)
        parameters = {k: v for k, v in drawn.items() if k in self.outputs}
        data = {
            k: np.rint(v).astype(int) if self.inputs[k] == "int" else v
            for k, v in drawn.items()
            if k in self.inputs
        }
        self._require(parameters, "parameter", sorted(self.outputs), drawn)
        self._require(data, "datum", sorted(self.inputs), drawn)
        return parameters, data

    def _require(
        self,
        found: Mapping[str, Any],
        what: str,
        legal: list[str],
        drawn: Mapping[str, Any],
    ) -> None:
        if not found:
            raise ModelError(
                f"{self.program.name} generates {', '.join(drawn) or 'nothing'}, none "
                f"of which is a {what} of the fitted program; those are "
                f"{', '.join(legal)}.",
                remedy="Give the generated quantities the fitted program's names.",
            )

    def record(self) -> dict[str, Any]:
        """Return the program's name and hash, and a digest of its data."""
        return {
            "kind": "stan",
            "name": self.program.name,
            "source": self.source,
            "data": digest(dict(self.data)),
        }


@dataclass(frozen=True)
class JointLogLikelihood:
    """The joint log likelihood of a catalogue model, as the simulator has it.

    It sees the data, so it notices a posterior that ignores part of them, which the
    ranks of parameters cannot (Modrak et al. 2023, doi:10.1214/23-BA1404).
    """

    model: str

    def __call__(
        self, parameters: Mapping[str, Any], data: Mapping[str, Any]
    ) -> NDArray[Any]:
        """Return ``log p(y | parameters)`` for each draw."""
        model = models.get(self.model)
        system = system_of(model)
        if system is not None:
            return system.log_likelihood(parameters, data)
        return log_likelihood(model, parameters, data, data["y"])

    def record(self) -> dict[str, Any]:
        """Return what identifies the quantity."""
        return {"kind": "log_likelihood", "model": self.model}


@dataclass(frozen=True)
class JointLogPrior:
    """The log prior density of top-level parameters and group effects."""

    model: str
    priors: Mapping[str, Prior] = field(default_factory=dict)

    def __call__(
        self, parameters: Mapping[str, Any], data: Mapping[str, Any]
    ) -> NDArray[Any]:
        """Return ``log p(parameters)`` for each draw."""
        return log_prior(models.get(self.model), self.priors, parameters)

    def record(self) -> dict[str, Any]:
        """Return what identifies the quantity; priors are recorded with the run."""
        return {"kind": "log_prior", "model": self.model}


def stan_generator(
    file: str | Path, fitted: StanProgram, data: Mapping[str, Any]
) -> StanGenerator:
    """Return the generator in ``file`` for the program ``fitted``.

    Raises
    ------
    ToolchainError
        If there is no CmdStan: only it samples with fixed parameters.
    CompileError, ModelError
        If either program is not what it must be.
    """
    from hbstan.backends.cmdstan_fixed import program_info
    from hbstan.compile import source_hash

    program = models.program_from_file(file)
    info = program_info(fitted)
    inputs = {name: spec["type"] for name, spec in info["inputs"].items()}
    blocks = ("parameters", "transformed parameters", "generated quantities")
    outputs = frozenset(name for block in blocks for name in info[block])
    own = program_info(program)["inputs"]
    missing = [name for name in own if name not in data]
    if missing:
        raise ModelError(
            f"the generator {program.name} declares data that were not given: "
            f"{', '.join(missing)}.",
            remedy="Give them as design.",
        )
    given = {name: data[name] for name in own}
    source = source_hash(program.file, program.include_paths)
    return StanGenerator(program, given, inputs, outputs, source)
