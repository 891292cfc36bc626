"""The points at which hyperparameters are looked at, and their weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.axes import Axis

__all__ = ["Grid", "log_sum", "spread"]


@dataclass
class Grid:
    """A lattice of hyperparameters with its weights.

    Parameters
    ----------
    axes : tuple of Axis
    centre, width : ndarray of shape (axes,)
        Of the transformation from ``u`` to ``t``.
    step : ndarray of shape (axes,)
        Steps of ``u``.
    index : ndarray of int, shape (points, axes)
        Places on the lattice.
    log_density : ndarray of shape (points,)
        Of likelihood and priors, as a density of ``u``.
    terms : ndarray of shape (points, items), optional
        The family's terms, if they were kept.
    inner_error : ndarray of shape (points,)
        The largest error of a group's integral.
    """

    axes: tuple[Axis, ...]
    centre: NDArray[np.float64]
    width: NDArray[np.float64]
    step: NDArray[np.float64]
    index: NDArray[np.int64]
    log_density: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    terms: NDArray[np.float64] | None = None
    inner_error: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    @property
    def t(self) -> NDArray[np.float64]:
        """The points."""
        return self.t_of(self.index * self.step)

    def t_of(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points from their places ``u``."""
        columns = [
            self.centre[k] + self.width[k] * _bent(u[..., k], axis.bend)
            for k, axis in enumerate(self.axes)
        ]
        return np.stack(columns, -1) if columns else np.zeros(u.shape)

    def u_of(self, t: Any, k: int) -> NDArray[np.float64]:
        """Return the place on axis ``k`` of a value of ``t``."""
        z = (np.asarray(t) - self.centre[k]) / self.width[k]
        bend = self.axes[k].bend
        return np.asarray(np.arcsinh(bend * z) / bend if bend else z)

    def log_slope(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log of the Jacobian from ``u`` to ``t``."""
        out = np.full(u.shape[:-1], float(np.log(self.width).sum()))
        for k, axis in enumerate(self.axes):
            if axis.bend:
                z = np.abs(axis.bend * u[..., k])
                out += z + np.log1p(np.exp(-2.0 * z)) - np.log(2.0)
        return out

    def slope(self, u: Any, k: int) -> NDArray[np.float64]:
        """Return dt/du of axis ``k``."""
        return np.asarray(self.width[k] * np.cosh(self.axes[k].bend * np.asarray(u)))

    @property
    def log_weight(self) -> NDArray[np.float64]:
        """Logarithms of the weights, which sum to the evidence."""
        return self.log_density + float(np.log(self.step).sum())

    @property
    def log_evidence(self) -> float:
        """Log of the integral over the hyperparameters."""
        return log_sum(self.log_weight)

    def rows(self) -> NDArray[np.float64]:
        """Return log weights: of all points, and of every second one on each axis.

        Returns
        -------
        ndarray of shape (1 + axes, points)
            Not normalised; ``-inf`` where a point is not used.
        """
        out = [self.log_weight]
        for k in range(len(self.axes)):
            even = self.index[:, k] % 2 == 0
            out.append(np.where(even, self.log_weight + np.log(2.0), -np.inf))
        return np.stack(out)

    def weights(self) -> NDArray[np.float64]:
        """Return :meth:`rows`, normalised, as probabilities."""
        rows = self.rows()
        w = np.exp(rows - rows.max(1, keepdims=True))
        return np.asarray(w / w.sum(1, keepdims=True))


def _bent(u: NDArray[np.float64], bend: float) -> NDArray[np.float64]:
    return np.asarray(np.sinh(bend * u) / bend if bend else u)


def log_sum(values: NDArray[np.float64]) -> float:
    """Return ``log(sum(exp(values)))``."""
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))


def spread(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weighted means and standard deviations: one a row of weights."""
    mean = weights @ values
    square = np.stack(
        [w @ (values - m) ** 2 for w, m in zip(weights, mean, strict=True)]
    )
    return mean, np.sqrt(square)
