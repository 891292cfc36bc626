"""A conjugate model whose posterior is known: mu ~ N(0, 1), y[i] ~ N(mu, 1).

The posterior of mu given n observations is N(sum(y) / (n + 1), 1 / (n + 1)); the
fake backend draws from it exactly, or from one that is wrong in a known way.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hbstan.backends.fake import FakeBackend

N = 4
SD = 1 / np.sqrt(N + 1)
PROGRAM = "data { int n; vector[n] y; } parameters { real mu; } model { }"


def program(folder: Path) -> Path:
    path = folder / "conjugate.stan"
    path.write_text(PROGRAM)
    return path


def generate(rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    mu = rng.normal()
    return {"mu": mu}, {"n": N, "y": rng.normal(mu, 1.0, N)}


def generate_or_fail(rng: np.random.Generator) -> tuple[Any, Any]:
    parameters, data = generate(rng)
    if parameters["mu"] > 1:
        raise ValueError(f"mu is {parameters['mu']}")
    return parameters, data


def generate_or_die(rng: np.random.Generator) -> tuple[Any, Any]:
    """Kill the process as a segmentation fault would, for one value in six."""
    parameters, data = generate(rng)
    if parameters["mu"] > 1:
        os._exit(1)
    return parameters, data


def generate_or_stay(rng: np.random.Generator) -> tuple[Any, Any]:
    """Never return, for one value in ten."""
    parameters, data = generate(rng)
    while parameters["mu"] > 1.2:
        time.sleep(0.01)
    return parameters, data


def log_likelihood(parameters: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    y = np.asarray(data["y"])
    return -0.5 * ((y - parameters["mu"][:, None]) ** 2).sum(axis=1)


def backend(shift: float = 0.0, scale: float = 1.0) -> FakeBackend:
    """Draw from a posterior that is off by ``shift`` sds, and its sd by a factor."""

    def draw(
        rng: np.random.Generator, data: Mapping[str, Any], n: int
    ) -> NDArray[np.float64]:
        mean = np.sum(data["y"]) / (N + 1)
        return rng.normal(mean + shift * SD, scale * SD, n)

    return FakeBackend({"mu": draw})


def prior_only() -> FakeBackend:
    """A posterior that ignores the data."""
    return FakeBackend({"mu": lambda rng, data, n: rng.normal(size=n)})
