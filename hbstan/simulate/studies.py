"""Estimates of studies whose effects depend on covariates, simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.data.columns import standardised
from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["META_REGRESSION"]


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw effects around a line in the covariates, in their own units."""
    import numpy as np

    X = np.asarray(stan["X"], dtype=float).reshape(int(stan["J"]), -1)
    top = draw_top(priors, rng, {"beta_std": X.shape[1]})
    beta = top["beta_std"] / X.std(axis=0, ddof=1)
    intercept = top["mu"] - float(X.mean(axis=0) @ beta)
    theta = rng.normal(intercept + X @ beta, top["tau"])
    expected = intercept + X @ beta
    return {
        **top,
        "z": (theta - expected) / top["tau"],
        "expected": expected,
        "theta": theta,
        "beta": beta,
        "intercept": intercept,
        "tau2": top["tau"] ** 2,
    }


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    return {"y": rng.normal(parameters["theta"], stan["sigma"])}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy.stats import norm

    theta = np.asarray(parameters["theta"])
    terms = np.asarray(norm.logpdf(stan["y"], theta, stan["sigma"]))
    total: NDArray[Any] = terms.sum(axis=-1)
    return total


def _redraw(
    top: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw estimates of new studies with the same covariates and errors."""
    import numpy as np

    X = np.asarray(stan["X"], dtype=float).reshape(int(stan["J"]), -1)
    mean = np.asarray(top["mu"])[:, None]
    if X.shape[1]:
        mean = mean + np.asarray(top["beta_std"]) @ standardised(X).T
    spread = np.hypot(np.asarray(top["tau"])[:, None], stan["sigma"])
    estimates: NDArray[Any] = rng.normal(np.broadcast_to(mean, spread.shape), spread)
    return estimates


#: ``y_j ~ normal(theta_j, sigma_j)``, ``theta_j ~ normal(a + x_j beta, tau)``.
META_REGRESSION = System(_parameters, _outcomes, _log_likelihood, _redraw)
