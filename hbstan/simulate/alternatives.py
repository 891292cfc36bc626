"""Groups without a normal population: alike, unrelated, heavy-tailed, of two kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draws = dict[str, NDArray[Any]]

__all__ = [
    "alike",
    "alike_log_effects",
    "mixture_effects",
    "mixture_log_effects",
    "mixture_moments",
    "student_t_effects",
    "student_t_log_effects",
    "unrelated",
    "unrelated_log_effects",
    "with_probabilities",
]


def alike(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Give every group the population's only value, ``theta = mu``."""
    import numpy as np

    return {"theta": np.repeat(top["mu"][:, None], n_groups, axis=1)}


def alike_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return 0 where all groups equal ``mu``, which has a prior, and else ``-inf``."""
    import numpy as np

    # Unknown values compare equal to nothing, and shall stay unknown.
    off = (theta != top["mu"][:, None]) & ~np.isnan(theta)
    unknown = np.isnan(theta).any(axis=1)
    known = np.where(off.any(axis=1), -np.inf, 0.0)
    return np.where(unknown, np.nan, known)


def unrelated(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Pass on the groups' own parameters, which were drawn from their prior."""
    return {"theta": top["theta"]}


def unrelated_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return 0: the groups' only density is their prior."""
    import numpy as np

    return np.zeros(len(theta))


def student_t_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Draw ``z ~ student_t(nu, 0, 1)`` and ``theta = mu + tau z``."""
    nu = top["nu"][:, None]
    normal = rng.standard_normal((top["mu"].size, n_groups))
    # A t variable is a normal one over the root of a mean square with nu degrees.
    square = rng.chisquare(nu, size=normal.shape) / nu
    z = normal / square**0.5
    return {"z": z, "theta": top["mu"][:, None] + top["tau"][:, None] * z}


def student_t_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return the joint log density of Student-t effects."""
    import numpy as np
    from scipy import stats

    mu, tau, nu = (top[name][:, None] for name in ("mu", "tau", "nu"))
    legal = np.isfinite(mu) & (tau > 0) & (tau < np.inf) & (nu > 0) & (nu < np.inf)
    scale = np.where(legal, tau, 1.0)
    df = np.where(legal, nu, 1.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        terms = stats.t.logpdf((theta - mu) / scale, df) - np.log(scale)
    terms = np.where(legal, terms, _point_mass(theta, tau, theta == mu))
    return _joint(terms)


def mixture_moments(top: Draws) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of the two populations together.

    Both are on the log-odds scale, of the shape of the top-level parameters.
    """
    import numpy as np

    weight, gap = top["lambda"], top["gap"]
    mean = top["mu_low"] + weight * gap
    between = np.sqrt(weight * (1.0 - weight)) * gap
    return mean, np.hypot(top["tau"], between)


def mixture_effects(top: Draws, n_groups: int, rng: np.random.Generator) -> Draws:
    """Draw log-odds of groups from the lower or the upper population.

    ``upper`` tells the population; ``z`` is the distance of ``theta`` from the mean
    of both in units of their standard deviation.
    """
    shape = (top["mu_low"].size, n_groups)
    upper = rng.uniform(size=shape) < top["lambda"][:, None]
    within = top["tau"][:, None] * rng.standard_normal(shape)
    theta = top["mu_low"][:, None] + upper * top["gap"][:, None] + within
    mean, sd = mixture_moments(top)
    return {"z": (theta - mean[:, None]) / sd[:, None], "theta": theta}


def mixture_log_effects(top: Draws, theta: NDArray[Any]) -> NDArray[Any]:
    """Return the joint log density of groups, their population summed over."""
    import numpy as np
    from scipy import stats

    low, gap, tau, weight = (
        top[name][:, None] for name in ("mu_low", "gap", "tau", "lambda")
    )
    legal = np.isfinite(low + gap) & (gap >= 0) & (tau > 0) & (tau < np.inf)
    legal &= (weight >= 0) & (weight <= 1)
    scale = np.where(legal, tau, 1.0)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        lower = np.log1p(-weight) + stats.norm.logpdf((theta - low) / scale)
        upper = np.log(weight) + stats.norm.logpdf((theta - low - gap) / scale)
        terms = np.logaddexp(lower, upper) - np.log(scale)
    at_mean = (theta == low) | (theta == low + gap)
    return _joint(np.where(legal, terms, _point_mass(theta, tau, at_mean)))


def _point_mass(
    theta: NDArray[Any], tau: NDArray[Any], at_mean: NDArray[Any]
) -> NDArray[Any]:
    """Return the limit of a density as its scale goes to 0, ``-inf`` otherwise."""
    import numpy as np

    mass = np.where((tau == 0) & at_mean & np.isfinite(theta), np.inf, -np.inf)
    return np.where(np.isnan(theta), np.nan, mass)


def _joint(terms: NDArray[Any]) -> NDArray[Any]:
    """Add the groups' log densities; what one excludes is excluded."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        total: NDArray[Any] = terms.sum(axis=1)
    excluded = (terms == -np.inf).any(axis=1) & ~np.isnan(terms).any(axis=1)
    return np.where(excluded, -np.inf, total)


def with_probabilities(effects: Draws) -> Draws:
    """Add ``p``, the probabilities of the log-odds ``theta``."""
    import numpy as np
    from scipy.special import expit

    return {**effects, "p": np.asarray(expit(effects["theta"]))}
