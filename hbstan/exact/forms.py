"""From a model's data and priors to the solution of its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from hbstan.errors import ExactError
from hbstan.exact.beta_binomial import BetaBinomial
from hbstan.exact.logit_normal import LogitNormal
from hbstan.exact.normal import NormalGroups
from hbstan.exact.pooled import PooledBinomial
from hbstan.exact.solution import Solution
from hbstan.exact.unpooled import Unpooled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hbstan.priors import Prior

__all__ = ["FAMILIES", "Solved", "solve"]

#: So many covariates a lattice of heavy-tailed priors can take.
_MOST_COVARIATES = 2


@dataclass(frozen=True)
class Solved:
    """A solution, and which of its items each group is.

    Parameters
    ----------
    solution : Solution or Unpooled
    item : ndarray of int, shape (J,)
    """

    solution: Solution | Unpooled
    item: NDArray[np.int64]


Arrays: TypeAlias = Mapping[str, "NDArray[np.float64]"]


def _distinct(
    arrays: Arrays, seen: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], Any, Any]:
    """Return distinct events and trials, their counts, and which each group has."""
    rows = np.stack([arrays["y"], arrays["n"], seen.astype(float)], 1)
    found, item = np.unique(rows, axis=0, return_inverse=True)
    item = np.asarray(item).reshape(-1)
    counts = np.bincount(item, weights=seen.astype(float), minlength=len(found))
    return found[:, 0], found[:, 1], counts, item


def _binomial(kind: Callable[..., Any]) -> Callable[..., Solved]:
    def build(
        arrays: Arrays,
        priors: Mapping[str, Prior],
        seen: NDArray[np.bool_],
        tolerance: float,
    ) -> Solved:
        y, n, counts, item = _distinct(arrays, seen)
        return Solved(Solution(kind(y, n, counts, **priors), tolerance), item)

    return build


def _normal(
    arrays: Arrays,
    priors: Mapping[str, Prior],
    seen: NDArray[np.bool_],
    tolerance: float,
) -> Solved:
    scales = {name: priors[name] for name in ("tau", "sigma") if name in priors}
    coefficients = {k: v for k, v in priors.items() if k not in scales}
    x = arrays.get("x")
    rest: dict[str, Any] = {k: arrays[k] for k in ("error", "n", "ss") if k in arrays}
    if x is not None:
        mu, slope = coefficients.values()
        names = list(coefficients)
        coefficients = {names[0]: mu}
        coefficients |= {f"{names[1]}[{k}]": slope for k in range(x.shape[1])}
        if x.shape[1] > _MOST_COVARIATES and any(
            type(p).__name__ != "Normal" for p in (mu, slope)
        ):
            raise ExactError(
                f"{x.shape[1]} covariates with Student-t priors are one hyperparameter "
                f"each; legal: up to {_MOST_COVARIATES}, or normal priors.",
                remedy="Give normal priors, or sample with hb.fit.",
            )
        # As the program does: standard deviations of the covariates, all groups.
        sd = x.std(0, ddof=1)
        rest["x"] = (x - x.mean(0)) / sd
    family = NormalGroups(
        arrays["y"],
        coefficients,
        scales.get("tau"),
        sigma=scales.get("sigma"),
        seen=seen,
        **rest,
    )
    return Solved(Solution(family, tolerance), np.arange(len(arrays["y"])))


def _unpooled(
    arrays: Arrays,
    priors: Mapping[str, Prior],
    seen: NDArray[np.bool_],
    tolerance: float,
) -> Solved:
    (prior,) = priors.values()
    if "n" in arrays:
        y, n, counts, item = _distinct(arrays, seen)
        return Solved(Unpooled(y, prior, counts, tolerance, n=n), item)
    solution = Unpooled(
        arrays["y"], prior, seen.astype(float), tolerance, error=arrays["error"]
    )
    return Solved(solution, np.arange(len(arrays["y"])))


#: The families by name.
FAMILIES: Mapping[str, Callable[..., Solved]] = {
    "logit_normal": _binomial(LogitNormal),
    "beta_binomial": _binomial(BetaBinomial),
    "binomial_pooled": _binomial(PooledBinomial),
    "normal": _normal,
    "unpooled": _unpooled,
}


def solve(
    family: str,
    arrays: Arrays,
    priors: Mapping[str, Prior],
    seen: NDArray[np.bool_],
    tolerance: float,
) -> Solved:
    """Integrate a family's posterior.

    Parameters
    ----------
    family : str
        A key of :data:`FAMILIES`.
    arrays : mapping of str to ndarray
        The data, under the family's names.
    priors : mapping of str to Prior
        By parameter.
    seen : ndarray of bool, shape (J,)
        The groups of the likelihood.
    tolerance : float
        See :func:`hbstan.exact.lattice.integrate`.

    Raises
    ------
    ExactError
        If the tolerance cannot be reached.
    """
    return FAMILIES[family](arrays, priors, seen, tolerance)
