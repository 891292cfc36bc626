"""The cmdstan backend: everything through CmdStanPy; the reference.

Programs are compiled once per content (:mod:`hbstan.compile`), run by CmdStanPy in
a temporary folder of their own, and read back as arrays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends.cmdstan_model import deadline, model_of
from hbstan.backends.cmdstan_run import DIGITS, QUIET, run_error, sampler_arguments
from hbstan.backends.console import iterations
from hbstan.backends.inits import plain_inits
from hbstan.backends.stan_data import matched_data
from hbstan.errors import SamplingError, ToolchainError
from hbstan.files import scratch_folder
from hbstan.program import declared
from hbstan.types import Progress, RawDraws, SamplerSettings, StanData, StanProgram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.backends.cmdstan_repeat import RepeatedCmdStan
    from hbstan.compile import CompiledProgram

__all__ = ["CmdStanBackend"]

#: Significant digits that carry a double through text without loss.
_EXACT = 17
#: How often progress lines are asked for, in iterations.
_REFRESH = 100


class CmdStanBackend:
    """Compile with CmdStan's makefile and run with CmdStanPy.

    Raises
    ------
    ToolchainError
        If no CmdStan is found.
    """

    name = "cmdstan"

    def __init__(self) -> None:
        from hbstan.toolchain import find_cmdstan, use

        installation = find_cmdstan()
        if installation is None:
            raise ToolchainError(
                "no CmdStan is installed on this machine.",
                remedy="Run 'hbstan install-cmdstan', or use backend='stanli'.",
            )
        use(installation)
        self._installation = installation
        self._identity: str | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of CmdStan and CmdStanPy."""
        import cmdstanpy

        version = self._installation.version_text
        return {"cmdstan": version, "cmdstanpy": cmdstanpy.__version__}

    def compile(
        self, program: StanProgram, *, progress: Progress | None = None
    ) -> CompiledProgram:
        """Compile ``program`` unless its content is in the cache already.

        Raises
        ------
        CompileError
            With stanc's message, file and line.
        """
        from hbstan.backends.cmdstan_build import build, toolchain_identity
        from hbstan.compile import compiled_exe

        if self._identity is None:
            self._identity = toolchain_identity(self._installation)
        return compiled_exe(
            program.file,
            include_paths=program.include_paths,
            builder=build,
            toolchain=self._identity,
            progress=progress,
        )

    def sample(
        self,
        program: StanProgram,
        data: StanData,
        settings: SamplerSettings,
        *,
        progress: Progress | None = None,
    ) -> RawDraws:
        """Draw from the posterior with NUTS, one process per chain.

        Raises
        ------
        CompileError
            If the program does not compile.
        DataError
            If the data are refused.
        SettingsError
            If initial values are not those of the program's parameters. CmdStan
            draws those at random that are not given.
        SamplingError
            If a chain fails; ``console`` holds what CmdStan said. Of these,
            TimeLimitError if the fit took longer than it may.
        ScratchError
            If the folder for temporary files is full.
        """
        compiled = self.compile(program, progress=progress)
        values = matched_data(program, data)
        starts = plain_inits(
            settings.inits,
            compiled.parameters(),
            kinds=declared(program).outputs,
            data=values,
        )
        listener = iterations(progress, settings.chains)
        model = model_of(compiled.exe, listener=listener)
        started = time.perf_counter()
        with scratch_folder() as folder, QUIET:
            try:
                fit = model.sample(
                    data=values,
                    inits=starts,
                    output_dir=folder,
                    refresh=_REFRESH,
                    timeout=deadline(settings.timeout),
                    **sampler_arguments(settings),
                )
                return self._raw(compiled, fit, settings, started)
            except (RuntimeError, ValueError, TypeError, OSError) as err:
                raise run_error(program, values, folder, err, settings) from err

    def repeat(
        self, program: StanProgram, variables: Iterable[str] | None = None
    ) -> RepeatedCmdStan:
        """Compile ``program`` once; see :class:`hbstan.types.Repeats`.

        Raises
        ------
        CompileError
            If the program does not compile.
        """
        from hbstan.backends.cmdstan_repeat import RepeatedCmdStan

        compiled = self.compile(program)
        return RepeatedCmdStan(program, compiled, self.versions(), variables)

    def log_density(
        self, program: StanProgram, data: StanData, parameters: Mapping[str, Any]
    ) -> tuple[float, NDArray[np.float64]]:
        """Return log density and gradient; see :class:`hbstan.types.LogDensity`."""
        model = model_of(self.compile(program).exe)
        values = matched_data(program, data)
        try:
            with QUIET:
                table = model.log_prob(dict(parameters), data=values, sig_figs=_EXACT)
        except (RuntimeError, ValueError, TypeError) as err:
            raise SamplingError(
                f"{program.name}: no log density at this point: {err}", console=str(err)
            ) from err
        row = table.to_numpy(dtype=float)[0]
        return float(row[0]), row[1:]

    def generate_quantities(
        self, program: StanProgram, data: StanData, draws: RawDraws, *, seed: int
    ) -> Mapping[str, NDArray[Any]]:
        """Run generated quantities; see :class:`hbstan.types.GeneratesQuantities`."""
        from hbstan.backends.stan_csv import write_draws

        model = model_of(self.compile(program).exe)
        values = matched_data(program, data)
        with scratch_folder() as folder, QUIET:
            try:
                files = write_draws(Path(folder), program.name, draws)
                out = model.generate_quantities(
                    data=values,
                    previous_fit=files,
                    seed=seed,
                    gq_output_dir=folder,
                    sig_figs=DIGITS,
                )
                chains = len(files)
                return {
                    name: _by_chain(out.stan_variable(name), chains)
                    for name in out.metadata.stan_vars
                }
            except (RuntimeError, ValueError, TypeError, OSError) as err:
                raise run_error(program, values, folder, err) from err

    def _raw(
        self,
        compiled: CompiledProgram,
        fit: Any,
        settings: SamplerSettings,
        started: float,
    ) -> RawDraws:
        # CmdStanPy holds (draw, chain, column); hbstan's arrays start with the chain.
        columns = fit.draws(inc_warmup=settings.save_warmup).transpose(1, 0, 2)
        warm = columns.shape[1] - settings.draws
        meta = fit.metadata
        stats = {k: _extract(v, columns) for k, v in meta.method_vars.items()}
        variables = {k: _extract(v, columns) for k, v in meta.stan_vars.items()}
        times = {
            key: max(float(t[key]) for t in fit.time) for key in ("warmup", "sampling")
        }
        return RawDraws(
            variables={k: v[:, warm:] for k, v in variables.items()},
            stats={k: v[:, warm:] for k, v in stats.items()},
            warmup_variables={k: v[:, :warm] for k, v in variables.items() if warm},
            warmup_stats={k: v[:, :warm] for k, v in stats.items() if warm},
            timings={**times, "total": time.perf_counter() - started},
            versions=dict(self.versions()),
            console=_console(fit),
            sampled=compiled.parameters(),
            step_size=fit.step_size,
            inv_metric=fit.inv_metric,
        )


def _extract(var: Any, columns: NDArray[Any]) -> NDArray[Any]:
    """Cut one variable out of ``(chain, draw, column)``, in its declared shape."""
    out: NDArray[Any] = var.extract_reshape(columns)
    return out


def _by_chain(values: NDArray[Any], chains: int) -> NDArray[Any]:
    """Split ``(chain * draw, *shape)``, chains one after the other."""
    return values.reshape(chains, -1, *values.shape[1:])


def _console(fit: Any) -> str:
    texts = [Path(f).read_text(errors="replace") for f in fit.runset.stdout_files]
    return "\n".join(texts)
