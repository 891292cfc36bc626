"""What becomes of a stage that an error ends."""

from __future__ import annotations

from typing import Any

import pytest

from hbstan.errors import (
    DataError,
    HbstanError,
    SamplingError,
    ScratchError,
    TimeLimitError,
    WorkerError,
)
from hbstan.results import Outcome, StageResult
from hbstan.workflow.criteria import Criteria
from hbstan.workflow.running import Runner
from hbstan.workflow.watch import Silent


def runner() -> Runner:
    nothing: Any = None
    return Runner(nothing, Criteria(), nothing, Silent(), {})


@pytest.mark.parametrize(
    ("error", "lasts"),
    [
        (SamplingError("chain 2 failed", remedy="Look."), True),
        (TimeLimitError.after("p", 3.0), True),
        (DataError("the engine refused the data"), True),
        (ScratchError("the folder is full"), False),
        (WorkerError("the workers are gone"), False),
    ],
)
def test_an_error_leaves_the_stage_open_and_the_others_go_on(
    error: HbstanError, lasts: bool
) -> None:
    def make() -> StageResult:
        raise error

    result, kept = runner()._made("fit", make)
    assert result.outcome is Outcome.NOT_RUN
    assert error.message in result.answer
    assert result.checks["completed"].advice == (error.remedy or "")
    assert kept is lasts


def test_a_mistake_of_ours_is_not_hidden() -> None:
    def make() -> StageResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner()._made("fit", make)
