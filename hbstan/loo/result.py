"""What cross-validation found, by which means, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.results import Check, Checks, Outcome, json_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "METHODS", "LooResult", "Step", "Values", "Waic"]

#: What each method does, in words.
METHODS = {
    "psis": "importance sampling from the posterior, likelihood given the group's own "
    "parameter",
    "psis_group": "importance sampling from the posterior, likelihood with the group's "
    "parameter integrated out",
    "moment_matching": "importance sampling from draws moved towards each group's "
    "leave-one-out posterior",
    "exact": "the posterior without each group: exact where the model has an exact "
    "form, else a refit",
    "kfold": "posteriors without each fold of groups, likewise",
}
#: Columns of a result's table.
COLUMNS = ("elpd", "lpd", "p", "k", "mcse", "method")
#: A larger variance of a log likelihood makes WAIC unreliable (Vehtari, Gelman and
#: Gabry 2017, doi:10.1007/s11222-016-9696-4).
_WAIC_LIMIT = 0.4
#: The Pareto k from which on a distribution has no mean.
_NO_MEAN = 1.0


@dataclass(frozen=True)
class Values:
    """Log predictive densities by group, and the errors that they share.

    Parameters
    ----------
    table : pandas.DataFrame
        As :class:`LooResult` describes.
    covariance : pandas.DataFrame
        Covariance of the groups' Monte Carlo errors: importance sampling takes all
        groups from the same draws, and is wrong about them together.
    """

    table: pd.DataFrame
    covariance: pd.DataFrame

    def totals(self) -> dict[str, float]:
        """Return ``elpd``, ``se``, ``p`` and ``mcse`` of all groups together.

        ``elpd`` and ``p`` are sums over the n groups, ``se = sqrt(n * var(elpd_j))``
        with the variance's divisor n - 1 says how much other groups would have
        changed the sum, and ``mcse`` how much other draws would have.
        """
        import numpy as np

        # A group without data has a density of 1, whatever the parameters: it is no
        # observation, and would change how much others seem to vary.
        told = (self.table["elpd"] != 0.0) | (self.table["p"] != 0.0)
        values = self.table.loc[told, "elpd"]
        n = len(values)
        return {
            "elpd": float(values.sum()),
            "se": float(np.sqrt(n * values.var(ddof=1))) if n > 1 else float("nan"),
            "p": float(self.table["p"].sum()),
            "mcse": float(np.sqrt(self.covariance.to_numpy().sum())),
        }

    def replaced(self, rows: pd.DataFrame) -> Values:
        """Return values in which some groups come from draws of their own.

        Parameters
        ----------
        rows : pandas.DataFrame
            ``elpd``, ``k``, ``mcse`` and ``method`` by group.
        """
        table, covariance = self.table.copy(), self.covariance.copy()
        for column in ("elpd", "k", "mcse", "method"):
            table.loc[rows.index, column] = rows[column]
        table["p"] = table["lpd"] - table["elpd"]
        covariance.loc[rows.index, :] = 0.0
        covariance.loc[:, rows.index] = 0.0
        for group in rows.index:
            covariance.loc[group, group] = float(rows.loc[group, "mcse"]) ** 2
        return Values(table, covariance)

    def bad(self, good_k: float) -> tuple[str, ...]:
        """Return the groups whose weights fail, or that have no value."""
        table = self.table
        refitted = table["method"].isin(("exact", "kfold"))
        # not <=: a k that is not a number is no good k
        bad = (~refitted & ~(table["k"] <= good_k)) | table["elpd"].isna()
        # Densities with such a tail have no mean that their average could estimate.
        bad |= refitted & (table["k"] >= _NO_MEAN)
        return tuple(str(group) for group in table.index[bad])


@dataclass(frozen=True)
class Step:
    """One rung of the ladder: taken, or not and why.

    Parameters
    ----------
    name : str
        A key of :data:`METHODS`.
    groups : tuple of str
        The groups that it is for.
    planned : float
        Seconds that it was expected to take, said before it was taken.
    seconds : float
        Seconds that it took; 0 if it was not taken.
    taken : bool
    reason : str
        Why it was taken or not.
    elpd, se, p, mcse : float
        The totals after it; NaN if it was not taken.
    bad : tuple of str
        The groups whose values cannot be believed after it.
    """

    name: str
    groups: tuple[str, ...]
    planned: float
    seconds: float
    taken: bool
    reason: str
    elpd: float = float("nan")
    se: float = float("nan")
    p: float = float("nan")
    mcse: float = float("nan")
    bad: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return the step as JSON-ready data."""
        out: dict[str, Any] = {"name": self.name, "what": METHODS[self.name]}
        out |= {"groups": list(self.groups), "taken": self.taken}
        out |= {"reason": self.reason, "bad": list(self.bad)}
        for name in ("planned", "seconds", "elpd", "se", "p", "mcse"):
            out[name] = json_number(getattr(self, name))
        return out


