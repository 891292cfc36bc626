"""The stanli backend: Stan's interpreter in a wheel, without a compiler.

It samples and evaluates log densities in process. It cannot run generated quantities
on an earlier fit, has no fixed-parameter sampling (of a program without parameters),
and does not know all of Stan; what it cannot do raises
:class:`~hbstan.errors.NotSupportedError`. Initial values must be given for all
parameters of a program, or for none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends.console import Iterations, iterations
from hbstan.backends.inits import plain_inits
from hbstan.backends.stan_data import in_plain_words, matched_data
from hbstan.backends.stanli_call import DeadlineError, model_class
from hbstan.backends.stanli_density import Densities
from hbstan.backends.stanli_rejects import mend
from hbstan.backends.stanli_words import (
    compile_error,
    located,
    not_supported,
)
from hbstan.errors import (
    DataError,
    NotSupportedError,
    SamplingError,
    SettingsError,
    TimeLimitError,
    ToolchainError,
)
from hbstan.files import scratch_folder
from hbstan.includes import Include, find_includes
from hbstan.program import declared
from hbstan.staging import copy_includes
from hbstan.types import Progress, RawDraws, SamplerSettings, StanData, StanProgram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.types import LogDensityFunction

__all__ = ["StanliBackend"]

#: What stanli's compiler says of parts of Stan that it does not know.
_UNKNOWN = re.compile(
    r"stanli (?:compile|write_array): unsupported|STANLI_NO_INTERP|^mir: "
)
_NO_START = re.compile(r"no starting value for parameter (?P<name>\w+)")
#: Where a variable's name ends in the name of one of its elements.
_INDEX = re.compile(r"[\[.:]")
#: How often progress lines are asked for, in iterations.
_REFRESH = 100


class StanliBackend:
    """Sample with stanli, in process."""

    name = "stanli"
    #: Whether a fit can be ended only with the process that it runs in.
    in_process = True

    def versions(self) -> Mapping[str, str]:
        """Return the version of stanli."""
        return {"stanli": str(_stanli().__version__)}

    def compile(self, program: StanProgram, *, progress: Progress | None = None) -> str:
        """Translate ``program`` to stanli's intermediate form (milliseconds).

        Returns
        -------
        str
            The intermediate form, which needs no file any more.

        Raises
        ------
        CompileError
            With stanc's message, file and line.
        """
        includes = find_includes(program.file, program.include_paths)
        try:
            return _translated(program.source(), includes)
        except RuntimeError as err:
            raise compile_error(program, str(err)) from err

    def sample(
        self,
        program: StanProgram,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw from the posterior with NUTS.

        What stanli warns of, such as parts that run slowly, is in ``console``.

        Raises
        ------
        CompileError, DataError
            If the program or its data are refused.
        NotSupportedError
            If stanli cannot compute all of the program's quantities, or the program
            has no parameters.
        SettingsError
            If initial values are not those of the program's parameters.
        SamplingError
            If a chain fails.
        """
        return self.repeat(program)(data, settings, progress=progress)

    def repeat(
        self, program: StanProgram, variables: Iterable[str] | None = None
    ) -> _Repeated:
        """Translate ``program`` once; see :class:`hbstan.types.Repeats`.

        Raises
        ------
        CompileError
            With stanc's message, file and line.
        """
        return _Repeated(program, self.compile(program), self.versions(), variables)

    def log_density(
        self, program: StanProgram, data: StanData, parameters: Mapping[str, Any]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return log density and gradient; see :class:`hbstan.types.LogDensity`."""
        model = self._model(program, data)
        try:
            value, gradient = model.log_prob_grad(model.unconstrain(parameters))
        except (RuntimeError, ValueError) as err:
            raise SamplingError(
                f"{program.name}: no log density at this point: {err}", console=str(err)
            ) from err
        return float(value), gradient

    def densities(self, program: StanProgram, data: StanData) -> LogDensityFunction:
        """Return the log density as a function; see :class:`hbstan.types.LogDensities`.

        Raises
        ------
        CompileError, DataError
            If the program or its data are refused.
        """
        model = self._model(program, data)
        return Densities(model, partial(_unconstrained, model))

    def _model(self, program: StanProgram, data: StanData) -> Any:
        # What is said is of outputs, which the density does not need.
        mir = self.compile(program)
        return _build(program, mir, matched_data(program, data), [])


class _Repeated:
    """One program, translated; a model is built for each set of data."""

    def __init__(
        self,
        program: StanProgram,
        mir: str,
        versions: Mapping[str, str],
        variables: Iterable[str] | None,
    ) -> None:
        self._program = program
        self._declared = declared(program)
        self._mir = mir
        self._versions = versions
        self._names = None if variables is None else frozenset(variables)

    def __call__(
        self,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw from the posterior; see :meth:`StanliBackend.sample`."""
        started = time.perf_counter()
        said: list[str] = []
        listener = iterations(progress, settings.chains)
        values = matched_data(self._program, data, self._declared)
        model = _build(self._program, self._mir, values, said, settings, listener)
        _require_outputs(self._program, said)
        _require_parameters(self._program, model)
        refresh = 0 if listener is None else _REFRESH
        fit = _run(self._program, model, settings, said, values, refresh=refresh)
        said += self._mended(values, settings.seed, model.visited, fit.draws())
        seconds = time.perf_counter() - started
        return _raw(model, fit, settings, seconds, said, self._versions, self._names)

    def _mended(
        self, values: dict[str, Any], seed: int, points: Any, columns: Any
    ) -> list[str]:
        """Fill draws whose generated quantities failed; return what is to be said."""
        text = self._declared.without_generated_quantities
        rest = partial(_stanli().stan_to_mir, text)
        failed, said = mend(_stanli(), self._mir, rest, values, seed, points, columns)
        if not failed:
            return []
        total = columns.shape[0] * columns.shape[1]
        where = located(self._program, said) if said else "no message"
        return [
            f"generated quantities failed in {failed} of {total} draws, where they are "
            f"NaN: {where}"
        ]


def _build(
    program: StanProgram,
    mir: str,
    values: Mapping[str, Any],
    said: list[str],
    settings: SamplerSettings | None = None,
    listener: Iterations | None = None,
) -> Any:
    """Return stanli's model of a translated program with its data, for one fit."""
    until = None
    if settings is not None and settings.timeout is not None:
        until = time.monotonic() + settings.timeout
    model = model_class(_stanli(), said, listener=listener, until=until)
    try:
        return model(
            mir=mir, data=values, seed=1 if settings is None else settings.seed
        )
    except (RuntimeError, ValueError, TypeError) as err:
        if _UNKNOWN.search(str(err)):
            raise not_supported(program, str(err)) from err
        text = in_plain_words(located(program, str(err)), values)
        raise DataError(
            f"{program.name}: stanli refused the data: {text}",
            remedy="Compare the data with the program's data block.",
        ) from err


def _run(
    program: StanProgram,
    model: Any,
    settings: SamplerSettings,
    said: list[str],
    values: Mapping[str, Any],
    *,
    refresh: int = 0,
) -> Any:
    """Sample; on failure the console is what was ``said`` and the error."""
    starts = _inits(program, model, settings, values)
    try:
        return model.sample(
            chains=settings.chains,
            seed=settings.seed,
            warmup=settings.iter_warmup,
            samples=settings.iter_sampling,
            delta=settings.adapt_delta,
            max_depth=settings.max_treedepth,
            thin=settings.thin,
            save_warmup=settings.save_warmup,
            parallel_chains=settings.parallel_chains,
            metric=settings.metric,
            step_size=settings.step_size,
            adapt_engaged=settings.adapts,
            refresh=refresh,
            **starts,
        )
    except DeadlineError as err:
        console = "\n".join(said)
        raise TimeLimitError.after(program.name, settings.timeout, console) from err
    except (RuntimeError, ValueError) as err:
        raise SamplingError(
            f"{program.name}: sampling with stanli failed: "
            f"{located(program, str(err))}",
            remedy="Check the data, the priors and the initial values.",
            console="\n".join([*said, str(err)]),
        ) from err


def _raw(
    model: Any,
    fit: Any,
    settings: SamplerSettings,
    seconds: float,
    said: list[str],
    versions: Mapping[str, str],
    names: Collection[str] | None = None,
) -> RawDraws:
    """Cut a fit into draws of ``names``, by default of all variables."""
    import numpy as np

    warm = 0
    if settings.save_warmup:
        warm = fit.n_draws - settings.draws
    variables = {
        name: _declared_shape(fit.draws(name), dims)
        for name, dims in fit.variables.items()
        if names is None or name in names
    }
    columns = _stanli().SAMPLER_COLUMNS
    stats = {name: fit.sampler_stats[:, :, i] for i, name in enumerate(columns)}
    metrics = [m for m in fit.inv_metric if m is not None]
    return RawDraws(
        variables={k: v[:, warm:] for k, v in variables.items()},
        stats={k: v[:, warm:] for k, v in stats.items()},
        warmup_variables={k: v[:, :warm] for k, v in variables.items() if warm},
        warmup_stats={k: v[:, :warm] for k, v in stats.items() if warm},
        timings={"total": seconds},
        versions=dict(versions),
        console="\n".join(said),
        warned=tuple(dict.fromkeys(said)),
        sampled=_parameters(model),
        step_size=np.asarray(fit.step_size, dtype=float),
        inv_metric=np.asarray(metrics, dtype=float) if metrics else None,
    )


@lru_cache(maxsize=32)
def _translated(text: str, includes: tuple[Include, ...]) -> str:
    """Translate a program, once: it is half the time of a short fit, as refits are.

    Of copies, as CmdStan has it: of the folders' names, and of marks at the files'
    beginning, the compiler takes fewer than we do.

    Raises
    ------
    RuntimeError
        With stanc's message, which names the files as the program does.
    """
    with scratch_folder("include-") as folder:
        root, names = copy_includes(includes, Path(folder))
        try:
            return str(_stanli().stan_to_mir(text, include_paths=[str(root)]))
        except RuntimeError as err:
            said = str(err)
            for inner, outer in names.items():
                said = said.replace(f"'{inner}'", f"'{outer}'")
            raise RuntimeError(said) from err


def _stanli() -> Any:
    try:
        import stanli
    except ImportError as err:
        raise ToolchainError(
            f"the stanli backend cannot be loaded: {err}",
            remedy="Install it with 'pip install stanli', or use backend='cmdstan'.",
        ) from err
    return stanli


def _require_outputs(program: StanProgram, said: list[str]) -> None:
    """Refuse a program of which stanli would leave quantities out."""
    for text in said:
        if "unavailable" in text:
            raise not_supported(program, text.partition(" Please report")[0])


def _require_parameters(program: StanProgram, model: Any) -> None:
    if model.n_unconstrained == 0:
        raise NotSupportedError(
            f"{program.name} has no parameters to sample, and the stanli backend has "
            "no sampling with fixed parameters.",
            remedy="Use backend='cmdstan' (hbstan install-cmdstan provides it).",
        )


def _parameters(model: Any) -> tuple[str, ...]:
    """Return the names of the program's parameters, those without elements left out."""
    return tuple(dict.fromkeys(_INDEX.split(n)[0] for n in model.constrained_names))


def _inits(
    program: StanProgram,
    model: Any,
    settings: SamplerSettings,
    values: Mapping[str, Any],
) -> dict[str, Any]:
    """Return initial values on the unconstrained scale, which stanli takes."""
    import numpy as np

    inits = plain_inits(
        settings.inits,
        _parameters(model),
        complete=True,
        kinds=declared(program).outputs if settings.inits is not None else None,
        data=values,
    )
    if inits is None:
        return {}
    if isinstance(inits, float):
        return {"init_radius": inits}
    starts = inits if isinstance(inits, list) else [inits] * settings.chains
    try:
        return {"inits": np.stack([_unconstrained(model, s) for s in starts])}
    except (RuntimeError, ValueError) as err:
        raise SettingsError(
            f"inits cannot be used: {err}",
            remedy="Give each parameter a value of its shape and within its bounds.",
        ) from err


def _unconstrained(model: Any, start: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return one chain's start; parameters without elements need not be given."""
    try:
        point: NDArray[np.float64] = model.unconstrain(start)
    except ValueError as err:
        lacking = _NO_START.search(str(err))
        if lacking is None or lacking["name"] in start:
            raise
        return _unconstrained(model, {**start, lacking["name"]: []})
    return point


def _declared_shape(draws: NDArray[Any], dims: tuple[int, ...]) -> NDArray[Any]:
    return draws.reshape(draws.shape[:2] + tuple(dims))
