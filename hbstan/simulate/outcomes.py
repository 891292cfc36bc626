"""Outcomes given the groups' parameters: draws and log densities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "binomial_data",
    "binomial_log_density",
    "costs",
    "normal_data",
    "normal_log_density",
]


def binomial_data(
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Draw events, ``(size, n_groups)``, given ``p`` and the trials ``n``."""
    events: NDArray[Any] = rng.binomial(design["n"], parameters["p"])
    return events


def normal_data(
    parameters: Mapping[str, NDArray[Any]],
    design: Mapping[str, Any],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """Draw estimates, ``(size, n_groups)``, given ``theta`` and ``sigma``."""
    estimates: NDArray[Any] = rng.normal(parameters["theta"], design["sigma"])
    return estimates


def binomial_log_density(
    theta: NDArray[Any], design: Mapping[str, Any], y: NDArray[Any]
) -> NDArray[Any]:
    """Return the joint log probability of events at log-odds ``theta``."""
    import numpy as np
    from scipy.special import gammaln

    n = np.asarray(design["n"])
    choose = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
    # y theta - n log(1 + exp(theta)), with the events apart from the other trials:
    # nothing cancels, and what did not occur counts 0 even where its cost is infinite.
    event, other = costs(theta)
    with np.errstate(over="ignore", invalid="ignore"):
        events = np.where(y == 0, 0.0, y * event)
        others = np.where(y == n, 0.0, (n - y) * other)
        total: NDArray[Any] = choose.sum() - (events + others).sum(axis=1)
    return total


def costs(theta: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return ``-log p`` and ``-log(1 - p)`` of log-odds of any size."""
    import numpy as np

    # log(1 + exp(-|theta|)) cannot overflow and serves both.
    rest = np.log1p(np.exp(-np.abs(theta)))
    return rest + np.maximum(-theta, 0.0), rest + np.maximum(theta, 0.0)


def normal_log_density(
    theta: NDArray[Any], design: Mapping[str, Any], y: NDArray[Any]
) -> NDArray[Any]:
    """Return the joint log density of estimates of the effects ``theta``."""
    import numpy as np

    sigma = np.asarray(design["sigma"], dtype=float)
    with np.errstate(over="ignore"):
        squares = (((y - theta) / sigma) ** 2).sum(axis=1)
    scale: float = (np.log(sigma) + 0.5 * np.log(2 * np.pi)).sum()
    total: NDArray[Any] = -0.5 * squares - scale
    return total
