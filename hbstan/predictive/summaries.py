"""Draws of quantities as means, standard deviations and intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["error_of_mean", "interval", "summarise", "tail_of"]


def tail_of(ci_prob: float) -> float:
    """Return the probability on each side of an equal-tailed interval."""
    return (1.0 - ci_prob) / 2.0


def interval(
    draws: NDArray[Any], ci_prob: float, axis: Any = (0, 1)
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the ends of the equal-tailed intervals, by linear interpolation.

    Parameters
    ----------
    draws : ndarray of shape (chain, draw, ...)
    ci_prob : float
        The intervals' probability, between 0 and 1.
    axis : int or tuple of int
        The axes of the draws.

    Returns
    -------
    lower, upper : ndarray
        Of the shape that is left, in the unit of the draws.
    """
    import numpy as np

    tail = tail_of(ci_prob)
    lower, upper = np.quantile(draws, [tail, 1.0 - tail], axis=axis)
    return lower, upper


def summarise(
    draws: NDArray[Any], ci_prob: float, axis: Any = (0, 1)
) -> dict[str, NDArray[Any]]:
    """Return mean, standard deviation and equal-tailed interval of draws.

    Parameters
    ----------
    draws, ci_prob, axis
        As for :func:`interval`.

    Returns
    -------
    dict of str to ndarray
        ``mean``, ``sd`` (of divisor draws - 1), ``lower`` and ``upper``, all in the
        unit of the draws.
    """
    lower, upper = interval(draws, ci_prob, axis)
    mean, sd = draws.mean(axis=axis), draws.std(axis=axis, ddof=1)
    return {"mean": mean, "sd": sd, "lower": lower, "upper": upper}


def error_of_mean(draws: NDArray[Any]) -> float:
    """Return the Monte Carlo standard error of a mean, in the unit of the draws.

    Parameters
    ----------
    draws : ndarray of shape (chain, draw)

    Returns
    -------
    float
        ArviZ's, from the effective sample size; NaN where draws do not vary.
    """
    import numpy as np
    from arviz_stats.base import array_stats

    with np.errstate(invalid="ignore", divide="ignore"):
        return float(array_stats.mcse(draws, chain_axis=0, draw_axis=1))
