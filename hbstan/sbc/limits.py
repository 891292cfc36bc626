"""What a calibration's fits are held against, and which of them fall short."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Limits", "converged", "problems", "worst"]

#: For each limit: least and largest value, whether these are legal themselves, and
#: the range in words.
_REAL_LIMITS: dict[str, tuple[float, float, bool, str]] = {
    "rhat": (1.0, math.inf, False, "above 1"),
    "ess": (0.0, math.inf, True, "0 or more"),
    "failed_share": (0.0, 1.0, True, "from 0 to 1"),
    "unconverged_share": (0.0, 1.0, True, "from 0 to 1"),
    "alpha": (0.0, 1.0, False, "between 0 and 1"),
    "power": (0.0, 1.0, False, "between 0 and 1"),
    "shift": (0.0, math.inf, False, "above 0"),
    "scale": (1.0, math.inf, False, "above 1"),
}


@dataclass(frozen=True)
class Limits:
    """The limits of a calibration.

    Parameters
    ----------
    rhat : float
        The largest R-hat of a fit's quantities must be below this. A calibration's
        fits are short, usually of one chain whose halves are compared, and the
        largest of many R-hats counts: with an effective sample size of 125 among 500
        draws of 24 quantities, two stationary chains in five go beyond 1.05, and one
        in two hundred beyond 1.1. A final analysis wants 1.01.
    ess : float
        The smallest bulk or tail effective sample size of a fit's quantities must be
        at least this. A rank is found among independent draws, however few; below
        this there are hardly any, and the fit says little.
    divergences : int
        A fit may have so many divergent transitions after warmup.
    failed_share : float
        At most this share of the simulations may have no posterior.
    unconverged_share : float
        At most this share of the fits may be beyond ``rhat`` or ``ess``; and at most
        this share may have more than ``divergences``.
    alpha : float
        Probability, at most, with which any quantity of a calibrated program is found
        not to be uniform.
    power : float
        Probability with which a miscalibration of size ``shift`` or ``scale`` must be
        found, or the calibration decides nothing.
    shift : float
        Error of a posterior's mean, in posterior standard deviations.
    scale : float
        Factor by which a posterior's standard deviation is too large; its inverse
        stands for a posterior that is too narrow.
    """

    rhat: float = 1.1
    ess: float = 20.0
    divergences: int = 0
    failed_share: float = 0.01
    unconverged_share: float = 0.05
    alpha: float = 0.05
    power: float = 0.8
    shift: float = 0.3
    scale: float = 1.5

    def __post_init__(self) -> None:
        faults = []
        for name, (least, most, closed, words) in _REAL_LIMITS.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            inside = number and (
                least <= value <= most if closed else least < value < most
            )
            if not inside:
                faults.append(f"{name} is {value!r}, but must be {words}.")
        count = self.divergences
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            faults.append(
                f"divergences is {count!r}, but must be a whole number, 0 or more."
            )
        if not faults and self.power <= self.alpha:
            faults.append(
                f"power is {self.power!r}, but must be above alpha ({self.alpha!r}), "
                "which a test reaches by chance."
            )
        if faults:
            raise SettingsError("\n".join(faults))

    def record(self) -> dict[str, Any]:
        """Return the limits as JSON-ready data."""
        return asdict(self)


def problems(dataset: xr.Dataset, limits: Limits) -> dict[str, NDArray[np.bool_]]:
    """Tell which simulations have which problem.

    Parameters
    ----------
    dataset : xarray.Dataset
        See :class:`hbstan.sbc.result.SBCResult`.
    limits : Limits

    Returns
    -------
    dict of str to numpy.ndarray
        Each of shape ``(sim_id,)``: ``failed`` (there is no posterior), ``rhat`` and
        ``ess`` (beyond the limit in any quantity), ``divergences`` (more than the
        limit), ``treedepth`` (any transition whose trajectory was cut short, which
        costs efficiency only). A quantity without R-hat or ESS, being constant, does
        not count; a fit without any has both problems. A failed simulation has no
        other problem.
    """
    import numpy as np

    ok = dataset["status"].values == "ok"
    rhat, ess = worst(dataset)
    # Written so that NaN, no number at all, is a problem.
    return {
        "failed": ~ok,
        "rhat": ok & ~(rhat < limits.rhat),
        "ess": ok & ~(ess >= limits.ess),
        "divergences": ok & np.asarray(dataset["divergences"] > limits.divergences),
        "treedepth": ok & np.asarray(dataset["treedepth_hits"] > 0),
    }


def converged(dataset: xr.Dataset, limits: Limits) -> NDArray[np.bool_]:
    """Tell which simulations have a posterior that can be trusted.

    Parameters
    ----------
    dataset : xarray.Dataset
    limits : Limits

    Returns
    -------
    numpy.ndarray
        Shape ``(sim_id,)``: none of the :func:`problems` except ``treedepth``.
    """
    found = problems(dataset, limits)
    bad = found["failed"] | found["rhat"] | found["ess"] | found["divergences"]
    return ~bad


def worst(dataset: xr.Dataset) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return each fit's largest R-hat and smallest bulk or tail ESS; NaN if none."""
    import numpy as np

    ess = np.fmin(dataset["ess_bulk"].values, dataset["ess_tail"].values)
    # fmax and fmin pass over NaN, and return it without a warning if all are NaN.
    largest: Any = np.fmax
    smallest: Any = np.fmin
    return largest.reduce(dataset["rhat"].values, axis=1), smallest.reduce(ess, axis=1)
