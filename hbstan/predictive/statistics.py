"""Test statistics of grouped outcomes, one number a data set.

Each takes outcomes ``y`` of shape ``(draws, J)`` and the design (``{"n": trials}`` or
``{"sigma": standard errors}``, each of shape ``(J,)``) and returns ``(draws,)``.

Rates are ``r_j = y_j / n_j``. Groups without trials have no rate and do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Function = Callable[[NDArray[Any], Mapping[str, NDArray[Any]]], Any]
    #: Names of built-in statistics, or more statistics by name.
    Choice = Iterable[str] | Mapping[str, Function] | None

__all__ = [
    "Statistic",
    "choose",
    "coefficient_of_variation",
    "dispersion",
    "evaluate",
    "largest_rate",
    "rate_variance",
    "smallest_rate",
    "statistics_for",
    "zero_event_groups",
]


@dataclass(frozen=True)
class Statistic:
    """A test statistic under its name.

    Parameters
    ----------
    name : str
        Identifier in tables and checks.
    label : str
        What it is, in words.
    function : callable
        ``f(y, design) -> (draws,)``.
    least_groups : int
        Fewest groups (with trials) for which it is defined.
    advice : str
        What to think of when the model does not reproduce it.
    needs : str
        What the design must have; empty if nothing.
    """

    name: str
    label: str
    function: Function
    least_groups: int = 1
    advice: str = ""
    needs: str = ""


def choose(
    kind: str,
    groups: int,
    choice: Choice = None,
    *,
    design: Collection[str] = (),
) -> tuple[Statistic, ...]:
    """Return the statistics to compute.

    Parameters
    ----------
    kind : str
        As :class:`hbstan.predictive.replicates.Replicates` has it.
    groups : int
        Number of groups (with trials).
    choice : mapping of str to callable, or iterable of str, optional
        A mapping adds statistics ``f(y, design) -> (draws,)`` to the built-in ones;
        names select among those. By default all built-in ones, except those that
        compare groups where there is only one.
    design : collection of str
        What the design has.

    Returns
    -------
    tuple of Statistic

    Raises
    ------
    SettingsError
        If a name is unknown or taken, or a function cannot be called.
    """
    built_in = {
        s.name: s
        for s in statistics_for(kind)
        if groups >= s.least_groups and (not s.needs or s.needs in design)
    }
    if choice is None:
        return tuple(built_in.values())
    if isinstance(choice, Mapping):
        return (*built_in.values(), *_own(choice, built_in))
    names = [choice] if isinstance(choice, str) else list(choice)
    for name in names:
        if name not in built_in:
            raise SettingsError(
                f"there is no statistic {name!r} for {groups} groups of {kind} data; "
                f"there are {', '.join(built_in)}.",
                remedy="Pass one of your own as {'name': function}.",
            )
    return tuple(built_in[name] for name in names)


def _own(
    functions: Mapping[str, Function], taken: Mapping[str, Statistic]
) -> list[Statistic]:
    for name, function in functions.items():
        if not callable(function):
            raise SettingsError(
                f"the statistic {name!r} is {function!r}, but must be a function "
                "(y, design) -> one number a draw."
            )
        if name in taken or name == "coverage":
            raise SettingsError(
                f"the statistic {name!r} has the name of a built-in check.",
                remedy="Give it another name.",
            )
    return [Statistic(str(name), str(name), f) for name, f in functions.items()]


def evaluate(
    statistic: Statistic, y: NDArray[Any], design: Mapping[str, NDArray[Any]]
) -> Floats:
    """Compute a statistic of many data sets.

    Parameters
    ----------
    statistic : Statistic
    y : ndarray of shape (draws, J)
    design : mapping

    Returns
    -------
    ndarray of shape (draws,)

    Raises
    ------
    SettingsError
        If the function returns another shape, or what is not a finite number.
    """
    import numpy as np

    values = np.asarray(statistic.function(y, design), dtype=float)
    if values.shape != (len(y),):
        raise SettingsError(
            f"the statistic {statistic.name!r} returned the shape {values.shape} for "
            f"outcomes of shape {y.shape}; legal: ({len(y)},), one number a row.",
            remedy="Reduce over the last axis: y.max(axis=-1), for instance.",
        )
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise SettingsError(
            f"the statistic {statistic.name!r} is {values[wrong[0]]} for outcomes "
            f"{np.array2string(y[wrong[0]], threshold=8)}; legal: finite numbers.",
            remedy="Define it for every possible data set.",
        )
    return values


def _rates(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    n = design["n"]
    rates: Floats = y[:, n > 0] / n[n > 0]
    return rates


def _total(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.sum(axis=1).astype(float)
    return values


def rate_variance(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the variance of the rates between groups.

    ``sum_j (r_j - mean(r))^2 / J``, with divisor J and every group counting the
    same: 0.00135 for the surgical data.

    Parameters
    ----------
    y : ndarray of shape (draws, J)
        Events.
    design : mapping
        With ``n``.

    Returns
    -------
    ndarray of shape (draws,)
        Squared proportions.
    """
    values: Floats = _rates(y, design).var(axis=1)
    return values


