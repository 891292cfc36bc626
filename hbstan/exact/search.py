"""Where a posterior is: its density, its mode and how wide it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from hbstan.errors import ExactError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.exact.family import Family

__all__ = ["BLOCK", "blocks", "log_posterior", "log_prior", "middle"]

#: Numbers that an array of points by items holds at a time.
BLOCK = 2_000_000
#: Searches for the mode, until one gains less than so many nats.
_SEARCHES, _GAIN = 6, 0.5


def log_posterior(family: Family, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log likelihood plus log priors, as a density of ``t``."""
    out = log_prior(family, t)
    for rows in blocks(np.flatnonzero(np.isfinite(out)), len(family.counts)):
        out[rows] += family.total(t[rows])
    return np.where(np.isnan(out), -np.inf, out)


def log_prior(family: Family, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log priors, as a density of ``t``."""
    out = np.zeros(len(t))
    for k, axis in enumerate(family.axes):
        out += axis.log_prior(t[:, k])
    return np.where(np.isfinite(out), out, -np.inf)


def blocks(rows: NDArray[np.int64], items: int) -> Iterator[NDArray[np.int64]]:
    """Yield so many rows at a time that arrays of rows by items fit in memory."""
    size = max(1, BLOCK // max(1, items))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def middle(
    family: Family,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mode and the distances from it at which the density falls by e^-0.5.

    The search starts from the best of a coarse net of prior quantiles and the family's
    own guesses; where it ends decides how many points are needed, not what they say.
    """
    d = len(family.axes)
    if not d:
        return np.zeros(0), np.zeros(0)
    quantiles = [axis.quantile([0.02, 0.25, 0.5, 0.75, 0.98]) for axis in family.axes]
    unit = np.array([max((q[3] - q[1]) / 1.35, 1e-8) for q in quantiles])
    net = np.stack(np.meshgrid(*quantiles, indexing="ij"), -1).reshape(-1, d)
    tried = np.concatenate([family.starts(), net])
    value = log_posterior(family, tried)
    if not np.isfinite(value).any():
        raise ExactError(
            "the posterior density is 0 wherever it was tried.",
            remedy="Do the priors allow the data at all?",
        )
    start = tried[int(np.argmax(value))]

    def minus(t: NDArray[np.float64]) -> float:
        found = float(log_posterior(family, t[None])[0])
        return -found if np.isfinite(found) else 1e300

    def widths(mode: NDArray[np.float64], top: float) -> NDArray[np.float64]:
        return _widths(lambda t: log_posterior(family, t), mode, top, unit)

    mode, top, sides = start, float(value.max()), 0.5 * unit
    for _ in range(_SEARCHES):
        options: Any = {
            "initial_simplex": np.concatenate([mode[None], mode + np.diag(sides)]),
            "fatol": 0.2,
            "xatol": np.inf,
            "maxfev": 400 * d,
        }
        found = optimize.minimize(minus, mode, method="Nelder-Mead", options=options)
        gained, mode, top = -found.fun - top, np.asarray(found.x, float), -found.fun
        sides = widths(mode, top)
        # A search that begins far away may end in a simplex that has collapsed.
        if gained < _GAIN:
            break
    return mode, sides


def _widths(
    density: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    mode: NDArray[np.float64],
    top: float,
    unit: NDArray[np.float64],
) -> NDArray[np.float64]:
    away = 2.0 ** np.arange(-24.0, 7.0)
    out = []
    for k in range(len(mode)):
        sides = []
        for sign in (-1.0, 1.0):
            t = np.repeat(mode[None], len(away), 0)
            t[:, k] += sign * away * unit[k]
            drop = top - density(t)
            far = np.flatnonzero(drop > 0.5)
            first = int(far[0]) if len(far) else len(away) - 1
            # Between two powers of 2 the drop is about quadratic.
            ratio = 0.5 / max(float(drop[first]), 1e-3)
            sides.append(away[first] * unit[k] * np.sqrt(min(1.0, max(ratio, 0.1))))
        out.append(2.0 / (1.0 / sides[0] + 1.0 / sides[1]))
    return np.array(out)
