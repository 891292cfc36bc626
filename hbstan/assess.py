"""Is a hierarchical model worth it for these data? Predicted before anything is fitted.

The answer rests on what can be measured: how many groups there are, how much their own
data tell, how much they differ, and by how much partial pooling would therefore lower
the mean squared error of the groups' estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.pooling.measured import as_dataset, evidence
from hbstan.pooling.squared_error import risk
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.tables import records
from hbstan.results import json_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from hbstan.data import Dataset
    from hbstan.pooling.measured import Evidence
    from hbstan.pooling.squared_error import Risk

__all__ = ["VERDICTS", "Assessment", "assess"]

#: From the best news to the worst.
VERDICTS = ("worth it", "probably worth it", "probably not worth it", "not worth it")
#: With fewer groups of equal error nothing can be gained (Stein 1956).
_STEIN = 4
#: Groups named in a sentence.
_NAMED = 3


@dataclass(frozen=True)
class Assessment:
    """What partial pooling is expected to gain, and whether that matters.

    Parameters
    ----------
    data_name, kind : str
    scale : str
        Of all estimates and errors: ``"probability"``, ``"log-odds"`` or
        ``"estimate"`` (the unit of ``y``).
    groups : pandas.DataFrame
        Indexed by group, at the estimated tau: ``size`` (trials, observations, or 1 /
        se^2), ``estimate`` and ``se`` of the group alone, ``weight`` w_j of its own
        estimate and ``shrinkage`` 1 - w_j; the predicted mean squared errors ``none``,
        ``complete`` and ``partial``, in the squared unit; ``gain = 1 - partial / none``
        and ``more_data = none / partial - 1``, the share of further data of its own
        that would do as much for the group. Groups without data have an infinite
        ``none``.
    spread : pandas.DataFrame
        Indexed by ``lower``, ``estimate`` and ``upper`` of tau: ``tau``, the errors
        ``none``, ``complete`` and ``partial`` averaged over groups with data, ``gain =
        1 - partial / none`` and ``gain_over_complete = 1 - partial / complete``.
    mu, tau : float
        By restricted maximum likelihood.
    tau_interval : tuple of float
        Q-profile.
    size_name : str
        What ``size`` is.
    verdict : str
        One of :data:`VERDICTS`.
    simpler : str
        What would do as well: ``"no pooling"``, ``"complete pooling"`` or nothing.
    sentences : tuple of str
        The argument in words.
    least_gain, ci_prob : float
    relevant : float or None
    """

    data_name: str
    kind: str
    scale: str
    groups: pd.DataFrame
    spread: pd.DataFrame
    mu: float
    tau: float
    tau_interval: tuple[float, float]
    size_name: str
    verdict: str
    simpler: str
    sentences: tuple[str, ...]
    least_gain: float
    ci_prob: float
    relevant: float | None

    @property
    def gain(self) -> float:
        """The overall gain over no pooling at the estimated tau, a proportion."""
        import numpy as np

        return float(np.asarray(self.spread["gain"])[1])

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of groups."""
        return self.groups.copy()

    def record(self) -> dict[str, Any]:
        """Return the assessment as JSON-ready data."""
        numbers = ("mu", "tau", "gain", "least_gain", "ci_prob", "relevant")
        return {
            "data_name": self.data_name,
            "kind": self.kind,
            "scale": self.scale,
            "verdict": self.verdict,
            "simpler": self.simpler,
            "sentences": list(self.sentences),
            **{name: json_number(getattr(self, name)) for name in numbers},
            "tau_interval": [json_number(end) for end in self.tau_interval],
            "size_name": self.size_name,
            "spread": records(self.spread),
            "groups": records(self.groups),
        }

    def __repr__(self) -> str:
        ends = {str(k): float(v) for k, v in self.spread["gain"].items()}
        return (
            f"<Assessment of {self.data_name}: {self.verdict}; mean squared error "
            f"{_change(ends, 'estimate')} than without pooling "
            f"({_change(ends, 'upper')} to {_change(ends, 'lower')})>"
        )


