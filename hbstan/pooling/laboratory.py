"""No, complete and partial pooling side by side, and against a known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, SettingsError
from hbstan.pooling.empirical import empirical
from hbstan.pooling.measured import as_dataset, evidence
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.tables import records
from hbstan.results import json_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.data import Dataset
    from hbstan.fit import Fit
    from hbstan.pooling.measured import Evidence
    from hbstan.results import Checks

__all__ = ["MODELS", "STRATEGIES", "PoolingLab", "pooling_lab"]

#: Names in tables, and in words.
STRATEGIES = {
    "none": "no pooling",
    "complete": "complete pooling",
    "partial": "partial pooling",
}
#: The catalogue's models that pool in these ways, by kind of data.
MODELS: Mapping[str, Mapping[str, str]] = {
    "binomial": {
        "none": "binomial_unpooled",
        "complete": "binomial_pooled",
        "partial": "logit_noncentered",
    },
    "normal": {
        "none": "normal_unpooled",
        "complete": "normal_pooled",
        "partial": "eight_schools_noncentered",
    },
    # The simple strategies see each group's mean and the standard error of it.
    "normal_groups": {
        "none": "normal_unpooled",
        "complete": "normal_pooled",
        "partial": "normal_groups_marginal",
    },
}


@dataclass(frozen=True)
class PoolingLab:
    """Estimates of the same groups by three ways of pooling.

    Parameters
    ----------
    data_name, kind : str
    method : str
        ``"empirical"`` or ``"bayes"``.
    estimates : pandas.DataFrame
        Indexed by (strategy, group): ``estimate``, ``lower`` and ``upper`` of the
        interval, ``size`` (trials, observations, or 1 / se^2); with a known truth
        ``truth``, ``error = estimate - truth`` and ``covered``. Probabilities, or in
        the unit of ``y``.
    ci_prob : float
    size_name : str
        What ``size`` is.
    models : mapping of str to str
        The models that were fitted, by strategy; empty for the empirical method.
    fits : mapping of str to Fit
        No part of the record.
    """

    data_name: str
    kind: str
    method: str
    estimates: pd.DataFrame
    ci_prob: float
    size_name: str
    models: Mapping[str, str] = field(default_factory=dict)
    fits: Mapping[str, Fit] = field(default_factory=dict, compare=False, repr=False)

    @property
    def known(self) -> bool:
        """Whether the truth is known."""
        return "truth" in self.estimates

    @property
    def diagnostics(self) -> dict[str, Checks]:
        """Whether each fit's draws can be trusted, by strategy; empty without fits."""
        return {strategy: fit.diagnose() for strategy, fit in self.fits.items()}

    def of(self, strategy: str) -> pd.DataFrame:
        """Return the estimates of one strategy, indexed by group.

        Parameters
        ----------
        strategy : {"none", "complete", "partial"}

        Raises
        ------
        SettingsError
            If there is no such strategy.
        """
        if strategy not in STRATEGIES:
            raise SettingsError(
                f"strategy is {strategy!r}; legal: {', '.join(STRATEGIES)}."
            )
        kept = self.estimates.index.get_level_values("strategy") == strategy
        return self.estimates[kept].droplevel("strategy")

    def scores(self, cuts: Sequence[float] = ()) -> pd.DataFrame:
        """Return errors and coverage, over all groups and by their size.

        Parameters
        ----------
        cuts : sequence of float
            Sizes at which the groups are divided, ascending.

        Returns
        -------
        pandas.DataFrame
            Indexed by (sizes, strategy), ``all`` first: ``groups``, ``mse`` (squared
            unit), ``rmse``, ``bias`` (mean error), ``coverage`` of the intervals, their
            mean ``width``, and ``gain``, the share by which ``mse`` is below that of no
            pooling. Groups without an estimate do not count in that strategy.

        Raises
        ------
        SettingsError
            If the truth is not known, or the cuts do not ascend.
        """
        import numpy as np
        import pandas as pd

        if not self.known:
            raise SettingsError(
                "the truth is not known, so there are no errors.",
                remedy="Give truth=, one value for each group, or simulated data.",
            )
        if list(cuts) != sorted(set(cuts)):
            raise SettingsError(f"cuts are {list(cuts)!r}, but must ascend.")
        size = self.of("none")["size"].to_numpy()
        masks = {"all": np.ones(size.shape, dtype=bool)}
        ends = [-np.inf, *cuts, np.inf] if cuts else []
        for low, high in pairwise(ends):
            masks[_between(low, high)] = (size >= low) & (size < high)
        rows = {}
        for name, mask in masks.items():
            scored = {s: _score(self.of(s)[mask]) for s in STRATEGIES}
            base = scored["none"]["mse"]
            for strategy, row in scored.items():
                gain = 1.0 - row["mse"] / base if base > 0 else float("nan")
                rows[name, strategy] = {**row, "gain": gain}
        index = pd.MultiIndex.from_tuples(rows, names=["sizes", "strategy"])
        return pd.DataFrame(list(rows.values()), index=index)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the estimates."""
        return self.estimates.copy()

    def record(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {
            "data_name": self.data_name,
            "kind": self.kind,
            "method": self.method,
            "models": dict(self.models),
            "diagnostics": {k: c.record() for k, c in self.diagnostics.items()},
            "ci_prob": json_number(self.ci_prob),
            "size_name": self.size_name,
            "estimates": records(self.estimates),
            "scores": records(self.scores()) if self.known else [],
        }

    def __repr__(self) -> str:
        groups = len(self.of("none"))
        head = f"<PoolingLab of {self.data_name}: {groups} groups, {self.method}"
        refused = [k for k, c in self.diagnostics.items() if not c.passed]
        if refused:
            head += f"; do not use the draws of {', '.join(refused)}"
        if not self.known:
            return f"{head}>"
        mse = zip(STRATEGIES, self.scores()["mse"], strict=True)
        return f"{head}; mse {', '.join(f'{k} {v:.3g}' for k, v in mse)}>"


def pooling_lab(
    data: Dataset | Mapping[str, Any] | pd.DataFrame | str | Path,
    truth: Sequence[float] | Mapping[str, float] | None = None,
    *,
    method: str = "empirical",
    ci_prob: float = 0.94,
    models: Mapping[str, str] | None = None,
    priors: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> PoolingLab:
    """Estimate every group without, with complete and with partial pooling.

    ``"empirical"`` takes closed forms, see :func:`hbstan.pooling.empirical.empirical`;
    ``"bayes"`` fits a model of the catalogue for each strategy and takes posterior
    means and equal-tailed intervals. Whether its draws can be trusted is in
    :attr:`PoolingLab.diagnostics`. Of observations with unknown sigma, the models
    without and with complete pooling get the groups' means with the standard errors
    ``sigma / sqrt(n)``, sigma being that within all groups.

    Parameters
    ----------
    data : Dataset, mapping of columns, DataFrame, str or pathlib.Path
        Groups with events among trials, estimates with standard errors, or
        observations (:func:`hbstan.data.normal_groups`); what is no dataset is read by
        :func:`hbstan.data.load`.
    truth : sequence or mapping of label to float, optional
        The groups' true probabilities or effects. For a bundled dataset that was
        simulated it is taken from its description.
    method : {"empirical", "bayes"}
    ci_prob : float
        Probability of the intervals.
    models : mapping of str to str, optional
        Strategy to a model of the catalogue, by default :data:`MODELS`; for
        ``"bayes"`` alone.
    priors : mapping of str to mapping, optional
        Priors by strategy, as for :func:`hbstan.fit.fit`; for ``"bayes"`` alone.
    **settings
        Of the fits: ``seed``, ``backend``, ``chains`` and so on; for ``"bayes"``
        alone.

    Returns
    -------
    PoolingLab

    Raises
    ------
    DataError
        If data or truth cannot be used.
    SettingsError
        If an option is outside its legal range, or goes with the other method.
    """
    import pandas as pd

    _check(method, models, priors, settings)
    check_probability(ci_prob)
    data = as_dataset(data)
    found = evidence(data, None, ci_prob)
    chosen: dict[str, str] = {}
    fits: dict[str, Fit] = {}
    if method == "empirical":
        tables = empirical(data, found, ci_prob)
    else:
        chosen = _models(data.kind, models)
        fits = _fits(data, found, chosen, priors or {}, settings)
        tables = {s: f.groups(ci_prob)[_COLUMNS] for s, f in fits.items()}
        tables = {s: t.rename(columns=_NAMES) for s, t in tables.items()}
    values = _truth(data, truth)
    for table in tables.values():
        table["size"] = found.sizes
        if values is not None:
            table["truth"] = values
            table["error"] = table["estimate"] - values
            inside = (table["lower"] <= values) & (values <= table["upper"])
            table["covered"] = inside
    estimates = pd.concat(
        {s: tables[s] for s in STRATEGIES}, names=["strategy", "group"]
    )
    return PoolingLab(
        data.name,
        data.kind,
        method,
        estimates,
        ci_prob,
        found.size_name,
        chosen,
        fits,
    )


_NAMES = {"mean": "estimate"}
_COLUMNS = ["mean", "lower", "upper"]


def _check(
    method: str,
    models: Mapping[str, str] | None,
    priors: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> None:
    if method not in ("empirical", "bayes"):
        raise SettingsError(f"method is {method!r}; legal: 'empirical', 'bayes'.")
    given = [k for k, v in (("models", models), ("priors", priors)) if v is not None]
    given += list(settings)
    if method == "empirical" and given:
        raise SettingsError(
            f"{', '.join(given)} belong to fits, but method='empirical' makes none.",
            remedy="Leave them out, or take method='bayes'.",
        )
    for name in ("models", "priors"):
        asked = (models if name == "models" else priors) or {}
        unknown = sorted(set(asked) - set(STRATEGIES))
        if unknown:
            raise SettingsError(
                f"{name} names {', '.join(map(repr, unknown))}; legal strategies: "
                f"{', '.join(STRATEGIES)}."
            )


def _models(kind: str, given: Mapping[str, str] | None) -> dict[str, str]:
    if kind not in MODELS:
        raise DataError(
            f"there are no models for the three strategies of {kind} data.",
            remedy="Take method='empirical'.",
        )
    return {**MODELS[kind], **(given or {})}


def _fits(
    data: Dataset,
    found: Evidence,
    chosen: Mapping[str, str],
    priors: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> dict[str, Fit]:
    from hbstan import models
    from hbstan.fit import fit

    def seen_by(name: str) -> Dataset:
        return data if models.get(name).kind == data.kind else _summarised(found)

    return {
        strategy: fit(name, seen_by(name), priors=priors.get(strategy), **settings)
        for strategy, name in chosen.items()
    }


def _summarised(found: Evidence) -> Dataset:
    """Return the groups' estimates with their standard errors, taken to be known."""
    import numpy as np

    from hbstan.data import GroupEstimates

    se = np.sqrt(found.variances)
    return GroupEstimates(
        labels=found.labels, y=found.estimates, sigma=se, name=found.data_name
    )


