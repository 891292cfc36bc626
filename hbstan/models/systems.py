"""The catalogue's models of data that are more than one outcome a group."""

from __future__ import annotations

from hbstan.models.entry import Model
from hbstan.models.normal_groups import NORMAL_GROUPS

__all__ = ["SYSTEMS"]

SYSTEMS: tuple[Model, ...] = (*NORMAL_GROUPS,)
