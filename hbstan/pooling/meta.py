"""Meta-analysis with covariates: the posterior beside moments and REML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError
from hbstan.pooling.meta_classical import ClassicalMeta, classical_meta
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.summaries import error_of_mean, summarise, tail_of
from hbstan.predictive.tables import records
from hbstan.priors import priors_from_records
from hbstan.results import json_number

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset, Studies
    from hbstan.fit import Fit
    from hbstan.priors import Prior
    from hbstan.results import Checks

__all__ = ["MetaRegression", "meta_analysis"]

MODEL = "meta_regression"
#: New studies for each draw: they make the interval's Monte Carlo error that of the
#: top-level draws alone.
_NEW_STUDIES = 16


@dataclass(frozen=True)
class MetaRegression:
    """A meta-analysis: estimates with a prior and without, and what they are made of.

    Parameters
    ----------
    table : pandas.DataFrame
        Indexed by quantity: ``mu``, the mean effect at mean covariates; with covariates
        ``intercept``, the mean effect where they are 0, and ``beta[name]``, its change
        for one unit of the covariate; ``tau``, ``tau2``, ``i2`` = tau^2 / (tau^2 +
        s^2); with covariates ``r2``, the share of the variance of effects that they
        explain, and ``tau2_reduction``, by how much of it tau^2 falls against the model
        without them; ``theta_new``, the effect of a new study, whose interval is the
        prediction interval. Columns ``mean``, ``sd``, ``median``, ``lower``,
        ``upper`` and ``mcse`` of the posterior; then ``dersimonian_laird`` and
        ``reml``, each with ``_lower`` and ``_upper``; NaN where there is none.
    studies : pandas.DataFrame
        Indexed by label: estimate ``y``, its standard error ``sigma``, the bounds of
        its own interval ``y_lower``, ``y_upper``; the posterior of the study's effect,
        ``mean``, ``lower``, ``upper``; ``expected``, the mean of what covariates
        predict; and ``adjusted``, the estimate brought to mean covariates.
    classical : ClassicalMeta
    fit : Fit
        With the covariates.
    without : Fit or None
        Without them; None if there are none.
    at : mapping of str to float
        The covariates of the new study.
    ci_prob : float
        Probability of all intervals.
    seed : int
        That of the fits, and of the new studies.
    """

    table: pd.DataFrame
    studies: pd.DataFrame
    classical: ClassicalMeta
    fit: Fit
    without: Fit | None
    at: Mapping[str, float]
    ci_prob: float
    seed: int

    @property
    def name(self) -> str:
        """The data's name."""
        return str(self.fit.tree.attrs["data_name"])

    @property
    def diagnostics(self) -> dict[str, Checks]:
        """Whether the draws of :attr:`fit` and :attr:`without` can be trusted."""
        fits = {"fit": self.fit, "without": self.without}
        return {k: fit.diagnose() for k, fit in fits.items() if fit is not None}

    @property
    def prediction(self) -> tuple[float, float]:
        """The interval in which the effect of a new study lies, in the unit of y."""
        row = self.table.to_dict(orient="index")["theta_new"]
        return float(row["lower"]), float(row["upper"])

    def funnel(self) -> dict[str, Any]:
        """Return the arguments of :func:`hbstan.plots.funnel`.

        Estimates are those brought to mean covariates. The limits are those of chance
        alone, 95 % of studies if all had the effect ``mu``: ``mu +- 1.96 se``.
        """
        import numpy as np
        import pandas as pd

        mu = float(self.table["mean"].to_dict()["mu"])
        groups = self.studies[["sigma", "adjusted"]].set_axis(["x", "y"], axis=1)
        x = np.linspace(0.0, 1.05 * float(groups["x"].max()), 50)
        limits = pd.DataFrame({"x": x, "lower": mu - 1.96 * x, "upper": mu + 1.96 * x})
        what = "estimate" + (", at mean covariates" if self.at else "")
        axes = ("standard error", f"{what} (unit of y)")
        return {
            "groups": groups,
            "limits": limits,
            "centre": mu,
            "name": self.name,
            "axes": axes,
        }

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "model": self.fit.model,
            "data_name": self.name,
            "ci_prob": self.ci_prob,
            "seed": self.seed,
            "at": {name: json_number(value) for name, value in self.at.items()},
            "table": records(self.table),
            "studies": records(self.studies),
            "classical": self.classical.record(),
            "diagnostics": {k: c.record() for k, c in self.diagnostics.items()},
        }

    def __repr__(self) -> str:
        mu, tau = self.table.loc["mu"], self.table.loc["tau"]
        refused = [k for k, checks in self.diagnostics.items() if not checks.passed]
        told = f"; do not use the draws of {', '.join(refused)}" if refused else ""
        return (
            f"<MetaRegression of {self.name}: mu {mu['mean']:.3g} (REML "
            f"{mu['reml']:.3g}), tau {tau['mean']:.3g} (REML {tau['reml']:.3g}){told}>"
        )


