"""Estimates by no, complete and partial pooling in closed form (empirical Bayes)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.pooling.squared_error import pooled_mean, risk

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.pooling.measured import Evidence

__all__ = ["empirical"]

#: Jeffreys' prior of a probability.
_JEFFREYS = 0.5


def empirical(
    data: Dataset, found: Evidence, ci_prob: float
) -> dict[str, pd.DataFrame]:
    """Estimate each group in three ways, with intervals.

    No pooling: the group's own estimate, ``y_j +- q se_j``; for events ``y_j / n_j``
    with Jeffreys' interval, beta(y + 1/2, n - y + 1/2), whose end is 0 without events
    and 1 without others. Complete pooling: the mean weighted by ``1 / v_j``; for events
    all events over all trials, with Jeffreys' interval. Partial pooling: ``w_j y_j + (1
    - w_j) mu`` with ``w_j = tau^2 / (tau^2 + v_j)``, tau by restricted maximum
    likelihood and mu the mean weighted by ``1 / (v_j + tau^2)``. Its interval is ``+-
    q`` times the root of the predicted mean squared error
    (:func:`hbstan.pooling.squared_error.risk`), which counts that mu and tau are
    estimated; for events the quantiles of the beta distribution with that mean and the
    variance ``m (1 - m) / (n_j + kappa + 1)``, ``kappa = sigma^2 / tau^2``, plus the
    same two terms. Where rates are 0 and 1 alone there is no such population: without
    spread between groups the interval is that of complete pooling, with nothing but
    spread that of no pooling. On the probability scale the estimate is the posterior
    mean under the beta population of mean mu and concentration kappa.

    Parameters
    ----------
    data : Dataset
    found : Evidence
        Of the data, on the probability scale if they are events.
    ci_prob : float

    Returns
    -------
    dict of str to pandas.DataFrame
        ``none``, ``complete`` and ``partial``: ``estimate``, ``lower`` and ``upper`` by
        group.
    """
    import pandas as pd

    build = _events if found.scale == "probability" else _real
    tails = ((1.0 - ci_prob) / 2.0, (1.0 + ci_prob) / 2.0)
    index = pd.Index(found.labels, name="group")
    return {
        strategy: pd.DataFrame(
            {"estimate": estimate, "lower": lower, "upper": upper}, index=index
        )
        for strategy, (estimate, lower, upper) in build(data, found, tails).items()
    }


_Bounded = tuple[Any, Any, Any]


def _real(
    data: Dataset, found: Evidence, tails: tuple[float, float]
) -> dict[str, _Bounded]:
    import numpy as np
    from scipy import stats

    q = float(stats.norm.ppf(tails[1]))
    y, v = found.estimates, found.variances
    centre, variance = pooled_mean(y, v, 0.0)
    all_alike = np.full(y.shape, centre)
    partial, one = _shrunk(found)
    errors = {
        "none": (y, np.sqrt(np.where(found.seen, v, np.nan))),
        "complete": (all_alike, np.sqrt(np.full(y.shape, variance))),
        "partial": (partial, np.sqrt(one.partial)),
    }
    return {k: (m, m - q * se, m + q * se) for k, (m, se) in errors.items()}


def _shrunk(found: Evidence) -> tuple[NDArray[Any], Any]:
    """Return the shrunk estimates, and the errors expected of them."""
    import numpy as np

    one = risk(found.variances, found.tau)
    mu, _ = pooled_mean(found.estimates, found.variances, found.tau)
    own = np.where(found.seen, found.estimates, 0.0)
    return one.weight * own + (1.0 - one.weight) * mu, one


def _events(
    data: Any, found: Evidence, tails: tuple[float, float]
) -> dict[str, _Bounded]:
    import numpy as np

    y, n = np.asarray(data.y, dtype=float), np.asarray(data.n, dtype=float)
    raw = found.estimates
    own = _jeffreys(y, n, tails)
    own = tuple(np.where(found.seen, end, np.nan) for end in own)
    total = float(y.sum()), float(n.sum())
    one_for_all = (total[0] / total[1], *_jeffreys(*total, tails))
    mean, one = _shrunk(found)
    mean = np.clip(mean, 0.0, 1.0)
    assert found.within is not None
    # 1 / (n + kappa + 1) = 1 / (n / w + 1), which is finite for tau = 0 too.
    with np.errstate(divide="ignore", invalid="ignore"):
        held = np.where(one.weight > 0, one.weight / (n + one.weight), 0.0)
    held = np.where(found.seen, held, found.tau**2 / (found.tau**2 + found.within))
    variance = mean * (1.0 - mean) * held + one.for_mu + one.for_tau
    complete = tuple(np.full(y.shape, x) for x in one_for_all)
    ends = [
        np.where(np.isnan(end), c, end)
        for end, c in zip(_beta(mean, variance, tails), complete[1:], strict=True)
    ]
    if found.apart:
        kept = [np.where(found.seen, o, e) for o, e in zip(own, ends, strict=True)]
        ends = [np.minimum(kept[0], mean), np.maximum(kept[1], mean)]
    return {
        "none": (raw, *own),
        "complete": complete,
        "partial": (mean, *ends),
    }


def _jeffreys(y: Any, n: Any, tails: tuple[float, float]) -> tuple[Any, ...]:
    """Return Jeffreys' interval, from 0 without events and to 1 without others.

    Brown, Cai and DasGupta (2001), doi:10.1214/ss/1009213286.
    """
    import numpy as np
    from scipy import stats

    posterior = stats.beta(y + _JEFFREYS, n - y + _JEFFREYS)
    lower, upper = (posterior.ppf(tail) for tail in tails)
    return np.where(y == 0, 0.0, lower), np.where(y == n, 1.0, upper)


def _beta(
    mean: NDArray[Any], variance: NDArray[Any], tails: tuple[float, float]
) -> tuple[Any, ...]:
    """Return quantiles of beta distributions of given mean and variance.

    NaN where the mean is 0 or 1, which no such distribution has.
    """
    import numpy as np
    from scipy import stats

    whole = mean * (1.0 - mean)
    # Where the two do not go together, as near 0, the variance gives way.
    with np.errstate(divide="ignore", invalid="ignore"):
        count = whole / np.minimum(variance, 0.5 * whole) - 1.0
    return tuple(
        stats.beta.ppf(tail, mean * count, (1.0 - mean) * count) for tail in tails
    )