def assess(
    data: Dataset | Mapping[str, Any] | pd.DataFrame | str | Path,
    *,
    least_gain: float = 0.1,
    relevant: float | None = None,
    scale: str | None = None,
    ci_prob: float = 0.94,
) -> Assessment:
    """Predict what partial pooling gains over simpler estimates of the groups.

    tau and its interval come from the groups' own estimates
    (:func:`hbstan.pooling.measured.evidence`), the errors of no, complete and partial
    pooling from closed forms (:func:`hbstan.pooling.squared_error.risk`). No
    pooling suffices if nowhere in tau's interval partial pooling lowers the mean
    squared error by ``least_gain``; complete pooling suffices if the same holds of it
    at the interval's upper end. If either suffices, or every group's standard error is
    below ``relevant``, the verdict is "not worth it". Otherwise the gain over no
    pooling at the estimated tau decides, and "probably" is added unless the interval's
    other end says the same.

    The prediction is about the accuracy of point estimates. A posterior has other
    uses, which this does not count: intervals for groups without events, ranks,
    prediction of new groups, prior knowledge.

    Parameters
    ----------
    data : Dataset, mapping of columns, DataFrame, str or pathlib.Path
        Groups with events among trials, or estimates with standard errors; what is
        no dataset is read by :func:`hbstan.data.load`.
    least_gain : float
        The smallest share of the mean squared error that is worth a model, between 0
        and 1. By default a tenth, which every group could also have from 11 % more
        data.
    relevant : float, optional
        The smallest difference that matters in practice, on the scale.
    scale : {"probability", "log-odds"}, optional
        Of binomial data; by default the probability.
    ci_prob : float
        Probability of tau's interval.

    Returns
    -------
    Assessment

    Raises
    ------
    DataError
        If the data cannot be read, or fewer than two groups have any.
    SettingsError
        If an option is outside its legal range.

    Examples
    --------
    >>> import hbstan as hb
    >>> hb.assess("surgical").verdict
    'worth it'
    """
    import numpy as np
    import pandas as pd

    _check(least_gain, relevant)
    check_probability(ci_prob)
    found = evidence(as_dataset(data), scale, ci_prob)
    lower, upper = found.tau_interval
    risks = [risk(found.variances, tau) for tau in (lower, found.tau, upper)]
    rows = {
        end: _overall(one, found.seen)
        for end, one in zip(("lower", "estimate", "upper"), risks, strict=True)
    }
    spread = pd.DataFrame.from_dict(rows, orient="index").rename_axis("tau_at")
    groups = _groups(found, risks[1])
    precise = relevant is not None and bool(
        np.sqrt(found.variances[found.seen]).max() < relevant
    )
    simpler = _simpler(rows, least_gain, precise)
    verdict = _verdict(rows, least_gain, simpler)
    words = _sentences(found, groups, rows, simpler)
    return Assessment(
        data_name=found.data_name,
        kind=found.kind,
        scale=found.scale,
        groups=groups,
        spread=spread,
        mu=found.mu,
        tau=found.tau,
        tau_interval=(lower, upper),
        size_name=found.size_name,
        verdict=verdict,
        simpler=simpler,
        sentences=(*words, _conclusion(verdict, simpler, relevant, precise)),
        least_gain=least_gain,
        ci_prob=ci_prob,
        relevant=relevant,
    )


def _check(least_gain: float, relevant: float | None) -> None:
    number = isinstance(least_gain, int | float) and not isinstance(least_gain, bool)
    if not number or not 0 < least_gain < 1:
        raise SettingsError(
            f"least_gain is {least_gain!r}; legal: a number between 0 and 1, the share "
            "of the mean squared error that is worth a model.",
            remedy="Take for instance least_gain=0.1.",
        )
    if relevant is None:
        return
    number = isinstance(relevant, int | float) and not isinstance(relevant, bool)
    if not number or not 0 < relevant < float("inf"):
        raise SettingsError(
            f"relevant is {relevant!r}; legal: a finite number above 0, in the unit of "
            "the estimates.",
            remedy="Give the smallest difference between groups that matters.",
        )


def _overall(one: Risk, seen: Any) -> dict[str, float]:
    none, complete, partial = (
        float(v[seen].mean()) for v in (one.none, one.complete, one.partial)
    )
    return {
        "tau": one.tau,
        "none": none,
        "complete": complete,
        "partial": partial,
        "gain": 1.0 - partial / none,
        "gain_over_complete": 1.0 - partial / complete,
    }


