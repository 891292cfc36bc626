"""A CmdStanModel that runs its chains as hbstan wants them run.

CmdStanPy reads a chain's messages line by line and prints them to ``sys.stdout``,
allows each chain a time of its own, and has no words for a chain that was killed. Here
messages go straight to the chain's file, where progress is read; all chains have one
deadline; and how each chain ended is known.
"""

from __future__ import annotations

import functools
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hbstan.backends.cmdstan_run import QUIET, ChainsEndedError, DeadlineError
from hbstan.backends.console import Iterations

__all__ = ["Finished", "deadline", "model_of"]

#: Seconds between looks at how far a chain is.
_LOOK = 0.1


class Finished(Exception):  # noqa: N818 - it is no error
    """Leaves CmdStanPy's ``sample`` where all chains have run."""

    def __init__(self, runset: Any) -> None:
        super().__init__("all chains have run")
        self.runset = runset


def deadline(timeout: float | None) -> float | None:
    """Return when ``timeout`` seconds from now are over, on the monotonic clock."""
    return None if timeout is None else time.monotonic() + timeout


def model_of(
    exe: Path, *, listener: Iterations | None = None, lean: bool = False
) -> Any:
    """Return CmdStanPy's model of an executable.

    Its methods take as ``timeout`` what :func:`deadline` returns.

    Parameters
    ----------
    exe : pathlib.Path
    listener : Iterations, optional
        Is told of the chains' iterations.
    lean : bool
        Leave CmdStanPy's ``sample`` by :class:`Finished` once the chains have run:
        others read the draws.
    """
    with QUIET:
        model = _class()(exe_file=str(exe))
        model.exe_info()
    model.listener, model.lean = listener, lean
    return model


@dataclass
class _Ends:
    """How the chains of one run ended."""

    late: bool = False
    error: Exception | None = None


@functools.cache
def _class() -> Any:
    import cmdstanpy

    class Model(cmdstanpy.CmdStanModel):  # type: ignore[misc]
        listener: Iterations | None = None
        lean = False

        def exe_info(self) -> dict[str, str]:
            # Asked for in every run, by running the executable.
            if not hasattr(self, "_info"):
                self._info: dict[str, str] = super().exe_info()
            return self._info

        def _run_cmdstan(
            self, runset: Any, idx: int, timeout: float | None = None, **_: Any
        ) -> None:
            # Chains run in threads, and CmdStanPy drops what is raised here.
            ends = runset.__dict__.setdefault("hbstan_ends", _Ends())
            # Called when all chains have run, before anything is read.
            runset.raise_for_timeouts = functools.partial(_require, runset, self.lean)
            try:
                late = _run(runset, idx, timeout, self.listener)
                ends.late = ends.late or late
            except Exception as err:
                ends.error = err

    return Model


def _run(
    runset: Any, idx: int, until: float | None, listener: Iterations | None
) -> bool:
    """Run one chain; return whether it had to be ended at the deadline."""
    file = Path(runset.stdout_files[idx])
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        return True
    late = threading.Event()
    with file.open("wb") as console:
        process = subprocess.Popen(
            runset.cmd(idx),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        )

    def end() -> None:
        late.set()
        process.kill()

    timer = None if left is None else threading.Timer(left, end)
    try:
        if timer is not None:
            timer.daemon = True
            timer.start()
        if listener is not None:
            _listen(process, file, idx, listener)
        process.wait()
    finally:
        if timer is not None:
            timer.cancel()
        if process.poll() is None:  # nobody waits for it any more
            process.kill()
            process.wait()
    runset._set_retcode(idx, process.returncode)
    return late.is_set() and process.returncode != 0


def _listen(
    process: subprocess.Popen[bytes], file: Path, idx: int, listener: Iterations
) -> None:
    """Tell of a chain's iterations until it ends."""
    with file.open("rb") as console:
        while True:
            try:
                process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                listener.read(idx, _lines(console))
                continue
            listener.read(idx, _lines(console))
            return


def _lines(console: IO[bytes]) -> str:
    """Read the whole lines that have been added."""
    lines = []
    while (line := console.readline()).endswith(b"\n"):
        lines.append(line)
    console.seek(-len(line), 1)
    return b"".join(lines).decode(errors="replace")


def _require(runset: Any, lean: bool) -> None:
    """Raise how the run ended, if not by itself; and leave, if that is all."""
    ends: _Ends = runset.hbstan_ends
    if ends.late:
        raise DeadlineError("the chains were ended at their deadline")
    if ends.error is not None:
        raise ends.error
    codes = {runset.chain_ids[i]: runset._retcode(i) for i in range(runset.num_procs)}
    signals = {chain: -code for chain, code in codes.items() if code < -1}
    if signals:
        raise ChainsEndedError(signals)
    if lean and runset._check_retcodes():
        raise Finished(runset)
