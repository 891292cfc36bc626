"""A workflow's folder as it would be, from real fits, made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from shared import Shared

import hbstan as hb
from hbstan import models, plots
from hbstan.data import grouped_binomial
from hbstan.files import write_bytes
from hbstan.fit import Fit
from hbstan.plots.save import save
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.sealed import write_document

__all__ = ["EVIL", "build"]

#: Takes the place of the first hospital's name. It would open a window if it ran.
EVIL = "<script>alert(1)</script>"
NAMES = ("logit_noncentered", "beta_binomial")
TITLES = {
    "data": (0, "The data"),
    "fit": (3, "Fit and diagnostics"),
    "posterior": (4, "Posterior predictive check"),
    "cross_validation": (5, "Cross-validation"),
}


def build(folder: Path, shared: Shared) -> Path:
    """Fill ``folder`` with verdict.json, figures and programs; return it."""
    fits = {name: shared(fitted, name) for name in NAMES}
    stages = [_record(folder, None, _description(evil()))]
    for name, fit in fits.items():
        stages += [_record(folder, name, one) for one in _stages(fit)]
        source = models.get(name).program.file.read_bytes()
        write_bytes(folder / f"models/{name}.stan", source)
    document = _document(folder, fits[NAMES[0]], stages)
    write_document(folder / "verdict.json", document)
    return folder


def evil() -> pd.DataFrame:
    """Return the surgical data with a first hospital of that name."""
    frame = hb.datasets.load("surgical").to_frame()
    frame.iloc[0, 0] = EVIL
    return frame


def fitted(name: str) -> Fit:
    """Fit a model to them."""
    frame = evil()
    group, trials, events = frame.columns
    data = grouped_binomial(frame, group=group, trials=trials, events=events)
    return hb.fit(name, data, seed=1, backend="stanli")


def _description(data: Any) -> StageResult:
    return StageResult(
        "data",
        "What do the data hold?",
        Checks([_check("groups", Outcome.PASS, 12.0)]),
        ("groups",),
        "12 groups, 208 events in 2814 trials (7.4 %).",
        (Table.of("groups", "The data, group by group", data),),
    )


def _check(name: str, outcome: Outcome, value: float) -> Check:
    advice = "" if outcome is Outcome.PASS else "Look at the group by itself."
    return Check(name, f"The {name} are enough", outcome, value, 3.0, ">= 3", (EVIL,),
                 "12 groups", advice)  # fmt: skip


def _stages(fit: Fit) -> list[StageResult]:
    """Three stages with tables of all widths, up to too many columns for a page."""
    predicted = hb.posterior_predictive(fit, seed=1)
    left_out = hb.loo(fit)
    summary = Table.of("posterior", "The posterior", fit.summary(), index="parameter")
    wide = fit.groups().join(predicted.groups().add_suffix("_predicted"))
    draws = fit.tree["posterior"]["theta"].isel(chain=0, draw=slice(0, 18))
    long = draws.transpose("group", "draw").to_pandas()
    long.columns = [f"draw_{i}" for i in long.columns]
    return [
        StageResult(
            "fit",
            "Do the chains agree?",
            hb.diagnose(fit),
            ("rhat", "ess_bulk"),
            "Yes: all diagnostics pass.",
            (
                summary,
                Table.of("draws", "Eighteen draws of theta", long, index="group"),
            ),
            (
                _picture("trace", lambda: plots.trace(fit, ["mu"])),
                _picture("ranks", lambda: plots.ranks(fit, ["mu"])),
            ),
            command=f"hbstan fit {fit.model} surgical --seed 1",
        ),
        StageResult(
            "posterior",
            "Does the model predict data like the observed?",
            predicted.checks(),
            answer="It does.",
            tables=(
                Table.of("statistics", "Statistics", predicted.table(), index="name"),
                Table.of("groups", "Groups and their predictions", wide, index="group"),
            ),
        ),
        StageResult(
            "cross_validation",
            "How well is an unseen group predicted?",
            Checks([*left_out.checks(), _check("refits", Outcome.NOT_RUN, 0.0)]),
            answer=f"elpd {left_out.elpd:.1f}.",
            tables=(Table.of("loo", "By group", left_out.table, index="group"),),
            notes=(f"The group {EVIL} has no events.",),
        ),
    ]


def _picture(name: str, draw: Any) -> Picture:
    return Picture(name, f"What to see in {name} of {EVIL}", f"{name} of {EVIL}", draw)


def _record(folder: Path, model: str | None, one: StageResult) -> dict[str, Any]:
    number, title = TITLES[one.stage]
    key = f"{model}/{one.stage}" if model else one.stage
    record = one.record()
    for shown, picture in zip(record["pictures"], one.pictures, strict=True):
        shown["file"] = _save(folder, key, picture)
    return {
        "key": key,
        "number": number,
        "title": title,
        "model": model,
        "conditional": model == NAMES[1] and one.stage == "cross_validation",
        "seconds": 1.5,
        **record,
    }


def _save(folder: Path, key: str, picture: Picture) -> str:
    name = f"figures/{key.replace('/', '-')}-{picture.name}.svg"
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    save(picture.draw(), folder / name, dpi=100)
    return name


def _document(folder: Path, fit: Fit, stages: list[Any]) -> dict[str, Any]:
    forest = _picture("answers", lambda: plots.forest(fit))
    file = _save(folder, "answers", forest)
    groups = Table.of("answers", "Each group", fit.groups(), index="hospital")
    return {
        "schema": "hbstan.verdict/1",
        "hbstan": hb.__version__,
        "title": "surgical: 12 groups, 208 events in 2814 trials",
        "verdict": "accepted_with_limitations",
        "headline": "The figures below can be used, with one reservation.",
        "cautions": ["Part of the result depends on what was assumed beforehand."],
        "preferred": fit.model,
        "data": {"name": "surgical", "source": f"a book on {EVIL}"},
        "answers": {
            "model": fit.model,
            "summary": [f"Hospital {EVIL}: 0 of 47 observed; 5.0 % is estimated."],
            "table": groups.record(),
            "picture": {
                **{"name": "answers", "caption": forest.caption, "alt": forest.alt},
                "file": file,
            },
            "population": None,
        },
        "models": [_model(name, fit) for name in NAMES],
        "stages": stages,
        "criteria": {"fit": {"rhat": 1.01, "gates": ["rhat", "ess_bulk"]}},
        "criteria_changes": [
            {"criterion": "fit.rhat", "from": 1.05, "to": 1.01, "when": "before"}
        ],
        "provenance": _provenance(),
        "methods": {"paragraph": "We fitted two models.", "bibtex": "@misc{stan}"},
        "command": "hbstan workflow surgical --seed 1 --out DIR",
    }


def _model(name: str, preferred: Fit) -> Mapping[str, Any]:
    accepted = name == preferred.model
    return {
        "name": name,
        "title": models.get(name).title,
        "like": name,
        "verdict": "accepted_with_limitations" if accepted else "rejected",
        "reason": "Every gate was passed, with one limitation.",
        "limitations": ["Refits were not run."],
        "stopped_at": None if accepted else "cross_validation",
        "retries": [],
        "priors": {"mu": "Normal(-2.51, 1)", "tau": "HalfNormal(1)"},
    }


def _provenance() -> dict[str, Any]:
    return {
        "seed": 1,
        "backend": "stanli",
        "versions": {"hbstan": hb.__version__},
        "settings": {"chains": 4, "iter_sampling": 1000},
        "hashes": {"data": "0123456789abcdef" * 4},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 9.5,
        "machine": {"cores": 2},
    }
