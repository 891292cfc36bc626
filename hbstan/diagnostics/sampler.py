"""What the sampler says of itself: divergences, tree depths, energies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hbstan.diagnostics.thresholds import MIN_DRAWS, Thresholds, worst_of
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_bfmi", "check_divergences", "check_treedepth"]


def check_divergences(stats: xr.Dataset | None, limits: Thresholds) -> Check:
    """Count the transitions after warmup that diverged."""
    return _check_count(
        stats,
        "diverging",
        Check(
            "divergences",
            "Divergent transitions",
            Outcome.PASS,
            None,
            limits.divergences,
            f"<= {limits.divergences}",
        ),
        advice="The posterior has a region that the step size cannot follow: raise "
        "adapt_delta, or try the program's other parameterisation (non-centered for "
        "small or similar groups).",
    )


def check_treedepth(stats: xr.Dataset | None, limits: Thresholds) -> Check:
    """Count the transitions whose trajectory was cut short."""
    return _check_count(
        stats,
        "reached_max_treedepth",
        Check(
            "treedepth",
            "Transitions at maximum treedepth",
            Outcome.PASS,
            None,
            limits.saturated,
            f"<= {limits.saturated}",
        ),
        advice="Trajectories are cut short: raise max_treedepth, or change the "
        "parameterisation.",
    )


def _check_count(
    stats: xr.Dataset | None, variable: str, check: Check, *, advice: str
) -> Check:
    if stats is None or variable not in stats:
        return replace(
            check,
            outcome=Outcome.NOT_RUN,
            detail=f"the sampler statistic {variable} is missing",
            advice="Fit with a backend that records it.",
        )
    values = stats[variable].transpose("chain", "draw").values.astype(bool)
    total = int(values.sum())
    share = f"{total} of {values.size} transitions"
    if total <= (check.threshold or 0):
        return replace(check, value=total, detail=share)
    names = stats["chain"].values
    chains = [f"chain {names[i]}" for i in range(len(names)) if values[i].any()]
    return replace(
        check,
        outcome=Outcome.FAIL,
        value=total,
        subjects=tuple(chains),
        detail=share,
        advice=advice,
    )


def check_bfmi(stats: xr.Dataset | None, limits: Thresholds) -> Check:
    """Check the energy Bayesian fraction of missing information of each chain."""
    import numpy as np
    from arviz_stats.base import array_stats

    label, rule = "E-BFMI per chain", f">= {limits.bfmi:g}"
    missing = stats is None or "energy" not in stats
    if missing or stats["energy"].sizes["draw"] < MIN_DRAWS:  # type: ignore[index]
        why = "the sampler statistic energy is missing" if missing else "too few draws"
        return Check(
            "bfmi",
            label,
            Outcome.NOT_RUN,
            None,
            limits.bfmi,
            rule,
            detail=why,
            advice="Fit with NUTS and more draws.",
        )
    assert stats is not None
    energy = stats["energy"].transpose("chain", "draw").values
    still = np.ptp(energy, axis=1) == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(still, np.nan, array_stats.bfmi(energy))
    return worst_of(
        Check("bfmi", label, Outcome.PASS, None, limits.bfmi, rule),
        [f"chain {c}" for c in stats["chain"].values],
        badness=-values,
        values=values,
        bad=~(values >= limits.bfmi),
        noun="chains",
        advice="The sampler explores the energy slowly, often because of heavy "
        "tails: change the parameterisation or the priors.",
    )
