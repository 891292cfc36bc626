"""What every run of CmdStan's through CmdStanPy has in common.

The sampler's arguments, silence from CmdStanPy's logger, and what a failed run has to
say.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any

from hbstan.backends.stan_data import in_plain_words
from hbstan.errors import BackendError, DataError, SamplingError, TimeLimitError
from hbstan.files import temporary_error

if TYPE_CHECKING:
    from hbstan.types import SamplerSettings, StanData, StanProgram

__all__ = [
    "DIGITS",
    "QUIET",
    "ChainsEndedError",
    "DeadlineError",
    "ended",
    "run_error",
    "sampler_arguments",
]

#: Digits of draws: rounding far below any Monte Carlo error, and text that is
#: written and read in half the time.
DIGITS = 10
#: What CmdStan prints once it has accepted the data.
_STARTED = ("Gradient evaluation", "at the initial value", "Iteration:")
_TELLING = re.compile(r"exception|error|fail|reject|unable|cannot|could not", re.I)
#: A line of the settings that CmdStan lists: a file may be called "failing.csv".
_SETTING = re.compile(r"\s*\w*file = ")
#: The C++ name of the model, which says nothing to people.
_NAMESPACE = re.compile(r"\w+_model_namespace::\w+_model: ")
#: A source file in a message: the copy of an included file, or of the program, whose
#: name is that of a C++ identifier.
_COPY = re.compile(
    r"'(?:[^'\n]*/(?:\.build|hbstan-build-[^/'\n]*)/include/(?:d/)*(?P<include>[^'\n]+)"
    r"|(?:[^'\n]*/)?\w+\.stan)', line"
)


#: What mostly is behind a signal that ended a chain; others come from outside.
_LIKELY = {
    "SIGKILL": "as the system does when memory runs out",
    "SIGXFSZ": "its file became larger than this process may write",
    **dict.fromkeys(("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE"), "it crashed"),
}


class DeadlineError(RuntimeError):
    """The chains were ended at their deadline."""


class ChainsEndedError(RuntimeError):
    """Chains were ended by a signal; the number of the signal by chain."""

    def __init__(self, signals: Mapping[int, int]) -> None:
        words = [
            f"chain {chain} was ended by {_named(s)}" for chain, s in signals.items()
        ]
        super().__init__("; ".join(words))


def _named(number: int) -> str:
    """Name a signal and what mostly is behind it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return f"{name} ({_LIKELY.get(name, 'from outside')})"


class _Quiet:
    """Keeps CmdStanPy's log lines off the terminal; hbstan says what matters.

    CmdStanPy's own switch remembers what it found, so that of two threads the first
    to leave would wake the logger for the other, and the other leave it off for
    good. Here the first to enter turns it off and the last to leave restores it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = False

    def __enter__(self) -> None:
        logger = self._logger()
        with self._lock:
            if self._inside == 0:
                self._before = logger.disabled
            self._inside += 1
            logger.disabled = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._logger().disabled = self._before

    @staticmethod
    def _logger() -> Any:
        from cmdstanpy.utils import get_logger

        return get_logger()


#: One for the whole process, for so is the logger.
QUIET = _Quiet()


def sampler_arguments(settings: SamplerSettings) -> dict[str, Any]:
    """Return the arguments of CmdStanPy's ``sample`` that settle the draws.

    Parameters
    ----------
    settings : SamplerSettings
        Initial values, which take a look at the program, are left to the caller.

    Returns
    -------
    dict
    """
    return {
        "chains": settings.chains,
        "parallel_chains": settings.parallel_chains,
        "seed": settings.seed,
        "iter_warmup": settings.iter_warmup,
        "iter_sampling": settings.iter_sampling,
        "save_warmup": settings.save_warmup,
        "thin": settings.thin,
        "max_treedepth": settings.max_treedepth,
        "metric": settings.metric,
        "step_size": settings.step_size,
        "adapt_engaged": settings.adapts,
        "adapt_delta": settings.adapt_delta if settings.adapts else None,
        "sig_figs": DIGITS,
        # Or a program with profile blocks writes to the working folder.
        "save_profile": True,
        "show_progress": False,
    }


def ended(
    name: str, folder: str, err: Exception, timeout: float | None, console: str = ""
) -> BackendError | None:
    """Report a run that was ended from outside, or did not find room for its files.

    Parameters
    ----------
    name : str
        Of the program.
    folder : str
        Where the run's files are.
    err : Exception
        What came out of CmdStanPy.
    timeout : float or None
        Seconds that the run was given.
    console : str
        What CmdStan said.

    Returns
    -------
    BackendError or None
        None if the run ended by itself.
    """
    if isinstance(err, DeadlineError):
        return TimeLimitError.after(name, timeout, console)
    if isinstance(err, ChainsEndedError):
        full = "SIGXFSZ" in str(err)
        return SamplingError(
            f"{name}: {err}.",
            remedy="Raise the limit on file sizes (ulimit -f)."
            if full
            else "See that there is memory for all chains and their draws: fewer "
            "parallel_chains or workers, fewer draws, or a larger machine.",
            console=console,
        )
    return temporary_error(folder, err)


def run_error(
    program: StanProgram,
    data: StanData,
    folder: str,
    err: Exception,
    settings: SamplerSettings | None = None,
) -> BackendError | DataError:
    """Report what CmdStan said, from its console files while they exist.

    Parameters
    ----------
    program : StanProgram
        The program that was run.
    data : mapping
        The data in plain types.
    folder : str
        Where the console files are.
    err : Exception
        What CmdStanPy raised.
    settings : SamplerSettings, optional
        With the time that the run was given.

    Returns
    -------
    BackendError or DataError
        The latter if CmdStan did not come past the data.
    """
    files = sorted(Path(folder).glob("*stdout*.txt")) + sorted(
        Path(folder).glob("*.txt")
    )
    said = "\n".join(f.read_text(errors="replace") for f in dict.fromkeys(files))
    console = _with_own_files(program, said)
    timeout = None if settings is None else settings.timeout
    outside = ended(program.name, folder, err, timeout, console)
    if outside is not None:
        return outside
    telling = in_plain_words(_telling_lines(console), data) or str(err)
    if "Exception" in telling and not any(mark in console for mark in _STARTED):
        return DataError(
            f"{program.name}: CmdStan refused the data: {telling}",
            remedy="Compare the data with the program's data block.",
        )
    return SamplingError(
        f"{program.name}: CmdStan failed: {telling}",
        remedy="Check the data, the priors and the initial values.",
        console=console or str(err),
    )


def _with_own_files(program: StanProgram, text: str) -> str:
    """Put the user's files where the text names the copies that were compiled."""
    from hbstan.includes import find_includes

    if not _COPY.search(text):
        return text
    found = find_includes(program.file, program.include_paths)
    includes = {include.name: include.path for include in found}

    def own(match: re.Match[str]) -> str:
        name = match["include"]
        file = program.file if name is None else includes.get(name, name)
        return f"'{file}', line"

    return _COPY.sub(own, text).replace("included from\n", "included from ")


def _telling_lines(console: str, most: int = 6) -> str:
    """Return the console lines that speak of an error, each once."""
    lines = [_NAMESPACE.sub("", line).strip() for line in console.splitlines()]
    telling = [x for x in lines if _TELLING.search(x) and not _SETTING.match(x)]
    return "\n".join(list(dict.fromkeys(telling))[-most:])
