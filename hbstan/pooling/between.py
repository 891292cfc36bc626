"""Heterogeneity: how much groups differ, beyond what their own sampling explains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.pooling.classical import METHODS, MetaAnalysis, classical_meta_analysis
from hbstan.pooling.groups import grouped
from hbstan.pooling.population import population
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.summaries import error_of_mean, tail_of
from hbstan.predictive.tables import records
from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.pooling.groups import Grouped
    from hbstan.pooling.population import Population

__all__ = ["Heterogeneity", "heterogeneity"]

#: New groups for each draw: they make the interval's Monte Carlo error that of the
#: top-level draws alone.
_NEW_GROUPS = 16
_INNER = 0.5


@dataclass(frozen=True)
class Heterogeneity:
    """Differences between groups, a posteriori and without a prior.

    Parameters
    ----------
    model, data_name, kind, unit : str
        ``unit`` is that of tau: ``"log-odds"`` or ``"unit of y"``.
    posterior : pandas.DataFrame
        Indexed by quantity: ``tau``, ``tau2``, ``icc``, ``i2``, ``new_theta`` (a new
        group, in ``unit``) and, for binomial data, ``new_p`` (its probability). Columns
        ``mean``, ``sd``, ``median``, the equal-tailed interval's ``lower`` and
        ``upper``, that of probability 1/2, ``inner_lower`` and ``inner_upper``, and
        ``mcse``, the Monte Carlo error of the mean.
    formulas : mapping of str to str
        How each quantity is computed.
    classical : MetaAnalysis
        Estimates from the groups' raw estimates.
    groups : tuple of str
        The groups with data in the likelihood, which ``i2`` and ``classical`` use.
    ci_prob : float
    seed : int
        The new groups' seed.
    """

    model: str
    data_name: str
    kind: str
    unit: str
    posterior: pd.DataFrame
    formulas: Mapping[str, str]
    classical: MetaAnalysis
    groups: tuple[str, ...]
    ci_prob: float
    seed: int

    @property
    def new_group(self) -> dict[str, tuple[float, float]]:
        """The prediction interval of a new group, by quantity."""
        return {
            str(name): (float(row["lower"]), float(row["upper"]))
            for name, row in self.posterior.to_dict(orient="index").items()
            if str(name).startswith("new_")
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the posterior beside the classical estimates, with formulas.

        Returns
        -------
        pandas.DataFrame
            :attr:`posterior` with the columns ``dersimonian_laird``, ``reml`` (NaN
            where there is no such estimate) and ``formula``.
        """
        table = self.posterior.copy()
        for method in METHODS:
            row = self.classical.table.loc[method]
            table[method] = [float(row.get(name, float("nan"))) for name in table.index]
        table["formula"] = [self.formulas[str(name)] for name in table.index]
        return table

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "kind": self.kind,
            "unit": self.unit,
            "ci_prob": json_number(self.ci_prob),
            "seed": self.seed,
            "groups": list(self.groups),
            "posterior": records(self.posterior),
            "formulas": dict(self.formulas),
            "classical": self.classical.record(),
        }

    def __repr__(self) -> str:
        tau = self.posterior.to_dict(orient="index")["tau"]
        reml = self.classical.table.to_dict(orient="index")["reml"]
        return (
            f"<Heterogeneity of {self.model} on {self.data_name}: tau "
            f"{tau['mean']:.3g} ({tau['lower']:.3g} to {tau['upper']:.3g}), REML "
            f"{reml['tau']:.3g}>"
        )


