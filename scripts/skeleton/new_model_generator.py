"""The simulator of new_model: belongs to ``hbstan/simulate/new_model.py``.

Written from the mathematics, not from the Stan program: calibration holds one against
the other, and a mistake that both share is found by neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hbstan.priors import HalfNormal, Normal
from hbstan.simulate.outcomes import normal_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draws = dict[str, NDArray[Any]]

__all__ = ["DESIGN", "PRIORS", "draw", "effects", "log_effects"]

#: CHANGE: priors and group sizes of the calibration before the model is registered.
PRIORS = {"mu": Normal(0, 5), "tau": HalfNormal(5)}
SIGMA = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
DESIGN: dict[str, Any] = {"J": len(SIGMA), "sigma": SIGMA, "holdout": [0] * len(SIGMA)}


def effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Draw the groups' parameters, each ``(size, n_groups)``.

    Parameters
    ----------
    top : dict of str to ndarray
        Top-level parameters, ``(size,)`` each.
    n_groups : int
        Number of groups.
    rng : numpy.random.Generator
        The source of randomness.
    """
    # CHANGE: theta from the population, and z if the program samples it. For events
    # among trials the registration adds p.
    z = rng.standard_normal((top["mu"].size, n_groups))
    return {"z": z, "theta": top["mu"][:, None] + top["tau"][:, None] * z}


def log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return ``log p(theta | top)`` summed over groups, ``(size,)``."""
    from scipy import stats

    # CHANGE: the density of theta itself, whatever the program samples.
    population = stats.norm(top["mu"][:, None], top["tau"][:, None])
    total: NDArray[Any] = population.logpdf(theta).sum(axis=1)
    return total


def draw(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw parameters and data once: the generator for ``hb.sbc``."""
    top = {name: prior.draw(rng, 1) for name, prior in PRIORS.items()}
    groups = effects(top, DESIGN["J"], rng)
    # CHANGE: binomial_data for events among trials.
    y = normal_data(groups, DESIGN, rng)
    drawn = {name: values[0] for name, values in {**top, **groups}.items()}
    return drawn, {"y": y[0]}
