"""Plain words for those who know no statistics: headline and cautions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hbstan.workflow.judgement import ModelVerdict, Verdict

if TYPE_CHECKING:
    from hbstan.workflow.running import Runner

__all__ = ["cautions", "headline"]

#: By check: what a reader of the first screen should know if it did not pass.
_PLAIN: Mapping[str, str] = {
    "groups": "There are too few groups to learn from one about another.",
    "information": "The data hold no contrast: only events, or none at all.",
    "size_against_rate": "Large and small groups differ systematically, which the "
    "model does not know.",
    "trend": "The figures drift with the order of the groups, which the model does "
    "not know. If the groups were sorted by their outcome, this means nothing.",
    "range_covered": "The observed figures lie outside what was thought possible "
    "beforehand.",
    "not_too_narrow": "What was assumed beforehand leaves hardly any room for the "
    "observed figures.",
    "not_too_wide": "What was assumed beforehand allows for absurd figures; the data "
    "had to correct it.",
    "convergence": "The computation is unreliable for data like these.",
    "divergences": "The computation could not explore all that is plausible.",
    "uniformity": "The computed uncertainties are wrong for data like these.",
    "power": "Too few simulations were made to tell whether the uncertainties are "
    "right.",
    "rhat": "Repeated computations do not agree with each other.",
    "ess_bulk": "The computation was too short for stable figures.",
    "ess_tail": "The computation was too short for stable limits.",
    "bfmi": "The computation moved too slowly through what is plausible.",
    "agrees_with_exact": "The figures are not those of an independent, exact "
    "computation.",
    "treedepth": "The computation was slow: its figures stand, but cost more time.",
    "coverage": "More groups than expected lie outside their predictions.",
    "max": "The highest group is more extreme than the model can explain.",
    "min": "The lowest group is more extreme than the model can explain.",
    "zero_event_groups": "The number of groups without events is not what the model "
    "expects.",
    "between_group_variance": "The groups differ more, or less, than the model "
    "can explain.",
    "variance": "The groups differ more, or less, than the model can explain.",
    "dispersion": "The groups differ more, or less, than the model can explain.",
    "coefficient_of_variation": "The groups differ more, or less, than the model "
    "can explain.",
    "pareto_k": "How well the model predicts a new group is not known.",
    "refits": "How well the model predicts a new group is not known.",
    "loo_pit": "The model's predictions of new groups are too sure, too vague, or "
    "off to one side.",
    "prior_sensitivity": "Part of the result depends on what was assumed beforehand "
    "(the priors).",
    "prior_swaps": "Other reasonable assumptions beforehand would move the result "
    "noticeably.",
    "prior_decides": "Other reasonable assumptions beforehand would change the result.",
    "influence": "One group alone moves the result noticeably.",
    "group_decides": "One group alone decides the result.",
    "predicts": "Another model predicts new groups better.",
    "elpd": "The models' predictions can hardly be compared.",
}
_NEW = "new_groups_"
_ALWAYS = (
    "This assumes that all groups count the same kinds of cases in the same way. "
    "Statistics cannot correct for differences in who is counted, and how."
)


def headline(
    verdict: Verdict, verdicts: Sequence[ModelVerdict], preferred: str | None
) -> str:
    """Return the verdict as one plain sentence."""
    if verdict is Verdict.ACCEPTED:
        return "The figures below passed every test and can be used."
    if verdict is Verdict.LIMITED:
        one = next(v for v in verdicts if v.name == preferred)
        count = len(one.limitations)
        what = "one reservation" if count == 1 else f"{count} reservations"
        return f"The figures below can be used, with {what}."
    if verdict is Verdict.REJECTED:
        return (
            "No model passed: there are no figures here that could be relied on. "
            "The reasons stand below."
        )
    return (
        "It could not be decided whether a model can be relied on. The reasons stand "
        "below."
    )


def cautions(verdict: Verdict, runner: Runner, preferred: str | None) -> list[str]:
    """Return what could be wrong, a plain sentence each."""
    out: dict[str, None] = {}
    if not verdict.usable:  # what stopped the models comes first
        for record in runner.records:
            out |= dict.fromkeys(_gates(record, named=True))
    for record in runner.records:
        if verdict.usable and record["model"] not in (None, preferred):
            continue
        out |= dict.fromkeys(_of_stage(record, named=not verdict.usable))
    out |= dict.fromkeys(
        f"{one['criterion']} was changed after results had been seen."
        for one in runner.amended
    )
    if verdict.usable:
        out |= dict.fromkeys(_rejected(runner))
        out[_ALWAYS] = None
    return list(out)


def _of_stage(record: Mapping[str, Any], *, named: bool) -> list[str]:
    """Return what a stage leaves to worry about."""
    out = []
    for check in record["checks"]:
        if check["outcome"] == "pass":
            continue
        name = check["name"].removeprefix(_NEW)
        text = _PLAIN.get(name, f"{check['label']}: {check['detail']}.")
        if check["outcome"] == "not_run":
            text = f"Not known: {check['label'].lower()} ({check['detail']})."
        who = f"{record['model']}: " if named and record["model"] else ""
        out.append(who + text)
    if record["retries"]:
        out.append("The computation had to be repeated with more effort to succeed.")
    return out


def _rejected(runner: Runner) -> list[str]:
    """Name the models that did not pass, and the first reason in plain words."""
    out = []
    for one in (v for v in runner.verdicts if not v.verdict.usable):
        own = [r for r in runner.records if r["model"] == one.name]
        shut = [text for r in own if r["outcome"] != "pass" for text in _gates(r)]
        reason = f" {shut[0]}" if shut else ""
        out.append(
            f"Another way of calculating, {one.name}, was {one.verdict.words}, and its "
            f"figures are not used.{reason}"
        )
    return out


def _gates(record: Mapping[str, Any], *, named: bool = False) -> list[str]:
    """Return what the gates of a stage that did not pass mean."""
    gates = [c for c in record["checks"] if c["gate"]]
    return _of_stage({**record, "checks": gates, "retries": []}, named=named)
