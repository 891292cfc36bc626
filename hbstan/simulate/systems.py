"""The simulators of systems, by family of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hbstan.simulate import (
    covariates,
    matches,
    mrp,
    normal_groups,
    regression,
    responses,
    returns,
    studies,
    surface,
)
from hbstan.simulate.system import System

if TYPE_CHECKING:
    from hbstan.models import Model

__all__ = ["system_of"]

_SYSTEMS: Mapping[str, System] = {
    "normal_groups": normal_groups.POPULATION,
    "normal_groups_sum_to_zero": normal_groups.SUM_TO_ZERO,
    "logit_covariates": covariates.LOGIT_COVARIATES,
    "meta_regression": studies.META_REGRESSION,
    "linear_regression": regression.LINEAR,
    "logistic_regression": regression.LOGISTIC,
    "mrp_logit": mrp.MRP,
    "irt_1pl": responses.IRT_1PL,
    "irt_2pl": responses.IRT_2PL,
    "sv": returns.VOLATILITY,
    "football_poisson": matches.FOOTBALL,
    "gp_regression": surface.SURFACE,
}


def system_of(model: Model) -> System | None:
    """Return a model's simulator, or None if its groups have one outcome each."""
    return _SYSTEMS.get(model.family)
