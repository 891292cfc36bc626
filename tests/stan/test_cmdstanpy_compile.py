"""Compiling through unmodified CmdStanPy, and what it asks the executable."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cmdstanpy
import numpy as np
import pytest
from cmdstanpy_helpers import CONJUGATE, PROGRAMS, copy_program, run

#: A user's header comes before Stan's, which the compiler then reads whole.
EXHAUSTIVE = pytest.mark.exhaustive(
    *("hbstan/toolchain", "hbstan/backends", "pyproject.toml", "tests/stan/programs")
)


@pytest.fixture(scope="module")
def external(cmdstan: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a program with a C++ function, compiled in a folder with a blank."""
    folder = tmp_path_factory.mktemp("stan") / "a blank and \u00fc"
    program = copy_program("external.stan", folder)
    # CmdStanPy itself refuses headers in folders with blanks.
    header = copy_program("external.hpp", tmp_path_factory.mktemp("header"))
    return cmdstanpy.CmdStanModel(
        stan_file=program,
        user_header=str(header),
        stanc_options={"O1": True, "warn-pedantic": True},
        cpp_options={"CXXFLAGS": "-DPROJECT_FLAG=1"},
        force_compile=True,
    )


def test_version(cmdstan: Path) -> None:
    assert cmdstanpy.utils.cmdstan_version() == (2, 35)
    assert "CMDSTAN_VERSION := 2.35.0" in (cmdstan / "makefile").read_text()


@EXHAUSTIVE
def test_user_header_and_program_without_parameters(external: Any) -> None:
    fit = external.sample({"x": 21}, chains=2, seed=1, show_progress=False)
    np.testing.assert_array_equal(fit.stan_variable("doubled"), 42)
    draws = fit.stan_variable("u")
    assert np.unique(draws).size > 1900
    assert abs(draws.mean() - 0.5) < 5 / np.sqrt(12 * draws.size)


@EXHAUSTIVE
def test_stanc_options_arrive(external: Any) -> None:
    fit = external.sample({"x": 1}, chains=1, seed=1, show_progress=False)
    flags = fit.metadata.cmdstan_config["stancflags"]
    assert "--O1" in flags
    assert "--allow-undefined" in flags
    assert "--filename-in-msg=external.stan" in flags


def test_exe_info(compiled: Any) -> None:
    info = compiled(CONJUGATE).exe_info()
    assert info["stan_version_major"] == "2"
    assert info["stan_version_minor"] == "35"
    assert info["stan_version_patch"] == "0"
    assert info["STAN_THREADS"].lower() == "false"


def test_src_info_and_code(cmdstan: Path) -> None:
    program = PROGRAMS / "external.stan"
    model = cmdstanpy.CmdStanModel(
        stan_file=program, compile=False, stanc_options={"allow-undefined": True}
    )
    info = model.src_info()
    assert set(info["inputs"]) == {"x"}
    assert set(info["generated quantities"]) == {"doubled", "u"}
    assert "real twice(real x);" in model.code()


def test_format(cmdstan: Path, tmp_path: Path) -> None:
    path = tmp_path / "untidy.stan"
    path.write_text("parameters{real x;}model{x~normal(0,1);}\n")
    cmdstanpy.format_stan_file(path, overwrite_file=True, backup=False)
    assert "  x ~ normal(0, 1);" in path.read_text()


def test_syntax_error_is_shown(cmdstan: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.stan"
    path.write_text("parameters { real x }\n")
    with pytest.raises(ValueError, match=r"wrong\.stan.*line 1"):
        cmdstanpy.CmdStanModel(stan_file=path)
    assert not (tmp_path / "wrong").exists()


def test_missing_user_header_is_named(cmdstan: Path, tmp_path: Path) -> None:
    program = copy_program("external.stan", tmp_path)
    with pytest.raises(ValueError, match=r"user_header\.hpp"):
        cmdstanpy.CmdStanModel(
            stan_file=program, stanc_options={"allow-undefined": True}
        )


def test_opencl_is_refused(cmdstan: Path, tmp_path: Path) -> None:
    program = copy_program("conjugate.stan", tmp_path)
    with pytest.raises(ValueError, match="STAN_OPENCL is not supported"):
        cmdstanpy.CmdStanModel(stan_file=program, cpp_options={"STAN_OPENCL": True})


def test_an_executable_is_not_made_twice(
    cmdstan: Path, compiled: Any, tmp_path: Path
) -> None:
    source = copy_program("conjugate.stan", tmp_path)
    exe = Path(shutil.copy(compiled(CONJUGATE).exe_file, tmp_path / "conjugate"))
    before = exe.stat().st_mtime_ns
    os.utime(source, ns=(before - 10**9, before - 10**9))
    command = ["make", str(exe)]
    made = subprocess.run(
        command, cwd=cmdstan, capture_output=True, text=True, check=True
    )
    assert exe.stat().st_mtime_ns == before
    assert "Translating" not in made.stdout
    # A newer program would be made again.
    os.utime(source, ns=(before + 10**9, before + 10**9))
    planned = subprocess.run(
        [*command, "--dry-run"], cwd=cmdstan, capture_output=True, text=True, check=True
    )
    assert "Translating" in planned.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["help"], "generate_quantities"),
        (["help-all"], "stepsize_jitter=<double>"),
        (["method=sample", "help"], "num_warmup"),
        (["sample", "algorithm=hmc", "help"], "metric_file"),
        (["info"], "stan_version_minor = 35"),
    ],
)
def test_help(compiled: Any, tmp_path: Path, words: list[str], message: str) -> None:
    code, console = run(compiled(CONJUGATE).exe_file, words, tmp_path)
    assert code == 0
    assert message in console
    assert list(tmp_path.iterdir()) == []
