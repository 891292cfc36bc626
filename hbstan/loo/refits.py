"""Exact cross-validation: fit again without some groups, predict those.

Where a model's posterior has an exact form, that is integrated without the groups. Else
the predictive density of a group that a refit has not seen is averaged over its draws,
``elpd_j = log(mean_s p(y_j | draw_s))``, with the group's parameter integrated out
where the program does that (``log_lik_group``), which leaves less to chance.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hbstan.agreement import exact_of_fit
from hbstan.errors import ExactError, SettingsError
from hbstan.loo.psis import LIKELIHOODS, log_likelihood
from hbstan.refit import Change, Refit, dataset_of, held_out, refit

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from hbstan.fit import Fit

#: Error of a log density that quadrature gives to all digits.
_ROUNDING = 1e-9

__all__ = ["predict_left_out", "refits_table", "stratified_folds"]


def stratified_folds(fit: Fit, k: int, rng: np.random.Generator) -> list[list[str]]:
    """Deal the groups to k folds, so that each has small and large ones.

    Groups are ordered by size (trials, or precision ``1 / sigma^2``), and of each k
    neighbours one goes to each fold, at random.

    Parameters
    ----------
    fit : Fit
    k : int
        Number of folds, from 2 to the number of groups in the likelihood.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    list of list of str
        Labels of each fold, in the order of the data.

    Raises
    ------
    SettingsError
        If there cannot be so many folds.
    """
    import numpy as np

    data, out = dataset_of(fit), set(held_out(fit))
    labels = [label for label in data.labels if label not in out]
    whole = isinstance(k, int | np.integer) and not isinstance(k, bool)
    if not whole or not 2 <= k <= len(labels):
        raise SettingsError(
            f"k is {k!r}, but must be a whole number of folds from 2 to the number of "
            f"groups in the likelihood, {len(labels)}."
        )
    by_label = dict(zip(data.labels, _sizes(data), strict=True))
    shuffled = rng.permutation(labels)
    ordered = sorted(shuffled, key=lambda label: -by_label[str(label)])
    folds: list[list[str]] = [[] for _ in range(k)]
    for start in range(0, len(ordered), k):
        block = ordered[start : start + k]
        for fold, label in zip(rng.permutation(k), block, strict=False):
            folds[int(fold)].append(str(label))
    return [sorted(fold, key=labels.index) for fold in folds]


def _sizes(data: Any) -> NDArray[Any]:
    """Return how much each group tells: trials, observations, or precision."""
    import numpy as np

    stan: Mapping[str, Any] = data.to_stan()
    for name, power in (("n", 1.0), ("sigma", -2.0)):
        if name in stan:
            return np.asarray(stan[name], dtype=float) ** power
    return np.bincount(data.rows(), minlength=len(data.labels))


def predict_left_out(
    fit: Fit, folds: Sequence[Sequence[str]], method: str, **options: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Refit without each fold and predict its groups.

    Parameters
    ----------
    fit : Fit
    folds : sequence of sequences of str
        The groups to leave out together. Groups that the fit held out stay so.
    method : {"exact", "kfold"}
        What the values are called.
    **options
        As :func:`hbstan.refit.refit`.

    Returns
    -------
    values : pandas.DataFrame
        ``elpd``, ``k``, ``mcse`` and ``method`` of the folds' groups. NaN where a
        refit cannot be used.
    refits : pandas.DataFrame
        Diagnostics of each refit; see :class:`hbstan.loo.result.LooResult`.
    """
    import pandas as pd

    integrated = _by_quadrature(fit, folds, method)
    if integrated is not None:
        return integrated
    out = held_out(fit)
    changes = [
        Change("without " + ", ".join(fold), holdout=(*out, *fold)) for fold in folds
    ]
    made = refit(fit, changes, **options)
    rows = [
        {"group": group, **_density(one, group), "method": method}
        for fold, one in zip(folds, made, strict=True)
        for group in fold
    ]
    return pd.DataFrame(rows).set_index("group"), refits_table(made)


def _by_quadrature(
    fit: Fit, folds: Sequence[Sequence[str]], method: str
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Predict left-out groups from exact posteriors; None where there are none."""
    import pandas as pd

    started = time.perf_counter()
    try:
        found = exact_of_fit(fit)
        if found is None:
            return None
        if all(len(fold) == 1 for fold in folds):
            table = found.loo().loc[[fold[0] for fold in folds]]
        else:
            table = found.kfold(folds)
    except ExactError:
        return None
    each = (time.perf_counter() - started) / len(folds)
    values = pd.DataFrame(
        {
            "elpd": table["elpd"],
            "k": 0.0,
            # What is left of it is rounding.
            "mcse": table["error"].clip(lower=_ROUNDING),
            "method": method,
        }
    )
    row = {"rhat": None, "ess_bulk": None, "ess_tail": None, "divergences": 0}
    rows = [
        {"label": "without " + ", ".join(fold), **row, "seconds": each, "fault": ""}
        for fold in folds
    ]
    return values, pd.DataFrame(rows).set_index("label")


def refits_table(made: Iterable[Refit]) -> pd.DataFrame:
    """Return the diagnostics of refits, indexed by label."""
    import pandas as pd

    rows = []
    for one in made:
        checks = one.checks
        value = {} if checks is None else {c.name: c.value for c in checks}
        divergences = 0
        if one.fit is not None and "sample_stats" in one.fit.tree.children:
            stats = one.fit.tree["sample_stats"].to_dataset()
            divergences = int(stats["diverging"].sum()) if "diverging" in stats else 0
        rows.append(
            {
                "label": one.change.label,
                "rhat": value.get("rhat"),
                "ess_bulk": value.get("ess_bulk"),
                "ess_tail": value.get("ess_tail"),
                "divergences": divergences,
                "seconds": one.seconds,
                "fault": one.fault,
            }
        )
    return pd.DataFrame(rows).set_index("label")


def _density(one: Refit, group: str) -> dict[str, float]:
    """Return a left-out group's log density, its k and its Monte Carlo error."""
    import numpy as np

    nothing = {"elpd": np.nan, "k": np.nan, "mcse": np.nan}
    if one.fit is None or one.fault:
        return nothing
    tree = one.fit.tree
    name = next((g for g in reversed(LIKELIHOODS.values()) if g in tree.children), None)
    if name is None:
        return nothing
    values = tree[name].to_dataset()["y"]
    place = dataset_of(one.fit).labels.index(group)
    values = values.isel({values.dims[2]: place}, drop=True)
    largest = float(values.max())
    density: Any = np.exp(values - largest)
    mean = float(density.mean())
    if float(density.min()) == float(density.max()):
        return {"elpd": largest, "k": 0.0, "mcse": 0.0}
    return {
        "elpd": largest + float(np.log(mean)),
        "k": float(density.azstats.pareto_khat(tail="right")),
        "mcse": float(density.azstats.mcse(method="mean")) / mean,
    }


def likelihood_groups(fit: Fit) -> list[str]:
    """Return the labels of the groups in the likelihood."""
    return [str(g) for g in log_likelihood(fit, "psis")["group"].values]
