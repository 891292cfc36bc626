"""Leave-one-out PIT values: where each group lies in what the others predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.loo.psis import arviz_loo, good_k, log_likelihood
from hbstan.predictive.arguments import probability, seed_or_fresh
from hbstan.predictive.posterior import ALPHA
from hbstan.predictive.replicates import (
    Replicates,
    has_population,
    new_groups,
    same_groups,
)
from hbstan.predictive.tables import records
from hbstan.predictive.uniformity import pot_c
from hbstan.results import Check, Checks, Outcome
from hbstan.sbc.uniformity import band, ecdf_difference

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hbstan.fit import Fit

__all__ = ["METHODS", "LooPit", "loo_pit"]

#: Where the weights come from, and which replicates go with them.
METHODS = {
    "psis_group": "weights from the likelihood with the group's parameter integrated "
    "out, replicates with that parameter redrawn from the population",
    "psis": "weights from the likelihood given the group's own parameter, replicates "
    "given the same",
}
#: A log likelihood that varies less is constant but for rounding.
_CONSTANT = 1e-9
#: Points at which the ECDF is drawn.
_POINTS = 99


@dataclass(frozen=True)
class LooPit:
    """Leave-one-out PIT values of the groups.

    Parameters
    ----------
    model, data_name : str
    method : str
        A key of :data:`METHODS`.
    seed : int
    table : pandas.DataFrame
        Indexed by group: ``pit``, the Pareto ``k`` of its weights (0 for a held-out
        group, which needs none), ``held_out``, ``p``, the two-sided p-value of the
        value's place among the others (:func:`hbstan.predictive.uniformity.pot_c`).
        Groups without trials are absent.
    p_value : float
        Of uniformity.
    good_k : float
        The largest k that can be believed.
    """

    model: str
    data_name: str
    method: str
    seed: int
    table: pd.DataFrame
    p_value: float
    good_k: float

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The groups whose weights cannot be believed, worst first."""
        bad = self.table[~(self.table["k"] <= self.good_k)]
        return tuple(bad.sort_values("k", ascending=False).index)

    def ecdf(self) -> pd.DataFrame:
        """Return the ECDF of the values minus the uniform one, with a band.

        Returns
        -------
        pandas.DataFrame
            ``z`` (0.01 to 0.99), ``difference``, and the ``lower`` and ``upper``
            limits within which 95 % of *independent* uniform values stay as a whole
            (Säilynoja et al. 2022, doi:10.1007/s11222-022-10090-6). The check goes
            by a test that allows for dependence; the band is for the eye.
        """
        import numpy as np
        import pandas as pd

        pit = self.table["pit"].to_numpy()
        ranks = np.minimum((pit * (_POINTS + 1)).astype(int), _POINTS)
        limits = band(len(ranks), _POINTS)
        lower, upper = limits.difference()
        difference = ecdf_difference(ranks, _POINTS)
        return pd.DataFrame(
            {"z": limits.z, "difference": difference, "lower": lower, "upper": upper}
        )

    def checks(self, alpha: float = ALPHA) -> Checks:
        """Judge whether the values are uniform.

        Parameters
        ----------
        alpha : float
            The limit of the p-value.

        Returns
        -------
        Checks
            ``loo_pit``: passes if the p-value of uniformity is at least ``alpha``;
            not run if the weights of a group cannot be believed, or if there is one
            group alone.
        """
        return Checks((_judge(self, probability("alpha", alpha)),))

    def record(self) -> dict[str, Any]:
        """Return the values as JSON-ready data."""
        return {
            "model": self.model,
            "data": self.data_name,
            "method": self.method,
            "seed": self.seed,
            "p_value": self.p_value,
            "good_k": self.good_k,
            "groups": records(self.table),
            "checks": self.checks().record(),
        }

    def __repr__(self) -> str:
        return (
            f"<LooPit of {self.model} on {self.data_name} by {self.method}: "
            f"{len(self.table)} groups, {self.checks()['loo_pit'].detail}>"
        )


