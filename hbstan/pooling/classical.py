"""Meta-analysis of group estimates without a prior: Cochran's Q and tau^2, by PyMARE.

The moment estimator is DerSimonian and Laird's (1986,
doi:10.1016/0197-2456(86)90046-2), the other one restricted maximum likelihood
(Viechtbauer 2005, doi:10.3102/10769986030003261).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["METHODS", "MetaAnalysis", "classical_meta_analysis", "typical_variance"]

#: Names in tables, and in words.
METHODS = {
    "dersimonian_laird": "DerSimonian-Laird",
    "reml": "restricted maximum likelihood",
}


@dataclass(frozen=True)
class MetaAnalysis:
    """Heterogeneity as estimated without a prior.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by method (:data:`METHODS`): ``tau2``, ``tau``, ``i2`` = tau^2 /
        (tau^2 + s^2) and the mean ``mu``, each with the bounds of an interval,
        ``tau2_lower``, ``tau2_upper``, ... That of tau^2 is the Q-profile interval
        (Viechtbauer 2007, doi:10.1002/sim.2514), the same for both methods; those of
        tau and i2 follow from it; that of mu is Knapp and Hartung's (2003,
        doi:10.1002/sim.1482). In the unit of the estimates; i2 is a proportion.
    q, df, p_value : float, int, float
        Cochran's Q, its degrees of freedom and the upper tail of chi-squared.
    i2_q : float
        ``max(0, (Q - df) / Q)``, a proportion; equal to DerSimonian and Laird's i2.
    typical_variance : float
        s^2, see :func:`typical_variance`.
    ci_prob : float
        Probability of the intervals.
    groups : int
        Number of estimates.
    """

    table: pd.DataFrame
    q: float
    df: int
    p_value: float
    i2_q: float
    typical_variance: float
    ci_prob: float
    groups: int

    def record(self) -> dict[str, Any]:
        """Return the estimates as JSON-ready data."""
        methods = {
            str(method): {str(k): json_number(v) for k, v in row.items()}
            for method, row in self.table.iterrows()
        }
        numbers = ("q", "p_value", "i2_q", "typical_variance", "ci_prob")
        return {
            "methods": methods,
            **{name: json_number(getattr(self, name)) for name in numbers},
            "df": self.df,
            "groups": self.groups,
        }


def typical_variance(variances: NDArray[Any]) -> float:
    """Return the within-group variance that I^2 compares tau^2 with.

    With weights ``w_j = 1 / v_j`` and J groups it is
    ``s^2 = (J - 1) sum(w) / (sum(w)^2 - sum(w^2))`` (Higgins and Thompson 2002,
    doi:10.1002/sim.1186).

    Parameters
    ----------
    variances : ndarray of shape (J,)
        Squared standard errors, J at least 2.
    """
    import numpy as np

    # Scaled by the smallest, so that no square can overflow.
    least = float(np.min(variances))
    w = least / np.asarray(variances, dtype=float)
    shape = (w.size - 1) * w.sum() / (w.sum() ** 2 - (w**2).sum())
    return float(least * shape)


def classical_meta_analysis(
    estimates: NDArray[Any], errors: NDArray[Any], ci_prob: float
) -> MetaAnalysis:
    """Estimate the variance between groups without a prior.

    Parameters
    ----------
    estimates : ndarray of shape (J,)
    errors : ndarray of shape (J,)
        Their standard errors, above 0.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    MetaAnalysis

    Raises
    ------
    FitError
        If there are fewer than two estimates.
    """
    import numpy as np
    import pandas as pd

    if len(estimates) < 2:
        raise FitError(
            f"{len(estimates)} of the groups have data in the likelihood; "
            "heterogeneity needs at least 2.",
            remedy="Hold out fewer groups.",
        )
    s2 = typical_variance(errors**2)
    # PyMARE searches with absolute tolerances: in units of s they are right.
    unit = float(np.sqrt(s2))
    found = _fit((estimates - estimates.mean()) / unit, errors / unit, 1.0 - ci_prob)
    rows = {}
    for method in METHODS:
        mean, spread = found[method]
        rows[method] = {
            **{f"tau2{end}": tau2 * s2 for end, tau2 in spread.items()},
            **{f"tau{end}": np.sqrt(tau2) * unit for end, tau2 in spread.items()},
            **{f"i2{end}": tau2 / (tau2 + 1.0) for end, tau2 in spread.items()},
            **{f"mu{end}": estimates.mean() + m * unit for end, m in mean.items()},
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
    q, p_value, i2 = found["q"]
    count = len(estimates)
    return MetaAnalysis(table, q, count - 1, p_value, i2, s2, ci_prob, count)


def _fit(y: NDArray[Any], se: NDArray[Any], alpha: float) -> dict[str, Any]:
    """Return what PyMARE finds, as plain numbers."""
    import numpy as np

    with warnings.catch_warnings():
        # On import PyMARE leaves a file of its own to be closed by Python.
        warnings.simplefilter("ignore", ResourceWarning)
        from pymare import Dataset
        from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator

    data = Dataset(y=y, v=se**2)
    option = {"small_sample_correction": "knapp-hartung"}
    estimators = {
        "dersimonian_laird": DerSimonianLaird(**option),
        "reml": VarianceBasedLikelihoodEstimator(method="REML", **option),
    }
    out: dict[str, Any] = {}
    # Equal estimates have Q = 0, by which PyMARE divides for I^2.
    with np.errstate(divide="ignore", invalid="ignore"):
        for name, estimator in estimators.items():
            result = estimator.fit_dataset(data).summary()
            effect = result.get_fe_stats(alpha=alpha)
            spread = result.get_re_stats(method="QP", alpha=alpha)
            out[name] = (_bounded(effect, "est"), _bounded(spread, "tau^2"))
        tests = result.get_heterogeneity_stats()
    q = _number(tests["Q"])
    i2 = _number(tests["I^2"]) / 100.0 if q > 0 else 0.0
    out["q"] = (q, _number(tests["p(Q)"]), i2)
    return out


def _bounded(stats: dict[str, Any], estimate: str) -> dict[str, float]:
    keys = {"": estimate, "_lower": "ci_l", "_upper": "ci_u"}
    return {end: _number(stats[key]) for end, key in keys.items()}


def _number(values: Any) -> float:
    import numpy as np

    return float(np.ravel(values)[0])
