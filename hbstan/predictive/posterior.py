"""Posterior predictive checks: whether replicated data look like the observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.predictive.arguments import probability, seed_or_fresh
from hbstan.predictive.coverage import coverage_table, group_table
from hbstan.predictive.pvalues import statistic_table
from hbstan.predictive.replicates import QUESTIONS, Replicates, of_fit
from hbstan.predictive.statistics import Statistic, choose, evaluate
from hbstan.predictive.tables import records
from hbstan.results import Check, Checks, Outcome
from hbstan.sbc.uniformity import holm

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit
    from hbstan.predictive.statistics import Choice

__all__ = ["ALPHA", "PredictiveCheck", "evaluate_all", "posterior_predictive"]

#: A two-sided predictive p-value below this fails.
ALPHA = 0.05


@dataclass(frozen=True)
class PredictiveCheck:
    """Observed statistics beside those of replicated data.

    Parameters
    ----------
    model, data_name : str
    replicate : {"same_groups", "new_groups"}
        Which question was asked; :attr:`question` has it in words.
    seed : int
        Of the redrawn groups.
    replicates : Replicates
        The observed and replicated outcomes.
    statistics : tuple of Statistic
    observed : mapping of str to float
        Each statistic of the observed outcomes.
    replicated : mapping of str to ndarray of shape (chain, draw)
        Each statistic of the replicates.
    ci_prob : float
        Probability of the intervals in the tables.
    """

    model: str
    data_name: str
    replicate: str
    seed: int
    replicates: Replicates
    statistics: tuple[Statistic, ...]
    observed: Mapping[str, float]
    replicated: Mapping[str, NDArray[np.float64]]
    ci_prob: float = 0.95

    @property
    def question(self) -> str:
        """What these replicates can answer."""
        return QUESTIONS[self.replicate]

    def table(self) -> pd.DataFrame:
        """Return one row for each statistic.

        Returns
        -------
        pandas.DataFrame
            ``label``, ``observed``, the predictive ``mean``, ``lower`` and ``upper``
            bounds, and p-values with their Monte Carlo errors as
            :func:`hbstan.predictive.pvalues.p_values` defines them.
        """
        return statistic_table(
            self.statistics, dict(self.observed), dict(self.replicated), self.ci_prob
        )

    def groups(self, ci_prob: float | None = None) -> pd.DataFrame:
        """Set each group's outcome beside its predictive interval.

        Parameters
        ----------
        ci_prob : float, optional
            Probability of the intervals; by default that of the check.

        Returns
        -------
        pandas.DataFrame
            See :func:`hbstan.predictive.coverage.group_table`.

        Raises
        ------
        SettingsError
            If ``ci_prob`` is no probability.
        """
        prob = self.ci_prob if ci_prob is None else ci_prob
        return group_table(self.replicates, prob)

    def coverage(self) -> pd.DataFrame:
        """Count the groups inside their 50, 80, 90 and 95 % intervals.

        See :func:`hbstan.predictive.coverage.coverage_table`.
        """
        return coverage_table(self.replicates)

    def checks(self, alpha: float = ALPHA) -> Checks:
        """Judge each statistic and the intervals' coverage.

        A statistic fails if its two-sided predictive p-value (from mid-p values) is
        below ``alpha``. The data were used to fit the model as well, so these
        p-values gather around 0.5 under a true model rather than being uniform (Meng
        1994, doi:10.1214/aos/1176325622): false alarms are rarer than ``alpha``, and
        no correction for the number of statistics is made. Of 150 data sets drawn
        from the priors of the surgical data, with its trials, one statistic or
        another failed in 2 with new groups and in none with the same groups.

        Coverage fails if as few groups inside their intervals as observed have a
        probability below ``alpha`` among replicates, by Holm's rule for the four
        levels; more than expected is no failure, as intervals fitted to the data
        cover them too well.

        Parameters
        ----------
        alpha : float
            The limit.

        Returns
        -------
        Checks
            One a statistic under its name, and ``coverage``.
        """
        probability("alpha", alpha)
        table = self.table()
        found = [
            _judge(s, table.loc[s.name], alpha, self.replicate) for s in self.statistics
        ]
        return Checks((*found, _judge_coverage(self.coverage(), alpha)))

    def record(self) -> dict[str, Any]:
        """Return the check as JSON-ready data."""
        return {
            "model": self.model,
            "data": self.data_name,
            "replicate": self.replicate,
            "question": self.question,
            "seed": self.seed,
            "held_out": list(self.replicates.held_out),
            "statistics": records(self.table()),
            "coverage": records(self.coverage()),
            "groups": records(self.groups()),
            "checks": self.checks().record(),
        }

    def __repr__(self) -> str:
        found = ", ".join(
            f"{check.name}: {check.outcome.value}" for check in self.checks().failed()
        )
        return (
            f"<PredictiveCheck of {self.model} on {self.data_name}, {self.replicate}: "
            f"{self.question} {len(self.statistics)} statistics and coverage, "
            f"{found or 'all pass'}>"
        )


def posterior_predictive(
    fit: Fit,
    *,
    replicate: str = "same_groups",
    statistics: Choice = None,
    seed: int | None = None,
    ci_prob: float = 0.95,
) -> PredictiveCheck:
    """Compare the data with replicates from the posterior.

    Two ways of replicating answer two questions (Gelman, Meng and Stern 1996,
    Statistica Sinica 6, 733-807; Marshall and Spiegelhalter 2007,
    doi:10.1214/07-BA218). ``"same_groups"`` keeps each group's parameter as in the
    posterior: it shows whether the likelihood can reproduce these groups, and has
    little power against wrong assumptions on the population, as each group's
    parameter follows its own data. ``"new_groups"`` redraws the groups' parameters
    from the population given each draw of the top-level parameters: it shows whether
    the population can produce such groups. A single outlying group widens the fitted
    population and so hides itself to some degree: hold it out (``hb.fit(...,
    holdout=[label])``) and check again, or see :func:`hbstan.predictive.loo_pit`.

    Parameters
    ----------
    fit : Fit
        Of grouped data, with ``y_rep``; for new groups of a catalogue model.
    replicate : {"same_groups", "new_groups"}
    statistics : mapping of str to callable, or iterable of str, optional
        See :func:`hbstan.predictive.statistics.choose`.
    seed : int, optional
        For the redrawn groups; by default a fresh one, which is recorded.
    ci_prob : float
        Probability of the tables' equal-tailed intervals.

    Returns
    -------
    PredictiveCheck

    Raises
    ------
    FitError
        If the fit lacks what is needed.
    SettingsError
        If an argument is out of its range.

    Examples
    --------
    >>> import hbstan as hb
    >>> from hbstan.predictive import posterior_predictive
    >>> fit = hb.fit("logit_noncentered", "surgical", seed=1, backend="stanli")
    >>> posterior_predictive(fit, replicate="new_groups", seed=1).checks().passed
    True
    """
    seed = seed_or_fresh(seed)
    probability("ci_prob", ci_prob)
    replicates = of_fit(fit, replicate, seed)
    count = int(replicates.informative.sum())
    chosen = choose(replicates.kind, count, statistics, design=replicates.design)
    observed, replicated = evaluate_all(chosen, replicates)
    return PredictiveCheck(
        fit.model,
        str(fit.tree.attrs["data_name"]),
        replicate,
        seed,
        replicates,
        chosen,
        observed,
        replicated,
        ci_prob,
    )


def evaluate_all(
    statistics: tuple[Statistic, ...], replicates: Replicates
) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Compute statistics of the observed outcomes and of the replicates.

    Returns
    -------
    observed : dict of str to float
        Empty if nothing was observed.
    replicated : dict of str to ndarray of shape (chain, draw)
    """
    import numpy as np

    r = replicates
    own = [] if r.y is None else [r.y[None, :]]
    # All in one call, so that equal outcomes give equal numbers to the last digit.
    rows = np.concatenate([*own, r.flat])
    rows.flags.writeable = False  # a user's function shall not change it for others
    values = {s.name: evaluate(s, rows, r.design) for s in statistics}
    observed = {name: float(v[0]) for name, v in values.items()} if own else {}
    start = len(own)
    shape = r.y_rep.shape[:2]
    return observed, {name: v[start:].reshape(shape) for name, v in values.items()}


