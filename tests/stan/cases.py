"""The data, priors and points at which the Stan programs are tested."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference import ARGUMENTS

#: The families each prior may take.
LEGAL = {"mu": (1, 2), "tau": (3, 4, 5, 6), "kappa": (8, 9)}

N = [47, 148, 0, 810, 1, 196]
Y = [0, 18, 0, 46, 1, 13]
EFFECT = [28.0, 8.0, -3.0, 7.0, -1.0, 18.0]
SIGMA = [15.0, 10.0, 16.0, 11.0, 9.0, 0.5]
HOLDOUT = [0, 0, 0, 1, 0, 0]


def scale_name(name: str) -> str:
    """Return the second top-level parameter of a program: tau or kappa."""
    return "kappa" if name == "beta_binomial" else "tau"


def make_data(name: str, mu: int = 0, scale: int = 0, **changes: Any) -> dict[str, Any]:
    """Six groups, one held out; ``mu`` and ``scale`` are prior family codes."""
    other = scale_name(name)
    codes = {
        "mu": mu or (7 if name == "beta_binomial" else 1),
        other: scale or LEGAL[other][0],
    }
    data: dict[str, Any] = {"J": 6, "holdout": HOLDOUT, "predictive": 0}
    if name.startswith("eight_schools"):
        data |= {"y": EFFECT, "sigma": SIGMA}
    else:
        data |= {"n": N, "y": Y}
    for parameter, code in codes.items():
        data[f"prior_{parameter}"] = code
        data[f"prior_{parameter}_args"] = ARGUMENTS[code][0]
    return data | changes


def prior_choices(name: str) -> list[tuple[int, int]]:
    """Return every legal pair of family codes."""
    mu = (7,) if name == "beta_binomial" else LEGAL["mu"]
    return list(itertools.product(mu, LEGAL[scale_name(name)]))


def random_points(count: int, seed: int, groups: int = 6) -> NDArray[np.float64]:
    """Return unconstrained points, shape (count, 2 + groups)."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0.0, 1.0, (count, groups + 2))
    points[:, 0] -= 1.0
    return points
