"""Normal groups in closed form: effects given the population, and empirical Bayes.

For group means ``y_j ~ normal(theta_j, s_j)`` with effects ``theta_j ~ normal(mu,
tau)``; ``s_j`` is a known standard error or ``sigma / sqrt(n_j)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hbstan.errors import DataError
from hbstan.pooling.measured import as_dataset

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from hbstan.data import Dataset, GroupEstimates, NormalGroups

__all__ = [
    "Conditional",
    "EmpiricalBayes",
    "conditional_posterior",
    "empirical_bayes",
    "shrinkage_weights",
]

#: Points of the first, coarse search for the likelihood's maximum.
_GRID = 200
#: The grid's first step above 0, in units of the smallest standard error: below it
#: the likelihood hardly changes.
_LEAST = 1e-3


@dataclass(frozen=True)
class Conditional:
    """The effects' distribution given everything else: independent normals.

    Parameters
    ----------
    mean : ndarray of shape (..., J)
        ``theta_hat_j = w_j y_j + (1 - w_j) mu``, in the unit of y.
    variance : ndarray of shape (..., J)
        ``V_j = 1 / (1 / s_j^2 + 1 / tau^2)``, in the unit's square.
    weight : ndarray of shape (..., J)
        ``w_j``, the weight of the group's own mean, a proportion.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    weight: NDArray[np.float64]


