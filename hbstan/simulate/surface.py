"""Gaussian-process surfaces seen through noise, in NumPy.

Covariances are written out, by distances of scaled inputs; the program's come from
Stan's own functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["SURFACE", "covariance"]

#: Variance that keeps neighbouring points apart; the program adds the same.
_NUGGET = 1e-8


def covariance(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    alpha: float,
    rho: NDArray[np.float64],
    *,
    matern: bool,
) -> NDArray[np.float64]:
    r"""Return the covariances of a Gaussian process between two sets of points.

    .. math:: r^2 = \sum_d (a_d - b_d)^2 / \rho_d^2, \quad
        k = \alpha^2 e^{-r^2 / 2}
        \text{ or } \alpha^2 (1 + \sqrt5 r + 5 r^2 / 3) e^{-\sqrt5 r}

    Parameters
    ----------
    a, b : ndarray, shapes (n, D) and (m, D)
        Inputs, scaled to [0, 1].
    alpha : float
        The amplitude, a standard deviation.
    rho : ndarray, shape (D,)
        Length scales.
    matern : bool
        Matern 5/2 instead of squared exponential.

    Returns
    -------
    ndarray, shape (n, m)
    """
    import numpy as np

    gaps = (a[:, None, :] - b[None, :, :]) / rho
    square = (gaps**2).sum(axis=-1)
    if not matern:
        return np.asarray(alpha**2 * np.exp(-0.5 * square))
    r = np.sqrt(5.0 * square)
    return np.asarray(alpha**2 * (1.0 + r + r**2 / 3.0) * np.exp(-r))


def _scaled(stan: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the points on [0, 1]."""
    import numpy as np

    x, low, high = (np.asarray(stan[k], dtype=float) for k in ("x", "low", "high"))
    return np.asarray((x - low) / (high - low))


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    return draw_top(priors, rng, {"rho": int(stan["D"])})


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np

    u = _scaled(stan)
    k = covariance(
        u, u, parameters["alpha"], parameters["rho"], matern=bool(stan["matern"])
    )
    factor = np.linalg.cholesky(k + _NUGGET * np.eye(len(u)))
    g = factor @ rng.standard_normal(len(u))
    noise = parameters["sigma"] * rng.standard_normal(len(u))
    standardised = parameters["mu"] + g + noise
    return {"y": float(stan["center"]) + float(stan["scale"]) * standardised}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy.linalg import solve_triangular

    u, scale = _scaled(stan), float(stan["scale"])
    y = (np.asarray(stan["y"], dtype=float) - float(stan["center"])) / scale
    draws = zip(*(parameters[k] for k in ("mu", "alpha", "rho", "sigma")), strict=True)
    found = []
    for mu, alpha, rho, sigma in draws:
        k = covariance(u, u, float(alpha), np.asarray(rho), matern=bool(stan["matern"]))
        factor = np.linalg.cholesky(k + (float(sigma) ** 2 + _NUGGET) * np.eye(len(u)))
        white = solve_triangular(factor, y - float(mu), lower=True)
        log_root = np.log(np.diag(factor)).sum()
        constant = len(u) * (0.5 * np.log(2 * np.pi) + np.log(scale))
        found.append(-0.5 * white @ white - log_root - constant)
    return np.asarray(found)


#: The simulator of Gaussian-process regression.
SURFACE = System(_parameters, _outcomes, _log_likelihood)
