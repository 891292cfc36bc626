"""Prior draws, simulated data and their log densities in NumPy.

The catalogue's models are written twice on purpose: the density in Stan, the
simulator here. Simulation-based calibration holds one against the other; the log
densities here are the simulator's, and so a third account of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.models import Model
    from hbstan.priors import Prior

    Draws = dict[str, NDArray[Any]]

__all__ = ["draw_data", "draw_groups", "draw_prior", "log_likelihood", "log_prior"]


def draw_prior(
    model: Model,
    priors: Mapping[str, Prior],
    n_groups: int,
    rng: np.random.Generator,
    size: int = 1,
) -> Draws:
    """Draw top-level and group parameters from the prior, exactly.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    priors : mapping of str to Prior
        A prior for each top-level parameter.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        The source of randomness.
    size : int
        Number of independent draws.

    Returns
    -------
    dict of str to ndarray
        Top-level parameters of shape ``(size,)``; ``theta`` (and ``p`` for binomial
        models, ``z`` for non-centered ones) of shape ``(size, n_groups)``.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    top = {p.name: priors[p.name].draw(rng, size) for p in model.top_level}
    return {**top, **draw_groups(model, top, n_groups, rng)}


def draw_groups(
    model: Model,
    top: Mapping[str, NDArray[Any]],
    n_groups: int,
    rng: np.random.Generator,
) -> Draws:
    """Draw group parameters given the top-level ones.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    top : mapping of str to ndarray
        Top-level parameters of shape ``(size,)``.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    dict of str to ndarray
        As :func:`draw_prior`, without the top-level parameters.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    return _family(model).effects(top, n_groups, rng)


def draw_data(
    model: Model,
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Simulate outcomes given group parameters.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    parameters : mapping
        As :func:`draw_prior` returns them.
    design : mapping
        ``n`` (trials, shape ``(n_groups,)``) or ``sigma`` (standard errors).
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray of shape (size, n_groups)
        Events (integers) or estimates.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    return _family(model).data(parameters, design, rng)


def log_likelihood(
    model: Model,
    parameters: Mapping[str, Any],
    design: Mapping[str, Any],
    y: Any,
) -> NDArray[Any]:
    """Return the joint log likelihood of all groups.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    parameters : mapping
        ``theta`` of shape ``(size, n_groups)``: log-odds, or effects.
    design : mapping
        As in :func:`draw_data`.
    y : array_like of shape (n_groups,)
        Events or estimates.

    Returns
    -------
    ndarray of shape (size,)
        ``sum_j log p(y_j | theta_j)``, constants included. At infinite ``theta`` it
        is the limit: 0 for an outcome that is then certain, ``-inf`` for any other.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    import numpy as np

    theta = np.asarray(parameters["theta"], dtype=float)
    return _family(model).log_density(theta, design, np.asarray(y))


