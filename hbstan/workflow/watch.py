"""Who is told how a workflow gets on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from hbstan.workflow.judgement import ModelVerdict
    from hbstan.workflow.stages import Stage

__all__ = ["Silent", "Watcher"]


class Watcher(Protocol):
    """Told of stages as they begin and end, and of steps on the way."""

    def started(self, stage: Stage, model: str | None) -> None:
        """Note that a stage begins; ``model`` is None where it concerns all."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Note how work on a step gets on; see :class:`hbstan.types.Progress`."""

    def finished(self, record: Mapping[str, Any], again: bool) -> None:
        """Note that a stage has ended; ``again`` if it had ended before."""

    def judged(self, verdict: ModelVerdict) -> None:
        """Note that a model has its verdict."""


class Silent:
    """Tells nobody."""

    def started(self, stage: Stage, model: str | None) -> None:
        """Do nothing."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Do nothing."""

    def finished(self, record: Mapping[str, Any], again: bool) -> None:
        """Do nothing."""

    def judged(self, verdict: ModelVerdict) -> None:
        """Do nothing."""
