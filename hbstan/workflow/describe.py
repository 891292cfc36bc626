"""Stage 0: what the data are, and whether their groups can be exchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan import plots
from hbstan.data.system import SystemData
from hbstan.results import Check, Checks, Outcome, Picture, StageResult, Table
from hbstan.workflow.criteria import DataCriteria
from hbstan.workflow.describe_system import describe_system

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset

__all__ = ["describe_data"]

QUESTION = "What do the data hold, and can their groups be exchanged for each other?"
_ADVICE = (
    "Groups that differ with their size are not exchangeable: find out why (case mix, "
    "selection, reporting), and put the reason into the model."
)
#: Points of the funnel's limits.
_POINTS = 200


@dataclass(frozen=True, eq=False)
class _Groups:
    """The groups with data, on common names for both kinds of data."""

    labels: tuple[str, ...]
    rate: NDArray[Any]
    size: NDArray[Any]
    rate_word: str
    size_word: str


def describe_data(
    data: Dataset | str, criteria: DataCriteria | None = None
) -> StageResult:
    """Describe the data and check what exchangeable groups take for granted.

    Parameters
    ----------
    data : Dataset or str
        A dataset, or the name of a bundled one or of a file.
    criteria : DataCriteria, optional

    Returns
    -------
    StageResult
        Checks ``groups`` (enough of them), ``information`` (events, and not only
        events), ``size_against_rate`` and ``trend`` (Kendall's rank correlation of
        rate or estimate with size and with the order of the groups, which
        exchangeable groups do not show), and the dataset's own findings. That a group
        is alone is a finding, as its fit has all its priors from the user.

    Examples
    --------
    >>> from hbstan.workflow import describe_data
    >>> describe_data("surgical").outcome.value
    'pass'
    """
    from hbstan.data import load

    limits = criteria or DataCriteria()
    known: Any = load(data) if isinstance(data, str) else data
    if isinstance(known, SystemData):
        return describe_system(known, limits)
    groups = _groups(known)
    spread = _spread(known)
    trend = _correlated(
        "trend",
        f"{groups.rate_word} against the order of the groups",
        groups.rate,
        range(len(groups.labels)),
        limits.alpha,
        "If the groups are in order of time or place, model that; if they were sorted "
        "by the outcome, it means nothing.",
    )
    against = _correlated(
        "size_against_rate",
        f"{groups.rate_word} against {groups.size_word}",
        groups.rate,
        groups.size,
        limits.alpha,
        _ADVICE,
    )
    several = [_enough(groups, limits)] if known.J > 1 else []
    checks = [*several, *_informed(known), against, trend, *known.findings()]
    return StageResult(
        stage="data",
        question=QUESTION,
        checks=Checks(checks),
        gates=limits.gates,
        answer=f"{_totals(known, groups)} {_verdict(spread, groups)}",
        tables=(_overview(known, groups, spread), _group_table(known)),
        pictures=(_funnel(known, groups),),
    )


def _groups(data: Any) -> _Groups:
    """Return rate and size of the groups that have data."""
    if data.kind == "normal":
        return _Groups(data.labels, data.y, 1 / data.sigma**2, "estimate", "precision")
    seen = data.n > 0
    labels = tuple(g for g, there in zip(data.labels, seen, strict=True) if there)
    return _Groups(labels, data.y[seen] / data.n[seen], data.n[seen], "rate", "size")


def _enough(groups: _Groups, limits: DataCriteria) -> Check:
    count = len(groups.labels)
    passed = count >= limits.min_groups
    return Check(
        "groups",
        "There are enough groups to learn how groups differ",
        Outcome.PASS if passed else Outcome.FAIL,
        float(count),
        float(limits.min_groups),
        f">= {limits.min_groups} groups with data",
        detail=f"{count} groups have data",
        advice=""
        if passed
        else "Analyse so few groups one by one, or bring knowledge of the spread "
        "between groups as a strong prior and say so.",
    )


def _informed(data: Any) -> list[Check]:
    """Check that binomial data have events and non-events."""
    if data.kind == "normal":
        return []
    events, trials = int(data.y.sum()), int(data.n.sum())
    passed = 0 < events < trials
    return [
        Check(
            "information",
            "There are events, and trials without",
            Outcome.PASS if passed else Outcome.FAIL,
            float(events),
            rule="0 < events < trials",
            detail=f"{events} events in {trials} trials",
            advice=""
            if passed
            else "Such data bound the rate on one side only, and say nothing about "
            "how groups differ: collect more.",
        )
    ]


def _correlated(
    name: str, what: str, rate: Any, other: Any, alpha: float, advice: str
) -> Check:
    """Check that a rank correlation is no larger than chance makes it."""
    import numpy as np
    from scipy import stats

    check = Check(
        name,
        f"No trend: {what}",
        Outcome.PASS,
        threshold=alpha,
        rule=f"p >= {alpha:g} (Kendall's rank correlation)",
    )
    if len(np.unique(rate)) < 2 or len(np.unique(list(other))) < 2:
        return replace(check, detail="all are equal, so that there is none")
    found = stats.kendalltau(rate, list(other))
    p = float(found.pvalue)
    passed = p >= alpha
    return replace(
        check,
        outcome=Outcome.PASS if passed else Outcome.FAIL,
        value=p,
        detail=f"correlation {float(found.statistic):+.2f}, p = {p:.2g}",
        advice="" if passed else advice,
    )


def _spread(data: Any) -> tuple[float, float]:
    """Return the dispersion against one common rate (or mean), and its p-value."""
    from scipy import stats

    if data.kind == "normal":
        weights = data.sigma**-2.0
        mean = (data.y * weights).sum() / weights.sum()
        q, degrees = float(((data.y - mean) ** 2 * weights).sum()), data.J - 1
    else:
        n, y = data.n[data.n > 0], data.y[data.n > 0]
        rate, degrees = y.sum() / max(n.sum(), 1), len(n) - 1
        if not 0 < rate < 1:
            return float("nan"), float("nan")
        q = float(((y - n * rate) ** 2 / (n * rate * (1 - rate))).sum())
    if degrees < 1:
        return float("nan"), float("nan")
    return q / degrees, float(stats.chi2.sf(q, degrees))


def _totals(data: Any, groups: _Groups) -> str:
    if data.kind == "normal":
        return (
            f"{data.J} groups, with estimates from {data.y.min():.3g} to "
            f"{data.y.max():.3g} and standard errors from {data.sigma.min():.3g} to "
            f"{data.sigma.max():.3g}."
        )
    trials, events = int(data.n.sum()), int(data.y.sum())
    share = f" ({events / trials:.1%})" if trials else ""
    low, high = int(data.n.min()), int(data.n.max())
    sizes = f"{low} to {high}" if low < high else f"{low}"
    return (
        f"{data.J} groups with {sizes} trials each; {events} "
        f"events in {trials} trials{share}."
    )


def _verdict(spread: tuple[float, float], groups: _Groups) -> str:
    dispersion, p = spread
    if dispersion != dispersion:
        return "Whether the groups differ cannot be told from them."
    if p < 0.05:
        return (
            f"The {groups.rate_word}s differ by more than chance alone would make them "
            f"(dispersion {dispersion:.2g}, where chance gives 1; {_p(p)})."
        )
    return (
        f"The {groups.rate_word}s differ no more than chance alone would make them "
        f"(dispersion {dispersion:.2g}, where chance gives 1; {_p(p)})."
    )


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 0.001 else "p < 0.001"


def _overview(data: Any, groups: _Groups, spread: tuple[float, float]) -> Table:
    rows: list[tuple[str, Any]] = [("groups", data.J)]
    if data.kind == "binomial":
        rows += [
            ("trials", int(data.n.sum())),
            ("events", int(data.y.sum())),
            ("groups without trials", int((data.n == 0).sum())),
            ("groups without events", int(((data.y == 0) & (data.n > 0)).sum())),
            ("groups with events only", int(((data.y == data.n) & (data.n > 0)).sum())),
        ]
    if len(groups.rate):
        rows += [
            (f"smallest {groups.rate_word}", float(groups.rate.min())),
            (f"largest {groups.rate_word}", float(groups.rate.max())),
        ]
    rows += [("dispersion (1 by chance)", spread[0]), ("its p-value", spread[1])]
    return Table("overview", "The data in figures", ("figure", "value"), tuple(rows))


def _group_table(data: Any) -> Table:
    frame = data.to_frame()
    if data.kind == "binomial":
        rate = (data.y / data.n.clip(1)).tolist()
        frame["raw rate"] = [
            r if n else float("nan") for r, n in zip(rate, data.n, strict=True)
        ]
    return Table.of("groups", "The data, group by group", frame)


def _funnel(data: Any, groups: _Groups) -> Picture:
    frame, limits, centre = _funnel_values(data, groups)
    word = "trials" if data.kind == "binomial" else "standard error"
    return Picture(
        "funnel",
        f"Each group's {groups.rate_word} against its {word}. The band is where 95 % "
        "of the groups would lie if they all shared one true value: many points "
        "outside mean that the groups differ.",
        f"Scatter of {len(frame)} groups, {groups.rate_word} against {word}, with the "
        f"limits of chance around the common value {centre:.3g}.",
        lambda: plots.funnel(
            frame,
            limits,
            centre,
            name=data.name,
            axes=(word, f"raw {groups.rate_word}"),
        ),
    )


def _funnel_values(
    data: Any, groups: _Groups
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Return the points, the limits of chance and the common value."""
    import numpy as np
    import pandas as pd
    from scipy import stats

    if data.kind == "normal":
        x, weights = data.sigma, data.sigma**-2.0
        centre = float((data.y * weights).sum() / weights.sum())
        grid = np.linspace(0, x.max() * 1.05, _POINTS)
        lower, upper = centre - 1.96 * grid, centre + 1.96 * grid
    else:
        x = groups.size
        trials = max(int(x.sum()), 1) if len(x) else 1
        centre = float(data.y.sum() / trials)
        low, high = (max(0.8 * x.min(), 1), 1.2 * x.max()) if len(x) else (1, 2)
        grid = np.unique(np.geomspace(low, max(high, low + 2), _POINTS).round())
        lower, upper = (stats.binom.ppf(q, grid, centre) / grid for q in (0.025, 0.975))
    frame = pd.DataFrame({"x": x, "y": groups.rate}, index=list(groups.labels))
    limits = pd.DataFrame({"x": grid, "lower": lower, "upper": upper})
    return frame, limits, centre
