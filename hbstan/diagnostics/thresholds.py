"""The limits that diagnostics are held against, and checks over many values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from hbstan.errors import SettingsError
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_DRAWS", "MOST_SUBJECTS", "Thresholds", "worst_of"]

#: Fewer draws per chain than this carry no autocorrelation to speak of.
MIN_DRAWS = 4
#: How many of the quantities concerned a check names.
MOST_SUBJECTS = 5


@dataclass(frozen=True)
class Thresholds:
    """The limits that the diagnostics are held against.

    Parameters
    ----------
    rhat : float
        R-hat must be below this.
    ess_per_chain : float
        Bulk and tail ESS must each be at least this times the number of chains.
    divergences : int
        At most this many divergent transitions after warmup.
    saturated : int
        At most this many transitions that reached the maximum treedepth.
    bfmi : float
        E-BFMI must be at least this in every chain.
    """

    rhat: float = 1.01
    ess_per_chain: float = 100.0
    divergences: int = 0
    saturated: int = 0
    bfmi: float = 0.3

    def __post_init__(self) -> None:
        faults = []
        for name, value in asdict(self).items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not value >= 0:
                faults.append(f"{name} is {value!r}, but must be at least 0.")
        if faults:
            raise SettingsError("\n".join(faults))


def worst_of(
    check: Check,
    labels: list[str],
    *,
    badness: NDArray[Any],
    values: NDArray[Any],
    bad: NDArray[Any],
    advice: str,
    noun: str = "quantities",
) -> Check:
    """Complete ``check`` with the worst value; NaN counts as worst and as bad."""
    import numpy as np

    order = np.argsort(-np.where(np.isnan(badness), np.inf, badness), kind="stable")
    worst = int(order[0])
    count = int(bad.sum())
    if count == 0:
        return replace(
            check, value=float(values[worst]), detail=f"worst: {labels[worst]}"
        )
    concerned = [labels[i] for i in order if bad[i]]
    return replace(
        check,
        outcome=Outcome.FAIL,
        value=float(values[worst]),
        subjects=tuple(concerned[:MOST_SUBJECTS]),
        detail=f"{count} of {len(labels)} {noun}",
        advice=advice,
    )
