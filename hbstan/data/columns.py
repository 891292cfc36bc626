"""Columns of a matrix of covariates: constant ones, and ones that follow from others.

What a reader says of them is its own; here they are found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Dependence", "first_constant", "first_dependent", "standardised"]

#: A weight of a dependence, on the standard scale, that is not rounding.
_TINY = 1e-6


@dataclass(frozen=True)
class Dependence:
    """A column that follows from columns before it.

    Parameters
    ----------
    column : int
        Which one, from 0.
    others : tuple of int
        Those that make it up, without the constant.
    """

    column: int
    others: tuple[int, ...]


def standardised(X: Any) -> NDArray[np.float64]:
    """Return columns with mean 0 and standard deviation 1, of divisor J - 1.

    Parameters
    ----------
    X : array_like of shape (J, K)
        J above 1, no column constant.
    """
    import numpy as np

    values = np.asarray(X, dtype=float)
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0, ddof=1))


def first_constant(X: NDArray[np.float64], tolerance: float = 0.0) -> int | None:
    """Return the first column that does not vary, from 0, if there is one.

    Parameters
    ----------
    X : ndarray of shape (rows, columns)
        Of one row or more.
    tolerance : float
        A range up to this share of the largest absolute value counts as rounding.
    """
    import numpy as np

    constant = np.ptp(X, axis=0) <= tolerance * np.abs(X).max(axis=0)
    return int(constant.argmax()) if constant.any() else None


def first_dependent(X: NDArray[np.float64], tolerance: float) -> Dependence | None:
    """Return the first column that is a linear function of those before it.

    Each standardised column is regressed on those before it by least squares, with
    an intercept.

    Parameters
    ----------
    X : ndarray of shape (rows, columns)
        No column constant.
    tolerance : float
        It follows from them if the residuals' length is up to this share of its own,
        ``sqrt(1 - R^2)``.
    """
    import numpy as np

    z = standardised(X)
    for k in range(1, z.shape[1]):
        weights, *_ = np.linalg.lstsq(z[:, :k], z[:, k], rcond=None)
        left = z[:, k] - z[:, :k] @ weights
        if np.linalg.norm(left) <= tolerance * np.linalg.norm(z[:, k]):
            others = np.flatnonzero(np.abs(weights) > _TINY)
            return Dependence(k, tuple(others.tolist()))
    return None
