"""Exact posteriors: hyperparameters on a lattice, groups integrated out, no chains."""

from __future__ import annotations

__all__: list[str] = []
