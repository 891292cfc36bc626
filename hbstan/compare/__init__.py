"""Comparison of models of the same data, and predictions averaged over them."""

from __future__ import annotations

from hbstan.compare.comparison import FEW_GROUPS, SMALL, VERDICTS, Comparison, compare
from hbstan.compare.mixture import average
from hbstan.compare.weights import pseudo_bma_weights, stacking_weights

__all__ = [
    "FEW_GROUPS",
    "SMALL",
    "VERDICTS",
    "Comparison",
    "average",
    "compare",
    "pseudo_bma_weights",
    "stacking_weights",
]
