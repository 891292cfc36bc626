"""Predictions of several models, mixed in proportion to their weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hbstan.compare.comparison import Comparison
from hbstan.errors import DataError, FitError, ModelError, SettingsError
from hbstan.predictive.arguments import seed_or_fresh
from hbstan.refit import held_out

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from hbstan.fit import Fit

__all__ = ["average"]

#: Weights may miss the sum 1 by rounding.
_ROUNDING = 1e-6


def average(
    fits: Mapping[str, Fit],
    weights: Mapping[str, float] | Comparison,
    *,
    samples: int | None = None,
    seed: int | None = None,
    estimates: Mapping[str, str] | None = None,
) -> xr.Dataset:
    """Mix the predictions of models of the same data.

    Each model contributes draws in proportion to its weight, so that the result is a
    sample of ``sum_k w_k p_k(. | y)``: replicated data and the groups' own estimates,
    both of the same draw.

    Parameters
    ----------
    fits : mapping of str to Fit
        Of any models of the same data.
    weights : mapping of str to float, or Comparison
        A weight for each fit, at least 0, with the sum 1; a comparison's are its
        stacking weights.
    samples : int, optional
        By default as many as the smallest fit has draws.
    seed : int, optional
        By default a fresh one, which is recorded.
    estimates : mapping of str to str, optional
        For programs like none of the catalogue: the posterior's variable on the scale
        of the raw group estimates, by the fit's name.

    Returns
    -------
    xarray.Dataset
        ``y`` (events, or estimates), ``estimate`` (the group's probability of an event,
        or its effect in the unit of the data), dims (sample, group), and ``model``, dim
        (sample,), the name of the fit that a sample is from.

    Raises
    ------
    DataError
        If the fits are of different data, or held out different groups.
    ModelError
        If names or weights are illegal.
    FitError
        If a fit that has a weight lacks its predictions or estimates.
    SettingsError
        If ``samples`` or ``seed`` is illegal.

    Notes
    -----
    A model of weight w gives ``w * samples`` draws, rounded up or down at random, each
    of its draws once before any is taken twice.
    """
    import numpy as np
    import xarray as xr

    if isinstance(weights, Comparison):
        weights = weights.weights
    checked = _checked_weights(fits, weights)
    _same_data(fits)
    size = _size(fits, samples)
    number = seed_or_fresh(seed)
    rng = np.random.default_rng(number)
    share = np.array([checked[name] for name in fits])
    counts = _counts(share / share.sum(), size, rng)
    first = next(iter(fits.values()))
    parts = [
        _part(name, fit, int(count), estimates or {}, rng)
        for (name, fit), count in zip(fits.items(), counts, strict=True)
        if count
    ]
    groups = parts[0]["group"]
    mixed = xr.concat([part.sel(group=groups) for part in parts], dim="sample")
    # Any stretch of samples is a sample of the mixture.
    mixed = mixed.isel(sample=rng.permutation(size)).assign_coords(
        sample=np.arange(size)
    )
    return mixed.assign_attrs(
        data_name=str(first.tree.attrs["data_name"]),
        seed=number,
        models=list(fits),
        weights=share.tolist(),
    )


def _checked_weights(
    fits: Mapping[str, Any], weights: Mapping[str, float]
) -> dict[str, float]:
    import math

    if not fits or set(fits) != set(weights):
        raise ModelError(
            f"there are fits of {', '.join(fits) or 'no model'}, but weights of "
            f"{', '.join(weights) or 'no model'}; legal: one weight for each fit."
        )
    out = {name: float(weights[name]) for name in fits}
    for name, weight in out.items():
        if not math.isfinite(weight) or weight < 0:
            raise ModelError(
                f"the weight of {name!r} is {weight}, but must be at least 0."
            )
    total = math.fsum(out.values())
    if abs(total - 1.0) > _ROUNDING:
        raise ModelError(
            f"the weights have the sum {total:g}, but must have the sum 1.",
            remedy="Divide them by their sum.",
        )
    return out


def _same_data(fits: Mapping[str, Fit]) -> None:
    (first, one), *others = fits.items()
    attrs, out = one.tree.attrs, sorted(held_out(one))
    for name, other in others:
        theirs = other.tree.attrs
        if theirs["data_hash"] != attrs["data_hash"]:
            raise DataError(
                f"{first!r} is of the data {attrs['data_name']!r} (hash "
                f"{attrs['data_hash'][:12]}), but {name!r} of "
                f"{theirs['data_name']!r} (hash {theirs['data_hash'][:12]}).",
                remedy="Fit all models to the same dataset.",
            )
        if sorted(held_out(other)) != out:
            raise DataError(
                f"{first!r} held out {', '.join(out) or 'no group'}, but {name!r} "
                f"{', '.join(sorted(held_out(other))) or 'no group'}.",
                remedy="Fit all models with the same holdout.",
            )


def _size(fits: Mapping[str, Fit], samples: Any) -> int:
    if samples is None:
        sizes = [fit.posterior.sizes for fit in fits.values()]
        return min(int(size["chain"] * size["draw"]) for size in sizes)
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise SettingsError(
            f"samples is {samples!r}, but must be a whole number, at least 1."
        )
    return samples


def _counts(
    weights: NDArray[np.float64], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Round ``weights * size`` so that the sum is ``size``, without a bias.

    One random offset shifts all the borders between models (systematic sampling).
    """
    import numpy as np

    borders = np.concatenate([[0.0], np.cumsum(weights) * size])
    borders[-1] = size
    passed = np.floor(borders + rng.uniform()).astype(np.int64)
    counts: NDArray[np.int64] = np.diff(passed)
    return counts


def _part(
    name: str,
    fit: Fit,
    count: int,
    estimates: Mapping[str, str],
    rng: np.random.Generator,
) -> xr.Dataset:
    """Return a model's share of the samples."""
    import numpy as np
    import xarray as xr

    if "posterior_predictive" not in fit.tree.children:
        raise FitError(
            f"the fit {name!r} has no replicated data.",
            remedy="Fit with predictive=True.",
        )
    y = fit.tree["posterior_predictive"].to_dataset()["y"]
    variable = estimates.get(name, fit.estimate)
    if variable is None or variable not in fit.posterior:
        raise FitError(
            f"the group estimates of {name!r} are not known: its posterior has "
            f"{', '.join(map(str, fit.posterior.data_vars))}.",
            remedy=f"Name the variable, as in estimates={{{name!r}: 'p'}}.",
        )
    both = xr.Dataset({"y": y, "estimate": fit.posterior[variable]})
    flat = both.stack(sample=("chain", "draw")).drop_vars(["sample", "chain", "draw"])
    draws = flat.sizes["sample"]
    rounds = [rng.permutation(draws) for _ in range(-(-count // draws))]
    taken = flat.isel(sample=np.concatenate(rounds)[:count])
    if set(taken["y"].dims) != {"sample", "group"} or set(taken["estimate"].dims) != {
        "sample",
        "group",
    }:
        raise FitError(
            f"y and {variable} of {name!r} have dims {taken['y'].dims} and "
            f"{taken['estimate'].dims}, but must have one value a group."
        )
    taken = taken.transpose("sample", "group")
    return taken.assign(model=("sample", np.full(count, name, dtype=object)))
