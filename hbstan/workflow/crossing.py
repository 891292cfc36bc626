"""Stage 5: predictions of groups that are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.loo import METHODS, loo
from hbstan.predictive import loo_pit
from hbstan.predictive.pit_refits import settle_doubtful
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.criteria import CrossValidationCriteria

if TYPE_CHECKING:
    from hbstan.fit import Fit
    from hbstan.loo import LooResult
    from hbstan.predictive import LooPit

__all__ = ["cross_validate"]

QUESTION = (
    "How well does the model predict a group that it has not seen, and does it know "
    "how well?"
)


def cross_validate(
    fit: Fit,
    *,
    criteria: CrossValidationCriteria | None = None,
    seed: int | None = None,
    **options: Any,
) -> StageResult:
    """Leave out one group after the other, by the cheapest means to be believed.

    Parameters
    ----------
    fit : Fit
    criteria : CrossValidationCriteria, optional
    seed : int, optional
        Of the PIT values.
    **options
        ``backend``, ``executor``, ``workers`` and ``progress`` of refits.

    Returns
    -------
    StageResult
        Checks of :meth:`hbstan.loo.LooResult.checks` and ``loo_pit``; ``result`` is
        the cross-validation. One group alone cannot be left out: the stage then has
        no gate, but a limitation.
    """
    rules = criteria or CrossValidationCriteria()
    if fit.posterior.sizes.get("group") == 1:
        return _one_group()
    if rules.fit_timeout:
        options = {**options, "timeout": rules.fit_timeout}
    found = loo(fit, highest=rules.highest, **options)
    pit = settle_doubtful(fit, loo_pit(fit, seed=seed), **options)
    checks = Checks([*found.checks(), *pit.checks(rules.alpha)])
    table = found.table.drop(columns="mcse")
    return StageResult(
        stage="cross_validation",
        question=QUESTION,
        checks=checks,
        gates=rules.gates,
        answer=_loo_answer(found, checks),
        tables=(
            _ladder(found),
            Table.of(
                "groups", "Log predictive density, group by group", table, index="group"
            ),
        ),
        pictures=_pictures(found, pit),
        notes=_waic_note(found),
        result=found,
    )


def _one_group() -> StageResult:
    """Return the stage where there is nothing to leave out: a limitation."""
    detail = "there is one group; left out, it leaves none to predict it from"
    check = Check("loo", "Groups were left out", Outcome.NOT_RUN, detail=detail)
    answer = f"Not known: {detail}."
    return StageResult("cross_validation", QUESTION, Checks([check]), (), answer)


def _pictures(found: LooResult, pit: LooPit) -> tuple[Picture, ...]:
    return (
        Picture(
            "loo_groups",
            "How well each group is predicted from the others. The lowest are the "
            "surprising ones.",
            "Log predictive densities of the groups.",
            lambda: plots.loo_groups(found),
        ),
        Picture(
            "loo_pit",
            "Where each group's outcome lies in its prediction from the others: "
            "evenly spread, if predictions are as uncertain as they should be.",
            "Distribution of leave-one-out PIT values against the uniform one.",
            lambda: plots.loo_pit(pit),
        ),
    )


def _loo_answer(found: LooResult, checks: Checks) -> str:
    text = (
        f"The expected log predictive density of a group left out sums to "
        f"{found.elpd:.1f} (standard error {found.se:.1f}), by {found.method}. "
    )
    if checks.passed:
        return (
            text
            + "It can be believed, and predictions are as uncertain as they should be."
        )
    return text + "; ".join(f"{c.label}: {c.detail}" for c in checks.failed()) + "."


def _ladder(found: LooResult) -> Table:
    rows = tuple(
        (
            step.name,
            METHODS[step.name],
            len(step.groups),
            "taken" if step.taken else "not taken",
            step.reason,
        )
        for step in found.steps
    )
    columns = ("rung", "what", "groups", "taken", "reason")
    return Table("ladder", "How far the ladder was climbed", columns, rows)


def _waic_note(found: LooResult) -> tuple[str, ...]:
    waic = found.waic
    if waic is None:
        return ()
    text = (
        f"WAIC, for comparison with other reports: {waic.elpd:.1f} (standard error "
        f"{waic.se:.1f})."
    )
    return (f"{text} {waic.warning}".strip(),)
