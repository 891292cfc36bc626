"""Pareto smoothed importance sampling of each group's leave-one-out density.

With weights ``w_s`` proportional to ``1 / p(y_j | theta_s)``, smoothed in the tail,
``elpd_j = log(sum_s w_s p(y_j | theta_s) / sum_s w_s)`` (Vehtari, Gelman and Gabry
2017, doi:10.1007/s11222-016-9696-4; Vehtari et al. 2024, arXiv:1507.02646).

The likelihood may be that given the group's own parameter, or have that parameter
integrated out over the population. Where a group is one observation, both have the
same target, ``p(y_j | y_-j)``; with the second, the importance weights have far less
to bridge, as a group's own parameter depends on nothing so much as on its data.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError
from hbstan.loo.result import Values, Waic
from hbstan.refit import held_out

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = [
    "LIKELIHOODS",
    "arviz_loo",
    "constant_groups",
    "good_k",
    "log_likelihood",
    "psis",
    "waic",
]

#: The group of the tree that each method takes its log likelihoods from.
LIKELIHOODS = {"psis": "log_likelihood", "psis_group": "log_likelihood_group"}


def log_likelihood(fit: Fit, method: str) -> xr.DataArray:
    """Return the log likelihood of every group in the likelihood.

    Parameters
    ----------
    fit : Fit
    method : {"psis", "psis_group"}
        Given the group's own parameter, or with it integrated out.

    Returns
    -------
    xarray.DataArray of dims (chain, draw, group)

    Raises
    ------
    FitError
        If the fit lacks it, or has no group in the likelihood.
    """
    name = LIKELIHOODS[method]
    if name not in fit.tree.children:
        raise FitError(
            f"the fit of {fit.model} has no group {name}.",
            remedy="Fit with predictive=True, and let the program compute "
            f"{'log_lik_group' if method == 'psis_group' else 'log_lik'} for every "
            "group.",
        )
    values = fit.tree[name].to_dataset()["y"]
    if values.ndim != 3:
        raise FitError(
            f"{name} has dims {values.dims}, but must have one value a draw and group."
        )
    values = values.rename({values.dims[2]: "group"})
    if "group" not in values.coords:
        count = values.sizes["group"]
        values = values.assign_coords(group=[str(i + 1) for i in range(count)])
    out = held_out(fit)
    kept = [i for i, g in enumerate(values["group"].values) if str(g) not in out]
    if not kept:
        raise FitError(
            "the likelihood sees none of the groups, so none can be left out.",
            remedy="Fit without holdout.",
        )
    values = values.isel(group=kept).transpose("chain", "draw", "group")
    groups = [str(getattr(g, "item", lambda v=g: v)()) for g in values["group"].values]
    return values.assign_coords(group=groups)


def good_k(draws: int) -> float:
    """Return the largest k that can be believed, ``min(1 - 1 / log10(S), 0.7)``."""
    import math

    return min(1.0 - 1.0 / math.log10(draws), 0.7) if draws > 10 else 0.0


def psis(fit: Fit, method: str = "psis") -> Values:
    """Estimate each group's leave-one-out density from the posterior's draws.

    Parameters
    ----------
    fit : Fit
    method : {"psis", "psis_group"}
        See :func:`log_likelihood`.

    Returns
    -------
    Values

    Raises
    ------
    FitError
        As :func:`log_likelihood`.
    """
    import numpy as np
    import pandas as pd

    values = log_likelihood(fit, method)
    constant = constant_groups(values)
    # A likelihood that is the same in all draws is its own prediction.
    elpd = values.values[0, 0].copy()
    k, covariance = np.zeros(elpd.size), np.zeros((elpd.size, elpd.size))
    if not constant.all():
        varying = values.isel(group=~constant)
        found = arviz_loo(fit, varying)
        elpd[~constant] = found.elpd_i.values
        k[~constant] = found.pareto_k.values
        errors = _errors(varying, found.log_weights)
        covariance[np.ix_(~constant, ~constant)] = errors.T @ errors
    own = log_likelihood(fit, "psis") if "log_likelihood" in fit.tree else values
    lpd = _lpd(own)
    index = pd.Index(values["group"].values.tolist(), name="group")
    columns = {"elpd": elpd, "lpd": lpd, "p": lpd - elpd, "k": k}
    columns |= {"mcse": np.sqrt(np.diag(covariance)), "method": method}
    return Values(
        pd.DataFrame(columns, index=index),
        pd.DataFrame(covariance, index=index, columns=index),
    )


def waic(fit: Fit) -> Waic:
    """Compute WAIC from the likelihood given each group's own parameter.

    Raises
    ------
    FitError
        As :func:`log_likelihood`.
    """
    import pandas as pd

    values = log_likelihood(fit, "psis")
    lpd, p = (
        _lpd(values),
        values.values.reshape(-1, values.sizes["group"]).var(0, ddof=1),
    )
    index = pd.Index(values["group"].values.tolist(), name="group")
    return Waic(pd.DataFrame({"elpd": lpd - p, "lpd": lpd, "p": p}, index=index))


def arviz_loo(fit: Fit, values: xr.DataArray) -> Any:
    """Return ArviZ's pointwise result, with its weights."""
    import arviz_stats
    import xarray as xr

    tree = xr.DataTree.from_dict(
        {
            "posterior": fit.posterior,
            "log_likelihood": values.to_dataset(name="y"),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of k, which we report
        return arviz_stats.loo(
            tree, pointwise=True, var_name="y", reff=float(_efficiency(values).mean())
        )


def _efficiency(values: xr.DataArray) -> NDArray[Any]:
    """Return effective over actual draws of each group's likelihood."""
    import numpy as np

    size = values.sizes["chain"] * values.sizes["draw"]
    likelihood: Any = np.exp(values - values.max(("chain", "draw")))
    with np.errstate(invalid="ignore", divide="ignore"):
        ess = likelihood.azstats.ess(method="mean").values
    efficiency: NDArray[Any] = np.where(np.isfinite(ess), ess, size) / size
    return efficiency


def _errors(values: xr.DataArray, log_weights: xr.DataArray) -> NDArray[Any]:
    """Return what each draw adds to the error of each elpd, ``(draw, group)``.

    With normalised weights w, densities l, relative efficiency r and the estimate
    ``e = sum w l`` it is ``w (l - e) / (e sqrt(r))``, by the delta method; its cross
    products are the covariance of the errors.
    """
    import numpy as np

    over = ("chain", "draw")
    weights = log_weights.unstack() if "__sample__" in log_weights.dims else log_weights
    weights = weights.transpose("chain", "draw", "group")
    w = np.exp(weights.values - weights.max(over).values)
    w = w / w.sum(axis=(0, 1))
    likelihood = np.exp(values.values - values.max(over).values)
    estimate = (w * likelihood).sum(axis=(0, 1))
    parts = w * (likelihood / estimate - 1.0) / np.sqrt(_efficiency(values))
    errors: NDArray[Any] = parts.reshape(-1, parts.shape[2])
    return errors


def _lpd(values: xr.DataArray) -> NDArray[Any]:
    """Return the log of each group's mean likelihood."""
    import numpy as np
    from scipy.special import logsumexp

    size = values.sizes["chain"] * values.sizes["draw"]
    mean: NDArray[Any] = logsumexp(values.values, axis=(0, 1)) - np.log(size)
    return mean


def constant_groups(values: xr.DataArray) -> NDArray[Any]:
    """Return which groups have the same likelihood in all draws."""
    import numpy as np

    same: NDArray[Any] = np.ptp(values.values, axis=(0, 1)) == 0
    return same
