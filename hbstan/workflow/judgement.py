"""From the stages' records to a verdict, for each model and for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["ModelVerdict", "Verdict", "judge", "overall"]


class Verdict(StrEnum):
    """What may be concluded."""

    ACCEPTED = "accepted"
    LIMITED = "accepted_with_limitations"
    REJECTED = "rejected"
    INCONCLUSIVE = "inconclusive"

    @property
    def usable(self) -> bool:
        """Whether the model's answers may be used."""
        return self in (Verdict.ACCEPTED, Verdict.LIMITED)

    @property
    def words(self) -> str:
        """The verdict in words."""
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class ModelVerdict:
    """The verdict on one model.

    Parameters
    ----------
    name : str
    verdict : Verdict
    reason : str
        Why, in a sentence.
    limitations : tuple of str
        What to keep in mind when the answers are used.
    stopped_at : str or None
        The stage at which the workflow stopped, if it did.
    retries : tuple of dict
        ``stage`` and ``what`` of each second attempt.
    """

    name: str
    verdict: Verdict
    reason: str
    limitations: tuple[str, ...] = ()
    stopped_at: str | None = None
    retries: tuple[Mapping[str, str], ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the verdict as JSON-ready data."""
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "limitations": list(self.limitations),
            "stopped_at": self.stopped_at,
            "retries": [dict(one) for one in self.retries],
        }


def judge(
    name: str,
    stages: Sequence[Mapping[str, Any]],
    expected: Sequence[str],
    amended: Sequence[Mapping[str, Any]] = (),
) -> ModelVerdict:
    """Judge a model by its stages' records.

    A gate that failed rejects; one that was not run, or a stage that was not reached,
    leaves the matter open. What did not pass beside the gates is a limitation, and so
    is a criterion that was changed after results were seen. Second attempts are
    recorded; that a computation took more effort does not limit its answer.

    Parameters
    ----------
    name : str
    stages : sequence of mapping
        Records of the stages that were run, in order, those of all models included.
    expected : sequence of str
        The stages that a full workflow has.
    amended : sequence of mapping
        Criteria that were changed after results had been seen.
    """
    failed = [s for s in stages if s["outcome"] == "fail"]
    open_ones = [s for s in stages if s["outcome"] == "not_run"]
    reached = {s["stage"] for s in stages}
    missing = [stage for stage in expected if stage not in reached]
    shut = [s["stage"] for s in stages if s["outcome"] != "pass"]
    stopped = shut[0] if missing and shut else None
    retries = tuple(
        {"stage": s["stage"], "what": text} for s in stages for text in s["retries"]
    )
    if failed:
        verdict, reason = Verdict.REJECTED, " ".join(_reason(s) for s in failed)
    elif open_ones or missing:
        verdict = Verdict.INCONCLUSIVE
        reason = " ".join(_reason(s) for s in open_ones) or (
            f"The workflow did not reach: {', '.join(missing)}."
        )
    else:
        verdict, reason = Verdict.ACCEPTED, "Every gate was passed."
    limitations = _limitations(stages, amended)
    if verdict is Verdict.ACCEPTED and limitations:
        verdict = Verdict.LIMITED
        count = len(limitations)
        noun = "limitation" if count == 1 else "limitations"
        reason = f"Every gate was passed, with {count} {noun}."
    return ModelVerdict(name, verdict, reason, tuple(limitations), stopped, retries)


def overall(verdicts: Sequence[ModelVerdict], preferred: str | None) -> Verdict:
    """Return the verdict on the whole: that of the model whose answers are given."""
    for one in verdicts:
        if one.name == preferred and one.verdict.usable:
            return one.verdict
    if any(one.verdict is Verdict.INCONCLUSIVE for one in verdicts):
        return Verdict.INCONCLUSIVE
    return Verdict.REJECTED


def _reason(stage: Mapping[str, Any]) -> str:
    gates = [c for c in stage["checks"] if c["gate"] and c["outcome"] != "pass"]
    parts = [
        f"{c['label']} ({c['outcome'].replace('_', ' ')}: {c['detail']})" for c in gates
    ]
    word = "failed" if stage["outcome"] == "fail" else "was not run"
    return f"{stage['title']} {word}. {'; '.join(parts)}."


def _limitations(
    stages: Sequence[Mapping[str, Any]], amended: Sequence[Mapping[str, Any]]
) -> list[str]:
    out = [
        f"{s['title']}: {c['label']} "
        f"({'failed' if c['outcome'] == 'fail' else 'not run'}: {c['detail']})"
        for s in stages
        for c in s["checks"]
        if not c["gate"] and c["outcome"] != "pass"
    ]
    out += [
        f"The criterion {one['criterion']} was changed from {one['from']} to "
        f"{one['to']} after results had been seen"
        for one in amended
    ]
    return out
