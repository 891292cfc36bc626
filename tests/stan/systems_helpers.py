"""Programs of systems at chosen points, with data from a dataset and a plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import stanli
from programs import build

import hbstan as hb
from hbstan.backends.stan_data import plain_data
from hbstan.data import Dataset
from hbstan.plan import plan

__all__ = ["assert_means_and_sds", "at", "calibration_of", "prepared"]


def calibration_of(name: str) -> pytest.MarkDecorator:
    """Mark a calibration of one program: that of others is tested by default."""
    program = f"stan/models/{name}.stan"
    around = ("stan/functions", "hbstan/sbc", "hbstan/simulate", "hbstan/priors")
    return pytest.mark.exhaustive(program, *around)


def prepared(
    name: str, data: Dataset, *, predictive: bool = False, **options: Any
) -> tuple[stanli.Model, dict[str, Any]]:
    """Return a catalogue program with its data, and the data.

    ``options`` are ``priors`` and ``holdout``, as for a fit.
    """
    given = {"priors": None, "holdout": None, **options}
    stan = plan(name, data, given["priors"], given["holdout"], predictive).stan
    return build(name, plain_data(name, stan)), stan


def at(model: stanli.Model, point: Any) -> tuple[float, np.ndarray]:
    """Return log density and gradient at an unconstrained point."""
    value, slope = model.log_prob_grad(np.asarray(point, dtype=float))
    return float(value), np.asarray(slope)


def assert_means_and_sds(fit: hb.Fit, wanted: dict[str, tuple[float, float]]) -> None:
    """Hold every element's mean and sd against the exact ones, within 5 MCSE."""
    table = fit.summary(var_names=list(wanted))
    for label, row in table.iterrows():
        mean, sd = wanted[str(label).split("[")[0]]
        assert abs(row["mean"] - mean) < 5 * row["mcse_mean"], label
        assert abs(row["sd"] - sd) < 5 * row["mcse_sd"], label
