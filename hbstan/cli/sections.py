"""What ``check`` and ``compare`` show, write and judge, section by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.cli.section import Options, Section, not_run
from hbstan.data.findings import ALONE
from hbstan.results import Check, Checks, Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hbstan.compare import Comparison
    from hbstan.fit import Fit

__all__ = ["Options", "Section", "comparison", "criticise", "named"]


def criticise(fit: Fit, options: Options) -> list[Section]:
    """Return the sections that can be made of a fit.

    Of a fit of a program that is like none of the catalogue, or without its
    predictive quantities, they say what was not run, and why.
    """
    if fit.like is None or "posterior_predictive" not in fit.tree.children:
        return _not_criticised(fit)
    parts = [_exact, _predictive, _cross_validation, _groups, _sensitivity]
    found = [part(fit, options) for part in parts]
    return [section for section in found if section is not None]


#: The questions to a model: section, label, what a program declares for it, and the
#: group of the tree that it may have gone to.
_QUESTIONS = (
    (
        "predictive",
        "Replicated data resemble the data",
        "y_rep",
        "posterior_predictive",
    ),
    ("loo", "Groups are predicted from the others", "log_lik", "log_likelihood"),
    ("sensitivity", "Sensitivity to the priors", "lprior", "log_prior"),
)


def _not_criticised(fit: Fit) -> list[Section]:
    from hbstan.report.console import checks_table

    held = {str(name) for part in fit.tree.children.values() for name in part.data_vars}
    found = []
    for name, label, declared, group in _QUESTIONS:
        if declared not in held and group not in fit.tree.children:
            detail = f"the fit of {fit.model} holds no {declared}"
            advice = f"Declare {declared} in the program, and fit with it."
        else:
            detail = f"{fit.model} is like no model of the catalogue"
            advice = ""
        found.append(Check(name, label, Outcome.NOT_RUN, detail=detail, advice=advice))
    sections = [Section(c.name, [], Checks([c]).record(), Checks([c])) for c in found]
    sections[0].shown.append(checks_table(Checks(found), "Model"))
    return sections


def _exact(fit: Fit, options: Options) -> Section | None:
    """Set the fit beside the exact posterior, where its model has one."""
    from hbstan.agreement import BLIND, agrees_with_exact, has_exact_form
    from hbstan.errors import ExactError
    from hbstan.report.console import checks_table
    from hbstan.report.criticism import frame_table

    if not has_exact_form(fit):
        return None
    title = "Beside the exact posterior"
    try:
        found = agrees_with_exact(fit)
    except ExactError as err:
        check = Check(
            "agrees_with_exact",
            "Draws agree with the exact posterior",
            Outcome.NOT_RUN,
            detail=err.message,
            advice=err.remedy or "",
        )
        return not_run("exact", title, check)
    checks = Checks([found.check()])
    shown: list[Any] = [
        frame_table(
            f"{title} (apart: in standard errors of the draws)",
            found.both(),
            decimals=None,
            index="quantity",
        ),
        checks_table(checks, title),
        BLIND,
    ]
    return Section("exact", shown, found.record(), checks)


def _predictive(fit: Fit, options: Options) -> Section:
    from hbstan import plots
    from hbstan.predictive import accuracy, loo_pit, posterior_predictive, residuals
    from hbstan.report.console import checks_table
    from hbstan.report.criticism import frame_table

    check = posterior_predictive(fit, seed=options.seed)
    pit = loo_pit(fit, seed=options.seed)
    checks = Checks([*check.checks(), *pit.checks()])
    errors = accuracy(fit)
    shown: list[Any] = [
        frame_table(
            f"Replicated data: {check.question}",
            check.table(),
            {
                "observed": "observed",
                "mean": "replicated",
                "lower": "2.5%",
                "upper": "97.5%",
                "p_two_sided": "p",
            },
            decimals=None,
            index="statistic",
        ),
        # One row a measure: ten columns do not fit on a screen.
        frame_table("Predictive errors", errors.T, decimals=None, index="measure"),
        checks_table(checks, "Predictive checks"),
    ]
    record = {**check.record(), "loo_pit": pit.record()}
    record["accuracy"] = errors.reset_index().to_dict("records")
    left = residuals(fit, seed=options.seed)
    record["residuals"] = left.reset_index().to_dict("records")
    figures = {
        "statistics.png": lambda: plots.predictive_statistics(check),
        "loo_pit.png": lambda: plots.loo_pit(pit),
    }
    return Section("predictive", shown, record, checks, figures)


def _cross_validation(fit: Fit, options: Options) -> Section:
    from hbstan import plots
    from hbstan.errors import FitError
    from hbstan.loo import loo
    from hbstan.report import criticism as report
    from hbstan.report.console import checks_table

    title = "Cross-validation"
    try:
        result = loo(
            fit,
            highest=options.highest,
            budget=options.budget,
            workers=options.workers,
            progress=options.progress,
        )
    except FitError as err:  # one group alone, or no rung that is allowed
        check = Check(
            "loo",
            "Groups were left out",
            Outcome.NOT_RUN,
            detail=err.message,
            advice=err.remedy or "",
        )
        return not_run("loo", title, check)
    checks = result.checks()
    shown: list[Any] = [
        report.ladder_table(result),
        report.loo_groups_table(result),
        report.loo_line(result),
        checks_table(checks, title),
    ]
    figures = {
        "loo.png": lambda: plots.loo_groups(result),
        "ladder.png": lambda: plots.loo_ladder(result),
    }
    return Section("loo", shown, result.record(), checks, figures)


def _groups(fit: Fit, options: Options) -> Section | None:
    if fit.posterior.sizes.get("group") != 1:
        return _pooling(fit, options)
    check = Check("groups", "Groups differ", Outcome.NOT_RUN, detail=ALONE)
    return not_run("groups", "Groups", check)


def _pooling(fit: Fit, options: Options) -> Section | None:
    from hbstan import plots
    from hbstan.errors import FitError
    from hbstan.pooling import group_ranks, heterogeneity, shrinkage
    from hbstan.report.criticism import frame_table

    try:
        spread = heterogeneity(fit, seed=options.seed)
        shrunk, ranks = shrinkage(fit), group_ranks(fit)
    except FitError:  # a model without a population of groups
        return None
    frame = spread.to_frame()
    shown: list[Any] = [
        frame_table(
            "How groups differ",
            frame,
            {
                "mean": "mean",
                "median": "median",
                "lower": "3%",
                "upper": "97%",
                "dersimonian_laird": "DerSimonian-Laird",
                "reml": "REML",
            },
            index="quantity",
        ),
        frame_table(
            "How far groups shrink, and where they stand",
            shrunk.to_frame().join(ranks.to_frame(), rsuffix="_rank"),
            {
                "raw": "raw",
                "posterior": "posterior",
                "factor": "shrinkage",
                "expected": "expected rank",
                "p_worst": "P(worst)",
                "p_best": "P(best)",
            },
            index="group",
        ),
    ]
    record = {
        "heterogeneity": spread.record(),
        "shrinkage": shrunk.record(),
        "ranks": ranks.record(),
    }
    figures = {
        "heterogeneity.png": lambda: plots.heterogeneity(spread),
        "shrinkage.png": lambda: plots.shrinkage(shrunk),
        "group_ranks.png": lambda: plots.rank_probabilities(ranks),
    }
    return Section("groups", shown, record, Checks([]), figures)


def _sensitivity(fit: Fit, options: Options) -> Section:
    """Scale the priors' powers; with refits also swap priors and leave out groups."""
    from hbstan import plots
    from hbstan.report.console import checks_table
    from hbstan.report.criticism import frame_table
    from hbstan.sensitivity import power_scaling, swap_priors

    work: dict[str, Any] = {"workers": options.workers, "progress": options.progress}
    scaled = power_scaling(fit, refit_when_unreliable=options.refits, **work)
    title = "How much the posterior moves with each prior and the likelihood"
    shown: list[Any] = [frame_table(title, scaled.to_frame(), index="quantity")]
    record = {"power_scaling": scaled.record()}
    found = [*scaled.checks()]
    figures: dict[str, Callable[[], Figure]] = {
        "power_scaling.png": lambda: plots.power_scaling(scaled)
    }
    if options.refits:
        swapped = swap_priors(fit, **work)
        shown.append(
            frame_table(
                "Moves under other priors, in sd", swapped.moves(), index="quantity"
            )
        )
        record["prior_swaps"] = swapped.record()
        found += swapped.checks()
        figures["prior_swaps.png"] = lambda: plots.prior_swaps(swapped)
        found += _without_each(fit, work, shown, record, figures)
    checks = Checks(found)
    shown.append(checks_table(checks, "Sensitivity"))
    return Section("sensitivity", shown, record, checks, figures)


