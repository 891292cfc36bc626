"""The catalogue: each model's program, data, parameters, priors and coordinates."""

from __future__ import annotations

from hbstan.models.catalogue import get, names
from hbstan.models.choice import PriorChoice, resolve_priors
from hbstan.models.entry import (
    ExactForm,
    Model,
    Parameter,
    program_from_file,
    stan_root,
)

__all__ = [
    "ExactForm",
    "Model",
    "Parameter",
    "PriorChoice",
    "get",
    "names",
    "program_from_file",
    "resolve_priors",
    "stan_root",
]
