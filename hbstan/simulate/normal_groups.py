"""Normal observations in groups, by their sufficient statistics: simulators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["POPULATION", "SUM_TO_ZERO"]


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw ``mu``, ``tau`` and ``sigma``, and groups of a population."""
    top = draw_top(priors, rng)
    z = rng.standard_normal(int(stan["J"]))
    return {**top, "z": z, "theta": top["mu"] + top["tau"] * z}


def _sum_to_zero(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw ``mu``, ``tau`` and ``sigma``, and groups about their own mean ``mu``."""
    top = draw_top(priors, rng)
    z = rng.standard_normal(int(stan["J"]))
    z -= z.mean()
    return {**top, "z": z, "theta": top["mu"] + top["tau"] * z}


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw each group's mean ``y`` and sum of squares ``ss`` about it."""
    import numpy as np

    n, sigma = np.asarray(stan["n"]), parameters["sigma"]
    y = rng.normal(parameters["theta"], sigma / np.sqrt(n))
    # The sum of squares of one observation is 0, not a variable.
    chi_square = rng.chisquare(np.maximum(n - 1, 1))
    return {"y": y, "ss": np.where(n > 1, sigma**2 * chi_square, 0.0)}


def _log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the log density of all observations, ``(draws,)``.

    ``-sum_j (n_j log(2 pi sigma^2) + (ss_j + n_j (y_j - theta_j)^2) / sigma^2) / 2``:
    with sums of squares, the observations themselves are not needed.
    """
    import numpy as np

    n, y, ss = (np.asarray(stan[name], dtype=float) for name in ("n", "y", "ss"))
    theta = np.asarray(parameters["theta"], dtype=float)
    sigma = np.asarray(parameters["sigma"], dtype=float)
    squares = (ss + n * (y - theta) ** 2).sum(axis=1)
    total: NDArray[Any] = -0.5 * (
        n.sum() * np.log(2 * np.pi * sigma**2) + squares / sigma**2
    )
    return total


def _redraw(
    top: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> NDArray[Any]:
    """Draw means of new groups, ``normal(mu, sqrt(tau^2 + sigma^2 / n_j))``."""
    import numpy as np

    mu, tau, sigma = (np.asarray(top[k])[:, None] for k in ("mu", "tau", "sigma"))
    means: NDArray[Any] = rng.normal(mu, np.hypot(tau, sigma / np.sqrt(stan["n"])))
    return means


#: Groups of a normal population: all forms but one.
POPULATION = System(_parameters, _outcomes, _log_likelihood, _redraw)
#: Groups whose effects sum to zero about their mean.
SUM_TO_ZERO = System(_sum_to_zero, _outcomes, _log_likelihood)
