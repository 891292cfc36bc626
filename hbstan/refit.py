"""Fit again what was fitted, with one thing changed: groups held out, other priors.

A refit takes program, data, priors and sampler settings from the fit, so that whatever
was derived from the full data stays as it was: a fold of cross-validation has the
priors of the whole, not priors of its own. Groups are left out by the ``holdout`` mask
and priors are data, so nothing is ever compiled again.
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.backends import choose
from hbstan.backends.apart import last_words
from hbstan.errors import FitError, HbstanError, SettingsError, TimeLimitError
from hbstan.files import scratch_folder
from hbstan.fit import Fit, fit_plan
from hbstan.plan import Plan, plan
from hbstan.priors import priors_from_records
from hbstan.provenance import program_hash
from hbstan.saved_fit import stored_dataset
from hbstan.sbc.executors import Pool
from hbstan.sbc.time_limit import Note, TimeLimit, require_seconds
from hbstan.text import unescaped
from hbstan.types import SamplerSettings

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from hbstan.data import Dataset
    from hbstan.priors import Prior
    from hbstan.results import Checks
    from hbstan.types import Backend, Progress

__all__ = [
    "Change",
    "Refit",
    "dataset_of",
    "expected_seconds",
    "fault_of",
    "held_out",
    "planned",
    "refit",
]

#: The setting that a refit decides by itself.
_OWN_SETTINGS = ("seed", "parallel_chains")


@dataclass(frozen=True)
class Change:
    """What a refit does otherwise than the fit.

    Parameters
    ----------
    label : str
        A name for tables, unique among the changes.
    holdout : tuple of str, optional
        Labels of the groups that the likelihood does not see; by default those that
        it did not see in the fit.
    priors : mapping of str to Prior or str
        Priors that take the place of the fit's.
    seed : int, optional
        By default derived from the fit's seed and the label, so that it does not
        depend on what else is refitted.
    """

    label: str
    holdout: tuple[str, ...] | None = None
    priors: Mapping[str, Prior | str] = field(default_factory=dict)
    seed: int | None = None


@dataclass(frozen=True)
class Refit:
    """A refit, or why there is none.

    Parameters
    ----------
    change : Change
    fit : Fit, optional
        None if it failed.
    error : str
        What the engine said of a failure; empty otherwise.
    seconds : float
        Wall time.
    """

    change: Change
    fit: Fit | None
    error: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether there is a fit."""
        return self.fit is not None

    @functools.cached_property
    def checks(self) -> Checks | None:
        """The diagnostics of the refit, if there is one."""
        return None if self.fit is None else self.fit.diagnose()

    @property
    def fault(self) -> str:
        """Why the refit cannot be used, in words; empty if it can.

        Divergences and the energy alone make a refit doubtful, not useless: they are
        in :attr:`checks`. Draws, R-hat and effective sample sizes are required.
        """
        return self.error if self.checks is None else fault_of(self.checks)


#: Diagnostics without which a refit's draws are not its posterior.
_REQUIRED = ("draws", "rhat", "ess_bulk", "ess_tail")


def fault_of(checks: Checks) -> str:
    """Return why draws cannot be used, in words; empty if they can."""
    bad = [c for c in checks if c.name in _REQUIRED and not c.passed]
    return "; ".join(f"{c.label}: {c.detail}" for c in bad)


def refit(
    fit: Fit,
    changes: Sequence[Change],
    *,
    backend: str | Backend | None = None,
    executor: str | Executor | None = None,
    workers: int | None = None,
    predictive: bool = True,
    progress: Progress | None = None,
    **settings: Any,
) -> list[Refit]:
    """Fit again with each of the changes, on all cores.

    Parameters
    ----------
    fit : Fit
        A fit of a catalogue model, or of an edited copy of one.
    changes : sequence of Change
    backend : str or Backend, optional
        By default the fit's own.
    executor : str or Executor, optional
        ``"processes"`` (the default), ``"threads"``, ``"serial"``, or any
        :class:`concurrent.futures.Executor`.
    workers : int, optional
        By default one per core.
    predictive : bool
        Compute ``y_rep`` and the pointwise log likelihoods.
    progress : Progress, optional
        Called as ``progress("refits", done, total)``.
    **settings
        Sampler settings in the place of the fit's, e.g. ``adapt_delta=0.99``. Each
        refit has ``timeout`` seconds, by default 100 times what the fit took, but at
        least a minute; with a time that is given it is done by processes, which can be
        ended wherever they stand.

    Returns
    -------
    list of Refit
        In the order of the changes. A sampler that fails is recorded, not raised.

    Raises
    ------
    FitError
        If the fit cannot be made again: its program is not known or has changed.
    HbstanError
        For a change that is wrong: an unknown group or prior.
    """
    labels = [change.label for change in changes]
    if len(set(labels)) < len(labels):
        raise SettingsError(f"labels of changes must be unique, but are {labels}.")
    backend = fit.backend if backend is None else backend
    data, model = dataset_of(fit), _model(fit)
    base = _settings(fit, settings)
    jobs = [
        _Job(
            change,
            _plan(fit, model, data, change, predictive),
            replace(base, seed=_seed(fit, change)),
        )
        for change in changes
    ]
    if not jobs:
        return []
    choose(backend).compile(jobs[0].plan.program)
    killable = settings.get("timeout") is not None
    few = min(workers, len(jobs)) if workers else None
    pool = Pool(executor, few, killable=killable)
    return _run(jobs, backend, pool, progress)


