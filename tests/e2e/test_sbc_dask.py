"""Calibrations on Dask: a cluster in processes, and a scheduler at an address."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from command import Command

import hbstan as hb

RUN = ("sbc", "eight_schools_noncentered", "--backend", "stanli", "--seed", "3")
RUN += ("--iter-warmup", "200", "--iter-sampling", "200", "--quiet", "--no-figures")
EXHAUSTIVE = pytest.mark.exhaustive("hbstan/sbc")
WAIT = 90.0


def until(true: Callable[[], object], seconds: float = WAIT) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(log: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m dask ARGS`` while the body runs."""
    with log.open("wb") as out:
        run = subprocess.Popen(
            [sys.executable, "-m", "dask", *args],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            yield run
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()


class Cluster:
    """A scheduler and two workers, each a process on loopback."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        where = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        log = folder / "scheduler.log"
        self.scheduler = stack.enter_context(process(log, "scheduler", *where))
        until(lambda: self.address in log.read_text())
        self.workers = []
        for name in ("one", "two"):
            options = ("--nthreads", "1", "--no-nanny", "--no-dashboard")
            log = folder / f"{name}.log"
            run = process(log, "worker", self.address, *options, "--name", name)
            self.workers.append(stack.enter_context(run))
            until(lambda log=log: re.search("Registered to", log.read_text()))  # type: ignore[misc]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with ExitStack() as stack:
        yield Cluster(folder, stack)


def records(out: Path) -> int:
    return len(list(out.glob("store/simulations/*/[0-9]*.json")))


def local(hbstan: Command, out: str, sims: str, *more: str) -> bytes:
    ran = hbstan(*RUN, "--sims", sims, "--out", out, *more, code=None)
    assert ran.code in (0, 1), ran
    return (hbstan.folder / out / "summary.json").read_bytes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_cluster_gives_what_one_process_gives() -> None:
    from distributed import Client, LocalCluster

    options = {"n_sims": 12, "seed": 3, "backend": "stanli"}
    options |= {"iter_warmup": 200, "iter_sampling": 200}
    alone = hb.sbc("eight_schools_noncentered", executor="serial", **options)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as workers,
        Client(workers) as client,
    ):
        executor = client.get_executor()
        many = hb.sbc("eight_schools_noncentered", executor=executor, **options)
    assert many.record() == alone.record()
    assert many.dataset["rank"].identical(alone.dataset["rank"])


@contextmanager
def meanwhile(*steps: Callable[[], object]) -> Iterator[None]:
    """Take steps in a thread while the body runs."""
    with ThreadPoolExecutor(1) as thread:
        taken = thread.submit(lambda: [step() for step in steps])
        yield
        taken.result(WAIT)


def after(out: Path, number: int, kill: Callable[[], None]) -> Callable[[], None]:
    """Return a step that kills once there are so many records."""

    def step() -> None:
        until(lambda: records(out) >= number)
        kill()

    return step


@pytest.mark.parametrize(
    "victims",
    [pytest.param(gone, marks=EXHAUSTIVE) for gone in ("workers", "scheduler")],
)
def test_a_cluster_that_is_gone_leaves_a_run_to_resume(
    hbstan: Command, cluster: Cluster, victims: str
) -> None:
    """Workers go one by one: without the first, the run goes on."""
    sims, out = "150", hbstan.folder / "out"
    steps = [after(out, 5, cluster.scheduler.kill)]
    if victims == "workers":
        first, second = cluster.workers
        steps = [after(out, 5, first.kill), after(out, 30, second.kill)]
    with meanwhile(*steps):
        given = ("--out", "out", "--scheduler", cluster.address)
        ran = hbstan(*RUN, "--sims", sims, *given, code=3)
    assert "--resume" in ran.err
    assert "Traceback" not in ran.err
    assert 0 < records(out) < int(sims)
    assert local(hbstan, "out", sims, "--resume") == local(hbstan, "local", sims)


def test_no_scheduler_at_the_address(hbstan: Command) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    ran = hbstan(*RUN, "--sims", "5", "--scheduler", address, code=3)
    assert address in ran.err
    assert "dask scheduler" in ran.err
    assert "Traceback" not in ran.err


def test_a_scheduler_has_workers_of_its_own(hbstan: Command) -> None:
    options = ("--scheduler", "tcp://127.0.0.1:1", "--workers", "2")
    assert "--workers" in hbstan(*RUN, "--sims", "5", *options, code=2).err
