"""Who does the work: processes, threads, this thread, or any executor of yours.

Whatever implements :class:`concurrent.futures.Executor` will do: Dask's
``Client(...).get_executor()``, mpi4py's ``MPIPoolExecutor``, a process pool.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from hbstan.errors import SettingsError, WorkerError

__all__ = ["KINDS", "Pool", "SerialExecutor", "dask_executor"]

#: The executors that have names.
KINDS = ("processes", "threads", "serial")


class SerialExecutor(Executor):
    """Does the work at once, in the caller's own thread."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call ``fn`` and return its outcome as a finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as err:
            future.set_exception(err)
        return future


class Pool:
    """An executor, and how to get another one when its workers die.

    Parameters
    ----------
    executor : str or Executor, optional
        ``"processes"`` (the default), ``"threads"``, ``"serial"``, or an executor,
        which is neither shut down nor restarted.
    workers : int, optional
        How many; by default one per core that this process may use. For an executor
        that is given, how many batches it is handed at a time, by halves.

    Raises
    ------
    SettingsError
        If the kind is unknown or the number illegal.
    """

    def __init__(
        self, executor: str | Executor | None = None, workers: int | None = None
    ) -> None:
        whole = isinstance(workers, int) and not isinstance(workers, bool)
        if workers is not None and (not whole or workers < 1):
            raise SettingsError(
                f"workers is {workers!r}, but must be a whole number of at least 1."
            )
        executor = "processes" if executor is None else executor
        if isinstance(executor, str) and executor not in KINDS:
            raise SettingsError(
                f"executor is {executor!r}, but must be one of {', '.join(KINDS)}, or "
                "a concurrent.futures.Executor."
            )
        self._kind = executor
        self.workers = workers or self._natural(executor)
        self._executor: Any = None
        self._given = not isinstance(executor, str)

    @staticmethod
    def _natural(executor: str | Executor) -> int:
        if executor == "serial":
            return 1
        own = getattr(executor, "_max_workers", None)
        return own if isinstance(own, int) and own > 0 else len(os.sched_getaffinity(0))

    @property
    def name(self) -> str:
        """What does the work, for people."""
        kind = self._kind if isinstance(self._kind, str) else type(self._kind).__name__
        return f"{self.workers} {kind}" if kind != "serial" else "this process"

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Hand work to the executor; what it raises comes out of the future."""
        future: Future[Any] = self._executor.submit(fn, *args)
        return future

    def renew(self) -> None:
        """Put new workers in the place of dead ones.

        A process pool that was given and is broken is replaced by processes of our
        own, so that the run comes to its end. Others mend themselves, or cannot be
        mended.

        Raises
        ------
        Exception
            What the executor raises if it takes no work.
        """
        if not self._given:
            self._executor.shutdown(wait=False)
            self._executor = self._start()
            return
        try:
            self._executor.submit(os.getpid).result(timeout=60)
        except BrokenExecutor:
            self._given, self._kind = False, "processes"
            self._executor = self._start()

    def _start(self) -> Any:
        if not isinstance(self._kind, str):
            return self._kind
        if self._kind == "serial":
            return SerialExecutor()
        if self._kind == "threads":
            return ThreadPoolExecutor(self.workers)
        # Its workers import nothing of the caller's script, so that a script needs
        # no main guard, and take functions that were defined in it or in a notebook.
        import loky

        return loky.ProcessPoolExecutor(self.workers)

    def __enter__(self) -> Pool:
        self._executor = self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._given:
            return
        if kind is not None and hasattr(self._executor, "shutdown"):
            # Batches that have begun are not waited for: their records come again.
            options = {"kill_workers": True} if self._kind == "processes" else {}
            self._executor.shutdown(wait=False, **options)
        else:
            self._executor.shutdown(wait=True)


@contextmanager
def dask_executor(address: str) -> Iterator[tuple[Executor, int]]:
    """Yield the executor of a Dask scheduler, and the number of its workers' threads.

    Parameters
    ----------
    address : str
        E.g. ``"tcp://127.0.0.1:8786"``, or the path of a scheduler file (``.json``).

    Raises
    ------
    SettingsError
        If Dask is not installed.
    WorkerError
        If no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client
    except ImportError as err:
        raise SettingsError(
            f"a scheduler is given ({address}), but Dask is not installed.",
            remedy="Install it with pip install 'hbstan[dask]'.",
        ) from err
    where = {"scheduler_file": address} if address.endswith(".json") else {}
    try:
        client = Client(None if where else address, timeout="10s", **where)
        client.wait_for_workers(1, timeout=30)
    except (OSError, TimeoutError, ValueError) as err:
        raise WorkerError(
            f"no Dask scheduler with workers answers at {address}: {err}",
            remedy="Start one with 'dask scheduler' and workers with 'dask worker "
            "ADDRESS'.",
        ) from err
    with client:
        executor: Executor = client.get_executor()
        yield executor, sum(client.ncores().values())
