"""Stages 1 and 2, before the data are fitted: priors, and calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.files import scratch_folder
from hbstan.models import get
from hbstan.predictive import prior_predictive
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.sbc import sbc
from hbstan.sbc.executors import shared
from hbstan.sbc.limits import Limits
from hbstan.workflow.criteria import CalibrationCriteria, PriorCriteria

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from hbstan.data import Dataset
    from hbstan.priors import Prior
    from hbstan.sbc.result import SBCResult
    from hbstan.types import Backend, Progress

__all__ = ["calibrate", "check_prior"]

PRIOR_QUESTION = "Do the priors expect data like these, and no absurd ones?"
CALIBRATION_QUESTION = (
    "If the model were true, would its computed posteriors be right for groups of "
    "these sizes?"
)
#: A pilot ends a calibration if chance would give so many bad fits so rarely.
_HOPELESS = 0.001
#: How many times the pilot there are when it is looked at.
_LOOKS = (1, 5, 10)
_LIMITS = (
    *("alpha", "power", "shift", "scale", "rhat", "ess"),
    *("failed_share", "unconverged_share"),
)


def check_prior(
    model: str,
    data: Dataset | str,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    criteria: PriorCriteria | None = None,
    like: str = "",
    seed: int | None = None,
) -> StageResult:
    """Check what the priors expect, before any fit.

    Parameters
    ----------
    model : str
        A catalogue name, or the path of a program.
    data : Dataset or str
    priors : mapping of str to Prior or str, optional
    criteria : PriorCriteria, optional
    like : str
        For a program of your own: the catalogue's model whose generator it has.
    seed : int, optional

    Returns
    -------
    StageResult
        Checks as :func:`hbstan.predictive.prior_predictive` makes them; not run for
        a program that is like no model of the catalogue.
    """
    limits = criteria or PriorCriteria()
    entry = like or model
    if entry.endswith(".stan"):
        check = Check(
            "generator",
            "There is a generator that simulates from the priors",
            Outcome.NOT_RUN,
            detail=f"{Path(model).name} declares no priors of a catalogue model",
            advice="Start from a program of the catalogue and keep its priors' names.",
        )
        return StageResult("prior", PRIOR_QUESTION, Checks([check]), ("generator",))
    found = prior_predictive(
        get(entry), data, priors=priors, draws=limits.draws, seed=seed
    )
    checks = found.checks()
    failed = [c.label for c in checks if c.outcome is Outcome.FAIL]
    inside = found.summary()
    low, high = (float(inside.iloc[0][c]) for c in ("lower", "upper"))
    answer = (
        f"Before seeing the data, the model expects 90 % of the groups' values between "
        f"{low:.3g} and {high:.3g}. "
    ) + ("; ".join(failed) + ": no." if failed else "The observed ones fit in.")
    return StageResult(
        stage="prior",
        question=PRIOR_QUESTION,
        checks=checks,
        gates=limits.gates,
        answer=answer,
        tables=(
            Table.of(
                "expected",
                f"What {limits.draws} simulated data sets hold",
                inside,
                index="quantity",
            ),
        ),
        pictures=(
            Picture(
                "prior_predictive",
                "Data sets that the priors expect, and the observed data. The observed "
                "values should lie well inside, not at the edge.",
                f"Histograms of data simulated from the priors of {entry}, with the "
                "observed data marked.",
                lambda: plots.prior_predictive(found),
            ),
        ),
        result=found,
    )


def calibrate(
    model: str,
    data: Dataset | str,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    criteria: CalibrationCriteria | None = None,
    seed: int | None = None,
    backend: str | Backend = "auto",
    executor: str | Executor | None = None,
    workers: int | None = None,
    store: Path | None = None,
    progress: Progress | None = None,
) -> StageResult:
    """Calibrate the model by simulation, with the group sizes of the data.

    The first simulations decide whether the whole can still pass. If fits do not
    converge, the calibration is repeated once with more draws.

    Parameters
    ----------
    model : str
        A catalogue name, or the path of a program like one.
    data : Dataset or str
        Its group sizes are the design; outcomes are not used, but default priors may
        be scaled by them.
    priors : mapping of str to Prior or str, optional
    criteria : CalibrationCriteria, optional
    seed, backend, executor, workers, progress
        See :func:`hbstan.sbc.run.sbc`.
    store : pathlib.Path, optional
        Folder for the simulations' records, so that a killed run can go on.

    Returns
    -------
    StageResult
        Checks of :meth:`hbstan.sbc.result.SBCResult.checks`; ``result`` is the
        calibration.
    """
    rules = criteria or CalibrationCriteria()
    limits = Limits(**{name: getattr(rules, name) for name in _LIMITS})
    attempts = [(rules.iter_warmup, rules.iter_sampling)]
    if rules.retry_iter_sampling:
        attempts.append((rules.retry_iter_warmup, rules.retry_iter_sampling))
    common: dict[str, Any] = {
        "priors": priors,
        "design": data,
        "seed": seed,
        "backend": backend,
        "workers": workers,
        "progress": progress,
        "fit_timeout": rules.fit_timeout or None,
    }
    retries: list[str] = []
    with (
        scratch_folder() as scratch,
        shared(executor, workers) as common["executor"],
    ):
        for number, (warmup, sampling) in enumerate(attempts):
            folder = (store or Path(scratch)) / f"{warmup}-{sampling}"
            settings = {**common, "iter_warmup": warmup, "iter_sampling": sampling}
            found = _simulated(model, rules, limits, folder, settings)
            checks = found.checks(limits)
            slow = checks["convergence"].outcome is Outcome.FAIL and not _cut(found)
            if not slow or number + 1 == len(attempts):
                break
            more = attempts[number + 1]
            retries.append(
                f"calibrated again with {more[0]} + {more[1]} iterations, because of "
                f"{warmup} + {sampling} {checks['convergence'].detail}"
            )
    return _calibration(model, found, checks, rules, limits, tuple(retries))


def _simulated(
    model: str,
    rules: CalibrationCriteria,
    limits: Limits,
    store: Path,
    settings: dict[str, Any],
) -> SBCResult:
    """Run the pilot, and the rest unless the pilot shows that it cannot pass."""
    looks = [k * rules.pilot for k in _LOOKS if 0 < k * rules.pilot < rules.n_sims]
    for look in looks:
        found = sbc(model, n_sims=look, store=store, resume=True, **settings)
        if _hopeless(found, limits, rules.gates):
            return found
    return sbc(model, n_sims=rules.n_sims, store=store, resume=True, **settings)


def _cut(found: SBCResult) -> bool:
    """Tell whether most fits had trajectories that were cut short."""
    return bool((found.dataset["treedepth_hits"] > 0).mean() > 0.5)


def _hopeless(found: SBCResult, limits: Limits, gates: tuple[str, ...]) -> bool:
    """Tell whether so many fits are bad that a gate cannot open any more."""
    from scipy.stats import binomtest

    checks = found.checks(limits)
    shares = {
        "failures": limits.failed_share,
        "convergence": limits.unconverged_share,
        "divergences": limits.unconverged_share,
    }
    for name in [name for name in shares if name in gates]:
        share = shares[name]
        bad = round((checks[name].value or 0.0) * found.n_sims)
        p = binomtest(bad, found.n_sims, share, alternative="greater").pvalue
        if float(p) < _HOPELESS:
            return True
    return False


def _calibration(
    model: str,
    found: SBCResult,
    checks: Checks,
    rules: CalibrationCriteria,
    limits: Limits,
    retries: tuple[str, ...],
) -> StageResult:
    """Return the stage of a finished calibration."""
    short = found.n_sims < rules.n_sims
    notes = [
        "Where the posterior lies, the table of the fit tells how well parameters "
        "are recovered there."
    ]
    if short:
        notes.append(
            f"Stopped after {found.n_sims} of {rules.n_sims} simulations: so many fits "
            "had gone wrong that the whole could not have passed."
        )
        # Uniform or not, so few simulations decide nothing.
        checks = Checks(
            replace(c, outcome=Outcome.NOT_RUN, detail=f"stopped early; {c.detail}")
            if c.name in ("uniformity", "power") and c.outcome is Outcome.PASS
            else c
            for c in checks
        )
    summary = found.summary(limits)
    return StageResult(
        stage="calibration",
        question=CALIBRATION_QUESTION,
        checks=checks,
        gates=rules.gates,
        answer=_answer(checks, found, limits),
        tables=(
            Table.of("quantities", "Ranks of each quantity", summary, index="quantity"),
            Table.of(
                "coverage",
                "How often central intervals held the simulated value",
                found.coverage().reset_index(),
            ),
            Table.of(
                "trouble",
                "Where in prior space fits failed or did not converge",
                found.failures(limits).reset_index(),
            ),
        ),
        pictures=_pictures(model, found),
        notes=tuple(notes),
        retries=retries,
        result=found,
    )


def _answer(checks: Checks, found: SBCResult, limits: Limits) -> str:
    if checks.passed:
        return (
            f"Yes: in {found.n_sims} simulated analyses the posteriors were right, and "
            f"an error of {limits.shift:g} sd or a width wrong by a factor "
            f"{limits.scale:g} would have been found."
        )
    reasons = "; ".join(f"{c.label.lower()}: {c.detail}" for c in checks.failed())
    word = "No" if checks.outcome is Outcome.FAIL else "Not known"
    return f"{word}, from {found.n_sims} simulated analyses: {reasons}."


def _pictures(model: str, found: SBCResult) -> tuple[Picture, ...]:
    if not found.ok.any():
        return ()
    name = Path(model).stem
    words = {
        "sbc_ecdf": (
            "How the ranks' distribution departs from the uniform one. Lines that "
            "leave the band mean a posterior that is biased, too wide or too narrow.",
            "Differences of cumulative rank distributions from the uniform one",
        ),
        "sbc_recovery": (
            "Estimates against the values that the data were simulated with. Points "
            "far from the diagonal are hard cases.",
            "Scatter of posterior means against simulated values",
        ),
        "sbc_failures": (
            "Where in the space of parameters fits failed to converge.",
            "Scatter of simulated parameters with failed fits marked",
        ),
    }
    return tuple(
        Picture(
            key,
            caption,
            f"{alt}, for {name}, {found.n_sims} simulations.",
            lambda key=key: plots.SBC_FIGURES[key](found),  # type: ignore[misc]
        )
        for key, (caption, alt) in words.items()
    )
