"""What the parts of hbstan say to each other: values and the backends' roles.

A backend turns a :class:`StanProgram`, Stan data and :class:`SamplerSettings` into
:class:`RawDraws`. What it can do beyond sampling is told by the Protocols it
fulfils, from narrow to wide.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from hbstan.errors import CompileError, SettingsError
from hbstan.text import printable, read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Backend",
    "GeneratesQuantities",
    "Inits",
    "LogDensities",
    "LogDensity",
    "LogDensityFunction",
    "Progress",
    "RawDraws",
    "RepeatedSampler",
    "Repeats",
    "SamplerSettings",
    "StanData",
    "StanProgram",
]

#: Stan data: names to numbers, lists or arrays.
StanData = Mapping[str, Any]

#: Where the chains start: None (uniform within a radius of 2 on the unconstrained
#: scale), another radius, one mapping of constrained parameter values for all
#: chains, or one mapping per chain. Parameters that a mapping leaves out start at
#: random with cmdstan; stanli wants all of them.
Inits = float | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

MAX_SEED = 2**32 - 1


class Progress(Protocol):
    """Receives the progress of long work; the library itself prints nothing."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` units of ``step`` are finished."""


@dataclass(frozen=True)
class StanProgram:
    """A Stan program on disk and where its ``#include`` files are looked up.

    Parameters
    ----------
    file : pathlib.Path
        The ``.stan`` file.
    include_paths : tuple of pathlib.Path
        Folders searched in order for included files.
    """

    file: Path
    include_paths: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The program's name: its file name without the suffix."""
        return printable(self.file.stem)

    def source(self) -> str:
        """Read the program's text; raise CompileError if it cannot be read."""
        return read_text(self.file, "the Stan program", CompileError)


def _in_range(name: str, value: float, low: float, high: float, text: str) -> None:
    ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not ok or not math.isfinite(value) or not low <= value <= high:
        raise SettingsError(f"{name} is {value!r}, but must be {text}.")


def _whole(settings: SamplerSettings, name: str, low: int, high: int) -> None:
    """Check a whole number of any type, and keep it as Python's own."""
    value = getattr(settings, name)
    text = f"a whole number from {low} to {high}"
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise SettingsError(f"{name} is {value!r}, but must be {text}.")
    _in_range(name, number, low, high, text)
    object.__setattr__(settings, name, number)


