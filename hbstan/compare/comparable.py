"""What cross-validated models must have in common before they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, FitError, ModelError
from hbstan.loo import LEAVE_ONE_OUT

if TYPE_CHECKING:
    from hbstan.fit import Fit
    from hbstan.loo import LooResult

__all__ = ["few", "refuse_incomparable", "require_same_data"]

_SHOWN = 5


def refuse_incomparable(results: Mapping[str, LooResult]) -> None:
    """Refuse results that are not predictions of the same from the same.

    Parameters
    ----------
    results : mapping of str to LooResult

    Raises
    ------
    DataError
        If data or groups differ.
    ModelError
        If targets or folds differ, or there are not two models.
    FitError
        If a group has no finite density.
    """
    import numpy as np

    _same_data({n: (r.data_name, r.data_hash) for n, r in results.items()})
    (first, one), *others = results.items()
    for name, other in others:
        if other.target != one.target:
            raise ModelError(
                f"the target of {first!r} is {one.target!r}, but that of {name!r} is "
                f"{other.target!r}.",
                remedy="Use the same function, loo or kfold with the same folds, for "
                "all models.",
            )
        _same_groups(first, one, name, other)
        _same_folds(first, one, name, other)
    for name, result in results.items():
        broken = result.table.index[~np.isfinite(result.table["elpd"])]
        if len(broken):
            raise FitError(
                f"{name!r} has no finite elpd for {few(broken)}.",
                remedy="Let the ladder climb to exact refits (highest='exact'), or "
                "leave the model out.",
            )


def require_same_data(fits: Mapping[str, Fit]) -> None:
    """Refuse fits that no comparison could be of, before any is cross-validated.

    Parameters
    ----------
    fits : mapping of str to Fit

    Raises
    ------
    DataError
        If data differ.
    ModelError
        If there are not two models.
    """
    attrs = {name: fit.tree.attrs for name, fit in fits.items()}
    _same_data(
        {
            n: (str(a.get("data_name")), str(a.get("data_hash")))
            for n, a in attrs.items()
        }
    )


def _same_data(data: Mapping[str, tuple[str, str]]) -> None:
    """Refuse fewer than two models, and data of different hashes."""
    if len(data) < 2:
        raise ModelError(
            f"there are {len(data)} models to compare; legal: at least 2.",
            remedy="Give the fits of two models or more.",
        )
    (first, one), *others = data.items()
    for name, other in others:
        if other[1] != one[1]:
            raise DataError(
                f"{first!r} is of the data {one[0]!r} (hash {one[1][:12]}), but "
                f"{name!r} of {other[0]!r} (hash {other[1][:12]}); densities of "
                "different data cannot be compared.",
                remedy="Fit all models to the same dataset.",
            )


def _same_groups(first: str, one: LooResult, name: str, other: LooResult) -> None:
    only = [g for g in one.table.index if g not in other.table.index]
    more = [g for g in other.table.index if g not in one.table.index]
    if only or more:
        sides = ((first, only), (name, more))
        text = "; ".join(f"only {m!r} has {few(g)}" for m, g in sides if g)
        raise DataError(
            f"the models predict different groups: {text}.",
            remedy="Fit all models with the same holdout.",
        )


def _same_folds(first: str, one: LooResult, name: str, other: LooResult) -> None:
    """Refuse different folds: groups would be predicted from different others."""
    if one.target == LEAVE_ONE_OUT or one.refits is None or other.refits is None:
        return
    ours, theirs = _folds(one), _folds(other)
    if ours != theirs:
        raise ModelError(
            f"the folds of {first!r} and {name!r} differ: "
            f"{few(sorted(ours - theirs))} against {few(sorted(theirs - ours))}.",
            remedy="Give kfold the same seed, or the same folds, for all models.",
        )


def _folds(result: LooResult) -> set[str]:
    assert result.refits is not None
    return {str(label) for label in result.refits.index}


def few(names: Iterable[Any]) -> str:
    """Return names as text, the first few of many."""
    words = [str(name) for name in names]
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
