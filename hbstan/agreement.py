"""Whether a fit agrees with the exact posterior of its model: an independent judge.

The exact posterior shares no code with Stan: neither program, nor gradient, nor
sampler. Where both estimate the same number they must agree within the error of the
draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hbstan import models
from hbstan.errors import ExactError, FitError
from hbstan.refit import dataset_of, held_out, planned
from hbstan.results import Check, Outcome, json_number

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.exact import ExactPosterior
    from hbstan.exact.quantities import Quantity
    from hbstan.fit import Fit

__all__ = ["BLIND", "Agreement", "agrees_with_exact", "exact_of_fit", "has_exact_form"]

#: Probability that a correct fit raises an alarm, all comparisons together, were errors
#: known. They are estimated, from autocorrelations: with 0.005 some 2 % of correct fits
#: raised one.
ALPHA = 0.0005
_LABEL = "Draws agree with the exact posterior"
_QUANTILES = (0.05, 0.5, 0.95)
#: Functions of groups' parameters.
_REPEATED = ("p", "w")
#: What a comparison of posteriors cannot see.
BLIND = (
    "The comparison cannot see constants that do not move the posterior, nor "
    "generated quantities (y_rep, log_lik, p), nor what model and exact form have in "
    "common: data and priors as given."
)


@dataclass(frozen=True)
class Agreement:
    """A fit beside the exact posterior.

    Parameters
    ----------
    model, data_name : str
    table : pandas.DataFrame
        A row a comparison: ``quantity``, ``statistic`` (mean, sd, or the share of
        draws below the exact quantile), ``fit``, ``exact``, ``error`` (Monte Carlo,
        with the exact one's), ``z``.
    limit : float
        The z that one of so many comparisons passes with probability
        :data:`ALPHA` at most.
    exact : ExactPosterior
    """

    model: str
    data_name: str
    table: pd.DataFrame
    limit: float
    exact: ExactPosterior

    @property
    def worst(self) -> pd.Series[Any]:
        """The comparison that is furthest apart, in errors."""
        return self.table.iloc[int(self.table["z"].abs().to_numpy().argmax())]

    def both(self) -> pd.DataFrame:
        """Return means and sds of fit and exact posterior side by side."""
        import pandas as pd

        wide = self.table[self.table["statistic"].isin(("mean", "sd"))].pivot(
            index="quantity", columns="statistic", values=["fit", "exact"]
        )
        wide = wide.loc[self.table["quantity"].drop_duplicates()]
        wide.columns = pd.Index([f"{pair[1]}, {pair[0]}" for pair in [*wide.columns]])
        z = self.table["z"].abs().groupby(self.table["quantity"]).max()
        order = ["mean, fit", "mean, exact", "sd, fit", "sd, exact"]
        return wide[order].assign(apart=z.loc[wide.index])

    def check(self) -> Check:
        """Return the verdict as a check."""
        worst, z = self.worst, self.table["z"].abs()
        bad = self.table.loc[z > self.limit].sort_values("z", key=abs, ascending=False)
        detail = (
            f"{len(self.table)} comparisons; furthest apart: {worst['statistic']} of "
            f"{worst['quantity']}, {worst['fit']:.4g} in the draws, "
            f"{worst['exact']:.4g} exactly, {abs(worst['z']):.1f} standard errors"
        )
        return Check(
            "agrees_with_exact",
            _LABEL,
            Outcome.FAIL if len(bad) else Outcome.PASS,
            value=float(z.max()),
            threshold=self.limit,
            rule=f"all within {self.limit:.1f} standard errors",
            subjects=tuple(dict.fromkeys(bad["quantity"])),
            detail=detail,
            advice="If the draws pass their diagnostics, look for a fault in the "
            "program: a missing Jacobian, a prior on another scale, a likelihood that "
            "drops data."
            if len(bad)
            else "",
        )

    def record(self) -> dict[str, Any]:
        """Return both posteriors as JSON-ready data."""
        rows = [
            {k: v if isinstance(v, str) else json_number(v) for k, v in row.items()}
            for row in self.table.to_dict("records")
        ]
        return {
            "check": self.check().record(),
            "comparisons": rows,
            "log_evidence": json_number(self.exact.log_evidence),
            "error": json_number(self.exact.error),
            "blind": BLIND,
        }


def has_exact_form(fit: Fit) -> bool:
    """Whether the fit is of a catalogue program whose posterior can be integrated."""
    own = bool(fit.tree.attrs.get("program_file"))
    known = fit.model in models.names() and not own
    return known and models.get(fit.model).exact is not None


def exact_of_fit(fit: Fit, model: str | None = None) -> ExactPosterior | None:
    """Return the exact posterior of what was fitted; None if it has no exact form.

    Parameters
    ----------
    fit : Fit
    model : str, optional
        The catalogue's model that the program is meant to be; by default the fit's
        own, and nothing for a program of the user's, which may be meant otherwise.

    Raises
    ------
    ExactError
        If the form exists, but cannot be integrated accurately.
    """
    from hbstan.exact import exact, exact_of_plan
    from hbstan.priors import priors_from_records

    if model is not None:
        priors = priors_from_records(fit.priors)
        out = held_out(fit) or None
        return exact(model, dataset_of(fit), priors=priors, holdout=out)
    if not has_exact_form(fit):
        return None
    entry = models.get(fit.model)
    try:
        decided = planned(fit, predictive=False)
    except FitError:  # the program or the data are no longer what was fitted
        return None
    return exact_of_plan(decided, entry)


def agrees_with_exact(fit: Fit, model: str | None = None) -> Agreement:
    """Compare a fit with the exact posterior.

    Means, standard deviations and the shares of draws below exact quantiles are
    compared in units of their Monte Carlo error, which includes the quadrature's own.

    Parameters
    ----------
    fit : Fit
    model : str, optional
        See :func:`exact_of_fit`.

    Returns
    -------
    Agreement

    Raises
    ------
    ExactError
        If there is no exact form, or it cannot be integrated accurately.
    """
    import numpy as np
    import pandas as pd
    from scipy import stats

    found = exact_of_fit(fit, model)
    if found is None:
        raise ExactError(
            f"{fit.model} has no exact posterior to compare with.",
            remedy="hb.models lists the catalogue; for a program of your own name the "
            "model of the catalogue that it is meant to be.",
        )
    rows: list[dict[str, Any]] = []
    posterior = fit.posterior
    form = found.form.exact
    assert form is not None
    # Functions of what is compared would be compared twice.
    twice = {*_REPEATED, *form.names, *(name for name, *_ in form.derived)}
    for name, q in found.quantities(_QUANTILES).items():
        base = name.split("[")[0]
        if name in twice or base not in posterior:
            continue
        rows += _compared(name, q, _draws(posterior[base], name), found)
    table = pd.DataFrame(rows)
    table = table[np.isfinite(table["z"])].reset_index(drop=True)
    limit = float(stats.norm.isf(ALPHA / 2.0 / max(1, len(table))))
    data_name = str(fit.tree.attrs["data_name"])
    return Agreement(fit.model, data_name, table, limit, found)


def _draws(values: xr.DataArray, name: str) -> NDArray[Any]:
    """Return draws of shape (chain, draw, items)."""
    import numpy as np

    x = values.transpose("chain", "draw", ...).values
    x = x.reshape(*x.shape[:2], -1)
    if "[" in name:  # one element of a vector
        k = int(name.split("[")[1].rstrip("]"))
        x = x[:, :, k : k + 1]
    return np.asarray(x, dtype=float)


def _compared(
    name: str, q: Quantity, x: NDArray[Any], found: ExactPosterior
) -> list[dict[str, Any]]:
    """Return the comparisons of one quantity.

    The variance under the exact posterior is known, and is taken for the mean and the
    shares; that of the squares is estimated.
    """
    import numpy as np

    square = (x - q.mean) ** 2
    parts = [("mean", x, q.mean, q.sd)]
    for row, p in enumerate(_QUANTILES):
        share = (x <= q.quantiles[row]).astype(float)
        value = np.full(len(q.mean), p)
        spread = np.full(len(q.mean), np.sqrt(p * (1.0 - p)))
        value[np.isnan(q.quantiles[row])] = np.nan
        parts.append((f"share below the {100 * p:g} % quantile", share, value, spread))
    out = []
    for statistic, draws, exact, sd in parts:
        mean, ess = draws.mean((0, 1)), _ess(draws)
        error = np.hypot(sd / np.sqrt(ess), q.error * sd)
        out += _rows(name, statistic, mean, exact, error, found, q.per_group)
    mean, ess = square.mean((0, 1)), _ess(square)
    # As an sd; its error by the delta method, from the larger of two variances.
    spread = np.maximum(square.std((0, 1)), np.sqrt(2.0) * q.sd**2)
    error = np.hypot(spread / np.sqrt(ess) / (2.0 * q.sd), q.error * q.sd)
    out += _rows(name, "sd", np.sqrt(mean), q.sd, error, found, q.per_group)
    return out


def _rows(
    name: str,
    statistic: str,
    value: NDArray[Any],
    exact: NDArray[Any],
    error: NDArray[Any],
    found: ExactPosterior,
    per_group: bool,
) -> list[dict[str, Any]]:
    labels = found.labels
    return [
        {
            "quantity": f"{name}[{labels[i]}]" if per_group else name,
            "statistic": statistic,
            "fit": float(value[i]),
            "exact": float(exact[i]),
            "error": float(error[i]),
            "z": float((value[i] - exact[i]) / error[i]),
        }
        for i in range(len(value))
    ]


def _ess(draws: NDArray[Any]) -> NDArray[Any]:
    """Return effective sample sizes of means; the number of draws where they stand."""
    import arviz_stats  # noqa: F401  (the accessor)
    import numpy as np
    import xarray as xr

    array = xr.DataArray(draws, dims=("chain", "draw", "item"))
    with np.errstate(invalid="ignore", divide="ignore"):
        ess = np.asarray(array.azstats.ess(method="mean").values)
    return np.where(np.isfinite(ess), ess, float(draws.shape[0] * draws.shape[1]))
