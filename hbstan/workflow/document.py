"""The whole of a workflow as one document: what verdict.json holds."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.report.page.render import SCHEMA
from hbstan.workflow.criteria import Criteria, changes
from hbstan.workflow.judgement import ModelVerdict, Verdict, overall
from hbstan.workflow.methods import bibtex, paragraph
from hbstan.workflow.plain import cautions, headline

if TYPE_CHECKING:
    from hbstan.workflow.request import Candidate
    from hbstan.workflow.running import Runner

__all__ = ["compose", "without_times"]


def compose(
    runner: Runner, started: str, seconds: float, command: str
) -> dict[str, Any]:
    """Return a finished workflow's document.

    Parameters
    ----------
    runner : Runner
        After its run.
    started : str
        When the workflow was first begun, in ISO 8601.
    seconds : float
        What the stages took.
    command : str
        What repeats the whole.
    """
    request, criteria = runner.request, runner.criteria.record()
    preferred = _preferred(runner)
    verdict = overall(runner.verdicts, preferred)
    before = changes(Criteria().record(), criteria)
    late = {one["criterion"] for one in runner.amended}
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "hbstan": request.versions()["hbstan"],
        "title": _title(request.data),
        "verdict": verdict.value,
        "headline": headline(verdict, runner.verdicts, preferred),
        "cautions": cautions(verdict, runner, preferred),
        "preferred": preferred,
        "data": {
            "name": request.data.name,
            "kind": request.data.kind,
            "groups": request.data.J,
            "source": request.data.source,
            "fingerprint": request.data.hash,
        },
        "answers": _answers(runner, preferred),
        "models": [_model(one, runner) for one in runner.candidates],
        "stages": runner.records,
        "criteria": criteria,
        "criteria_changes": [
            *({**c, "when": "before"} for c in before if c["criterion"] not in late),
            *({**c, "when": "after"} for c in runner.amended),
        ],
        "provenance": {
            "seed": request.seed,
            "backend": request.engine.name,
            "versions": request.versions(),
            "settings": dict(request.settings),
            "plan": runner.plan,
            "hashes": {
                "data": request.data.hash,
                **{one.name: one.program_hash for one in runner.candidates},
            },
            "started": started,
            "seconds": seconds,
            "machine": {"system": platform.system(), "machine": platform.machine()}
            | {"cores": os.cpu_count()},
        },
        "command": command,
    }
    document["methods"] = {"paragraph": paragraph(document), "bibtex": bibtex()}
    return document


def without_times(document: Any) -> Any:
    """Return a document without what the clock and the machine put into it.

    Checksums and digests go too: a fit holds the time at which it was made.

    Two workflows that were asked the same have the same documents but for this.
    """
    if isinstance(document, Mapping):
        return {
            key: without_times(value)
            for key, value in document.items()
            if key not in ("seconds", "started", "machine", "files", "checksum")
        }
    if isinstance(document, list):
        return [without_times(value) for value in document]
    return document


def _preferred(runner: Runner) -> str | None:
    """Return the usable model that predicts best.

    Of models that cannot be told apart by their predictions, one without limitations
    is preferred, then the one named first.
    """
    ranked = sorted(
        (v for v in runner.verdicts if v.verdict.usable),
        key=lambda v: v.verdict is not Verdict.ACCEPTED,
    )
    usable = [v.name for v in ranked]
    if not usable:
        return None
    for record in runner.records:
        if record["stage"] != "comparison" or not record["tables"]:
            continue
        place = record["tables"][0]["columns"].index("reading")
        rows = {row[0]: row[place] for row in record["tables"][0]["rows"]}
        same = [n for n in usable if rows.get(n) in ("best", "indistinguishable")]
        return str([*same, *(n for n in rows if n in usable), *usable][0])
    return usable[0]


def _title(data: Any) -> str:
    if data.kind == "binomial":
        events, trials = int(data.y.sum()), int(data.n.sum())
        return f"{data.name}: {data.J} groups, {events:,} events in {trials:,} trials"
    if data.kind == "normal":
        return f"{data.name}: estimates of {data.J} groups"
    return f"{data.name}: {data.J} {data.units}"


def _answers(runner: Runner, preferred: str | None) -> dict[str, Any] | None:
    """Return the preferred model's answers, or None where no model may be used."""
    for record in runner.records:
        if record["key"] == f"{preferred}/conclusion":
            tables = {t["name"]: t for t in record["tables"]}
            pictures = {p["name"]: p for p in record["pictures"]}
            return {
                "model": preferred,
                "summary": _lines(record["answer"]),
                "table": tables["answers"],
                "picture": pictures["answers"],
                "population": tables.get("heterogeneity"),
            }
    return None


def _lines(answer: str) -> list[str]:
    return [line for line in answer.split("\n") if line]


def _model(one: Candidate, runner: Runner) -> dict[str, Any]:
    """Return what the document says of a model."""
    verdict: ModelVerdict = next(v for v in runner.verdicts if v.name == one.name)
    entry = models.get(one.like) if one.like else None
    return {
        **verdict.record(),
        "title": entry.title if entry else Path(one.model).name,
        "formula": entry.formula if entry else "",
        "like": one.like,
        "asked": one in runner.request.candidates,
        "priors": dict(one.priors),
        "program": f"models/{one.name}.stan",
    }