def largest_rate(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the largest rate of a group, a proportion, for each row of ``y``."""
    values: Floats = _rates(y, design).max(axis=1)
    return values


def smallest_rate(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the smallest rate of a group, a proportion, for each row of ``y``."""
    values: Floats = _rates(y, design).min(axis=1)
    return values


def coefficient_of_variation(
    y: NDArray[Any], design: Mapping[str, NDArray[Any]]
) -> Floats:
    """Return the rates' standard deviation over their mean.

    Divisor J, as in :func:`rate_variance`: 0.499 for the surgical data. It is 0
    where no group has an event, so that no rate varies.

    Parameters
    ----------
    y : ndarray of shape (draws, J)
        Events.
    design : mapping
        With ``n``.

    Returns
    -------
    ndarray of shape (draws,)
        Ratios.
    """
    import numpy as np

    rates = _rates(y, design)
    mean = rates.mean(axis=1)
    return np.where(mean > 0, rates.std(axis=1) / np.where(mean > 0, mean, 1.0), 0.0)


def zero_event_groups(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the number of groups with trials and no event, for each row of ``y``."""
    values: Floats = (y[:, design["n"] > 0] == 0).sum(axis=1).astype(float)
    return values


def dispersion(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return Pearson's dispersion against one common rate.

    ``phi = sum_j (y_j - n_j r)^2 / (n_j r (1 - r)) / (J - 1)`` with the pooled rate
    ``r = sum(y) / sum(n)``: about 1 for binomial outcomes of equal probability,
    above 1 where groups differ (McCullagh and Nelder 1989, Generalized Linear
    Models, section 4.5). It is 0 where all trials have the same outcome.

    Parameters
    ----------
    y : ndarray of shape (draws, J)
        Events.
    design : mapping
        With ``n``.

    Returns
    -------
    ndarray of shape (draws,)
        Ratios.
    """
    import numpy as np

    there = design["n"] > 0
    n, y = design["n"][there], y[:, there]
    rate = (y.sum(axis=1) / n.sum())[:, None]
    spread = rate * (1.0 - rate)
    squares = ((y - n * rate) ** 2 / n).sum(axis=1)
    common = spread[:, 0]
    positive = np.where(common > 0, common, 1.0)
    return np.where(common > 0, squares / positive / (n.size - 1), 0.0)


def _mean(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.mean(axis=1)
    return values


def _variance(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.var(axis=1)
    return values


def _max(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.max(axis=1)
    return values


def _min(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.min(axis=1)
    return values


def _cochran(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return Cochran's Q over J - 1: the dispersion against one common mean."""
    weights = design["sigma"] ** -2.0
    mean = (y @ weights / weights.sum())[:, None]
    values: Floats = ((y - mean) ** 2 * weights).sum(axis=1) / (weights.size - 1)
    return values


def _sd(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = y.std(axis=1)
    return values


def _zeros(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    values: Floats = (y == 0).mean(axis=1)
    return values


def _between(y: NDArray[Any], design: Mapping[str, NDArray[Any]]) -> Floats:
    """Return the variance of the means of groups with several outcomes."""
    import numpy as np

    unit = design["unit"]
    sums = np.zeros((unit.size, int(unit.max()) + 1))
    sums[np.arange(unit.size), unit] = 1.0 / np.bincount(unit)[unit]
    values: Floats = (y @ sums)[:, np.unique(unit)].var(axis=1)
    return values


_LOCATION = "Look at the prior of mu, and whether it contradicts the data."
_SPREAD = "Let groups differ (a hierarchical model), or look at the prior of tau."
_TAIL = (
    "Look at the data of the most extreme group; if they are right, try group effects "
    "with heavier tails (a Student t, or a mixture)."
)

_BINOMIAL = (
    Statistic("total", "total events", _total, 0, _LOCATION),
    Statistic(
        "between_group_variance", "variance of the rates", rate_variance, 2, _SPREAD
    ),
    Statistic("max", "largest rate", largest_rate, 1, _TAIL),
    Statistic("min", "smallest rate", smallest_rate, 1, _TAIL),
    Statistic(
        "coefficient_of_variation",
        "rates' sd over their mean",
        coefficient_of_variation,
        2,
        _SPREAD,
    ),
    Statistic(
        "zero_event_groups",
        "groups without events",
        zero_event_groups,
        0,
        "Groups without events may be of another kind: look at their data, or try a "
        "mixture of populations.",
    ),
    Statistic("dispersion", "Pearson dispersion", dispersion, 2, _SPREAD),
)
_REAL = (
    Statistic("mean", "mean", _mean, 1, _LOCATION),
    Statistic("sd", "standard deviation", _sd, 2, _SPREAD),
    Statistic("max", "largest", _max, 1, _TAIL),
    Statistic("min", "smallest", _min, 1, _TAIL),
    Statistic(
        "between", "variance between the groups' means", _between, 2, _SPREAD, "unit"
    ),
)
_COUNT = (
    Statistic("mean", "mean", _mean, 1, _LOCATION),
    Statistic("variance", "variance", _variance, 2, _SPREAD),
    Statistic("max", "largest", _max, 1, _TAIL),
    Statistic("zeros", "share of zeros", _zeros, 1, "Try a model with more zeros."),
    Statistic(
        "between", "variance between the groups' means", _between, 2, _SPREAD, "unit"
    ),
)
_BINARY = (
    Statistic("mean", "share of ones", _mean, 1, _LOCATION),
    Statistic(
        "between", "variance between the groups' shares", _between, 2, _SPREAD, "unit"
    ),
)
_NORMAL = (
    Statistic("mean", "mean estimate", _mean, 1, _LOCATION),
    Statistic("variance", "variance of the estimates", _variance, 2, _SPREAD),
    Statistic("max", "largest estimate", _max, 1, _TAIL),
    Statistic("min", "smallest estimate", _min, 1, _TAIL),
    Statistic("dispersion", "Cochran's Q over J - 1", _cochran, 2, _SPREAD),
)


def statistics_for(kind: str) -> tuple[Statistic, ...]:
    """Return the built-in statistics of a kind of data.

    For binomial data: ``total``, ``between_group_variance``, ``max``, ``min``,
    ``coefficient_of_variation``, ``zero_event_groups``, ``dispersion``. For estimates:
    ``mean``, ``variance`` (divisor J), ``max``, ``min``, and ``dispersion``, which is
    Cochran's ``sum_j (y_j - m)^2 / sigma_j^2 / (J - 1)`` around the mean ``m`` weighted
    by ``1 / sigma_j^2`` (Cochran 1954, doi:10.2307/3001666). For other data ``mean``,
    ``sd`` (or ``variance`` and ``zeros`` of counts), ``max``, ``min``, and ``between``,
    the variance of the means of groups with several outcomes.

    Parameters
    ----------
    kind : str
        As :class:`hbstan.predictive.replicates.Replicates` has it.
    """
    return _BY_KIND[kind]


_BY_KIND: Mapping[str, tuple[Statistic, ...]] = {
    "binomial": _BINOMIAL,
    "normal": _NORMAL,
    "real": _REAL,
    "count": _COUNT,
    "binary": _BINARY,
}
