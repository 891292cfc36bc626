"""Returns with stochastic volatility, simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["VOLATILITY"]


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw the path of log variances, one time after the other."""
    import numpy as np

    top = draw_top(priors, rng)
    phi = 2.0 * top["phi_star"] - 1.0
    # 1 - phi^2, without the loss of digits near 1.
    start = 4.0 * top["phi_star"] * (1.0 - top["phi_star"])
    z = rng.standard_normal(int(stan["J"]))
    h = np.empty_like(z)
    distance = top["sigma_eta"] / np.sqrt(start) * z[0]
    h[0] = top["mu"] + distance
    for time in range(1, z.size):
        distance = phi * distance + top["sigma_eta"] * z[time]
        h[time] = top["mu"] + distance
    return {
        **top,
        "phi": phi,
        "z": z,
        "h": h,
        "h_mean": float(h.mean()),
        "sd_last": float(np.exp(0.5 * h[-1])),
        "sd_y": float(np.exp(0.5 * top["mu"] + 0.25 * top["sigma_eta"] ** 2 / start)),
    }


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np

    spread = np.exp(0.5 * np.asarray(parameters["h"]))
    return {"y": float(stan["center"]) + spread * rng.standard_normal(spread.size)}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np

    h = np.asarray(parameters["h"])
    moves = np.asarray(stan["y"]) - float(stan["center"])
    terms = -0.5 * (np.log(2.0 * np.pi) + h + moves**2 * np.exp(-h))
    total: NDArray[Any] = terms.sum(axis=-1)
    return total


#: ``y_t ~ normal(center, exp(h_t / 2))``, h a stationary autoregression.
VOLATILITY = System(_parameters, _outcomes, _log_likelihood)
