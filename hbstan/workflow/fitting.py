"""Stage 3: the fit, its diagnostics, and what is tried again when they fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan import models, plots
from hbstan.agreement import BLIND, agrees_with_exact, has_exact_form
from hbstan.diagnostics import Thresholds
from hbstan.errors import BackendError, ExactError
from hbstan.fit import Fit, fit
from hbstan.report.tables import pairs_once
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.criteria import FitCriteria

if TYPE_CHECKING:
    from hbstan.data import Dataset
    from hbstan.priors import Prior
    from hbstan.sbc.result import SBCResult
    from hbstan.types import Backend, Progress

__all__ = ["fit_and_diagnose"]

QUESTION = "Can the draws from the posterior be trusted?"
#: What more draws, or a larger treedepth, can mend.
_SLOW = ("rhat", "ess_bulk", "ess_tail", "treedepth")
#: Lines of the engine's console that the report shows.
_SAID = 8
#: How much further trajectories may go in the second attempt.
_DEEPER = 2


@dataclass(frozen=True)
class _Attempt:
    """One fit of the data, with what was changed for it."""

    change: str
    fit: Fit
    checks: Checks


def fit_and_diagnose(
    model: str,
    data: Dataset | str,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    criteria: FitCriteria | None = None,
    calibration: SBCResult | None = None,
    seed: int | None = None,
    backend: str | Backend = "auto",
    progress: Progress | None = None,
    **settings: Any,
) -> StageResult:
    """Fit the model and diagnose the draws; try again as the criteria say.

    Parameters
    ----------
    model : str
    data : Dataset or str
    priors : mapping of str to Prior or str, optional
    criteria : FitCriteria, optional
    calibration : SBCResult, optional
        For a table of how well parameters were recovered where the posterior lies.
    seed, backend, progress, **settings
        See :func:`hbstan.fit.fit`.

    Returns
    -------
    StageResult
        Checks of :func:`hbstan.diagnostics.diagnose`, of the last attempt; ``result``
        is its fit.
    """
    rules = criteria or FitCriteria()
    limits = Thresholds(
        rules.rhat,
        rules.ess_per_chain,
        rules.divergences,
        rules.saturated,
        rules.bfmi,
    )
    common: dict[str, Any] = {
        "priors": priors,
        "seed": seed,
        "backend": backend,
        "progress": progress,
        "timeout": rules.timeout or None,
    }
    attempts: list[_Attempt] = []
    retries: list[str] = []
    change = "as asked for"
    for _ in range(3):
        try:
            made = fit(model, data, **common, **settings)
        except BackendError as err:
            if not attempts:
                raise
            retries.append(f"which failed, so that the attempt before counts: {err}")
            break
        attempts.append(_Attempt(change, made, made.diagnose(limits)))
        next_one = _next(attempts, rules, settings)
        if next_one is None:
            break
        change, settings, why = next_one
        retries.append(f"fitted again with {change}, because of {why}")
    last = attempts[-1]
    regimes = _regimes(last.fit, calibration)
    judged, beside, notes = _judged(last.fit)
    return StageResult(
        stage="fit",
        question=QUESTION,
        checks=Checks([*last.checks, *judged]),
        gates=rules.gates,
        answer=_answer(last),
        tables=(_posterior(last.fit), *beside, *_attempted(attempts), *regimes),
        pictures=_pictures(last.fit),
        notes=(*_said(last.fit), *notes),
        retries=tuple(retries),
        result=last.fit,
    )


def _judged(
    made: Fit,
) -> tuple[tuple[Check, ...], tuple[Table, ...], tuple[str, ...]]:
    """Compare a fit with the exact posterior, where its model has one."""
    if not has_exact_form(made):
        return (), (), ()
    try:
        found = agrees_with_exact(made)
    except ExactError as err:
        return (), (), (f"Not compared with an exact posterior: {err.message}",)
    caption = (
        "The draws beside the exact posterior, which is computed by quadrature and "
        "shares no code with Stan; the last column is how far the two are apart, in "
        "standard errors of the draws, over mean, sd and quantiles"
    )
    heads = {"apart": f"apart (limit {found.limit:.1f})"}
    shown = found.both().rename(columns=heads)
    table = Table.of("exact", caption, shown, index="quantity")
    return (found.check(),), (table,), (BLIND,)


def _next(
    attempts: list[_Attempt], rules: FitCriteria, settings: Mapping[str, Any]
) -> tuple[str, dict[str, Any], str] | None:
    """Return the next attempt's change in words, its settings, and its reason."""
    failed = [c for c in attempts[-1].checks if c.outcome is Outcome.FAIL]
    names = {c.name for c in failed}
    why = ", ".join(c.label for c in failed)
    done = [a.change for a in attempts]
    delta = rules.retry_adapt_delta
    now = dict(settings)
    if "divergences" in names and delta > now.get("adapt_delta", 0.95):
        change = f"adapt_delta {delta:g}"
        return change, {**now, "adapt_delta": delta}, why
    more = rules.retry_draws
    slow = names & set(_SLOW)
    if slow and more > 1 and not any("draws" in text for text in done):
        longer = {
            **now,
            "iter_warmup": more * now.get("iter_warmup", 1000),
            "iter_sampling": more * now.get("iter_sampling", 1000),
            "max_treedepth": now.get("max_treedepth", 10) + _DEEPER,
        }
        return f"{more} times the draws and a larger treedepth", longer, why
    return None


