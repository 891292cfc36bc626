"""Verdicts from stages' records."""

from __future__ import annotations

from typing import Any

import pytest

from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.judgement import ModelVerdict, Verdict, judge, overall

EXPECTED = ("prior", "fit")


def record(stage: str, *checks: tuple[str, str, bool], **more: Any) -> dict[str, Any]:
    """Return a stage's record from (name, outcome, gate) of its checks."""
    listed = [
        {"name": n, "label": n, "outcome": o, "gate": g, "detail": f"{n} was {o}"}
        for n, o, g in checks
    ]
    gates = {c["outcome"] for c in listed if c["gate"]}
    outcome = "fail" if "fail" in gates else "not_run" if "not_run" in gates else "pass"
    base = {"stage": stage, "title": stage, "outcome": outcome, "retries": []}
    return {**base, "checks": listed, **more}


GOOD = (record("prior", ("a", "pass", True)), record("fit", ("b", "pass", True)))


def test_all_gates_passed() -> None:
    got = judge("m", GOOD, EXPECTED)
    assert got.verdict is Verdict.ACCEPTED
    assert got.limitations == ()
    assert got.stopped_at is None


@pytest.mark.parametrize("outcome", ["fail", "not_run"])
def test_what_is_no_gate_limits(outcome: str) -> None:
    stages = (GOOD[0], record("fit", ("b", "pass", True), ("c", outcome, False)))
    got = judge("m", stages, EXPECTED)
    assert got.verdict is Verdict.LIMITED
    assert len(got.limitations) == 1
    assert "c was" in got.limitations[0]


def test_a_gate_that_failed_rejects_with_its_reason() -> None:
    stages = (record("prior", ("a", "fail", True)),)
    got = judge("m", stages, EXPECTED)
    assert got.verdict is Verdict.REJECTED
    assert "a was fail" in got.reason
    assert got.stopped_at == "prior"


def test_a_gate_that_was_not_run_is_no_pass() -> None:
    got = judge("m", (record("prior", ("a", "not_run", True)),), EXPECTED)
    assert got.verdict is Verdict.INCONCLUSIVE
    assert got.stopped_at == "prior"


def test_a_stage_that_is_missing_is_no_pass() -> None:
    got = judge("m", GOOD[:1], EXPECTED)
    assert got.verdict is Verdict.INCONCLUSIVE
    assert "fit" in got.reason


def test_failure_outweighs_what_was_not_run() -> None:
    stages = (
        record("prior", ("a", "not_run", True)),
        record("fit", ("b", "fail", True)),
    )
    assert judge("m", stages, EXPECTED).verdict is Verdict.REJECTED


def test_retries_and_amended_criteria_are_named() -> None:
    stages = (GOOD[0], {**GOOD[1], "retries": ["fitted again with adapt_delta 0.99"]})
    got = judge("m", stages, EXPECTED)
    assert got.verdict is Verdict.ACCEPTED
    assert got.retries == (
        {"stage": "fit", "what": "fitted again with adapt_delta 0.99"},
    )
    late = [{"criterion": "fit.rhat", "from": 1.01, "to": 1.1}]
    amended = judge("m", GOOD, EXPECTED, late)
    assert amended.verdict is Verdict.LIMITED
    assert "fit.rhat was changed from 1.01 to 1.1" in amended.limitations[0]


def test_the_whole_is_what_its_answers_are() -> None:
    def made(name: str, verdict: Verdict) -> ModelVerdict:
        return ModelVerdict(name, verdict, "")

    good, bad = made("a", Verdict.ACCEPTED), made("b", Verdict.REJECTED)
    unknown = made("c", Verdict.INCONCLUSIVE)
    assert overall([bad, good], "a") is Verdict.ACCEPTED
    assert overall([bad, unknown], None) is Verdict.INCONCLUSIVE
    assert overall([bad], None) is Verdict.REJECTED


def test_gates_of_a_stage_decide_its_outcome() -> None:
    passed = Check("a", "A", Outcome.PASS)
    failed = Check("b", "B", Outcome.FAIL)
    stage = StageResult("fit", "?", Checks([passed, failed]), gates=("a",))
    assert stage.outcome is Outcome.PASS
    assert stage.limitations == (failed,)
    assert StageResult("fit", "?", Checks([failed]), ("b",)).outcome is Outcome.FAIL
    # Gates that no check answers were not run.
    assert StageResult("fit", "?", Checks([passed]), ("c",)).outcome is Outcome.NOT_RUN
    assert [c["gate"] for c in stage.record()["checks"]] == [True, False]


def test_tables_keep_what_json_can_hold() -> None:
    rows = ((1, 2.5, float("nan"), float("inf"), None, True, "x"),)
    table = Table("t", "T", tuple("abcdefg"), rows)
    assert table.record()["rows"] == [[1, 2.5, "nan", "inf", None, True, "x"]]
    picture = Picture("p", "P", "alt", lambda: pytest.fail("drawn"))
    stage = StageResult("fit", "?", Checks([]), pictures=(picture,))
    assert stage.record()["pictures"] == [{"name": "p", "caption": "P", "alt": "alt"}]
