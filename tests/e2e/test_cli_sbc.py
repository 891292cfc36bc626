"""Calibrations from the shell: files, output, messages, exit codes, interruptions."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import xarray as xr
from command import SECONDS, Command, Ran, interruptible

import hbstan as hb
from hbstan.sbc.result import SBCResult

#: Compiled for the tests of the engines as well.
PROGRAMS = Path(__file__).parents[1] / "stan" / "programs"
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
EIGHT = ("sbc", "eight_schools_noncentered", "--backend", "stanli")
SHORT = ("--iter-warmup", "200", "--iter-sampling", "200")
FEW = (*EIGHT, *SHORT, "--sims", "20", "--seed", "1")

NORMAL = """
data { int<lower=1> N; vector[N] y; }
parameters { real m; }
model { m ~ normal(0, 1); y ~ normal(m, 1); }
"""
GENERATOR = """
import numpy as np

N = 4


def simulate(rng):
    m = rng.normal()
    return {"m": m}, {"N": N, "y": rng.normal(m, 1, N)}


def wrong(rng):
    m = rng.normal()
    return {"m": m}, {"N": N, "y": rng.normal(m + 1, 1, N)}


def simulate_given(rng):
    m = rng.normal()
    return {"m": m}, {"y": rng.normal(m, 1, 3)}


def breaks(rng):
    raise RuntimeError("deliberate failure")


def square(parameters, data):
    return parameters["m"] ** 2
"""
CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    one = {"n_workers": 1, "threads_per_worker": 2, "processes": False}
    where = {"protocol": "tcp://", "dashboard_address": None}
    with LocalCluster(**one, **where) as c:
        print(c.scheduler_address, flush=True)
        sys.stdin.read()
"""
LONG = ("sbc", "my.stan", "--backend", "stanli", "--adapt-delta", "0.8")
OWN = (*LONG, *SHORT)
SIMULATE = ("--generator", "gen.py:simulate")


def assert_clean(ran: Ran) -> None:
    """No traceback, no control characters: this output goes to files and logs."""
    text = ran.out + ran.err
    assert "Traceback" not in text
    assert not CONTROL.findall(text), text


def write_own(command: Command) -> None:
    command.write("my.stan", NORMAL)
    command.write("gen.py", GENERATOR)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, bare_env: dict[str, str]) -> Path:
    """Return a folder with one small calibration, its files and output."""
    folder = tmp_path_factory.mktemp("kept")
    ran = Command(folder, bare_env)(*FEW, "--out", "res", "--json", code=1)
    (folder / "out.json").write_text(ran.out, encoding="utf-8")
    (folder / "err.txt").write_text(ran.err, encoding="utf-8")
    return folder


# Files and output


def test_help(hbstan: Command) -> None:
    ran = hbstan("sbc", "--help")
    assert "Usage: hbstan sbc" in ran.out
    assert not ran.err
    assert_clean(ran)


def test_the_files_and_their_contract(kept: Path) -> None:
    names = {path.name for path in (kept / "res").iterdir()}
    figures = {f"{name}.png" for name in hb.plots.SBC_FIGURES}
    assert names == {"store", "sbc.nc", "summary.json", *figures}
    with xr.open_dataset(kept / "res" / "sbc.nc", engine="h5netcdf") as saved:
        rank = saved["rank"].load()
    assert rank.dims == ("sim_id", "quantity")
    assert rank.sizes["sim_id"] == 20
    assert {"mu", "tau", "log_likelihood"} <= set(rank["quantity"].values)
    assert int(rank.min()) >= 0
    assert int(rank.max()) <= 119
    for name in figures:
        pixels = matplotlib.image.imread(kept / "res" / name)
        assert min(pixels.shape[:2]) > 300
        assert np.ptp(pixels[..., :3]) > 0.5


