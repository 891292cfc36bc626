"""Rows in groups: linear and logistic regression with correlated varying effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.priors import LKJ
from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["LINEAR", "LOGISTIC", "group_effects", "linear_predictor"]


def group_effects(
    tau: NDArray[Any], omega: NDArray[Any], z: NDArray[Any]
) -> NDArray[Any]:
    """Turn independent standard normal numbers into correlated effects.

    Parameters
    ----------
    tau : ndarray of shape (..., V)
        Standard deviations.
    omega : ndarray of shape (..., V, V)
        Correlation matrices, positive definite.
    z : ndarray of shape (..., V, groups)

    Returns
    -------
    ndarray of shape (..., V, groups)
        ``u_j = diag(tau) L z_j`` with ``L L' = omega``, so that
        ``cov(u_j) = diag(tau) omega diag(tau)``.
    """
    import numpy as np

    if tau.shape[-1] == 0:
        return np.zeros(z.shape)
    factor = tau[..., :, None] * np.linalg.cholesky(omega)
    effects: NDArray[Any] = factor @ z
    return effects


def linear_predictor(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the mean outcome, or its log-odds, of each row.

    Parameters
    ----------
    parameters : mapping
        ``intercept`` of shape (draws,), ``slope`` (draws, K), ``u`` (draws, V, J).
    stan : mapping
        The data: X, center, scale, g, varying.

    Returns
    -------
    ndarray of shape (draws, rows)
        ``intercept + x_i slope + w_i u_g[i]``, with ``x_i`` the standardised
        covariates and ``w_i`` those of 1 and ``x_i`` whose effects vary.
    """
    import numpy as np

    rows = len(stan["g"])
    raw = np.asarray(stan["X"], dtype=float).reshape(rows, -1)
    x = (raw - np.asarray(stan["center"])) / np.asarray(stan["scale"])
    group = np.asarray(stan["g"]) - 1
    intercept = np.asarray(parameters["intercept"], dtype=float)
    eta = np.repeat(intercept[:, None], rows, axis=1)
    if x.shape[1]:
        eta = eta + np.asarray(parameters["slope"]) @ x.T
    for v, k in enumerate(np.asarray(stan["varying"], dtype=int)):
        own = np.asarray(parameters["u"])[:, v, group]
        eta = eta + (own if k == 0 else own * x[:, k - 1])
    result: NDArray[Any] = eta
    return result


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np

    effects, groups = int(stan["V"]), int(stan["J"])
    free = {name: prior for name, prior in priors.items() if name != "Omega"}
    drawn = draw_top(free, rng, {"slope": int(stan["K"]), "tau": effects})
    prior = priors["Omega"]
    if not isinstance(prior, LKJ):
        raise TypeError(f"the prior of Omega is {prior}, not LKJ.")
    omega = prior.draw(rng, 1, effects)[0]
    z = rng.standard_normal((effects, groups))
    drawn["Omega"] = omega
    drawn["rho"] = omega[np.tril_indices(effects, -1)]
    drawn["z"] = z
    drawn["u"] = group_effects(drawn["tau"], omega, z)
    return drawn


def _predictor_of_one(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np

    names = ("intercept", "slope", "u")
    one = {name: np.asarray(parameters[name])[None, ...] for name in names}
    eta: NDArray[Any] = linear_predictor(one, stan)[0]
    return eta


def _linear_outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    eta = _predictor_of_one(parameters, stan)
    return {"y": rng.normal(eta, parameters["sigma"])}


def _linear_log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy import stats

    sigma = np.asarray(parameters["sigma"], dtype=float)[:, None]
    eta = linear_predictor(parameters, stan)
    each = np.asarray(stats.norm.logpdf(stan["y"], eta, sigma))
    total: NDArray[Any] = each.sum(axis=1)
    return total


def _logistic_outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    from scipy import special

    p = special.expit(_predictor_of_one(parameters, stan))
    return {"y": rng.binomial(1, p)}


def _logistic_log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy import special

    eta = linear_predictor(parameters, stan)
    signed = np.where(np.asarray(stan["y"]) == 1, eta, -eta)
    total: NDArray[Any] = special.log_expit(signed).sum(axis=1)
    return total


LINEAR = System(_parameters, _linear_outcomes, _linear_log_likelihood)
LOGISTIC = System(_parameters, _logistic_outcomes, _logistic_log_likelihood)
