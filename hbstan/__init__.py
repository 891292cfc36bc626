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

from hbstan.docless import spare_arviz

if TYPE_CHECKING:
    from hbstan import (
        backends,
        data,
        datasets,
        diagnostics,
        errors,
        models,
        plots,
        pooling,
        priors,
        simulate,
        toolchain,
    )
    from hbstan.agreement import Agreement, agrees_with_exact
    from hbstan.assess import Assessment, assess
    from hbstan.compare import Comparison, average, compare
    from hbstan.compile import compile
    from hbstan.diagnostics import Thresholds, diagnose
    from hbstan.errors import HbstanError
    from hbstan.exact import ExactPosterior, exact
    from hbstan.fit import Fit, fit
    from hbstan.loo import LooResult, kfold, loo
    from hbstan.pitfalls import pitfalls
    from hbstan.pooling import (
        MetaRegression,
        PoolingLab,
        empirical_bayes,
        exceedance,
        explained,
        group_ranks,
        heterogeneity,
        meta_analysis,
        pooling_lab,
        poststratify,
        shrinkage,
    )
    from hbstan.predictive import (
        PredictiveCheck,
        PriorPredictive,
        accuracy,
        league_table,
        loo_pit,
        posterior_predictive,
        predict,
        predict_rows,
        prior_predictive,
        residuals,
        volatility_path,
    )
    from hbstan.priors import (
        LKJ,
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
    from hbstan.sensitivity import influence, power_scaling, swap_priors
    from hbstan.surrogate import Minimum, minimize, predict_surface
    from hbstan.toolchain import install_cmdstan
    from hbstan.workflow import Criteria, Workflow, workflow

__version__ = "0.1.0"

_MODULES = (
    "backends",
    "data",
    "datasets",
    "diagnostics",
    "errors",
    "models",
    "plots",
    "pooling",
    "priors",
    "simulate",
    "toolchain",
)
_NAMES = {
    "Agreement": "agreement",
    "Assessment": "assess",
    "Beta": "priors",
    "Change": "refit",
    "Check": "results",
    "Checks": "results",
    "Comparison": "compare",
    "Criteria": "workflow",
    "ExactPosterior": "exact",
    "Exponential": "priors",
    "Fit": "fit",
    "Gamma": "priors",
    "HalfCauchy": "priors",
    "HalfNormal": "priors",
    "HalfStudentT": "priors",
    "HbstanError": "errors",
    "LKJ": "priors",
    "LooResult": "loo",
    "Minimum": "surrogate",
    "MetaRegression": "pooling",
    "Normal": "priors",
    "Outcome": "results",
    "Pareto": "priors",
    "PoolingLab": "pooling",
    "PredictiveCheck": "predictive",
    "PriorPredictive": "predictive",
    "SBCResult": "sbc",
    "StudentT": "priors",
    "Thresholds": "diagnostics",
    "Workflow": "workflow",
    "accuracy": "predictive",
    "agrees_with_exact": "agreement",
    "assess": "assess",
    "average": "compare",
    "compare": "compare",
    "compile": "compile",
    "diagnose": "diagnostics",
    "empirical_bayes": "pooling",
    "exact": "exact",
    "exceedance": "pooling",
    "explained": "pooling",
    "fit": "fit",
    "group_ranks": "pooling",
    "heterogeneity": "pooling",
    "influence": "sensitivity",
    "install_cmdstan": "toolchain",
    "kfold": "loo",
    "league_table": "predictive",
    "loo": "loo",
    "loo_pit": "predictive",
    "minimize": "surrogate",
    "pitfalls": "pitfalls",
    "pooling_lab": "pooling",
    "meta_analysis": "pooling",
    "posterior_predictive": "predictive",
    "posterior_sbc": "sbc",
    "poststratify": "pooling",
    "power_scaling": "sensitivity",
    "predict": "predictive",
    "predict_rows": "predictive",
    "predict_surface": "surrogate",
    "prior_predictive": "predictive",
    "refit": "refit",
    "residuals": "predictive",
    "sbc": "sbc",
    "shrinkage": "pooling",
    "swap_priors": "sensitivity",
    "volatility_path": "predictive",
    "workflow": "workflow",
}

__all__ = [
    "LKJ",
    "Agreement",
    "Assessment",
    "Beta",
    "Change",
    "Check",
    "Checks",
    "Comparison",
    "Criteria",
    "ExactPosterior",
    "Exponential",
    "Fit",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "HbstanError",
    "LooResult",
    "MetaRegression",
    "Minimum",
    "Normal",
    "Outcome",
    "Pareto",
    "PoolingLab",
    "PredictiveCheck",
    "PriorPredictive",
    "SBCResult",
    "StudentT",
    "Thresholds",
    "Workflow",
    "accuracy",
    "agrees_with_exact",
    "assess",
    "average",
    "backends",
    "compare",
    "compile",
    "data",
    "datasets",
    "diagnose",
    "diagnostics",
    "empirical_bayes",
    "errors",
    "exact",
    "exceedance",
    "explained",
    "fit",
    "group_ranks",
    "heterogeneity",
    "influence",
    "install_cmdstan",
    "kfold",
    "league_table",
    "loo",
    "loo_pit",
    "meta_analysis",
    "minimize",
    "models",
    "pitfalls",
    "plots",
    "pooling",
    "pooling_lab",
    "posterior_predictive",
    "posterior_sbc",
    "poststratify",
    "power_scaling",
    "predict",
    "predict_rows",
    "predict_surface",
    "prior_predictive",
    "priors",
    "refit",
    "residuals",
    "sbc",
    "shrinkage",
    "simulate",
    "swap_priors",
    "toolchain",
    "volatility_path",
    "workflow",
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


spare_arviz()
