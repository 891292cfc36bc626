"""What the posterior depends on: priors, single groups, the likelihood."""

from __future__ import annotations

from hbstan.sensitivity.alternatives import default_swaps
from hbstan.sensitivity.leaving_out import Influence, influence
from hbstan.sensitivity.powers import power_of
from hbstan.sensitivity.scaling import power_scaling
from hbstan.sensitivity.scaling_result import PowerScaling
from hbstan.sensitivity.swaps import PriorSwaps, swap_priors

__all__ = [
    "Influence",
    "PowerScaling",
    "PriorSwaps",
    "default_swaps",
    "influence",
    "power_of",
    "power_scaling",
    "swap_priors",
]
