"""hbstan: hierarchical Bayesian models in Stan, from data to a verdict.

Everything is loaded on first use, so that importing the package is fast.

Examples
--------
>>> import hbstan as hb
>>> hb.datasets.load("surgical").J
12
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hbstan import (
        backends,
        data,
        datasets,
        diagnostics,
        errors,
        models,
        plots,
        priors,
        simulate,
        toolchain,
    )
    from hbstan.compile import compile
    from hbstan.diagnostics import Thresholds, diagnose
    from hbstan.errors import HbstanError
    from hbstan.fit import Fit, fit
    from hbstan.loo import LooResult, kfold, loo
    from hbstan.priors import (
        Beta,
        Exponential,
        Gamma,
        HalfCauchy,
        HalfNormal,
        HalfStudentT,
        Normal,
        Pareto,
        StudentT,
    )
    from hbstan.refit import Change, refit
    from hbstan.results import Check, Checks, Outcome
    from hbstan.sbc import SBCResult, posterior_sbc, sbc
    from hbstan.toolchain import install_cmdstan

__version__ = "0.1.0"

_MODULES = (
    "backends",
    "data",
    "datasets",
    "diagnostics",
    "errors",
    "models",
    "plots",
    "priors",
    "simulate",
    "toolchain",
)
_NAMES = {
    "Beta": "priors",
    "Change": "refit",
    "Check": "results",
    "Checks": "results",
    "Exponential": "priors",
    "Fit": "fit",
    "Gamma": "priors",
    "HalfCauchy": "priors",
    "HalfNormal": "priors",
    "HalfStudentT": "priors",
    "HbstanError": "errors",
    "LooResult": "loo",
    "Normal": "priors",
    "Outcome": "results",
    "Pareto": "priors",
    "SBCResult": "sbc",
    "StudentT": "priors",
    "Thresholds": "diagnostics",
    "compile": "compile",
    "diagnose": "diagnostics",
    "fit": "fit",
    "install_cmdstan": "toolchain",
    "kfold": "loo",
    "loo": "loo",
    "posterior_sbc": "sbc",
    "refit": "refit",
    "sbc": "sbc",
}

__all__ = [
    "Beta",
    "Change",
    "Check",
    "Checks",
    "Exponential",
    "Fit",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "HbstanError",
    "LooResult",
    "Normal",
    "Outcome",
    "Pareto",
    "SBCResult",
    "StudentT",
    "Thresholds",
    "backends",
    "compile",
    "data",
    "datasets",
    "diagnose",
    "diagnostics",
    "errors",
    "fit",
    "install_cmdstan",
    "kfold",
    "loo",
    "models",
    "plots",
    "posterior_sbc",
    "priors",
    "refit",
    "sbc",
    "simulate",
    "toolchain",
]


class _Package(ModuleType):
    """The package, in which ``fit`` and ``compile`` are the functions.

    Importing the modules of the same names would bind the modules here.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _NAMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"hbstan.{_NAMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"hbstan.{name}")
    raise AttributeError(f"module 'hbstan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
