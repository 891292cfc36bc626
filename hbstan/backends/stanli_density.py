"""The log density of one program with its data, at many points, by stanli."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Densities"]


class Densities:
    """A :class:`hbstan.types.LogDensityFunction`.

    Parameters
    ----------
    model : stanli.Model
        The program with its data.
    unconstrain : callable
        Constrained parameter values -> unconstrained point.
    """

    def __init__(
        self,
        model: Any,
        unconstrain: Callable[[Mapping[str, Any]], NDArray[np.float64]],
    ) -> None:
        self._model = model
        self.unconstrain = unconstrain

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log densities of points ``(..., parameter)``."""
        import numpy as np

        array = np.asarray(points, dtype=float)
        flat = array.reshape(-1, array.shape[-1])
        values = np.array([self._at(point) for point in flat])
        return values.reshape(array.shape[:-1])

    def _at(self, point: NDArray[np.float64]) -> float:
        try:
            return float(self._model.log_prob_grad(point)[0])
        except (RuntimeError, ValueError):
            return float("-inf")
