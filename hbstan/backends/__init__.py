"""The Stan engines, and the rule that chooses one.

Only the modules of this package and of :mod:`hbstan.toolchain` import CmdStanPy
or stanli.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from hbstan.errors import NotSupportedError, SettingsError
from hbstan.types import GeneratesQuantities, Repeats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.types import Backend, RawDraws, RepeatedSampler, StanData, StanProgram

__all__ = ["BACKENDS", "choose", "generate_quantities", "repeated"]

#: The names that ``backend=`` and ``--backend`` accept.
BACKENDS = ("auto", "cmdstan", "stanli")


def choose(backend: str | Backend = "auto") -> Backend:
    """Return the backend of that name, or the one that ``"auto"`` stands for.

    ``"auto"`` is the CmdStan that CmdStanPy would find or that hbstan assembled;
    where there is none, stanli. The returned object's ``name`` says which it is.

    Parameters
    ----------
    backend : str or Backend
        ``"auto"``, ``"cmdstan"``, ``"stanli"``, or a backend object, which is
        returned as it is.

    Returns
    -------
    Backend

    Raises
    ------
    SettingsError
        If the name is unknown.
    ToolchainError
        If ``"cmdstan"`` is asked for and no CmdStan is installed.
    """
    if not isinstance(backend, str):
        return backend
    if backend not in BACKENDS:
        raise SettingsError(
            f"backend is {backend!r}, but must be one of {', '.join(BACKENDS)}."
        )
    if backend == "auto":
        from hbstan.toolchain import find_cmdstan

        backend = "stanli" if find_cmdstan() is None else "cmdstan"
    if backend == "stanli":
        from hbstan.backends.stanli import StanliBackend

        return StanliBackend()
    from hbstan.backends.cmdstan import CmdStanBackend

    return CmdStanBackend()


def generate_quantities(
    backend: Backend,
    program: StanProgram,
    data: StanData,
    draws: RawDraws,
    *,
    seed: int,
) -> Mapping[str, NDArray[Any]]:
    """Run a program's generated quantities on draws of an earlier fit.

    Parameters
    ----------
    backend : Backend
        One that fulfils :class:`hbstan.types.GeneratesQuantities`.
    program : StanProgram
        Its parameters must be among the draws.
    data : mapping
        The program's data; they may differ from those of the fit.
    draws : RawDraws
        The draws of the parameters.
    seed : int
        For the random numbers in generated quantities.

    Returns
    -------
    mapping of str to ndarray
        Each of shape ``(chain, draw, *shape)``.

    Raises
    ------
    NotSupportedError
        If the backend cannot do this.
    """
    if not isinstance(backend, GeneratesQuantities):
        raise NotSupportedError(
            f"the {backend.name} backend cannot run generated quantities on an "
            "earlier fit.",
            remedy="Use backend='cmdstan' (hbstan install-cmdstan provides it).",
        )
    return backend.generate_quantities(program, data, draws, seed=seed)


def repeated(
    backend: Backend, program: StanProgram, variables: Iterable[str] | None = None
) -> RepeatedSampler:
    """Return a sampler of one program for many sets of data.

    It gives the draws of ``backend.sample``, at less cost where the backend fulfils
    :class:`hbstan.types.Repeats`.

    Parameters
    ----------
    backend : Backend
        Any backend.
    program : StanProgram
        Translated or compiled here, where the backend prepares it.
    variables : iterable of str, optional
        The program's variables that are wanted; others may be left out. By default
        all.

    Returns
    -------
    RepeatedSampler
        A function of data and settings, which threads may share. It cannot be
        pickled: each process makes its own.

    Raises
    ------
    CompileError
        If the program does not compile.
    """
    if isinstance(backend, Repeats):
        return backend.repeat(program, variables)
    return partial(backend.sample, program)