def log_prior(
    model: Model, priors: Mapping[str, Prior], parameters: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the joint log density of top-level and group parameters.

    Parameters
    ----------
    model : Model
        A model of the catalogue.
    priors : mapping of str to Prior
        A prior for each top-level parameter.
    parameters : mapping
        Top-level parameters of shape ``(size,)`` and ``theta``, ``(size, n_groups)``.

    Returns
    -------
    ndarray of shape (size,)
        ``sum_k log p(top_k) + sum_j log p(theta_j | top)``, a density on the scales
        of the top-level parameters and of ``theta`` (log-odds, or effects); ``-inf``
        outside the support, to which infinite values do not belong. At ``tau = 0``
        the groups are a point mass: ``inf`` where all of them equal ``mu``, ``-inf``
        where one does not.

    Raises
    ------
    ModelError
        If the model's family has no simulator.
    """
    import numpy as np

    top = {p.name: np.asarray(parameters[p.name]) for p in model.top_level}
    theta = np.asarray(parameters["theta"], dtype=float)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        terms = [priors[name].distribution().logpdf(top[name]) for name in top]
        terms.append(_family(model).log_effects(top, theta))
        total: NDArray[Any] = np.sum(terms, axis=0)
    # What one factor excludes is excluded, also where another is infinite.
    return np.where(np.min(terms, axis=0) == -np.inf, -np.inf, total)


def _normal_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    z = rng.standard_normal((top["mu"].size, n_groups))
    return {"z": z, "theta": top["mu"][:, None] + top["tau"][:, None] * z}


def _logit_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    import numpy as np
    from scipy.special import expit

    effects = _normal_effects(top, n_groups, rng)
    p = np.asarray(expit(effects["theta"]))
    return {**effects, "p": p}


def _beta_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    import numpy as np
    from scipy.special import expit

    # p / (1 - p) is a ratio of gamma variables; their logarithms stay finite where
    # a small concentration rounds p itself to 0 or 1.
    mu, kappa = top["mu"][:, None], top["kappa"][:, None]
    shape = (mu.size, n_groups)
    theta = _log_gamma(mu * kappa, shape, rng) - _log_gamma(
        (1.0 - mu) * kappa, shape, rng
    )
    p = np.asarray(expit(theta))
    return {"theta": theta, "p": p}


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


def _binomial_data(
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    events: NDArray[Any] = rng.binomial(design["n"], parameters["p"])
    return events


def _normal_data(
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    estimates: NDArray[Any] = rng.normal(parameters["theta"], design["sigma"])
    return estimates


def _binomial_log_density(
    theta: NDArray[Any], design: Mapping[str, Any], y: NDArray[Any]
) -> NDArray[Any]:
    import numpy as np
    from scipy.special import gammaln

    n = np.asarray(design["n"])
    choose = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
    # y theta - n log(1 + exp(theta)), with the events apart from the other trials:
    # nothing cancels, and what did not occur counts 0 even where its cost is infinite.
    event, other = _costs(theta)
    with np.errstate(over="ignore", invalid="ignore"):
        events = np.where(y == 0, 0.0, y * event)
        others = np.where(y == n, 0.0, (n - y) * other)
        total: NDArray[Any] = choose.sum() - (events + others).sum(axis=1)
    return total


def _costs(theta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ``-log p`` and ``-log(1 - p)`` of log-odds of any size."""
    import numpy as np

    # log(1 + exp(-|theta|)) cannot overflow and serves both.
    rest = np.log1p(np.exp(-np.abs(theta)))
    return rest + np.maximum(-theta, 0.0), rest + np.maximum(theta, 0.0)


def _normal_log_density(
    theta: NDArray[Any], design: Mapping[str, Any], y: NDArray[Any]
) -> NDArray[Any]:
    import numpy as np

    sigma = np.asarray(design["sigma"], dtype=float)
    with np.errstate(over="ignore"):
        squares = (((y - theta) / sigma) ** 2).sum(axis=1)
    scale: float = (np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum()
    total: NDArray[Any] = -0.5 * squares - scale
    return total


def _normal_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
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


def _beta_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
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
    event, other = _costs(theta)
    with np.errstate(over="ignore"):
        cost = (alpha[:, None] * event + beta[:, None] * other).sum(axis=1)
    # Cost and log B cancel where kappa is large: they leave an error near 1e-15 kappa.
    cost = np.where(inside, cost, np.inf)
    normaliser = theta.shape[1] * betaln(alpha, beta)
    return np.where(cost == np.inf, -np.inf, -cost - normaliser)


@dataclass(frozen=True)
class _Family:
    """How models of a family simulate, and with what log densities."""

    effects: Callable[..., Draws]
    data: Callable[..., NDArray[Any]]
    log_effects: Callable[..., NDArray[Any]]
    log_density: Callable[..., NDArray[Any]]


_FAMILIES: Mapping[str, _Family] = {
    "logit": _Family(
        _logit_effects, _binomial_data, _normal_log_effects, _binomial_log_density
    ),
    "beta_binomial": _Family(
        _beta_effects, _binomial_data, _beta_log_effects, _binomial_log_density
    ),
    "eight_schools": _Family(
        _normal_effects, _normal_data, _normal_log_effects, _normal_log_density
    ),
}


def _family(model: Model) -> _Family:
    try:
        return _FAMILIES[model.family]
    except KeyError:
        raise ModelError(
            f"{model.name}: the family {model.family!r} has no simulator."
        ) from None
