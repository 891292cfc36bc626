"""What every engine must find in the surgical data."""

from __future__ import annotations

import numpy as np

import hbstan as hb

#: A run of 100,000 draws of the non-centered model: means of mu, tau, theta.
LONG_MU, LONG_TAU = -2.559, 0.446
LONG_THETA = (
    *(-3.022, -2.162, -2.614, -2.782, -2.978, -2.629),
    *(-2.680, -1.951, -2.616, -2.493, -2.171, -2.630),
)
#: The published means of p; the fourth, 0.054, is not that of any long run.
PUBLISHED_P = (
    *(0.050, 0.106, 0.070, 0.054, 0.050, 0.069),
    *(0.066, 0.126, 0.070, 0.079, 0.104, 0.068),
)
WRONG_P, LONG_P_OF_D = 3, 0.059


def assert_long_run(fit: hb.Fit) -> None:
    """Check a fit of 4 x 1000 draws, whose Monte Carlo errors are known.

    mu and tau have errors below 0.006, theta below 0.01, p below 0.0008.
    """
    means = fit.posterior.mean(("chain", "draw"))
    assert abs(float(means["mu"]) - LONG_MU) < 0.02
    assert abs(float(means["tau"]) - LONG_TAU) < 0.02
    assert np.abs(means["theta"].values - LONG_THETA).max() < 0.04
    p = means["p"].values
    # All rates are as published, but one.
    off = np.abs(p - PUBLISHED_P)
    assert np.flatnonzero(off >= 0.003).tolist() == [WRONG_P]
    assert abs(p[WRONG_P] - LONG_P_OF_D) < 0.002
