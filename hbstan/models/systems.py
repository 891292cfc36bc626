"""The catalogue's models of data that are more than one outcome a group."""

from __future__ import annotations

from hbstan.models.covariates import LOGIT_COVARIATES
from hbstan.models.entry import Model
from hbstan.models.matches import FOOTBALL_POISSON
from hbstan.models.mrp import MRP_LOGIT
from hbstan.models.normal_groups import NORMAL_GROUPS
from hbstan.models.regression import REGRESSIONS
from hbstan.models.responses import RESPONSES
from hbstan.models.returns import RETURNS
from hbstan.models.studies import STUDIES
from hbstan.models.surface import GP_REGRESSION

__all__ = ["SYSTEMS"]

SYSTEMS: tuple[Model, ...] = (
    *NORMAL_GROUPS,
    LOGIT_COVARIATES,
    *STUDIES,
    *REGRESSIONS,
    MRP_LOGIT,
    *RESPONSES,
    *RETURNS,
    FOOTBALL_POISSON,
    GP_REGRESSION,
)
