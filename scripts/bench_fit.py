"""Measure the way from import to posterior, on both backends.

Ratios are taken side by side in one run. Prints a table:

- start-up: ``import hbstan`` and ``hbstan --help``, each in a fresh process;
- from import to posterior (4 x 1000 draws of the surgical data), fresh process;
- the wrapper's overhead over a bare CmdStanPy call of the same work;
- CmdStan's assembly and a program's compilation, each from nothing in a temporary
  folder (minutes; ``--no-build`` skips them).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hbstan import data, models
from hbstan.backends.cmdstan import CmdStanBackend
from hbstan.errors import HbstanError
from hbstan.fit import fit
from hbstan.plan import plan

MODEL = "logit_noncentered"
DATA = "surgical"
FIT = (
    "import hbstan as hb; "
    f"f = hb.fit({MODEL!r}, {DATA!r}, seed=42, backend={{backend!r}}); "
    "float(f.posterior['mu'].mean())"
)


def seconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Time ``work``, ``repeats`` times."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def process(*args: str) -> Callable[[], Any]:
    """Return a call that runs Python with ``args`` and fails loudly."""
    command = [sys.executable, *args]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def startup(table: Table, repeats: int) -> None:
    """Add the import's and the help's times, net of Python's own."""
    bare = statistics.median(seconds(process("-c", "pass"), repeats))
    for label, target, args in (
        ("import hbstan", 0.3, ("-c", "import hbstan")),
        ("hbstan --help", 0.5, ("-m", "hbstan", "--help")),
    ):
        took = statistics.median(seconds(process(*args), repeats))
        note = f"target {target} s; Python alone {bare:.2f} s"
        table.add_row(label, f"{took:.2f} s", note)


def to_posterior(table: Table, backend: str, repeats: int) -> None:
    """Add the time from a fresh process to posterior draws."""
    run = process("-c", FIT.format(backend=backend))
    run()
    took = statistics.median(seconds(run, repeats))
    table.add_row(f"import to posterior, {backend}", f"{took:.2f} s", "fresh process")


def overhead(table: Table, repeats: int) -> None:
    """Add hbstan's time over CmdStanPy's for the same draws, interleaved."""
    import cmdstanpy

    cmdstanpy.disable_logging().__enter__()
    backend = CmdStanBackend()
    work = plan(models.get(MODEL), data.load(DATA), None, None, True)
    exe = str(backend.compile(work.program).exe)

    def bare() -> None:
        model = cmdstanpy.CmdStanModel(exe_file=exe)
        with tempfile.TemporaryDirectory() as folder:
            out = model.sample(
                data=work.stan,
                seed=42,
                chains=4,
                adapt_delta=0.95,
                output_dir=folder,
                show_progress=False,
            )
            out.draws()

    def wrapped() -> None:
        fit(MODEL, data.load(DATA), seed=42, backend=backend)

    bare()
    wrapped()
    ours, theirs = [], []
    for _ in range(repeats):
        theirs += seconds(bare, 1)
        ours += seconds(wrapped, 1)
    ratio = statistics.median(ours) / statistics.median(theirs)
    note = (
        f"hbstan {statistics.median(ours):.2f} s, bare CmdStanPy "
        f"{statistics.median(theirs):.2f} s; target under 15 %"
    )
    table.add_row("overhead of the wrapper", f"{100 * (ratio - 1):+.1f} %", note)


def building(table: Table) -> None:
    """Add the times of an assembly and of two compilations from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HBSTAN_CACHE": folder}
        environment.pop("CMDSTAN", None)

        def hbstan(*args: str) -> Callable[[], Any]:
            command = [sys.executable, "-m", "hbstan", *args]
            return lambda: subprocess.run(
                command, check=True, capture_output=True, env=environment
            )

        root = str(Path(folder) / "installation")
        install = hbstan("install-cmdstan", "--dir", root)
        table.add_row("assembly of CmdStan", f"{seconds(install, 1)[0]:.0f} s", "")
        table.add_row("the same again", f"{seconds(install, 1)[0]:.2f} s", "")
        for label, name in (("first", MODEL), ("second", "eight_schools_centered")):
            compiling = hbstan("compile", name, "--backend", "cmdstan")
            took = seconds(compiling, 1)[0]
            table.add_row(f"{label} compilation", f"{took:.0f} s", name)
        again = seconds(hbstan("compile", MODEL, "--backend", "cmdstan"), 1)[0]
        table.add_row("the first again", f"{again:.2f} s", "from the cache")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-build", action="store_true", help="skip the building")
    options = parser.parse_args()
    table = Table("what", "median", "note", title=f"hbstan on {os.cpu_count()} cores")
    startup(table, options.repeats)
    to_posterior(table, "stanli", options.repeats)
    try:
        to_posterior(table, "cmdstan", options.repeats)
        overhead(table, options.repeats)
    except (HbstanError, subprocess.CalledProcessError) as err:
        table.add_row("cmdstan", "not run", str(err).splitlines()[0])
    if not options.no_build:
        building(table)
    Console().print(table)


if __name__ == "__main__":
    main()
