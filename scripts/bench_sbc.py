"""Measure simulation-based calibration, side by side in one run.

Eight schools (non-centered) and the surgical data (logit, non-centered), 500 + 500
iterations, one chain. All roads have the same work: the data sets and the seeds of the
fits are those of hbstan's own run, as fits to some data sets take many times longer
than to others. Simulations a second of

- a plain CmdStanPy loop: one process, one model object, ``sample`` and ranks;
- the bare executable in as many processes as there are cores, nothing read: the
  floor of everything that goes through CmdStan;
- hbstan on cmdstan and on stanli, ranks, diagnostics and records included;
- simuk with PyMC, installed into a temporary environment (``--simuk``).

Rounds are interleaved and medians are shown; every road has started before its time
is taken. Then the time of 1000 simulations of
eight schools from the shell, start-up included, and the memory of 500 against 5000
simulations. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import loky
import numpy as np
from machine import CORES, machine

import hbstan as hb
from hbstan.backends.cmdstan import CmdStanBackend
from hbstan.models import get
from hbstan.sbc import Problem, problem

MODELS = ("eight_schools_noncentered", "logit_noncentered")
ADAPT_DELTA = 0.8
SEED = 1
SIMUK = """
import sys, time
import numpy as np, pymc as pm, simuk
which, sims = sys.argv[1], int(sys.argv[2])
size = np.array([float(x) for x in sys.argv[3].split(",")])
with pm.Model() as model:
    if which.startswith("eight"):
        mu = pm.Normal("mu", 0, 5)
        tau = pm.HalfCauchy("tau", 5)
        z = pm.Normal("z", 0, 1, shape=size.size)
        theta = pm.Deterministic("theta", mu + tau * z)
        pm.Normal("y", theta, size, observed=np.zeros(size.size))
    else:
        mu = pm.Normal("mu", np.log(0.075 / 0.925), 1)
        tau = pm.HalfNormal("tau", 1)
        z = pm.Normal("z", 0, 1, shape=size.size)
        theta = pm.Deterministic("theta", mu + tau * z)
        pm.Binomial("y", size.astype(int), logit_p=theta,
                    observed=np.zeros(size.size, dtype=int))
kwargs = dict(draws=500, tune=500, chains=1, cores=1, target_accept=0.8,
              progressbar=False)
started = time.perf_counter()
simuk.SBC(model, num_simulations=sims, sample_kwargs=kwargs).run_simulations()
print("SIMUK", sims / (time.perf_counter() - started))
"""


@dataclass(frozen=True)
class Work:
    """Simulated data sets of one model, the seeds of their fits, its full program."""

    name: str
    problem: Problem
    exe: Path
    data: list[dict[str, Any]]
    values: list[dict[str, Any]]
    seeds: list[int]


def prepare(name: str, sims: int) -> Work:
    """Compile the program and simulate the data that hbstan will simulate."""
    decided = problem(name)
    exe = CmdStanBackend().compile(get(name).program).exe
    data, values, seeds = [], [], []
    for sim_id in range(sims):
        children = np.random.SeedSequence(SEED, spawn_key=(sim_id,)).spawn(3)
        seeds.append(int(children[1].generate_state(1)[0]) or 1)
        parameters, simulated = decided.generator(np.random.default_rng(children[0]))
        stan = {**decided.constants, **simulated}
        data.append({k: np.asarray(v).tolist() for k, v in stan.items()})
        values.append(dict(parameters))
    return Work(name, decided, exe, data, values, seeds)


def plain_loop(work: Work, sims: int) -> float:
    """Return simulations a second of a loop as CmdStanPy's documentation has it."""
    import cmdstanpy

    model = cmdstanpy.CmdStanModel(exe_file=str(work.exe))
    started = time.perf_counter()
    for sim_id in range(sims):
        fit = model.sample(
            data=work.data[sim_id],
            chains=1,
            iter_warmup=500,
            iter_sampling=500,
            adapt_delta=ADAPT_DELTA,
            seed=work.seeds[sim_id],
            show_progress=False,
        )
        for name, value in work.values[sim_id].items():
            (fit.stan_variable(name) < value).sum(axis=0)
    return sims / (time.perf_counter() - started)


def bare_executable(work: Work, sims: int) -> float:
    """Return simulations a second of the executable alone, one process per core."""
    import cmdstanpy

    with tempfile.TemporaryDirectory() as folder:
        for sim_id in range(sims):
            file = f"{folder}/{sim_id}.json"
            cmdstanpy.write_stan_json(file, work.data[sim_id])

        def run(sim_id: int) -> None:
            command = f"""id=1 random seed={work.seeds[sim_id]} data
                file={folder}/{sim_id}.json output file={folder}/{sim_id}.csv
                refresh=0 method=sample num_samples=500 num_warmup=500 adapt
                delta={ADAPT_DELTA}"""
            subprocess.run(
                [str(work.exe), *command.split()], check=True, capture_output=True
            )

        started = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(run, range(sims)))
        return sims / (time.perf_counter() - started)


