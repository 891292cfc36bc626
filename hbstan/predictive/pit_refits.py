"""PIT values of the groups whose importance weights fail, from refits without them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hbstan.predictive.pit import LooPit, loo_pit
from hbstan.predictive.uniformity import pot_c
from hbstan.refit import Change, refit

if TYPE_CHECKING:
    from hbstan.fit import Fit

__all__ = ["settle_doubtful"]


def settle_doubtful(fit: Fit, pit: LooPit, **options: Any) -> LooPit:
    """Replace each doubtful value by that of a refit which does not see the group.

    Parameters
    ----------
    fit : Fit
        The values' fit.
    pit : LooPit
        As :func:`hbstan.predictive.loo_pit` returned it.
    **options
        ``backend``, ``executor``, ``workers``, ``progress`` and sampler settings, as
        :func:`hbstan.refit.refit` takes them.

    Returns
    -------
    LooPit
        With k = 0 where a refit could be used; other values stay doubtful.
    """
    if not pit.doubtful:
        return pit
    held = tuple(pit.table.index[pit.table["held_out"]])
    changes = [Change(f"without {g}", holdout=(*held, g)) for g in pit.doubtful]
    table: Any = pit.table.copy()
    made = refit(fit, changes, **options)
    for group, one in zip(pit.doubtful, made, strict=True):
        if one.fit is None or one.fault:
            continue
        found = loo_pit(one.fit, method=pit.method, seed=pit.seed)
        table.loc[group, ["pit", "k"]] = found.table.loc[group, "pit"], 0.0
    p_value, table["p"] = pot_c(table["pit"].to_numpy())
    return replace(pit, table=table, p_value=p_value)
