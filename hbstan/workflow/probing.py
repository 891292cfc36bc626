"""Stage 6: other priors, and the data without each group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.predictive import residuals
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.sensitivity import influence, power_scaling, swap_priors
from hbstan.workflow.criteria import SensitivityCriteria

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.sensitivity import Influence, PowerScaling, PriorSwaps

__all__ = ["check_sensitivity"]

#: The adapt_delta of a second attempt.
_CAREFUL = 0.99
_ONE_GROUP = Check(
    "influence",
    "Posterior without each group",
    Outcome.NOT_RUN,
    detail="there is one group; left out, it leaves none that could move",
)
QUESTION = "Do the conclusions rest on a prior, or on a single group?"


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
        One group alone cannot be left out, and decides whatever is known of it.
    """
    rules = criteria or SensitivityCriteria()
    if rules.fit_timeout:
        options = {**options, "timeout": rules.fit_timeout}
    scaled = power_scaling(fit, threshold=rules.power_scaling, **options)
    chosen = _extreme(fit, rules.max_left_out)
    retries: list[str] = []

    def twice(what: str, make: Callable[..., Any]) -> Any:
        found, text = _with_more_effort(what, fit, make, options)
        retries.extend(text)
        return found

    swapped = twice("prior swaps", partial(swap_priors, fit, threshold=rules.swap))
    left: Influence | None = None
    if fit.posterior.sizes.get("group") != 1:
        make = partial(influence, fit, chosen, threshold=rules.influence)
        left = twice("fits without a group", make)
    checks = _checks(scaled, swapped, left, rules)
    notes: tuple[str, ...] = ()
    if chosen is not None:
        notes = (
            f"Only the {len(chosen)} groups with the largest residuals were left out.",
        )
    return StageResult(
        stage="sensitivity",
        question=QUESTION,
        checks=checks,
        gates=rules.gates,
        answer=_sensitivity_answer(checks),
        tables=(
            _moves(
                "swaps",
                "Largest move of any mean under each other prior",
                swapped.table,
            ),
            *([_influences(left)] if left else []),
            Table.of(
                "power_scaling",
                "Sensitivity to the power of each prior and of the likelihood",
                scaled.table,
                index="quantity",
            ),
        ),
        pictures=_pictures(swapped, left),
        notes=notes,
        retries=tuple(retries),
        result=(scaled, swapped, left),
    )


def _checks(
    scaled: PowerScaling,
    swapped: PriorSwaps,
    left: Influence | None,
    rules: SensitivityCriteria,
) -> Checks:
    """Return gates, with the wide limits, and limitations."""
    far_swap = replace(swapped, threshold=rules.swap_far).checks()[0]
    gates = [
        replace(
            far_swap,
            name="prior_decides",
            label="No other reasonable prior changes the conclusions",
        )
    ]
    if left is None:
        return Checks([*gates, *scaled.checks(), *swapped.checks(), _ONE_GROUP])
    far_left = replace(left, threshold=rules.influence_far).checks()[0]
    gates.append(
        replace(
            far_left,
            name="group_decides",
            label="No single group decides the conclusions",
        )
    )
    return Checks([*gates, *scaled.checks(), *swapped.checks(), *left.checks()])


def _pictures(swapped: PriorSwaps, left: Influence | None) -> tuple[Picture, ...]:
    swaps = Picture(
        "prior_swaps",
        "How far posterior means move under other priors, in posterior "
        "standard deviations.",
        "Moves of posterior means by quantity and prior.",
        lambda: plots.prior_swaps(swapped),
    )
    if left is None:
        return (swaps,)
    without = Picture(
        "influence",
        "How far posterior means move without each group.",
        "Moves of posterior means by quantity and group left out.",
        lambda: plots.influence(left),
    )
    return swaps, without


def _with_more_effort(
    what: str, fit: Fit, make: Callable[..., Any], options: Mapping[str, Any]
) -> tuple[Any, list[str]]:
    """Refit, and once more with more effort if a refit cannot be used."""
    found = make(**options)
    faulty = found.refits.index[found.refits["fault"] != ""]
    if not len(faulty):
        return found, []
    settings = fit.provenance["settings"]
    effort = {
        "iter_warmup": 2 * settings["iter_warmup"],
        "iter_sampling": 2 * settings["iter_sampling"],
        "adapt_delta": max(settings["adapt_delta"], _CAREFUL),
    }
    text = (
        f"{what} made again with twice the draws and adapt_delta at least "
        f"{_CAREFUL:g}, because refits could not be used: {', '.join(map(str, faulty))}"
    )
    return make(**options, **effort), [text]


def _extreme(fit: Fit, most: int) -> list[str] | None:
    """Return the groups with the largest residuals, or None if all can be left out."""
    table = residuals(fit, seed=0)
    seen = table[~table["held_out"]]
    far = seen["standardised"].abs()
    if "unit" in seen:
        # The root mean square of a group's residuals says how far it is off.
        far = (far**2).groupby(seen["unit"], sort=False).mean()
    if len(far) <= most:
        return None
    order = far.sort_values(ascending=False, kind="stable")
    return [str(label) for label in order.index[:most]]


def _sensitivity_answer(checks: Checks) -> str:
    if checks.passed:
        return "No: other priors and other groups lead to the same conclusions."
    named = [c for c in checks if not c.passed]
    hard = [c for c in named if c.name in ("prior_decides", "group_decides")]
    worst = "; ".join(c.detail for c in (hard or named))
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
