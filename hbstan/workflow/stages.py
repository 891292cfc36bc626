"""The stages of a workflow, in order."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BY_MODEL", "STAGES", "Stage", "stage"]


@dataclass(frozen=True)
class Stage:
    """What is known of a stage before it is run.

    Parameters
    ----------
    name : str
        As in :class:`hbstan.results.StageResult`.
    number : int
        Its place; the comparison and the conclusions of each model share the last.
    title : str
    by_model : bool
        Whether it is run for each model.
    """

    name: str
    number: int
    title: str
    by_model: bool = True


STAGES: tuple[Stage, ...] = (
    Stage("data", 0, "The data", by_model=False),
    Stage("prior", 1, "Prior predictive check"),
    Stage("calibration", 2, "Simulation-based calibration"),
    Stage("fit", 3, "Fit and diagnostics"),
    Stage("posterior", 4, "Posterior predictive check"),
    Stage("cross_validation", 5, "Cross-validation"),
    Stage("sensitivity", 6, "Sensitivity and influence"),
    Stage("comparison", 7, "Comparison of the models", by_model=False),
    Stage("conclusion", 7, "Conclusions"),
)
#: The stages of one model up to its conclusions.
BY_MODEL: tuple[str, ...] = tuple(
    s.name for s in STAGES if s.by_model and s.name != "conclusion"
)


def stage(name: str) -> Stage:
    """Return a stage by name."""
    return next(one for one in STAGES if one.name == name)