@dataclass(frozen=True)
class SamplerSettings:
    """Settings of Stan's NUTS sampler, under CmdStanPy's names.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1; with the same backend it fixes every draw.
    chains : int
        Number of Markov chains.
    iter_warmup, iter_sampling : int
        Iterations per chain.
    thin : int
        Keep every ``thin``-th draw.
    adapt_delta : float
        Target acceptance statistic, strictly between 0 and 1. The default 0.95
        takes smaller steps than Stan's 0.8: the posteriors of hierarchical models
        have narrow regions that larger steps miss.
    max_treedepth : int
        Cap on the doublings of one trajectory (at most ``2**max_treedepth``
        leapfrog steps).
    save_warmup : bool
        Keep warmup draws, in groups of their own.
    metric : {"diag_e", "dense_e", "unit_e"}
        Shape of the inverse metric.
    step_size : float, optional
        Initial step size; Stan's default is 1.
    inits : float, mapping or sequence of mappings, optional
        See :data:`Inits`.
    parallel_chains : int, optional
        Chains at a time; by default one per core.
    timeout : float, optional
        Seconds that the fit, all its chains together, may take before it is ended and
        has failed; by default as long as it takes.

    Raises
    ------
    SettingsError
        If values lie outside their legal ranges: all of them are named.
    """

    seed: int
    chains: int = 4
    iter_warmup: int = 1000
    iter_sampling: int = 1000
    thin: int = 1
    adapt_delta: float = 0.95
    max_treedepth: int = 10
    save_warmup: bool = False
    metric: str = "diag_e"
    step_size: float | None = None
    inits: Inits = None
    parallel_chains: int | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        faults = []
        for check in self._checks():
            try:
                check()
            except SettingsError as err:
                faults.append(err.message)
        if faults:
            raise SettingsError("\n".join(faults))

    def _checks(self) -> Iterator[Callable[[], None]]:
        """Yield what must hold, one setting after the other."""
        yield partial(_whole, self, "seed", 0, MAX_SEED)
        yield partial(_whole, self, "chains", 1, 1000)
        yield partial(_whole, self, "iter_warmup", 0, 2**31 - 1)
        yield partial(_whole, self, "iter_sampling", 1, 2**31 - 1)
        most = self.iter_sampling if isinstance(self.iter_sampling, int) else 2**31 - 1
        yield partial(_whole, self, "thin", 1, max(most, 1))
        yield partial(_whole, self, "max_treedepth", 1, 30)
        between, tiny = "strictly between 0 and 1", 1e-12
        yield partial(
            _in_range, "adapt_delta", self.adapt_delta, tiny, 1 - tiny, between
        )
        yield self._check_metric
        if self.step_size is not None:
            text = "a positive number"
            yield partial(_in_range, "step_size", self.step_size, 1e-300, 1e300, text)
        if self.parallel_chains is not None:
            yield partial(_whole, self, "parallel_chains", 1, 1000)
        if self.timeout is not None:
            text = "a positive number of seconds, or None for no limit"
            yield partial(_in_range, "timeout", self.timeout, 1e-3, 1e9, text)
        yield self._check_inits

    def _check_metric(self) -> None:
        if self.metric not in ("diag_e", "dense_e", "unit_e"):
            raise SettingsError(
                f"metric is {self.metric!r}, but must be diag_e, dense_e or unit_e."
            )

    def _check_inits(self) -> None:
        inits: Any = self.inits
        if inits is None or isinstance(inits, Mapping):
            return
        if isinstance(inits, str):
            raise SettingsError(
                f"inits is the text {inits!r}, but must be a radius, a mapping of "
                "parameter values, or one mapping per chain."
            )
        if isinstance(inits, (int, float)):
            _in_range("inits", inits, 0, 1e300, "a radius of at least 0")
            return
        if len(inits) != self.chains:
            raise SettingsError(
                f"inits has {len(inits)} entries for {self.chains} chains; give one "
                "mapping for all chains or one per chain."
            )

    @property
    def draws(self) -> int:
        """Kept draws per chain, ``ceil(iter_sampling / thin)``."""
        return -(-self.iter_sampling // self.thin)

    @property
    def adapts(self) -> bool:
        """Whether step size and metric are adapted: not without warmup."""
        return self.iter_warmup > 0

    def record(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class RawDraws:
    """Draws as a Stan engine gives them, before anything is labelled.

    Parameters
    ----------
    variables : mapping of str to ndarray
        Each of shape ``(chain, draw, *shape)``; zero-length variables are absent.
    stats : mapping of str to ndarray
        Sampler statistics under Stan's names (``lp__``, ``divergent__``, ...),
        each of shape ``(chain, draw)``.
    timings : mapping of str to float
        Seconds: ``warmup`` and ``sampling`` (longest chain), ``total`` (wall).
    versions : mapping of str to str
        Engine and wrapper versions.
    console : str
        What the engine said.
    warned : tuple of str
        What of it is a warning that users should see.
    sampled : tuple of str
        The program's parameters: the variables that the sampler moves.
    step_size : ndarray, optional
        Adapted step size, shape ``(chain,)``.
    inv_metric : ndarray, optional
        Adapted inverse metric, shape ``(chain, n)`` or ``(chain, n, n)``.
    warmup_variables, warmup_stats : mapping, optional
        The same for warmup draws, when they were saved.
    """

    variables: Mapping[str, NDArray[Any]]
    stats: Mapping[str, NDArray[Any]]
    timings: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    console: str = ""
    warned: tuple[str, ...] = ()
    sampled: tuple[str, ...] = ()
    step_size: NDArray[np.float64] | None = None
    inv_metric: NDArray[np.float64] | None = None
    warmup_variables: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    warmup_stats: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Backend(Protocol):
    """A Stan engine that compiles a program and samples from it."""

    name: str

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the engine and of its wrapper."""

    def compile(self, program: StanProgram, *, progress: Progress | None = None) -> Any:
        """Make ``program`` ready to run; raise CompileError if it does not compile."""

    def sample(
        self,
        program: StanProgram,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw from the posterior with NUTS; raise SamplingError on failure."""


@runtime_checkable
class LogDensity(Protocol):
    """A backend that evaluates the log density on the unconstrained scale."""

    def log_density(
        self, program: StanProgram, data: StanData, parameters: Mapping[str, Any]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return log density and gradient at constrained ``parameters``.

        The density includes the Jacobian of the constraining transform and all
        normalising constants that the program keeps; the gradient is with respect
        to the unconstrained parameters, in the order of their declaration.
        """


class LogDensityFunction(Protocol):
    """The log density of a program with its data, at many unconstrained points."""

    def unconstrain(self, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the unconstrained point of constrained parameter values."""

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log densities, Jacobian included, of points ``(..., parameter)``.

        The density lacks the terms that the program drops, and is ``-inf`` where it
        cannot be evaluated.
        """


@runtime_checkable
class LogDensities(Protocol):
    """A backend that evaluates the log density at many points, cheaply."""

    def densities(self, program: StanProgram, data: StanData) -> LogDensityFunction:
        """Return the log density as a function of unconstrained parameters."""


@runtime_checkable
class GeneratesQuantities(Protocol):
    """A backend that runs generated quantities on draws of an earlier fit."""

    def generate_quantities(
        self,
        program: StanProgram,
        data: StanData,
        draws: RawDraws,
        *,
        seed: int,
    ) -> Mapping[str, NDArray[Any]]:
        """Return generated quantities, each of shape ``(chain, draw, *shape)``."""


class RepeatedSampler(Protocol):
    """Draws from one program's posterior, given one set of data after another."""

    def __call__(self, data: StanData, settings: SamplerSettings) -> RawDraws:
        """Return the draws that :meth:`Backend.sample` gives, with its errors.

        What costs time and is no draw or sampler statistic may be left out: the
        console of a run that succeeded, timings by phase, the adapted metric.
        """


@runtime_checkable
class Repeats(Protocol):
    """A backend that prepares a program once, to sample it many times."""

    def repeat(
        self, program: StanProgram, variables: Iterable[str] | None = None
    ) -> RepeatedSampler:
        """Return a sampler of ``program``, which threads may share.

        Of the program's variables it returns those named in ``variables``, or all
        of them; a name that the program lacks makes no difference.
        """