def test_the_summary_is_the_record_of_the_result(kept: Path) -> None:
    summary = json.loads((kept / "res" / "summary.json").read_text(encoding="utf-8"))
    assert summary == SBCResult.load(kept / "res" / "sbc.nc").record()
    assert summary["seed"] == 1
    assert summary["backend"] == "stanli"
    printed = json.loads((kept / "out.json").read_text(encoding="utf-8"))
    files = printed.pop("files")
    assert printed == summary
    there = {str(p.relative_to(kept)) for p in (kept / "res").iterdir() if p.is_file()}
    assert set(files) == there


def test_json_leaves_the_text_to_standard_error(kept: Path) -> None:
    text = (kept / "err.txt").read_text(encoding="utf-8")
    assert "simulations: 0 of 20" in text
    assert "simulations: 20 of 20" in text
    assert "Calibration of eight_schools_noncentered" in text
    assert "wrote res" in text
    assert_clean(Ran(1, "", text))


def test_twenty_simulations_decide_nothing(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*LONG, *SIMULATE, "--sims", "20", "--seed", "1", "--max-rank", "19")
    ran = hbstan(*args, code=1)
    assert "Nothing was decided: underpowered." in ran.out
    assert re.search(r"Run at least \d+ simulations", ran.out)
    assert_clean(ran)


@pytest.mark.parametrize("width", [80, 200])
def test_tables_fit_the_screen(hbstan: Command, width: int) -> None:
    ran = hbstan(*FEW, "--quantity", "a=q.py:a", code=2)  # there is no such file
    assert "'q.py' cannot be read" in ran.err
    ran = hbstan(*FEW, code=1, COLUMNS=str(width))
    assert max(map(len, ran.out.splitlines())) <= width
    assert "…" not in ran.out
    assert re.search(r"^... and \d+ more, ", ran.out, re.M)
    for title in ("Quantities", "Coverage", "Recovery by tau", "Checks"):
        assert re.search(f"^{title}", ran.out, re.M), title
    assert re.search(
        r"^20 simulations in \d+\.\d s \(.*/s\), start included;", ran.out, re.M
    )


def test_a_calibration_passes(hbstan: Command) -> None:
    write_own(hbstan)
    # The power for a shift of 0.3 sd needs some hundreds, of a cheap program.
    args = (*LONG, *SIMULATE, "--sims", "600", "--seed", "3")
    ran = hbstan(*args)
    assert "Calibrated: every check passed." in ran.out
    assert "Would have been found with probability 0.8" in ran.out
    assert_clean(ran)


def test_a_wrong_generator_fails(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*LONG, "--generator", "gen.py:wrong", "--sims", "100", "--seed", "1")
    ran = hbstan(*args, "--json", code=1)
    (check,) = (c for c in ran.json["checks"] if c["name"] == "uniformity")
    assert check["outcome"] == "fail"
    assert check["subjects"] == ["m"]
    assert "biased upward" in check["detail"]
    assert "Not calibrated: m" in ran.err


def test_quantities_and_constant_data_of_ones_own(hbstan: Command) -> None:
    write_own(hbstan)
    hbstan.write("n.json", '{"N": 3}')
    generator = ("--generator", "gen.py:simulate_given")
    quantity = ("--quantity", "square=gen.py:square")
    args = (*OWN, *generator, *quantity, "--sims", "10", "--seed", "1", "--json")
    record = hbstan("sbc", "my.stan", "n.json", *args[2:], code=1).json
    assert record["quantities"][1]["quantity"] == "square"
    assert record["quantities"][1]["role"] == "test_quantity"


def test_regions_are_those_that_are_asked_for(hbstan: Command) -> None:
    ran = hbstan(*FEW, "--by", "mu", "--cuts=-1,0,1", "--json", code=1)
    assert ran.json["regimes"]["by"] == "mu"
    assert ran.json["regimes"]["cuts"] == [-1, 0, 1]
    assert "Recovery by mu" in ran.err
    assert {row["interval"] for row in ran.json["regimes"]["rows"]} >= {"-1 to 0"}


