"""Calibrations that are killed, and gone on with to the same bytes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from command import Command

SIMS = "120"
RUN = ("sbc", "eight_schools_noncentered", "--backend", "stanli", "--seed", "3")
RUN += ("--iter-warmup", "200", "--iter-sampling", "200", "--quiet", "--no-figures")
WAIT = 60.0


def records(out: Path) -> list[Path]:
    return sorted(out.glob("store/simulations/*/[0-9]*.json"))


def until(true: Callable[[], bool], seconds: float = WAIT) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def start(hbstan: Command, out: str, *more: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    argv = hbstan.argv(*RUN, "--sims", SIMS, "--out", out, *more)
    return subprocess.Popen(
        argv,
        cwd=hbstan.folder,
        env=dict(hbstan.env),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def members(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def is_worker(pid: int) -> bool:
    try:
        return b"popen_loky" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def finish(hbstan: Command, out: str, *more: str) -> None:
    ran = hbstan(*RUN, "--sims", SIMS, "--out", out, *more, code=None)
    assert ran.code in (0, 1), ran  # a verdict of so few simulations is no matter


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, bare_env: dict[str, str]) -> Path:
    """Return the folder of a run that nobody disturbed, by one worker."""
    folder = tmp_path_factory.mktemp("whole")
    finish(Command(folder, bare_env), "out", "--workers", "1")
    return folder / "out"


def assert_same(out: Path, whole: Path) -> None:
    assert (out / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()
    with xr.open_dataset(out / "sbc.nc") as a, xr.open_dataset(whole / "sbc.nc") as b:
        assert a.drop_vars("seconds").identical(b.drop_vars("seconds"))


def kept_more(out: Path, more: int) -> None:
    """Wait until a run has kept more records, and see that it goes on."""
    enough = len(records(out)) + more
    until(lambda: len(records(out)) >= enough)
    assert len(records(out)) < int(SIMS), "it finished before it was killed"


def test_a_killed_run_is_completed_to_the_same_bytes(
    hbstan: Command, whole: Path
) -> None:
    """Its worker dies, then its coordinator, then all processes, at any moment."""
    out, alone = hbstan.folder / "out", ("--workers", "1")
    run = start(hbstan, "out", *alone)
    try:
        kept_more(out, 5)
        os.kill(next(p for p in members(run.pid) if is_worker(p)), signal.SIGKILL)
        kept_more(out, 10)  # another one goes on
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        until(lambda: not members(run.pid))  # no worker goes on
    finally:
        if members(run.pid):
            os.killpg(run.pid, signal.SIGKILL)
    run = start(hbstan, "out", "--resume", *alone)  # the lock died with its holder
    try:
        kept_more(out, 10)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    finish(hbstan, "out", "--resume")
    assert_same(out, whole)


def test_a_second_run_on_the_same_store_is_kept_out(hbstan: Command) -> None:
    out = hbstan.folder / "out"
    run = start(hbstan, "out", "--sims", "100000", "--workers", "1")
    try:
        until(lambda: len(records(out)) >= 1)
        second = hbstan(*RUN, "--sims", "100000", "--out", "out", "--resume", code=2)
        assert "another process" in second.err
        assert run.poll() is None
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def test_damaged_and_foreign_records(hbstan: Command, whole: Path) -> None:
    """What is cut short is computed anew; what is of another run is refused."""
    out = hbstan.folder / "out"
    shutil.copytree(whole, out)
    cut = records(out)[7]
    cut.write_bytes(cut.read_bytes()[:50])
    finish(hbstan, "out", "--resume")
    assert_same(out, whole)
    finish(hbstan, "other", "--seed", "4", "--sims", "3")
    records(hbstan.folder / "other")[2].replace(records(out)[2])
    refused = hbstan(*RUN, "--sims", SIMS, "--out", "out", "--resume", code=2)
    assert "another run" in refused.err
    assert "Traceback" not in refused.err