def dataset_of(fit: Fit) -> Dataset:
    """Return the data that were fitted.

    Raises
    ------
    FitError
        If the fit is not of grouped data: of a program of the user's with a mapping.
    """
    if fit.like is None:
        raise FitError(
            f"{fit.model} is not like any model of the catalogue, so it cannot be "
            "fitted again from its saved fit.",
            remedy="Call hb.fit with the data or priors that you want to try.",
        )
    data = stored_dataset(fit.tree)
    if data.hash != fit.tree.attrs["data_hash"]:
        raise FitError(
            f"the data in the fit of {fit.model} are not those that it was made from.",
            remedy="Fit again with hb.fit.",
        )
    return data


def held_out(fit: Fit) -> tuple[str, ...]:
    """Return the labels of the groups that the fit's likelihood did not see."""
    return tuple(str(label) for label in fit.provenance.get("holdout", ()))


def expected_seconds(fit: Fit, count: int, workers: int | None = None) -> float:
    """Estimate the wall time of ``count`` refits from the fit's own.

    Parameters
    ----------
    fit : Fit
    count : int
        Number of refits.
    workers : int, optional
        By default one per core.

    Returns
    -------
    float
        Seconds. Chains that the fit ran side by side count one after the other.
    """
    return _alone_seconds(fit) * -(-count // Pool(None, workers).workers)


def _alone_seconds(fit: Fit) -> float:
    """Return how long a fit takes on one core."""
    timings, recorded = fit.provenance["timings"], fit.provenance["settings"]
    chains = int(recorded["chains"])
    beside = min(int(recorded["parallel_chains"] or Pool(None).workers), chains)
    return float(timings.get("total", 0.0)) * beside


def planned(
    fit: Fit, left_out: tuple[str, ...] = (), *, predictive: bool = True
) -> Plan:
    """Return the fit's own plan, with more groups held out.

    Parameters
    ----------
    fit : Fit
    left_out : tuple of str
        Held out besides those that the fit held out.
    predictive : bool
        Compute ``y_rep`` and the pointwise log likelihoods.

    Raises
    ------
    FitError
        As :func:`refit`.
    """
    change = Change("", holdout=(*held_out(fit), *left_out))
    return _plan(fit, _model(fit), dataset_of(fit), change, predictive)


@dataclass(frozen=True)
class _Job:
    """One refit, ready to run."""

    change: Change
    plan: Plan
    settings: SamplerSettings


def _settings(fit: Fit, given: Mapping[str, Any]) -> SamplerSettings:
    """Return the fit's settings with some replaced; seeds are each refit's own."""
    recorded = {"timeout": None, **fit.provenance["settings"]}
    require_seconds("timeout", given.get("timeout"))
    unknown = set(given) - set(recorded) | set(given) & set(_OWN_SETTINGS)
    if unknown:
        legal = [name for name in recorded if name not in _OWN_SETTINGS]
        raise SettingsError(
            f"{', '.join(sorted(unknown))} cannot be set for refits; legal: "
            f"{', '.join(legal)}."
        )
    timeout = TimeLimit.of_refit(given.get("timeout"), _alone_seconds(fit))
    own = {"parallel_chains": 1, "timeout": timeout}
    return SamplerSettings(**{**recorded, **given, **own})


def _model(fit: Fit) -> str | Path:
    """Return what was fitted, once it is known to be unchanged."""
    file = unescaped(str(fit.tree.attrs.get("program_file", "")))
    name: str | Path = Path(file) if file else fit.model
    if not file and fit.model not in models.names():
        raise FitError(
            f"the program of {fit.model} is not known, so it cannot be fitted again.",
            remedy="Fit again with hb.fit, which records where the program is.",
        )
    program = models.program_from_file(name) if file else models.get(fit.model).program
    if program_hash(program) != fit.tree.attrs["program_hash"]:
        raise FitError(
            f"{program.file.name} has changed since the fit was made.",
            remedy="Fit again with hb.fit.",
        )
    return name


def _plan(
    fit: Fit, model: str | Path, data: Dataset, change: Change, predictive: bool
) -> Plan:
    priors = priors_from_records(fit.priors)
    unknown = set(change.priors) - set(priors)
    if unknown:
        raise SettingsError(
            f"{change.label}: {fit.model} has no prior for "
            f"{', '.join(sorted(unknown))}; it has priors for {', '.join(priors)}."
        )
    out = held_out(fit) if change.holdout is None else change.holdout
    constant = fit.tree["constant_data"].to_dataset()
    weights = (
        constant["w_centered"].values.tolist() if "w_centered" in constant else None
    )
    return plan(
        model, data, {**priors, **change.priors}, out or None, predictive, weights
    )


def _seed(fit: Fit, change: Change) -> int:
    """Return the change's seed, or one that depends on fit and label alone."""
    if change.seed is not None:
        return change.seed
    text = f"{int(fit.tree.attrs['seed'])}|{change.label}"
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:4]) or 1


