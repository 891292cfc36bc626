"""Power-scaling by importance weights: a posterior reweighted, not refitted.

The posterior under ``p(theta)^alpha p(y | theta)`` is the posterior with weights
``p(theta)^(alpha - 1)``, and likewise for a likelihood that is scaled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.refit import held_out
from hbstan.sensitivity.quantities import Quantity

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["LIKELIHOOD", "PRIORS", "Component", "by_weights", "components"]

#: Names of the components that are more than one parameter's prior.
PRIORS = "all priors"
LIKELIHOOD = "likelihood"
#: ArviZ's groups.
_GROUP = {"prior": "log_prior", "likelihood": "log_likelihood"}
#: Fewer draws have no tails to fit a Pareto distribution to.
_FEWEST = 100
_TAILS = (0.05, 0.95)


@dataclass(frozen=True)
class Component:
    """A part of the posterior density that is raised to a power.

    Parameters
    ----------
    name : str
        ``"prior of mu"``, ``"all priors"`` or ``"likelihood"``.
    kind : {"prior", "likelihood"}
    parameters : tuple of str
        Whose priors are scaled; empty for the likelihood.
    log_density : ndarray of shape (chain, draw), optional
        None where the fit does not have it.
    missing : str
        Why it does not.
    """

    name: str
    kind: str
    parameters: tuple[str, ...]
    log_density: NDArray[Any] | None
    missing: str = ""


def components(fit: Fit) -> list[Component]:
    """Return what can be scaled: each prior alone, all together, the likelihood.

    The likelihood is given the groups' own parameters, of the groups that the fit
    did not hold out.

    Raises
    ------
    FitError
        If the fit has no log prior, or too few draws.
    """
    children, size = fit.tree.children, fit.posterior.sizes
    if "log_prior" not in children:
        raise FitError(
            f"the fit of {fit.model} has no log prior densities.",
            remedy="Let the program keep them in lprior, one for each parameter.",
        )
    if size["chain"] * size["draw"] < _FEWEST:
        raise FitError(
            f"the fit of {fit.model} has {size['chain'] * size['draw']} draws, but "
            f"importance weights need at least {_FEWEST}.",
            remedy="Raise iter_sampling.",
        )
    prior = fit.tree["log_prior"].to_dataset()
    names = tuple(str(name) for name in prior.data_vars)
    found = [
        Component(f"prior of {name}", "prior", (name,), _total(prior[[name]]))
        for name in names
        if name != "lprior"
    ]
    found.append(Component(PRIORS, "prior", names, _total(prior)))
    likelihood, missing = _likelihood(fit)
    total = None if likelihood is None else _total(likelihood)
    return [*found, Component(LIKELIHOOD, "likelihood", (), total, missing)]


def by_weights(
    watched: Sequence[Quantity], component: Component, alphas: tuple[float, float]
) -> tuple[NDArray[Any], float]:
    """Return the sensitivity of each quantity to a component, and Pareto's k.

    Parameters
    ----------
    watched : sequence of Quantity
    component : Component
        With a log density.
    alphas : tuple of float
        Powers below and above 1.

    Returns
    -------
    sensitivity : ndarray of shape (len(watched),)
        ArviZ's ``psense``.
    k : float
        The larger of the two powers' weights. Minus infinity for a density that is
        the same everywhere, whose weights are all equal.
    """
    import numpy as np
    import xarray as xr
    from arviz_stats import psense

    density = component.log_density
    assert density is not None
    if np.ptp(density) == 0:
        return np.zeros(len(watched)), -np.inf
    over = ("chain", "draw")
    stacked = np.stack([quantity.draws for quantity in watched], axis=-1)
    tree = xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"x": ((*over, "quantity"), stacked)}),
            _GROUP[component.kind]: xr.Dataset({"y": (over, density)}),
        }
    )
    result = psense(tree, group=component.kind, alphas=alphas, sample_dims=[*over])
    return np.asarray(result["x"].values), max(_pareto_k(density, a) for a in alphas)


def _pareto_k(density: NDArray[Any], alpha: float) -> float:
    """Return the shape of the right tail of the weights ``exp((alpha - 1) density)``.

    ``psense`` does not tell it.
    """
    from arviz_stats.base import array_stats

    efficiency = float(
        array_stats.ess(density, method="tail", prob=_TAILS, relative=True)
    )
    # ArviZ takes log likelihoods, whose weights have the opposite sign.
    _, k = array_stats.psislw((1.0 - alpha) * density.ravel(), r_eff=efficiency)
    return float(k)


def _total(values: xr.Dataset) -> NDArray[Any]:
    """Sum everything but chains and draws."""
    import numpy as np

    parts = [v.transpose("chain", "draw", ...).values for v in values.values()]
    sums = [part.reshape(*part.shape[:2], -1).sum(axis=2) for part in parts]
    return np.asarray(sum(sums))


def _likelihood(fit: Fit) -> tuple[xr.Dataset | None, str]:
    """Return the log likelihoods of the groups that were seen, or why not."""
    if "log_likelihood" not in fit.tree.children:
        return None, "the fit has no pointwise log likelihood (predictive=False)"
    values = fit.tree["log_likelihood"].to_dataset()
    out = set(held_out(fit))
    if not out:
        return values, ""
    if "group" not in values.coords:
        return None, "groups were held out, but the log likelihood has no groups"
    seen = [g for g in values["group"].values.tolist() if str(g) not in out]
    if not seen:
        return None, "all groups were held out"
    return values.sel(group=seen), ""
