"""Independent draws from an exact posterior, labelled like those of a fit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from hbstan.convert import to_tree
from hbstan.errors import SettingsError
from hbstan.exact.beta_binomial import BetaBinomial
from hbstan.exact.logit_normal import LogitNormal
from hbstan.exact.nodes import choose, conditional_draws
from hbstan.exact.normal import NormalGroups
from hbstan.exact.pooled import PooledBinomial
from hbstan.exact.quantities import FUNCTIONS
from hbstan.exact.search import log_posterior
from hbstan.exact.solution import Solution
from hbstan.exact.unpooled import Unpooled
from hbstan.program import declared
from hbstan.provenance import attributes
from hbstan.types import RawDraws, SamplerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.exact.posterior import ExactPosterior

__all__ = ["draw", "tree"]

_HALF_LOG_2PI = float(0.5 * np.log(2.0 * np.pi))

#: Numbers that a tree of draws may hold.
_MOST = 100_000_000
#: How far the density between the lattice's points may lie above their interpolation.
_ABOVE = 1.3


def draw(
    posterior: ExactPosterior, draws: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Draw hyperparameters, groups and replicates.

    Parameters
    ----------
    posterior : ExactPosterior
    draws : int
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    dict of str to ndarray
        Under the program's names, of shape (draws, ...): independent draws.
    """
    groups = len(posterior.labels)
    if draws < 1 or draws * groups > _MOST // 6:
        raise SettingsError(
            f"draws is {draws}, but must be from 1 to {max(1, _MOST // 6 // groups)} "
            f"for {groups} groups.",
            remedy="Summaries need no draws: see ExactPosterior.summary.",
        )
    solution = posterior.solved.solution
    if isinstance(solution, Unpooled):
        return _unpooled(solution, posterior.solved.item, draws, rng)
    t = hyperparameters(solution, draws, rng)
    return _grouped(solution, posterior, t, rng)


