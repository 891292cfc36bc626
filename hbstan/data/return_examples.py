"""The bundled returns: simulated with a volatility that is known."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from hbstan.data.info import DatasetInfo
from hbstan.data.return_series import Returns

__all__ = ["examples"]

#: Of the order of those that daily returns of exchange rates have.
_MU, _PHI, _SIGMA = -0.5, 0.95, 0.25


def examples() -> tuple[tuple[DatasetInfo, Callable[[], Returns]], ...]:
    """Return what is known of each bundled dataset of returns, and how it is built."""
    return (
        _example("volatility", 250, 22, "About a year of trading days."),
        _example("volatility_short", 100, 8, "A series for calibration."),
    )


def _example(
    name: str, times: int, seed: int, words: str
) -> tuple[DatasetInfo, Callable[[], Returns]]:
    y, h = _simulate(times, seed)
    info = DatasetInfo(
        name=name,
        title=f"Daily returns in per cent, {times} days (simulated)",
        kind="returns",
        source=(
            f"Simulated with numpy.random.RandomState({seed}): mu {_MU:g}, phi "
            f"{_PHI:g}, sigma_eta {_SIGMA:g}, mean return 0."
        ),
        doi=None,
        note=(
            f"{words} y_t ~ normal(0, exp(h_t / 2)), h_t = mu + phi (h_(t-1) - mu) + "
            "sigma_eta eta_t with a stationary start. The true path h is in truth. The "
            "centered program mixes badly on series like this one."
        ),
        priors={},
        default_model="sv_noncentered",
        family_priors={},
        truth={
            "mu": _MU,
            "phi": _PHI,
            "phi_star": 0.5 * (1.0 + _PHI),
            "sigma_eta": _SIGMA,
            "h": h,
        },
    )
    return info, functools.partial(_build, y)


def _build(y: tuple[float, ...]) -> Returns:
    values: Any = y
    labels = tuple(str(day + 1) for day in range(len(y)))
    return Returns(labels=labels, y=values, columns={"group": "day", "value": "return"})


@functools.lru_cache(maxsize=8)
def _simulate(times: int, seed: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the returns and the path of log variances.

    The generator is the old one because NumPy promises never to change its streams.
    """
    import numpy as np

    rng = np.random.RandomState(seed)
    shocks, noise = rng.standard_normal(times), rng.standard_normal(times)
    h = np.empty(times)
    h[0] = _MU + _SIGMA / np.sqrt(1.0 - _PHI**2) * shocks[0]
    for t in range(1, times):
        h[t] = _MU + _PHI * (h[t - 1] - _MU) + _SIGMA * shocks[t]
    return tuple((np.exp(0.5 * h) * noise).tolist()), tuple(h.tolist())
