"""Stan programs without parameters, run once: generators written in Stan."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.backends.cmdstan_model import deadline, model_of
from hbstan.backends.cmdstan_run import QUIET, ended
from hbstan.errors import CompileError, SamplingError
from hbstan.files import scratch_folder
from hbstan.includes import find_includes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.types import StanData, StanProgram

__all__ = ["program_info", "run_fixed"]

#: Significant digits that carry a double through text without loss.
_EXACT = 17


def program_info(program: StanProgram) -> dict[str, dict[str, Any]]:
    """Return what stanc knows of a program: its variables by block.

    Parameters
    ----------
    program : StanProgram

    Returns
    -------
    dict
        ``inputs``, ``parameters``, ``transformed parameters`` and ``generated
        quantities``, each a mapping of names to ``type`` (``"int"`` or ``"real"``)
        and ``dimensions``.

    Raises
    ------
    ToolchainError
        If there is no CmdStan.
    CompileError
        If stanc refuses the program.
    """
    from hbstan.backends.cmdstan import CmdStanBackend
    from hbstan.backends.cmdstan_build import program_account

    CmdStanBackend()  # has CmdStanPy use the CmdStan that hbstan finds
    find_includes(program.file, program.include_paths)
    paths = [str(path) for path in program.include_paths]
    try:
        info: dict[str, dict[str, Any]] = program_account(
            program.file, {"include-paths": paths} if paths else {}
        )
    except (RuntimeError, ValueError, OSError) as err:
        raise CompileError(
            f"{program.file} does not compile:\n{err}",
            file=str(program.file),
            remedy="Correct the program and compile again.",
        ) from err
    return info


@functools.lru_cache(maxsize=4)
def _model(program: StanProgram) -> Any:
    """Return the compiled program, looked up once in each process."""
    from hbstan.backends.cmdstan import CmdStanBackend

    compiled = CmdStanBackend().compile(program)
    return model_of(compiled.exe)


def run_fixed(
    program: StanProgram, data: StanData, *, seed: int, timeout: float | None = None
) -> Mapping[str, NDArray[Any]]:
    """Run a program's generated quantities once, with fixed parameters.

    Parameters
    ----------
    program : StanProgram
        A program without parameters.
    data : mapping
        Its data.
    seed : int
        Of Stan's random numbers.
    timeout : float, optional
        Seconds that it may take.

    Returns
    -------
    mapping of str to ndarray
        Each generated quantity in its declared shape, with all its digits.

    Raises
    ------
    ToolchainError, CompileError
        If there is no CmdStan, or the program does not compile.
    SamplingError
        If the run fails, e.g. in a ``reject`` of the program's.
    """
    from hbstan.backends.stan_data import matched_data

    model = _model(program)
    values = matched_data(program, data)
    with scratch_folder() as folder, QUIET:
        try:
            fit = model.sample(
                data=values,
                fixed_param=True,
                chains=1,
                iter_sampling=1,
                seed=seed,
                output_dir=folder,
                sig_figs=_EXACT,
                show_progress=False,
                timeout=deadline(timeout),
            )
            names = fit.metadata.stan_vars
            return {name: fit.stan_variable(name)[0] for name in names}
        except (RuntimeError, ValueError, TypeError, OSError) as err:
            outside = ended(program.name, folder, err, timeout)
            if outside is not None:
                raise outside from err
            raise SamplingError(
                f"{program.name}: the generator failed: {err}",
                remedy="Run it alone to see what it rejects.",
                console=str(err),
            ) from err
