"""One CmdStan and one cache of compiled programs for the whole session.

The CmdStan is the one that hbstan finds. With ``HBSTAN_TEST_ASSEMBLED=1`` it is the
one assembled in ``HBSTAN_CACHE``, whatever else the machine has.

Compiled programs are kept by content, so the workers of a parallel run share them,
and each program is compiled once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from hbstan.compile import compiled_exe


@pytest.fixture(autouse=True, scope="module")
def _scratch_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work in an empty folder, for CmdStan leaves a profile.csv where it is run."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("scratch"))
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def cmdstan() -> Path:
    """Return the root of the CmdStan installation that the tests run on."""
    from hbstan.toolchain import cache_dir, install_cmdstan, use

    own = os.environ.get("HBSTAN_TEST_ASSEMBLED") == "1"
    installation = install_cmdstan(dir=cache_dir() if own else None)
    # Programs in processes of their own shall find the same one.
    os.environ["CMDSTAN"] = str(installation.path)
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


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make figures, but do not render them, which is half of a workflow's time.

    The workflow that the command makes for all tests renders its own.
    """

    def save(figure: Figure, file: Path, *, dpi: float) -> None:
        assert figure.axes
        file.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')

    monkeypatch.setattr("hbstan.plots.save.save", save)
