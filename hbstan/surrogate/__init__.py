"""Surfaces as surrogates of costly functions: what is known of one, and its minimum.

:func:`predict_surface` says what a fit of ``gp_regression`` tells of the surface at its
candidates; :func:`minimize` looks for the minimum of a function by evaluating it where
the expected improvement is largest.
"""

from __future__ import annotations

from hbstan.surrogate.prediction import SurfacePrediction, predict_surface
from hbstan.surrogate.result import Minimum
from hbstan.surrogate.search import minimize

__all__ = ["Minimum", "SurfacePrediction", "minimize", "predict_surface"]
