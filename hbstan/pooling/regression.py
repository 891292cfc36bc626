"""What covariates of groups explain of the differences between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, FitError
from hbstan.fit import fit as fit_model
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.summaries import summarise
from hbstan.predictive.tables import records
from hbstan.priors import priors_from_records

if TYPE_CHECKING:
    import pandas as pd

    from hbstan.data.group_covariates import BinomialCovariates
    from hbstan.fit import Fit
    from hbstan.types import Backend

__all__ = ["Explained", "explained"]


@dataclass(frozen=True)
class Explained:
    """Explained against residual differences between groups.

    Parameters
    ----------
    model, data_name : str
    table : pandas.DataFrame
        Indexed by quantity: ``explained``, the standard deviation over groups of what
        the covariates predict; ``tau``, the residual standard deviation;
        ``tau_without``, that of the model without covariates (all three log-odds);
        ``r2 = explained^2 / (explained^2 + tau^2)``; and ``reduction = 1 - E[tau^2] /
        E[tau_without^2]``, a comparison of two posterior means, without interval.
        Columns ``mean``, ``sd``, ``lower``, ``upper``.
    coefficients : pandas.DataFrame
        Indexed by covariate: the same columns for ``beta``, the change of the log-odds
        for one unit of the covariate, and ``p_positive``, the probability that it is
        above 0.
    without : Fit
        The fit without covariates (``logit_noncentered``).
    ci_prob : float
    """

    model: str
    data_name: str
    table: pd.DataFrame
    coefficients: pd.DataFrame
    without: Fit
    ci_prob: float

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.model,
            "data_name": self.data_name,
            "table": records(self.table),
            "coefficients": records(self.coefficients),
            "ci_prob": self.ci_prob,
        }

    def __repr__(self) -> str:
        means = self.table["mean"]
        return (
            f"<Explained by {self.model} on {self.data_name}: R^2 "
            f"{means['r2']:.2f}; tau {means['tau']:.3g}, without covariates "
            f"{means['tau_without']:.3g}>"
        )


def explained(
    fit: Fit,
    data: BinomialCovariates,
    ci_prob: float = 0.94,
    *,
    seed: int | None = None,
    backend: str | Backend = "auto",
    **settings: Any,
) -> Explained:
    """Set what covariates explain against what they leave, and against no covariates.

    The model without covariates, ``logit_noncentered``, is fitted to the same groups
    with the same priors of ``mu`` and ``tau`` and the same groups held out. ``r2`` is
    a share of the variance in these groups on the log-odds scale; it says nothing of
    how well a new group is predicted (:func:`hbstan.loo` does).

    Source: Gelman and Pardoe (2006), doi:10.1198/004017005000000517.

    Parameters
    ----------
    fit : Fit
        Of ``logit_covariates``.
    data : BinomialCovariates
        What it was fitted to.
    ci_prob : float
        Probability of the equal-tailed intervals.
    seed, backend, **settings
        Of the fit without covariates; see :func:`hbstan.fit`.

    Returns
    -------
    Explained

    Raises
    ------
    DataError
        If ``data`` is no dataset.
    FitError
        If the fit is of another model or of other data.
    SettingsError
        If ``ci_prob`` is no probability.
    """
    import numpy as np
    import pandas as pd

    check_probability(ci_prob)
    _check(fit, data)
    exact = priors_from_records(fit.priors)
    priors = {name: exact[name] for name in ("mu", "tau")}
    without = fit_model(
        "logit_noncentered",
        data.without_covariates(),
        priors=priors,
        holdout=fit.provenance["holdout"] or None,
        seed=seed,
        backend=backend,
        **settings,
    )
    draws = {name: fit.posterior[name].values for name in ("explained", "tau", "r2")}
    draws["tau_without"] = without.posterior["tau"].values
    order = ("explained", "tau", "tau_without", "r2")
    table = pd.DataFrame({name: summarise(draws[name], ci_prob) for name in order}).T
    reduction = 1 - np.mean(draws["tau"] ** 2) / np.mean(draws["tau_without"] ** 2)
    table.loc["reduction"] = [float(reduction), *[float("nan")] * 3]
    table.index.name = "quantity"
    beta = fit.posterior["beta"]
    rows = {}
    for name in data.axes["covariate"]:
        values = beta.sel(covariate=name).values
        rows[name] = {
            **summarise(values, ci_prob),
            "p_positive": float((values > 0).mean()),
        }
    coefficients = pd.DataFrame(rows).T
    coefficients.index.name = "covariate"
    return Explained(fit.model, data.name, table, coefficients, without, ci_prob)


def _check(fit: Fit, data: Any) -> None:
    if not hasattr(data, "hash"):
        raise DataError(
            f"data is {type(data).__name__}; legal: a dataset of groups with "
            "covariates.",
            remedy="Give the dataset that the model was fitted to: hb.data."
            "binomial_covariates(...), or hb.datasets.load(...) of bundled data.",
        )
    needed = ("explained", "tau", "r2", "beta")
    if any(name not in fit.posterior for name in needed):
        raise FitError(
            f"the fit of {fit.model} has no covariates of groups.",
            remedy="Fit logit_covariates to hb.data.binomial_covariates(...).",
        )
    if fit.tree.attrs.get("data_hash") != data.hash:
        raise FitError(
            f"the fit of {fit.model} is not of the data {data.name!r}.",
            remedy="Give the dataset that it was fitted to.",
        )
