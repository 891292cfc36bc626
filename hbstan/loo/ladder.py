"""Cross-validation that climbs only as far as it must, and says what that costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.agreement import has_exact_form
from hbstan.errors import BackendError, FitError, SettingsError
from hbstan.loo.moment import TYPICAL_PASSES, Densities, moment_match
from hbstan.loo.psis import LIKELIHOODS, good_k, psis, waic
from hbstan.loo.refits import likelihood_groups, predict_left_out, stratified_folds
from hbstan.loo.result import LooResult, Step, Values
from hbstan.refit import expected_seconds, fault_of

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from hbstan.fit import Fit
    from hbstan.types import Backend, Progress

__all__ = ["LEAVE_ONE_OUT", "RUNGS", "kfold", "loo"]

#: The rungs, lowest first.
RUNGS = ("psis", "psis_group", "moment_matching", "exact")
LEAVE_ONE_OUT = "leave one group out"
#: Folds, if there are groups enough.
_FOLDS = 6
#: Seconds that importance sampling and one log density take: guesses for the plan.
_PSIS_SECONDS = 0.3
_DENSITY_SECONDS = 1e-5
_EXACT_SECONDS = 1.0


def loo(
    fit: Fit,
    *,
    lowest: str = "psis",
    highest: str = "exact",
    budget: float | None = None,
    k_threshold: float | None = None,
    backend: str | Backend | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> LooResult:
    """Estimate the expected log predictive density of each group given the others.

    ``elpd = sum_j log p(y_j | y_-j)``. The ladder starts with importance sampling and
    climbs while a group's weights have a Pareto k that is too large: to the likelihood
    with the group's parameter integrated out, and to a refit without each group that
    is still bad. Where every group is one observation, as in the catalogue, all rungs
    have the same target.

    Moment matching is a rung only if it is asked for: of groups with parameters of
    their own it can be too optimistic by one to three nats, many times its Monte Carlo
    error, with a k that looks good.

    Parameters
    ----------
    fit : Fit
        With its pointwise log likelihoods (``predictive=True``). Groups that it held
        out are not part of the result.
    lowest, highest : {"psis", "psis_group", "moment_matching", "exact"}
        Where the ladder begins and ends. ``lowest="exact"`` refits without every
        group. ``"moment_matching"`` is taken only if it is one of the two.
    budget : float, optional
        Seconds that a rung may be expected to take; dearer ones are not taken, which
        the result says.
    k_threshold : float, optional
        By default ``min(1 - 1 / log10(S), 0.7)`` for S draws.
    backend, executor, workers, progress
        For refits; see :func:`hbstan.refit.refit`. ``progress`` is told each rung
        and its expected seconds before it is taken.
    **settings
        Sampler settings of refits in the place of the fit's, e.g. ``adapt_delta``.

    Returns
    -------
    LooResult

    Raises
    ------
    FitError
        If the fit lacks its log likelihoods, or its likelihood has one group alone.
    SettingsError
        If a rung does not exist.

    Examples
    --------
    >>> import hbstan as hb
    >>> fit = hb.fit("logit_noncentered", "surgical", seed=1, backend="stanli")
    >>> result = hb.loo(fit)
    >>> result.method, round(result.elpd)
    ('psis_group', -41)
    """
    rungs = _rungs(lowest, highest)
    _several_groups(fit)
    posterior = fit.posterior.sizes
    limit = good_k(posterior["chain"] * posterior["draw"])
    options = {
        "backend": backend,
        "executor": executor,
        "workers": workers,
        "progress": progress,
        **settings,
    }
    climb = _Climb(fit, limit if k_threshold is None else k_threshold, options)
    for rung in RUNGS:
        climb.step(rung, rung in rungs, budget, first=rung == rungs[0])
    return climb.result()


def kfold(
    fit: Fit,
    k: int | None = None,
    *,
    seed: int | None = None,
    folds: Sequence[Sequence[str]] | None = None,
    backend: str | Backend | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> LooResult:
    """Cross-validate by leaving out folds of groups, one refit each.

    Priors, and whatever else was derived from the full data, are those of the fit.

    Parameters
    ----------
    fit : Fit
    k : int, optional
        Number of folds, stratified by the groups' size; by default 6, or as many as
        there are groups in the likelihood if there are fewer.
    seed : int, optional
        Of the folds; by default the fit's own.
    folds : sequence of sequences of str, optional
        Folds of your own, in which every group of the likelihood occurs once.
    backend, executor, workers, progress, **settings
        As :func:`loo`.

    Returns
    -------
    LooResult
        ``target`` names the folds: its elpd is lower than that of leaving out one
        group, as predictions rest on fewer groups.

    Raises
    ------
    FitError
        As :func:`loo`.
    SettingsError
        If the folds are not possible.
    """
    import numpy as np

    groups = _several_groups(fit)
    if folds is None:
        own = int(fit.tree.attrs["seed"]) if seed is None else seed
        k = min(_FOLDS, len(groups)) if k is None else k
        folds = stratified_folds(fit, k, np.random.default_rng(own))
    if sorted(label for fold in folds for label in fold) != sorted(groups):
        raise SettingsError(
            f"the folds are {[list(fold) for fold in folds]}, but must hold each of "
            f"{', '.join(groups)} once."
        )
    options = {
        "backend": backend,
        "executor": executor,
        "workers": workers,
        "progress": progress,
        **settings,
    }
    alone = all(len(fold) == 1 for fold in folds)
    climb = _Climb(fit, 0.0, options)
    climb.values = psis(fit)
    climb.refit("exact" if alone else "kfold", [list(fold) for fold in folds])
    target = LEAVE_ONE_OUT if alone else f"{len(folds)}-fold by groups"
    return replace(climb.result(), target=target)


def _rungs(lowest: str, highest: str) -> tuple[str, ...]:
    for name, value in (("lowest", lowest), ("highest", highest)):
        if value not in RUNGS:
            raise SettingsError(
                f"{name} is {value!r}, but must be one of {', '.join(RUNGS)}."
            )
    first, last = RUNGS.index(lowest), RUNGS.index(highest)
    if first > last:
        raise SettingsError(f"lowest is {lowest}, which lies above highest, {highest}.")
    asked = (lowest, highest)
    return tuple(
        rung
        for rung in RUNGS[first : last + 1]
        if rung != "moment_matching" or rung in asked
    )


def _several_groups(fit: Fit) -> list[str]:
    """Return the groups of the likelihood, if leaving one out leaves others."""
    groups = likelihood_groups(fit)
    if len(groups) > 1:
        return groups
    raise FitError(
        f"the likelihood of {fit.model} has one group, {groups[0]!r}; left out, it "
        "leaves no data to predict it from.",
        remedy="Cross-validation leaves out groups: fit data with at least 2 of them.",
    )


@dataclass
class _Climb:
    """A ladder being climbed."""

    fit: Fit
    limit: float
    options: dict[str, Any]

    def __post_init__(self) -> None:
        self.values: Values | None = None
        self.refits: pd.DataFrame | None = None
        self.steps: list[Step] = []

    def step(
        self, rung: str, allowed: bool, budget: float | None, *, first: bool
    ) -> None:
        """Take a rung if it is needed, allowed and cheap enough; say so if not."""
        groups = self._groups(rung, first)
        planned = self._plan(rung, groups)
        reason = self._against(rung, allowed, groups, planned, budget)
        if reason:
            self.steps.append(Step(rung, groups, planned, 0.0, False, reason))
            return
        progress = self.options["progress"]
        if progress is not None:
            progress(f"{rung} of {len(groups)} groups, about {planned:.1f} s", 0, 1)
        started = time.perf_counter()
        try:
            self._take(rung, groups)
        except (BackendError, FitError) as err:
            if rung in LIKELIHOODS:
                raise
            seconds = time.perf_counter() - started
            text = f"failed: {err.message}"
            self.steps.append(Step(rung, groups, planned, seconds, False, text))
            return
        self._done(rung, groups, planned, time.perf_counter() - started, first)
        if progress is not None:
            progress(f"{rung} of {len(groups)} groups, about {planned:.1f} s", 1, 1)

    def refit(self, method: str, folds: list[list[str]]) -> None:
        """Refit without each fold; a refit that fails leaves what there was."""
        groups = tuple(label for fold in folds for label in fold)
        planned = self._refit_seconds(len(folds))
        started = time.perf_counter()
        self._left_out(folds, method)
        seconds = time.perf_counter() - started
        self._done(method, groups, planned, seconds, first=True)

    def result(self) -> LooResult:
        """Return what has been found."""
        if self.values is None:
            why = "; ".join(f"{step.name}: {step.reason}" for step in self.steps)
            raise FitError(
                f"no rung of the ladder could be taken ({why}).",
                remedy="Begin lower, with lowest='psis', or allow a larger budget.",
            )
        attrs = self.fit.tree.attrs
        taken = [step.name for step in self.steps if step.taken]
        return LooResult(
            model=self.fit.model,
            data_name=str(attrs["data_name"]),
            data_hash=str(attrs["data_hash"]),
            method=taken[-1] if taken else RUNGS[0],
            target=LEAVE_ONE_OUT,
            table=self.values.table,
            covariance=self.values.covariance,
            good_k=self.limit,
            steps=tuple(self.steps),
            waic=waic(self.fit) if LIKELIHOODS["psis"] in self.fit.tree else None,
            refits=self.refits,
            fault=fault_of(self.fit.diagnose()),
        )

    def _groups(self, rung: str, first: bool) -> tuple[str, ...]:
        """Return the groups that a rung is for: the bad ones, or all.

        Integrating out costs the same for all groups, and is better for all.
        """
        if self.values is None or first or rung in LIKELIHOODS:
            return tuple(likelihood_groups(self.fit))
        return self.values.bad(self.limit)

    def _against(
        self,
        rung: str,
        allowed: bool,
        groups: tuple[str, ...],
        planned: float,
        budget: float | None,
    ) -> str:
        """Return what stands against taking a rung; empty if nothing does."""
        if self.values is not None and not self.values.bad(self.limit):
            return "not needed: every group can be believed"
        if not allowed:
            return "not asked for"
        if budget is not None and planned > budget:
            return f"expected to take {planned:.1f} s, more than {budget:g} s"
        if rung == "psis_group" and LIKELIHOODS[rung] not in self.fit.tree.children:
            return "the program does not compute log_lik_group"
        return ""

    def _plan(self, rung: str, groups: tuple[str, ...]) -> float:
        """Return the seconds that a rung is expected to take."""
        if rung in LIKELIHOODS:
            return _PSIS_SECONDS
        sizes = self.fit.posterior.sizes
        if rung == "moment_matching":
            draws = sizes["chain"] * sizes["draw"]
            return TYPICAL_PASSES * _DENSITY_SECONDS * draws * len(groups)
        return self._refit_seconds(len(groups))

    def _refit_seconds(self, folds: int) -> float:
        """Return the seconds that leaving out so many folds is expected to take."""
        if has_exact_form(self.fit):
            return _EXACT_SECONDS
        return expected_seconds(self.fit, folds, self.options["workers"])

    def _take(self, rung: str, groups: tuple[str, ...]) -> None:
        if rung in LIKELIHOODS:
            self.values = psis(self.fit, rung)
            return
        if rung == "moment_matching":
            self.values = self._matched(groups)
        else:
            self._left_out([[group] for group in groups], "exact")

    def _matched(self, groups: tuple[str, ...]) -> Values:
        """Match moments; a group keeps the value with the smaller k."""
        before = self._found()
        after = moment_match(
            self.fit,
            before,
            groups,
            k_threshold=self.limit,
            densities=Densities(self.fit),
        ).table
        k = before.table["k"]
        better = ((after["k"] < k) | k.isna()) & (after["method"] == "moment_matching")
        return before.replaced(after[better])

    def _found(self) -> Values:
        """Return the values so far, by plain importance sampling if there are none."""
        if self.values is None:
            self.values = psis(self.fit)
        return self.values

    def _left_out(self, folds: list[list[str]], method: str) -> None:
        rows, self.refits = predict_left_out(self.fit, folds, method, **self.options)
        self.values = self._found().replaced(rows[rows["elpd"].notna()])

    def _done(
        self,
        rung: str,
        groups: tuple[str, ...],
        planned: float,
        seconds: float,
        first: bool,
    ) -> None:
        values = self._found()
        reason = "the first rung" if first else "groups are left with a large k"
        bad, found = values.bad(self.limit), values.totals()
        self.steps.append(
            Step(rung, groups, planned, seconds, True, reason, bad=bad, **found)
        )
