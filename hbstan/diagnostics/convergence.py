"""R-hat and effective sample sizes, by ArviZ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.diagnostics.draws import Column, columns_of
from hbstan.diagnostics.thresholds import MIN_DRAWS, Thresholds, worst_of
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_ess", "check_rhat", "tail_ess"]

#: The quantiles whose estimates the tail ESS is about (Vehtari et al. 2021).
_TAILS = (0.05, 0.95)


def _unassessable(columns: list[Column], min_chains: int) -> tuple[str, str]:
    """Why no convergence statistic exists, and what to do; empty if one does."""
    if not columns:
        return "no quantity moves in every chain", "See the check of the draws."
    chains, draws = columns[0].draws.shape
    if chains < min_chains:
        return (
            f"{chains} chain: R-hat compares chains",
            "Run at least 2 chains, better 4.",
        )
    if draws < MIN_DRAWS:
        return (
            f"{draws} draws per chain, fewer than {MIN_DRAWS}",
            "Raise iter_sampling.",
        )
    return "", ""


def check_rhat(columns: list[Column], limits: Thresholds) -> Check:
    """Check that the chains agree: R-hat below its limit for every quantity."""
    import numpy as np
    from arviz_stats.base import array_stats

    label, rule = "R-hat, rank-normalized", f"< {limits.rhat:g}"
    why, advice = _unassessable(columns, min_chains=2)
    if why:
        return Check(
            "rhat",
            label,
            Outcome.NOT_RUN,
            None,
            limits.rhat,
            rule,
            detail=why,
            advice=advice,
        )
    values = np.asarray(array_stats.rhat(np.stack([c.draws for c in columns])))
    return worst_of(
        Check("rhat", label, Outcome.PASS, None, limits.rhat, rule),
        [c.label for c in columns],
        badness=values,
        values=values,
        bad=~(values < limits.rhat),
        advice="The chains disagree: run longer, or change the parameterisation.",
    )


def check_ess(columns: list[Column], limits: Thresholds, kind: str) -> Check:
    """Check the bulk or tail ESS: at least so many per chain for each quantity."""
    import numpy as np
    from arviz_stats.base import array_stats

    chains = columns[0].draws.shape[0] if columns else 0
    least = limits.ess_per_chain * chains
    label = f"Effective sample size, {kind}"
    rule = f">= {limits.ess_per_chain:g} per chain"
    why, advice = _unassessable(columns, min_chains=1)
    if why:
        return Check(
            f"ess_{kind}",
            label,
            Outcome.NOT_RUN,
            None,
            None,
            rule,
            detail=why,
            advice=advice,
        )
    stacked = np.stack([c.draws for c in columns])
    prob = _TAILS if kind == "tail" else None
    values = np.asarray(array_stats.ess(stacked, method=kind, prob=prob))
    return worst_of(
        Check(f"ess_{kind}", label, Outcome.PASS, None, least, rule),
        [c.label for c in columns],
        badness=-values,
        values=values,
        bad=~(values >= least),
        advice="Too few independent draws: raise iter_sampling, or change the "
        "parameterisation.",
    )


def tail_ess(posterior: xr.Dataset) -> dict[str, float]:
    """Return the ESS of the 5 % and 95 % quantiles, the smaller, by quantity."""
    from arviz_stats.base import array_stats

    return {
        column.label: float(array_stats.ess(column.draws, method="tail", prob=_TAILS))
        for column in columns_of(posterior)
    }
