"""Cross-validation over groups: importance sampling, moment matching, refits."""

from __future__ import annotations

from hbstan.loo.ladder import LEAVE_ONE_OUT, RUNGS, kfold, loo
from hbstan.loo.moment import Densities, moment_match
from hbstan.loo.psis import good_k, log_likelihood, psis, waic
from hbstan.loo.refits import predict_left_out, stratified_folds
from hbstan.loo.result import METHODS, LooResult, Step, Values, Waic
from hbstan.loo.saved import load_loo, save_loo

__all__ = [
    "LEAVE_ONE_OUT",
    "METHODS",
    "RUNGS",
    "Densities",
    "LooResult",
    "Step",
    "Values",
    "Waic",
    "good_k",
    "kfold",
    "load_loo",
    "log_likelihood",
    "loo",
    "moment_match",
    "predict_left_out",
    "psis",
    "save_loo",
    "stratified_folds",
    "waic",
]