def meta_analysis(
    data: Dataset | str | Path,
    *,
    priors: Mapping[str, Prior | str] | None = None,
    at: Mapping[str, float] | None = None,
    ci_prob: float = 0.94,
    seed: int | None = None,
    **settings: Any,
) -> MetaRegression:
    """Combine study estimates: mean effect, heterogeneity, covariates, prediction.

    The model is ``y_j ~ normal(theta_j, sigma_j)``, ``theta_j ~ normal(a + x_j beta,
    tau)``. Beside its posterior stand DerSimonian and Laird's estimate and that of
    restricted maximum likelihood, by PyMARE; see
    :func:`hbstan.pooling.meta_classical.classical_meta`. Sources: Thompson and Higgins
    (2002, doi:10.1002/sim.1187), Higgins, Thompson and Spiegelhalter (2009,
    doi:10.1111/j.1467-985X.2008.00552.x).

    Parameters
    ----------
    data : Studies, GroupEstimates, str or pathlib.Path
        Studies (:func:`hbstan.data.studies`), groups' estimates with standard errors,
        which have no covariates, or the name of bundled data of either kind.
    priors : mapping of str to Prior or str, optional
        Of ``mu``, ``beta_std`` and ``tau``; those that are left out are the model's.
    at : mapping of str to float, optional
        Covariates of the new study, in their own units; those that are left out, and by
        default all, have their mean values.
    ci_prob : float
        Probability of all intervals.
    seed : int, optional
        By default a fresh one.
    **settings
        As for :func:`hbstan.fit.fit`: ``backend``, ``chains``, ...

    Returns
    -------
    MetaRegression

    Raises
    ------
    DataError
        If the data are of another kind, or ``at`` names no covariate of theirs.
    HbstanError
        What the fit raises.

    Examples
    --------
    >>> import hbstan as hb
    >>> bcg = hb.meta_analysis("bcg", seed=1, backend="stanli")
    >>> float(bcg.table.loc["beta[latitude]", "reml"].round(4))
    -0.0291
    """
    from hbstan.fit import fit as run

    check_probability(ci_prob)
    studies = _studies(data)
    new = _new_study(studies, at)
    fitted = run(MODEL, studies, priors=priors, seed=seed, **settings)
    seed = int(fitted.provenance["seed"])
    without = None
    if studies.covariates:
        plain = _without_covariates(studies)
        exact = priors_from_records(fitted.priors)
        kept = {k: p for k, p in exact.items() if k != "beta_std"}
        without = run(MODEL, plain, priors=kept, seed=seed, **settings)
    classical = classical_meta(studies, new, ci_prob)
    table = _table(fitted, without, studies, new, ci_prob, seed)
    table = table.join(classical.table.reindex(table.index))
    return MetaRegression(
        table,
        _by_study(fitted, studies, ci_prob),
        classical,
        fitted,
        without,
        new,
        ci_prob,
        seed,
    )