def _truth(data: Dataset, given: Any) -> NDArray[Any] | None:
    """Return the groups' true values in the order of the data, if they are known."""
    import numpy as np

    if given is None:
        return _bundled_truth(data)
    if isinstance(given, Mapping):
        missing = [g for g in data.labels if g not in given]
        if missing or len(given) != data.J:
            raise DataError(
                f"truth has {len(given)} groups, {data.name!r} {data.J}; missing: "
                f"{', '.join(missing) or 'none'}.",
                remedy="Give one true value for each group of the data, no other.",
            )
        given = [given[g] for g in data.labels]
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.shape != (data.J,) or not np.isfinite(values).all():
        raise DataError(
            f"truth must be {data.J} finite numbers, one for each group; its shape is "
            f"{values.shape}.",
            remedy="Give the values in the order of the groups, or by label.",
        )
    if data.kind == "binomial" and not ((values >= 0) & (values <= 1)).all():
        raise DataError(
            f"truth ranges from {values.min():g} to {values.max():g}; legal: "
            "probabilities, 0 to 1."
        )
    return values


def _bundled_truth(data: Dataset) -> NDArray[Any] | None:
    """Return the truth of the bundled dataset that these data are, if there is one."""
    import numpy as np

    from hbstan import datasets

    if data.name not in datasets.names() or datasets.load(data.name) != data:
        return None
    values = datasets.describe(data.name).truth.get(
        "p" if data.kind == "binomial" else "theta"
    )
    return None if values is None else np.asarray(values, dtype=float)


def _score(table: pd.DataFrame) -> dict[str, float]:
    there = table.dropna(subset=["estimate"])
    error = there["error"]
    mse = float((error**2).mean())
    return {
        "groups": len(there),
        "mse": mse,
        "rmse": mse**0.5,
        "bias": float(error.mean()),
        "coverage": float(there["covered"].mean()),
        "width": float((there["upper"] - there["lower"]).mean()),
    }


def _between(low: float, high: float) -> str:
    if low == float("-inf"):
        return f"below {high:g}"
    return f"{low:g} or more" if high == float("inf") else f"{low:g} to {high:g}"
