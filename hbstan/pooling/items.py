"""Items and persons of an item response model: tables, and the items' curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hbstan.errors import FitError
from hbstan.predictive.arguments import check_probability
from hbstan.predictive.summaries import interval, summarise
from hbstan.refit import dataset_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.data import ItemResponses
    from hbstan.fit import Fit

__all__ = ["ItemCurves", "ability_table", "item_curves", "item_table"]

_GRID, _BINS = 61, 5
#: Curves are evaluated at so many draws at most: their bands need no more.
_MOST_DRAWS = 1000


@dataclass(frozen=True)
class ItemCurves:
    """Probability of a correct answer by ability, with uncertainty.

    Parameters
    ----------
    model, data_name : str
    items : tuple of str
    ability : ndarray of shape (grid,)
        In standard deviations of ability within a country.
    mean, lower, upper : ndarray of shape (items, grid)
        Posterior mean and bounds of ``inv_logit(a * (ability - b))``, a probability.
    ci_prob : float
        Probability of the equal-tailed interval between the bounds.
    observed : pandas.DataFrame
        For each item (column ``item``) and fifth of the persons by posterior mean
        ability: their mean ``ability``, the ``share`` of them who answered correctly,
        and their number of ``answers``.
    """

    model: str
    data_name: str
    items: tuple[str, ...]
    ability: NDArray[np.float64]
    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    ci_prob: float
    observed: pd.DataFrame


def item_table(fit: Fit, ci_prob: float = 0.94) -> pd.DataFrame:
    """Summarise difficulty and discrimination of each item.

    The models are those of Rasch and Birnbaum, with abilities from a population (Bock
    and Aitkin 1981, doi:10.1007/BF02293801).

    Parameters
    ----------
    fit : Fit
        A fit of ``irt_1pl`` or ``irt_2pl``.
    ci_prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    pandas.DataFrame
        By item: ``answers`` and ``share`` correct; mean, sd, ``lower`` and ``upper``
        of the difficulty ``b`` (in standard deviations of ability) and of the
        discrimination ``a`` (log-odds per such deviation), as ``b_mean`` and so on.

    Raises
    ------
    FitError
        If the fit is not of an item response model.
    SettingsError
        If ``ci_prob`` is not between 0 and 1.
    """
    data = _responses(fit)
    table = data.item_shares()
    for name in ("b", "a"):
        draws = _per_item(fit, name)
        for column, values in _summary(draws, ci_prob).items():
            table[f"{name}_{column}"] = values
    return table


def ability_table(fit: Fit, ci_prob: float = 0.94) -> pd.DataFrame:
    """Summarise the ability of each person.

    Parameters
    ----------
    fit : Fit
        A fit of ``irt_1pl`` or ``irt_2pl``.
    ci_prob : float
        Probability of the equal-tailed interval.

    Returns
    -------
    pandas.DataFrame
        By person: ``country``, number of ``answers`` and ``share`` correct; ``mean``,
        ``sd``, ``lower`` and ``upper`` of the ability, in standard deviations of
        ability within a country around the mean of the countries.

    Raises
    ------
    FitError, SettingsError
        As :func:`item_table`.
    """
    data = _responses(fit)
    table = data.person_shares()
    table.insert(0, "country", [data.countries[c - 1] for c in data.country])
    for column, values in _summary(fit.posterior["theta"], ci_prob).items():
        table[column] = values
    return table


def item_curves(
    fit: Fit, items: Sequence[str] | None = None, ci_prob: float = 0.94
) -> ItemCurves:
    """Compute the items' characteristic curves.

    Parameters
    ----------
    fit : Fit
        A fit of ``irt_1pl`` or ``irt_2pl``.
    items : sequence of str, optional
        Labels of items; by default all.
    ci_prob : float
        Probability of the equal-tailed interval at each ability.

    Returns
    -------
    ItemCurves
        On a grid that spans the persons' abilities and the items' difficulties.

    Raises
    ------
    FitError, SettingsError
        As :func:`item_table`; FitError also for an unknown item.
    """
    import numpy as np
    from scipy.special import expit

    check_probability(ci_prob)
    data = _responses(fit)
    chosen = _chosen(data, items)
    a, b = (_flat(_per_item(fit, name).sel(item=list(chosen))) for name in ("a", "b"))
    ability = ability_table(fit, ci_prob)["mean"]
    places = np.concatenate([ability.to_numpy(), b.mean(axis=0)])
    grid = np.linspace(places.min() - 0.5, places.max() + 0.5, _GRID)
    p = expit(a[:, :, None] * (grid - b[:, :, None]))
    lower, upper = interval(p, ci_prob, axis=0)
    return ItemCurves(
        fit.model,
        data.name,
        chosen,
        grid,
        p.mean(axis=0),
        lower,
        upper,
        ci_prob,
        _observed(data, ability.to_numpy(), chosen),
    )


def _chosen(data: ItemResponses, items: Sequence[str] | None) -> tuple[str, ...]:
    if items is None:
        return data.items
    chosen = (items,) if isinstance(items, str) else tuple(items)
    for label in chosen:
        if label not in data.items:
            raise FitError(
                f"there is no item {label!r}; the items are {', '.join(data.items)}.",
                remedy="Give labels of items.",
            )
    return chosen


def _observed(
    data: ItemResponses, ability: NDArray[np.float64], items: tuple[str, ...]
) -> pd.DataFrame:
    """Return shares of correct answers in fifths of the persons by ability."""
    import numpy as np
    import pandas as pd

    order = np.empty(data.J, dtype=int)
    order[np.argsort(ability, kind="stable")] = np.arange(data.J)
    who = data.person - 1
    answers = pd.DataFrame(
        {
            "item": np.asarray(data.items)[data.item - 1],
            "fifth": (order * _BINS // data.J)[who],
            "ability": ability[who],
            "correct": data.y,
        }
    )
    answers = answers[answers["item"].isin(items)]
    grouped = answers.groupby(["item", "fifth"])
    table = pd.DataFrame(
        {
            "ability": grouped["ability"].mean(),
            "share": grouped["correct"].mean(),
            "answers": grouped["correct"].size(),
        }
    )
    return table.reset_index()


def _responses(fit: Fit) -> ItemResponses:
    """Return the data of an item response fit."""
    from hbstan.data import ItemResponses

    like = fit.like
    if like is None or like.kind != ItemResponses.kind:
        raise FitError(
            f"{fit.model} is no item response model, so it has no items.",
            remedy="Fit irt_1pl or irt_2pl to data of hb.data.responses.",
        )
    return cast("ItemResponses", dataset_of(fit))


def _per_item(fit: Fit, name: str) -> xr.DataArray:
    """Return draws of b or a, for each item also where all items share one."""
    draws = fit.posterior[name]
    if "item" in draws.dims:
        return draws
    return draws.expand_dims(item=fit.posterior["b"]["item"].values, axis=-1)


def _flat(draws: xr.DataArray) -> NDArray[np.float64]:
    """Return some of the draws, evenly spaced, of shape (draws, items)."""
    import numpy as np

    values = draws.transpose(..., "item").values.reshape(-1, draws.sizes["item"])
    every = -(-len(values) // _MOST_DRAWS)
    return np.asarray(values[::every], dtype=float)


def _summary(draws: xr.DataArray, ci_prob: float) -> dict[str, NDArray[Any]]:
    check_probability(ci_prob)
    return summarise(draws.transpose("chain", "draw", ...).values, ci_prob)