def _studies(data: Any) -> Studies:
    """Return the data as studies; estimates of groups are studies, too."""
    from pathlib import Path

    from hbstan import data as reader

    if isinstance(data, str | Path):
        data = reader.load(data)
    kind = getattr(data, "kind", type(data).__name__)
    if kind == "normal":
        values: Any = {"y": data.y, "sigma": data.sigma, "X": []}
        return reader.Studies(
            labels=data.labels, name=data.name, source=data.source, **values
        )
    if kind != "studies":
        raise DataError(
            f"a meta-analysis takes studies, but the data are of the kind {kind!r}; "
            "legal: 'studies' and 'normal'.",
            remedy="Make them with hb.data.studies or hb.data.group_estimates.",
        )
    found: Studies = data
    return found


def _new_study(studies: Studies, at: Mapping[str, float] | None) -> dict[str, float]:
    """Return the covariates of the new study."""
    import math

    given: dict[str, Any] = dict(at or {})
    unknown = [name for name in given if name not in studies.covariates]
    if unknown:
        raise DataError(
            f"at names {unknown[0]!r}, but the covariates are "
            f"{', '.join(map(repr, studies.covariates)) or '(none)'}."
        )
    for name, value in given.items():
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise DataError(
                f"at gives {name!r} the value {value!r}; legal: a finite number."
            )
    means = dict(zip(studies.covariates, studies.X.mean(axis=0).tolist(), strict=True))
    return {**means, **{name: float(value) for name, value in given.items()}}


def _without_covariates(studies: Studies) -> Studies:
    from dataclasses import replace

    nothing: Any = []
    return replace(studies, X=nothing, axes={})


def _table(
    fitted: Fit,
    without: Fit | None,
    studies: Studies,
    new: Mapping[str, float],
    ci_prob: float,
    seed: int,
) -> pd.DataFrame:
    """Summarise the posterior, one row a quantity."""
    import numpy as np
    import pandas as pd

    posterior = fitted.posterior
    draws: dict[str, NDArray[Any]] = {"mu": posterior["mu"].values}
    center = posterior["intercept"].values
    if studies.covariates:
        draws["intercept"] = center
        slopes = posterior["beta"].sel(covariate=list(studies.covariates)).values
        draws |= {
            f"beta[{name}]": slopes[..., k] for k, name in enumerate(studies.covariates)
        }
        center = center + slopes @ np.array([new[c] for c in studies.covariates])
    draws |= {name: posterior[name].values for name in ("tau", "tau2", "i2")}
    draws |= {"r2": posterior["r2"].values} if studies.covariates else {}
    z = np.random.default_rng(seed).standard_normal((*center.shape, _NEW_STUDIES))
    fresh = center[..., None] + draws["tau"][..., None] * z
    draws["theta_new"] = fresh.reshape(center.shape[0], -1)
    rows = {name: _summary(values, ci_prob) for name, values in draws.items()}
    if without is not None:
        medians = [float(f.posterior["tau2"].median()) for f in (fitted, without)]
        # Of two fits there is no joint posterior: an estimate without an interval.
        reduction = {"median": 1.0 - medians[0] / medians[1]}
        last = rows.pop("theta_new")
        rows |= {"tau2_reduction": reduction, "theta_new": last}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")


def _summary(values: NDArray[Any], ci_prob: float) -> dict[str, float]:
    import numpy as np

    found = {k: float(v) for k, v in summarise(values, ci_prob).items()}
    ends = {k: found.pop(k) for k in ("lower", "upper")}
    median = float(np.median(values))
    return {**found, "median": median, **ends, "mcse": error_of_mean(values)}


def _by_study(fitted: Fit, studies: Studies, ci_prob: float) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    from scipy.stats import norm

    theta = summarise(fitted.posterior["theta"].values, ci_prob)
    expected = fitted.posterior["expected"].values.mean(axis=(0, 1))
    half = float(norm.ppf(1.0 - tail_of(ci_prob))) * np.asarray(studies.sigma)
    return pd.DataFrame(
        {
            "y": studies.y,
            "sigma": studies.sigma,
            "y_lower": studies.y - half,
            "y_upper": studies.y + half,
            **{k: theta[k] for k in ("mean", "lower", "upper")},
            "expected": expected,
            "adjusted": studies.y - expected + float(fitted.posterior["mu"].mean()),
        },
        index=pd.Index(list(studies.labels), name="study"),
    )
