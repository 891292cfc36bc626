"""What each group's own data tell: an estimate, its sampling variance, its size.

The common ground of everything that reasons about pooling before a model is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, SettingsError
from hbstan.pooling.classical import classical_meta_analysis
from hbstan.pooling.groups import CORRECTION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.pooling.classical import MetaAnalysis

__all__ = ["Evidence", "as_dataset", "evidence"]

#: The variance within groups and that between them determine each other on the
#: probability scale; their fixed point is reached within a few steps.
_MOST_STEPS = 30
_TOLERANCE = 1e-6
#: Rates of 0 and 1 alone would leave no variance within groups.
_LEAST_WITHIN = 1e-3
#: The least share that the variance within groups has of the one that they show.
_OWN_SHARE = 0.5


@dataclass(frozen=True)
class Evidence:
    """Group estimates with sampling variances, and what lies between the groups.

    Parameters
    ----------
    data_name, kind : str
    scale : str
        ``"probability"``, ``"log-odds"`` or ``"estimate"``.
    labels : tuple of str
    estimates : ndarray of shape (J,)
        On the scale; NaN for groups without data.
    variances : ndarray of shape (J,)
        Squared standard errors of the estimates; infinite for groups without data.
    sizes : ndarray of shape (J,)
        Trials or observations; for estimates with known errors ``1 / se^2``.
    size_name : str
        What ``sizes`` are.
    between : MetaAnalysis
        tau, its interval and mu, from the groups with data, on the scale.
    within : float or None
        sigma^2, the variance of one trial or observation, so that ``variances`` is
        ``sigma^2 / n``; None where the errors are known.
    """

    data_name: str
    kind: str
    scale: str
    labels: tuple[str, ...]
    estimates: NDArray[Any]
    variances: NDArray[Any]
    sizes: NDArray[Any]
    size_name: str
    between: MetaAnalysis
    within: float | None

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which groups have data."""
        import numpy as np

        return np.asarray(np.isfinite(self.variances))

    @property
    def apart(self) -> bool:
        """Whether rates of 0 and 1 leave nothing but the spread between groups."""
        if self.scale != "probability" or self.within is None:
            return False
        # Near its floor: the last step may have moved mu.
        return self.within <= 2.0 * _LEAST_WITHIN * self.mu * (1.0 - self.mu)

    @property
    def mu(self) -> float:
        """The population's mean, by restricted maximum likelihood."""
        return self._reml("mu")

    @property
    def tau(self) -> float:
        """The standard deviation between groups, by restricted maximum likelihood."""
        return self._bounded("tau")

    @property
    def tau_interval(self) -> tuple[float, float]:
        """The Q-profile interval of tau."""
        return self._bounded("tau_lower"), self._bounded("tau_upper")

    def _reml(self, name: str) -> float:
        import numpy as np

        return float(np.asarray(self.between.table[name])[1])

    def _bounded(self, name: str) -> float:
        value = self._reml(name)
        # No distribution of probabilities is wider than one of 0 and 1 alone.
        most = (self.mu * (1.0 - self.mu)) ** 0.5 if self.scale == "probability" else 0
        return min(value, most) if most else value


