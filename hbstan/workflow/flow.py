"""From data to a verdict, in one call."""

from __future__ import annotations

import shlex
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.backends import choose
from hbstan.errors import FitError, SettingsError, StoreError
from hbstan.files import scratch_folder, write_bytes
from hbstan.fit import Fit
from hbstan.includes import find_includes
from hbstan.report.page.render import SCHEMA
from hbstan.sealed import damaged, digest_of, read_document, write_document
from hbstan.workflow.commands import Source
from hbstan.workflow.criteria import Criteria, changes
from hbstan.workflow.document import compose
from hbstan.workflow.folder import TABLE, Folder, open_folder, plan_key, require_same
from hbstan.workflow.judgement import Verdict
from hbstan.workflow.request import (
    Request,
    candidates,
    read_data,
    read_seed,
    read_settings,
)
from hbstan.workflow.running import Runner
from hbstan.workflow.watch import Silent

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas as pd

    from hbstan.priors import Prior
    from hbstan.types import Backend
    from hbstan.workflow.watch import Watcher

__all__ = ["Workflow", "load_workflow", "workflow"]

_REPEAT = "Repeat the call with out= this folder; it goes on where it was."


@dataclass(frozen=True)
class Workflow:
    """What a workflow found.

    Parameters
    ----------
    folder : pathlib.Path
        With ``report.html``, ``verdict.json``, the fits and the figures.
    document : mapping
        What ``verdict.json`` holds; its schema is :func:`hbstan.workflow.schema`.
    """

    folder: Path
    document: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole."""
        return Verdict(self.document["verdict"])

    @property
    def headline(self) -> str:
        """The verdict as one plain sentence."""
        return str(self.document["headline"])

    @property
    def preferred(self) -> str | None:
        """The model whose answers are given; None if no model may be used."""
        name = self.document["preferred"]
        return None if name is None else str(name)

    @property
    def report(self) -> Path:
        """The report's file."""
        return self.folder / "report.html"

    def models(self) -> pd.DataFrame:
        """Return the verdict on each model.

        Returns
        -------
        pandas.DataFrame
            Indexed by model: ``verdict``, ``reason`` and ``stopped_at``.
        """
        import pandas as pd

        rows = pd.DataFrame(self.document["models"]).set_index("name")
        return rows[["verdict", "reason", "stopped_at"]].rename_axis("model")

    def stages(self) -> pd.DataFrame:
        """Return the outcome of each stage (rows) of each model (columns)."""
        import pandas as pd

        rows = [
            (s["title"], s["model"] or "all models", s["outcome"])
            for s in self.document["stages"]
        ]
        frame = pd.DataFrame(rows, columns=["stage", "model", "outcome"])
        wide = frame.pivot(index="stage", columns="model", values="outcome")
        return wide.reindex(list(dict.fromkeys(frame["stage"])))

    def answers(self) -> pd.DataFrame:
        """Return the groups' raw values, estimates and ranks.

        Raises
        ------
        FitError
            If no model may be used.
        """
        import pandas as pd

        found = self.document["answers"]
        if found is None:
            raise FitError(
                f"there are no answers: {self.headline}",
                remedy="See models() for the reasons, and the report.",
            )
        table = found["table"]
        frame = pd.DataFrame(table["rows"], columns=table["columns"])
        return frame.set_index(table["columns"][0])

    def fit(self, model: str | None = None) -> Fit:
        """Return the fit of a model; by default of the preferred one.

        Raises
        ------
        FitError
            If there is none, or it is damaged.
        StoreError
            If the file is not the one that the workflow made.
        """
        name = model or self.preferred
        if name is None:
            raise FitError(
                "no model is preferred, so that it must be named.",
                remedy=f"Name one of {', '.join(self.models().index)}.",
            )
        file = self.folder / f"fits/{name}.nc"
        made = {k: v for s in self.document["stages"] for k, v in s["files"].items()}
        known = made.get(f"fits/{name}.nc")
        if known is not None and file.is_file() and digest_of(file) != known:
            raise damaged(file, "it is not the file that the workflow wrote")
        return Fit.load(file)

    def __repr__(self) -> str:
        each = ", ".join(
            f"{m['name']}: {Verdict(m['verdict']).words}"
            for m in self.document["models"]
        )
        return f"<Workflow of {self.document['title']}: {self.verdict.words} ({each})>"