def hyperparameters(
    solution: Solution, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw points: exactly, by rejection from the interpolated lattice.

    A point of the lattice is chosen by its weight and moved by the difference of two
    uniform variables on each axis: its density is the multilinear interpolation of the
    weights.
    """
    grid, d = solution.grid, len(solution.grid.axes)
    if not d:
        return np.zeros((draws, 0))
    top = grid.log_density.max()
    heights = np.exp(grid.log_density - top)
    place = {tuple(i): k for k, i in enumerate(grid.index)}
    out: list[NDArray[np.float64]] = []
    need = draws
    while need > 0:
        count = int(1.5 * need) + 50
        base = grid.index[rng.choice(len(heights), count, p=heights / heights.sum())]
        shift = rng.random((count, d)) + rng.random((count, d)) - 1.0
        where = base + shift
        proposal = _interpolated(where, heights, place)
        u = where * grid.step
        t = grid.t_of(u)
        target = log_posterior(solution.family, t) + grid.log_slope(u) - top
        ratio = np.exp(target) / proposal
        if ratio.max() > _ABOVE:
            # Where the lattice is coarse: only far out, or the bound would be passed.
            ratio = np.minimum(ratio, _ABOVE)
        kept = t[rng.random(count) < ratio / _ABOVE][:need]
        out.append(kept)
        need -= len(kept)
    return np.concatenate(out)


def _interpolated(
    where: NDArray[np.float64],
    heights: NDArray[np.float64],
    place: Mapping[tuple[int, ...], int],
) -> NDArray[np.float64]:
    low = np.floor(where).astype(int)
    part = where - low
    d = where.shape[1]
    out = np.zeros(len(where))
    for corner in np.ndindex(*(2,) * d):
        weight = np.prod(np.where(np.array(corner) == 1, part, 1.0 - part), 1)
        found = [place.get(tuple(i), -1) for i in low + np.array(corner)]
        out += weight * np.where(np.array(found) >= 0, heights[found], 0.0)
    return np.maximum(out, 1e-300)


def _grouped(
    solution: Solution,
    posterior: ExactPosterior,
    t: NDArray[np.float64],
    rng: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    family, item = solution.family, posterior.solved.item
    out: dict[str, NDArray[Any]] = {
        axis.name: axis.value(t[:, k]) for k, axis in enumerate(family.axes)
    }
    if isinstance(family, NormalGroups):
        coefficients, theta = family.draw(t, rng)
        # Precisions of heavy-tailed priors are no parameters of the program.
        out = {k: v for k, v in out.items() if k in ("tau", "sigma")}
        out |= coefficients
        out["theta"] = theta
        return out
    if isinstance(family, PooledBinomial):
        out["theta"] = np.repeat(out["mu"][:, None], len(item), 1)
    else:
        assert isinstance(family, BetaBinomial | LogitNormal)
        seen = family.counts[item] > 0
        y = np.where(seen, family.y[item], 0.0)
        n = np.where(seen, family.n[item], 0.0)
        if isinstance(family, BetaBinomial):
            a, b = (shape[:, None] for shape in family.shapes(t))
            # The logarithm of a gamma variable of a small shape has no floor.
            out["theta"] = _log_gamma(a + y, rng) - _log_gamma(b + n - y, rng)
        else:
            shape = (len(t), len(item))
            mu, tau, y, n = (
                np.broadcast_to(c, shape).ravel()
                for c in (t[:, :1], np.exp(t[:, 1:]), y, n)
            )
            out["theta"] = conditional_draws(mu, tau, y, n, rng).reshape(shape)
    out["p"] = special.expit(out["theta"])
    return out


def tree(posterior: ExactPosterior, draws: int, seed: int) -> xr.DataTree:
    """Return draws as a labelled tree like that of a fit: one chain, no sampler.

    Parameters
    ----------
    posterior : ExactPosterior
    draws, seed : int
    """
    rng = np.random.default_rng(seed)
    variables = draw(posterior, draws, rng)
    decided, form = posterior.plan, posterior.form.exact
    assert form is not None
    for name, source, function in form.derived:
        value = FUNCTIONS[function](variables[source])
        grouped = list(posterior.form.dims.get(name, ())) == ["group"]
        variables[name] = (
            np.repeat(value[:, None], len(posterior.labels), 1) if grouped else value
        )
    for name, source in form.names.items():
        if name not in variables:
            variables[name] = variables[source]
    variables = _vectors(variables, posterior)
    variables |= _predicted(posterior, variables, rng)
    priors = [
        choice.prior.distribution().logpdf(variables[name])
        for name, choice in decided.priors.items()
    ]
    priors = [p if p.ndim == 1 else p.sum(1) for p in priors]
    variables["lprior"] = np.stack(priors, -1)
    # A refit without groups is one by a sampler, with its usual settings.
    settings = SamplerSettings(seed=seed)
    raw = RawDraws(
        {name: value[None] for name, value in variables.items()},
        {},
        timings={"total": posterior.seconds},
        sampled=tuple(decided.priors),
    )
    kinds = declared(decided.program).outputs
    attrs = attributes(decided, settings, "exact", raw, kinds, time.time())
    attrs["method"] = "independent draws from a posterior by quadrature: no chains"
    return to_tree(raw, decided.stan, labels=decided.labels, kinds=kinds, attrs=attrs)


def _vectors(
    variables: dict[str, NDArray[Any]], posterior: ExactPosterior
) -> dict[str, NDArray[Any]]:
    """Join the elements of a vector, such as ``beta_std[0]``."""
    out: dict[str, NDArray[Any]] = {}
    for name, value in variables.items():
        base = name.split("[")[0]
        if base == name:
            out[name] = value
        elif base in out:
            out[base] = np.column_stack([out[base], value])
        else:
            out[base] = value[:, None]
    return out


def _predicted(
    posterior: ExactPosterior,
    variables: dict[str, NDArray[Any]],
    rng: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    """Return replicates and log likelihoods, given each group's own parameter."""
    stan, theta = posterior.plan.stan, variables["theta"]
    y = np.asarray(stan["y"], dtype=float)
    if "n" in stan and "ss" not in stan:
        n = np.asarray(stan["n"])
        below, above = special.log_expit(theta), special.log_expit(-theta)
        logs = choose(n.astype(float), y) + y * below + (n - y) * above
        return {"y_rep": rng.binomial(n, special.expit(theta)), "log_lik": logs}
    if "ss" in stan:
        n, ss = np.asarray(stan["n"], dtype=float), np.asarray(stan["ss"], dtype=float)
        sigma = variables["sigma"][:, None]
        error = sigma / np.sqrt(n)
        rest = -0.5 * ss / sigma**2 - (n - 1.0) * (np.log(sigma) + _HALF_LOG_2PI)
        rest = rest - 0.5 * np.log(n)
        more = {
            "ss_rep": sigma**2
            * 2.0
            * rng.gamma(np.broadcast_to(0.5 * (n - 1.0), theta.shape))
        }
    else:
        error, rest, more = np.asarray(stan["sigma"], dtype=float), 0.0, {}
    z = (y - theta) / error
    logs = -0.5 * z**2 - np.log(error) - _HALF_LOG_2PI + rest
    return {"y_rep": rng.normal(theta, error), "log_lik": logs, **more}


def _log_gamma(shape: NDArray[np.float64], rng: np.random.Generator) -> Any:
    """Draw logarithms of gamma variables: that of shape + 1, times U^(1 / shape)."""
    return np.log(rng.gamma(shape + 1.0)) + np.log(rng.random(shape.shape)) / shape


def _unpooled(
    solution: Unpooled,
    item: NDArray[np.int64],
    draws: int,
    rng: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    theta = np.empty((draws, len(item)))
    for j, k in enumerate(item):
        theta[:, j] = solution.draw(int(k), draws, rng)
    out: dict[str, NDArray[Any]] = {"theta": theta}
    if solution.n is not None:
        out["p"] = special.expit(theta)
    return out
