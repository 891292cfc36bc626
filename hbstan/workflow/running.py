"""Run a workflow's stages, and go on with those that a killed run left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import (
    HbstanError,
    ScratchError,
    StoreError,
    ToolchainError,
    WorkerError,
)
from hbstan.fit import Fit
from hbstan.loo import load_loo, save_loo
from hbstan.results import Check, Checks, Outcome, StageResult
from hbstan.sbc.executors import shared
from hbstan.sbc.result import SBCResult
from hbstan.workflow.before import calibrate, check_prior
from hbstan.workflow.commands import (
    Source,
    command_of_comparison,
    command_of_data,
    commands,
)
from hbstan.workflow.conclusions import compare_models, conclude
from hbstan.workflow.crossing import cross_validate
from hbstan.workflow.describe import describe_data
from hbstan.workflow.fitting import fit_and_diagnose, sibling
from hbstan.workflow.folder import TABLE
from hbstan.workflow.judgement import ModelVerdict, judge
from hbstan.workflow.posterior import check_posterior
from hbstan.workflow.probing import check_sensitivity
from hbstan.workflow.request import Candidate, Request, candidate, stage_seed
from hbstan.workflow.stages import BY_MODEL, stage

if TYPE_CHECKING:
    from hbstan.compare import Comparison
    from hbstan.workflow.criteria import Criteria
    from hbstan.workflow.folder import Folder
    from hbstan.workflow.watch import Watcher

__all__ = ["Runner"]

#: Errors that say nothing of model and data.
_SURROUNDINGS = (ScratchError, StoreError, ToolchainError, WorkerError)
#: What stages leave in the folder for those that follow, and for the reader.
_FILES = {
    "calibration": "calibrations/{}.nc",
    "fit": "fits/{}.nc",
    "cross_validation": "loo/{}.json",
}

#: Checks whose failure another parameterisation may mend.
_SAMPLING = ("convergence", "divergences", "rhat", "ess_bulk", "ess_tail", "bfmi")


@dataclass
class Runner:
    """Runs one workflow in its folder.

    Parameters
    ----------
    request : Request
    criteria : Criteria
    folder : Folder
    watcher : Watcher
    options : mapping
        ``executor`` and ``workers`` of simulations and refits.
    amended : sequence of mapping
        Criteria that were changed after results had been seen.
    plan : str
        The hash of what was asked; the stages' records are bound to it.
    """

    request: Request
    criteria: Criteria
    folder: Folder
    watcher: Watcher
    options: Mapping[str, Any]
    amended: tuple[Mapping[str, Any], ...] = ()
    plan: str = ""
    candidates: list[Candidate] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    verdicts: list[ModelVerdict] = field(default_factory=list)

    def run(self) -> None:
        """Run every stage that the gates allow."""
        given = self.options
        with shared(given["executor"], given["workers"]) as executor:
            self.options = {**given, "executor": executor}
            self._run()

    def _run(self) -> None:
        self.candidates = list(self.request.candidates)
        data = self._stage(
            "data",
            None,
            lambda: describe_data(self.request.data, self.criteria.data),
            command_of_data(Source(TABLE, self.request.data)),
        )
        go_on = data["outcome"] == "pass" or self.request.keep_going
        for one in self.candidates:  # grows while other parameterisations are added
            if go_on:
                self._model(one)
        self._conclude()
        for one in self.candidates:
            verdict = self._judge(one.name, with_conclusion=True)
            self.verdicts.append(verdict)
            self.watcher.judged(verdict)

    def of(self, model: str) -> list[dict[str, Any]]:
        """Return the records that concern a model, those of all models included."""
        return [r for r in self.records if r["model"] in (None, model)]

    def fit(self, model: str) -> Fit:
        """Return a model's saved fit."""
        return Fit.load(self._file("fits", model, "nc"))

    def _file(self, what: str, model: str, end: str) -> Path:
        return self.folder / f"{what}/{model}.{end}"

    def _wrote(self, name: str, model: str) -> bool:
        """Tell whether a stage of this run's folder has written its file."""
        file = _FILES[name].format(model)
        return any(file in record["files"] for record in self.records)

    def _model(self, one: Candidate) -> None:
        """Run a model's stages until a gate closes."""
        makers = self._makers(one)
        lines = self._commands(one)
        for name in BY_MODEL:
            record = self._stage(name, one, makers[name], lines.get(name, ""))
            if record["outcome"] == "pass":
                continue
            self._other_parameterization(one, record)
            # Without a fit there is nothing that later stages could work on.
            broken = name == "fit" and not self._wrote("fit", one.name)
            if not self.request.keep_going or broken:
                return

    def _other_parameterization(self, one: Candidate, record: dict[str, Any]) -> None:
        """Queue the other parameterisation if it may mend what failed."""
        other = sibling(one.model)
        failed = [c for c in record["checks"] if c["gate"] and c["outcome"] == "fail"]
        sampling = bool(failed) and all(c["name"] in _SAMPLING for c in failed)
        known = {c.name for c in self.candidates}
        if not self.criteria.fit.retry_parameterization or not sampling:
            return
        if other is None or other in known:
            return
        priors = dict(one.priors)
        self.candidates.append(candidate(other, other, self.request.data, priors))

    def _makers(self, one: Candidate) -> dict[str, Callable[[], StageResult]]:
        """Return what makes each stage of a model."""
        request, rules = self.request, self.criteria
        work = {"backend": request.engine, "progress": self.watcher, **self.options}

        def seed(name: str) -> int:
            return stage_seed(request.seed, one.name, name)

        def model_fit() -> Fit:
            return self.fit(one.name)

        return {
            "prior": lambda: check_prior(
                one.model,
                request.data,
                criteria=rules.prior,
                like=one.like,
                seed=seed("prior"),
                priors=one.priors,
            ),
            "calibration": lambda: self._calibrated(one, seed("calibration"), work),
            "fit": lambda: self._fitted(one, seed("fit")),
            "posterior": lambda: check_posterior(
                model_fit(), criteria=rules.posterior, seed=seed("posterior")
            ),
            "cross_validation": lambda: self._cross_validated(
                one, seed("cross_validation"), work
            ),
            "sensitivity": lambda: check_sensitivity(
                model_fit(), criteria=rules.sensitivity, **work
            ),
        }

    def _calibrated(self, one: Candidate, seed: int, work: Any) -> StageResult:
        result = calibrate(
            one.model,
            self.request.data,
            priors=one.priors,
            criteria=self.criteria.calibration,
            seed=seed,
            store=self.folder / f"simulations/{one.name}",
            **work,
        )
        result.result.save(self._file("calibrations", one.name, "nc"))
        command = self._commands(one, again=bool(result.retries))["calibration"]
        return replace(result, command=command)

    def _fitted(self, one: Candidate, seed: int) -> StageResult:
        file = self._file("calibrations", one.name, "nc")
        known = self._wrote("calibration", one.name)
        result = fit_and_diagnose(
            one.model,
            self.request.data,
            priors=one.priors,
            criteria=self.criteria.fit,
            calibration=SBCResult.load(file) if known else None,
            seed=seed,
            backend=self.request.engine,
            progress=self.watcher,
            **self.request.settings,
        )
        result.result.save(self._file("fits", one.name, "nc"))
        return result

    def _cross_validated(self, one: Candidate, seed: int, work: Any) -> StageResult:
        result = cross_validate(
            self.fit(one.name),
            criteria=self.criteria.cross_validation,
            seed=seed,
            **work,
        )
        if result.result is not None:  # one group alone cannot be left out
            save_loo(result.result, self._file("loo", one.name, "json"))
        return result

    def _conclude(self) -> None:
        """Compare the models that were cross-validated, and let the others conclude."""
        seen = [
            one
            for one in self.candidates
            if any(r["key"] == f"{one.name}/cross_validation" for r in self.records)
        ]
        scored = [one for one in seen if self._wrote("cross_validation", one.name)]
        reached = seen if self.request.data.J == 1 else scored
        found: Comparison | None = None

        @cache
        def compared() -> StageResult:
            results = {
                one.name: load_loo(self._file("loo", one.name, "json"))
                for one in scored
            }
            seed = stage_seed(self.request.seed, "", "comparison")
            return compare_models(results, seed=seed)

        if scored:
            seed = stage_seed(self.request.seed, "", "comparison")
            files = [f"fits/{one.name}.nc" for one in scored]
            command = command_of_comparison(files, seed) if len(files) > 1 else ""
            self._stage("comparison", None, compared, command)
            found = self._made("comparison", compared)[0].result
        usable = [one for one in reached if self._usable(one)]
        names = [one.name for one in usable]
        for one in reached if self.request.keep_going else usable:
            make = self._conclusion(one, found, names)
            self._stage("conclusion", one, make, self._commands(one)["conclusion"])

    def _conclusion(
        self, one: Candidate, found: Comparison | None, rivals: list[str]
    ) -> Callable[[], StageResult]:
        return lambda: conclude(
            self.fit(one.name),
            name=one.name,
            comparison=found,
            rivals=rivals,
            criteria=self.criteria.comparison,
        )

    def _usable(self, one: Candidate) -> bool:
        return self._judge(one.name, with_conclusion=False).verdict.usable

    def _judge(self, model: str, *, with_conclusion: bool) -> ModelVerdict:
        expected = ["data", *BY_MODEL, *(["conclusion"] if with_conclusion else [])]
        return judge(model, self.of(model), expected, self.amended)

    def _stage(
        self,
        name: str,
        one: Candidate | None,
        make: Callable[[], StageResult],
        command: str = "",
    ) -> dict[str, Any]:
        """Return a stage's record: the one that is there, or a new one."""
        model = None if one is None else one.name
        key = name if model is None else f"{model}/{name}"
        about = stage(name)
        self.watcher.started(about, model)
        record = self.folder.stage(key, self.plan)
        again = record is not None
        if record is None:
            began = time.perf_counter()
            result, lasting = self._made(name, make)
            record = {
                "key": key,
                "number": about.number,
                "title": about.title,
                "model": model,
                "conditional": any(
                    r["outcome"] != "pass" for r in self.of(model or "")
                ),
                **replace(result, command=result.command or command).record(),
            }
            files = [self.folder.draw(key, p) for p in result.pictures]
            record["pictures"] = [
                {**p, "file": f} for p, f in zip(record["pictures"], files, strict=True)
            ]
            made = [*_written(name, model, result), *files]
            record["files"] = self.folder.digests(made)
            record["seconds"] = round(time.perf_counter() - began, 3)
            if lasting:
                self.folder.write_stage(key, self.plan, record)
        self.records.append(record)
        self.watcher.finished(record, again)
        return record

    def _made(
        self, name: str, make: Callable[[], StageResult]
    ) -> tuple[StageResult, bool]:
        """Run a stage, and tell whether its outcome lasts.

        A failure leaves the stage's matter open, and other models are still judged.
        One of the surroundings, a full disk perhaps, is not kept: the same command
        tries that stage again.
        """
        try:
            return make(), True
        except HbstanError as err:
            return _not_run(name, err), not isinstance(err, _SURROUNDINGS)

    def _commands(self, one: Candidate, again: bool = False) -> dict[str, str]:
        """Return the command of each stage of a model.

        ``again`` is whether the calibration was repeated with more draws.
        """
        rules = self.criteria.calibration
        sizes = (rules.iter_warmup, rules.iter_sampling)
        if again:
            sizes = (rules.retry_iter_warmup, rules.retry_iter_sampling)
        return commands(
            one.model,
            Source(TABLE, self.request.data),
            one.priors,
            seeds={s: stage_seed(self.request.seed, one.name, s) for s in BY_MODEL},
            backend=self.request.engine.name,
            settings=self.request.settings,
            sims=(rules.n_sims, *sizes),
            saved=f"fits/{one.name}.nc",
        )


def _written(name: str, model: str | None, result: StageResult) -> list[str]:
    """Return the file that a stage's maker has written; none where it failed."""
    kept = name in _FILES and result.result is not None
    return [_FILES[name].format(model)] if kept else []


def _not_run(name: str, err: HbstanError) -> StageResult:
    """Return a stage that an engine's failure kept from being run."""
    check = Check(
        "completed",
        "The stage could be run",
        Outcome.NOT_RUN,
        detail=str(err).partition("\n")[0],
        advice=str(getattr(err, "remedy", "") or ""),
    )
    about = stage(name)
    return StageResult(
        name,
        about.title,
        Checks([check]),
        ("completed",),
        answer=f"Not known: {check.detail}",
    )
