"""Stage 0 of data that are more than one outcome a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table

if TYPE_CHECKING:
    from hbstan.data.system import SystemData
    from hbstan.workflow.criteria import DataCriteria

__all__ = ["describe_system"]

QUESTION = "What do the data hold, and can they tell what is asked?"
#: Rows of the data that the report shows.
_MOST_ROWS = 100


def describe_system(data: SystemData, limits: DataCriteria) -> StageResult:
    """Describe data of any shape.

    Parameters
    ----------
    data : SystemData
    limits : DataCriteria

    Returns
    -------
    StageResult
        Checks ``groups`` (enough of them), ``information`` (outcomes differ), and the
        dataset's own findings, which are limitations.
    """
    import numpy as np

    y: Any = np.asarray(data.to_stan()["y"]).ravel()
    rows = [(name, value) for name, value in data.overview()]
    shown = data.to_frame().head(_MOST_ROWS)
    held = f"; its first {_MOST_ROWS} rows" if len(shown) == _MOST_ROWS else ""
    # That a group is alone is a finding: its fit has all its priors from the user.
    several = [_enough(data, limits), _informed(y)] if data.J > 1 or y.size > 1 else []
    checks = Checks([*several, *data.findings()])
    answer = ", ".join(f"{name}: {_text(value)}" for name, value in rows)
    failed = "; ".join(c.detail for c in checks.failed())
    return StageResult(
        stage="data",
        question=QUESTION,
        checks=checks,
        gates=("groups", "information"),
        answer=f"{data.name} holds {answer}." + (f" {failed}." if failed else ""),
        tables=(
            Table("overview", "The data in figures", ("figure", "value"), tuple(rows)),
            Table.of("groups", f"The data{held}", shown),
        ),
        pictures=(_picture(data, y),),
    )


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _enough(data: SystemData, limits: DataCriteria) -> Check:
    passed = limits.min_groups <= data.J
    return Check(
        "groups",
        f"There are enough {data.units} to learn how they differ",
        Outcome.PASS if passed else Outcome.FAIL,
        float(data.J),
        float(limits.min_groups),
        f">= {limits.min_groups} {data.units}",
        detail=f"{data.J} {data.units} have data",
        advice=""
        if passed
        else "Analyse so few one by one, or bring knowledge of how they differ as a "
        "strong prior and say so.",
    )


def _informed(y: Any) -> Check:
    passed = bool((y != y[0]).any())
    return Check(
        "information",
        "The outcomes are not all the same",
        Outcome.PASS if passed else Outcome.FAIL,
        rule="at least two different outcomes",
        detail=f"{y.size} outcomes from {y.min():.4g} to {y.max():.4g}",
        advice="" if passed else "Such data say nothing about differences.",
    )


def _picture(data: SystemData, y: Any) -> Picture:
    whole = data.outcome != "real" and data.outcome != "normal"
    return Picture(
        "outcomes",
        "How the outcomes are distributed.",
        f"Histogram of {y.size} outcomes from {y.min():.4g} to {y.max():.4g}.",
        lambda: plots.outcomes(y, name=data.name, whole=whole),
    )
