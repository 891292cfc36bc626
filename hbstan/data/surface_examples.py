"""A bundled surface, simulated: Forrester's function seen through noise."""

from __future__ import annotations

import math
from collections.abc import Callable

from hbstan.data.info import DatasetInfo
from hbstan.data.surfaces import Surface, surface

__all__ = ["forrester", "forrester_function"]

_POINTS = 16
_NOISE = 0.5
_SEED = 41
_PLACES = tuple(i / (_POINTS - 1) for i in range(_POINTS))


def forrester_function(x: float) -> float:
    r"""Return a test function of optimisation with two minima on [0, 1].

    .. math:: f(x) = (6x - 2)^2 \sin(12x - 4)

    The lower minimum is f(0.75725) = -6.02074, the other f(0.14259) = -0.98633.

    Source: Forrester, Sobester and Keane (2008), Engineering Design via Surrogate
    Modelling, doi:10.1002/9780470770801.
    """
    return (6.0 * x - 2.0) ** 2 * math.sin(12.0 * x - 4.0)


def forrester() -> tuple[DatasetInfo, Callable[[], Surface]]:
    """Return what is known of the dataset, and the function that computes it."""
    info = DatasetInfo(
        name="forrester",
        title="Forrester's function at 16 points, with noise (simulated)",
        kind="surface",
        source=(
            "Simulated: f(x) = (6x - 2)^2 sin(12x - 4) at 16 evenly spaced points "
            "(Forrester, Sobester and Keane 2008), noise Normal(0, 0.5)."
        ),
        doi="10.1002/9780470770801",
        note=(
            f"Noise from NumPy's RandomState({_SEED}). The surface falls to -6.02 at "
            "0.757 and to -0.99 at 0.143. 101 candidates, for the surface and the "
            "expected improvement between the points."
        ),
        priors={},
        default_model="gp_regression",
        family_priors={},
        truth={
            "noise": _NOISE,
            "f": tuple(forrester_function(x) for x in _PLACES),
        },
    )
    return info, _forrester


def _forrester() -> Surface:
    import numpy as np

    noise = np.random.RandomState(_SEED).normal(0.0, _NOISE, _POINTS)
    y = [forrester_function(x) + e for x, e in zip(_PLACES, noise, strict=True)]
    table = {"x": list(_PLACES), "y": y}
    return surface(table, outcome="y", inputs="x", candidates=101)
