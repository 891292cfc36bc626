"""Priors as data: families with arguments, their Stan codes, densities and draws.

A prior travels to a Stan program as an integer ``prior_<name>`` (the family's
code) and a vector ``prior_<name>_args`` of length three (trailing entries zero),
so changing a prior never recompiles. The codes are those of
``stan/functions/priors.stanfunctions``.
"""

from __future__ import annotations

from hbstan.priors.families import (
    FAMILIES,
    LKJ,
    SUPPORTS,
    Beta,
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    Normal,
    Pareto,
    Prior,
    StudentT,
)
from hbstan.priors.text import (
    as_prior,
    parse_assignment,
    parse_prior,
    prior_from_record,
    priors_from_records,
    stan_data,
)

__all__ = [
    "FAMILIES",
    "LKJ",
    "SUPPORTS",
    "Beta",
    "Exponential",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "Normal",
    "Pareto",
    "Prior",
    "StudentT",
    "as_prior",
    "parse_assignment",
    "parse_prior",
    "prior_from_record",
    "priors_from_records",
    "stan_data",
]
