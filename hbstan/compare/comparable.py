"""What cross-validated models must have in common before they are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from hbstan.errors import DataError, FitError, ModelError
from hbstan.loo import LEAVE_ONE_OUT

if TYPE_CHECKING:
    from hbstan.loo import LooResult

__all__ = ["few", "refuse_incomparable"]

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

    if len(results) < 2:
        raise ModelError(
            f"there are {len(results)} models to compare; legal: at least 2."
        )
    (first, one), *others = results.items()
    for name, other in others:
        if other.data_hash != one.data_hash:
            raise DataError(
                f"{first!r} is of the data {one.data_name!r} (hash "
                f"{one.data_hash[:12]}), but {name!r} of {other.data_name!r} (hash "
                f"{other.data_hash[:12]}); densities of different data cannot be "
                "compared.",
                remedy="Fit all models to the same dataset.",
            )
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