@dataclass(frozen=True)
class Waic:
    """The widely applicable information criterion, on the scale of elpd.

    ``elpd = sum_j (lpd_j - p_j)`` with ``p_j`` the posterior variance of group j's log
    likelihood (Watanabe 2010). It approximates leave-one-out cross-validation where
    every ``p_j`` is small.

    Parameters
    ----------
    table : pandas.DataFrame
        ``elpd``, ``lpd`` and ``p`` by group.
    """

    table: pd.DataFrame

    @property
    def elpd(self) -> float:
        """The sum over groups."""
        return float(self.table["elpd"].sum())

    @property
    def se(self) -> float:
        """The standard error over groups."""
        return float((len(self.table) * self.table["elpd"].var(ddof=1)) ** 0.5)

    @property
    def p(self) -> float:
        """The effective number of parameters, p_waic."""
        return float(self.table["p"].sum())

    @property
    def bad(self) -> tuple[str, ...]:
        """The groups whose p exceeds 0.4."""
        return tuple(self.table.index[self.table["p"] > _WAIC_LIMIT])

    @property
    def ok(self) -> bool:
        """Whether WAIC can be trusted."""
        return not self.bad

    @property
    def warning(self) -> str:
        """What stands against it; empty if nothing does."""
        if self.ok:
            return ""
        return (
            f"WAIC cannot be trusted: p exceeds {_WAIC_LIMIT} for {len(self.bad)} of "
            f"{len(self.table)} groups ({', '.join(self.bad)}); it is then too "
            "optimistic."
        )

    def record(self) -> dict[str, Any]:
        """Return the criterion as JSON-ready data."""
        return {
            "elpd": json_number(self.elpd),
            "se": json_number(self.se),
            "p": json_number(self.p),
            "bad": list(self.bad),
            "warning": self.warning,
        }


