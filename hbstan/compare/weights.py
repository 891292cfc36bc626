"""Weights of models from their pointwise log predictive densities.

Stacking maximises ``sum_j log(sum_k w_k p_k(y_j | y_-j))`` over the simplex: the
mixture that would have predicted best. Pseudo-BMA+ weighs each model by
``exp(elpd_k)``, averaged over Bayesian bootstraps of the groups, which keeps it from
betting everything on a difference that other groups would have reversed. Both are of
Yao, Vehtari, Simpson and Gelman (2018, doi:10.1214/17-BA1091).

Models that predict nearly alike can share a stacking weight in any way: how they do
tells nothing about them, and their mixture stays the same.

ArviZ's ``compare`` computes both as well, but takes ``exp(elpd_j)`` as it is, so that
groups below -745 nats make it return equal weights without a word, stops early where
models differ by much, and fixes the bootstrap's seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BOOTSTRAPS", "pseudo_bma_weights", "stacking_weights"]

#: Bootstraps of pseudo-BMA+: weights are then known to 0.5 / sqrt(4000) = 0.008.
BOOTSTRAPS = 4000
#: Numbers held at a time.
_BLOCK = 1_000_000
#: The mean log score may fall short of the largest possible by this much, in nats.
_GAP = 1e-5
_LEAST = 1e-9


def stacking_weights(elpd: ArrayLike) -> NDArray[np.float64]:
    """Return the weights of the mixture that predicts best.

    Parameters
    ----------
    elpd : array_like of shape (groups, models)
        Log predictive densities, finite, in nats.

    Returns
    -------
    ndarray of shape (models,)
        At least 0, with the sum 1. Models with equal densities share equally.

    Raises
    ------
    ModelError
        If the densities are not finite, or no optimum is found.

    Notes
    -----
    The problem is convex. With ``g_k = mean_j p_kj / sum_l w_l p_lj`` the mean log
    score is at most ``log(max_k g_k)`` below its maximum. Weights are returned only if
    this bound is at most 1e-5 nats.
    """
    import numpy as np
    from scipy.optimize import LinearConstraint, minimize

    values = _matrix(elpd)
    # What all models share in a group moves the objective, not the weights.
    density = np.exp(values - values.max(axis=1, keepdims=True))
    models = density.shape[1]

    def loss(w: Any) -> Any:
        mixed = density @ w
        return -float(np.log(mixed).mean()), -(density / mixed[:, None]).mean(axis=0)

    with np.errstate(divide="ignore", invalid="ignore"):
        found = minimize(
            loss,
            np.full(models, 1.0 / models),
            jac=True,
            method="SLSQP",
            bounds=[(0.0, 1.0)] * models,
            constraints=LinearConstraint(np.ones((1, models)), 1.0, 1.0),
            options={"ftol": 1e-13, "maxiter": 1000},
        )
        # What is below the optimiser's precision is zero.
        weights: NDArray[np.float64] = np.where(found.x > _LEAST, found.x, 0.0)
        weights = weights / weights.sum()
        gap = float(np.log((-loss(weights)[1]).max()))
    if not gap <= _GAP:  # not >: a gap that is not a number is no optimum
        raise ModelError(
            f"no stacking weights were found: the mean log score is up to {gap:.2g} "
            f"nats below its maximum; legal: at most {_GAP:g}.",
            remedy="Leave out models that are far worse than the others.",
        )
    return weights


def pseudo_bma_weights(
    elpd: ArrayLike, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return pseudo-BMA+ weights.

    In each bootstrap the groups get weights ``alpha ~ Dirichlet(1, ..., 1)`` and the
    models ``exp(n sum_j alpha_j elpd_j)``, normalised; the result is their mean.

    Parameters
    ----------
    elpd : array_like of shape (groups, models)
        Log predictive densities, finite, in nats.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    ndarray of shape (models,)
        At least 0, with the sum 1.

    Raises
    ------
    ModelError
        If the densities are not finite.
    """
    import numpy as np
    from scipy.special import softmax

    values = _matrix(elpd)
    groups = len(values)
    most = max(1, _BLOCK // groups)
    total = np.zeros(values.shape[1])
    for start in range(0, BOOTSTRAPS, most):
        count = min(most, BOOTSTRAPS - start)
        alpha = rng.dirichlet(np.ones(groups), count)
        total += softmax(groups * alpha @ values, axis=1).sum(axis=0)
    weights: NDArray[np.float64] = total / total.sum()
    return weights


def _matrix(elpd: ArrayLike) -> NDArray[np.float64]:
    """Return the densities as a matrix of finite numbers."""
    import numpy as np

    values = np.asarray(elpd, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        raise ModelError(
            f"the densities have shape {values.shape}; legal: (groups, models), at "
            "least 1 each."
        )
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise ModelError(
            f"the log density of group {row} under model {column}, counted from 0, is "
            f"{values[row, column]}, but must be finite."
        )
    return values
