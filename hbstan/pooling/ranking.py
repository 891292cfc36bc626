"""Ranks of groups: which is best, which is worst, and with what probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.pooling.groups import draws_on, grouped
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.pvalues import monte_carlo_error
from hbstan.predictive.tables import records

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["BEST", "Ranks", "group_ranks"]

#: Which end of the scale can be called the best.
BEST = ("lowest", "highest")
#: Size of the top and of the bottom, if there are groups enough.
_TOP = 3


@dataclass(frozen=True)
class Ranks:
    """Posterior distribution of each group's rank; rank 1 is the best.

    Parameters
    ----------
    model, data_name : str
    best : {"lowest", "highest"}
        Which end of the scale of ``theta`` has rank 1.
    k : int
        Size of the top and of the bottom.
    probabilities : pandas.DataFrame
        ``P(rank = r)``: groups by ranks 1 to J. Rows and columns sum to 1.
    table : pandas.DataFrame
        Indexed by group: ``expected``, the mean rank, its ``mcse``, the equal-tailed
        interval's ``lower`` and ``upper`` (ranks); ``p_best``, ``p_worst``, ``p_top``
        (among the k best) and ``p_bottom`` (among the k worst), each with its Monte
        Carlo error ``mcse_best``, ...
    ci_prob : float
    """

    model: str
    data_name: str
    best: str
    k: int
    probabilities: pd.DataFrame
    table: pd.DataFrame
    ci_prob: float

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table of groups."""
        return self.table.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "best": self.best,
            "k": self.k,
            "ci_prob": self.ci_prob,
            "groups": records(self.table),
            "probabilities": self.probabilities.to_numpy().tolist(),
        }

    def __repr__(self) -> str:
        last = int(self.table["p_worst"].to_numpy().argmax())
        group, p = self.table.index[last], self.table["p_worst"].iloc[last]
        return (
            f"<Ranks of {len(self.table)} groups in {self.model} on {self.data_name}: "
            f"worst is {group} with probability {p:.2f}>"
        )


def group_ranks(
    fit: Fit, *, best: str | None = None, k: int | None = None, ci_prob: float = 0.94
) -> Ranks:
    """Rank the groups in every draw and count.

    Parameters
    ----------
    fit : Fit
        Of a model with a parameter for each group; unpooled ones count.
    best : {"lowest", "highest"}, optional
        Which end has rank 1; by default the lowest for binomial data, whose events
        are mostly unwanted, and the highest for estimates.
    k : int, optional
        Size of the top and of the bottom, at most J; by default 3, or J if there are
        fewer groups.
    ci_prob : float
        Probability of the equal-tailed interval of a rank. As ranks are whole
        numbers, it holds at least that much.

    Returns
    -------
    Ranks

    Raises
    ------
    FitError
        If the posterior has no draws by group, or groups that are tied.
    SettingsError
        If an argument is illegal.
    """
    import numpy as np
    import pandas as pd

    check_probability(ci_prob)
    data = grouped(fit)
    best = best or ("lowest" if data.kind == "binomial" else "highest")
    k = min(_TOP, len(data.labels)) if k is None else k
    _check(best, k, len(data.labels))
    scale = "log-odds" if data.kind == "binomial" else None
    values = draws_on(fit, data, scale).values
    ranks = _ranks(values if best == "lowest" else -values, fit.model)
    count = len(data.labels)
    flat = ranks.reshape(-1, count)
    matrix = np.stack([(flat == r).mean(axis=0) for r in range(1, count + 1)], axis=1)
    index = pd.Index(data.labels, name="group")
    columns = pd.Index(range(1, count + 1), name="rank")
    return Ranks(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        best=best,
        k=k,
        probabilities=pd.DataFrame(matrix, index=index, columns=columns),
        table=pd.DataFrame(_columns(ranks, k, ci_prob), index=index),
        ci_prob=ci_prob,
    )


def _check(best: str, k: int, count: int) -> None:
    if best not in BEST:
        raise SettingsError(f"best is {best!r}; legal: {' or '.join(map(repr, BEST))}.")
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= count:
        raise SettingsError(
            f"k is {k!r}; legal: a whole number from 1 to {count}, the number of "
            "groups."
        )


def _ranks(values: NDArray[Any], model: str) -> NDArray[Any]:
    """Return ranks from 1, lowest first, within each draw."""
    import numpy as np
    from scipy.stats import rankdata

    if not np.isfinite(values).all():
        raise FitError(
            f"the posterior of {model} has draws that are not finite, which have no "
            "rank.",
            remedy="See fit.diagnose().",
        )
    tied = int((np.diff(np.sort(values, axis=2), axis=2) == 0).any(axis=2).sum())
    if tied:
        raise FitError(
            f"groups are equal in {tied} of {values[..., 0].size} draws of {model}, so "
            "they have no ranks.",
            remedy="Rank the groups of a model that lets every group differ, not of a "
            "completely pooled one.",
        )
    return np.asarray(rankdata(values, method="ordinal", axis=2))


def _columns(ranks: NDArray[Any], k: int, ci_prob: float) -> dict[str, Any]:
    import numpy as np
    from arviz_stats.base import array_stats

    count, over = ranks.shape[2], (0, 1)
    tail = (1.0 - ci_prob) / 2.0
    flat = ranks.reshape(-1, count)
    lower = np.quantile(flat, tail, axis=0, method="inverted_cdf")
    # The upper bound is the lower one counted from the other end.
    upper = (
        count + 1 - np.quantile(count + 1 - flat, tail, axis=0, method="inverted_cdf")
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        error = [
            float(array_stats.mcse(ranks[..., j].astype(float)))
            if np.ptp(ranks[..., j])
            else 0.0
            for j in range(count)
        ]
    out: dict[str, Any] = {"expected": ranks.mean(over), "mcse": error}
    out |= {"lower": lower.astype(int), "upper": upper.astype(int)}
    events = {
        "best": ranks == 1,
        "worst": ranks == count,
        "top": ranks <= k,
        "bottom": ranks > count - k,
    }
    for name, event in events.items():
        out[f"p_{name}"] = event.mean(over)
        out[f"mcse_{name}"] = [monte_carlo_error(event[..., j]) for j in range(count)]
    return out
