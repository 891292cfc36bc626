"""Mean squared error of no, complete and partial pooling, in closed form.

Groups ``theta_j`` with mean mu and standard deviation tau have estimates ``y_j`` with
sampling variances ``v_j``. The errors here are averages over such populations and data:
nothing is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Risk", "pooled_mean", "risk", "weights"]


@dataclass(frozen=True)
class Risk:
    """Expected squared errors, group by group, in the squared unit of the estimates.

    Parameters
    ----------
    tau : float
    weight : ndarray of shape (J,)
        w_j, what partial pooling gives to the group's own estimate.
    none, complete, partial : ndarray of shape (J,)
        ``none`` is infinite for a group without data.
    known : ndarray of shape (J,)
        ``partial`` if mu and tau were known: ``w_j v_j``.
    for_mu, for_tau : ndarray of shape (J,)
        What not knowing mu, and not knowing tau, add to it.
    """

    tau: float
    weight: NDArray[Any]
    none: NDArray[Any]
    complete: NDArray[Any]
    partial: NDArray[Any]
    known: NDArray[Any]
    for_mu: NDArray[Any]
    for_tau: NDArray[Any]


def weights(variances: NDArray[Any], tau: float) -> NDArray[Any]:
    """Return w_j = tau^2 / (tau^2 + v_j), in [0, 1].

    With ``v_j = sigma^2 / n_j`` it is ``n_j / (n_j + sigma^2 / tau^2)``. The rest, ``1
    - w_j``, is the expected shrinkage.

    Parameters
    ----------
    variances : ndarray of shape (J,)
        Infinite for groups without data.
    tau : float
    """
    import numpy as np

    w: NDArray[Any] = tau**2 / (tau**2 + np.asarray(variances, dtype=float))
    return w


def pooled_mean(
    estimates: NDArray[Any], variances: NDArray[Any], tau: float
) -> tuple[float, float]:
    """Return the weighted mean of the groups, and its variance.

    The weights are ``1 / (v_j + tau^2)``, the variance ``1 / sum(1 / (v_j + tau^2))``;
    with tau 0 it is the estimate of complete pooling.

    Parameters
    ----------
    estimates, variances : ndarray of shape (J,)
    tau : float
    """
    import numpy as np

    seen = np.isfinite(variances)
    a = 1.0 / (variances[seen] + tau**2)
    return float(a @ estimates[seen] / a.sum()), float(1.0 / a.sum())


def risk(variances: NDArray[Any], tau: float) -> Risk:
    """Return the mean squared errors of the three ways of pooling.

    No pooling: ``v_j``. Complete pooling, with weights ``a_k`` proportional to ``1 /
    v_k``: ``tau^2 (1 - 2 a_j + sum(a^2)) + sum(a^2 v)``. Partial pooling by the
    estimated best linear predictor: ``w_j v_j + (1 - w_j)^2 / sum(u) + v_j^2 u_j^3
    V``, with ``u_j = 1 / (v_j + tau^2)`` and the asymptotic variance of the REML
    estimate of tau^2, ``V = 2 / (sum(u^2) - 2 sum(u^3) / sum(u) + (sum(u^2) /
    sum(u))^2)`` (Prasad and Rao 1990, doi:10.1080/01621459.1990.10475320; Datta and
    Lahiri 2000). The first two terms are exact for any population of mean mu and
    standard deviation tau; the third is an approximation for many groups, which for
    tau near 0 is too large, so that the gain is not exaggerated. It makes the
    prediction agree with Stein's result that three groups of equal error cannot gain.

    Parameters
    ----------
    variances : ndarray of shape (J,)
        At least two finite; infinite for groups without data.
    tau : float
        0 or more.

    Returns
    -------
    Risk
    """
    import numpy as np

    v = np.asarray(variances, dtype=float)
    seen = np.isfinite(v)
    w = weights(v, tau)
    # In units of the smallest variance no power of it can overflow.
    unit = float(v[seen].min())
    s, t2 = v[seen] / unit, tau**2 / unit
    a = (1.0 / s) / (1.0 / s).sum()
    share = np.zeros(v.shape)
    share[seen] = a
    complete = t2 * (1.0 - 2.0 * share + a @ a) + (a**2 @ s)
    u = 1.0 / (s + t2)
    total, square, cube = u.sum(), (u**2).sum(), (u**3).sum()
    information = square - 2.0 * cube / total + (square / total) ** 2
    known = np.full(v.shape, t2)
    known[seen] = w[seen] * s
    for_tau = np.zeros(v.shape)
    for_tau[seen] = s**2 * u**3 * 2.0 / information
    for_mu = (1.0 - w) ** 2 / total
    parts = [unit * part for part in (known, for_mu, for_tau)]
    return Risk(tau, w, v, unit * complete, sum(parts[1:], parts[0]), *parts)
