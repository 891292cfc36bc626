"""Moment matching: move the draws to where a group's leave-one-out posterior is.

Where importance weights fail, affine transformations of the unconstrained draws match
mean, variance and covariance to those of the weighted draws, until the weights are
good (Paananen, Piironen, Buerkner and Vehtari 2021, doi:10.1007/s11222-020-10006-6).
The algorithm is ArviZ's. The log densities are the backend's: the likelihood of group
j alone is the density of the program less its density with j held out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hbstan.backends import choose
from hbstan.errors import BackendError, NotSupportedError
from hbstan.loo.psis import arviz_loo, constant_groups, log_likelihood
from hbstan.refit import planned
from hbstan.types import LogDensities

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.loo.result import Values
    from hbstan.types import Backend, LogDensityFunction

__all__ = ["Densities", "moment_match"]

_ITERATIONS = 30
#: Densities that one group takes, in units of the draws: a guess for the plan.
TYPICAL_PASSES = 40
#: Draws at which the likelihood is compared with the program's log_lik.
_COMPARED = 20
_TOLERANCE = 1e-6


class Densities:
    """The fit's draws on the unconstrained scale, and densities there.

    Parameters
    ----------
    fit : Fit
        A fit of a catalogue model, or of an edited copy of one.
    backend : str or Backend
        One that evaluates log densities at many points: stanli.

    Raises
    ------
    NotSupportedError
        If the backend does not.
    """

    def __init__(self, fit: Fit, backend: str | Backend = "stanli") -> None:
        engine = choose(backend)
        if not isinstance(engine, LogDensities):
            raise NotSupportedError(
                f"the backend {engine.name} evaluates one log density at a time, too "
                "slowly for moment matching.",
                remedy="Use backend='stanli', or let the ladder climb to exact refits.",
            )
        self._fit, self._engine = fit, engine
        self._whole = self._density(())
        self._without: dict[str, LogDensityFunction] = {}
        self._constants: dict[str, float] = {}

    def _density(self, left_out: tuple[str, ...]) -> LogDensityFunction:
        decided = planned(self._fit, left_out, predictive=False)
        return self._engine.densities(decided.program, decided.stan)

    def points(self) -> xr.DataArray:
        """Return the draws, dims (chain, draw, unconstrained)."""
        import numpy as np
        import xarray as xr

        arrays = {name: draws.values for name, draws in self._fit.sampled.items()}
        shape = next(iter(arrays.values())).shape[:2]
        points = [
            self._whole.unconstrain({n: a[index] for n, a in arrays.items()})
            for index in np.ndindex(*shape)
        ]
        array = np.asarray(points).reshape(*shape, -1)
        return xr.DataArray(
            array,
            dims=("chain", "draw", "unconstrained"),
            coords={
                "chain": np.arange(shape[0]),
                "draw": np.arange(shape[1]),
                "unconstrained": np.arange(array.shape[2]),
            },
        )

    def log_density(self, points: xr.DataArray) -> xr.DataArray:
        """Return the log density of the full posterior at points."""
        return _over_draws(points, self._whole)

    def log_likelihood(self, points: xr.DataArray, group: str) -> xr.DataArray:
        """Return the log likelihood of one group at points."""
        import numpy as np

        if group not in self._without:
            self._without[group] = self._density((group,))
            self._constants[group] = self._constant(group)
        whole = self.log_density(points)
        other = _over_draws(points, self._without[group])
        with np.errstate(invalid="ignore"):
            difference = whole - other + self._constants[group]
        # Where the density cannot be evaluated, there is no likelihood either.
        return difference.where(np.isfinite(difference), -np.inf)

    def _constant(self, group: str) -> float:
        """Return what the program's likelihood drops of the group's log_lik."""
        values = log_likelihood(self._fit, "psis").sel(group=group)
        few = self.points().isel(chain=slice(1), draw=slice(_COMPARED))
        own = values.isel(chain=slice(1), draw=slice(_COMPARED)).values
        whole = _over_draws(few, self._whole).values
        dropped: NDArray[Any] = own - (
            whole - _over_draws(few, self._without[group]).values
        )
        if not abs(dropped - dropped.mean()).max() < _TOLERANCE:
            raise NotSupportedError(
                f"the log_lik of {self._fit.model} for group {group} is not the term "
                "that its likelihood adds, so moments cannot be matched by it.",
                remedy="Let log_lik be the log of what the model block adds for the "
                "group, or let the ladder climb to exact refits.",
            )
        return float(dropped.mean())


def moment_match(
    fit: Fit,
    start: Values,
    groups: Sequence[str],
    *,
    k_threshold: float,
    densities: Densities | None = None,
) -> Values:
    """Replace the values of some groups by moment-matched ones.

    Parameters
    ----------
    fit : Fit
    start : Values
        The values so far.
    groups : sequence of str
        The groups to match; all others keep their values.
    k_threshold : float
        Groups whose conditional weights have a smaller k are left alone.
    densities : Densities, optional
        By default those of stanli.

    Returns
    -------
    Values
        In which a matched group's ``k`` is that after matching.

    Raises
    ------
    BackendError
        If the log densities cannot be evaluated.
    """
    import arviz_stats

    values = log_likelihood(fit, "psis")
    values = values.isel(group=~constant_groups(values))
    densities = densities or Densities(fit)
    points = densities.points()
    labels = list(values["group"].values)
    last: dict[int, NDArray[Any]] = {}

    def one(upars: xr.DataArray, i: int) -> xr.DataArray:
        found = densities.log_likelihood(upars, str(labels[int(i)]))
        last[int(i)] = found.values
        return found

    whole = arviz_loo(fit, values)
    # ArviZ matches whatever is above the threshold: the others are hidden from it.
    hidden = [i for i, label in enumerate(labels) if label not in groups]
    whole.pareto_k = whole.pareto_k.copy()
    whole.pareto_k.values[hidden] = -1.0
    import xarray as xr

    tree = xr.DataTree.from_dict(
        {"posterior": fit.posterior, "log_likelihood": values.to_dataset(name="y")}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of k, which we report
        try:
            matched = arviz_stats.loo_moment_match(
                tree,
                whole,
                log_prob_upars_fn=densities.log_density,
                log_lik_i_upars_fn=one,
                upars=points,
                var_name="y",
                max_iters=_ITERATIONS,
                k_threshold=k_threshold,
                pointwise=True,
            )
        except (ValueError, ArithmeticError) as err:
            raise BackendError(f"moment matching failed: {err}") from err
    return start.replaced(_rows(matched, labels, last))


def _rows(
    matched: Any, labels: list[Any], last: dict[int, NDArray[Any]]
) -> pd.DataFrame:
    """Return the values of the groups that were matched."""
    import pandas as pd

    rows = []
    for i in sorted(last):
        elpd = float(matched.elpd_i.values[i])
        error = _mcse(matched.log_weights.isel(group=i), last[i], elpd)
        k = float(matched.pareto_k.values[i])
        rows.append({"elpd": elpd, "k": k, "mcse": error, "method": "moment_matching"})
    index = pd.Index([str(labels[i]) for i in sorted(last)], name="group")
    return pd.DataFrame(rows, index, columns=["elpd", "k", "mcse", "method"])


def _mcse(log_weights: xr.DataArray, likelihood: NDArray[Any], elpd: float) -> float:
    """Return the Monte Carlo error by the delta method; see :mod:`hbstan.loo.psis`."""
    import numpy as np

    w = np.exp(log_weights.values.reshape(-1) - float(log_weights.max()))
    w = w / w.sum()
    density = np.exp(likelihood.reshape(-1) - elpd)
    return float(np.sqrt((w**2 * (density - 1.0) ** 2).sum()))


def _over_draws(points: xr.DataArray, density: LogDensityFunction) -> xr.DataArray:
    ordered = points.transpose("chain", "draw", ...)
    return ordered.isel({ordered.dims[2]: 0}, drop=True).copy(
        data=density(ordered.values)
    )
