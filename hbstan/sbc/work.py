"""The work of a run: simulations in batches, workers that die, records kept.

Which worker runs a simulation, when, and in whose company decides nothing about its
result (:mod:`hbstan.sbc.simulation`), so batches can be of any size.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends.apart import last_words
from hbstan.errors import HbstanError, SettingsError, TimeLimitError, WorkerError
from hbstan.files import scratch_folder
from hbstan.sbc.executors import GO_ON, Pool
from hbstan.sbc.simulation import Simulator, Task
from hbstan.sbc.store import Store, encode
from hbstan.sbc.time_limit import Note, TimeLimit

if TYPE_CHECKING:
    from hbstan.sbc.problem import Problem
    from hbstan.types import Progress

__all__ = ["Tally", "pack", "run_batch", "work_through"]

#: Seconds of work that a batch should hold: little is lost by an interruption, and
#: little time goes into handing out.
_BATCH_SECONDS = 0.25
_LARGEST_BATCH = 100
#: Batches handed out ahead, per worker.
_AHEAD = 2
#: A simulation whose worker died is tried again so often, the first time included.
_ATTEMPTS = 2
#: Seconds without a finished batch after which workers are looked for.
_PATIENCE = 5.0


@dataclass
class Tally:
    """What has been done so far; told to ``progress``.

    Parameters
    ----------
    total, done, failed : int
        Simulations.
    progress : Progress, optional
    """

    total: int
    done: int = 0
    failed: int = 0
    progress: Progress | None = None

    def report(self) -> None:
        """Tell how far the run is."""
        if self.progress is not None:
            step = "simulations"
            if self.failed:
                step += f", {self.failed} failed"
            self.progress(step, self.done, self.total)


@dataclass(frozen=True)
class _Outcome:
    """An encoded record, and what the loop needs to know of it."""

    sim_id: int
    failed: bool
    seconds: float
    record: bytes


def run_batch(
    payload: bytes,
    key: str,
    sim_ids: list[int],
    limit: float | None = None,
    notes: Path | None = None,
) -> list[_Outcome]:
    """Run simulations in a worker.

    Parameters
    ----------
    payload : bytes
        A pickled :class:`Task`.
    key : str
        The run's key.
    sim_ids : list of int
    limit : float, optional
        Seconds that each may take.
    notes : pathlib.Path, optional
        Where a process of our own notes what it is doing, so that it can be ended.

    Returns
    -------
    list of _Outcome
        In the order of ``sim_ids``.
    """
    simulate = _simulator(payload)
    outcomes = []
    for sim_id in sim_ids:
        note = _note(notes, sim_id)
        with note.ending_after(limit):
            record = simulate(sim_id, limit, note)
        failed = record["status"] != "ok"
        raw = encode(record, key)
        outcomes.append(_Outcome(sim_id, failed, record["seconds"], raw))
    return outcomes


def _note(notes: Path | None, sim_id: int) -> Note:
    return Note(None if notes is None else notes / str(sim_id))


@functools.lru_cache(maxsize=2)
def _simulator(payload: bytes) -> Simulator:
    """Return this process's simulator; translating a program is done once."""
    import cloudpickle

    # None of this is the first simulation's time.
    import scipy.stats  # noqa: F401

    task: Task = cloudpickle.loads(payload)
    return Simulator(task)


def pack(task: Task | Problem) -> bytes:
    """Pickle a task or its problem, functions of the user's included.

    Raises
    ------
    SettingsError
        If something in it cannot travel to a worker.
    """
    import cloudpickle

    try:
        payload: bytes = cloudpickle.dumps(task)
    except Exception as err:
        raise SettingsError(
            f"the generator, a test quantity or the backend cannot be sent to a "
            f"worker: {err}",
            remedy="Let functions not refer to open files, locks or connections, or "
            "use executor='threads'.",
        ) from err
    return payload


def work_through(
    task: Task,
    key: str,
    sim_ids: Iterable[int],
    pool: Pool,
    store: Store,
    tally: Tally,
    limit: TimeLimit | None = None,
) -> None:
    """Run simulations and keep their records.

    A batch whose worker dies is taken apart: each of its simulations is tried once
    more, alone, so that the one that kills workers is found and recorded as failed,
    and the others are not. One that was ended for taking too long is known, and the
    others go on as before.

    Raises
    ------
    HbstanError
        What is wrong with the set-up, from the worker.
    WorkerError
        If the executor takes no work any more. What was finished is kept.
    """
    with scratch_folder("notes-") as notes:
        where = Path(notes) if pool.own else None
        work = _Work(pack(task), key, task.problem.name, limit or TimeLimit(), where)
        _Loop(work, pool, store, tally).run(deque(sim_ids))


