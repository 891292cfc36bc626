"""One part of what ``check`` and ``compare`` show, and what the caller wants of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hbstan.results import Check, Checks

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from hbstan.types import Progress

__all__ = ["Options", "Section", "not_run"]


@dataclass(frozen=True)
class Options:
    """What the caller wants.

    Parameters
    ----------
    seed : int, optional
        For replicates.
    highest, budget, workers
        See :func:`hbstan.loo.loo`.
    refits : bool
        Whether priors are swapped and groups left out.
    progress : Progress, optional
    """

    seed: int | None
    highest: str
    budget: float | None
    workers: int | None
    refits: bool
    progress: Progress | None


@dataclass(frozen=True)
class Section:
    """One part of a criticism.

    Parameters
    ----------
    name : str
        Its key in the JSON.
    shown : list of Rich renderables
    record : dict
        JSON-ready.
    checks : Checks
    figures : mapping of str to callable
        File names, and what draws them.
    """

    name: str
    shown: list[RenderableType]
    record: dict[str, Any]
    checks: Checks
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)


def not_run(name: str, title: str, check: Check) -> Section:
    """Return a section that says why it has nothing to say."""
    from hbstan.report.console import checks_table

    checks = Checks([check])
    return Section(name, [checks_table(checks, title)], checks.record(), checks)