BINOMIAL = ("sbc", "logit_noncentered")
FOUR = (*SHORT, "--sims", "4", "--seed", "1", "--backend", "stanli", "--json")


def test_a_design_of_sizes(hbstan: Command) -> None:
    record = hbstan(*BINOMIAL, "--design", "n=47, 148,119", *FOUR, code=1).json
    assert record["problem"]["design"] == "n = 47, 148, 119"
    assert record["problem"]["kind"] == "prior"


def test_a_design_of_standard_errors_needs_priors(hbstan: Command) -> None:
    args = (*EIGHT, "--design", "sigma=0.5,2", *FOUR)
    assert "no default priors" in hbstan(*args, code=2).err
    priors = ("--prior", "mu=Normal(0,5)", "--prior", "tau=HalfNormal(2)")
    record = hbstan(*args, *priors, code=1).json
    assert record["problem"]["design"] == "sigma = 0.5, 2"
    assert record["problem"]["priors"]["tau"] == {"family": "HalfNormal", "args": [2.0]}


def test_a_table_as_design(hbstan: Command) -> None:
    hbstan.write("ops.csv", "ward,size,deaths\nA,100,12\nB,200,19\nC,150,16\n")
    columns = ("--group", "ward", "--trials", "size", "--events", "deaths")
    record = hbstan(*BINOMIAL, "ops.csv", *columns, *FOUR, code=1).json
    assert record["problem"]["design"] == "n = 100, 200, 150"
    assert "theta[C]" in [row["quantity"] for row in record["quantities"]]


def test_around_data(hbstan: Command) -> None:
    around = ("--around-data", "groups")
    ran = hbstan(*BINOMIAL, "surgical", *around, *FOUR, code=1)
    assert ran.json["problem"]["kind"] == "posterior"
    assert "as many groups replicated" in ran.json["problem"]["design"]
    assert "around the data at hand" in ran.err
    assert "theta[L (new)]" in [row["quantity"] for row in ran.json["quantities"]]


def test_quiet_says_nothing(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*OWN, *SIMULATE, "--sims", "5", "--seed", "1", "--quiet", "--out", "res")
    ran = hbstan(*args, code=1)
    assert (ran.out, ran.err) == ("", "")
    assert (hbstan.folder / "res" / "sbc.nc").is_file()


def test_executors_agree(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*OWN, *SIMULATE, "--sims", "6", "--seed", "1", "--json")
    args += ("--workers", "1")
    first, *others = (
        hbstan(*args, "--executor", name, code=1).json
        for name in ("processes", "threads", "serial")
    )
    assert others == [first, first]


# Going on


def test_a_finished_run_gives_the_same_summary_again(
    kept: Path, bare_env: dict[str, str]
) -> None:
    command, path = Command(kept, bare_env), kept / "res" / "summary.json"
    before = path.read_bytes()
    path.unlink()
    ran = command(*FEW, "--out", "res", "--resume", "--no-figures", code=1)
    assert path.read_bytes() == before
    assert "20 simulations, all of them from before" in ran.out


def test_a_run_in_two_halves_gives_the_same_summary(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*OWN, *SIMULATE, "--no-figures")
    hbstan(*args, "--sims", "12", "--seed", "1", "--out", "whole", code=1)
    hbstan(*args, "--sims", "5", "--seed", "1", "--out", "halves", code=1)
    # The seed is the store's.
    ran = hbstan(*args, "--sims", "12", "--out", "halves", "--resume", code=1)
    assert "12 simulations, 5 of them from before" in ran.out
    one, other = (hbstan.folder / d / "summary.json" for d in ("whole", "halves"))
    assert one.read_bytes() == other.read_bytes()
    assert not list((hbstan.folder / "whole").glob("*.png"))