def _run(
    jobs: list[_Job],
    backend: str | Backend,
    pool: Pool,
    progress: Progress | None,
) -> list[Refit]:
    """Run all jobs; one that ends its worker takes no other with it."""
    done: dict[int, Refit] = {}
    with pool, scratch_folder("notes-") as notes:
        crew = _Crew(jobs, backend, pool, Path(notes) if pool.own else None)
        left = list(range(len(jobs)))
        alone = False
        while left:
            died = crew.together(left, done, progress, alone)
            # Where nobody is known to have taken too long, the culprit is found by
            # running each alone.
            alone = alone or not any(i in done for i in died)
            left = [i for i in died if i not in done]
    if progress is not None:
        progress("refits", len(done), len(jobs))
    return [done[i] for i in range(len(jobs))]


@dataclass(frozen=True)
class _Crew:
    """Who refits what."""

    jobs: list[_Job]
    backend: str | Backend
    pool: Pool
    notes: Path | None

    def together(
        self,
        left: list[int],
        done: dict[int, Refit],
        progress: Progress | None,
        alone: bool,
    ) -> list[int]:
        """Run the refits ``left``, and return those whose workers died."""
        died: list[int] = []
        for some in [[i] for i in left] if alone else [left]:
            chains = max(1, self.pool.workers // len(some))
            running = {self._begin(i, chains): i for i in some}
            while running:
                if progress is not None:
                    progress("refits", len(done), len(self.jobs))
                finished, _ = wait(running, timeout=5.0, return_when=FIRST_COMPLETED)
                if not finished:
                    self.pool.check()
                for future in finished:
                    self._collect(future, running.pop(future), done, died, alone)
            if died:
                self.pool.renew()
        return died

    def _begin(self, i: int, chains: int) -> Future[Any]:
        return self.pool.submit(
            _refit_one, self.jobs[i], self.backend, chains, self._note(i)
        )

    def _note(self, i: int) -> Path | None:
        return None if self.notes is None else self.notes / str(i)

    def _collect(
        self,
        future: Future[Any],
        i: int,
        done: dict[int, Refit],
        died: list[int],
        alone: bool,
    ) -> None:
        """Keep a refit; one whose worker died only if that is its own fault."""
        job = self.jobs[i]
        try:
            done[i] = future.result()
            return
        except HbstanError:
            raise
        except Exception as err:
            died.append(i)
            limit = job.settings.timeout or 0.0
            if Note(self._note(i)).left() is not None:
                late = TimeLimitError.after(job.plan.name, limit)
                done[i] = Refit(job.change, None, str(late), limit)
            elif alone or not isinstance(err, BrokenExecutor):
                done[i] = Refit(job.change, None, last_words(err), 0.0)


def _refit_one(
    job: _Job, backend: str | Backend, chains: int, note: Path | None
) -> Refit:
    """Fit in a worker; what goes wrong with the sampler comes back as text."""
    # A worker that has just begun has these to load, which is none of the fit's time.
    import arviz_base  # noqa: F401
    import xarray  # noqa: F401

    started = time.perf_counter()
    settings = replace(job.settings, parallel_chains=chains)
    try:
        choose(backend).versions()
        with Note(note).ending_after(settings.timeout):
            made = fit_plan(job.plan, settings, choose(backend))
    except HbstanError as err:
        return Refit(job.change, None, str(err), time.perf_counter() - started)
    return Refit(job.change, made, "", time.perf_counter() - started)
