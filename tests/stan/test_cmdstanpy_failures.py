"""Whatever goes wrong ends with a non-zero exit code and a message that says why."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cmdstanpy_helpers import CONJUGATE, FAILING, QUICK, TRUTH, run


@pytest.fixture(scope="module")
def model(compiled: Any) -> Any:
    """Return the conjugate program, compiled."""
    return compiled(CONJUGATE)


@pytest.fixture(scope="module")
def failing(compiled: Any) -> Any:
    """Return the program that fails where its data say so."""
    return compiled(FAILING)


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Return the words that give the conjugate program its data."""
    path = tmp_path / "data.json"
    path.write_text(json.dumps(TRUTH.data))
    return f"file={path}"


def test_the_failing_program_can_succeed(failing: Any) -> None:
    fit = failing.sample({"where": 0}, **QUICK)
    assert fit.draws().shape[0] == 100
    assert failing.sample({"where": 5}, inits=1, **QUICK).draws().shape[0] == 100


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (1, "deliberate failure in transformed data"),
        (2, "deliberate rejection of every initial value"),
        (3, "deliberate fatal error in the model"),
        (4, "deliberate fatal error in generated quantities"),
        (7, "where is 7"),
    ],
)
def test_programs_that_throw(failing: Any, where: int, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        failing.sample({"where": where}, **QUICK)


def test_rejected_inits(failing: Any) -> None:
    with pytest.raises(RuntimeError):
        failing.sample({"where": 5}, inits={"x": 101}, **QUICK)


def test_inits_outside_the_support(model: Any) -> None:
    with pytest.raises(RuntimeError):
        model.sample(TRUTH.data, inits={"theta": 2.0, "mu": 0}, **QUICK)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"r": 21}, "r is 21"),
        ({"n": None}, "variable does not exist"),
        ({"n": 1.5}, "int variable contained non-int values"),
        ({"y": [1, 2]}, "mismatch in dimension"),
    ],
)
def test_data_errors(
    model: Any, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    given = {k: v for k, v in {**TRUTH.data, **change}.items() if v is not None}
    path = tmp_path / "data.json"
    path.write_text(json.dumps(given))
    code, console = run(model.exe_file, ["sample", "data", f"file={path}"], tmp_path)
    assert code != 0
    assert message in console
    assert not (tmp_path / "output.csv").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.json", None, "cannot open data file"),
        ("broken.json", "{ n: 1", "cannot read data file"),
        ("data.txt", "n 1", "must end in .json or .R"),
    ],
)
def test_data_files(
    model: Any, tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    code, console = run(model.exe_file, ["sample", "data", f"file={path}"], tmp_path)
    assert code != 0
    assert message in console
    assert name in console


def test_r_dump_data(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "data.R"
    path.write_text("n <- 20\nr <- 7\nN <- 5\ny <- c(1.2, 0.4, 2.1, 1.7, 0.9)\n")
    words = ["optimize", "data", f"file={path}", "output", "sig_figs=10"]
    code, _ = run(model.exe_file, words, tmp_path)
    assert code == 0
    lines = (tmp_path / "output.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if line[:1] != "#"]
    assert float(rows[1][rows[0].index("theta")]) == pytest.approx(8 / 23, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "A method must be specified!"),
        (["smaple"], "smaple is either mistyped or misplaced."),
        (["sample", "num_samples=-1"], "0 <= num_samples"),
        (["sample", "num_samples=1.5"], "1.5 is not a valid value"),
        (["sample", "num_samples="], "is not a valid value"),
        (["sample", "thin=0"], "0 < thin"),
        (["sample", "adapt", "delta=1"], "0 < delta < 1"),
        (["sample", "algorithm=gibbs"], "hmc, fixed_param"),
        (["adapt", "delta=0.9", "sample"], "method=sample adapt"),
        (["sample", "save_warmup=maybe"], "0, 1, false, true"),
        (["sample", "output", "sig_figs=19"], "1 <= sig_figs <= 18"),
        (["sample", "random", "seed=4294967296"], "4294967295"),
        (["sample", "num_threads=2"], "STAN_THREADS=TRUE"),
        (["sample", "num_warmup=0"], "num_warmup"),
        (["sample", "init=-1"], "init=-1"),
        (["sample", "output", "file="], "output file="),
        (["sample", "output", "file=a.csv,b.csv"], "number of chains"),
        (["sample", "algorithm=hmc", "engine=static", "num_chains=2"], "num_chains=2"),
        (["generate_quantities"], "fitted_params"),
        (["generate_quantities", "fitted_params=no.csv"], "no.csv"),
        (["laplace"], "mode"),
        (["laplace", "mode=no.json"], "no.json"),
        (["log_prob"], "unconstrained_params"),
    ],
)
def test_bad_arguments(
    model: Any, tmp_path: Path, data: str, words: list[str], message: str
) -> None:
    given = [*words, "data", data] if words else []
    code, console = run(model.exe_file, given, tmp_path)
    assert code != 0
    assert message in console


@pytest.mark.parametrize(
    "words",
    [
        ["sample"],
        ["sample", "num_chains=2"],
        ["optimize"],
        ["variational"],
        ["pathfinder"],
        ["diagnose"],
    ],
)
@pytest.mark.parametrize("target", ["/dev/full", "no/such/folder/out.csv"])
def test_output_that_cannot_be_written(
    model: Any, tmp_path: Path, data: str, words: list[str], target: str
) -> None:
    if target == "/dev/full" and "num_chains=2" in words:
        target = "/dev/full,/dev/full"
    given = [*words, "data", data, "random", "seed=1", "output", f"file={target}"]
    code, console = run(model.exe_file, given, tmp_path)
    assert code != 0
    assert "output file '" in console
    assert "No space left" in console or "No such file" in console


def test_disk_that_fills_up_during_the_run(
    model: Any, tmp_path: Path, data: str
) -> None:
    def limit() -> None:
        # The header and some draws fit; the limit stands in for a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    # The shell has the program see the failed write, not the signal.
    ignore = ["sh", "-c", 'trap "" XFSZ; exec "$0" "$@"']
    words = ["sample", "data", data, "output", "file=out.csv"]
    process = subprocess.run(
        [*ignore, model.exe_file, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert process.returncode != 0
    assert "cannot write output file 'out.csv'" in process.stderr + process.stdout
    assert (tmp_path / "out.csv").stat().st_size == 20_000


def test_truncated_draws_are_no_input(model: Any, tmp_path: Path, data: str) -> None:
    fit = model.sample(TRUTH.data, **{**QUICK, "chains": 1})
    text = Path(fit.runset.csv_files[0]).read_text()
    cut = tmp_path / "cut.csv"
    lines = [line for line in text.splitlines() if line[:1] != "#"]
    cut.write_text("\n".join(lines)[:-40])
    words = ["generate_quantities", f"fitted_params={cut}", "data", data]
    code, console = run(model.exe_file, words, tmp_path)
    assert code != 0
    assert "truncated" in console