def ours(work: Work, sims: int, backend: str, pool: Executor) -> float:
    """Return hbstan's simulations a second, by workers that have started."""
    started = time.perf_counter()
    hb.sbc(
        work.name,
        n_sims=sims,
        seed=SEED,
        backend=backend,
        adapt_delta=ADAPT_DELTA,
        executor=pool,
        workers=CORES,
    )
    return sims / (time.perf_counter() - started)


def simuk(work: Work, sims: int, python: Path) -> float:
    """Return simuk's simulations a second with PyMC, from an environment of its own."""
    size = work.problem.constants.get("n", work.problem.constants.get("sigma"))
    sizes = ",".join(str(x) for x in np.asarray(size).tolist())
    done = subprocess.run(
        [str(python), "-c", SIMUK, work.name, str(sims), sizes],
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(x for x in done.stdout.splitlines() if x.startswith("SIMUK"))
    return float(line.split()[1])


def simuk_environment(folder: str) -> Path | str:
    """Install simuk; return its Python, or why there is none."""
    venv.create(folder, with_pip=True)
    python = Path(folder, "bin", "python")
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "simuk", "pymc"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    return python


def rates(work: Work, sims: int, rounds: int, pool: Executor) -> dict[str, float]:
    """Return the median rate of each road, rounds interleaved."""
    roads: dict[str, Callable[[], float]] = {
        "plain CmdStanPy loop": lambda: plain_loop(work, sims),
        "bare executable, all cores": lambda: bare_executable(work, sims),
        "hbstan on cmdstan": lambda: ours(work, sims, "cmdstan", pool),
        "hbstan on stanli": lambda: ours(work, sims, "stanli", pool),
    }
    for backend in ("cmdstan", "stanli"):  # compiles, and starts the workers
        ours(work, 4 * CORES, backend, pool)
    found: dict[str, list[float]] = {name: [] for name in roads}
    for _ in range(rounds):
        for name, road in roads.items():
            found[name].append(road())
    return {name: statistics.median(values) for name, values in found.items()}


def from_shell(sims: int) -> float:
    """Return the seconds of a calibration from the shell, start-up included."""
    command = ["-m", "hbstan", "sbc", MODELS[0], "--sims", str(sims), "--seed", "1"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command, "--backend", "stanli", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode > 1:  # a verdict is no failure to run
        raise SystemExit(done.stderr)
    return time.perf_counter() - started


def peak_memory(sims: int) -> float:
    """Return the peak memory of the coordinating process in MiB."""
    code = (
        "import resource, tempfile, hbstan as hb\n"
        "with tempfile.TemporaryDirectory() as d:\n"
        f"    hb.sbc({MODELS[0]!r}, n_sims={sims}, seed=1, backend='stanli', store=d)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sims", type=int, default=400, help="a road and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--simuk", action="store_true", help="install and measure it")
    parser.add_argument("--quick", action="store_true", help="rates alone")
    options = parser.parse_args()
    import cmdstanpy

    cmdstanpy.disable_logging().__enter__()
    works = [prepare(name, options.sims) for name in MODELS]
    with loky.ProcessPoolExecutor(CORES) as pool:
        table = [rates(work, options.sims, options.rounds, pool) for work in works]
    with tempfile.TemporaryDirectory() as folder:
        python = simuk_environment(folder) if options.simuk else "not asked for"
        for work, column in zip(works, table, strict=True):
            if isinstance(python, Path):
                column["simuk with PyMC"] = simuk(work, 20, python)
    print(f"{machine()}; simulations a second\n")
    print("| road | eight schools | surgical logit |\n|---|---|---|")
    for name in table[0]:
        print(f"| {name} | " + " | ".join(f"{c[name]:.1f}" for c in table) + " |")
    if isinstance(python, str):
        print(f"| simuk with PyMC | not run: {python} | |")
    print("\n| ratio | eight schools | surgical logit |\n|---|---|---|")
    for label, over, under in (
        ("hbstan on cmdstan over the bare executable", 2, 1),
        ("hbstan on cmdstan over the plain loop", 2, 0),
        ("hbstan on stanli over the plain loop", 3, 0),
        ("hbstan on stanli over simuk", 3, 4),
    ):
        if len(table[0]) > max(over, under):
            values = [list(c.values()) for c in table]
            cells = " | ".join(f"{v[over] / v[under]:.2f}" for v in values)
            print(f"| {label} | {cells} |")
    if options.quick:
        return
    print(
        f"\n1000 simulations of eight schools, from the shell: {from_shell(1000):.1f} s"
    )
    small, large = peak_memory(500), peak_memory(5000)
    print(f"peak memory: {small:.0f} MiB for 500 simulations, {large:.0f} for 5000")


if __name__ == "__main__":
    main()
