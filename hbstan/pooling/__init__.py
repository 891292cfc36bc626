"""Partial pooling: how groups differ, how far they shrink, and where each stands."""

from __future__ import annotations

from hbstan.pooling.between import Heterogeneity, heterogeneity
from hbstan.pooling.classical import MetaAnalysis, meta_analysis
from hbstan.pooling.exceed import Exceedance, exceedance
from hbstan.pooling.factors import Shrinkage, shrinkage
from hbstan.pooling.ranking import Ranks, group_ranks

__all__ = [
    "Exceedance",
    "Heterogeneity",
    "MetaAnalysis",
    "Ranks",
    "Shrinkage",
    "exceedance",
    "group_ranks",
    "heterogeneity",
    "meta_analysis",
    "shrinkage",
]
