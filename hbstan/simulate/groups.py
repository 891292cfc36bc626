"""Normal and beta distributed groups: draws and log densities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.simulate.outcomes import costs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draws = dict[str, NDArray[Any]]

__all__ = [
    "beta_effects",
    "beta_log_effects",
    "normal_effects",
    "normal_log_effects",
]


def normal_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Draw ``z`` and ``theta = mu + tau z``, each ``(size, n_groups)``."""
    z = rng.standard_normal((top["mu"].size, n_groups))
    return {"z": z, "theta": top["mu"][:, None] + top["tau"][:, None] * z}


def beta_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Draw log-odds ``theta`` of beta distributed probabilities."""
    # p / (1 - p) is a ratio of gamma variables; their logarithms stay finite where
    # a small concentration rounds p itself to 0 or 1.
    mu, kappa = top["mu"][:, None], top["kappa"][:, None]
    shape = (mu.size, n_groups)
    theta = _log_gamma(mu * kappa, shape, rng) - _log_gamma(
        (1.0 - mu) * kappa, shape, rng
    )
    return {"theta": theta}


def _log_gamma(
    alpha: NDArray[Any], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw logarithms of gamma(alpha, 1) variables without underflow.

    A gamma(alpha) variable is a gamma(alpha + 1) variable times U^(1 / alpha).
    """
    import numpy as np

    alpha = np.maximum(alpha, np.finfo(float).tiny)
    log_u = -rng.standard_exponential(shape)
    whole: NDArray[Any] = rng.gamma(alpha + 1.0, size=shape)
    draws: NDArray[Any] = np.log(whole) + log_u / alpha
    return draws


def normal_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return the joint log density of normal effects."""
    import numpy as np

    mu, tau = top["mu"], top["tau"]
    away = theta != mu[:, None]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        z = np.where(away, (theta - mu[:, None]) / tau[:, None], 0.0)
        squares = (z**2).sum(axis=1)
        scale = theta.shape[1] * (np.log(tau) + 0.5 * np.log(2 * np.pi))
        total = np.where(squares == np.inf, -np.inf, -0.5 * squares - scale)
    return np.where(np.isfinite(mu) & (tau >= 0) & (tau < np.inf), total, -np.inf)


def beta_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return the joint log density of log-odds of beta distributed probabilities.

    With alpha = mu kappa and beta = (1 - mu) kappa it is the sum over groups of
    ``alpha log p + beta log(1 - p) - log B(alpha, beta)``: the Jacobian p (1 - p)
    raises both exponents of the beta density by one.
    """
    import numpy as np
    from scipy.special import betaln

    mu, kappa = top["mu"], top["kappa"]
    alpha, beta = mu * kappa, (1.0 - mu) * kappa
    # A product that underflows counts as 0, at which the density vanishes.
    inside = (alpha > 0) & (beta > 0) & (kappa < np.inf)
    alpha, beta = np.where(inside, alpha, 1.0), np.where(inside, beta, 1.0)
    event, other = costs(theta)
    with np.errstate(over="ignore"):
        cost = (alpha[:, None] * event + beta[:, None] * other).sum(axis=1)
    # Cost and log B cancel where kappa is large: they leave an error near 1e-15 kappa.
    cost = np.where(inside, cost, np.inf)
    normaliser = theta.shape[1] * betaln(alpha, beta)
    return np.where(cost == np.inf, -np.inf, -cost - normaliser)
