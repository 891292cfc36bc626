"""The Stan engines, and the rule that chooses one.

Only the modules of this package and of :mod:`hbstan.toolchain` import CmdStanPy
or stanli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    from hbstan.types import Backend

__all__ = ["BACKENDS", "choose"]

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
