"""Who does the work: processes, threads, this thread, or any executor of yours.

Whatever implements :class:`concurrent.futures.Executor` will do: Dask's
``Client(...).get_executor()``, mpi4py's ``MPIPoolExecutor``, a process pool.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from hbstan.backends.apart import end_with
from hbstan.errors import SettingsError, WorkerError

__all__ = [
    "GO_ON",
    "KINDS",
    "Pool",
    "Processes",
    "SerialExecutor",
    "dask_executor",
    "shared",
]

#: The executors that have names.
KINDS = ("processes", "threads", "serial")

#: Seconds that a cluster may be without workers.
_DESERTED = 20.0
#: The remedy where workers are lost.
GO_ON = "What was finished is in the store: go on with resume (--resume)."


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


class Processes(Executor):
    """Processes of our own; others take their place when one of them dies.

    They import nothing of the caller's script, so that a script needs no main guard,
    and take functions that were defined in it or in a notebook.

    Parameters
    ----------
    workers : int
    """

    def __init__(self, workers: int) -> None:
        self._max_workers = workers
        self._lock = threading.Lock()
        self._own = self._start()

    def _start(self) -> Any:
        import loky

        return loky.ProcessPoolExecutor(
            self._max_workers, initializer=end_with, initargs=(os.getpid(),)
        )

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Hand work to a process."""
        with self._lock:
            try:
                return self._own.submit(fn, *args, **kwargs)  # type: ignore[no-any-return]
            except BrokenExecutor:
                self._renew()
                return self._own.submit(fn, *args, **kwargs)  # type: ignore[no-any-return]

    def renew(self) -> None:
        """Put new processes in the place of these."""
        with self._lock:
            self._renew()

    def _renew(self) -> None:
        self._own.shutdown(wait=False)
        self._own = self._start()

    def shutdown(
        self,
        wait: bool = True,
        *,
        cancel_futures: bool = False,
        kill_workers: bool = False,
    ) -> None:
        """End the processes, with their work or at once."""
        self._own.shutdown(wait=wait, kill_workers=kill_workers)


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
    killable : bool
        Work in processes of our own even where threads or this one are asked for: only
        a process can be ended by others.

    Raises
    ------
    SettingsError
        If the kind is unknown or the number illegal.
    """

    def __init__(
        self,
        executor: str | Executor | None = None,
        workers: int | None = None,
        *,
        killable: bool = False,
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
        self.workers = workers or self._natural(executor)
        if killable and isinstance(executor, str):
            executor = "processes"
        self._kind = executor
        self._executor: Any = None
        self._given = not isinstance(executor, str)
        self._deserted: float | None = None

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

    @property
    def own(self) -> bool:
        """Whether the work is done by processes of our own, which can be ended."""
        return self._kind == "processes" or isinstance(self._kind, Processes)

    @property
    def executor(self) -> Executor:
        """The executor itself, while the pool is entered."""
        own: Executor = self._executor
        return own

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Hand work to the executor; what it raises comes out of the future."""
        future: Future[Any]
        try:
            future = self._executor.submit(fn, *args)
        except Exception as err:  # it is broken already: found when it is collected
            future = Future()
            future.set_exception(err)
        return future

    def drop(self, futures: Iterable[Future[Any]]) -> None:
        """Give up work that has not begun.

        Processes of our own, or of loky, are left to it: their work ends when they
        are shut down, and loky stumbles over futures that were cancelled before.
        """
        loky = type(self._executor).__module__.partition(".")[0] == "loky"
        if loky or isinstance(self._executor, Processes):
            return
        for future in futures:
            future.cancel()

    def check(self) -> None:
        """See whether a Dask cluster still has workers; it would wait for ever.

        Raises
        ------
        WorkerError
            If it has had none for a while, or its scheduler is gone.
        """
        client: Any = getattr(self._executor, "_client", None)
        if not hasattr(client, "ncores"):
            return
        try:
            if client.ncores():
                self._deserted = None
                return
        except Exception as err:
            raise WorkerError(
                f"the Dask scheduler is gone: {err}", remedy=GO_ON
            ) from err
        now = time.monotonic()
        self._deserted = now if self._deserted is None else self._deserted
        if now - self._deserted > _DESERTED:
            raise WorkerError(
                f"the Dask cluster has had no worker for {_DESERTED:.0f} s.",
                remedy=GO_ON,
            )

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
        if isinstance(self._executor, Processes):
            self._executor.renew()
            return
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
        return Processes(self.workers)

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
def shared(
    executor: str | Executor | None, workers: int | None
) -> Iterator[str | Executor | None]:
    """Yield an executor for several runs, so that processes start only once.

    Parameters
    ----------
    executor, workers
        As :class:`Pool` takes them. What is not processes of our own passes through.
    """
    if executor not in (None, "processes"):
        yield executor
        return
    with Pool(executor, workers) as pool:
        yield pool.executor


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
    with client, _silent("distributed", "tornado", "asyncio"):
        executor: Executor = client.get_executor()
        yield executor, sum(client.ncores().values())


@contextmanager
def _silent(*families: str) -> Iterator[None]:
    """Keep loggers quiet: what they report, with tracebacks, is an error of ours."""
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] in families]
    loggers = [logging.getLogger(name) for name in (*families, *names)]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
