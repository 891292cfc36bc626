"""Prior predictive checks: what the priors expect, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan import models, simulate
from hbstan.errors import PriorError, SettingsError
from hbstan.predictive import designs
from hbstan.predictive.arguments import seed_or_fresh
from hbstan.predictive.judge_prior import judge, summarise
from hbstan.predictive.posterior import evaluate_all
from hbstan.predictive.pvalues import statistic_table
from hbstan.predictive.replicates import Replicates
from hbstan.predictive.statistics import Statistic, choose
from hbstan.predictive.system_prior import draw_system
from hbstan.predictive.tables import records
from hbstan.simulate.systems import system_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.models import Model
    from hbstan.predictive.designs import Design
    from hbstan.predictive.statistics import Choice
    from hbstan.priors import Prior
    from hbstan.results import Checks

__all__ = ["PriorPredictive", "prior_predictive"]


@dataclass(frozen=True)
class PriorPredictive:
    """Data sets simulated from the priors, independently of each other.

    Parameters
    ----------
    model, data_name : str
    priors : mapping of str to Prior
    seed : int
    replicates : Replicates
        The simulated outcomes, as one chain of draws, and the observed ones if there
        are any.
    parameters : mapping of str to ndarray
        The draws behind them: ``(draws,)`` or ``(draws, J)``.
    statistics : tuple of Statistic
    observed : mapping of str to float
        Empty before there are data.
    replicated : mapping of str to ndarray of shape (1, draws)
    """

    model: str
    data_name: str
    priors: Mapping[str, Prior]
    seed: int
    replicates: Replicates
    parameters: Mapping[str, NDArray[Any]]
    statistics: tuple[Statistic, ...]
    observed: Mapping[str, float]
    replicated: Mapping[str, NDArray[np.float64]]

    def summary(self) -> pd.DataFrame:
        """Return what the priors expect of the data, in a few numbers.

        Returns
        -------
        pandas.DataFrame
            Indexed by quantity, with ``value``, ``lower`` and ``upper`` (NaN where it
            is a number or where it is an interval), ``mcse`` of probabilities, and
            ``meaning``. For binomial data: ``rate``, the central 90 % interval of
            simulated rates; ``range``, from the 0.5 % quantile of the smallest to the
            99.5 % quantile of the largest rate of a data set; ``observed_range`` and
            ``observed_range_inside`` (1 or 0); ``p_zero_group`` and ``p_zero_any``,
            the probabilities that a group, or any group of a data set, has no event;
            ``p_variance``, the probability of a between-group variance at least as
            large as observed. For estimates the same of the estimates themselves,
            without the zeros.
        """
        return summarise(self)

    def table(self, ci_prob: float = 0.9) -> pd.DataFrame:
        """Return one row for each statistic, as for posterior predictive checks.

        Parameters
        ----------
        ci_prob : float
            Probability of the intervals, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            See :func:`hbstan.predictive.pvalues.statistic_table`.

        Raises
        ------
        SettingsError
            If ``ci_prob`` is no probability.
        """
        return statistic_table(
            self.statistics,
            dict(self.observed),
            dict(self.replicated),
            ci_prob,
            independent=True,
        )

    def checks(self) -> Checks:
        """Judge the priors; see :func:`hbstan.predictive.judge_prior.judge`."""
        return judge(self)

    def record(self) -> dict[str, Any]:
        """Return the check as JSON-ready data."""
        return {
            "model": self.model,
            "data": self.data_name,
            "priors": {name: str(prior) for name, prior in self.priors.items()},
            "seed": self.seed,
            "draws": len(self.replicates.flat),
            "summary": records(self.summary()),
            "statistics": records(self.table()),
            "checks": self.checks().record(),
        }

    def __repr__(self) -> str:
        priors = ", ".join(f"{name} ~ {prior}" for name, prior in self.priors.items())
        return (
            f"<PriorPredictive of {self.model} for {self.data_name}: "
            f"{len(self.replicates.flat)} data sets of {len(self.replicates.labels)} "
            f"groups; {priors or 'no priors'}; {self.checks().outcome.value}>"
        )


def prior_predictive(
    model: str | Model,
    data_or_design: Dataset | Mapping[str, Any] | str | Path,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    draws: int = 10_000,
    seed: int | None = None,
    statistics: Choice = None,
) -> PriorPredictive:
    """Simulate data sets from a catalogue model's priors.

    Every draw is independent and exact: top-level parameters from their priors,
    group parameters given those, outcomes given those. Nothing is fitted.

    Parameters
    ----------
    model : str or Model
        A model of the catalogue.
    data_or_design : Dataset, str, pathlib.Path or mapping
        A dataset, or what :func:`hbstan.data.load` takes; or, before there are
        outcomes, a design: ``{"n": trials}`` or ``{"sigma": standard errors}`` with
        one value for each group, and labels under ``"group"`` if you like.
    priors : mapping of str to Prior or str, optional
        As for :func:`hbstan.fit.fit`. Default priors for estimates are scaled by the
        outcomes, so with a design alone they must be given.
    draws : int
        Number of data sets, 100 to 10,000,000; fewer for data of other shapes than
        one outcome a group, so that they fit into memory.
    seed : int, optional
        By default a fresh one, which is recorded.
    statistics : mapping of str to callable, or iterable of str, optional
        See :func:`hbstan.predictive.statistics.choose`.

    Returns
    -------
    PriorPredictive

    Raises
    ------
    HbstanError
        One of its children: bad data, priors or settings.

    Examples
    --------
    >>> from hbstan.predictive import prior_predictive
    >>> prior_predictive("logit_noncentered", "surgical", seed=1).checks().passed
    True
    """
    import numpy as np

    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 100:
        raise SettingsError(f"draws is {draws!r}, but must be a whole number from 100.")
    seed = seed_or_fresh(seed)
    entry = model if isinstance(model, models.Model) else models.get(str(model))
    rng = np.random.default_rng(seed)
    chosen, parameters, replicates, name = (
        _draw(entry, data_or_design, priors, rng, draws)
        if system_of(entry) is None
        else draw_system(entry, data_or_design, priors, rng, draws)
    )
    count = int(replicates.informative.sum())
    asked = choose(replicates.kind, count, statistics, design=replicates.design)
    observed, replicated = evaluate_all(asked, replicates)
    return PriorPredictive(
        entry.name,
        name,
        chosen,
        seed,
        replicates,
        parameters,
        asked,
        observed,
        replicated,
    )


def _draw(
    model: Model,
    data_or_design: Any,
    priors: Mapping[str, Prior | str] | None,
    rng: np.random.Generator,
    draws: int,
) -> tuple[dict[str, Prior], dict[str, NDArray[Any]], Replicates, str]:
    """Return priors, their draws, outcomes and the data's name, of grouped data."""
    design = designs.read(data_or_design, model.kind, model.name)
    chosen = _priors(model, design, priors)
    labels, sizes = design.labels, design.sizes
    parameters = simulate.draw_prior(model, chosen, len(labels), rng, draws)
    y_rep = simulate.draw_data(model, parameters, sizes, rng)[None]
    replicates = Replicates(model.kind, labels, sizes, design.y, y_rep)
    name = "a design without outcomes" if design.y is None else design.data.name
    return chosen, parameters, replicates, name


def _priors(
    model: Model, design: Design, given: Mapping[str, Prior | str] | None
) -> dict[str, Prior]:
    missing = [p.name for p in model.top_level if p.name not in (given or {})]
    if missing and design.y is None and model.kind == "normal":
        raise PriorError(
            f"{model.name} has no prior for {', '.join(missing)}: default priors for "
            "estimates are scaled by the outcomes, of which there are none.",
            remedy=f"Give them: priors={{'{missing[0]}': ...}}.",
        )
    chosen = models.resolve_priors(model, design.data, given)
    return {name: choice.prior for name, choice in chosen.items()}