def workflow(
    data: Any,
    models: Sequence[str | Path] | str | Path | None = None,
    *,
    criteria: Criteria | Mapping[str, Any] | str | Path | None = None,
    priors: Mapping[str, Prior | str | Mapping[str, Prior | str]] | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    keep_going: bool = False,
    amend: bool = False,
    backend: str | Backend = "auto",
    executor: str | Executor | None = None,
    workers: int | None = None,
    progress: Watcher | None = None,
    group: str | None = None,
    trials: str | None = None,
    events: str | None = None,
    estimate: str | None = None,
    se: str | None = None,
    **settings: Any,
) -> Workflow:
    """Lead data to a verdict: every stage, every gate, one report.

    The stages are: the data; prior predictive check; simulation-based calibration for
    groups of these sizes; fit and diagnostics; posterior predictive check;
    cross-validation; sensitivity and influence; comparison and conclusions. A stage
    whose gates do not all pass stops its model. The criteria are written to the
    folder before the first fit.

    Parameters
    ----------
    data : Dataset, pandas.DataFrame, str or pathlib.Path
        A dataset, a table or its file, or the name of a bundled dataset.
    models : sequence of str or pathlib.Path, optional
        Names of the catalogue, or programs that declare the priors of one of its
        models. By default ``logit_noncentered`` and ``beta_binomial`` for binomial
        data, ``eight_schools_noncentered`` and ``normal_pooled`` for estimates.
    criteria : Criteria, mapping, str or pathlib.Path, optional
        Or the path of a TOML file; by default :class:`hbstan.workflow.Criteria`.
    priors : mapping, optional
        By parameter for all models that have it, or by model and parameter.
    seed : int, optional
        By default that of the folder, or a fresh one.
    out : str or pathlib.Path, optional
        Folder of the results. A workflow that was killed goes on where it was; a
        folder of another one is refused. By default a temporary one, which is removed
        with the result.
    keep_going : bool
        Go on after a gate that did not pass, and mark what follows as conditional.
    amend : bool
        Judge the folder's results by other criteria than those that were fixed in it;
        the report then shows each change.
    backend, executor, workers
        Who computes; see :func:`hbstan.fit.fit` and :func:`hbstan.sbc.run.sbc`.
    progress : Watcher, optional
        Is told how the workflow gets on.
    group, trials, events, estimate, se : str, optional
        Columns of a table; see :func:`hbstan.data.load`.
    **settings
        ``chains``, ``iter_warmup``, ``iter_sampling``, ``adapt_delta``,
        ``max_treedepth`` of the fits.

    Returns
    -------
    Workflow

    Raises
    ------
    HbstanError
        One of its children: bad data, models, priors, criteria or settings, or a
        folder that cannot be used.

    Examples
    --------
    >>> import hbstan as hb
    >>> quick = {"calibration": {"n_sims": 20, "retry_iter_sampling": 0}}
    >>> found = hb.workflow("surgical", "logit_noncentered", criteria=quick, seed=1,
    ...                     backend="stanli")
    >>> found.verdict.value  # twenty simulations decide nothing
    'inconclusive'
    """
    wanted = Criteria.read(criteria)
    columns = {
        "group": group,
        "trials": trials,
        "events": events,
        "estimate": estimate,
        "se": se,
    }
    known = read_data(data, columns)
    chosen = candidates(known, models, priors)
    sampler = read_settings(settings)
    engine = choose(backend)
    scratch = scratch_folder("workflow-") if out is None else None
    path = Path(str(out) if scratch is None else scratch.name)
    with open_folder(path) as folder:
        plan = folder.plan()
        request = Request(
            known, chosen, sampler, read_seed(seed, _asked(plan)), engine, keep_going
        )
        plan = _claim(folder, plan, request, wanted, amend)
        runner = Runner(
            request,
            wanted,
            folder,
            progress or Silent(),
            {"executor": executor, "workers": workers},
            tuple(plan["amended"]),
            plan_key(plan),
        )
        runner.run()
        document = _finish(runner, folder, plan)
    found = Workflow(path, document)
    if scratch is not None:
        weakref.finalize(found, scratch.cleanup)
    return found