def _without_each(
    fit: Fit,
    work: Mapping[str, Any],
    shown: list[Any],
    record: dict[str, Any],
    figures: dict[str, Callable[[], Figure]],
) -> Checks:
    """Leave out each group, and add what came of it to the section."""
    from hbstan import plots
    from hbstan.errors import FitError
    from hbstan.report.criticism import frame_table
    from hbstan.sensitivity import influence

    try:
        left = influence(fit, **work)
    except FitError as err:  # one group alone
        label = "Posterior without each group"
        checks = Checks(
            [Check("influence", label, Outcome.NOT_RUN, detail=err.message)]
        )
        record["influence"] = checks.record()
        return checks
    title = "Moves without each group, in sd"
    shown.append(frame_table(title, left.groups(), index="without"))
    record["influence"] = left.record()
    figures["influence.png"] = lambda: plots.influence(left)
    return left.checks()


def named(fits: Mapping[Path, Fit]) -> dict[str, Fit]:
    """Name fits by their models, and by their files where a model occurs twice."""
    names = [fit.model for fit in fits.values()]
    return {
        fit.model if names.count(fit.model) == 1 else f"{fit.model} ({path})": fit
        for path, fit in fits.items()
    }


def comparison(found: Comparison) -> Section:
    """Return the section of a comparison."""
    from rich.markup import escape

    from hbstan import plots
    from hbstan.report.console import checks_table
    from hbstan.report.criticism import frame_table

    names = {
        "elpd": "elpd",
        "se": "se",
        "elpd_diff": "difference",
        "dse": "dse",
        "mcse": "mcse",
    }
    further = {
        "stacking": "stacking",
        "pseudo_bma": "pseudo-BMA+",
        "method": "by",
        "verdict": "verdict",
    }
    title = f"{found.data_name}: {found.target}, {found.n} groups"
    checks, table = found.checks(), found.to_frame()
    shown: list[Any] = [
        # Two tables: ten columns do not fit on a screen.
        frame_table(title, table, names, decimals=2, index="model"),
        frame_table("Weights and verdicts", table, further, decimals=2, index="model"),
        *(escape(text) for text in found.readings().values()),
        checks_table(checks, "Can the comparison be believed?"),
    ]
    figures = {
        "comparison.png": lambda: plots.comparison(found),
        "differences.png": lambda: plots.pointwise_differences(found),
    }
    return Section("comparison", shown, found.record(), checks, figures)
