"""The data, priors and points at which the Stan programs are tested."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reference import ARGUMENTS

from hbstan import models

#: The families that the prior of each top-level parameter may take, by program.
LOCATION, SCALE, PROBABILITY, CONCENTRATION = (1, 2), (3, 4, 5, 6), (7,), (8, 9)
NORMAL = {"mu": LOCATION, "tau": SCALE}
LEGAL: dict[str, dict[str, tuple[int, ...]]] = {
    "beta_binomial": {"mu": PROBABILITY, "kappa": CONCENTRATION},
    "binomial_pooled": {"mu": LOCATION},
    "binomial_unpooled": {"theta": LOCATION},
    "eight_schools_centered": NORMAL,
    "eight_schools_noncentered": NORMAL,
    "logit_centered": NORMAL,
    "logit_mixture": {
        "mu_low": LOCATION,
        "gap": SCALE,
        "tau": CONCENTRATION,
        "lambda": PROBABILITY,
    },
    "logit_noncentered": NORMAL,
    "logit_student_t": {**NORMAL, "nu": CONCENTRATION},
    "normal_pooled": {"mu": LOCATION},
    "normal_unpooled": {"theta": LOCATION},
}

N = [47, 148, 0, 810, 1, 196]
Y = [0, 18, 0, 46, 1, 13]
EFFECT = [28.0, 8.0, -3.0, 7.0, -1.0, 18.0]
SIGMA = [15.0, 10.0, 16.0, 11.0, 9.0, 0.5]
HOLDOUT = [0, 0, 0, 1, 0, 0]


def is_normal(name: str) -> bool:
    """Whether a program's data are estimates with standard errors."""
    return models.get(name).kind == "normal"


def make_data(name: str, *codes: int, **changes: Any) -> dict[str, Any]:
    """Six groups, one held out; ``codes`` are the prior family codes, in order."""
    data: dict[str, Any] = {"J": 6, "holdout": HOLDOUT, "predictive": 0}
    if is_normal(name):
        data |= {"y": EFFECT, "sigma": SIGMA}
    else:
        data |= {"n": N, "y": Y}
    first = [legal[0] for legal in LEGAL[name].values()]
    for parameter, code in zip(LEGAL[name], codes or first, strict=True):
        data[f"prior_{parameter}"] = code
        data[f"prior_{parameter}_args"] = ARGUMENTS[code][0]
    return data | changes


def prior_choices(name: str) -> list[tuple[int, ...]]:
    """Return tuples of family codes: every pair, and of more each code once."""
    legal = list(LEGAL[name].values())
    if len(legal) <= 2:
        return list(itertools.product(*legal))
    longest = max(map(len, legal))
    return [tuple(codes[i % len(codes)] for codes in legal) for i in range(longest)]


def top_count(name: str) -> int:
    """Return how many of the leading elements of a point are no group's."""
    return 0 if "theta" in LEGAL[name] else len(LEGAL[name])


def random_points(
    name: str, count: int, seed: int, groups: int = 6
) -> NDArray[np.float64]:
    """Return unconstrained points of a program, one a row."""
    rng = np.random.default_rng(seed)
    own = 0 if name.endswith("_pooled") else groups
    points = rng.normal(0.0, 1.0, (count, own + top_count(name)))
    points[:, 0] -= 1.0
    return points