def test_an_interrupted_run_can_be_gone_on_with(hbstan: Command) -> None:
    write_own(hbstan)
    args = (*OWN, *SIMULATE, "--out", "res", "--no-figures")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        hbstan.argv(*args, "--sims", "100000", "--workers", "1"),
        cwd=hbstan.folder,
        env=hbstan.env,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
        preexec_fn=interruptible,
    ) as process:
        records = hbstan.folder / "res" / "store" / "simulations"
        wait_for(lambda: any(records.glob("*/*.json")), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    found = re.search(r"(\d+) of 100000 simulations are finished", err)
    assert found
    assert "--resume" in err
    assert_clean(Ran(130, out, err))
    ran = hbstan(*args, "--sims", "5", "--resume", code=1)
    assert "of them from before" in ran.out


def wait_for(ready, process: subprocess.Popen[str]) -> None:
    """Wait until something is so, as long as the process lives."""
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


# Bad input

STORED = ("--out", "res")
BAD_INPUT = {
    "unknown model": (("sbc", "logit_noncenterd"), "'logit_noncentered'?"),
    "no simulations": ((*EIGHT, "--sims", "0"), "n_sims is 0"),
    "no workers": ((*EIGHT, "--workers", "0"), "workers is 0"),
    "executor": ((*EIGHT, "--executor", "mpi"), "'processes'"),
    "two work forces": (
        (*EIGHT, "--workers", "2", "--scheduler", "tcp://x:1"),
        "--scheduler (tcp://x:1) and --workers",
    ),
    "no folder to resume": ((*EIGHT, "--resume"), "--out DIR"),
    "design in words": ((*EIGHT, "--design", "n=a,b"), "--design has 'a'"),
    "design of nothing": ((*EIGHT, "--design", "15,10"), "must begin with n="),
    "design with halves": (
        ("sbc", "logit_noncentered", "--design", "n=10,7.5"),
        "--design n has 7.5",
    ),
    "design of another kind": ((*EIGHT, "--design", "n=10,20"), "eight_schools"),
    "design and data": (
        (*EIGHT, "--design", "n=1,2", "eight_schools"),
        "--design and DATA (eight_schools)",
    ),
    "columns of nothing": ((*EIGHT, "--group", "g"), "no DATA are given"),
    "cuts in words": ((*EIGHT, "--cuts", "0.3,x"), "--cuts has 'x'"),
    "cuts that fall": ((*EIGHT, "--cuts", "0.5,0.3"), "above the one before"),
    "regions of nothing": ((*EIGHT, "--by", "tua"), "--by is 'tua'"),
    "around nothing": ((*EIGHT, "--around-data", "groups"), "no DATA are given"),
    "max-rank": ((*EIGHT, "--max-rank", "0"), "max_rank is 0"),
    "adapt-delta": ((*EIGHT, "--adapt-delta", "2"), "between 0 and 1"),
    "seed": ((*EIGHT, "--seed", "-1"), "seed is -1"),
    "prior": ((*EIGHT, "--prior", "tau=Foo(1)"), "HalfCauchy"),
    "no generator": (("sbc", "my.stan"), "my.stan"),
    "no such file": ((*OWN, "--generator", "nope.py:f"), "'nope.py' cannot be read"),
    "no such function": (
        (*OWN, "--generator", "gen.py:simulat"),
        "functions there: simulate, wrong, simulate_given, breaks, square",
    ),
    "no function": ((*OWN, "--generator", "gen.py"), "FILE.py:FUNCTION"),
    "generator that raises": (
        (*OWN, "--generator", "gen.py:breaks"),
        "RuntimeError: deliberate failure",
    ),
    "quantity without name": (
        (*OWN, *SIMULATE, "--quantity", "gen.py:square"),
        "NAME=FILE.py:FUNCTION",
    ),
    "quantity twice": (
        (*OWN, *SIMULATE, *(2 * ("--quantity", "a=gen.py:square"))),
        "given twice for a",
    ),
    "out is a file": ((*EIGHT, "--out", "my.stan"), "--out is 'my.stan'"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(hbstan: Command, case: str) -> None:
    write_own(hbstan)
    args, words = BAD_INPUT[case]
    ran = hbstan(*args, code=2)
    assert words in ran.err
    assert not ran.out
    assert_clean(ran)


def test_a_store_that_is_there_is_not_touched_unasked(
    kept: Path, bare_env: dict[str, str]
) -> None:
    command = Command(kept, bare_env)
    before = (kept / "res" / "summary.json").read_bytes()
    ran = command(*FEW, "--out", "res", code=2)
    assert "holds simulations already" in ran.err
    assert "--resume" in ran.err
    ran = command(*FEW, "--out", "res", "--resume", "--seed", "2", code=2)
    assert "seed is 1 there and 2 here" in ran.err
    assert_clean(ran)
    assert (kept / "res" / "summary.json").read_bytes() == before


# Failures of engine and workers


def test_a_program_that_does_not_compile(hbstan: Command) -> None:
    write_own(hbstan)
    hbstan.write("bad.stan", "parameters { real m; }\nmodel { m ~ std_normal() }\n")
    args = ("sbc", "bad.stan", *OWN[2:], *SIMULATE, "--sims", "2")
    ran = hbstan(*args, code=3)
    assert "line 2" in ran.err
    assert_clean(ran)


def test_a_scheduler_that_does_not_answer(hbstan: Command) -> None:
    ran = hbstan(*EIGHT, "--scheduler", "tcp://127.0.0.1:9", code=3)
    assert "tcp://127.0.0.1:9" in ran.err
    assert "dask scheduler" in ran.err
    assert_clean(ran)


@pytest.mark.slow
def test_a_schedulers_workers_give_the_same_result(hbstan: Command) -> None:
    write_own(hbstan)
    hbstan.write("cluster.py", CLUSTER)
    args = (*OWN, *SIMULATE, "--sims", "6", "--seed", "1", "--json")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "cluster.py"],
        cwd=hbstan.folder,
        env=hbstan.env,
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as cluster:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        # The workers must not find the function by its file.
        text = (hbstan.folder / "gen.py").read_text(encoding="utf-8")
        (hbstan.folder / "elsewhere").mkdir()
        hbstan.write("elsewhere/gen.py", text)
        elsewhere = [word.replace("gen.py", "elsewhere/gen.py") for word in args]
        ran = hbstan(*elsewhere, "--scheduler", address, code=1)
        cluster.stdin.close()
        cluster.wait(timeout=60)
    assert f"2 threads of Dask at {address}" in " ".join(ran.err.split())
    assert ran.json == hbstan(*args, code=1).json
    assert_clean(ran)


@pytest.mark.slow
def test_a_generator_in_stan(with_cmdstan: Command) -> None:
    for name in ("fitted.stan", "generator.stan"):
        with_cmdstan.write(name, (PROGRAMS / name).read_text(encoding="utf-8"))
    with_cmdstan.write("n.json", '{"N": 4}')
    args = ("sbc", "fitted.stan", "n.json", "--generator", "generator.stan", *SHORT)
    args += ("--backend", "stanli", "--sims", "4", "--seed", "1", "--json")
    ran = with_cmdstan(*args, code=1)
    assert ran.json["problem"]["generator"]["kind"] == "stan"
    assert ran.json["problems"]["failed"] == 0
    assert_clean(ran)


def test_simulations_that_all_fail_are_a_finding(hbstan: Command) -> None:
    write_own(hbstan)
    hbstan.write("bad.stan", NORMAL.replace("m ~", 'reject("never"); m ~'))
    args = ("sbc", "bad.stan", *OWN[2:], *SIMULATE, "--sims", "4", "--seed", "1")
    ran = hbstan(*args, "--out", "res", code=1)
    assert "4 failed" in ran.out
    assert "never" in ran.out
    assert "there is nothing to draw" in ran.err
    assert "simulations: 4 of 4" in ran.err
    assert_clean(ran)
