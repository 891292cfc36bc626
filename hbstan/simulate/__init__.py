"""Prior draws, simulated data and their log densities in NumPy.

The catalogue's models are written twice on purpose: the density in Stan, the
simulator here. Simulation-based calibration holds one against the other; the log
densities here are the simulator's, and so a third account of the model.
"""

from __future__ import annotations

from hbstan.simulate.draws import (
    draw_data,
    draw_groups,
    draw_prior,
    log_likelihood,
    log_prior,
)

__all__ = ["draw_data", "draw_groups", "draw_prior", "log_likelihood", "log_prior"]