def heterogeneity(
    fit: Fit, ci_prob: float = 0.94, *, seed: int | None = None
) -> Heterogeneity:
    """Measure how much the groups differ.

    Beside the posterior stand DerSimonian and Laird's estimate and that of restricted
    maximum likelihood, from the groups' raw estimates and standard errors. For
    binomial data those are ``log((y + 0.5) / (n - y + 0.5))`` and ``sqrt(1 / (y +
    0.5) + 1 / (n - y + 0.5))``. I^2 = tau^2 / (tau^2 + s^2) compares tau^2 with the
    typical squared standard error s^2 (Higgins and Thompson 2002,
    doi:10.1002/sim.1186; see :class:`MetaAnalysis`); taken draw by draw it has a
    posterior.

    Parameters
    ----------
    fit : Fit
        Of a catalogue model whose groups come from a population.
    ci_prob : float
        Probability of all intervals.
    seed : int, optional
        For the new groups that the prediction interval is taken from; by default the
        fit's own.

    Returns
    -------
    Heterogeneity

    Raises
    ------
    FitError
        If the model has no population of groups, or fewer than two groups have data.
    SettingsError
        If ``ci_prob`` is no probability.
    """
    check_probability(ci_prob)
    source, data = population(fit), grouped(fit)
    seed = int(fit.provenance["seed"]) if seed is None else seed
    seen = data.seen
    classical = classical_meta_analysis(
        data.estimates()[seen], data.errors()[seen], ci_prob
    )
    draws = _quantities(source, data, classical.typical_variance)
    draws |= _new_group(source, data.kind, seed)
    unit = "log-odds" if data.kind == "binomial" else "unit of y"
    return Heterogeneity(
        model=fit.model,
        data_name=str(fit.tree.attrs["data_name"]),
        kind=data.kind,
        unit=unit,
        posterior=_summaries(draws, ci_prob),
        formulas=_formulas(source, unit, tuple(draws)),
        classical=classical,
        groups=tuple(g for g, s in zip(data.labels, seen, strict=True) if s),
        ci_prob=ci_prob,
        seed=seed,
    )


def _quantities(
    source: Population, data: Grouped, s2: float
) -> dict[str, NDArray[Any]]:
    """Return draws of the scalar quantities, each ``(chain, draw)``."""
    tau = source.family.spread(source.top)
    if source.family.icc is not None:
        icc = source.family.icc(source.top, tau)
    else:
        sigma = data.errors()[data.seen]
        ratio = (tau[..., None] / sigma) ** 2
        icc = (ratio / (1.0 + ratio)).mean(axis=-1)
    return {"tau": tau, "tau2": tau**2, "icc": icc, "i2": tau**2 / (tau**2 + s2)}


def _new_group(source: Population, kind: str, seed: int) -> dict[str, NDArray[Any]]:
    """Return draws of a new group's parameter, each ``(chain, draw * count)``."""
    import numpy as np
    from scipy.special import expit

    chains = next(iter(source.top.values())).shape[0]
    theta = source.new_groups(_NEW_GROUPS, np.random.default_rng(seed))
    out = {"new_theta": theta.reshape(chains, -1)}
    if kind == "binomial":
        out["new_p"] = np.asarray(expit(out["new_theta"]))
    return out


def _summaries(draws: dict[str, NDArray[Any]], ci_prob: float) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rows = {}
    tails = [tail_of(prob) for prob in (ci_prob, _INNER)]
    at = [tails[0], tails[1], 0.5, 1.0 - tails[1], 1.0 - tails[0]]
    names = ("lower", "inner_lower", "median", "inner_upper", "upper")
    for name, values in draws.items():
        rows[name] = {
            "mean": values.mean(),
            "sd": values.std(ddof=1),
            **dict(zip(names, np.quantile(values, at), strict=True)),
            "mcse": error_of_mean(values),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def _formulas(source: Population, unit: str, names: tuple[str, ...]) -> dict[str, str]:
    known = {
        "tau": f"{source.family.spread_formula} ({unit})",
        "tau2": f"tau^2 ({unit}, squared)",
        "icc": source.family.icc_formula,
        "i2": "tau^2 / (tau^2 + s^2), s^2 = (J - 1) sum(w) / (sum(w)^2 - sum(w^2)), "
        "w_j = 1 / se_j^2 of the raw estimates",
        "new_theta": f"theta of a new group, drawn from the population ({unit})",
        "new_p": "inv_logit(theta) of a new group (probability)",
    }
    return {name: known[name] for name in names}
