"""Bundled normal observations in groups: measured ones and two simulated sets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hbstan.data.info import DatasetInfo
from hbstan.data.normal_groups import NormalGroups, normal_groups
from hbstan.priors import HalfCauchy, HalfNormal, Normal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OMEGA_PRIORS", "coagulation", "omega_rows", "omega_small", "small_groups"]

#: The priors of the discussion that the omega grid comes from; omega is tau.
OMEGA_PRIORS = {"mu": Normal(0, 1), "tau": HalfNormal(10), "sigma": HalfNormal(1)}
#: What is known about a dataset, and how to build it.
BundledGroups = tuple[DatasetInfo, Callable[[], NormalGroups]]
_FAMILIES = ("normal_groups", "normal_groups_sum_to_zero")
_MU, _SIGMA = 2.0, 0.75


def omega_rows(groups: int, per_group: int, omega: float) -> pd.DataFrame:
    """Simulate observations in groups, as one cell of the omega grid.

    Group by group, an effect ``theta ~ normal(2, omega)`` is drawn and then
    ``per_group`` observations ``y ~ normal(theta, 0.75)``, by
    ``numpy.random.default_rng(41)``: cells of equal numbers of groups share their
    random numbers.

    Parameters
    ----------
    groups : int
        Number of groups.
    per_group : int
        Observations in each.
    omega : float
        Standard deviation of the effects, in the unit of the observations.

    Returns
    -------
    pandas.DataFrame
        Columns ``group`` (from 0), ``observation`` and ``effect``, one row an
        observation.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(41)
    effects, values = [], []
    for _ in range(groups):
        effects.append(rng.normal(_MU, omega))
        values.append(rng.normal(effects[-1], _SIGMA, per_group))
    return pd.DataFrame(
        {
            "group": np.repeat(np.arange(groups), per_group),
            "observation": np.concatenate(values),
            "effect": np.repeat(effects, per_group),
        }
    )


# Cached, as the truth is found by simulation, and the value cannot change.
@functools.cache
def omega_small() -> BundledGroups:
    """Return the cell of the omega grid with 50 groups and omega 1."""
    effects = tuple(_omega_small_rows()["effect"].to_numpy()[::20].tolist())
    info = DatasetInfo(
        name="omega_small",
        title="Observations in 50 groups of 20, from the omega grid (simulated)",
        kind=NormalGroups.kind,
        source=(
            "Simulated: a cell of the omega grid of a discussion of Simpson's paradox "
            "and hierarchical models in the PyMC forum, effects Normal(2, 1), "
            "observations Normal(effect, 0.75), NumPy's default_rng(41)."
        ),
        doi=None,
        note=(
            "The standard error of a group's mean, 0.17, is a sixth of the spread of "
            "the groups: centered or marginal, not non-centered. The priors are those "
            "of the discussion; that of mu expects 0, two of its standard deviations "
            "away from the truth."
        ),
        priors=OMEGA_PRIORS,
        default_model="normal_groups_marginal",
        family_priors=dict.fromkeys(_FAMILIES, OMEGA_PRIORS),
        truth={"mu": _MU, "tau": 1.0, "sigma": _SIGMA, "theta": effects},
    )
    return info, _build_omega_small


def _omega_small_rows() -> pd.DataFrame:
    return omega_rows(groups=50, per_group=20, omega=1.0)


def _build_omega_small() -> NormalGroups:
    return normal_groups(_omega_small_rows(), group="group", value="observation")


def coagulation() -> BundledGroups:
    """Return coagulation times of blood under four diets."""
    priors = {"mu": Normal(60, 20), "tau": HalfCauchy(10), "sigma": HalfCauchy(10)}
    info = DatasetInfo(
        name="coagulation",
        title="Coagulation times of blood, of 24 animals on 4 diets",
        kind=NormalGroups.kind,
        source=(
            "Box, Hunter and Hunter (1978), Statistics for Experimenters; Gelman et "
            "al. (2013), Bayesian Data Analysis, 3rd ed., section 11.6"
        ),
        doi=None,
        note=(
            "Seconds, in whole numbers; 4 to 8 animals a diet. Four groups say little "
            "about their spread: tau has a long tail, which its prior limits."
        ),
        priors=priors,
        default_model="normal_groups_marginal",
        family_priors=dict.fromkeys(_FAMILIES, priors),
    )
    return info, _build_coagulation


def _build_coagulation() -> NormalGroups:
    times = {
        "A": (62, 60, 63, 59),
        "B": (63, 67, 71, 64, 65, 66),
        "C": (68, 66, 71, 67, 68, 68),
        "D": (56, 62, 60, 61, 63, 64, 63, 59),
    }
    rows = {
        "diet": [diet for diet, own in times.items() for _ in own],
        "time": [time for own in times.values() for time in own],
    }
    return normal_groups(rows, group="diet", value="time")


# Cached for the same reason as omega_small.
@functools.cache
def small_groups() -> BundledGroups:
    """Return 20 groups of 1 to 4 observations."""
    _, effects = _simulate_small()
    priors = {"mu": Normal(50, 10), "tau": HalfNormal(5), "sigma": HalfNormal(10)}
    info = DatasetInfo(
        name="small_groups",
        title="Observations in 20 groups of 1 to 4 (simulated)",
        kind=NormalGroups.kind,
        source=(
            "Simulated for hbstan: effects Normal(50, 3), observations Normal(effect, "
            "6), NumPy's RandomState(6)."
        ),
        doi=None,
        note=(
            "The standard error of a group's mean is as large as the spread of the "
            "groups, or twice that: what non-centered programs are for. Groups of one "
            "say nothing of the spread within groups and still shrink."
        ),
        priors=priors,
        default_model="normal_groups_marginal",
        family_priors=dict.fromkeys(_FAMILIES, priors),
        truth={"mu": 50.0, "tau": 3.0, "sigma": 6.0, "theta": effects},
    )
    return info, _build_small_groups


def _simulate_small() -> tuple[dict[str, list[Any]], tuple[float, ...]]:
    """Return rows and effects; NumPy guarantees this stream of numbers."""
    import numpy as np

    state = np.random.RandomState(6)
    sizes = state.randint(1, 5, 20)
    effects = state.normal(50.0, 3.0, 20)
    values = state.normal(np.repeat(effects, sizes), 6.0)
    labels = np.repeat(np.arange(1, 21), sizes)
    return {"group": labels.tolist(), "y": values.tolist()}, tuple(effects.tolist())


def _build_small_groups() -> NormalGroups:
    return normal_groups(_simulate_small()[0], group="group", value="y")
