"""Simulators of answers to items: the 1PL and the 2PL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.simulate.system import System, draw_top

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["IRT_1PL", "IRT_2PL", "country_means", "log_likelihood", "marginal"]

#: Nodes of the Gauss-Hermite rule over abilities.
_NODES = 61


def country_means(
    tau: float, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the mean abilities of countries: deviations from their common mean.

    Parameters
    ----------
    tau : float
        Standard deviation of the population of countries.
    count : int
        Number of countries; one has the mean 0.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (count,)
        Sums to zero.
    """
    means = rng.normal(0.0, tau, count)
    centred: NDArray[np.float64] = means - means.mean()
    return centred


def _parameters(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Draw all but the discriminations."""
    import numpy as np

    top = draw_top(priors, rng)
    means = country_means(top["tau"], int(stan["C"]), rng)
    country = np.asarray(stan["country"]) - 1
    return {
        **top,
        "b": rng.normal(top["mu_b"], top["sigma_b"], int(stan["I"])),
        "mu_country": means,
        "theta": rng.normal(means[country], 1.0),
    }


def _one_slope(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np

    drawn = _parameters(priors, stan, rng)
    return {**drawn, "a": float(np.exp(drawn["mu_a"]))}


def _many_slopes(
    priors: Mapping[str, Prior], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    drawn = _parameters(priors, stan, rng)
    return {
        **drawn,
        "a": rng.lognormal(drawn["mu_a"], drawn["sigma_a"], int(stan["I"])),
    }


def _outcomes(
    parameters: Mapping[str, Any], stan: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    import numpy as np
    from scipy.special import expit

    person, item = np.asarray(stan["person"]) - 1, np.asarray(stan["item"]) - 1
    a = np.broadcast_to(parameters["a"], np.shape(parameters["b"]))[item]
    p = expit(a * (parameters["theta"][person] - parameters["b"][item]))
    return {"y": rng.binomial(1, p)}


def log_likelihood(
    parameters: Mapping[str, Any], stan: Mapping[str, Any]
) -> NDArray[Any]:
    """Return the joint log likelihood of all answers.

    Parameters
    ----------
    parameters : mapping
        ``b`` of shape ``(draws, I)``, ``a`` of that shape or ``(draws,)`` (or
        ``mu_a``, the logarithm of one for all items), and
        ``theta``, ``(draws, J)``. Without ``theta`` abilities are integrated out,
        and ``mu_country``, ``(draws, C)``, is needed.
    stan : mapping
        The Stan data with ``y``.

    Returns
    -------
    ndarray of shape (draws,)
    """
    import numpy as np

    if "theta" not in parameters:
        integrated: NDArray[Any] = marginal(parameters, stan).sum(axis=1)
        return integrated
    person, item = np.asarray(stan["person"]) - 1, np.asarray(stan["item"]) - 1
    b = np.asarray(parameters["b"])
    eta = np.asarray(parameters["theta"])[:, person] - b[:, item]
    eta = _slopes(parameters)[:, item] * eta
    sign = np.where(np.asarray(stan["y"]) == 1, -1.0, 1.0)
    total: NDArray[Any] = -np.logaddexp(0.0, sign * eta).sum(axis=1)
    return total


def marginal(parameters: Mapping[str, Any], stan: Mapping[str, Any]) -> NDArray[Any]:
    r"""Return each person's log likelihood with the ability integrated out.

    .. math:: \log \int \prod_i p(y_{ji} \mid t) \, N(t \mid \mu_{c(j)}, 1) \, dt

    by a Gauss-Hermite rule, which is precise as long as a person's answers do not
    pin the ability down much better than the population does.

    Parameters
    ----------
    parameters, stan : mapping
        As for :func:`log_likelihood`, with ``mu_country``.

    Returns
    -------
    ndarray of shape (draws, J)
    """
    import numpy as np
    from scipy.special import logsumexp

    x, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    log_weight = np.log(weight / weight.sum())
    a, b = _slopes(parameters), np.asarray(parameters["b"])
    person, item = np.asarray(stan["person"]) - 1, np.asarray(stan["item"]) - 1
    shape = (int(stan["J"]), int(stan["I"]))
    answered, correct = np.zeros(shape), np.zeros(shape)
    answered[person, item] = 1.0
    correct[person, item] = stan["y"]
    country = np.asarray(stan["country"]) - 1
    out = np.empty((len(b), shape[0]))
    for c, mean in enumerate(np.asarray(parameters["mu_country"]).T):
        who = country == c
        t = mean[:, None, None] + x[:, None]
        eta = a[:, None] * (t - b[:, None])
        value = eta @ correct[who].T - np.logaddexp(0.0, eta) @ answered[who].T
        out[:, who] = logsumexp(value + log_weight[:, None], axis=1)
    return out


def _slopes(parameters: Mapping[str, Any]) -> NDArray[Any]:
    """Return discriminations of shape (draws, I), also where all items share one."""
    import numpy as np

    b = np.asarray(parameters["b"])
    a = np.asarray(parameters["a"] if "a" in parameters else np.exp(parameters["mu_a"]))
    return np.broadcast_to(a if a.ndim == b.ndim else a[:, None], b.shape)


#: All items alike in discrimination.
IRT_1PL = System(_one_slope, _outcomes, log_likelihood)
#: A discrimination for each item.
IRT_2PL = System(_many_slopes, _outcomes, log_likelihood)
