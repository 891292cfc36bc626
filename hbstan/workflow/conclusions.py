"""Stage 7: which model predicts best, and what follows for the groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.compare import Comparison, compare
from hbstan.pooling import group_ranks, heterogeneity, shrinkage
from hbstan.predictive.replicates import has_population
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.criteria import ComparisonCriteria
from hbstan.workflow.plain_system import system_sentences

if TYPE_CHECKING:
    from hbstan.fit import Fit
    from hbstan.loo import LooResult

__all__ = ["compare_models", "conclude", "groups_table"]

COMPARISON_QUESTION = "Which model predicts groups that it has not seen best?"
QUESTION = "What are the groups' values, and does another model predict better?"
#: Probability of the intervals that are called likely, as those of the groups.
_CI_PROB = 0.94
#: Columns of the comparison, and their headings.
_COMPARED = {
    "elpd": "elpd",
    "se": "standard error",
    "elpd_diff": "difference from the best",
    "dse": "its standard error",
    "stacking": "stacking weight",
    "pseudo_bma": "pseudo-BMA+ weight",
    "k_max": "largest k",
    "verdict": "reading",
}
#: What is said of a model beside the best one.
_READINGS = {
    "best": Outcome.PASS,
    "indistinguishable": Outcome.PASS,
    "unproven": Outcome.PASS,
    "undecided": Outcome.NOT_RUN,
    "worse": Outcome.FAIL,
}


def compare_models(
    results: Mapping[str, LooResult], *, seed: int | None = None
) -> StageResult:
    """Compare the models that were cross-validated.

    Parameters
    ----------
    results : mapping of str to LooResult
    seed : int, optional
        Of pseudo-BMA+'s bootstraps.

    Returns
    -------
    StageResult
        Without gates: each model's own conclusions judge its predictions. ``result``
        is the :class:`hbstan.compare.Comparison`, or None for a single model.
    """
    if len(results) < 2:
        only = ", ".join(results) or "none"
        return StageResult(
            "comparison",
            COMPARISON_QUESTION,
            Checks([]),
            gates=(),
            answer="There is nothing to compare with: models that were "
            f"cross-validated: {only}.",
        )
    found = compare(results, seed=seed)
    readings = found.readings()
    return StageResult(
        "comparison",
        COMPARISON_QUESTION,
        found.checks(),
        gates=(),
        answer=f"{found.best} has the highest expected log predictive density. "
        + " ".join(text for name, text in readings.items() if name != found.best),
        tables=(
            Table.of(
                "models",
                "Cross-validated predictions, the best first",
                found.table,
                index="model",
                labels=_COMPARED,
            ),
        ),
        pictures=(
            Picture(
                "comparison",
                "Expected log predictive densities and their differences. Intervals "
                "that reach across 0 do not tell the models apart.",
                "Models by expected log predictive density with standard errors.",
                lambda: plots.comparison(found),
            ),
            Picture(
                "pointwise",
                "Where the models differ: the difference in each group.",
                "Differences of log predictive densities by group.",
                lambda: plots.pointwise_differences(found),
            ),
        ),
        result=found,
    )


def conclude(
    fit: Fit,
    *,
    name: str | None = None,
    comparison: Comparison | None = None,
    rivals: Collection[str] | None = None,
    criteria: ComparisonCriteria | None = None,
) -> StageResult:
    """State what a fit says of the groups, and whether another model predicts better.

    Parameters
    ----------
    fit : Fit
    name : str, optional
        The model's name in the comparison; by default the fit's.
    comparison : Comparison, optional
        Without it, the model is compared with nothing.
    rivals : collection of str, optional
        The models that may be better; by default all of the comparison.
    criteria : ComparisonCriteria, optional

    Returns
    -------
    StageResult
        Check ``predicts``; tables of groups, of what they share and of shrinkage.
    """
    rules = criteria or ComparisonCriteria()
    own = name or fit.model
    checks = []
    if comparison is not None and own in comparison.table.index:
        checks.append(_predicts(comparison, own, rivals))
    tables, pictures = [groups_table(fit)], [_forest(fit)]
    if _pools(fit):
        tables += _population(fit)
        pictures += _more_pictures(fit)
    return StageResult(
        stage="conclusion",
        question=QUESTION,
        checks=Checks(checks),
        gates=rules.gates if checks else (),
        answer="\n".join(sentences(fit)),
        tables=tuple(tables),
        pictures=tuple(pictures),
    )


def _predicts(found: Comparison, own: str, rivals: Collection[str] | None) -> Check:
    """Check that no model that may be used predicts clearly better."""
    table: Any = found.table
    allowed = set(table.index if rivals is None else rivals) | {own}
    rows = table[table.index.isin(allowed)]
    best = str(rows.index[0])
    label = "No other model predicts clearly better"
    rule = "not more than 2 dse and 4 nats behind, with groups enough to tell"
    if best == own:
        behind = "no other model that may be used does better"
        return Check("predicts", label, Outcome.PASS, rule=rule, detail=behind)
    if best == found.best:
        verdict, detail = str(rows.loc[own, "verdict"]), found.reading(own)
    else:
        pair = compare({n: found.results[n] for n in (best, own)}, seed=found.seed)
        verdict, detail = str(pair.table.loc[own, "verdict"]), pair.reading(own)
    outcome = _READINGS[verdict]
    gap = float(rows.loc[own, "elpd_diff"] - rows.loc[best, "elpd_diff"])
    return Check(
        "predicts",
        label,
        outcome,
        gap,
        rule=rule,
        subjects=(best,),
        detail=detail,
        advice="" if outcome is Outcome.PASS else f"Prefer {best}.",
    )


def groups_table(fit: Fit) -> Table:
    """Return the answer: raw and estimated values of each group, and its ranks.

    Columns of ranks are left out where a model makes all groups alike.
    """
    table = fit.groups()
    labels = {"group": fit.tree.attrs.get("group_label", "group")}
    frame = table.rename_axis("group").reset_index()
    raw = "raw rate" if _is_rate(fit) else "raw value"
    columns = {
        **labels,
        **{name: name for name in ("trials", "events", "se") if name in frame},
        **({"raw": raw} if "raw" in frame else {}),
        "mean": "estimate",
        "lower": "94 % from",
        "upper": "to",
    }
    if _ranked(fit, len(frame)):
        ranks = group_ranks(fit, best="lowest", k=1).table
        frame["p_lowest"] = ranks["p_best"].to_numpy()
        frame["p_highest"] = ranks["p_worst"].to_numpy()
        frame["rank"] = ranks["expected"].to_numpy()
        columns |= {
            "rank": "expected rank (1 lowest)",
            "p_lowest": "P(lowest)",
            "p_highest": "P(highest)",
        }
    caption = "Each group: what was observed, and the estimate"
    return Table.of("answers", caption, frame, labels=columns)


def sentences(fit: Fit) -> list[str]:
    """Say in plain words what the fit says of the groups."""
    rate = _is_rate(fit)
    groups: Any = fit.groups()
    out = []
    if _pools(fit):
        out.append(_typical(fit, rate))
    if _is_system(fit):
        out += system_sentences(fit)
    if not _ranked(fit, len(groups)):
        return out
    ranks: Any = group_ranks(fit, best="lowest", k=1).table
    for word, column in (("lowest", "p_best"), ("highest", "p_worst")):
        out.append(_extreme(word, groups, ranks[column], rate))
    moved = (groups["mean"] - groups["raw"]).abs()
    if moved.notna().any():
        most = moved.idxmax()
        row = groups.loc[most]
        out.append(
            f"The estimate that differs most from what was observed is that of {most}: "
            f"{_shown(row['raw'], rate)} was observed, {_shown(row['mean'], rate)} is "
            "estimated: its own data leave it uncertain, and those of the others "
            "count too."
        )
    return out


def _is_rate(fit: Fit) -> bool:
    """Whether a group's estimate is a probability."""
    entry = fit.like
    if entry is None:
        return False
    units = {p.name: p.unit for p in entry.parameters}
    return entry.kind == "binomial" or units.get(entry.estimate) == "probability"


