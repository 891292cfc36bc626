"""One CmdStan and one cache of compiled programs for the whole session.

Compiled programs are kept by content, so the workers of a parallel run share them,
and each program is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hbstan.compile import compiled_exe


@pytest.fixture(scope="session")
def cmdstan() -> Path:
    """Return the root of the CmdStan installation that the tests run on."""
    from hbstan.toolchain import install_cmdstan, use

    installation = install_cmdstan()
    use(installation)
    return installation.path


@pytest.fixture(scope="session")
def compiled(cmdstan: Path) -> Callable[..., Any]:
    """Return ``compiled(path, **kwargs) -> CmdStanModel``, compiled once."""
    import cmdstanpy

    from hbstan.backends.cmdstan_build import build, toolchain_identity
    from hbstan.toolchain import find_cmdstan

    installation = find_cmdstan()
    assert installation is not None

    def compile_once(
        path: Path,
        *,
        stanc_options: dict[str, Any] | None = None,
        cpp_options: dict[str, Any] | None = None,
    ) -> Any:
        program = compiled_exe(
            path,
            stanc_options=stanc_options,
            cpp_options=cpp_options,
            builder=build,
            toolchain=toolchain_identity(installation),
        )
        return cmdstanpy.CmdStanModel(exe_file=str(program.exe))

    return compile_once
