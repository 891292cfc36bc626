"""The workflow on real fits: gates, verdicts, folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from finished import QUICK, Finished
from scipy import stats
from workflow_cases import STAGES, WHOLE, Case, many_groups

import hbstan as hb
from hbstan.errors import HbstanError, PriorError, SettingsError, StoreError
from hbstan.results import Outcome, StageResult
from hbstan.workflow import (
    Criteria,
    Verdict,
    Workflow,
    check_posterior,
    check_sensitivity,
    compare_models,
    conclude,
    cross_validate,
    fit_and_diagnose,
    load_workflow,
    schema,
    without_times,
)

EXHAUSTIVE = pytest.mark.exhaustive("hbstan/workflow")
ONE = {"seed": 1, "backend": "stanli", "models": "logit_noncentered"}
#: Of one parameter: what costs time is then the workflow's own.
POOLED = {"seed": 1, "backend": "stanli", "models": "normal_pooled"}
STRICT = {**QUICK, "data": {"min_groups": 20}}


@pytest.fixture(scope="module")
def surgical(whole: Finished, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """Return a copy of what the command made, which Python reads and goes on with."""
    out = tmp_path_factory.mktemp("surgical") / "out"
    shutil.copytree(whole.folder, out)
    return load_workflow(out)


def valid(found: Workflow) -> None:
    """Check that document and report are there, and that they say the same."""
    jsonschema.Draft202012Validator(schema()).validate(dict(found.document))
    page = found.report.read_text(encoding="utf-8")
    assert found.headline in page
    for record in found.document["stages"]:
        assert record["title"] in page
        for picture in record["pictures"]:
            assert (found.folder / picture["file"]).is_file()


@pytest.mark.parametrize("case", WHOLE, ids=[c.stage for c in WHOLE])
@pytest.mark.usefixtures("sketched")
def test_data_that_should_fail_at_a_gate_fail_there(case: Case, tmp_path: Path) -> None:
    found = hb.workflow(
        case.data,
        case.model,
        criteria=case.all_criteria(),
        priors=case.priors,
        seed=1,
        backend="stanli",
        out=tmp_path,
    )
    model = found.document["models"][0]
    assert found.verdict is Verdict.REJECTED
    assert model["stopped_at"] == case.stage, model
    assert case.reason in model["reason"]
    record = next(s for s in found.document["stages"] if s["stage"] == case.stage)
    failed = [
        c["name"] for c in record["checks"] if c["gate"] and c["outcome"] == "fail"
    ]
    assert case.check in failed
    assert found.document["answers"] is None
    assert found.preferred is None
    assert "No model passed" in found.headline
    with pytest.raises(HbstanError, match="no answers"):
        found.answers()
    valid(found)


@pytest.mark.parametrize("case", STAGES, ids=[c.stage for c in STAGES])
def test_data_that_should_fail_at_a_stage_fail_there(case: Case) -> None:
    stage = made(case)
    assert stage.outcome is Outcome.FAIL
    failed = {c.name: c for c in stage.checks if c.name in stage.gates and not c.passed}
    assert case.check in failed
    check = failed[case.check]
    assert case.reason in f"{check.label}: {check.detail}"
    # Far beyond what so short chains would do with other data.
    assert case.stage != "fit" or (check.value or 0.0) > 1.1


def made(case: Case) -> StageResult:
    """Return the stage that should fail, of a fit that went before."""
    rules = Criteria.read(case.all_criteria())
    options: dict[str, Any] = {"priors": case.priors, "seed": 1, "backend": "stanli"}
    if case.stage == "fit":
        short = {"chains": 2, "iter_warmup": 300, "iter_sampling": 300}
        given = {"criteria": rules.fit, **short, **options}
        return fit_and_diagnose(case.model, case.data, **given)
    fit = hb.fit(case.model, case.data, iter_warmup=500, **options)
    if case.stage == "posterior":
        return check_posterior(fit, criteria=rules.posterior, seed=1)
    if case.stage == "cross_validation":
        return cross_validate(fit, criteria=rules.cross_validation, seed=1)
    assert case.stage == "sensitivity"
    return check_sensitivity(fit, criteria=rules.sensitivity)


def test_a_model_that_predicts_worse_fails_at_the_last_gate() -> None:
    """Of fewer than a hundred groups nobody could tell."""
    mu, tau = {"mu": "Normal(0, 2)"}, {"tau": "HalfNormal(2)"}
    fits = {
        name: hb.fit(name, many_groups(), priors=p, seed=1, backend="stanli")
        for name, p in (
            ("normal_pooled", mu),
            ("eight_schools_noncentered", mu | tau),
        )
    }
    found = compare_models({name: hb.loo(fit) for name, fit in fits.items()}, seed=1)
    worse, better = (
        conclude(fit, name=name, comparison=found.result) for name, fit in fits.items()
    )
    (check,) = worse.checks
    assert (worse.outcome, check.name) == (Outcome.FAIL, "predicts")
    assert check.subjects == ("eight_schools_noncentered",)
    assert better.outcome is Outcome.PASS


@EXHAUSTIVE  # whole workflows of a hundred groups and more take a minute
@pytest.mark.usefixtures("sketched")
def test_a_model_that_predicts_worse_is_rejected_by_a_whole_workflow(
    tmp_path: Path,
) -> None:
    criteria = {
        **QUICK,
        "calibration": {**QUICK["calibration"], "n_sims": 10},
        # Two models of one kind that are both calibrated predict alike: the worse one
        # must be let through what would otherwise stop it before.
        "cross_validation": {"gates": ["loo_draws", "pareto_k", "refits"]},
        "sensitivity": {"gates": ["group_decides"], "max_left_out": 2},
    }
    found = hb.workflow(
        many_groups(),
        ["normal_unpooled", "eight_schools_noncentered"],
        criteria=criteria,
        priors={
            "normal_unpooled": {"theta": "Normal(0, 1.5)"},
            "eight_schools_noncentered": {"mu": "Normal(0, 2)", "tau": "HalfNormal(2)"},
        },
        seed=1,
        backend="stanli",
        out=tmp_path,
    )
    verdicts = {m["name"]: m for m in found.document["models"]}
    worse = verdicts["normal_unpooled"]
    assert worse["verdict"] == "rejected"
    assert "No other model predicts clearly better" in worse["reason"]
    assert verdicts["eight_schools_noncentered"]["verdict"].startswith("accepted")
    assert found.preferred == "eight_schools_noncentered"
    assert any("normal_unpooled" in text for text in found.document["cautions"])
    valid(found)


def test_the_surgical_data_are_answered(surgical: Workflow) -> None:
    assert surgical.verdict.usable
    answers = surgical.answers()
    assert list(answers.index) == list("ABCDEFGHIJKL")
    # 100,000 draws elsewhere give these.
    assert answers.loc["A", "estimate"] == pytest.approx(0.050, abs=0.004)
    assert answers.loc["H", "estimate"] == pytest.approx(0.127, abs=0.004)
    assert answers["P(highest)"].sum() == pytest.approx(1.0)
    fit = surgical.fit()
    assert float(fit.posterior["mu"].mean()) == pytest.approx(-2.56, abs=0.03)
    assert surgical.stages().loc["Fit and diagnostics", "logit_noncentered"] == "pass"
    assert "12 groups" in surgical.document["methods"]["paragraph"]
    assert surgical.document["methods"]["bibtex"].count("@") >= 7
    valid(surgical)


@pytest.mark.parametrize(
    ("name", "gates"),
    [
        ("pharma", ["failures", "uniformity"]),
        pytest.param(
            *("climate", ["failures", "uniformity"]),
            marks=EXHAUSTIVE,
        ),
        # Its large groups make one form of the model slow: it is stopped early, and
        # the other form is tried.
        pytest.param(
            *("streamrec", ["failures", "convergence", "divergences", "uniformity"]),
            marks=EXHAUSTIVE,
        ),
    ],
)
@pytest.mark.usefixtures("sketched")
def test_other_bundled_data_need_nothing_special(
    name: str, gates: list[str], tmp_path: Path
) -> None:
    calibration = {**QUICK["calibration"], "pilot": 10, "gates": gates}
    criteria = {"calibration": calibration, "sensitivity": QUICK["sensitivity"]}
    found = hb.workflow(name, criteria=criteria, seed=1, backend="stanli", out=tmp_path)
    assert found.verdict.usable
    info = hb.datasets.describe(name)
    truth = np.array(info.truth[hb.models.get(found.fit().model).estimate])
    answers = found.answers()
    inside = (answers["94 % from"] <= truth) & (truth <= answers["to"])
    # Of intervals that are right, so few hold the truth once in a thousand times.
    least = stats.binom.ppf(0.001, len(truth), 0.94)
    assert inside.sum() >= least
    valid(found)


def test_the_folder_says_it_all_again(surgical: Workflow) -> None:
    again = load_workflow(surgical.folder)
    assert again.document == surgical.document
    with pytest.raises(StoreError, match="no finished workflow"):
        load_workflow(surgical.folder / "fits")


def test_a_finished_folder_is_gone_on_with(surgical: Workflow) -> None:
    seen: list[bool] = []

    class Watcher:
        def started(self, stage: Any, model: Any) -> None: ...
        def __call__(self, step: str, done: int, total: int) -> None: ...
        def judged(self, verdict: Any) -> None: ...
        def finished(self, record: Any, again: bool) -> None:
            seen.append(again)

    options = {**ONE, "seed": None, "progress": Watcher()}
    again = hb.workflow("surgical", criteria=QUICK, out=surgical.folder, **options)
    assert seen
    assert all(seen)
    assert without_times(again.document) == without_times(surgical.document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 2}, "seed is 1 there and 2 here"),
        ({"iter_sampling": 500}, "iter_sampling is 1000 there and 500 here"),
        ({"data": "eight_schools", "models": None}, "data .*surgical there"),
        ({"priors": {"tau": "HalfNormal(2)"}}, "models"),
        ({"keep_going": True}, "keep_going"),
    ],
)
def test_a_folder_of_another_workflow_is_refused(
    surgical: Workflow, change: dict[str, Any], said: str
) -> None:
    options = {"data": "surgical", "criteria": QUICK, "out": surgical.folder, **ONE}
    with pytest.raises(StoreError, match=said):
        hb.workflow(**{**options, **change})


@pytest.mark.usefixtures("sketched")
def test_criteria_cannot_be_changed_unseen(surgical: Workflow, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(surgical.folder, folder)
    with pytest.raises(SettingsError, match="fixed before the first fit"):
        hb.workflow("surgical", criteria=STRICT, out=folder, **ONE)
    assert load_workflow(folder).document == surgical.document
    found = hb.workflow("surgical", criteria=STRICT, out=folder, amend=True, **ONE)
    assert found.verdict is Verdict.REJECTED
    (late,) = [c for c in found.document["criteria_changes"] if c["when"] == "after"]
    assert late == {
        "criterion": "data.min_groups",
        "from": 3,
        "to": 20,
        "when": "after",
    }
    assert "data.min_groups" in found.report.read_text(encoding="utf-8")


@pytest.mark.usefixtures("sketched")
def test_criteria_that_were_changed_back_stay_to_be_seen(tmp_path: Path) -> None:
    options = {"data": "eight_schools", "out": tmp_path, **POOLED}
    strict = hb.workflow(criteria=STRICT, **options)
    assert strict.verdict is Verdict.REJECTED
    for criteria in (QUICK, STRICT, QUICK):
        found = hb.workflow(criteria=criteria, amend=True, **options)
    changes = [c for c in found.document["criteria_changes"] if c["when"] == "after"]
    assert len(changes) == 3
    assert found.verdict is Verdict.LIMITED
    valid(found)


@pytest.mark.usefixtures("sketched")
def test_going_on_after_a_gate_is_marked(tmp_path: Path) -> None:
    # A check of counts, which these data do not have: nothing opens the gate.
    criteria = {**QUICK, "posterior": {"gates": ["zeros"]}}
    options = {**POOLED, "keep_going": True, "out": tmp_path}
    found = hb.workflow("eight_schools", criteria=criteria, **options)
    records = {s["stage"]: s for s in found.document["stages"]}
    assert records["posterior"]["outcome"] == "not_run"
    assert not records["posterior"]["conditional"]
    assert records["cross_validation"]["conditional"]
    assert records["conclusion"]["outcome"] == "pass"
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.document["answers"] is None
    valid(found)


@pytest.mark.usefixtures("sketched")
def test_the_other_parameterization_is_tried_and_named(tmp_path: Path) -> None:
    gates = ["failures", "convergence", "divergences", "uniformity"]
    calibration = {**QUICK["calibration"], "n_sims": 40, "gates": gates}
    # The other form is calibrated by what its chains are for.
    criteria = {"calibration": calibration, "sensitivity": {"max_left_out": 1}}
    found = hb.workflow(
        "eight_schools",
        "eight_schools_centered",
        criteria=criteria,
        seed=1,
        backend="stanli",
        out=tmp_path,
    )
    models = found.document["models"]
    assert [m["name"] for m in models] == [
        "eight_schools_centered",
        "eight_schools_noncentered",
    ]
    assert [m["asked"] for m in models] == [True, False]
    assert models[0]["verdict"] == "rejected"
    assert models[0]["stopped_at"] == "calibration"
    assert "divergent transitions" in models[0]["reason"]
    assert models[0]["priors"] == models[1]["priors"]
    assert found.preferred == "eight_schools_noncentered"
    valid(found)


@pytest.mark.usefixtures("sketched")
def test_an_own_program_that_declares_known_priors_and_is_fitted_twice(
    tmp_path: Path,
) -> None:
    source = hb.models.get("logit_noncentered").program.file
    own = tmp_path / "mine.stan"
    own.write_text(source.read_text())
    # So few draws that the first fit cannot reach what is asked of it.
    fit = {**QUICK["fit"], "ess_per_chain": 150, "retry_draws": 4}
    settings = {"iter_sampling": 200, "iter_warmup": 400}
    options = {**ONE, **settings, "models": own, "out": tmp_path / "out"}
    found = hb.workflow("surgical", criteria={**QUICK, "fit": fit}, **options)
    (model,) = found.document["models"]
    assert (model["name"], model["like"]) == ("mine", "logit_noncentered")
    assert found.verdict is not Verdict.REJECTED
    assert [r["stage"] for r in model["retries"]] == ["fit"]
    assert "4 times the draws" in model["retries"][0]["what"]
    record = next(s for s in found.document["stages"] if s["stage"] == "fit")
    (attempts,) = (t for t in record["tables"] if t["name"] == "attempts")
    assert [row[0] for row in attempts["rows"]] == [1, 2]
    assert found.fit("mine").posterior.sizes["draw"] == 800
    assert not any("fitted again" in text for text in model["limitations"])
    assert any("more effort" in text for text in found.document["cautions"])
    valid(found)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"models": "logit"}, HbstanError, "logit"),
        ({"models": ["logit_centered"] * 2}, HbstanError, "more than once"),
        ({"models": "eight_schools_centered"}, HbstanError, "normal data"),
        ({"priors": {"kappa": "HalfNormal(1)"}}, PriorError, "kappa"),
        ({"priors": {"x": {"tau": "HalfNormal(1)"}}}, PriorError, "'x'"),
        ({"seed": -1}, SettingsError, "seed is -1"),
        ({"thin": 2}, SettingsError, "thin"),
        ({"chains": 0}, SettingsError, "chains"),
        ({"data": "no.csv"}, HbstanError, r"no\.csv"),
        ({"data": 3}, HbstanError, "int"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    change: dict[str, Any], kind: type[HbstanError], said: str, tmp_path: Path
) -> None:
    options = {"data": "surgical", "out": tmp_path / "out", **ONE, **change}
    with pytest.raises(kind, match=said):
        hb.workflow(**options)
    assert not (tmp_path / "out" / "plan.json").exists()


def test_a_damaged_stage_is_named(surgical: Workflow, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(surgical.folder, folder)
    file = folder / "stages" / "logit_noncentered" / "fit.json"
    file.write_text(file.read_text()[:100])
    with pytest.raises(StoreError, match=r"fit\.json"):
        hb.workflow("surgical", criteria=QUICK, out=folder, **ONE)
    file.unlink()
    found = hb.workflow("surgical", criteria=QUICK, out=folder, **ONE)
    assert without_times(found.document) == without_times(surgical.document)


def test_two_workflows_do_not_share_a_folder(
    surgical: Workflow, tmp_path: Path
) -> None:
    from hbstan.workflow.folder import open_folder

    with open_folder(tmp_path):
        with pytest.raises(StoreError, match="another process"):
            hb.workflow("surgical", criteria=QUICK, out=tmp_path, **ONE)


@pytest.mark.usefixtures("sketched")
@pytest.mark.exhaustive("hbstan/workflow", "hbstan/backends")
def test_cmdstan_gives_the_same_verdict(
    surgical: Workflow, cmdstan: Callable[..., Any], tmp_path: Path
) -> None:
    options = {**ONE, "backend": "cmdstan", "out": tmp_path}
    found = hb.workflow("surgical", criteria=QUICK, **options)
    assert found.verdict is surgical.verdict
    first, second = surgical.answers()["estimate"], found.answers()["estimate"]
    assert (first - second).abs().max() < 0.005
    assert json.loads((tmp_path / "verdict.json").read_text()) == found.document
