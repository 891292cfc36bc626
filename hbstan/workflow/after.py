"""Stages 4 to 6, after the fit: predictions, cross-validation, sensitivity."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.loo import METHODS, loo
from hbstan.predictive import accuracy, loo_pit, posterior_predictive, residuals
from hbstan.predictive.pit_refits import settle_doubtful
from hbstan.predictive.replicates import has_population
from hbstan.results import Checks, Outcome, Picture, StageResult, Table
from hbstan.sensitivity import influence, power_scaling, swap_priors
from hbstan.workflow.criteria import (
    CrossValidationCriteria,
    PosteriorCriteria,
    SensitivityCriteria,
)

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.loo import LooResult

__all__ = ["check_posterior", "check_sensitivity", "cross_validate"]

POSTERIOR_QUESTION = "Does the fitted model produce data like the observed ones?"
LOO_QUESTION = (
    "How well does the model predict a group that it has not seen, and does it know "
    "how well?"
)
SENSITIVITY_QUESTION = "Do the conclusions rest on a prior, or on a single group?"
_PREDICTIVE = {
    "label": "statistic",
    "observed": "observed",
    "mean": "replicated, mean",
    "lower": "2.5 %",
    "upper": "97.5 %",
    "p_two_sided": "p",
}


def check_posterior(
    fit: Fit, *, criteria: PosteriorCriteria | None = None, seed: int | None = None
) -> StageResult:
    """Compare the data with replicates: of the same groups, and of new ones.

    Parameters
    ----------
    fit : Fit
    criteria : PosteriorCriteria, optional
    seed : int, optional

    Returns
    -------
    StageResult
        The checks of both kinds of replication; those of new groups have
        ``new_groups_`` before their names, and are left out where the model has no
        population to draw groups from.
    """
    rules = criteria or PosteriorCriteria()
    same = posterior_predictive(fit, seed=seed)
    checks = list(same.checks(rules.alpha))
    tables = [_statistics("same_groups", "the same groups again", same.table())]
    notes = []
    if has_population(fit) and fit.like is not None and fit.like.pooling != "none":
        new = posterior_predictive(fit, replicate="new_groups", seed=seed)
        checks += [
            replace(c, name=f"new_groups_{c.name}", label=f"{c.label}, new groups")
            for c in new.checks(rules.alpha)
        ]
        tables.append(_statistics("new_groups", "new groups", new.table()))
    else:
        notes.append(
            "This model has no population of groups, so that replicates of new groups "
            "cannot be drawn."
        )
    errors = accuracy(fit).reset_index()
    tables.append(Table.of("errors", "Errors of the predictions", errors))
    table = residuals(fit, seed=seed)
    tables.append(
        Table.of("residuals", "Residuals of each group", table, index="group")
    )
    failed = [c for c in checks if c.outcome is Outcome.FAIL]
    inside = "; ".join(c.label for c in failed)
    answer = (
        f"No, or not in every respect: {inside}."
        if failed
        else "Yes: in every respect looked at, the data are what it produces."
    )
    return StageResult(
        stage="posterior",
        question=POSTERIOR_QUESTION,
        checks=Checks(checks),
        gates=rules.gates,
        answer=answer,
        tables=tuple(tables),
        pictures=(
            Picture(
                "predictive_intervals",
                "Each group's outcome and what the model predicts for it.",
                "Observed outcomes of the groups with predictive intervals.",
                lambda: plots.predictive_intervals(same),
            ),
            Picture(
                "predictive_statistics",
                "Statistics of replicated data; the line is the observed value.",
                "Histograms of statistics of replicated data, observed values marked.",
                lambda: plots.predictive_statistics(same),
            ),
            Picture(
                "residuals",
                "Standardised residuals of the groups. They should scatter around 0 "
                "without a pattern.",
                "Residuals against fitted values, and group by group.",
                lambda: plots.residuals(table),
            ),
        ),
        notes=tuple(notes),
        result=same,
    )


def _statistics(name: str, what: str, table: pd.DataFrame) -> Table:
    return Table.of(name, f"Replicates of {what}", table, labels=_PREDICTIVE)


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
        the cross-validation.
    """
    rules = criteria or CrossValidationCriteria()
    found = loo(fit, highest=rules.highest, **options)
    pit = settle_doubtful(fit, loo_pit(fit, seed=seed), **options)
    checks = Checks([*found.checks(), *pit.checks(rules.alpha)])
    table = found.table.drop(columns="mcse")
    return StageResult(
        stage="cross_validation",
        question=LOO_QUESTION,
        checks=checks,
        gates=rules.gates,
        answer=_loo_answer(found, checks),
        tables=(
            _ladder(found),
            Table.of(
                "groups", "Log predictive density, group by group", table, index="group"
            ),
        ),
        pictures=(
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
        ),
        notes=_waic_note(found),
        result=found,
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


def check_sensitivity(
    fit: Fit,
    *,
    criteria: SensitivityCriteria | None = None,
    **options: Any,
) -> StageResult:
    """Scale and swap the priors, and leave out one group after the other.

    Parameters
    ----------
    fit : Fit
    criteria : SensitivityCriteria, optional
    **options
        ``backend``, ``executor``, ``workers`` and ``progress`` of refits.

    Returns
    -------
    StageResult
        Checks ``prior_sensitivity``, ``prior_swaps`` and ``influence``, which name
        limitations, and ``prior_decides`` and ``group_decides``, with wider limits.
    """
    rules = criteria or SensitivityCriteria()
    scaled = power_scaling(fit, threshold=rules.power_scaling, **options)
    swapped = swap_priors(fit, threshold=rules.swap, **options)
    chosen = _extreme(fit, rules.max_left_out)
    left = influence(fit, chosen, threshold=rules.influence, **options)
    far_swap = replace(swapped, threshold=rules.swap_far).checks()[0]
    far_left = replace(left, threshold=rules.influence_far).checks()[0]
    checks = Checks(
        [
            replace(
                far_swap,
                name="prior_decides",
                label="No other reasonable prior changes the conclusions",
            ),
            replace(
                far_left,
                name="group_decides",
                label="No single group decides the conclusions",
            ),
            *scaled.checks(),
            *swapped.checks(),
            *left.checks(),
        ]
    )
    notes: tuple[str, ...] = ()
    if chosen is not None:
        notes = (
            f"Only the {len(chosen)} groups with the largest residuals were left out.",
        )
    return StageResult(
        stage="sensitivity",
        question=SENSITIVITY_QUESTION,
        checks=checks,
        gates=rules.gates,
        answer=_sensitivity_answer(checks),
        tables=(
            _moves(
                "swaps",
                "Largest move of any mean under each other prior",
                swapped.table,
            ),
            _influences(left),
            Table.of(
                "power_scaling",
                "Sensitivity to the power of each prior and of the likelihood",
                scaled.table,
                index="quantity",
            ),
        ),
        pictures=(
            Picture(
                "prior_swaps",
                "How far posterior means move under other priors, in posterior "
                "standard deviations.",
                "Moves of posterior means by quantity and prior.",
                lambda: plots.prior_swaps(swapped),
            ),
            Picture(
                "influence",
                "How far posterior means move without each group.",
                "Moves of posterior means by quantity and group left out.",
                lambda: plots.influence(left),
            ),
        ),
        notes=notes,
        result=(scaled, swapped, left),
    )


def _extreme(fit: Fit, most: int) -> list[str] | None:
    """Return the groups with the largest residuals, or None if all can be left out."""
    table = residuals(fit, seed=0)
    seen = table[~table["held_out"]]
    if len(seen) <= most:
        return None
    order = seen["standardised"].abs().sort_values(ascending=False, kind="stable")
    return [str(label) for label in order.index[:most]]


def _sensitivity_answer(checks: Checks) -> str:
    if checks.passed:
        return "No: other priors and other groups lead to the same conclusions."
    named = [c for c in checks if not c.passed]
    hard = [c for c in named if c.name in ("prior_decides", "group_decides")]
    worst = "; ".join(f"{c.label}: {c.detail}" for c in (hard or named))
    return f"{'Yes' if hard else 'In part'}: {worst}."


def _moves(name: str, caption: str, table: pd.DataFrame) -> Table:
    """Return the largest move for each change."""
    rows: list[tuple[Any, ...]] = []
    level = table.index.names[0]
    for label, part in table.groupby(level=level, sort=False):
        known = part["move"].dropna()
        if known.empty:
            rows.append((str(label), None, None, None))
            continue
        worst: Any = known.abs().idxmax()
        rows.append(
            (
                str(label),
                str(worst[1]),
                float(known[worst]),
                float(part["move_mcse"][worst]),
            )
        )
    columns = ("other prior", "moves most", "by (posterior sd)", "Monte Carlo error")
    return Table(name, caption, columns, tuple(rows))


def _influences(left: Any) -> Table:
    table = left.groups().reset_index()
    labels = {
        "group": "without",
        "quantity": "moves most",
        "move": "by (posterior sd)",
        "move_mcse": "Monte Carlo error",
    }
    caption = "What moves most when a group is left out"
    return Table.of("influence", caption, table, labels=labels)
