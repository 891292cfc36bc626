"""Real compilations through the cache: paths, includes, edits, errors."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hbstan.backends.cmdstan_build import build, toolchain_identity
from hbstan.compile import CompiledProgram, compile, compiled_exe
from hbstan.errors import CompileError
from hbstan.toolchain import find_cmdstan

PROGRAM = """\
functions {
  #include shift.stanfunctions
}
parameters {
  real x;
}
model {
  x ~ normal(shift(0), 1);
}
"""


@pytest.fixture(scope="module")
def toolchain(cmdstan: Path) -> str:
    installation = find_cmdstan()
    assert installation is not None
    return toolchain_identity(installation)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: what it compiles is really compiled."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program in a folder that make could not take."""
    folder = tmp_path / "my modèles, 2"
    folder.mkdir()
    (folder / "shift.stanfunctions").write_text("real shift(real x) { return x; }\n")
    (folder / "shifted x.stan").write_text(PROGRAM)
    return folder / "shifted x.stan"


def sampled(program: CompiledProgram) -> Any:
    import cmdstanpy

    model = cmdstanpy.CmdStanModel(exe_file=str(program.exe))
    return model.sample(
        seed=1, chains=2, iter_warmup=200, iter_sampling=500, show_progress=False
    )


@pytest.mark.exhaustive("hbstan/compile.py", "hbstan/backends", "hbstan/toolchain")
@pytest.mark.slow
def test_odd_paths_compile_once_and_edited_includes_again(
    program: Path, toolchain: str, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def untouched(source: Path, *_: Any) -> Path:
        exe = source.with_suffix("")
        exe.write_text("a program")
        return exe

    def ask(builder: Any) -> CompiledProgram:
        return compiled_exe(
            program,
            builder=builder,
            toolchain=toolchain,
            cache_dir=cache,
            stanc_options={"O1": True},
        )

    first = ask(untouched)
    os.utime(program)
    second = ask(untouched)
    assert (first.cached, second.cached) == (False, True)
    assert second.exe == first.exe
    # The next one is compiled in earnest.
    edited = "real shift(real x) { return x + 5; }\n"
    (program.parent / "shift.stanfunctions").write_text(edited)
    third = ask(build)
    assert capfd.readouterr() == ("", "")
    assert not third.cached
    assert third.exe.name == first.exe.name == "shifted_x"
    assert first.exe.read_text() == "a program"
    # 1000 draws with an effective size above 200: standard error below 0.07.
    fit = sampled(third)
    assert np.mean(fit.stan_variable("x")) == pytest.approx(5, abs=0.35)
    assert "--O1" in fit.metadata.cmdstan_config["stancflags"]
    assert sorted(p.name for p in program.parent.iterdir()) == [
        "shift.stanfunctions",
        "shifted x.stan",
    ]


def failing(program: Path, toolchain: str, cache: Path, **kwargs: Any) -> CompileError:
    with pytest.raises(CompileError) as caught:
        compiled_exe(
            program, builder=build, toolchain=toolchain, cache_dir=cache, **kwargs
        )
    assert str(cache) not in str(caught.value)
    return caught.value


def test_syntax_error_has_file_and_line(
    program: Path, toolchain: str, cache: Path
) -> None:
    program.write_text(PROGRAM.replace("real x;", "real x"))
    error = failing(program, toolchain, cache)
    assert (error.file, error.line) == (str(program), 6)
    assert f"'{program}', line 6" in str(error)
    assert re.match("Syntax error", str(error))
    assert "make" not in str(error)


def test_error_in_an_included_file_names_that_file(
    program: Path, toolchain: str, cache: Path
) -> None:
    shift = program.parent / "shift.stanfunctions"
    shift.write_text("\nreal shift(real x) { return z; }\n")
    error = failing(program, toolchain, cache)
    assert (error.file, error.line) == (str(shift), 2)
    assert f"'{program}', line 2" in str(error)
    assert "'z' not in scope" in str(error)


def test_cxx_error_shows_the_compiler(
    program: Path, toolchain: str, cache: Path, tmp_path: Path
) -> None:
    header = tmp_path / "mine.hpp"
    header.write_text('#include "no_such_file.hpp"\n')
    program.write_text(PROGRAM.replace("#include shift.stanf", "real shift(real x);//"))
    options = {"USER_HEADER": str(header)}
    stanc = {"allow-undefined": True}
    error = failing(program, toolchain, cache, cpp_options=options, stanc_options=stanc)
    assert "the C++ compiler failed" in str(error)
    assert "no_such_file.hpp" in str(error)


def test_identity_follows_the_settings(
    cmdstan: Path, toolchain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = find_cmdstan()
    assert installation is not None
    assert installation.version_text in toolchain
    assert toolchain_identity(installation) == toolchain
    monkeypatch.setenv("CXXFLAGS", "-march=native")
    assert toolchain_identity(installation) != toolchain


@pytest.mark.slow
def test_compile_by_name_and_file(cmdstan: Path, tmp_path: Path) -> None:
    done = compile("logit_noncentered", backend="cmdstan")
    assert done.exe is not None
    assert os.access(done.exe, os.X_OK)
    assert compile(done.program, backend="cmdstan").cached
    assert done.record()["exe"] == str(done.exe)
    assert str(done.exe) in done.sentence


def test_stanli_needs_no_executable() -> None:
    done = compile("logit_noncentered", backend="stanli")
    assert (done.exe, done.backend) == (None, "stanli")
    assert "needs no executable" in done.sentence
