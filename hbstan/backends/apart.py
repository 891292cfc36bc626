"""A fit in a process of its own, where nothing in this one could end it."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hbstan.errors import SamplingError, TimeLimitError

if TYPE_CHECKING:
    from hbstan.types import (
        Backend,
        Progress,
        RawDraws,
        SamplerSettings,
        StanData,
        StanProgram,
    )

__all__ = ["end_with", "grace", "last_words", "sample_apart", "sampler"]

#: Seconds, and share of the limit, that an engine is given to end by itself.
_GRACE = 2.0
_GRACE_SHARE = 0.1
#: How loky tells of workers' exit codes.
_CODES = re.compile(r"\{([^}]*)\}")


def grace(seconds: float) -> float:
    """Return the seconds that an engine is given beyond its limit to end by itself."""
    return max(_GRACE, _GRACE_SHARE * seconds)


def end_with(parent: int) -> None:
    """End this process when its parent has ended, however that came about.

    A parent that is killed closes nothing, and its workers would wait for work for
    ever.

    Parameters
    ----------
    parent : int
        The parent's process id.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def last_words(err: Exception) -> str:
    """Say in words how a worker process ended.

    Parameters
    ----------
    err : Exception
        What came out of its future.
    """
    found = _CODES.search(str(err).replace("\n", " "))
    codes = found[1] if found else ""
    if "SIGKILL" in codes:
        return "its process was killed (SIGKILL), most likely for lack of memory"
    if any(name in codes for name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGILL")):
        return f"its process crashed ({codes})"
    if codes:
        return f"its process ended at once ({codes})"
    return f"{type(err).__name__}: {str(err).partition(chr(10))[0]}"


def sampler(engine: Backend, settings: SamplerSettings) -> Callable[..., RawDraws]:
    """Return what samples within the time limit, if there is one.

    Parameters
    ----------
    engine : Backend
    settings : SamplerSettings

    Returns
    -------
    callable
        As :meth:`hbstan.types.Backend.sample`.
    """
    stuck = settings.timeout is not None and getattr(engine, "in_process", False)
    return partial(sample_apart, engine) if stuck else engine.sample


def sample_apart(
    engine: Backend,
    program: StanProgram,
    data: StanData,
    settings: SamplerSettings,
    *,
    progress: Progress | None = None,
) -> RawDraws:
    """Sample in another process, which is ended when the time is up.

    An engine that works in this process could not be ended while it evaluates the
    program. Progress tells of begin and end only.

    Parameters
    ----------
    engine, program, data, settings, progress
        As :meth:`hbstan.types.Backend.sample` takes them.

    Raises
    ------
    TimeLimitError
        If it takes longer than ``settings.timeout``.
    HbstanError
        What the engine raises.
    """
    import loky

    seconds = settings.timeout or 0.0
    pool = loky.ProcessPoolExecutor(1, initializer=end_with, initargs=(os.getpid(),))
    if progress is not None:
        progress("sampling", 0, 1)
    try:
        # The time is the fit's: the process starts before.
        pool.submit(engine.versions).result()
        future = pool.submit(engine.sample, program, data, settings)
        raw: RawDraws = future.result(timeout=seconds + grace(seconds))
    except TimeoutError as err:
        raise TimeLimitError.after(program.name, seconds) from err
    except loky.process_executor.BrokenProcessPool as err:
        raise SamplingError(
            f"{program.name}: {last_words(err)}.",
            remedy="See that there is memory for all chains and their draws.",
            console=str(err),
        ) from err
    finally:
        pool.shutdown(wait=False, kill_workers=True)
    if progress is not None:
        progress("sampling", 1, 1)
    return raw