def _is_system(fit: Fit) -> bool:
    """Whether the data are more than one outcome a group."""
    return fit.data_kind not in ("", "binomial", "normal")


def _ranked(fit: Fit, count: int) -> bool:
    """Whether groups can be told apart and be put in order."""
    entry = fit.like
    known = entry is not None and entry.pooling != "complete"
    return known and count > 1 and not _is_system(fit)


def _extreme(word: str, groups: Any, chances: Any, rate: bool) -> str:
    """Say which group is most probably the lowest or the highest, and how surely."""
    first, second = chances.sort_values(ascending=False, kind="stable").index[:2]
    row = groups.loc[first]
    return (
        f"The {word} is most probably {first} (chance "
        f"{_shown(chances[first], True, digits=0)}): estimated at "
        f"{_shown(row['mean'], rate)}, likely between {_shown(row['lower'], rate)} and "
        f"{_shown(row['upper'], rate)}; {_shown(row['raw'], rate)} was observed. Next "
        f"is {second} (chance {_shown(chances[second], True, digits=0)})."
    )


def _pools(fit: Fit) -> bool:
    """Tell whether a model of the catalogue has a population, and several groups."""
    entry = fit.like
    several = fit.posterior.sizes.get("group") != 1
    known = has_population(fit) and several and not _is_system(fit)
    return known and entry is not None and entry.pooling == "partial"


