"""The simulators of systems, by family of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hbstan.simulate import normal_groups
from hbstan.simulate.system import System

if TYPE_CHECKING:
    from hbstan.models import Model

__all__ = ["system_of"]

_SYSTEMS: Mapping[str, System] = {
    "normal_groups": normal_groups.POPULATION,
    "normal_groups_sum_to_zero": normal_groups.SUM_TO_ZERO,
}


def system_of(model: Model) -> System | None:
    """Return a model's simulator, or None if its groups have one outcome each."""
    return _SYSTEMS.get(model.family)
