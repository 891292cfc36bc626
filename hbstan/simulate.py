"""Prior draws and simulated data in NumPy.

The catalogue's models are written twice on purpose: the density in Stan, the
simulator here. Simulation-based calibration holds one against the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.models import Model
    from hbstan.priors import Prior

    Draws = dict[str, NDArray[Any]]

__all__ = ["draw_data", "draw_prior"]


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
    return {**top, **_family(model)[0](top, n_groups, rng)}


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
    return _family(model)[1](parameters, design, rng)


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


_FAMILIES: Mapping[str, tuple[Callable[..., Draws], Callable[..., NDArray[Any]]]] = {
    "logit": (_logit_effects, _binomial_data),
    "beta_binomial": (_beta_effects, _binomial_data),
    "eight_schools": (_normal_effects, _normal_data),
}


def _family(
    model: Model,
) -> tuple[Callable[..., Draws], Callable[..., NDArray[Any]]]:
    try:
        return _FAMILIES[model.family]
    except KeyError:
        raise ModelError(
            f"{model.name}: the family {model.family!r} has no simulator."
        ) from None
