"""How long a fit may take among many, and what ends one that does not return.

An engine ends its own work when the time is up: CmdStan's processes are killed, stanli
stops between two iterations. What never comes so far, a loop without an end in a
program or a generator, is ended with the worker process in which it runs, even where
it stands in compiled code; other processes take its place.
"""

from __future__ import annotations

import faulthandler
import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hbstan.backends.apart import grace
from hbstan.errors import SettingsError

__all__ = ["Note", "TimeLimit", "require_seconds"]

#: By default a fit may take so many times the median of those that have finished, and
#: at least a minute.
_TIMES = 100.0
_LEAST = 60.0
#: Seconds that a fit may take before so many have finished.
_FIRST = 1800.0
_ENOUGH = 5
#: So many are looked at: the median hardly moves any more.
_MOST = 200
#: What faulthandler writes when it ends a process.
_ENDED = "Timeout ("


def require_seconds(name: str, value: Any) -> None:
    """Refuse what is no limit of time.

    Raises
    ------
    SettingsError
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and (not number or not 1e-3 <= value <= 1e9):
        raise SettingsError(
            f"{name} is {value!r}, but must be a positive number of seconds, or None "
            "for the default."
        )


@dataclass
class TimeLimit:
    """How long each fit of a run may take.

    Parameters
    ----------
    given : float, optional
        Seconds. By default half an hour while fewer than five fits have finished, and
        then 100 times the median of theirs, but at least a minute.
    """

    given: float | None = None
    _seconds: list[float] = field(default_factory=list)

    def saw(self, seconds: float) -> None:
        """Note how long a fit took that came to its end."""
        if len(self._seconds) < _MOST:
            self._seconds.append(seconds)

    def now(self) -> float:
        """Return the seconds that the next fit may take."""
        if self.given is not None:
            return self.given
        if len(self._seconds) < _ENOUGH:
            return _FIRST
        return max(_LEAST, _TIMES * statistics.median(self._seconds))

    @staticmethod
    def of_refit(given: float | None, seconds: float) -> float:
        """Return the limit of a refit of a fit that took so many seconds itself."""
        return max(_LEAST, _TIMES * seconds) if given is None else given


class Note:
    """What a worker leaves behind when it is ended for taking too long.

    Parameters
    ----------
    path : pathlib.Path or None
        Where; None where the work is not done by a process of our own, which nobody
        may end.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @contextmanager
    def ending_after(self, seconds: float | None) -> Iterator[None]:
        """End this process if the body takes much longer than ``seconds``."""
        if self.path is None or seconds is None:
            yield
            return
        limit = seconds + grace(seconds)
        with self.path.open("w", encoding="utf-8") as file:
            self._file = file
            faulthandler.dump_traceback_later(limit, file=file, exit=True)
            try:
                yield
            finally:
                faulthandler.cancel_dump_traceback_later()
        self.path.unlink(missing_ok=True)

    def keep(self, record: dict[str, Any]) -> None:
        """Write down what is known already."""
        if self.path is not None and not self._file.closed:
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()

    def left(self) -> tuple[dict[str, Any], str] | None:
        """Return what was known, and where the process stood when it was ended.

        None if it was not ended for taking too long.
        """
        if self.path is None or not self.path.is_file():
            return None
        text = self.path.read_text(encoding="utf-8", errors="replace")
        before, ended, after = text.partition(_ENDED)
        if not ended:
            return None
        return (json.loads(before) if before.strip() else {}), ended + after