def _said(made: Fit) -> tuple[str, ...]:
    """Return what the engine said, as a note."""
    lines = made.console.splitlines()
    more = f" ... and {len(lines) - _SAID} more lines" if len(lines) > _SAID else ""
    return (f"Said while fitting: {'; '.join(lines[:_SAID])}{more}",) if lines else ()


def _answer(last: _Attempt) -> str:
    sizes = last.fit.posterior.sizes
    size = f"{sizes['chain']} chains of {sizes['draw']} draws"
    gone = [c for c in last.checks if not c.passed]
    if not gone:
        return f"Yes: {size} agree with each other and explore the posterior freely."
    reasons = "; ".join(f"{c.label}: {c.detail}" for c in gone)
    return f"{size}; not in order: {reasons}."


def _posterior(made: Fit) -> Table:
    scalars = [str(k) for k, v in made.posterior.data_vars.items() if v.ndim == 2]
    whole = pairs_once(made, made.summary())
    shown = whole.loc[[n for n in whole.index if n in scalars]] if scalars else whole
    return Table.of(
        "posterior", "The posterior of what all groups share", shown, index="quantity"
    )


def _attempted(attempts: list[_Attempt]) -> tuple[Table, ...]:
    if len(attempts) < 2:
        return ()
    rows = tuple(
        (
            number,
            attempt.change,
            ", ".join(c.label for c in attempt.checks.failed()) or "nothing",
        )
        for number, attempt in enumerate(attempts, start=1)
    )
    columns = ("attempt", "settings", "not in order")
    return (Table("attempts", "What was tried", columns, rows),)


def _regimes(made: Fit, calibration: SBCResult | None) -> tuple[Table, ...]:
    """Return how well parameters were recovered where the posterior lies."""
    entry = made.like
    if calibration is None or entry is None or not calibration.ok.any():
        return ()
    spread = [p.name for p in entry.top_level if p.role in ("scale", "concentration")]
    spread = [n for n in spread if n in made.posterior and made.posterior[n].ndim == 2]
    if not spread:
        return ()
    by = spread[0]
    ends = made.posterior[by].quantile([0.025, 0.975]).values.tolist()
    if not ends[0] < ends[1]:
        return ()
    table = calibration.regimes(by, ends).reset_index()
    words = {"low": "below it", "medium": "where it lies", "high": "above it"}
    table["region"] = table["region"].replace(words)
    labels = {
        "region": "region",
        "interval": by,
        "quantity": "quantity",
        "n_sims": "simulations",
        "converged": "share converged",
        "relative_error": "median relative error",
        "coverage_95": "coverage of 95 % intervals",
    }
    caption = (
        f"Recovery in simulations by the simulated value of {by}: below, inside and "
        f"above the posterior's 95 % interval. Within a region errors are no sign of "
        "a wrong program: a right posterior pulls small values up and large ones down."
    )
    return (Table.of("regimes", caption, table, labels=labels),)


def _pictures(made: Fit) -> tuple[Picture, ...]:
    found = [
        Picture(
            "trace",
            "The draws of each chain, one after the other. They should look alike and "
            "show no drift.",
            f"Traces of the chains of {made.model}.",
            lambda: plots.trace(made),
        )
    ]
    if made.posterior.sizes["chain"] > 1:
        found.append(
            Picture(
                "ranks",
                "Ranks of each chain's draws among all draws: flat if the chains "
                "agree.",
                f"Rank histograms of the chains of {made.model}.",
                lambda: plots.ranks(made),
            )
        )
    return tuple(found)


def sibling(model: str) -> str | None:
    """Return the other parameterisation of a catalogue model, if it has one."""
    swapped = {"_noncentered": "_centered", "_centered": "_noncentered"}
    for end, other in swapped.items():
        if model.endswith(end):
            name = model.removesuffix(end) + other
            return name if name in models.names() else None
    return None