@dataclass(frozen=True)
class LooResult:
    """Expected log predictive density of groups that the posterior has not seen.

    Parameters
    ----------
    model, data_name, data_hash : str
        What was fitted to what.
    method : str
        The last rung that was taken; a key of :data:`METHODS`.
    target : str
        What is predicted from what, e.g. ``"leave one group out"``.
    table : pandas.DataFrame
        Indexed by group: ``elpd``, the log predictive density given the other groups;
        ``lpd``, the log density given all groups and the group's own parameter;
        ``p = lpd - elpd``; ``k``, Pareto's shape of the importance weights (of a
        refit: of the averaged densities); ``mcse``, the Monte Carlo error of elpd;
        ``method``, how it was found.
    good_k : float
        Estimates with a larger k cannot be believed.
    steps : tuple of Step
        The ladder.
    waic : Waic, optional
        For comparison with what others report.
    refits : pandas.DataFrame, optional
        Diagnostics of refits, indexed by what was left out: ``rhat``, ``ess_bulk``,
        ``divergences``, ``seconds``, ``fault`` (empty if it can be used).
    covariance : pandas.DataFrame, optional
        Of the groups' Monte Carlo errors; by default they are independent.
    fault : str
        Why the draws of the fit itself cannot be used; empty if they can.
    """

    model: str
    data_name: str
    data_hash: str
    method: str
    target: str
    table: pd.DataFrame
    good_k: float
    steps: tuple[Step, ...] = ()
    waic: Waic | None = None
    refits: pd.DataFrame | None = None
    covariance: pd.DataFrame | None = None
    fault: str = ""

    def values(self) -> Values:
        """Return table and covariance together."""
        import numpy as np
        import pandas as pd

        index, covariance = self.table.index, self.covariance
        if covariance is None:
            alone = np.diag(self.table["mcse"] ** 2)
            covariance = pd.DataFrame(alone, index=index, columns=index)
        return Values(self.table, covariance)

    @property
    def elpd(self) -> float:
        """Sum of the groups' log predictive densities, in nats."""
        return self.values().totals()["elpd"]

    @property
    def se(self) -> float:
        """Standard error of :attr:`elpd` over groups."""
        return self.values().totals()["se"]

    @property
    def p(self) -> float:
        """Effective number of parameters, ``lpd - elpd``."""
        return self.values().totals()["p"]

    @property
    def mcse(self) -> float:
        """Monte Carlo standard error of :attr:`elpd`."""
        return self.values().totals()["mcse"]

    @property
    def k_max(self) -> float:
        """The largest k of importance weights; NaN if all groups were refitted."""
        refitted = self.table["method"].isin(("exact", "kfold"))
        return float(self.table.loc[~refitted, "k"].max())

    @property
    def bad(self) -> tuple[str, ...]:
        """The groups whose values cannot be believed."""
        return self.values().bad(self.good_k)

    @property
    def ok(self) -> bool:
        """Whether every group's value can be believed."""
        return not self.bad

    def checks(self) -> Checks:
        """Return whether the figures can be believed: draws, k, and refits."""
        return Checks([self._draws_check(), self._k_check(), self._refit_check()])

    def _draws_check(self) -> Check:
        return Check(
            "loo_draws",
            "The fit's own draws can be used",
            Outcome.FAIL if self.fault else Outcome.PASS,
            rule="draws, R-hat and ESS of the fit",
            detail=self.fault or "its diagnostics pass",
            advice="Raise adapt_delta or iter_sampling." if self.fault else "",
        )

    def _k_check(self) -> Check:
        bad = self.bad
        worst = self.k_max
        if worst != worst:  # NaN: nothing was importance sampled
            worst = 0.0
        detail = f"{len(bad)} of {len(self.table)} groups cannot be believed"
        return Check(
            "pareto_k",
            "Cross-validated densities can be believed",
            Outcome.FAIL if bad else Outcome.PASS,
            value=worst,
            threshold=self.good_k,
            rule=f"k <= {self.good_k:.2g}, or a refit that converged with k < 1",
            subjects=bad,
            detail=f"{detail}; method: {self.method}",
            advice="Let the ladder climb to exact refits (highest='exact')."
            if bad
            else "",
        )

    def _refit_check(self) -> Check:
        label, rule = "Refits converged", "draws, R-hat and ESS of each refit"
        if self.refits is None or not len(self.refits):
            none = "no refit was needed" if self.ok else "no refit was made"
            outcome = Outcome.PASS if self.ok else Outcome.NOT_RUN
            return Check("refits", label, outcome, rule=rule, detail=none)
        faults = self.refits.index[self.refits["fault"] != ""]
        divergent = int((self.refits["divergences"] > 0).sum())
        detail = f"{len(faults)} of {len(self.refits)} refits cannot be used"
        if divergent:
            detail += f"; {divergent} had divergent transitions"
        return Check(
            "refits",
            label,
            Outcome.FAIL if len(faults) else Outcome.PASS,
            value=float(len(faults)),
            threshold=0.0,
            rule=rule,
            subjects=tuple(str(label) for label in faults),
            detail=detail,
            advice="Raise adapt_delta or iter_sampling." if len(faults) else "",
        )

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        groups = [
            {
                "group": str(group),
                **{c: json_number(row[c]) for c in COLUMNS if c != "method"},
                "method": row["method"],
            }
            for group, row in self.table.iterrows()
        ]
        return {
            "model": self.model,
            "data_name": self.data_name,
            "data_hash": self.data_hash,
            "method": self.method,
            "target": self.target,
            **{k: json_number(v) for k, v in self.values().totals().items()},
            "good_k": json_number(self.good_k),
            "groups": groups,
            "steps": [step.record() for step in self.steps],
            "waic": None if self.waic is None else self.waic.record(),
            **self.checks().record(),
        }

    def __repr__(self) -> str:
        return (
            f"<LooResult of {self.model} on {self.data_name}: elpd {self.elpd:.1f} "
            f"(se {self.se:.1f}), {self.target}, by {self.method}>"
        )