def loo_pit(fit: Fit, *, method: str | None = None, seed: int | None = None) -> LooPit:
    """Return where each group's outcome lies in its leave-one-out prediction.

    Of a group with several outcomes it is their mean.

    ``PIT_j = P(y_rep_j < y_j | y_-j) + u_j P(y_rep_j = y_j | y_-j)`` with ``u_j``
    uniform, which makes the values of counts uniform too under the true model. The
    probabilities are those of replicates with Pareto smoothed weights, from ArviZ.
    A held-out group needs no weights.

    Parameters
    ----------
    fit : Fit
        Of grouped data, with pointwise log likelihoods.
    method : {"psis_group", "psis"}, optional
        See :data:`METHODS`. By default the first where the fit has it, as its
        weights seldom fail, else the second.
    seed : int, optional
        Of redrawn groups and ``u_j``; by default a fresh one, which is recorded.

    Returns
    -------
    LooPit

    Raises
    ------
    FitError
        If the fit has no log likelihoods or no replicates.
    SettingsError
        If the method is unknown.
    """
    import numpy as np

    if method is not None and method not in METHODS:
        raise SettingsError(
            f"method is {method!r}, but must be one of {', '.join(METHODS)}."
        )
    seed = seed_or_fresh(seed)
    method = _default(fit) if method is None else method
    r = new_groups(fit, seed) if method == "psis_group" else same_groups(fit).by_unit()
    rng = np.random.default_rng([seed, 1])
    table = _values(r, _weights(fit, r, method), rng)
    table = table[r.informative]
    if table.empty:
        raise FitError("no group has trials, so none has a PIT value.")
    p_value, table["p"] = pot_c(table["pit"].to_numpy())
    limit = good_k(len(r.flat))
    name = str(fit.tree.attrs["data_name"])
    return LooPit(fit.model, name, method, seed, table, p_value, limit)


def _default(fit: Fit) -> str:
    integrated = has_population(fit) and "log_likelihood_group" in fit.tree.children
    return "psis_group" if integrated else "psis"


def _weights(fit: Fit, r: Replicates, method: str) -> tuple[xr.DataArray, list[float]]:
    """Return log weights of every group, equal for held-out ones, and their k."""
    import numpy as np
    import xarray as xr

    dims = ("chain", "draw", "group")
    weights = xr.DataArray(np.zeros(r.y_rep.shape), dims=dims)
    k = np.zeros(len(r.labels))
    if not r.seen.any():
        return weights, k.tolist()
    values = log_likelihood(fit, method)
    # A likelihood that is the same in all draws gives them equal weights, and no k.
    moving = np.ptp(values.values, axis=(0, 1)) > _CONSTANT
    where = np.flatnonzero(r.seen)[moving]
    if where.size:
        found = arviz_loo(fit, values.isel(group=np.flatnonzero(moving)))
        own = found.log_weights
        own = own.unstack() if "__sample__" in own.dims else own
        weights.values[:, :, where] = own.transpose(*dims).values
        k[where] = found.pareto_k.values
    return weights, k.tolist()


def _values(
    r: Replicates, weights: tuple[xr.DataArray, list[float]], rng: Any
) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    import xarray as xr

    logs, k = weights
    predicted = xr.DataArray(r.y_rep.astype(float), dims=("chain", "draw", "group"))
    values, _ = predicted.azstats.loo_pit(
        y_obs=xr.DataArray(np.asarray(r.y, dtype=float), dims=("group",)),
        log_weights=logs,
        pareto_k=xr.DataArray(np.asarray(k), dims=("group",)),
        random_state=rng,
    )
    # Finitely many replicates cannot place an outcome beyond all of them.
    least = 0.5 / len(r.flat)
    return pd.DataFrame(
        {
            "pit": np.clip(values.values, least, 1.0 - least),
            "k": k,
            "held_out": ~r.seen,
        },
        index=pd.Index(r.labels, name="group"),
    )


def _judge(result: LooPit, alpha: float) -> Check:
    label = "Leave-one-out PIT values are uniform"
    rule = f"p >= {alpha:g} (POT-C, which allows for dependence)"
    if len(result.table) == 1:
        return Check(
            "loo_pit",
            label,
            Outcome.NOT_RUN,
            rule=rule,
            detail="there is one group; left out, it leaves none to predict it from",
        )
    if result.doubtful:
        shown = ", ".join(result.doubtful[:5])
        other = ", or use method='psis_group'" if result.method == "psis" else ""
        return Check(
            "loo_pit",
            label,
            Outcome.NOT_RUN,
            rule=rule,
            subjects=result.doubtful,
            detail=f"the weights of {shown} cannot be believed (k above "
            f"{result.good_k:.2f})",
            advice=f"Hold those groups out and fit again{other}.",
        )
    odd = result.table[result.table["p"] < alpha].sort_values("p")
    passed = result.p_value >= alpha
    return Check(
        "loo_pit",
        label,
        Outcome.PASS if passed else Outcome.FAIL,
        result.p_value,
        alpha,
        rule,
        tuple(odd.index),
        f"p = {result.p_value:.3g}, largest k {result.table['k'].max():.2f}",
        ""
        if passed
        else "Values in the middle mean intervals that are too wide, values near 0 and "
        "1 too narrow ones, and values on one side a bias: change the model of the "
        "groups accordingly, and look at the groups named.",
    )
