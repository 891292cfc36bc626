"""What makes a regression's coefficients unidentified, said in words.

Covariates that do not vary, that follow from each other, or that separate the
outcomes: a least-squares or maximum-likelihood program answers them with NaN, huge
numbers or a warning.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.data.columns import first_constant, first_dependent
from hbstan.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "MOST_CONDITION",
    "Separation",
    "check_design",
    "condition_number",
    "separation",
    "standard_scale",
]

#: Above this condition number of the standardised covariates, half of the digits of
#: double precision are lost in a coefficient.
MOST_CONDITION = 1e7
#: A coefficient of a dependence, on the standard scale, that is not rounding.
_TINY = 1e-6


@dataclass(frozen=True)
class Separation:
    """Whether covariates separate the rows with outcome 1 from those with 0.

    Parameters
    ----------
    kind : str
        ``"complete"``: a combination of the covariates is higher in every row with 1
        than in any with 0; ``"quasi-complete"``: it is never lower, and equal in some
        rows; ``"none"``.
    covariates : tuple of str
        Those that enter the combination.
    message : str
        What that means.
    """

    kind: str
    covariates: tuple[str, ...] = ()
    message: str = "no combination of the covariates separates the outcomes"

    @property
    def found(self) -> bool:
        """Whether there is separation, complete or not."""
        return self.kind != "none"


def standard_scale(
    X: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the centre and the scale of each covariate.

    Parameters
    ----------
    X : ndarray of shape (rows, covariates)

    Returns
    -------
    center : ndarray of shape (covariates,)
        The mean.
    scale : ndarray of shape (covariates,)
        The standard deviation, ``sqrt(mean((x - mean)^2))``; for a covariate with two
        values their distance, so that its slope is the contrast of the two (Gelman
        et al. 2008, doi:10.1214/08-AOAS191).
    """
    import numpy as np

    if X.shape[1] == 0:
        return np.zeros(0), np.zeros(0)
    low, high = X.min(axis=0), X.max(axis=0)
    two = ((low == X) | (high == X)).all(axis=0)
    return X.mean(axis=0), np.where(two, high - low, X.std(axis=0))


def _columns(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the constant and the standardised covariates."""
    import numpy as np

    center, scale = standard_scale(X)
    return np.column_stack([np.ones(len(X)), (X - center) / scale])


def condition_number(X: NDArray[np.float64]) -> float:
    """Return the ratio of the largest to the least singular value.

    Parameters
    ----------
    X : ndarray of shape (rows, covariates)
        None of them constant.

    Returns
    -------
    float
        Of the constant and the standardised covariates, each of length 1; infinite
        for covariates that depend on each other exactly.
    """
    import numpy as np

    design = _columns(X)
    values = np.linalg.svd(design / np.linalg.norm(design, axis=0), compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 0 else float("inf")


def check_design(source: str, X: NDArray[np.float64], labels: Sequence[str]) -> None:
    """Refuse covariates whose coefficients the data cannot tell apart.

    Parameters
    ----------
    source : str
        Where the data come from.
    X : ndarray of shape (rows, covariates)
    labels : sequence of str
        The covariates.

    Raises
    ------
    DataError
        If there are too few rows, or a covariate is constant or follows from others.
    """
    rows, count = X.shape
    if rows < count + 1:
        raise DataError(
            f"{source}: there are {rows} rows for {count + 1} coefficients (the "
            f"intercept and {', '.join(map(repr, labels))}); legal: at least as many "
            "rows as coefficients.",
            remedy="Leave covariates out, or collect more rows.",
        )
    k = first_constant(X)
    if k is not None:
        raise DataError(
            f"{source}: the covariate {labels[k]!r} is {X[0, k]:g} in all {rows} rows; "
            "legal: two values or more.",
            remedy="Leave it out: the intercept already says what is constant.",
        )
    condition = condition_number(X)
    if condition > MOST_CONDITION:
        words = _dependence(X, labels)
        raise DataError(
            f"{source}: the covariates are collinear: {words} (condition number "
            f"{condition:.2g}; legal: up to {MOST_CONDITION:g}). The data cannot tell "
            "their coefficients apart.",
            remedy="Leave one of them out, or replace them by one that says the same.",
        )


def _dependence(X: NDArray[np.float64], labels: Sequence[str]) -> str:
    """Say which covariate follows from which others."""
    found = first_dependent(X, 10.0 / MOST_CONDITION)
    if found is not None:
        others = " and ".join(repr(labels[k]) for k in found.others)
        return f"{labels[found.column]!r} follows from {others or 'the constant'}"
    return ", ".join(map(repr, labels)) + " nearly depend on each other"


def separation(X: NDArray[np.float64], y: Any, labels: Sequence[str]) -> Separation:
    """Find out by linear programming whether covariates separate 0 from 1.

    With ``s`` = 1 in rows with outcome 1 and -1 in others, rows ``d`` of the constant
    and the covariates are separated if some ``b`` has ``s * d b >= 0`` in every row
    and more in one (Albert and Anderson 1984, doi:10.1093/biomet/71.1.1; Konis 2007,
    linear programming for their conditions). The likelihood then grows along ``b``
    for ever.

    Parameters
    ----------
    X : ndarray of shape (rows, covariates)
    y : array_like of int
        0 or 1, both of them.
    labels : sequence of str
        The covariates.

    Returns
    -------
    Separation
    """
    import numpy as np
    from scipy.optimize import linprog

    design = _columns(X)
    signed = np.where(np.asarray(y) == 1, 1.0, -1.0)[:, None] * design
    count = design.shape[1]
    # The least sum of |b| with a total distance of 1 names few covariates: b = p - q.
    found = linprog(
        np.ones(2 * count),
        A_ub=np.hstack([-signed, signed]),
        b_ub=np.zeros(len(design)),
        A_eq=np.hstack([signed.mean(axis=0), -signed.mean(axis=0)])[None, :],
        b_eq=[1.0],
        bounds=(0.0, None),
        method="highs",
    )
    if found.status != 0:  # infeasible: nothing separates
        return Separation("none")
    weights = np.asarray(found.x)
    b = weights[:count] - weights[count:]
    names = tuple(
        label
        for label, weight in zip(labels, b[1:], strict=True)
        if abs(weight) > _TINY
    )
    # A margin of 1 in every row exists if and only if separation is complete.
    margin = linprog(
        np.zeros(count),
        A_ub=-signed,
        b_ub=-np.ones(len(design)),
        bounds=(None, None),
        method="highs",
    )
    kind = "complete" if margin.status == 0 else "quasi-complete"
    return Separation(kind, names, _meaning(kind, names))


def _meaning(kind: str, names: tuple[str, ...]) -> str:
    listed = " and ".join(map(repr, names)) or "the constant"
    return (
        f"{kind} separation: {listed} tells outcomes of 1 from those of 0 "
        f"{'in every row' if kind == 'complete' else 'in all rows but ties'}. The "
        "likelihood has no maximum, and coefficients from it would be infinite; here "
        "the priors keep the posterior proper, and decide how large those "
        "coefficients can be. Compare the fit under other priors of 'slope' before "
        "you report them."
    )
