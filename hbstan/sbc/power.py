"""Whether a calibration could have found what it looks for."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from hbstan.results import Check, Outcome
from hbstan.sbc import detection

if TYPE_CHECKING:
    from hbstan.sbc.detection import Detectable
    from hbstan.sbc.limits import Limits

__all__ = ["needed_sims", "power_check"]

#: No calibration is asked to have more simulations.
_MOST_SIMS = 100_000


def power_check(
    detectable: Detectable | None,
    n_sims: int,
    max_rank: int,
    distinct: int,
    limits: Limits,
) -> Check:
    """Check that a miscalibration of the size that matters would have been found.

    Parameters
    ----------
    detectable : Detectable or None
        What is found with the power of ``limits``; None without simulations.
    n_sims : int
        Simulations that have a posterior.
    max_rank : int
        Ranks go from 0 to this.
    distinct : int
        Number of distinct quantities, between which alpha is divided.
    limits : Limits

    Returns
    -------
    Check
        Pass or not run. Its value is the smallest error of a posterior's mean that is
        found, in posterior standard deviations.
    """
    label = "Miscalibrations that would be found"
    rule = (
        f"shift <= {limits.shift:g} sd, sd factor within {1 / limits.scale:.3g} to "
        f"{limits.scale:g}"
    )
    found = "nothing: no simulation has a posterior"
    if detectable is not None:
        found = _in_words(detectable)
        found += f" (power {limits.power:g}, {n_sims} simulations)"
        enough = (
            detectable.shift <= limits.shift
            and detectable.narrow >= 1 / limits.scale
            and detectable.wide <= limits.scale
        )
        if enough:
            value = float(detectable.shift)
            return Check(
                "power", label, Outcome.PASS, value, limits.shift, rule, detail=found
            )
    return Check(
        "power",
        label,
        Outcome.NOT_RUN,
        None if detectable is None else float(detectable.shift),
        limits.shift,
        rule,
        detail=f"underpowered: {found}",
        advice=_advice(n_sims, max_rank, distinct, limits),
    )


def _in_words(found: Detectable) -> str:
    """Return the miscalibrations that are found; some may be beyond reach."""
    shift = "no shift" if math.isinf(found.shift) else f"shift {found.shift:.3g} sd"
    factors = [
        "no smaller sd" if found.narrow == 0 else f"sd factor {found.narrow:.3g}",
        "no larger sd" if math.isinf(found.wide) else f"sd factor {found.wide:.3g}",
    ]
    return ", ".join([shift, *factors])


def _advice(n_sims: int, max_rank: int, distinct: int, limits: Limits) -> str:
    needed = needed_sims(max_rank, distinct, limits, above=n_sims)
    if needed is None:
        return (
            f"More than {_MOST_SIMS} simulations would be needed: look for a larger "
            "shift or scale, or raise max_rank."
        )
    return f"Run at least {needed} simulations; a store can be gone on with."


@functools.lru_cache(maxsize=256)
def needed_sims(
    max_rank: int, distinct: int, limits: Limits, *, above: int = 0
) -> int | None:
    """Return how many simulations find what ``limits`` ask for.

    Parameters
    ----------
    max_rank : int
        Ranks go from 0 to this.
    distinct : int
        Number of distinct quantities.
    limits : Limits
    above : int
        A number of simulations that is known not to suffice.

    Returns
    -------
    int or None
        Rounded up to two digits; None if some 100,000 do not suffice.
    """
    low, high = above, max(16, 2 * above)
    while not _suffices(high, max_rank, distinct, limits):
        low, high = high, 2 * high
        if low >= _MOST_SIMS:
            return None
    while high - low > 1 and _two_digits(low + 1) < _two_digits(high):
        middle = (low + high) // 2
        if _suffices(middle, max_rank, distinct, limits):
            high = middle
        else:
            low = middle
    return _two_digits(high)


def _two_digits(number: int) -> int:
    """Round up to two digits."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // unit) * unit


def _suffices(n_sims: int, max_rank: int, distinct: int, limits: Limits) -> bool:
    """Tell whether so many simulations have the power that is asked for."""
    alpha = limits.alpha / distinct
    wrong = (
        detection.shifted_cells(limits.shift, max_rank),
        detection.scaled_cells(limits.scale, max_rank),
        detection.scaled_cells(1 / limits.scale, max_rank),
    )
    return all(
        detection.power(n_sims, max_rank, cells, alpha) >= limits.power
        for cells in wrong
    )
