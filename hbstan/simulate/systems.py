"""The simulators of systems, by family of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hbstan.simulate.system import System

if TYPE_CHECKING:
    from hbstan.models import Model

__all__ = ["system_of"]

_SYSTEMS: Mapping[str, System] = {}


def system_of(model: Model) -> System | None:
    """Return a model's simulator, or None if its groups have one outcome each."""
    return _SYSTEMS.get(model.family)
