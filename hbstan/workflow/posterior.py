"""Stage 4: replicates of the data from the fitted model, beside the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hbstan import plots
from hbstan.predictive import accuracy, posterior_predictive, residuals
from hbstan.predictive.replicates import has_population
from hbstan.results import Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.criteria import PosteriorCriteria

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.predictive import PredictiveCheck

__all__ = ["check_posterior"]

QUESTION = "Does the fitted model produce data like the observed ones?"
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
        question=QUESTION,
        checks=Checks(checks),
        gates=rules.gates,
        answer=answer,
        tables=tuple(tables),
        pictures=_pictures(same, table),
        notes=tuple(notes),
        result=same,
    )


def _pictures(same: PredictiveCheck, table: pd.DataFrame) -> tuple[Picture, ...]:
    return (
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
    )


def _statistics(name: str, what: str, table: pd.DataFrame) -> Table:
    return Table.of(name, f"Replicates of {what}", table, labels=_PREDICTIVE)
