"""Meta-regression without a prior: moments and restricted likelihood, by PyMARE."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.columns import standardised
from hbstan.pooling.classical import METHODS
from hbstan.predictive.tables import records
from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Studies

__all__ = ["ClassicalMeta", "classical_meta", "typical_variance"]


@dataclass(frozen=True)
class ClassicalMeta:
    """Meta-regression as estimated without a prior.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by quantity, as that of :class:`hbstan.pooling.meta.MetaRegression`;
        columns ``dersimonian_laird`` and ``reml``, each with ``_lower`` and ``_upper``.
    q, df, p_value : float, int, float
        Cochran's Q of what covariates leave, ``J - K - 1``, and the upper tail of
        chi-squared.
    typical_variance : float
        s^2, see :func:`typical_variance`.
    ci_prob : float
        Probability of the intervals.
    """

    table: pd.DataFrame
    q: float
    df: int
    p_value: float
    typical_variance: float
    ci_prob: float

    def record(self) -> dict[str, Any]:
        """Return the estimates as JSON-ready data."""
        numbers = ("q", "p_value", "typical_variance", "ci_prob")
        return {
            "table": records(self.table),
            "df": self.df,
            **{name: json_number(getattr(self, name)) for name in numbers},
        }


def typical_variance(sigma: NDArray[Any], X: NDArray[Any]) -> float:
    """Return the within-study variance that I^2 compares tau^2 with.

    With weights ``W = diag(1 / sigma^2)`` and the design D, the P columns of which are
    ones and covariates, it is ``s^2 = (J - P) / trace(W - W D (D' W D)^-1 D' W)``;
    without covariates ``(J - 1) sum(w) / (sum(w)^2 - sum(w^2))`` (Higgins and
    Thompson 2002, doi:10.1002/sim.1186).

    Parameters
    ----------
    sigma : ndarray of shape (J,)
        Standard errors.
    X : ndarray of shape (J, K)
        Covariates, J above K + 1.
    """
    import numpy as np

    least = float(np.min(sigma))
    root = least / np.asarray(sigma, dtype=float)
    design = np.column_stack([np.ones(len(root)), standardised(X)])
    # The projection on the weighted design, without an inverse.
    basis = np.linalg.qr(root[:, None] * design)[0]
    leverage = (basis**2).sum(axis=1)
    spared = float((root**2 * (1.0 - leverage)).sum())
    rows, columns = design.shape
    return float(least**2 * (rows - columns) / spared)


def classical_meta(
    studies: Studies, at: Mapping[str, float], ci_prob: float
) -> ClassicalMeta:
    """Estimate a meta-regression without a prior.

    Parameters
    ----------
    studies : Studies
    at : mapping of str to float
        Covariates of the new study, all of them.
    ci_prob : float
        Probability of the intervals: of coefficients those of Knapp and Hartung (2003,
        doi:10.1002/sim.1482), of tau^2, and what follows from it, the Q-profile one
        (Viechtbauer 2007, doi:10.1002/sim.2514), which is 0 to 0 where it is empty:
        estimates that lie closer together than their errors let expect. The prediction
        interval of a new study is ``estimate +- t sqrt(tau^2 + se^2)``, t of J - K - 2
        degrees of freedom (Higgins et al. 2009,
        doi:10.1111/j.1467-985X.2008.00552.x), with that se; NaN if they are not at
        least 1, or all estimates are equal.

    Returns
    -------
    ClassicalMeta
    """
    import numpy as np
    import pandas as pd

    y, sigma, X = studies.y, studies.sigma, studies.X
    s2 = typical_variance(sigma, X)
    unit, names = float(np.sqrt(s2)), studies.covariates
    scaled = ((y - y.mean()) / unit, sigma / unit)
    new = X - np.array([at[name] for name in names])
    designs = {"mean": X - X.mean(axis=0), "raw": X, "new": new}
    spread = X.std(axis=0, ddof=1)
    found = {
        key: _fit(*scaled, design / spread, 1.0 - ci_prob)
        for key, design in designs.items()
    }
    plain = _fit(*scaled, X[:, :0], 1.0 - ci_prob) if names else {}
    columns: dict[str, dict[str, float]] = {}
    for method in METHODS:
        by_design = {key: fitted[method] for key, fitted in found.items()}
        rows = {"mu": _moved(by_design["mean"]["effects"][0], y.mean(), unit)}
        if names:
            rows["intercept"] = _moved(by_design["raw"]["effects"][0], y.mean(), unit)
            slopes = by_design["mean"]["effects"][1:]
            for name, slope, sd in zip(names, slopes, spread, strict=True):
                rows[f"beta[{name}]"] = _moved(slope, 0.0, unit / float(sd))
        tau2 = by_design["mean"]["tau2"]
        rows["tau"] = {k: float(np.sqrt(v)) * unit for k, v in tau2.items()}
        rows["tau2"] = {k: v * s2 for k, v in tau2.items()}
        rows["i2"] = {k: v / (v + 1.0) for k, v in tau2.items()}
        if names:
            before, after = plain[method]["tau2"][""], tau2[""]
            gone = max(0.0, 1.0 - after / before) if before > 0 else float("nan")
            rows["tau2_reduction"] = {"": gone}
        effect = _predicted(by_design["new"], len(y) - len(names) - 2, ci_prob)
        rows["theta_new"] = _moved(effect, y.mean(), unit)
        for end in ("", "_lower", "_upper"):
            columns[f"{method}{end}"] = {k: v.get(end, np.nan) for k, v in rows.items()}
    q, p_value = found["mean"]["q"]
    df = len(y) - len(names) - 1
    table = pd.DataFrame(columns).rename_axis("quantity")
    return ClassicalMeta(table, q, df, p_value, s2, ci_prob)


def _fit(
    y: NDArray[Any], se: NDArray[Any], X: NDArray[Any], alpha: float
) -> dict[str, Any]:
    """Return what PyMARE finds, as plain numbers."""
    import numpy as np

    with warnings.catch_warnings():
        # On import PyMARE leaves a file of its own to be closed by Python.
        warnings.simplefilter("ignore", ResourceWarning)
        from pymare import Dataset
        from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator

    columns = [f"x{k}" for k in range(X.shape[1])]
    design = {"X": X, "X_names": columns} if columns else {}
    data = Dataset(y=y, v=se**2, add_intercept=True, **design)
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
            found = result.get_fe_stats(alpha=alpha)
            tau2 = result.get_re_stats(method="QP", alpha=alpha)
            out[name] = {
                "effects": [
                    {
                        "": float(np.ravel(found["est"])[k]),
                        "_lower": float(np.ravel(found["ci_l"])[k]),
                        "_upper": float(np.ravel(found["ci_u"])[k]),
                        "se": float(np.ravel(found["se"])[k]),
                    }
                    for k in range(1 + len(columns))
                ],
                "tau2": {
                    end: float(np.ravel(tau2[key])[0])
                    for end, key in (
                        ("", "tau^2"),
                        ("_lower", "ci_l"),
                        ("_upper", "ci_u"),
                    )
                },
            }
        tests = result.get_heterogeneity_stats()
    out["q"] = tuple(float(np.ravel(tests[key])[0]) for key in ("Q", "p(Q)"))
    return out


def _moved(effect: Mapping[str, float], shift: float, unit: float) -> dict[str, float]:
    """Return an estimate and its bounds in the data's unit."""
    return {end: float(shift) + value * unit for end, value in effect.items()}


def _predicted(found: Mapping[str, Any], df: int, ci_prob: float) -> dict[str, float]:
    """Return the expected effect of a new study, with its prediction interval."""
    import numpy as np
    from scipy.stats import t

    mean = found["effects"][0]
    if np.isnan(mean["_lower"]):  # equal estimates, of whose spread nothing is known
        return {"": mean[""]}
    wide = float(np.hypot(np.sqrt(found["tau2"][""]), mean["se"]))
    half = float(t.ppf(0.5 + ci_prob / 2.0, df)) * wide if df > 0 else float("nan")
    return {"": mean[""], "_lower": mean[""] - half, "_upper": mean[""] + half}
