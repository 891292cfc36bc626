"""Comparison of models by how well they predict groups that they have not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hbstan.compare.comparable import few, refuse_incomparable
from hbstan.compare.weights import pseudo_bma_weights, stacking_weights
from hbstan.errors import ModelError, SettingsError
from hbstan.fit import Fit
from hbstan.loo import LooResult, loo
from hbstan.predictive.arguments import seed_or_fresh
from hbstan.results import Check, Checks, Outcome, json_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEW_GROUPS", "SMALL", "VERDICTS", "Comparison", "compare"]

#: Differences below this, in nats, are small, and their dse is too low (Sivula,
#: Magnusson, Matamoros and Vehtari 2020, arXiv:2008.10296).
SMALL = 4.0
#: With fewer groups the dse is unreliable whatever the difference (the same).
FEW_GROUPS = 100
#: What can be said of a model beside the best one.
VERDICTS = {
    "best": "the highest elpd",
    "indistinguishable": "|difference| below 2 dse or below 4 nats",
    "unproven": "a larger difference, but from too few groups for a reliable dse",
    "worse": "a larger difference, from enough groups",
    "undecided": "densities that cannot be believed, or too large a Monte Carlo error",
}


@dataclass(frozen=True)
class Comparison:
    """Models of the same data, ordered by their predictions.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by model, best first; densities in nats. ``elpd`` and its ``se`` and
        ``p`` as in :class:`hbstan.loo.LooResult`; ``elpd_diff``, elpd minus the best
        model's; ``dse``, its standard error over groups; ``mcse``, its Monte Carlo
        error; ``stacking`` and ``pseudo_bma``, weights; ``bad``, the number of groups
        whose density cannot be believed; ``k_max``, the largest k of importance
        weights; ``method``; ``verdict``, a key of :data:`VERDICTS`.
    pointwise : pandas.DataFrame
        elpd by group (rows) and model, in the table's order.
    errors : pandas.DataFrame
        Monte Carlo errors of :attr:`pointwise`.
    results : mapping of str to LooResult
    seed : int
        Of pseudo-BMA+'s bootstraps.
    """

    table: pd.DataFrame
    pointwise: pd.DataFrame
    errors: pd.DataFrame
    results: Mapping[str, LooResult]
    seed: int

    @property
    def best(self) -> str:
        """The model with the highest elpd."""
        return str(self.table.index[0])

    @property
    def n(self) -> int:
        """The number of groups that were predicted."""
        return len(self.pointwise)

    @property
    def data_name(self) -> str:
        """The data that were predicted."""
        return self.results[self.best].data_name

    @property
    def target(self) -> str:
        """What was predicted from what."""
        return self.results[self.best].target

    @property
    def weights(self) -> dict[str, float]:
        """The stacking weights by model, best model first."""
        return {str(name): float(w) for name, w in self.table["stacking"].items()}

    def differences(self) -> pd.DataFrame:
        """Return each group's elpd minus that of the best model, by model."""
        return self.pointwise.sub(self.pointwise[self.best], axis=0)

    def difference_errors(self) -> pd.DataFrame:
        """Return the Monte Carlo errors of :meth:`differences`; 0 for the best."""
        errors = (self.errors**2).add(self.errors[self.best] ** 2, axis=0) ** 0.5
        errors[self.best] = 0.0
        return errors

    def reading(self, name: str) -> str:
        """Say in words how a model stands to the best one.

        Raises
        ------
        ModelError
            If there is no such model.
        """
        if name not in self.results:
            raise ModelError(
                f"there is no model {name!r}; there are: {', '.join(self.results)}."
            )
        row: Any = self.table.loc[name]
        if name == self.best:
            return (
                f"{name} has the highest elpd, {row['elpd']:.1f}, of "
                f"{len(self.table)} models ({self.target})."
            )
        size, dse = float(abs(row["elpd_diff"])), float(row["dse"])
        start = (
            f"{name} predicts {_nats(size)} nats worse than {self.best} (dse "
            f"{_nats(dse)}, Monte Carlo error {_nats(row['mcse'])})"
        )
        return f"{start}: {self._because(name, size, dse)}"

    def readings(self) -> dict[str, str]:
        """Return :meth:`reading` of every model, best first."""
        return {str(name): self.reading(str(name)) for name in self.table.index}

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def checks(self) -> Checks:
        """Return whether the figures can be believed; not whether models differ."""
        return Checks([self._belief(), self._noise()])

    def record(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready data."""
        readings = self.readings()
        models = [
            {
                "name": str(name),
                "model": self.results[str(name)].model,
                **{c: _plain(row[c]) for c in self.table.columns},
                "reading": readings[str(name)],
            }
            for name, row in self.table.iterrows()
        ]
        return {
            "data_name": self.data_name,
            "data_hash": self.results[self.best].data_hash,
            "target": self.target,
            "n": self.n,
            "seed": self.seed,
            "models": models,
            **self.checks().record(),
        }

    def __repr__(self) -> str:
        inner = ", ".join(f"{n} {d:.1f}" for n, d in self.table["elpd_diff"].items())
        return f"<Comparison on {self.data_name} ({self.target}): {inner}>"

    def _because(self, name: str, size: float, dse: float) -> str:
        """Return the verdict in words."""
        verdict = self.table.loc[name, "verdict"]
        caution = ""
        if self.n < FEW_GROUPS:
            caution = (
                f" With {self.n} groups, fewer than about {FEW_GROUPS}, dse is itself "
                "unreliable."
            )
        if verdict == "undecided":
            doubted = [
                m for m in (self.best, name) if not self.results[m].checks().passed
            ]
            if doubted:
                return f"undecided, as densities of {few(doubted)} cannot be believed."
            return "undecided, as other draws could change the difference too much."
        if verdict == "indistinguishable":
            reasons = []
            if size < 2 * dse:
                reasons.append("less than 2 dse")
            if size < SMALL:
                reasons.append(f"less than {SMALL:g} nats")
            return f"indistinguishable, {' and '.join(reasons)}.{caution}"
        if verdict == "unproven":
            ratio = f"{size / dse:.1f}" if dse > 0 else "many"
            return f"{ratio} dse speak against it, but are no proof.{caution}"
        return f"distinguishable, more than 2 dse and {SMALL:g} nats."

    def _belief(self) -> Check:
        failed = {n: r.checks().failed() for n, r in self.results.items()}
        doubted = [n for n, checks in failed.items() if checks]
        advice = [c.advice for n in doubted for c in failed[n] if c.advice]
        return Check(
            "comparison_densities",
            "All models' densities can be believed",
            Outcome.FAIL if doubted else Outcome.PASS,
            value=float(len(doubted)),
            threshold=0.0,
            rule="every model's cross-validation passes its checks",
            subjects=tuple(doubted),
            detail=f"{len(doubted)} of {len(self.results)} models fail",
            advice=" ".join(dict.fromkeys(advice)),
        )

    def _noise(self) -> Check:
        table = self.table.iloc[1:]
        ratio = (table["mcse"] / _allowed(table["dse"])).sort_values(ascending=False)
        bad = [str(name) for name in ratio.index[~(ratio <= 1.0)]]
        return Check(
            "comparison_mcse",
            "Other draws would not change the comparison",
            Outcome.FAIL if bad else Outcome.PASS,
            value=float(ratio.max(skipna=False)),
            threshold=1.0,
            rule="Monte Carlo error of a difference <= max(4, 2 dse) / 4",
            subjects=tuple(bad),
            detail=f"largest Monte Carlo error {table['mcse'].max():.2g} nats",
            advice="Raise iter_sampling." if bad else "",
        )


def compare(
    results: Mapping[str, LooResult | Fit],
    *,
    seed: int | None = None,
    **options: Any,
) -> Comparison:
    """Compare models of the same data by cross-validation.

    ``elpd_diff = sum_j d_j`` with ``d_j`` the group's elpd minus that under the best
    model, and ``dse = sqrt(n var(d_j))``. The variance's divisor is n - 1, which makes
    it unbiased, as in the standard error of each elpd; with 8 groups, ArviZ's n gives a
    dse that is 6 % smaller. The Monte Carlo error of a difference takes the models'
    draws as independent.

    Parameters
    ----------
    results : mapping of str to LooResult or Fit
        At least two, by name. Fits are put through :func:`hbstan.loo.loo`.
    seed : int, optional
        Of pseudo-BMA+'s bootstraps; by default a fresh one, which is recorded.
    **options
        For :func:`hbstan.loo.loo` of fits, e.g. ``highest`` or ``progress``.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If data or groups differ.
    ModelError
        If targets or folds differ, or there are not two models.
    SettingsError
        If the results have no names, or the seed is illegal.
    FitError
        If a group has no finite density.

    Notes
    -----
    Log densities can be compared only if all are complete: a program of your own must
    compute ``log_lik`` with ``_lpdf`` or ``_lpmf``, which keep constants.

    Examples
    --------
    >>> import hbstan as hb
    >>> names = ("logit_noncentered", "beta_binomial")
    >>> fits = {n: hb.fit(n, "surgical", seed=1, backend="stanli") for n in names}
    >>> found = hb.compare(fits, seed=1)
    >>> set(found.table["verdict"]) == {"best", "indistinguishable"}
    True
    """
    if not isinstance(results, Mapping):
        raise SettingsError(
            f"results is {type(results).__name__}, but must be a mapping of names to "
            "results or fits.",
            remedy="Name them: hb.compare({'one': ..., 'other': ...}).",
        )
    number = seed_or_fresh(seed)
    found = {str(name): _result(name, r, options) for name, r in results.items()}
    refuse_incomparable(found)
    found = dict(sorted(found.items(), key=lambda item: -item[1].elpd))
    return _compared(found, number)


def _result(name: str, given: Any, options: Mapping[str, Any]) -> LooResult:
    if isinstance(given, Fit):
        return loo(given, **options)
    if isinstance(given, LooResult):
        return given
    raise ModelError(
        f"{name!r} is of type {type(given).__name__}; legal: a Fit, or what "
        "hbstan.loo or hbstan.kfold returned."
    )


def _compared(results: dict[str, LooResult], seed: int) -> Comparison:
    """Compute the table of results that are ordered, the best first."""
    import numpy as np
    import pandas as pd

    names = list(results)
    groups = results[names[0]].table.index
    columns = {
        c: pd.DataFrame({n: r.table.loc[groups, c] for n, r in results.items()})
        for c in ("elpd", "mcse")
    }
    pointwise = columns["elpd"]
    totals = {n: r.values().totals() for n, r in results.items()}
    table = pd.DataFrame.from_dict(totals, orient="index")[["elpd", "se", "p", "mcse"]]
    differences = pointwise.sub(pointwise[names[0]], axis=0)
    mcse = (table.pop("mcse") ** 2 + totals[names[0]]["mcse"] ** 2) ** 0.5
    mcse.iloc[0] = 0.0
    table["elpd_diff"] = differences.sum()
    # A single difference has no variance: NaN.
    told = (pointwise != 0.0).any(axis=1)  # of groups without data all say 0
    table["dse"] = np.sqrt(told.sum() * differences[told].var(ddof=1))
    table["mcse"] = mcse
    table["stacking"] = stacking_weights(pointwise)
    rng = np.random.default_rng(seed)
    table["pseudo_bma"] = pseudo_bma_weights(pointwise, rng)
    table["bad"] = [len(r.bad) for r in results.values()]
    table["k_max"] = [r.k_max for r in results.values()]
    table["method"] = [r.method for r in results.values()]
    doubted = [not r.checks().passed for r in results.values()]
    table["verdict"] = _verdicts(table, doubted, len(groups))
    table.index.name = "model"
    return Comparison(
        table, pointwise, columns["mcse"], MappingProxyType(results), seed
    )


def _verdicts(table: pd.DataFrame, doubted: list[bool], n: int) -> list[str]:
    """Return a key of :data:`VERDICTS` for each row."""
    out = ["best"]
    rows = zip(table.to_dict("records")[1:], doubted[1:], strict=True)
    for row, doubt in rows:
        size = abs(row["elpd_diff"])
        noisy = not row["mcse"] <= _allowed(row["dse"])
        if doubted[0] or doubt or noisy:
            out.append("undecided")
        elif size < SMALL or size < 2 * row["dse"]:
            out.append("indistinguishable")
        else:
            out.append("unproven" if n < FEW_GROUPS else "worse")
    return out


def _allowed(dse: Any) -> Any:
    """Return the largest Monte Carlo error that leaves a verdict as it is.

    A quarter of the smallest difference that counts, ``max(4, 2 dse)``.
    """
    import numpy as np

    return np.fmax(SMALL, 2 * dse) / 4.0


def _nats(value: float) -> str:
    """Return a size in nats as text, with two digits where it is small."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _plain(value: Any) -> Any:
    """Return a cell as JSON-ready data."""
    if isinstance(value, str):
        return value
    return json_number(getattr(value, "item", lambda: value)())
