"""Predictive checks: what a model expects of the data, before and after it saw them."""

from __future__ import annotations

from hbstan.predictive.league import LeagueTable, league_table
from hbstan.predictive.newdata import Prediction, predict
from hbstan.predictive.pit import LooPit, loo_pit
from hbstan.predictive.posterior import PredictiveCheck, posterior_predictive
from hbstan.predictive.prediction_error import accuracy
from hbstan.predictive.prior import PriorPredictive, prior_predictive
from hbstan.predictive.residual import residuals
from hbstan.predictive.rows import RowPrediction, predict_rows
from hbstan.predictive.volatility import VolatilityPath, volatility_path

__all__ = [
    "LeagueTable",
    "LooPit",
    "Prediction",
    "PredictiveCheck",
    "PriorPredictive",
    "RowPrediction",
    "VolatilityPath",
    "accuracy",
    "league_table",
    "loo_pit",
    "posterior_predictive",
    "predict",
    "predict_rows",
    "prior_predictive",
    "residuals",
    "volatility_path",
]
