"""Figures of results, in matplotlib; nothing is estimated here.

Each function returns a figure and shows or saves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

from hbstan.plots.assess import assessment
from hbstan.plots.compare import comparison, pointwise_differences
from hbstan.plots.crossed import league_table, poststratified
from hbstan.plots.data import funnel, outcomes
from hbstan.plots.fit import forest, ranks, trace
from hbstan.plots.items import item_curves, person_item_map
from hbstan.plots.laboratory import pooling_lab
from hbstan.plots.loo import loo_groups, loo_ladder, pareto_k
from hbstan.plots.meta import meta_forest
from hbstan.plots.pit import loo_pit
from hbstan.plots.pooling import (
    exceedance,
    heterogeneity,
    rank_probabilities,
    shrinkage,
)
from hbstan.plots.predictive import (
    predictive_intervals,
    predictive_statistics,
    prior_predictive,
    residuals,
)
from hbstan.plots.sbc import sbc_coverage, sbc_ecdf, sbc_ranks
from hbstan.plots.sbc_posterior import sbc_contraction, sbc_recovery
from hbstan.plots.sbc_trouble import sbc_failures
from hbstan.plots.sensitivity import influence, power_scaling, prior_swaps
from hbstan.plots.surfaces import minimization, surrogate
from hbstan.plots.volatility import volatility

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

__all__ = [
    "SBC_FIGURES",
    "assessment",
    "comparison",
    "exceedance",
    "forest",
    "funnel",
    "heterogeneity",
    "influence",
    "item_curves",
    "league_table",
    "loo_groups",
    "loo_ladder",
    "loo_pit",
    "meta_forest",
    "minimization",
    "outcomes",
    "pareto_k",
    "person_item_map",
    "pointwise_differences",
    "pooling_lab",
    "poststratified",
    "power_scaling",
    "predictive_intervals",
    "predictive_statistics",
    "prior_predictive",
    "prior_swaps",
    "rank_probabilities",
    "ranks",
    "residuals",
    "sbc_contraction",
    "sbc_coverage",
    "sbc_ecdf",
    "sbc_failures",
    "sbc_ranks",
    "sbc_recovery",
    "shrinkage",
    "surrogate",
    "trace",
    "volatility",
]

#: All figures of a calibration, by name: each takes the result alone.
SBC_FIGURES: Mapping[str, Callable[..., Figure]] = MappingProxyType(
    {
        "sbc_ranks": sbc_ranks,
        "sbc_ecdf": sbc_ecdf,
        "sbc_coverage": sbc_coverage,
        "sbc_contraction": sbc_contraction,
        "sbc_recovery": sbc_recovery,
        "sbc_failures": sbc_failures,
    }
)