def shrinkage_weights(se: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
    """Return the weight of each group's own mean in its effect.

    ``w = tau^2 / (tau^2 + se^2)``: for a mean of n observations with standard
    deviation sigma, ``se = sigma / sqrt(n)``, it is ``n / (n + sigma^2 / tau^2)``. It
    goes to 0 (complete pooling) as tau goes to 0, to 1 (no pooling) as tau grows.

    It is also the best weight of centering of a group whose data have the precision
    ``1 / se^2``: see the programs ``*_adaptive``.

    Parameters
    ----------
    se : array_like
        Standard errors of the groups' means, above 0, in the unit of y.
    tau : array_like
        Standard deviation between groups, 0 to infinity, in the same unit; broadcast
        against ``se``.

    Returns
    -------
    ndarray
        Proportions.

    Examples
    --------
    >>> from hbstan.pooling import shrinkage_weights
    >>> shrinkage_weights([1.0, 3.0], 1.0).tolist()
    [0.5, 0.1]
    """
    import numpy as np

    # In this form neither tau = 0 nor an infinite tau gives 0/0.
    with np.errstate(divide="ignore"):
        ratio = np.asarray(se, dtype=float) / np.asarray(tau, dtype=float)
    return np.asarray(1.0 / (1.0 + ratio**2))


def conditional_posterior(
    y: ArrayLike, se: ArrayLike, mu: ArrayLike, tau: ArrayLike
) -> Conditional:
    """Return the distribution of the effects given means, errors and population.

    ``theta_j | y, mu, tau ~ normal(theta_hat_j, sqrt(V_j))`` with the quantities of
    :class:`Conditional` (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section
    5.4). Averaged over posterior draws of mu, tau (and sigma), ``theta_hat`` is the
    posterior mean of theta.

    Parameters
    ----------
    y : array_like of shape (J,)
        The groups' means.
    se : array_like of shape (..., J)
        Their standard errors, above 0: known, or ``sigma / sqrt(n)`` for every draw of
        sigma.
    mu, tau : array_like of shape (...)
        Mean and standard deviation of the population; any number of draws.

    Returns
    -------
    Conditional
        Arrays of shape ``(..., J)``.
    """
    import numpy as np

    errors = np.asarray(se, dtype=float)
    centre = np.asarray(mu, dtype=float)[..., None]
    spread = np.asarray(tau, dtype=float)[..., None]
    weight = shrinkage_weights(errors, spread)
    mean = centre + weight * (np.asarray(y, dtype=float) - centre)
    # w s^2, as tau^2 (1 - w) is infinity times 0 where tau is infinite.
    variance = weight * errors**2
    return Conditional(mean, variance, weight)


@dataclass(frozen=True)
class EmpiricalBayes:
    """The population by maximum likelihood, and the effects given it.

    Parameters
    ----------
    mu, tau : float
        Maximum of the likelihood with the effects integrated out, in the unit of y.
        ``tau`` is 0 where the groups differ by no more than their errors.
    sigma : float or None
        Likewise, the standard deviation within groups; None if errors are known.
    log_likelihood : float
        The maximum, constants included, of the observations (or the estimates).
    table : pandas.DataFrame
        Indexed by group: ``raw`` (the group's mean), ``se``, ``weight`` (of raw),
        ``mean`` and ``sd`` of the effect given the population. ``sd`` takes mu, tau
        and sigma as known and so is too small, above all with few groups; full Bayes
        averages over them.
    """

    mu: float
    tau: float
    sigma: float | None
    log_likelihood: float
    table: pd.DataFrame

    def __repr__(self) -> str:
        sigma = "" if self.sigma is None else f", sigma {self.sigma:.4g}"
        return (
            f"<EmpiricalBayes of {len(self.table)} groups: mu {self.mu:.4g}, "
            f"tau {self.tau:.4g}{sigma}>"
        )


def empirical_bayes(data: Dataset | str | Path) -> EmpiricalBayes:
    """Estimate the population by maximum likelihood, and the effects given it.

    The likelihood has the effects integrated out. mu, and for observations sigma, have
    closed forms given tau (or tau / sigma); the one number left is found by SciPy, at
    the highest of all maxima. No prior enters: set it beside a fit to see what full
    Bayes adds.

    Parameters
    ----------
    data : NormalGroups, GroupEstimates, str or pathlib.Path
        Observations in groups, or estimates with known standard errors, or the name of
        bundled data of either kind.

    Returns
    -------
    EmpiricalBayes

    Raises
    ------
    DataError
        If the data are of another kind.

    Examples
    --------
    >>> import hbstan as hb
    >>> hb.empirical_bayes("coagulation").sigma.__round__(2)
    2.37
    """
    import numpy as np

    data = as_dataset(data)
    found: tuple[float, float, float | None, float]
    if data.kind == "normal":
        estimates = cast("GroupEstimates", data)
        found = _known_errors(estimates.y, estimates.sigma)
        se = np.asarray(estimates.sigma)
    elif data.kind == "normal_groups":
        groups = cast("NormalGroups", data)
        found = _unknown_sigma(groups.n, groups.y, groups.ss)
        se = found[2] / np.sqrt(groups.n)
    else:
        raise DataError(
            f"{data.name!r} holds {data.kind} data; legal: normal_groups (observations "
            "in groups) or normal (estimates with known standard errors).",
            remedy="Give numbers that are normal within groups; for events among "
            "trials there is no closed form.",
        )
    mu, tau, sigma, height = found
    y = cast("GroupEstimates", data).y
    return EmpiricalBayes(mu, tau, sigma, height, _effects(data, y, se, mu, tau))


def _effects(
    data: Dataset, y: NDArray[Any], se: NDArray[Any], mu: float, tau: float
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    given = conditional_posterior(y, se, mu, tau)
    columns = {
        "raw": y,
        "se": se,
        "weight": given.weight,
        "mean": given.mean,
        "sd": np.sqrt(given.variance),
    }
    return pd.DataFrame(columns, index=pd.Index(data.labels, name="group"))


def _known_errors(
    y: NDArray[Any], se: NDArray[Any]
) -> tuple[float, float, None, float]:
    import numpy as np

    def height(tau: float) -> float:
        variance = tau**2 + se**2
        squares = ((y - _centre(y, variance)) ** 2 / variance).sum()
        return float(-0.5 * (squares + np.log(2 * np.pi * variance).sum()))

    tau = _highest(height, float(np.ptp(y)), float(np.min(se)))
    return _centre(y, tau**2 + se**2), tau, None, height(tau)


def _unknown_sigma(
    n: NDArray[Any], y: NDArray[Any], ss: NDArray[Any]
) -> tuple[float, float, float, float]:
    """Maximise over ratio = tau / sigma, given which the rest has a closed form."""
    import numpy as np

    count = float(n.sum())

    def sigma(ratio: float) -> float:
        share = ratio**2 + 1.0 / n  # variance of the means in units of sigma^2
        squares = ss.sum() + ((y - _centre(y, share)) ** 2 / share).sum()
        return float(np.sqrt(squares / count))

    def height(ratio: float) -> float:
        scale = count * (np.log(2 * np.pi * sigma(ratio) ** 2) + 1.0)
        return float(-0.5 * (scale + np.log1p(n * ratio**2).sum()))

    most = float(np.ptp(y) / np.sqrt(ss.sum() / count))
    ratio = _highest(height, most, float(1.0 / np.sqrt(np.max(n))))
    width = sigma(ratio)
    centre = _centre(y, ratio**2 + 1.0 / n)
    return centre, ratio * width, width, height(ratio)


def _centre(y: NDArray[Any], variance: NDArray[Any]) -> float:
    """Return the mean weighted by precision."""
    precision = variance.min() / variance
    return float((precision * y).sum() / precision.sum())


def _highest(height: Callable[[float], float], most: float, error: float) -> float:
    """Return where a function of a number from 0 to ``most`` is highest.

    ``error`` is the smallest standard error, in the number's unit. No estimate of the
    spread exceeds the range of the means. The likelihood may have more than one
    maximum: a grid finds the region, Brent's method the place.
    """
    import numpy as np
    from scipy.optimize import minimize_scalar

    first = min(_LEAST * error, 1e-4 * most)
    grid = [0.0, *np.geomspace(first, most, _GRID)] if most > 0 else [0.0]
    heights = np.array([height(x) for x in grid])
    best = int(heights.argmax())
    if best == 0:  # groups that differ by no more than their errors, or not at all
        return 0.0
    ends = grid[best - 1], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(
        lambda x: -height(x),
        bounds=ends,
        method="bounded",
        options={"xatol": 1e-10 * float(ends[1])},
    )
    return float(found.x)