@dataclass
class _Work:
    """What workers are given, and how long they may take."""

    payload: bytes
    key: str
    name: str
    limit: TimeLimit
    notes: Path | None
    limits: dict[int, float] = field(default_factory=dict)

    def begin(self, pool: Pool, batch: list[int]) -> Future[Any]:
        """Hand out a batch."""
        limit = self.limit.now()
        self.limits |= dict.fromkeys(batch, limit)
        args = (self.payload, self.key, batch, limit, self.notes)
        return pool.submit(run_batch, *args)

    def late(self, sim_id: int) -> _Outcome | None:
        """Return the outcome of a simulation that was ended, if it was."""
        left = _note(self.notes, sim_id).left()
        if left is None:
            return None
        known, where = left
        limit = self.limits[sim_id]
        error = str(TimeLimitError.after(self.name, limit))
        return self.failed(sim_id, error, console=where, seconds=limit, **known)

    def failed(
        self,
        sim_id: int,
        error: str,
        console: str = "",
        seconds: float = 0.0,
        **known: Any,
    ) -> _Outcome:
        """Return the outcome of a simulation that no worker could tell of."""
        record = {
            "sim_id": sim_id,
            "status": "failed",
            "error": error,
            "console": console,
            "seconds": seconds,
            **known,
        }
        return _Outcome(sim_id, True, seconds, encode(record, self.key))


class _Loop:
    """Hands out batches and collects them."""

    def __init__(self, work: _Work, pool: Pool, store: Store, tally: Tally) -> None:
        self._work = work
        self._pool = pool
        self._store = store
        self._tally = tally
        self._seconds: float | None = None

    def run(self, pending: deque[int]) -> None:
        running: dict[Future[Any], list[int]] = {}
        suspects: list[int] = []
        self._tally.report()
        try:
            while pending or running or suspects:
                while pending and not suspects and self._room(running):
                    batch = self._next_batch(pending)
                    running[self._work.begin(self._pool, batch)] = batch
                if running:
                    suspects += self._collect(running)
                if suspects and not running:
                    self._renew()
                    innocent = self._without_late(suspects)
                    if len(innocent) < len(suspects):
                        pending.extendleft(sorted(innocent, reverse=True))
                    else:
                        self._retry(suspects)
                    suspects = []
        finally:
            self._pool.drop(running)

    def _room(self, running: dict[Future[Any], list[int]]) -> bool:
        return len(running) < _AHEAD * self._pool.workers

    def _next_batch(self, pending: deque[int]) -> list[int]:
        """Take as many as fill a quarter of a second, and a fair share at the end."""
        size = 1 if self._seconds is None else int(_BATCH_SECONDS / self._seconds)
        share = len(pending) // (_AHEAD * self._pool.workers)
        size = max(1, min(size, share, _LARGEST_BATCH))
        return [pending.popleft() for _ in range(size)]

    def _without_late(self, suspects: list[int]) -> list[int]:
        """Keep the failure of those that were ended, and return the others."""
        late = {sim_id: self._work.late(sim_id) for sim_id in suspects}
        self._keep([outcome for outcome in late.values() if outcome is not None])
        return [sim_id for sim_id, outcome in late.items() if outcome is None]

    def _collect(self, running: dict[Future[Any], list[int]]) -> list[int]:
        """Keep what is done; return the simulations whose workers died."""
        suspects = []
        done, _ = wait(running, timeout=_PATIENCE, return_when=FIRST_COMPLETED)
        if not done:
            self._pool.check()
        for future in done:
            batch = running.pop(future)
            try:
                outcomes = future.result()
            except HbstanError:
                raise
            except Exception:
                suspects += batch
                continue
            self._keep(outcomes)
        return suspects

    def _keep(self, outcomes: list[_Outcome]) -> None:
        for outcome in outcomes:
            self._store.write(outcome.sim_id, outcome.record)
            self._tally.done += 1
            self._tally.failed += outcome.failed
            if not outcome.failed:
                self._work.limit.saw(outcome.seconds)
            # The first simulation of a worker includes its preparation.
            before = outcome.seconds if self._seconds is None else self._seconds
            self._seconds = max(0.8 * before + 0.2 * outcome.seconds, 1e-6)
        self._tally.report()

    def _retry(self, suspects: list[int]) -> None:
        """Try each once more, alone; record as failed what kills its worker again."""
        for sim_id in sorted(suspects):
            try:
                outcomes = self._work.begin(self._pool, [sim_id]).result()
            except HbstanError:
                raise
            except Exception as err:
                text = f"its worker died {_ATTEMPTS} times: {last_words(err)}"
                late = self._work.late(sim_id)
                self._keep([late or self._work.failed(sim_id, text)])
                self._renew()
                continue
            self._keep(outcomes)

    def _renew(self) -> None:
        try:
            self._pool.renew()
        except Exception as err:
            raise WorkerError(
                f"the executor takes no more work: {err}",
                remedy=GO_ON,
            ) from err
