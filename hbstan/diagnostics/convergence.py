"""R-hat and effective sample sizes, as ArviZ defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hbstan.diagnostics.thresholds import MIN_DRAWS, worst_of
from hbstan.mixing import mixing
from hbstan.results import Check, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hbstan.diagnostics.draws import Column
    from hbstan.diagnostics.thresholds import Thresholds

__all__ = ["check_convergence"]


def check_convergence(
    columns: list[Column], limits: Thresholds
) -> tuple[Check, Check, Check]:
    """Check R-hat, bulk and tail ESS, which one pass over the draws gives."""
    import numpy as np

    draws = (
        np.stack([c.draws for c in columns], axis=2) if columns else np.empty((1, 0, 0))
    )
    found = mixing(draws)
    return (
        _check_rhat(columns, limits, found.rhat),
        _check_ess(columns, limits, "bulk", found.ess_bulk),
        _check_ess(columns, limits, "tail", found.ess_tail),
    )


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


def _check_rhat(
    columns: list[Column], limits: Thresholds, values: NDArray[np.float64]
) -> Check:
    """Check that the chains agree: R-hat below its limit for every quantity."""
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
    return worst_of(
        Check("rhat", label, Outcome.PASS, None, limits.rhat, rule),
        [c.label for c in columns],
        badness=values,
        values=values,
        bad=~(values < limits.rhat),
        advice="The chains disagree: run longer, or change the parameterisation.",
    )


def _check_ess(
    columns: list[Column], limits: Thresholds, kind: str, values: NDArray[np.float64]
) -> Check:
    """Check the bulk or tail ESS: at least so many per chain for each quantity."""
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
    return worst_of(
        Check(f"ess_{kind}", label, Outcome.PASS, None, least, rule),
        [c.label for c in columns],
        badness=-values,
        values=values,
        bad=~(values >= least),
        advice="Too few independent draws: raise iter_sampling, or change the "
        "parameterisation.",
    )
