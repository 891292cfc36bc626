"""The stanli backend: Stan's interpreter in a wheel, without a compiler.

It samples and evaluates log densities in process. It has no standalone generated
quantities and no fixed-parameter sampling; asking for them raises
:class:`~hbstan.errors.NotSupportedError`.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hbstan.backends.console import iterations_as_progress
from hbstan.errors import (
    CompileError,
    DataError,
    NotSupportedError,
    SamplingError,
    ToolchainError,
)
from hbstan.types import Progress, RawDraws, SamplerSettings, StanData, StanProgram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["StanliBackend"]

_WHERE = re.compile(r"in '(?P<file>[^']*)', line (?P<line>\d+)")
#: How often progress lines are asked for, in iterations.
_REFRESH = 100


class StanliBackend:
    """Sample with stanli, in process."""

    name = "stanli"

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
        stanli = _stanli()
        paths = [str(p) for p in (*program.include_paths, program.file.parent)]
        try:
            mir: str = stanli.stan_to_mir(program.source(), include_paths=paths)
        except RuntimeError as err:
            raise _compile_error(program, str(err)) from err
        return mir

    def sample(
        self,
        program: StanProgram,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw from the posterior with NUTS.

        Raises
        ------
        CompileError, DataError
            If the program or its data are refused.
        SamplingError
            If a chain fails.
        """
        model = self._model(program, data, settings.seed)
        started = time.perf_counter()
        try:
            with (
                iterations_as_progress(progress, settings.chains) as show,
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore", RuntimeWarning)
                fit = model.sample(
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
                    refresh=_REFRESH if show else 0,
                    **_inits(model, settings),
                )
        except (RuntimeError, ValueError) as err:
            raise SamplingError(
                f"{program.name}: sampling with stanli failed: {err}",
                remedy="Check the data, the priors and the initial values.",
                console=str(err),
            ) from err
        return self._raw(model, fit, settings, time.perf_counter() - started)

    def log_density(
        self, program: StanProgram, data: StanData, parameters: Mapping[str, Any]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return log density and gradient; see :class:`hbstan.types.LogDensity`."""
        model = self._model(program, data, seed=1)
        try:
            value, gradient = model.log_prob_grad(model.unconstrain(parameters))
        except (RuntimeError, ValueError) as err:
            raise SamplingError(
                f"{program.name}: no log density at this point: {err}", console=str(err)
            ) from err
        return float(value), gradient

    def generate_quantities(
        self, program: StanProgram, data: StanData, draws: RawDraws, *, seed: int
    ) -> Mapping[str, NDArray[Any]]:
        """Refuse: stanli has no standalone generated quantities."""
        raise NotSupportedError(
            "the stanli backend cannot run generated quantities on an earlier fit.",
            remedy="Use backend='cmdstan' (hbstan install-cmdstan provides it).",
        )

    def _model(self, program: StanProgram, data: StanData, seed: int) -> Any:
        mir = self.compile(program)
        try:
            return _stanli().Model(mir=mir, data=_plain(data), seed=seed)
        except (RuntimeError, ValueError, TypeError) as err:
            raise DataError(
                f"{program.name}: stanli refused the data: {err}",
                remedy="Compare the data with the program's data block.",
            ) from err

    def _raw(
        self, model: Any, fit: Any, settings: SamplerSettings, seconds: float
    ) -> RawDraws:
        import numpy as np

        columns = _stanli().SAMPLER_COLUMNS
        warm = 0
        if settings.save_warmup:
            warm = fit.n_draws - settings.draws
        variables = {
            name: _declared_shape(fit.draws(name), dims)
            for name, dims in fit.variables.items()
        }
        stats = {name: fit.sampler_stats[:, :, i] for i, name in enumerate(columns)}
        metrics = [m for m in fit.inv_metric if m is not None]
        return RawDraws(
            variables={k: v[:, warm:] for k, v in variables.items()},
            stats={k: v[:, warm:] for k, v in stats.items()},
            warmup_variables={k: v[:, :warm] for k, v in variables.items() if warm},
            warmup_stats={k: v[:, :warm] for k, v in stats.items() if warm},
            timings={"total": seconds},
            versions=dict(self.versions()),
            sampled=tuple(
                dict.fromkeys(n.partition("[")[0] for n in model.constrained_names)
            ),
            step_size=np.asarray(fit.step_size, dtype=float),
            inv_metric=np.asarray(metrics, dtype=float) if metrics else None,
        )


def _stanli() -> Any:
    try:
        import stanli
    except ImportError as err:
        raise ToolchainError(
            f"the stanli backend cannot be loaded: {err}",
            remedy="Install it with 'pip install stanli', or use backend='cmdstan'.",
        ) from err
    return stanli


def _compile_error(program: StanProgram, text: str) -> CompileError:
    """Turn stanc's text into a CompileError that names the user's file."""
    text = text.replace("in 'string'", f"in '{program.file.name}'")
    match = _WHERE.search(text)
    file = match["file"] if match else program.file.name
    if file == program.file.name:
        file = str(program.file)
    return CompileError(
        f"{program.file} does not compile:\n{text.strip()}",
        file=file,
        line=int(match["line"]) if match else None,
        remedy="Correct the program at that line and compile again.",
    )


def _plain(data: StanData) -> dict[str, Any]:
    """Stan data as stanli takes them: NumPy arrays become lists."""
    return {
        key: value.tolist() if hasattr(value, "tolist") else value
        for key, value in data.items()
    }


def _inits(model: Any, settings: SamplerSettings) -> dict[str, Any]:
    """Return initial values on the unconstrained scale, which stanli takes."""
    inits = settings.inits
    if inits is None:
        return {}
    if isinstance(inits, Mapping):
        return {"inits": model.unconstrain(_plain(inits))}
    if isinstance(inits, Sequence):
        import numpy as np

        return {"inits": np.stack([model.unconstrain(_plain(i)) for i in inits])}
    return {"init_radius": float(inits)}


def _declared_shape(draws: NDArray[Any], dims: tuple[int, ...]) -> NDArray[Any]:
    return draws.reshape(draws.shape[:2] + tuple(dims))
