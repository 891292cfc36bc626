"""stanli's model, with its voice and its interruption in our hands.

stanli prints progress to ``sys.stdout``, shows warnings through Python's filters, and
stops for Ctrl-C only. All three belong to the whole process. Here a model gets copies
of stanli's two functions that see other names in their place, so that what a fit says
reaches that fit alone, whatever other threads do, and a fit can be given a deadline.
"""

from __future__ import annotations

import functools
import time
import types
from collections.abc import Callable
from typing import Any

from hbstan.backends.console import Iterations

__all__ = ["DeadlineError", "model_class"]


class DeadlineError(RuntimeError):
    """The sampler was stopped at its deadline."""


class _Warnings:
    """Stands for the module ``warnings``: keeps what is warned of."""

    def __init__(self, said: list[str]) -> None:
        self._said = said

    def warn(self, message: Any, *_: Any, **__: Any) -> None:
        self._said.append(str(message))


@functools.cache
def _watch_class(stanli: Any) -> Any:
    """Return stanli's watch for Ctrl-C, which also looks at the clock."""

    class Watch(stanli._InterruptWatch):  # type: ignore[misc]
        def __init__(self, until: float) -> None:
            super().__init__()
            self.late = False

            def stop(_user: Any) -> int:
                self.late = self.late or time.monotonic() > until
                return 1 if self.late or self.tripped else 0

            self.poll = stanli._SamplePollCallback(stop)

        def raise_interrupt(self) -> None:
            if self.late and not self.tripped:
                raise DeadlineError("sampling was stopped at its deadline")
            super().raise_interrupt()

    return Watch


def model_class(
    stanli: Any,
    said: list[str],
    *,
    listener: Iterations | None = None,
    until: float | None = None,
) -> Any:
    """Return stanli's class ``Model`` for one fit.

    Parameters
    ----------
    stanli : module
    said : list of str
        Receives what stanli warns of.
    listener : Iterations, optional
        Is told of the chains' iterations, if sampling is given a ``refresh``.
    until : float, optional
        When to stop, on the monotonic clock. The sampler looks between iterations
        only.
    """
    names: dict[str, Any] = {
        "warnings": _Warnings(said),
        "_print_sample_reports": lambda *_: None,
    }
    if listener is not None:
        names["_print_sample_progress"] = lambda chain, done, total, _warmup: (
            listener.at(chain, done, total)
        )
    if until is not None:
        names["_InterruptWatch"] = functools.partial(_watch_class(stanli), until)
    arrays: list[Any] = []

    def pointer(array: Any) -> Any:
        arrays.append(array)
        return stanli._dptr(array)

    names["_dptr"] = pointer
    own = {n: _seeing(getattr(stanli.Model, n), names) for n in ("__init__", "sample")}
    return type("Model", (stanli.Model,), {**own, "visited": _Visited(arrays)})


class _Visited:
    """The unconstrained points of the draws, which stanli's fit does not keep.

    They are the first of the three arrays that the sampler is given last.
    """

    def __init__(self, arrays: list[Any]) -> None:
        self._arrays = arrays

    def __get__(self, model: Any, cls: Any) -> Any:
        return self._arrays[-3]


def _seeing(function: Any, names: dict[str, Any]) -> Callable[..., Any]:
    """Return a copy of a function that sees ``names`` among its module's own."""
    copy = types.FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
