"""Partial pooling: how groups differ, how far they shrink, and where each stands."""

from __future__ import annotations

from hbstan.pooling.between import Heterogeneity, heterogeneity
from hbstan.pooling.census import Poststratified, poststratify
from hbstan.pooling.classical import MetaAnalysis, classical_meta_analysis
from hbstan.pooling.closed_form import (
    Conditional,
    EmpiricalBayes,
    conditional_posterior,
    empirical_bayes,
    shrinkage_weights,
)
from hbstan.pooling.exceed import Exceedance, exceedance
from hbstan.pooling.factors import Shrinkage, shrinkage
from hbstan.pooling.items import ItemCurves, ability_table, item_curves, item_table
from hbstan.pooling.laboratory import PoolingLab, pooling_lab
from hbstan.pooling.measured import Evidence, evidence
from hbstan.pooling.meta import MetaRegression, meta_analysis
from hbstan.pooling.ranking import Ranks, group_ranks
from hbstan.pooling.regression import Explained, explained
from hbstan.pooling.squared_error import Risk, risk

__all__ = [
    "Conditional",
    "EmpiricalBayes",
    "Evidence",
    "Exceedance",
    "Explained",
    "Heterogeneity",
    "ItemCurves",
    "MetaAnalysis",
    "MetaRegression",
    "PoolingLab",
    "Poststratified",
    "Ranks",
    "Risk",
    "Shrinkage",
    "ability_table",
    "classical_meta_analysis",
    "conditional_posterior",
    "empirical_bayes",
    "evidence",
    "exceedance",
    "explained",
    "group_ranks",
    "heterogeneity",
    "item_curves",
    "item_table",
    "meta_analysis",
    "pooling_lab",
    "poststratify",
    "risk",
    "shrinkage",
    "shrinkage_weights",
]