def load_workflow(folder: str | Path) -> Workflow:
    """Read a finished workflow's folder.

    Raises
    ------
    StoreError
        If there is no finished workflow, or its verdict is damaged or of another one.
    """
    path = Path(folder)
    document = read_document(path / "verdict.json", _REPEAT)
    if document is None or document.get("schema") != SCHEMA:
        found = None if document is None else document.get("schema")
        what = f"a verdict of schema {found!r}" if found else "no verdict.json"
        raise StoreError(
            f"{str(path)!r} holds no finished workflow: there is {what}.",
            remedy=_REPEAT,
        )
    plan = Folder(path).plan()
    if plan is None:
        raise damaged(path / "plan.json", "it is not there", _REPEAT)
    if plan_key(plan) != document["provenance"].get("plan"):
        why = "it is of another workflow than plan.json beside it"
        raise damaged(path / "verdict.json", why, _REPEAT)
    return Workflow(path, document)


def _asked(plan: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if plan is None else plan["request"]


def _claim(
    folder: Folder,
    plan: dict[str, Any] | None,
    request: Request,
    wanted: Criteria,
    amend: bool,
) -> dict[str, Any]:
    """Make the folder this workflow's, or see that it is; return its plan."""
    if plan is None:
        plan = {
            "request": request.record(),
            "criteria": wanted.record(),
            "amended": [],
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        folder.write_plan(plan)
        return plan
    require_same(plan["request"], request.record(), folder.path)
    changed = changes(plan["criteria"], wanted.record())
    if not changed:
        return plan
    if not amend:
        named = "; ".join(
            f"{c['criterion']} is {c['from']} there and {c['to']} here" for c in changed
        )
        raise SettingsError(
            f"the criteria in {str(folder.path)!r} were fixed before the first fit: "
            f"{named}.",
            remedy="Use another folder; or amend them (amend=True, --amend), which the "
            "report will show.",
        )
    # The stages go first: killed in between, the folder is as it was asked, and the
    # change must be asked for again.
    plan = {
        **plan,
        "criteria": wanted.record(),
        "amended": [*plan["amended"], *changed],
    }
    folder.forget_stages()
    folder.write_plan(plan)
    return plan


def _finish(runner: Runner, folder: Folder, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Write data, programs, verdict and report: each time, so that they are whole."""
    from hbstan.report.page import write_report

    frame = runner.request.data.to_frame()
    write_bytes(folder / TABLE, frame.to_csv(index=False).encode())
    for one in runner.candidates:
        source = one.program.file
        write_bytes(folder / f"models/{one.name}.stan", source.read_bytes())
        for part in find_includes(source, one.program.include_paths):
            write_bytes(folder / f"models/{part.name}", part.content)
    seconds = round(sum(r["seconds"] for r in runner.records), 3)
    document = compose(runner, plan["started"], seconds, _command(runner))
    write_document(folder / "verdict.json", document)
    write_report(folder.path)
    # What was written and what is returned are the same.
    return dict(load_workflow(folder.path).document)


def _command(runner: Runner) -> str:
    """Return the command that repeats the workflow from the folder's own data."""
    request = runner.request
    source = Source(TABLE, request.data)
    parts = ["hbstan", "workflow", source.table, *source.flags]
    for one in request.candidates:
        parts += ["--model", one.model]
        parts += [
            part
            for name, prior in one.priors.items()
            for part in ("--prior", f"{one.name}:{name}={prior}")
        ]
    for name, value in request.settings.items():
        parts += [f"--{name.replace('_', '-')}", str(value)]
    parts += ["--seed", str(request.seed), "--backend", request.engine.name]
    parts += ["--keep-going"] if request.keep_going else []
    return shlex.join([*parts, "--out", "again"])
