"""Simulation-based calibration, from generated data to a verdict.

:func:`sbc` draws parameters from the prior, simulates data, fits and ranks, as often
as asked, on as many workers as there are; what it returns decides with
:meth:`SBCResult.checks`. :func:`posterior_sbc` does the same around data at hand.
"""

from __future__ import annotations

from hbstan.sbc.executors import Pool, SerialExecutor, dask_executor
from hbstan.sbc.posterior import posterior_sbc
from hbstan.sbc.problem import Problem, problem
from hbstan.sbc.ranks import Ranking
from hbstan.sbc.result import SBCResult
from hbstan.sbc.run import Options, calibrate, sbc
from hbstan.sbc.verdict import Limits

__all__ = [
    "Limits",
    "Options",
    "Pool",
    "Problem",
    "Ranking",
    "SBCResult",
    "SerialExecutor",
    "calibrate",
    "dask_executor",
    "posterior_sbc",
    "problem",
    "sbc",
]
