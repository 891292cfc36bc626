"""Can the draws be trusted? A labelled tree in, checks with a verdict out.

The statistics are ArviZ's: rank-normalized split R-hat, bulk and tail effective
sample size (Vehtari et al. 2021, doi:10.1214/20-BA1221) and the energy Bayesian
fraction of missing information (Betancourt 2016, arXiv:1604.00695).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hbstan.errors import FitError, SettingsError
from hbstan.results import Check, Checks, Outcome

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

__all__ = ["Thresholds", "diagnose"]

#: Fewer draws per chain than this carry no autocorrelation to speak of.
_MIN_DRAWS = 4
#: The quantiles whose estimates the tail ESS is about (Vehtari et al. 2021).
_TAILS = (0.05, 0.95)
_MOST_SUBJECTS = 5


@dataclass(frozen=True)
class Thresholds:
    """The limits that the diagnostics are held against.

    Parameters
    ----------
    rhat : float
        R-hat must be below this.
    ess_per_chain : float
        Bulk and tail ESS must each be at least this times the number of chains.
    divergences : int
        At most this many divergent transitions after warmup.
    saturated : int
        At most this many transitions that reached the maximum treedepth.
    bfmi : float
        E-BFMI must be at least this in every chain.
    """

    rhat: float = 1.01
    ess_per_chain: float = 100.0
    divergences: int = 0
    saturated: int = 0
    bfmi: float = 0.3

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value >= 0:
                raise SettingsError(f"{name} is {value!r}, but must be at least 0.")


@dataclass(frozen=True)
class _Column:
    """All draws of one scalar quantity, shape ``(chain, draw)``."""

    label: str
    variable: str
    draws: NDArray[Any]


def diagnose(tree: xr.DataTree, thresholds: Thresholds | None = None) -> Checks:
    """Check draws and sampler statistics.

    Parameters
    ----------
    tree : xarray.DataTree
        With the groups ``posterior`` and, for the sampler's own checks,
        ``sample_stats``. An attribute ``sampled`` of the root (a JSON list) names
        the variables that the sampler moves; without it all count as such.
    thresholds : Thresholds, optional
        The limits.

    Returns
    -------
    Checks
        ``draws`` (finite and moving), ``rhat``, ``ess_bulk``, ``ess_tail``,
        ``divergences``, ``treedepth``, ``bfmi``. What cannot be computed is not
        run, which is no pass.

    Raises
    ------
    FitError
        If there is no posterior.
    """
    limits = thresholds or Thresholds()
    if "posterior" not in tree.children:
        raise FitError(
            "there is no posterior group to diagnose; the groups are "
            f"{', '.join(tree.children) or 'none'}."
        )
    columns = list(_columns(tree["posterior"].to_dataset()))
    moving, draws_check = _check_draws(columns, _sampled(tree))
    stats = (
        tree["sample_stats"].to_dataset() if "sample_stats" in tree.children else None
    )
    return Checks(
        (
            draws_check,
            _check_rhat(moving, limits),
            _check_ess(moving, limits, "bulk"),
            _check_ess(moving, limits, "tail"),
            _check_divergences(stats, limits),
            _check_treedepth(stats, limits),
            _check_bfmi(stats, limits),
        )
    )


def _sampled(tree: xr.DataTree) -> set[str] | None:
    names = tree.attrs.get("sampled")
    return set(json.loads(names)) if names else None


def _columns(posterior: xr.Dataset) -> Iterator[_Column]:
    import numpy as np

    for name, array in posterior.data_vars.items():
        values = array.transpose("chain", "draw", ...)
        for index in np.ndindex(values.shape[2:]):
            where = []
            for dim, position in zip(values.dims[2:], index, strict=True):
                coord = values.coords.get(dim)
                where.append(str(position if coord is None else coord.values[position]))
            label = f"{name}[{', '.join(where)}]" if where else str(name)
            yield _Column(label, str(name), values.values[(..., *index)])


def _check_draws(
    columns: list[_Column], sampled: set[str] | None
) -> tuple[list[_Column], Check]:
    """Find quantities that are not finite or do not move.

    A chain that stands still while another moves is stuck. A quantity that is the
    same in all chains may be so by construction (a derived constant, an element of
    a Cholesky factor), but not a sampled variable as a whole.
    """
    import numpy as np

    infinite, stuck, moving = [], [], []
    still: dict[str, list[str]] = {}
    for column in columns:
        if not np.isfinite(column.draws).all():
            infinite.append(column.label)
            continue
        flat = np.ptp(column.draws, axis=1) == 0
        if np.ptp(column.draws) == 0:
            still.setdefault(column.variable, []).append(column.label)
        elif flat.any():
            stuck.append(column.label)
        else:
            moving.append(column)
    moved = {c.variable for c in moving}
    for variable, names in still.items():
        if variable not in moved and (sampled is None or variable in sampled):
            stuck += names
    constant = [n for names in still.values() for n in names if n not in stuck]
    label, rule = "Draws are finite and move", "no NaN, no standstill"
    bad = infinite + stuck
    if bad or not columns:
        pieces = [
            f"{len(infinite)} not finite" if infinite else "",
            f"{len(stuck)} standing still" if stuck else "",
            "" if columns else "there are no quantities",
        ]
        check = Check(
            "draws",
            label,
            Outcome.FAIL,
            value=len(bad),
            threshold=0,
            rule=rule,
            subjects=tuple(bad[:_MOST_SUBJECTS]),
            detail=", ".join(p for p in pieces if p),
            advice="Look for a numerical overflow, a program without randomness, or "
            "a chain that never left its initial value.",
        )
        return moving, check
    detail = f"{len(columns)} quantities"
    if constant:
        detail += f"; constant by construction: {', '.join(constant[:3])}"
        detail += ", ..." if len(constant) > 3 else ""
    check = Check("draws", label, Outcome.PASS, 0, 0, rule, detail=detail)
    return moving, check


def _unassessable(columns: list[_Column], min_chains: int) -> tuple[str, str]:
    """Why no convergence statistic exists, and what to do; empty if one does."""
    if not columns:
        return "no quantity moves in every chain", "See the check of the draws."
    chains, draws = columns[0].draws.shape
    if chains < min_chains:
        return (
            f"{chains} chain: R-hat compares chains",
            "Run at least 2 chains, better 4.",
        )
    if draws < _MIN_DRAWS:
        return (
            f"{draws} draws per chain, fewer than {_MIN_DRAWS}",
            "Raise iter_sampling.",
        )
    return "", ""


def _check_rhat(columns: list[_Column], limits: Thresholds) -> Check:
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
    return _worst_of(
        Check("rhat", label, Outcome.PASS, None, limits.rhat, rule),
        [c.label for c in columns],
        badness=values,
        values=values,
        bad=~(values < limits.rhat),
        advice="The chains disagree: run longer, or change the parameterisation.",
    )


def _check_ess(columns: list[_Column], limits: Thresholds, kind: str) -> Check:
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
    return _worst_of(
        Check(f"ess_{kind}", label, Outcome.PASS, None, least, rule),
        [c.label for c in columns],
        badness=-values,
        values=values,
        bad=~(values >= least),
        advice="Too few independent draws: raise iter_sampling, or change the "
        "parameterisation.",
    )


def _worst_of(
    check: Check,
    labels: list[str],
    *,
    badness: NDArray[Any],
    values: NDArray[Any],
    bad: NDArray[Any],
    advice: str,
) -> Check:
    """Complete ``check`` with the worst value; NaN counts as worst and as bad."""
    from dataclasses import replace

    import numpy as np

    order = np.argsort(-np.where(np.isnan(badness), np.inf, badness), kind="stable")
    worst = int(order[0])
    count = int(bad.sum())
    if count == 0:
        return replace(
            check, value=float(values[worst]), detail=f"worst: {labels[worst]}"
        )
    concerned = [labels[i] for i in order if bad[i]]
    return replace(
        check,
        outcome=Outcome.FAIL,
        value=float(values[worst]),
        subjects=tuple(concerned[:_MOST_SUBJECTS]),
        detail=f"{count} of {len(labels)} quantities",
        advice=advice,
    )


def _check_divergences(stats: xr.Dataset | None, limits: Thresholds) -> Check:
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
        advice="The posterior has a region that the step size cannot follow: try the "
        "non-centered program, or a larger adapt_delta.",
    )


def _check_treedepth(stats: xr.Dataset | None, limits: Thresholds) -> Check:
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
    from dataclasses import replace

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


def _check_bfmi(stats: xr.Dataset | None, limits: Thresholds) -> Check:
    import numpy as np
    from arviz_stats.base import array_stats

    label, rule = "E-BFMI per chain", f">= {limits.bfmi:g}"
    missing = stats is None or "energy" not in stats
    if missing or stats["energy"].sizes["draw"] < _MIN_DRAWS:  # type: ignore[index]
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
    return _worst_of(
        Check("bfmi", label, Outcome.PASS, None, limits.bfmi, rule),
        [f"chain {c}" for c in stats["chain"].values],
        badness=-values,
        values=values,
        bad=~(values >= limits.bfmi),
        advice="The sampler explores the energy slowly, often because of heavy "
        "tails: change the parameterisation or the priors.",
    )