def _groups(found: Evidence, one: Risk) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    columns = {
        "size": found.sizes,
        "estimate": found.estimates,
        "se": np.sqrt(found.variances),
        "weight": one.weight,
        "shrinkage": 1.0 - one.weight,
        "none": one.none,
        "complete": one.complete,
        "partial": one.partial,
        "gain": 1.0 - one.partial / one.none,
        "more_data": one.none / one.partial - 1.0,
    }
    return pd.DataFrame(columns, index=pd.Index(found.labels, name="group"))


def _simpler(rows: dict[str, dict[str, float]], least: float, precise: bool) -> str:
    if precise or max(row["gain"] for row in rows.values()) < least:
        return "no pooling"
    return "complete pooling" if rows["upper"]["gain_over_complete"] < least else ""


def _verdict(rows: dict[str, dict[str, float]], least: float, simpler: str) -> str:
    if simpler:
        return VERDICTS[3]
    if rows["estimate"]["gain"] >= least:
        sure = min(row["gain"] for row in rows.values()) >= least
        return VERDICTS[0] if sure else VERDICTS[1]
    return VERDICTS[2]


def _sentences(
    found: Evidence,
    groups: pd.DataFrame,
    rows: dict[str, dict[str, float]],
    simpler: str,
) -> list[str]:
    """Say what was measured and what follows from it."""
    seen = groups[found.seen]
    ends = [rows[k] for k in ("lower", "estimate", "upper")]
    low, middle, high = ends
    unit = {"estimate": "in the unit of y"}.get(found.scale, f"on the {found.scale}")
    size = seen["size"]
    sizes = f"{_span(size, ',.0f')} {found.size_name}"
    if found.size_name == "precision":
        sizes = f"standard errors of {_span(seen['se'], '.3g')}"
    said = [
        f"{len(seen)} groups with {sizes}.",
        f"Groups differ with a standard deviation tau of {found.tau:.3g} "
        f"({low['tau']:.3g} to {high['tau']:.3g}), {unit}.",
        f"Expected shrinkage is {_span(seen['shrinkage'], '.0%')}, by group.",
        f"The mean squared error of partial pooling is expected to be "
        f"{_change(middle)} than that of each group alone (a change of "
        f"{_percent(-low['gain'])} to {_percent(-high['gain'])} as tau goes through "
        f"its interval), and {_change(middle, 'gain_over_complete')} than that of one "
        "estimate for all.",
    ]
    if high["tau"] == 0:
        said.append(
            "The estimates lie closer together than their errors let expect with any "
            "tau, so its interval is empty, written as 0 to 0: that is no proof that "
            "the groups are alike."
        )
    best = seen.sort_values("gain", ascending=False, kind="stable").head(_NAMED)
    best = best[best["gain"] > 0]
    if len(best):
        named = ", ".join(
            f"{label} {row['gain']:.0%} (as from {row['more_data']:.0%} more data)"
            for label, row in best.iterrows()
        )
        said.append(f"Most is gained by {named}.")
    if low["tau"] == 0 and simpler != "complete pooling":
        said.append(
            "That all groups are alike is not refuted; but with the largest tau of the "
            f"interval one estimate for all would have {high['complete']:.3g} as its "
            f"mean squared error, partial pooling {high['partial']:.3g}."
        )
    if len(seen) < _STEIN:
        said.append(
            f"{len(seen)} groups are too few to learn tau from: without prior knowledge"
            " of it nothing can be gained, and the figures above are rough."
        )
    absent = len(groups) - len(seen)
    if absent:
        said.append(f"{absent} without data have an estimate only from the population.")
    return said


def _span(values: pd.Series[Any], form: str) -> str:
    ends = dict.fromkeys(format(v, form) for v in (values.min(), values.max()))
    return " to ".join(ends)


def _change(row: dict[str, float], name: str = "gain") -> str:
    size = f"{abs(row[name]):.0%}"
    if size == "0%":
        return "not lower"
    return f"{size} {'lower' if row[name] > 0 else 'higher'}"


def _percent(change: float) -> str:
    # A rounded zero has no sign.
    return f"{round(change, 2) + 0.0:+.0%}"


def _conclusion(
    verdict: str, simpler: str, relevant: float | None, precise: bool
) -> str:
    text = f"A hierarchical model is {verdict} for the accuracy of these estimates"
    if precise:
        return f"{text}: every standard error is below {relevant:g}, which matters."
    if simpler:
        return f"{text}: {simpler} does as well."
    return f"{text}."
