"""Which form of stochastic volatility works where: effective sample sizes.

    python scripts/volatility_forms.py [TIMES]

Simulates one series for each persistence phi and shock sigma_eta, fits both programs
with default priors and settings on stanli, and prints the least bulk ESS of mu, phi,
sigma_eta and the path, the ESS a second and the number of divergences.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import hbstan as hb
from hbstan.data import Returns
from hbstan.fit import Fit

PHIS, SIGMAS = (0.5, 0.9, 0.98), (0.05, 0.3, 1.5)
FORMS = ("sv_noncentered", "sv_centered")


def series(phi: float, sigma: float, times: int) -> Returns:
    """Simulate returns; the same shocks in every cell."""
    rng = np.random.default_rng(41)
    h = np.empty(times)
    h[0] = sigma / np.sqrt(1 - phi**2) * rng.normal()
    for t in range(1, times):
        h[t] = phi * h[t - 1] + sigma * rng.normal()
    y = np.exp(0.5 * h) * rng.normal(size=times)
    labels = tuple(str(t + 1) for t in range(times))
    return Returns(labels=labels, y=y, name=f"phi {phi}, sigma_eta {sigma}")


def least_ess(fit: Fit) -> float:
    """Return the least bulk ESS of parameters and path."""
    return float(fit.summary(["mu", "phi", "sigma_eta", "h"])["ess_bulk"].min())


def main(times: int) -> None:
    """Print the table."""
    print(f"{times} returns; 4 chains of 1000 draws")
    print(
        f"{'phi':>5} {'sigma_eta':>9} {'form':<15} {'ESS':>6} {'ESS/s':>7} {'div':>4}"
    )
    for phi in PHIS:
        for sigma in SIGMAS:
            data = series(phi, sigma, times)
            for form in FORMS:
                started = time.perf_counter()
                fit = hb.fit(form, data, seed=1, backend="stanli", predictive=False)
                seconds = time.perf_counter() - started
                ess = least_ess(fit)
                bad = int(fit.tree["sample_stats"]["diverging"].sum())
                cells = f"{ess:6.0f} {ess / seconds:7.1f} {bad:4d}"
                print(f"{phi:5} {sigma:9} {form:<15} {cells}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 250)