def _judge(s: Statistic, row: Any, alpha: float, replicate: str) -> Check:
    p, error = float(row["p_two_sided"]), float(row["mcse_two_sided"])
    passed = p >= alpha
    side = "above" if row["p_mid"] < 0.5 else "below"
    close = " (within Monte Carlo error of the limit)" * (abs(p - alpha) < 2 * error)
    return Check(
        s.name,
        f"Posterior predictive: {s.label}",
        Outcome.PASS if passed else Outcome.FAIL,
        p,
        alpha,
        f"two-sided p >= {alpha:g}",
        (s.name,),
        f"observed {row['observed']:.4g} is {side} the middle of the predicted "
        f"{row['lower']:.4g} to {row['upper']:.4g} ({replicate}); p = {p:.3g} +- "
        f"{error:.1g}{close}",
        "" if passed else s.advice,
    )


def _judge_coverage(table: pd.DataFrame, alpha: float) -> Check:
    label = "Posterior predictive: groups inside their intervals"
    rule = f"P(as few inside) >= {alpha:g} at every level, by Holm's rule"
    if not int(table["groups"].iloc[0]):
        return Check(
            "coverage",
            label,
            Outcome.NOT_RUN,
            rule=rule,
            detail="no group has trials",
            advice="Give groups with trials.",
        )
    adjusted = holm(table["p_lower"].to_numpy())
    worst = int(adjusted.argmin())
    passed = bool(adjusted[worst] >= alpha)
    shares = ", ".join(
        f"{level:.0%}: {row['coverage']:.0%}" for level, row in table.iterrows()
    )
    return Check(
        "coverage",
        label,
        Outcome.PASS if passed else Outcome.FAIL,
        float(adjusted[worst]),
        alpha,
        rule,
        (f"{table.index[worst]:.0%}",),
        f"groups inside, by level: {shares}",
        ""
        if passed
        else "The intervals are too narrow: look for variation that the model lacks, "
        "and at the groups outside.",
    )