def as_dataset(data: Any) -> Dataset:
    """Return a dataset as it is, and anything else as :func:`hbstan.data.load` does.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if hasattr(data, "to_stan"):
        found: Dataset = data
        return found
    from hbstan.data import load

    return load(data)


def evidence(data: Any, scale: str | None = None, ci_prob: float = 0.94) -> Evidence:
    """Return what each group's own data tell, and how much groups differ.

    Of binomial data on the probability scale the estimate is ``y / n`` with variance
    ``sigma^2 / n``, where ``sigma^2 = E[p (1 - p)] = mu (1 - mu) - tau^2`` is the same
    for all groups: averaged over the population that variance is exact, and groups
    without events need no correction. It is at least half of what the groups show
    themselves, ``sum(y (n - y) / (n - 1)) / sum(n)``, and a thousandth of ``mu (1 -
    mu)``. As tau is estimated with these variances, and they depend on tau, the two are
    iterated to their fixed point. On the log-odds scale the estimate is ``log((y + 0.5)
    / (n - y + 0.5))`` with variance ``1 / (y + 0.5) + 1 / (n - y + 0.5)``. Estimates
    with standard errors are taken as they are; group means with sums of squares (``n``,
    ``y``, ``ss``) have variance ``sigma^2 / n`` with ``sigma^2 = sum(ss) / sum(n -
    1)``.

    Parameters
    ----------
    data : Dataset
        With ``n`` and ``y`` (binomial), ``y`` and ``sigma``, or ``n``, ``y`` and
        ``ss``, one value a group.
    scale : {"probability", "log-odds"}, optional
        Of binomial data; by default the probability.
    ci_prob : float
        Probability of tau's interval.

    Returns
    -------
    Evidence

    Raises
    ------
    DataError
        If the data are of another form, or fewer than two groups have any.
    SettingsError
        If the scale is no scale of these data.
    """
    binomial = getattr(data, "kind", "") == "binomial"
    if scale not in ((None, "probability", "log-odds") if binomial else (None,)):
        legal = "'probability' or 'log-odds'" if binomial else "None"
        raise SettingsError(
            f"scale is {scale!r}; legal for {data.kind} data: {legal}.",
            remedy="Leave scale out, or name a legal one.",
        )
    if binomial:
        return _binomial(data, scale or "probability", ci_prob)
    return _real(data, ci_prob)


def _binomial(data: Any, scale: str, ci_prob: float) -> Evidence:
    import numpy as np

    y, n = np.asarray(data.y, dtype=float), np.asarray(data.n, dtype=float)
    seen = n > 0
    _require_two(data, seen)
    within: float | None = None
    v = np.full(n.shape, np.inf)
    estimates = np.full(n.shape, np.nan)
    if scale == "log-odds":
        events, others = y + CORRECTION, n - y + CORRECTION
        estimates[seen] = np.log(events / others)[seen]
        v[seen] = (1.0 / events + 1.0 / others)[seen]
        found = classical_meta_analysis(estimates[seen], np.sqrt(v[seen]), ci_prob)
    else:
        estimates[seen] = y[seen] / n[seen]
        found, within = _fixed_point(y[seen], n[seen], ci_prob)
        v[seen] = within / n[seen]
    return Evidence(
        data.name,
        data.kind,
        scale,
        tuple(data.labels),
        estimates,
        v,
        n,
        "trials",
        found,
        within,
    )


def _fixed_point(
    y: NDArray[Any], n: NDArray[Any], ci_prob: float
) -> tuple[MetaAnalysis, float]:
    """Return the meta-analysis of rates whose errors agree with its own mu and tau."""
    import numpy as np

    # With 0.5 added, so that data without any event have a variance as well.
    mean = (y.sum() + CORRECTION) / (n.sum() + 2.0 * CORRECTION)
    whole = mean * (1.0 - mean)
    within = whole
    least = _OWN_SHARE * _within_groups(y, n)
    for _ in range(_MOST_STEPS):
        found = classical_meta_analysis(y / n, np.sqrt(within / n), ci_prob)
        mu, tau2 = (float(np.asarray(found.table[k])[1]) for k in ("mu", "tau2"))
        mean = mu if 0.0 < mu < 1.0 else mean
        whole = mean * (1.0 - mean)
        before, within = within, max(whole - tau2, least, _LEAST_WITHIN * whole)
        if abs(within - before) <= _TOLERANCE * before:
            break
    return found, within


def _within_groups(y: NDArray[Any], n: NDArray[Any]) -> float:
    """Return the variance of a trial that the groups show themselves: E[p (1 - p)].

    ``y (n - y) / (n - 1)`` over n has that mean, whatever the population.
    """
    many = n > 1
    if not many.any():
        return 0.0
    y, n = y[many], n[many]
    return float((y * (n - y) / (n - 1.0)).sum() / n.sum())


def _real(data: Any, ci_prob: float) -> Evidence:
    """Read estimates with errors, or means with sums of squares."""
    import numpy as np

    y: Any = getattr(data, "y", None)
    arrays = {k: np.asarray(getattr(data, k, np.nan)) for k in ("sigma", "n", "ss")}
    one_each = {k for k, a in arrays.items() if a.shape == np.shape(y) != ()}
    within: float | None = None
    if np.ndim(y) == 1 and {"n", "ss"} <= one_each:
        n, ss = arrays["n"].astype(float), arrays["ss"].astype(float)
        within = float(ss.sum() / (n - 1.0)[n > 0].sum())
        with np.errstate(divide="ignore"):
            v = within / n
        sizes, size_name = n, "observations"
    elif np.ndim(y) == 1 and "sigma" in one_each:
        v = arrays["sigma"].astype(float) ** 2
        sizes, size_name = 1.0 / v, "precision"
    else:
        raise DataError(
            f"{getattr(data, 'name', type(data).__name__)!r} has no estimate with a "
            "standard error for each group.",
            remedy="Shrinkage is assessed of events and trials, of estimates with "
            "standard errors and of means with sizes; of other data fit a model "
            "(hbstan fit), or summarise each group first.",
        )
    seen = np.isfinite(v)
    _require_two(data, seen)
    estimates = np.where(seen, np.asarray(y, dtype=float), np.nan)
    found = classical_meta_analysis(estimates[seen], np.sqrt(v[seen]), ci_prob)
    labels = tuple(data.labels)
    return Evidence(
        data.name,
        data.kind,
        "estimate",
        labels,
        estimates,
        v,
        sizes,
        size_name,
        found,
        within,
    )


def _require_two(data: Any, seen: NDArray[np.bool_]) -> None:
    if int(seen.sum()) < 2:
        raise DataError(
            f"{data.name!r}: {int(seen.sum())} of {len(data.labels)} groups have data; "
            "pooling needs at least 2.",
            remedy="Add groups, or leave out those without trials.",
        )