def _typical(fit: Fit, rate: bool) -> str:
    table = heterogeneity(fit, ci_prob=_CI_PROB).to_frame()
    new = table.loc["new_p" if rate else "new_theta"]
    low, high = _shown(new["lower"], rate), _shown(new["upper"], rate)
    noun = "rate" if rate else "value"
    return (
        f"A new group like these would have an underlying {noun} of about "
        f"{_shown(new['mean'], rate)}, likely between {low} and {high}. (Likely means: "
        f"with a probability of {_shown(_CI_PROB, True, digits=0)}.)"
    )


def _shown(value: Any, rate: bool, digits: int = 1) -> str:
    """Return a rate in per cent, or an estimate with three digits."""
    number = float(value)
    if number != number:
        return "nothing"
    percent = f"{100 * number:.{digits}f} %"
    return percent if rate else f"{number:.3g}"


def _population(fit: Fit) -> list[Table]:
    between = heterogeneity(fit).to_frame()
    labels = {
        "mean": "mean",
        "sd": "sd",
        "lower": "94 % from",
        "upper": "to",
        "reml": "REML",
        "formula": "what it is",
    }
    labels = {k: v for k, v in labels.items() if k in between}
    pulled = shrinkage(fit).to_frame()
    shown = {
        "raw": "raw",
        "posterior": "estimate",
        "shift": "moved by",
        "factor": "shrinkage factor",
        "factor_scale": "on the scale of",
    }
    shown = {k: v for k, v in shown.items() if k in pulled}
    return [
        Table.of(
            "heterogeneity",
            "How the groups differ",
            between,
            index="quantity",
            labels=labels,
        ),
        Table.of(
            "shrinkage",
            "How far each group was pulled towards the others (factor: 0 not at all, "
            "1 all the way)",
            pulled,
            index="group",
            labels=shown,
        ),
    ]


def _forest(fit: Fit) -> Picture:
    dots = (
        "Dots: estimates, with the range in which the underlying value lies with 94 % "
        "probability."
    )
    raw = "" if _is_system(fit) else ", larger for larger groups"
    caption = (
        f"Open circles: what was observed{raw}. {dots} Arrows: how far an estimate "
        "moved from what was observed towards the average."
    )
    return Picture(
        "answers",
        caption if "raw" in fit.groups() else dots,
        f"Estimates of {len(fit.groups())} groups with intervals beside the raw "
        "figures.",
        lambda: plots.forest(fit),
    )


def _more_pictures(fit: Fit) -> list[Picture]:
    return [
        Picture(
            "rank_probabilities",
            "How probable each rank is for each group. Only rows that are dark in "
            "few places have a rank worth naming.",
            "Matrix of probabilities of ranks by group.",
            lambda: plots.rank_probabilities(group_ranks(fit)),
        ),
        Picture(
            "shrinkage",
            "Where each group's estimate moved from its raw value.",
            "Raw values and estimates of the groups, joined by lines.",
            lambda: plots.shrinkage(shrinkage(fit)),
        ),
    ]
